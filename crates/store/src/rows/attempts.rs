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

/// The result of [`begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginOutcome {
    /// The attempt is counted and may be verified.
    Allowed {
        /// Remaining attempts in the window.
        left: i64,
    },
    /// The limit is reached only with attempts that are being verified, of which some may be right: ask again.
    UnderWay,
    /// The limit is reached: nothing may be verified before this time.
    Refused { until: Timestamp },
}

const TAKE: &str = "INSERT INTO attempt (name, used, until) VALUES (?, 1, ?) ON CONFLICT (name) DO UPDATE SET \
    used = CASE WHEN attempt.until <= ? THEN 1 ELSE attempt.used + 1 END, until = CASE WHEN attempt.until <= ? THEN excluded.until ELSE attempt.until END \
    WHERE attempt.until <= ? OR attempt.used < ? RETURNING used";
const BEGIN: &str = "INSERT INTO attempt (name, used, until, under_way, judging_until) VALUES (?, 1, ?, 1, ?) ON CONFLICT (name) DO UPDATE SET \
    used = CASE WHEN attempt.until <= ? THEN 1 ELSE attempt.used + 1 END, under_way = CASE WHEN attempt.until <= ? THEN 1 ELSE attempt.under_way + 1 END, \
    until = CASE WHEN attempt.until <= ? THEN excluded.until ELSE attempt.until END, judging_until = excluded.judging_until \
    WHERE attempt.until <= ? OR attempt.used < ? RETURNING used";
const JUDGED: &str = "UPDATE attempt SET under_way = under_way - 1 WHERE name = ? AND under_way > 0";
const WITHDRAW: &str =
    "UPDATE attempt SET used = used - 1, under_way = under_way - 1 WHERE name = ? AND under_way > 0";
const UNDER_WAY: &str = "SELECT used, until, under_way, judging_until FROM attempt WHERE name = ?";
const SET: &str = "INSERT INTO attempt (name, used, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET used = excluded.used, until = excluded.until";
const GIVE_BACK: &str = "UPDATE attempt SET used = CASE WHEN used > CAST(? AS BIGINT) THEN used - CAST(? AS BIGINT) ELSE 0 END WHERE name = ?";
const GET: &str = "SELECT used, until FROM attempt WHERE name = ?";
const CLEAR: &str = "DELETE FROM attempt WHERE name = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM attempt WHERE name IN (SELECT name FROM attempt WHERE until <= ? LIMIT ?) RETURNING 1";

pub(crate) const STATEMENTS: &[&str] =
    &[TAKE, BEGIN, JUDGED, WITHDRAW, UNDER_WAY, SET, GIVE_BACK, GET, CLEAR, DELETE_EXPIRED];

/// Seconds that the verification of a secret can take at most. What has not ended by then has ended with its process.
const LONGEST_SECS: i64 = 10;

/// Counts an attempt of `name`. The window starts with its first attempt; at most `limit` attempts are
/// allowed in it, over all nodes. Refused attempts do not extend it. Keep `name` short, and digest user
/// input.
pub async fn take(db: &Db, name: &str, limit: i64, window: Span, now: Timestamp) -> Result<AttemptOutcome> {
    let until = now.plus(window);
    if limit <= 0 {
        return Ok(AttemptOutcome::Refused { until });
    }
    if let Some(counters) = db.attempt_counters() {
        let taken = counted(db, counters, name, || counters.take(name, limit, until, now)).await?;
        if taken.is_allowed() {
            write(db, counters, name).await?;
        }
        return Ok(taken);
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
/// [`take`], where what is being verified is told from what was wrong: a crowd of right secrets that come at once must not
/// use up the limit. [`judged`] follows for a wrong secret, [`clear`] for a right one, [`withdraw`] for one that could not
/// be verified.
pub async fn begin(db: &Db, name: &str, limit: i64, window: Span, now: Timestamp) -> Result<BeginOutcome> {
    let (until, judging) = (now.plus(window), now.plus(Span::from_secs(LONGEST_SECS)));
    if let Some(counters) = db.attempt_counters() {
        let begun = counted(db, counters, name, || counters.begin(name, limit, until, now, judging)).await?;
        if matches!(begun, BeginOutcome::Allowed { .. }) {
            write(db, counters, name).await?;
        }
        return Ok(begun);
    }
    let params = params![name, until, judging, now, now, now, now, limit];
    let answer = db.batch(Batch::relaxed().add(BEGIN, params).returning()).await?;
    if let Some(row) = answer.first().and_then(|rows| rows.first()) {
        return Ok(BeginOutcome::Allowed { left: limit - row.int(0)? });
    }
    let Some(row) = db.query_one(UNDER_WAY, params![name]).await? else {
        // Reset concurrently: the next attempt is allowed.
        return Ok(BeginOutcome::UnderWay);
    };
    let (used, until, under_way, judging) = (row.int(0)?, row.time(1)?, row.int(2)?, row.time(3)?);
    // Also where it was reset or ended concurrently.
    let may_become_fewer = used < limit || until <= now || (under_way > 0 && judging > now);
    Ok(if may_become_fewer { BeginOutcome::UnderWay } else { BeginOutcome::Refused { until } })
}
/// The secret of a [`begin`] was wrong.
pub async fn judged(db: &Db, name: &str) -> Result<()> {
    match db.attempt_counters() {
        Some(attempt_counters) => attempt_counters.judged(name),
        None => drop(db.batch(Batch::relaxed().add(JUDGED, params![name])).await?),
    }
    Ok(())
}
/// A [`begin`] whose secret was not verified does not count.
pub async fn withdraw(db: &Db, name: &str) -> Result<()> {
    if let Some(attempt_counters) = db.attempt_counters() {
        // In this order: whoever asks in between is allowed.
        give_back(db, name, 1).await?;
        attempt_counters.judged(name);
        return Ok(());
    }
    db.batch(Batch::relaxed().add(WITHDRAW, params![name])).await.map(drop)
}
/// Counts in memory, if one process owns the database.
async fn counted<T>(
    db: &Db,
    counters: &AttemptCounters,
    name: &str,
    count: impl Fn() -> Option<T>,
) -> Result<T> {
    let known = know(db, counters, name).await?;
    if let Some(counted) = count() {
        return Ok(counted);
    }
    // Dropped concurrently, since its window has ended.
    counters.learn(name, known);
    count().ok_or_else(|| Error::Unavailable("attempts cannot be counted now".into()))
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
