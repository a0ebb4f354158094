//! Conditions on JSON documents, evaluated here in chunks.
use super::tables::{Column, ColumnKind, Table};
use super::{Condition, key_json, sql};
use crate::db::{Db, Row, Value};
use crate::rows::attributes::{BOUND, too_many};
use signet_base::{Json, Map, Result};
use std::collections::HashSet;

/// Rows per chunk.
const CHUNK: i64 = 2_000;

/// Keys of the rows that match a condition on documents, read in chunks.
pub(super) async fn judged(db: &Db, table: &Table, condition: &Condition) -> Result<Vec<Value>> {
    let mut named = Vec::new();
    condition.patterned(&mut named);
    let judged = |column: &&Column| column.kind == ColumnKind::Json || named.contains(&column.name);
    let documents: Vec<&Column> = table.columns.iter().filter(judged).collect();
    let mut columns = vec![table.id.clone()];
    columns.extend(documents.iter().map(|document| document.sql.clone()));
    let mut asked = Vec::new();
    sql::leaves(table, condition, &mut columns, &mut asked);
    let mut wide_params = Vec::new();
    let mut wide = sql::widest(table, condition, &mut wide_params);
    if !table.always.is_empty() {
        wide = format!("{} AND {wide}", table.always);
    }
    let columns = columns.join(", ");
    let (mut found, mut seen, mut last): (Vec<Value>, i64, Option<Value>) = (Vec::new(), 0, None);
    let mut once = HashSet::new();
    loop {
        let mut params = asked.clone();
        params.extend(wide_params.iter().cloned());
        let mut after = String::new();
        if let Some(last) = last.take() {
            after = format!(" AND {} > ?", table.id);
            params.push(last);
        }
        params.push(CHUNK.into());
        let rows = db
            .scan(
                &format!(
                    "SELECT {columns} FROM {} WHERE {wide}{after} ORDER BY {} LIMIT ?",
                    table.from, table.id
                ),
                params,
            )
            .await?;
        for row in &rows {
            let mut record = Map::new();
            for (at, document) in documents.iter().enumerate() {
                let value = match document.kind {
                    ColumnKind::Json => row.json(at + 1)?,
                    _ if row.is_null(at + 1) => Json::Null,
                    _ => Json::String(row.string(at + 1)?),
                };
                record.insert(document.name.to_owned(), value);
            }
            let mut next = documents.len() + 1;
            if judge(table, condition, &record, row, &mut next)? == Some(true)
                && once.insert(key_json(row.value(0)?).to_string())
            {
                found.push(row.value(0)?.clone());
            }
        }
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        seen += count;
        if seen > BOUND {
            return Err(too_many("filter"));
        }
        match rows.last() {
            Some(row) if count == CHUNK => last = Some(row.value(0)?.clone()),
            _ => return Ok(found),
        }
    }
}

/// The result for one row; `None` if a document lacks the path, which matches neither the condition nor its
/// negation. Every leaf is evaluated, so that `next` stays aligned with the database's results.
fn judge(
    table: &Table,
    condition: &Condition,
    record: &Map,
    row: &Row,
    next: &mut usize,
) -> Result<Option<bool>> {
    Ok(match condition {
        Condition::All(parts) => {
            let mut all = Some(true);
            for part in parts {
                all = match (all, judge(table, part, record, row, next)?) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                };
            }
            all
        }
        Condition::Any(parts) => {
            let mut any = Some(false);
            for part in parts {
                any = match (any, judge(table, part, record, row, next)?) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                };
            }
            any
        }
        Condition::Not(part) => judge(table, part, record, row, next)?.map(|yes| !yes),
        Condition::Is(term) if term.is_judged(table) => {
            term.holds(record.get(term.column).unwrap_or(&Json::Null))
        }
        Condition::Is(_) | Condition::Related(..) => {
            *next += 1;
            Some(row.int(*next - 1)? == 1)
        }
    })
}
