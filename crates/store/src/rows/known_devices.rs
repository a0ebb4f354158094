//! Browsers with which a user has signed in before.
use crate::db::{Batch, Db, Row};
use crate::params;
use signet_base::{Result, Timestamp};

/// A browser of one user.
#[derive(Debug, Clone)]
pub struct KnownDevice {
    pub user_id: i64,
    /// Keyed digest of the device cookie's key.
    pub digest: String,
    pub ip: String,
    pub user_agent: String,
    pub created: Timestamp,
    pub last_used: Timestamp,
    pub expires: Timestamp,
    /// The account's epoch at its last sign-in there. Older ones are void.
    pub epoch: i64,
}

const GET: &str = "SELECT d.user_id, d.digest, d.ip, d.user_agent, d.created, d.last_used, d.expires, d.epoch FROM known_device d JOIN users u ON u.id = d.user_id AND u.epoch = d.epoch WHERE d.user_id = ? AND d.digest = ?";
const OF_USER: &str = "SELECT d.user_id, d.digest, d.ip, d.user_agent, d.created, d.last_used, d.expires, d.epoch FROM known_device d JOIN users u ON u.id = d.user_id AND u.epoch = d.epoch WHERE d.user_id = ? ORDER BY d.last_used DESC";
const PUT: &str = "INSERT INTO known_device (user_id, digest, ip, user_agent, created, last_used, expires, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
    ON CONFLICT (user_id, digest) DO UPDATE SET ip = excluded.ip, user_agent = excluded.user_agent, last_used = excluded.last_used, expires = excluded.expires, \
    created = CASE WHEN known_device.epoch = excluded.epoch THEN known_device.created ELSE excluded.created END, epoch = excluded.epoch";
const MOVE: &str = "UPDATE known_device SET digest = ? WHERE digest = ?";
const FORGET: &str = "DELETE FROM known_device WHERE user_id = ?";
const DELETE_EXPIRED: &str = "DELETE FROM known_device WHERE (user_id, digest) IN (SELECT user_id, digest FROM known_device WHERE expires <= ? LIMIT ?) RETURNING 1";

pub(crate) const STATEMENTS: &[&str] = &[GET, OF_USER, PUT, MOVE, FORGET, DELETE_EXPIRED];

fn from_row(row: &Row) -> Result<KnownDevice> {
    Ok(KnownDevice {
        user_id: row.int(0)?,
        digest: row.string(1)?,
        ip: row.string(2)?,
        user_agent: row.string(3)?,
        created: row.time(4)?,
        last_used: row.time(5)?,
        expires: row.time(6)?,
        epoch: row.int(7)?,
    })
}

/// Whether the user has signed in with this browser, and it has not expired.
pub async fn is_known(db: &Db, user: i64, digest: &str, now: Timestamp) -> Result<bool> {
    let row = db.query_one(GET, params![user, digest]).await?;
    Ok(row.as_ref().map(from_row).transpose()?.is_some_and(|d| d.expires > now))
}
pub async fn of_user(db: &Db, user: i64) -> Result<Vec<KnownDevice>> {
    db.query(OF_USER, params![user]).await?.iter().map(from_row).collect()
}
/// Stores the browser. With `before` (the digest of its previous cookie), other users known there are moved
/// to the new key. Part of a batch.
pub fn put(device: &KnownDevice, before: Option<&str>) -> Batch {
    let d = device;
    let mut batch = Batch::relaxed();
    if let Some(before) = before.filter(|b| *b != d.digest) {
        batch.push(MOVE, params![&d.digest, before]);
    }
    batch.push(
        PUT,
        params![d.user_id, &d.digest, &d.ip, &d.user_agent, d.created, d.last_used, d.expires, d.epoch],
    );
    batch
}
/// Deletes all browsers of a user.
pub async fn forget(db: &Db, user: i64) -> Result<()> {
    db.execute(FORGET, params![user]).await
}
/// Removes up to `limit` that are over; how many went. Garbage only: who reads judges the time.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<u64> {
    super::housekeeping::removed(db, Batch::relaxed().add(DELETE_EXPIRED, params![now, limit]).returning())
        .await
}
