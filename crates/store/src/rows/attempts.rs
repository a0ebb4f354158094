//! Attempts at a secret. An attempt is counted before the secret is judged, in one statement, so that requests at the
//! same moment cannot judge more than the limit.
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Result, Span, Timestamp};

/// What [`take`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The attempt counts and may be judged.
    Allowed {
        /// How many more the window has.
        left: i64,
    },
    /// Too many: nothing may be judged before this time.
    Refused { until: Timestamp },
}

impl Taken {
    pub fn is_allowed(self) -> bool {
        matches!(self, Taken::Allowed { .. })
    }
}

const TAKE: &str = "INSERT INTO attempt (name, used, until) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE SET \
    used = CASE WHEN attempt.until <= ? THEN 1 ELSE attempt.used + 1 END, until = CASE WHEN attempt.until <= ? THEN excluded.until ELSE attempt.until END \
    WHERE attempt.until <= ? OR attempt.used < ? RETURNING used";
const GIVE_BACK: &str = "UPDATE attempt SET used = used - 1 WHERE name = ? AND used > 0";
const GET: &str = "SELECT used, until FROM attempt WHERE name = ?";
const CLEAR: &str = "DELETE FROM attempt WHERE name = ?";
const DELETE_EXPIRED: &str = "DELETE FROM attempt WHERE name IN (SELECT name FROM attempt WHERE until <= ? LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] = &[TAKE, GIVE_BACK, GET, CLEAR, DELETE_EXPIRED];

/// Counts an attempt of `name`. The window begins with its first attempt; within it at most `limit` are allowed, on all
/// nodes together. Attempts that are refused do not prolong it. `name` is the caller's: keep it short, and digest what
/// people typed.
pub async fn take(db: &Db, name: &str, limit: i64, window: Span, now: Timestamp) -> Result<Taken> {
    let until = now.plus(window);
    if limit <= 0 {
        return Ok(Taken::Refused { until });
    }
    let answer = db.batch(Batch::relaxed().add(TAKE, params![name, until, now, now, now, limit]).returning()).await?;
    match answer.first().and_then(|rows| rows.first()) {
        Some(row) => Ok(Taken::Allowed { left: limit - row.int(0)? }),
        // Cleared in between: the attempt was refused all the same, the next one is not.
        None => Ok(Taken::Refused { until: current(db, name).await?.map_or(now, |(_, until)| until) }),
    }
}
/// Takes back an attempt that was allowed and not judged after all.
pub async fn give_back(db: &Db, name: &str) -> Result<()> {
    db.batch(Batch::relaxed().add(GIVE_BACK, params![name])).await.map(drop)
}
/// Attempts counted in the window that is open now.
pub async fn used(db: &Db, name: &str, now: Timestamp) -> Result<i64> {
    Ok(current(db, name).await?.filter(|(_, until)| *until > now).map_or(0, |(used, _)| used))
}
async fn current(db: &Db, name: &str) -> Result<Option<(i64, Timestamp)>> {
    db.query_one(GET, params![name]).await?.map(|row| Ok((row.int(0)?, row.time(1)?))).transpose()
}
/// Forgets the attempts, after one that succeeded.
pub async fn clear(db: &Db, name: &str) -> Result<()> {
    db.batch(Batch::relaxed().add(CLEAR, params![name])).await.map(drop)
}
/// Removes up to `limit` windows that are over. Garbage only: who counts judges the time.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}
