//! What is due in the declared tables, and what goes with a configuration object.
use super::list::ordered;
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Result, Span, Timestamp, Uuid};
use signet_model::{ColumnKind, OnDelete, TableDef};

/// Removes up to `limit` rows that are past their end; how many went. Garbage only: who reads a row judges its expiry.
pub async fn sweep(db: &Db, def: &'static TableDef, now: Timestamp, limit: i64) -> Result<u64> {
    let Some(expiry) = def.expiry else { return Ok(0) };
    let Some(column) = def.columns.iter().find(|c| c.name == expiry.column) else { return Ok(0) };
    let (table, key, end) = (def.table, def.key, ordered(def, column));
    let due = if column.nullable { format!("{end} >= 0 AND {end} <= ?") } else { format!("{end} <= ?") };
    let only = if expiry.only.is_empty() { String::new() } else { format!(" AND {}", expiry.only) };
    let alias = def.alias;
    let sql = format!(
        "DELETE FROM {table} WHERE {key} IN (SELECT {alias}.{key} FROM {table} {alias} WHERE {due}{only} LIMIT ?) RETURNING 1"
    );
    let before = now.minus(Span::from_secs(expiry.grace));
    removed(db, Batch::relaxed().add(sql, params![before, limit]).returning()).await
}
/// Runs statements that return a row for each that they remove; how many went.
pub(crate) async fn removed(db: &Db, batch: Batch) -> Result<u64> {
    Ok(db.batch(batch).await?.iter().flatten().count() as u64)
}

/// What the deletion of a configuration object does to rows that refer to it. `models`: its own name and those of the
/// families that it belongs to; `num`: its number, for those that have one.
pub(crate) fn delete_referring(models: &[&str], pk: Uuid, num: Option<i64>) -> Batch {
    let mut batch = Batch::new();
    for def in super::TABLES {
        for column in def.columns {
            let Some((_, on_delete)) = column.reference().filter(|(target, _)| models.contains(target))
            else {
                continue;
            };
            let (table, name) = (def.table, column.name);
            let sql = match on_delete {
                OnDelete::Cascade => format!("DELETE FROM {table} WHERE {name} = ?"),
                OnDelete::SetNull | OnDelete::SetDefault => {
                    format!("UPDATE {table} SET {name} = NULL WHERE {name} = ?")
                }
            };
            match (column.kind, num) {
                (ColumnKind::Int, Some(num)) => drop(batch.push(sql, params![num])),
                (ColumnKind::Int, None) => {}
                _ => drop(batch.push(sql, params![pk])),
            }
        }
    }
    batch
}
