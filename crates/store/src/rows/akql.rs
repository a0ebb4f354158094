//! Lists that the query language narrows. A term about a column becomes SQL; one about a member of a JSON
//! document is judged here, because the databases share no JSON functions.
use super::attributes::{BOUND, too_many};
use super::list::{Filter, Page, contains};
use crate::db::{Db, Row, Value};
use signet_base::akql::{Operator, Query, Term};
use signet_base::{Json, Map, Result, Timestamp};
use std::collections::HashSet;

/// Rows that are looked at in one go.
const CHUNK: i64 = 2_000;

/// What a name of the language stands for.
pub(crate) struct Column {
    pub name: &'static str,
    pub sql: &'static str,
    pub kind: ColumnKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Text,
    /// A text that another column, named here, holds in lower case under an index.
    Keyed(&'static str),
    Flag,
    Time,
    Json,
}

/// A table and what may be asked about it.
pub(crate) struct Table {
    pub from: &'static str,
    pub id: &'static str,
    pub columns: &'static [Column],
}

/// How a page is made of the rows that were found.
pub(crate) struct Shape<'a> {
    pub columns: &'a str,
    pub sort: &'a [(&'a str, &'a str)],
    pub page: &'a Page,
}

impl Table {
    fn column(&self, term: &Term) -> Option<&Column> {
        let (first, rest) = term.path.split_first()?;
        let column = self.columns.iter().find(|column| column.name == first)?;
        ((column.kind == ColumnKind::Json) != rest.is_empty()).then_some(column)
    }

    /// Whether every term names something that is here and compares it with what it can be. Otherwise the
    /// text is no query of this list, but words to search for.
    pub fn understands(&self, query: &Query) -> bool {
        query.terms().into_iter().all(|term| {
            let values = match (&term.value, term.operator) {
                (Json::Array(list), Operator::In) => list.iter().collect(),
                (value, _) => vec![value],
            };
            let each = |test: fn(&Json) -> bool| values.iter().all(|value| test(value));
            let patterns =
                matches!(term.operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith);
            match self.column(term).map(|column| column.kind) {
                None => false,
                Some(ColumnKind::Json) => true,
                Some(ColumnKind::Text | ColumnKind::Keyed(_)) => each(Json::is_string),
                Some(ColumnKind::Flag) => {
                    matches!(term.operator, Operator::Equal | Operator::In)
                        && each(|value| value.is_boolean() || value.is_null())
                }
                Some(ColumnKind::Time) => !patterns && each(|value| time(value).is_some()),
            }
        })
    }

    /// One page of the rows that fulfil the filter and the query, which [`Self::understands`] has passed; how
    /// many do.
    pub async fn page(
        &self,
        db: &Db,
        filter: &Filter,
        query: &Query,
        shape: &Shape<'_>,
    ) -> Result<(Vec<Row>, u64)> {
        let documents: Vec<_> = self
            .columns
            .iter()
            .filter(|column| {
                column.kind == ColumnKind::Json
                    && query.terms().iter().any(|term| term.path[0] == column.name)
            })
            .collect();
        let mut wide = filter.scoped(shape.page, self.from, self.id);
        let mut params = Vec::new();
        let sql = self.widest(query, &mut params);
        wide.and(sql, params);
        if documents.is_empty() {
            return wide.page(db, shape.columns, self.from, shape.sort, self.id, shape.page).await;
        }
        let found = self.judged(db, &wide, query, &documents).await?;
        let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let (skip, take) = (
            usize::try_from(shape.page.offset()).unwrap_or(usize::MAX),
            usize::try_from(shape.page.size).unwrap_or(usize::MAX),
        );
        let order = wide
            .ordered(db, self.id, Vec::new(), self.from, shape.sort, self.id, &shape.page.ordering, BOUND)
            .await?;
        let mut ids = Vec::new();
        for row in &order {
            let id = row.value(0)?;
            if found.contains(&key(id)) {
                ids.push(id.clone());
            }
        }
        let ids: Vec<Value> = ids.into_iter().skip(skip).take(take).collect();
        if ids.is_empty() {
            return Ok((Vec::new(), total));
        }
        let mut these = Filter::default();
        these.one_of(self.id, &ids);
        let all =
            Page { ordering: shape.page.ordering.clone(), page: 1, size: shape.page.size, ..Page::default() };
        Ok((these.page(db, shape.columns, self.from, shape.sort, self.id, &all).await?.0, total))
    }

    /// The rows of the widened list that fulfil the whole query, looked through in pieces.
    async fn judged(
        &self,
        db: &Db,
        wide: &Filter,
        query: &Query,
        documents: &[&Column],
    ) -> Result<HashSet<String>> {
        let mut columns = vec![self.id.to_owned()];
        columns.extend(documents.iter().map(|document| document.sql.to_owned()));
        let mut params = Vec::new();
        // What the database says to each of its terms.
        for term in query.terms() {
            if let Some(column) = self.column(term).filter(|column| column.kind != ColumnKind::Json) {
                columns.push(format!("CASE WHEN {} THEN 1 ELSE 0 END", condition(column, term, &mut params)));
            }
        }
        let (columns, mut found, mut seen, mut last) = (columns.join(", "), HashSet::new(), 0, None);
        loop {
            let mut piece = wide.clone();
            if let Some(last) = last.take() {
                piece.and(format!("{} > ?", self.id), [last]);
            }
            let rows =
                piece.ordered(db, &columns, params.clone(), self.from, &[], self.id, "", CHUNK).await?;
            for row in &rows {
                let mut record = Map::new();
                for (at, document) in documents.iter().enumerate() {
                    record.insert(document.name.to_owned(), Json::Object(row.map(at + 1)?));
                }
                let mut next = documents.len() + 1;
                if self.holds(query, &record, row, &mut next)? {
                    found.insert(key(row.value(0)?));
                }
            }
            let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            seen += count;
            if seen > BOUND {
                return Err(too_many("search"));
            }
            match rows.last() {
                Some(row) if count == CHUNK => last = Some(row.value(0)?.clone()),
                _ => return Ok(found),
            }
        }
    }

    /// Every term is looked at, so that `next` goes on to the next answer of the database.
    fn holds(&self, query: &Query, record: &Map, row: &Row, next: &mut usize) -> Result<bool> {
        Ok(match query {
            Query::And(left, right) => {
                self.holds(left, record, row, next)? & self.holds(right, record, row, next)?
            }
            Query::Or(left, right) => {
                self.holds(left, record, row, next)? | self.holds(right, record, row, next)?
            }
            Query::Term(term) if self.column(term).is_some_and(|column| column.kind == ColumnKind::Json) => {
                term.holds(record)
            }
            Query::Term(_) => {
                *next += 1;
                row.int(*next - 1)? == 1
            }
        })
    }

    /// A condition that holds for every row for which the query does; only for these when it asks for no
    /// document.
    fn widest(&self, query: &Query, params: &mut Vec<Value>) -> String {
        match query {
            Query::And(left, right) => {
                format!("({} AND {})", self.widest(left, params), self.widest(right, params))
            }
            Query::Or(left, right) => {
                format!("({} OR {})", self.widest(left, params), self.widest(right, params))
            }
            Query::Term(term) => match self.column(term) {
                Some(column) if column.kind != ColumnKind::Json => condition(column, term, params),
                Some(_) => "1 = 1".to_owned(),
                None => "1 = 0".to_owned(),
            },
        }
    }
}

fn key(id: &Value) -> String {
    match id {
        Value::Int(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        _ => String::new(),
    }
}

/// A day, a day and a time, or a time as the API writes it; UTC where it says nothing else.
fn time(value: &Json) -> Option<Timestamp> {
    let text = value.as_str()?;
    Timestamp::parse(text).or_else(|_| Timestamp::parse(&text.replacen(' ', "T", 1))).ok()
}

fn bound(kind: ColumnKind, value: &Json) -> Value {
    match (kind, value) {
        (ColumnKind::Flag, Json::Bool(flag)) => (*flag).into(),
        (ColumnKind::Time, value) => time(value).map_or(Value::Null, Value::from),
        (_, Json::String(text)) => text.as_str().into(),
        _ => Value::Null,
    }
}

/// The term as SQL. None of the columns is ever NULL; a comparison with `None` is one with NULL, which never
/// holds.
fn condition(column: &Column, term: &Term, params: &mut Vec<Value>) -> String {
    let sql = column.sql;
    let text = term.value.as_str().unwrap_or_default();
    let sign = match term.operator {
        Operator::Equal if term.negated => "<>",
        Operator::Equal => "=",
        Operator::Greater => ">",
        Operator::GreaterEqual => ">=",
        Operator::Less => "<",
        Operator::LessEqual => "<=",
        Operator::Contains => {
            params.push(contains(&text.to_lowercase()).into());
            let lower = if let ColumnKind::Keyed(key) = column.kind {
                key.to_owned()
            } else {
                format!("LOWER({sql})")
            };
            return format!("{lower} {}LIKE ? ESCAPE '!'", if term.negated { "NOT " } else { "" });
        }
        Operator::StartsWith | Operator::EndsWith => {
            // The same on both databases, and unlike LIKE with a case. The length is a number of ours.
            let length = text.chars().count();
            params.push(text.into());
            let start = if term.operator == Operator::StartsWith {
                "1".to_owned()
            } else {
                format!("length({sql}) - {length} + 1")
            };
            return format!(
                "{}(length({sql}) >= {length} AND substr({sql}, {start}, {length}) = ?)",
                if term.negated { "NOT " } else { "" }
            );
        }
        Operator::In => {
            let list: &[Json] = term.value.as_array().map_or(&[], Vec::as_slice);
            params.extend(list.iter().map(|value| bound(column.kind, value)));
            return format!(
                "{sql} {}IN ({})",
                if term.negated { "NOT " } else { "" },
                vec!["?"; list.len()].join(",")
            );
        }
    };
    if term.value.is_null() {
        return if term.negated { "1 = 1".to_owned() } else { "1 = 0".to_owned() };
    }
    params.push(bound(column.kind, &term.value));
    match column.kind {
        // The index is on the other column.
        ColumnKind::Keyed(key) if sign == "=" => {
            params.push(text.to_lowercase().into());
            format!("({sql} = ? AND {key} = ?)")
        }
        _ => format!("{sql} {sign} ?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table {
        from: "users u",
        id: "u.id",
        columns: &[
            Column { name: "username", sql: "u.username", kind: ColumnKind::Keyed("u.username_key") },
            Column { name: "is_active", sql: "u.is_active", kind: ColumnKind::Flag },
            Column { name: "joined", sql: "u.joined", kind: ColumnKind::Time },
            Column { name: "attributes", sql: "u.attributes", kind: ColumnKind::Json },
        ],
    };

    #[test]
    fn names_and_values_are_judged_before_anything_is_asked() {
        let understood = |text: &str| TABLE.understands(&Query::parse(text).unwrap());
        for text in [
            "username ~ \"a\" or attributes.a.b > 1",
            "is_active = True",
            "is_active != None",
            "joined > \"2024-01-31\" and joined <= \"2024-02-01 10:30\"",
            "username in (\"a\", \"b\")",
        ] {
            assert!(understood(text), "{text}");
        }
        for text in [
            "name = \"a\"",
            "username = 1",
            "username = None",
            "username.x = \"a\"",
            "attributes = \"a\"",
            "is_active > 1",
            "is_active = \"a\"",
            "joined = \"soon\"",
            "joined ~ \"2024\"",
        ] {
            assert!(!understood(text), "{text}");
        }
    }

    #[test]
    fn values_are_parameters_and_documents_widen() {
        let mut params = Vec::new();
        let query =
            Query::parse("username = \"A'; DROP TABLE users\" and (attributes.a = 1 or is_active = False)")
                .unwrap();
        assert_eq!(
            TABLE.widest(&query, &mut params),
            "((u.username = ? AND u.username_key = ?) AND (1 = 1 OR u.is_active = ?))"
        );
        assert_eq!(
            params,
            vec![Value::from("A'; DROP TABLE users"), Value::from("a'; drop table users"), Value::Int(0)]
        );
    }
}
