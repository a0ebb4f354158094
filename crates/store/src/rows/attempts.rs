//! Attempt limits. An attempt is counted before the secret is verified, in one statement, so that concurrent
//! requests cannot exceed the limit.
use crate::attempt_counters::{AttemptCounters, Window};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Error, Result, Span, Timestamp};

/// The result of [`take`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The attempt is counted and may be verified.
    Allowed {
        /// Remaining attempts in the window.
        left: i64,
    },
    /// The limit is reached: nothing may be verified before this time.
    Refused { until: Timestamp },
}

impl AttemptOutcome {
    pub fn is_allowed(self) -> bool {
        matches!(self, AttemptOutcome::Allowed { .. })
    }
}

const TAKE: &str = "INSERT INTO attempt (name, used, until) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE SET \
    used = CASE WHEN attempt.until <= ? THEN 1 ELSE attempt.used + 1 END, until = CASE WHEN attempt.until <= ? THEN excluded.until ELSE attempt.until END \
    WHERE attempt.until <= ? OR attempt.used < ? RETURNING used";
const SET: &str = "INSERT INTO attempt (name, used, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET used = excluded.used, until = excluded.until";
const GIVE_BACK: &str = "UPDATE attempt SET used = CASE WHEN used > CAST(? AS BIGINT) THEN used - CAST(? AS BIGINT) ELSE 0 END WHERE name = ?";
const GET: &str = "SELECT used, until FROM attempt WHERE name = ?";
const CLEAR: &str = "DELETE FROM attempt WHERE name = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM attempt WHERE name IN (SELECT name FROM attempt WHERE until <= ? LIMIT ?) RETURNING 1";

pub(crate) const STATEMENTS: &[&str] = &[TAKE, SET, GIVE_BACK, GET, CLEAR, DELETE_EXPIRED];

/// Counts an attempt of `name`. The window starts with its first attempt; at most `limit` attempts are
/// allowed in it, over all nodes. Refused attempts do not extend it. Keep `name` short, and digest user
/// input.
pub async fn take(db: &Db, name: &str, limit: i64, window: Span, now: Timestamp) -> Result<AttemptOutcome> {
    let until = now.plus(window);
    if limit <= 0 {
        return Ok(AttemptOutcome::Refused { until });
    }
    if let Some(attempt_counters) = db.attempt_counters() {
        return take_here(db, attempt_counters, name, limit, until, now).await;
    }
    let answer =
        db.batch(Batch::relaxed().add(TAKE, params![name, until, now, now, now, limit]).returning()).await?;
    match answer.first().and_then(|rows| rows.first()) {
        Some(row) => Ok(AttemptOutcome::Allowed { left: limit - row.int(0)? }),
        // Reset concurrently: this attempt is refused, the next one is not.
        None => {
            Ok(AttemptOutcome::Refused { until: current(db, name).await?.map_or(now, |(_, until)| until) })
        }
    }
}
/// [`take`] if one process owns the database: the row is written behind.
async fn take_here(
    db: &Db,
    attempt_counters: &AttemptCounters,
    name: &str,
    limit: i64,
    until: Timestamp,
    now: Timestamp,
) -> Result<AttemptOutcome> {
    let known = know(db, attempt_counters, name).await?;
    let taken = match attempt_counters.take(name, limit, until, now) {
        Some(taken) => taken,
        None => {
            // Dropped concurrently, since its window has ended.
            attempt_counters.learn(name, known);
            attempt_counters
                .take(name, limit, until, now)
                .ok_or_else(|| Error::Unavailable("attempts cannot be counted now".into()))?
        }
    };
    if taken.is_allowed() {
        write(db, attempt_counters, name).await?;
    }
    Ok(taken)
}
/// Loads a counter that is not in memory.
async fn know(db: &Db, attempt_counters: &AttemptCounters, name: &str) -> Result<Window> {
    if let Some(window) = attempt_counters.get(name) {
        return Ok(window);
    }
    let window = stored(db, name).await?.unwrap_or((0, Timestamp::from_secs(0)));
    attempt_counters.learn(name, window);
    Ok(window)
}
async fn write(db: &Db, attempt_counters: &AttemptCounters, name: &str) -> Result<()> {
    let row = |(used, until): Window| {
        if used > 0 {
            Batch::relaxed().add(SET, params![name, used, until])
        } else {
            Batch::relaxed().add(CLEAR, params![name])
        }
    };
    // Written at once if the queue is full.
    match attempt_counters.hand_over(name, |window| db.queue(row(window))) {
        Some(batch) => db.batch(batch).await.map(drop),
        None => Ok(()),
    }
}
/// Changes a counter and writes it, if there is one.
async fn change_here(
    db: &Db,
    attempt_counters: &AttemptCounters,
    name: &str,
    change: impl FnOnce(Window) -> Window + Send,
) -> Result<()> {
    know(db, attempt_counters, name).await?;
    if attempt_counters.change(name, change) { write(db, attempt_counters, name).await } else { Ok(()) }
}

/// Takes back attempts that were allowed and do not count after all.
pub async fn give_back(db: &Db, name: &str, count: i64) -> Result<()> {
    if let Some(attempt_counters) = db.attempt_counters() {
        return change_here(db, attempt_counters, name, |(used, until)| ((used - count).max(0), until)).await;
    }
    db.batch(Batch::relaxed().add(GIVE_BACK, params![count, count, name])).await.map(drop)
}
/// Attempts counted in the window that is open now.
pub async fn used(db: &Db, name: &str, now: Timestamp) -> Result<i64> {
    Ok(window(db, name, now).await?.map_or(0, |(used, _)| used))
}
/// The window that is open now: its attempts, and its end.
pub async fn window(db: &Db, name: &str, now: Timestamp) -> Result<Option<(i64, Timestamp)>> {
    Ok(current(db, name).await?.filter(|(used, until)| *used > 0 && *until > now))
}
async fn current(db: &Db, name: &str) -> Result<Option<Window>> {
    match db.attempt_counters() {
        Some(attempt_counters) => {
            Ok(Some(know(db, attempt_counters, name).await?).filter(|(used, _)| *used > 0))
        }
        None => stored(db, name).await,
    }
}
async fn stored(db: &Db, name: &str) -> Result<Option<Window>> {
    db.query_one(GET, params![name]).await?.map(|row| Ok((row.int(0)?, row.time(1)?))).transpose()
}
/// Resets the counter after a success.
pub async fn clear(db: &Db, name: &str) -> Result<()> {
    if let Some(attempt_counters) = db.attempt_counters() {
        return change_here(db, attempt_counters, name, |(_, until)| (0, until)).await;
    }
    db.batch(Batch::relaxed().add(CLEAR, params![name])).await.map(drop)
}
/// Removes up to `limit` windows that are over; how many went. Garbage only: who counts judges the time.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<u64> {
    if let Some(attempt_counters) = db.attempt_counters() {
        attempt_counters.forget_over(now);
    }
    super::housekeeping::removed(db, Batch::relaxed().add(DELETE_EXPIRED, params![now, limit]).returning())
        .await
}
