//! Attempt limits. An attempt is counted before the secret is verified, in one statement, so that concurrent
//! requests cannot exceed the limit.
use crate::db::{Batch, Db, Value};
use crate::params;
use crate::runtime::Touches;
use signet_base::{Result, Span, Timestamp};

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
const GIVE_BACK: &str = "UPDATE attempt SET used = CASE WHEN used > CAST(? AS BIGINT) THEN used - CAST(? AS BIGINT) ELSE 0 END WHERE name = ?";
const GET: &str = "SELECT used, until FROM attempt WHERE name = ?";
const CLEAR: &str = "DELETE FROM attempt WHERE name = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM attempt WHERE name IN (SELECT name FROM attempt WHERE until <= ? LIMIT ?) RETURNING 1";

pub(crate) const STATEMENTS: &[&str] =
    &[TAKE, BEGIN, JUDGED, WITHDRAW, UNDER_WAY, GIVE_BACK, GET, CLEAR, DELETE_EXPIRED];

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
    let answer = db.batch(change(TAKE, params![name, until, now, now, now, limit]).returning()).await?;
    match answer.first().and_then(|rows| rows.first()) {
        Some(row) => Ok(AttemptOutcome::Allowed { left: limit - row.int(0)? }),
        // Reset concurrently: this attempt is refused, the next one is not.
        None => {
            Ok(AttemptOutcome::Refused { until: stored(db, name).await?.map_or(now, |(_, until)| until) })
        }
    }
}
/// [`take`], where what is being verified is told from what was wrong: a crowd of right secrets that come at once must not
/// use up the limit. [`judged`] follows for a wrong secret, [`clear`] for a right one, [`withdraw`] for one that could not
/// be verified.
pub async fn begin(db: &Db, name: &str, limit: i64, window: Span, now: Timestamp) -> Result<BeginOutcome> {
    let (until, judging) = (now.plus(window), now.plus(Span::from_secs(LONGEST_SECS)));
    let params = params![name, until, judging, now, now, now, now, limit];
    let answer = db.batch(change(BEGIN, params).returning()).await?;
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
    db.batch(change(JUDGED, params![name])).await.map(drop)
}
/// A [`begin`] whose secret was not verified does not count.
pub async fn withdraw(db: &Db, name: &str) -> Result<()> {
    db.batch(change(WITHDRAW, params![name])).await.map(drop)
}
/// One statement, not synced: after a power failure a window may have some attempts more.
fn change(sql: &'static str, params: Vec<Value>) -> Batch {
    Batch::relaxed().add(sql, params).touches(Touches::Nothing)
}

/// Takes back attempts that were allowed and do not count after all.
pub async fn give_back(db: &Db, name: &str, count: i64) -> Result<()> {
    db.batch(change(GIVE_BACK, params![count, count, name])).await.map(drop)
}
/// Attempts counted in the window that is open now.
pub async fn used(db: &Db, name: &str, now: Timestamp) -> Result<i64> {
    Ok(window(db, name, now).await?.map_or(0, |(used, _)| used))
}
/// The window that is open now: its attempts, and its end.
pub async fn window(db: &Db, name: &str, now: Timestamp) -> Result<Option<(i64, Timestamp)>> {
    Ok(stored(db, name).await?.filter(|(used, until)| *used > 0 && *until > now))
}
async fn stored(db: &Db, name: &str) -> Result<Option<(i64, Timestamp)>> {
    db.query_one(GET, params![name]).await?.map(|row| Ok((row.int(0)?, row.time(1)?))).transpose()
}
/// Resets the counter after a success.
pub async fn clear(db: &Db, name: &str) -> Result<()> {
    db.batch(change(CLEAR, params![name])).await.map(drop)
}
/// Removes up to `limit` windows that are over; how many went. Garbage only: who counts judges the time.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<u64> {
    super::housekeeping::removed(db, change(DELETE_EXPIRED, params![now, limit]).returning()).await
}
