//! Sign-in locations, and the events that explain refusals.
use crate::db::{Batch, Db, Row};
use crate::params;
use crate::runtime::Touches;
use signet_base::{Result, Timestamp, Uuid};

/// A sign-in.
#[derive(Debug, Clone, PartialEq)]
pub struct Login {
    pub user_id: i64,
    pub at: Timestamp,
    pub ip: String,
    /// ISO 3166 country code; empty if unknown.
    pub country: String,
    /// Latitude and longitude in degrees, rounded to a millionth.
    pub place: Option<(f64, f64)>,
    /// AS number.
    pub asn: Option<i64>,
}

const INSERT: &str =
    "INSERT INTO login (user_id, at, ip, country, latitude, longitude, asn) VALUES (?, ?, ?, ?, ?, ?, ?)";
const LATEST: &str = "SELECT user_id, at, ip, country, latitude, longitude, asn FROM login WHERE user_id = ? ORDER BY id DESC LIMIT ?";
const DELETE_BEFORE: &str =
    "DELETE FROM login WHERE id IN (SELECT id FROM login WHERE at < ? LIMIT ?) RETURNING 1";
const REFUSE: &str = "INSERT INTO refusal (event, request, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
const REFUSALS: &str = "SELECT event FROM refusal WHERE request = ? ORDER BY created LIMIT 20";
const DELETE_REFUSALS: &str =
    "DELETE FROM refusal WHERE event IN (SELECT event FROM refusal WHERE created < ? LIMIT ?) RETURNING 1";

pub(crate) const STATEMENTS: &[&str] = &[INSERT, LATEST, DELETE_BEFORE, REFUSE, REFUSALS, DELETE_REFUSALS];

const MILLION: f64 = 1_000_000.0;

fn from_row(row: &Row) -> Result<Login> {
    #[allow(clippy::cast_precision_loss, reason = "degrees in millionths are far below 2^52")]
    let degrees = |value: i64| value as f64 / MILLION;
    let place = match (row.opt_int(4)?, row.opt_int(5)?) {
        (Some(latitude), Some(longitude)) => Some((degrees(latitude), degrees(longitude))),
        _ => None,
    };
    Ok(Login {
        user_id: row.int(0)?,
        at: row.time(1)?,
        ip: row.string(2)?,
        country: row.string(3)?,
        place,
        asn: row.opt_int(6)?,
    })
}

/// A sign-in, as a part of the batch that begins its session.
pub fn insert_batch(login: &Login) -> Batch {
    #[allow(clippy::cast_possible_truncation, reason = "clamped to degrees of the globe")]
    let millionths = |degrees: f64| (degrees.clamp(-360.0, 360.0) * MILLION).round() as i64;
    let (latitude, longitude) = login.place.unzip();
    let values = params![
        login.user_id,
        login.at,
        &login.ip,
        &login.country,
        latitude.map(millionths),
        longitude.map(millionths),
        login.asn
    ];
    Batch::relaxed().add(INSERT, values).touches(Touches::Nothing)
}
/// The last sign-ins, newest first.
pub async fn latest(db: &Db, user: i64, count: i64) -> Result<Vec<Login>> {
    db.flush().await?;
    db.query(LATEST, params![user, count.clamp(0, 1000)]).await?.iter().map(from_row).collect()
}

/// Stores the event of a request's refusal.
pub async fn refused_behind(db: &Db, event: Uuid, request: &str, now: Timestamp) -> Result<()> {
    let batch = Batch::relaxed().add(REFUSE, params![event, request, now]);
    db.write_behind(batch.touches(Touches::Nothing)).await
}
/// The events of a request's refusals, oldest first.
pub async fn refusals(db: &Db, request: &str) -> Result<Vec<Uuid>> {
    db.flush().await?;
    db.query(REFUSALS, params![request]).await?.iter().map(|row| row.uuid(0)).collect()
}

/// Removes up to `limit` sign-ins and as many notes about refusals that are older than `before`; how many went.
pub async fn delete_before(db: &Db, before: Timestamp, limit: i64) -> Result<u64> {
    let batch = Batch::relaxed().add(DELETE_BEFORE, params![before, limit]).returning();
    let batch = batch.add(DELETE_REFUSALS, params![before, limit]).returning();
    super::housekeeping::removed(db, batch).await
}
