//! Multi-row inserts: consecutive inserts into one table are sent as one `INSERT`, so that PostgreSQL parses
//! and plans it once.
use super::{Batch, Statement, Value};
use std::borrow::Cow;

/// Numbers of rows per statement, largest first: few sizes, so that few statements are prepared.
const SIZES: [usize; 4] = [128, 32, 8, 1];

/// A statement sent to the server.
pub(super) struct InsertStep<'a> {
    pub sql: Cow<'a, str>,
    pub params: Vec<&'a Value>,
    /// Number of the batch's statements that it covers; more than one only for inserts without expectations.
    pub covers: usize,
    /// The first of them.
    pub statement: &'a Statement,
}

pub(super) fn steps(batch: &Batch) -> Vec<InsertStep<'_>> {
    let mut rest = batch.statements.as_slice();
    let mut all = Vec::with_capacity(rest.len());
    while let [first, ..] = rest {
        let row = row(first);
        let alike = if row.is_some() {
            rest.iter().take_while(|s| s.is_plain_insert() && s.sql == first.sql).count()
        } else {
            1
        };
        let covers = SIZES.into_iter().find(|size| *size <= alike).unwrap_or(1);
        let (these, others) = rest.split_at(covers);
        let mut sql = Cow::Borrowed(&*first.sql);
        if let (Some(row), true) = (row, covers > 1) {
            let text = sql.to_mut();
            for _ in 1..covers {
                text.push_str(", ");
                text.push_str(row);
            }
        }
        all.push(InsertStep {
            sql,
            params: these.iter().flat_map(|s| s.params.iter()).collect(),
            covers,
            statement: first,
        });
        rest = others;
    }
    all
}

/// `(?, ?, 0)` at the end of `INSERT INTO … VALUES (?, ?, 0)`.
fn row(statement: &Statement) -> Option<&str> {
    if !statement.is_plain_insert() {
        return None;
    }
    let (_, row) = statement.sql.split_once(" VALUES ")?;
    let inner = row.strip_prefix('(')?.strip_suffix(')')?;
    (!inner.contains(['(', ')', '\''])).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;
    use signet_base::Conflict;

    fn shape(batch: &Batch) -> Vec<(String, usize, usize)> {
        steps(batch).into_iter().map(|s| (s.sql.into_owned(), s.params.len(), s.covers)).collect()
    }

    #[test]
    fn rows_that_follow_each_other_become_one_statement() {
        const SQL: &str = "INSERT INTO a (b, c, d) VALUES (?, ?, 0)";
        let mut batch = Batch::new();
        for n in 0..9_i64 {
            batch.push(SQL, params![n, "x"]);
        }
        let found = shape(&batch);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0.matches("(?, ?, 0)").count(), found[0].1, found[0].2), (8, 16, 8));
        assert_eq!(found[1], (SQL.to_owned(), 2, 1));
        let kept: Vec<_> = steps(&batch)[0].params.iter().map(|v| (*v).clone()).collect();
        assert_eq!(kept[..4], [Value::Int(0), "x".into(), Value::Int(1), "x".into()]);
    }

    #[test]
    fn what_is_expected_of_a_statement_keeps_it_alone() {
        for sql in [
            "INSERT INTO a (b) VALUES (?) ON CONFLICT (b) DO NOTHING",
            "INSERT INTO a (b) VALUES (lower(?))",
            "UPDATE a SET b = ?",
            "INSERT INTO a (b) VALUES ('(?', ?)",
        ] {
            let batch = (0..9_i64).fold(Batch::new(), |batch, n| batch.add(sql, params![n]));
            assert_eq!(shape(&batch), vec![(sql.to_owned(), 1, 1); 9], "{sql}");
        }
        let sql = "INSERT INTO a (b) VALUES (?)";
        let batch = (0..9_i64)
            .fold(Batch::new(), |batch, n| batch.add(sql, params![n]).expect_rows(1, Conflict::Used));
        assert_eq!(steps(&batch).len(), 9);
        let mixed = (0..8_i64)
            .fold(Batch::new().add("DELETE FROM a", vec![]), |batch, n| batch.add(sql, params![n]))
            .add(sql, params![9_i64])
            .returning();
        assert_eq!(steps(&mixed).iter().map(|s| s.covers).collect::<Vec<_>>(), [1, 8, 1]);
    }
}
