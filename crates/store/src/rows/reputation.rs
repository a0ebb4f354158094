//! How names and addresses have behaved: one score for each pair of them.
use super::list::{Filter, Page};
use crate::db::{Batch, Db, Row};
use crate::params;
use signet_base::{Map, Result, Timestamp, Uuid};

/// One pair of a name and an address.
#[derive(Debug, Clone)]
pub struct Reputation {
    pub id: Uuid,
    /// The name that was typed, folded; nobody need have it.
    pub identifier: String,
    pub ip: String,
    /// Place and network of the address when the score last changed; empty where unknown.
    pub geo: Map,
    pub asn: Map,
    pub score: i64,
    pub updated: Timestamp,
    /// None: the score stays.
    pub expires: Option<Timestamp>,
}

/// The score never leaves these.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub lower: i64,
    pub upper: i64,
}

const COLUMNS: &str = "r.id, r.identifier, r.ip, r.geo, r.asn, r.score, r.updated, r.expires";
const BY_ID: &str = "SELECT r.id, r.identifier, r.ip, r.geo, r.asn, r.score, r.updated, r.expires FROM reputation r WHERE r.id = ?";
/// A score that has expired begins anew.
const ADD: &str = "INSERT INTO reputation (id, identifier, ip, geo, asn, score, updated, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (identifier, ip) DO UPDATE SET geo = excluded.geo, asn = excluded.asn, updated = excluded.updated, expires = excluded.expires, score = CASE \
    WHEN reputation.expires <= excluded.updated THEN excluded.score \
    WHEN reputation.score + excluded.score > CAST(? AS BIGINT) THEN CAST(? AS BIGINT) \
    WHEN reputation.score + excluded.score < CAST(? AS BIGINT) THEN CAST(? AS BIGINT) \
    ELSE reputation.score + excluded.score END";
const SUM_IP: &str = "SELECT CAST(COALESCE(SUM(score), 0) AS BIGINT) FROM reputation WHERE ip = ? AND (expires IS NULL OR expires > ?)";
const SUM_NAME: &str = "SELECT CAST(COALESCE(SUM(score), 0) AS BIGINT) FROM reputation WHERE identifier = ? AND (expires IS NULL OR expires > ?)";
const PAIR: &str =
    "SELECT score FROM reputation WHERE identifier = ? AND ip = ? AND (expires IS NULL OR expires > ?)";
const DELETE: &str = "DELETE FROM reputation WHERE id = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM reputation WHERE id IN (SELECT id FROM reputation WHERE expires <= ? LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] = &[BY_ID, ADD, SUM_IP, SUM_NAME, PAIR, DELETE, DELETE_EXPIRED];

fn from_row(row: &Row) -> Result<Reputation> {
    Ok(Reputation {
        id: row.uuid(0)?,
        identifier: row.string(1)?,
        ip: row.string(2)?,
        geo: row.map(3)?,
        asn: row.map(4)?,
        score: row.int(5)?,
        updated: row.time(6)?,
        expires: row.opt_time(7)?,
    })
}

/// Adds `change.score` to the score of the pair, without waiting: see [`Db::behind`].
pub async fn add_behind(db: &Db, change: &Reputation, limits: Limits) -> Result<()> {
    let (c, Limits { lower, upper }) = (change, limits);
    let first = c.score.clamp(lower.min(upper), upper.max(lower));
    db.write_behind(Batch::relaxed().add(
        ADD,
        params![
            c.id,
            &c.identifier,
            &c.ip,
            &c.geo,
            &c.asn,
            first,
            c.updated,
            c.expires,
            upper,
            upper,
            lower,
            lower
        ],
    ))
    .await
}

/// The sum of all scores of an address, of a name, or of both; a pair of the two counts once. Sees what was
/// added before.
pub async fn score(db: &Db, ip: Option<&str>, identifier: Option<&str>, now: Timestamp) -> Result<i64> {
    db.flush().await?;
    let one = async |sql: &str, params| db.query_one(sql, params).await?.map_or(Ok(0), |row| row.int(0));
    let of_ip = match ip {
        Some(ip) => one(SUM_IP, params![ip, now]).await?,
        None => 0,
    };
    let of_name = match identifier {
        Some(name) => one(SUM_NAME, params![name, now]).await?,
        None => 0,
    };
    let both = match (ip, identifier) {
        (Some(ip), Some(name)) => one(PAIR, params![name, ip, now]).await?,
        _ => 0,
    };
    Ok(of_ip.saturating_add(of_name).saturating_sub(both))
}

pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<Reputation>> {
    db.flush().await?;
    db.query_one(BY_ID, params![id]).await?.as_ref().map(from_row).transpose()
}
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    db.flush().await?;
    db.execute(DELETE, params![id]).await
}
/// Removes up to `limit` scores that have expired; readers judge the time themselves.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}

/// What a list of scores is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct ReputationQuery {
    pub search: String,
    pub identifier: Option<String>,
    /// Any of these.
    pub identifiers: Vec<String>,
    pub ip: Option<String>,
    pub score: Option<i64>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("identifier", "r.identifier"),
    ("ip", "r.ip"),
    ("score", "r.score"),
    ("updated", "r.updated"),
    ("expires", "r.expires"),
];

/// One page of the scores that count now, and how many fit the query.
pub async fn list(db: &Db, q: &ReputationQuery, now: Timestamp) -> Result<(Vec<Reputation>, u64)> {
    db.flush().await?;
    let mut f = Filter::default();
    f.and("(r.expires IS NULL OR r.expires > ?)", [now.into()]);
    f.search(&q.search, &["r.identifier", "r.ip"]);
    f.equal("r.identifier", q.identifier.as_deref());
    f.one_of("r.identifier", &q.identifiers);
    f.equal("r.ip", q.ip.as_deref());
    f.equal("r.score", q.score);
    let (rows, total) = f.page(db, COLUMNS, "reputation r", SORT, "r.id", &q.page).await?;
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
