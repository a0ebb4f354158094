//! Rows of a declared table without a struct, as the wire shows them.
use super::filter::Filter;
use super::list::{ListQuery, narrowed_keys};
use super::table::wire;
use crate::db::{Batch, Db, Value, in_list, in_params};
use crate::params;
use signet_base::{Conflict, Map, Result, Timestamp};
use signet_model::TableDef;

/// One row.
pub struct Row {
    /// The members on the wire.
    pub shown: Map,
    /// The user whose it is.
    pub owner: Option<i64>,
    /// What it is called in events: the first column that is searched.
    pub name: String,
    key: Value,
}

/// One page of the rows that are not past their end, and how many fit.
pub async fn list(db: &Db, def: &'static TableDef, q: &ListQuery, now: Timestamp) -> Result<(Vec<Row>, u64)> {
    db.flush().await?;
    let mut filter = Filter::default();
    if let Some(expiry) = &def.expiry {
        let end = format!("{}.{}", def.alias, expiry.column);
        filter.and(format!("({end} IS NULL OR {end} > ?)"), [now.into()]);
    }
    let (keys, total) = narrowed_keys(db, def, q, filter).await?;
    let columns: Vec<String> = def.columns.iter().map(|c| format!("{}.{}", def.alias, c.name)).collect();
    let (key, mut rows) = (format!("{}.{}", def.alias, def.key), Vec::new());
    for chunk in keys.chunks(512) {
        let (columns, table, alias, marks) = (columns.join(", "), def.table, def.alias, in_list(chunk.len()));
        let sql = format!("SELECT {columns} FROM {table} {alias} WHERE {key} IN ({marks})");
        rows.extend(db.query(&sql, in_params(chunk.iter().cloned())).await?);
    }
    let at = def.columns.iter().position(|c| c.name == def.key).unwrap_or_default();
    let of = |key: &Value| {
        let row = rows.iter().find(|row| row.value(at).is_ok_and(|value| value == key))?;
        let mut out = Row { shown: Map::new(), owner: None, name: String::new(), key: key.clone() };
        for (column, value) in def.columns.iter().zip(&row.0) {
            let json = wire(column, value);
            if column.owner {
                out.owner = json.as_i64();
            }
            if column.search && out.name.is_empty() {
                out.name = json.as_str().unwrap_or_default().to_owned();
            }
            if !column.field.hidden {
                out.shown.insert(column.field.name.to_owned(), json);
            }
        }
        Some(out)
    };
    Ok((keys.iter().filter_map(of).collect(), total))
}

/// Deletes a row; `Conflict::NoRow` when it is gone.
pub fn delete(def: &TableDef, row: &Row) -> Batch {
    let sql = format!("DELETE FROM {} WHERE {} = ?", def.table, def.key);
    Batch::new().add(sql, params![row.key.clone()]).expect_rows(1, Conflict::NoRow)
}
