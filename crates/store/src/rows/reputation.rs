//! Reputation: one score per username and address.
use crate::db::{Batch, Db};
use crate::params;
use crate::runtime::Touches;
use signet_base::{Map, Result, Timestamp, Uuid};
use signet_model::Table;

/// A username and address with their score.
#[derive(Debug, Clone, Table)]
#[table(
    model = "authentik_policies_reputation.reputation",
    table = "reputation",
    alias = "r",
    path = "policies/reputation/scores"
)]
#[table(label = "Reputation Score", order = "identifier", tie = "ip", expires = "expires")]
pub struct Reputation {
    #[column(wire = "pk", also("reputation_uuid"), read_only, fixed)]
    pub id: Uuid,
    /// The typed identifier, case-folded; it need not exist.
    #[column(read_only, order, filter, filter_any("identifier_in"), search)]
    pub identifier: String,
    #[column(read_only, order, filter, search)]
    pub ip: String,
    /// Location and AS of the address at the last change; empty if unknown.
    #[column(wire = "ip_geo_data", read_only)]
    pub geo: Map,
    #[column(wire = "ip_asn_data", read_only)]
    pub asn: Map,
    #[column(read_only, order, filter)]
    pub score: i64,
    #[column(read_only, order)]
    pub updated: Timestamp,
    /// `None`: the score does not expire.
    #[column(hidden, order)]
    pub expires: Option<Timestamp>,
}

/// Limits of a score.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub lower: i64,
    pub upper: i64,
}

/// An expired score starts again at zero.
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
pub(crate) const STATEMENTS: &[&str] = &[ADD, SUM_IP, SUM_NAME, PAIR];

/// Adds `change.score` without waiting: see [`Db::write_behind`].
pub async fn add_behind(db: &Db, change: &Reputation, limits: Limits) -> Result<()> {
    let (c, Limits { lower, upper }) = (change, limits);
    let first = c.score.clamp(lower.min(upper), upper.max(lower));
    let batch = Batch::relaxed().add(
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
    );
    db.write_behind(batch.touches(Touches::Nothing)).await
}

/// The sum of the scores of an address, a username, or both. Includes earlier additions.
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
