//! How many rows there may be, without counting them.
use crate::db::{Db, DbKind, Value, in_list, in_params};
use signet_base::{Error, Result};
use signet_model::TableDef;

/// Rows of a table that are looked at (SQLite).
const SAMPLES: i64 = 256;

/// Rows that fulfil a condition. PostgreSQL: what its planner expects. SQLite: how many of some hundred row numbers, spread
/// evenly, are those of such rows.
pub(crate) async fn estimate(
    db: &Db,
    def: &TableDef,
    from: &str,
    condition: &str,
    params: Vec<Value>,
) -> Result<u64> {
    if db.kind() == DbKind::Postgres {
        let plan = db.scan(&format!("EXPLAIN SELECT 1 FROM {from}{condition}"), params).await?;
        let first = plan.first().ok_or_else(|| Error::internal("no plan"))?.text(0)?;
        let rows =
            first.split("rows=").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse().ok());
        return rows.ok_or_else(|| Error::internal("a plan without rows"));
    }
    let ends = db.query_one(&format!("SELECT min(rowid), max(rowid) FROM {}", def.table), Vec::new()).await?;
    let Some(ends) = ends.filter(|row| !row.is_null(0)) else { return Ok(0) };
    let (first, last) = (ends.int(0)?, ends.int(1)?);
    // A power of two, so that the same rows are asked for while the table grows.
    let step = u64::try_from((last - first) / SAMPLES + 1).unwrap_or(1).next_power_of_two();
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let numbers: Vec<i64> = (first / step..=last / step)
        .map(|n| n * step + step / 2)
        .filter(|n| (first..=last).contains(n))
        .collect();
    let asked = i64::try_from(numbers.len()).unwrap_or(i64::MAX).max(1);
    let mut all = params;
    all.extend(in_params(numbers.iter().copied()));
    let sql = format!(
        "SELECT count(*) FROM {from}{condition} AND {}.rowid IN ({})",
        def.alias,
        in_list(numbers.len())
    );
    let hits = db.scan(&sql, all).await?.first().map(|row| row.int(0)).transpose()?.unwrap_or(0);
    let rows = i128::from(last - first + 1) * i128::from(hits) / i128::from(asked);
    Ok(u64::try_from(rows).unwrap_or(0))
}

/// Whether the table has more rows than these.
pub(crate) async fn more_than(db: &Db, def: &TableDef, rows: u64) -> Result<bool> {
    let limit = i64::try_from(rows + 1).unwrap_or(i64::MAX);
    let counted = db
        .scan(&format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT ?) few", def.table), vec![limit.into()])
        .await?;
    Ok(counted.first().map(|row| row.int(0)).transpose()?.unwrap_or(0) >= limit)
}
