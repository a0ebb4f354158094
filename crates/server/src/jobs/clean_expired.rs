//! Deletes expired rows. Garbage only: whoever reads a row judges its expiry.
use super::Sweep;
use signet_base::{Result, Span, Timestamp};
use signet_core::Core;
use signet_model::TableDef;
use signet_store::{TABLES, attempts, grants, known_devices, logins, password_history, sessions};
use std::time::{Duration, Instant};

/// Rows per DELETE: of the first one of a table, and the bounds of later ones.
const BATCH: i64 = 500;
const SMALLEST: i64 = 50;
const LARGEST: i64 = 8_000;
/// Longest time of one DELETE; the pause after it, in multiples of the time it took, and at most.
const LONGEST: Duration = Duration::from_millis(50);
const SHARE: u32 = 9;
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Retention of sign-in locations, and of the events that refusals refer to.
const LOGINS: i64 = 90 * 86_400;

pub const JOB: Sweep = Sweep {
    name: "authentik.core.tasks.clean_expired_models",
    description: "Remove expired objects",
    schedule: "*/5 * * * *",
    done: "expired rows removed",
    work: |core| Box::pin(sweep(core)),
};

/// Deletes what is due, everywhere; how many rows.
pub async fn sweep(core: &Core) -> Result<u64> {
    let now = core.now();
    let declared = TABLES.iter().filter(|def| def.expiry.is_some()).map(|def| Due::Table(def));
    let others =
        [Due::Sessions, Due::Attempts, Due::KnownDevices, Due::Revocations, Due::Logins, Due::Passwords];
    let mut gone = 0;
    for due in declared.chain(others) {
        gone += drain(core, due, now).await?;
    }
    Ok(gone)
}

/// The tables with expired rows.
#[derive(Clone, Copy)]
enum Due {
    /// A table whose declaration has an expiry.
    Table(&'static TableDef),
    /// With the access tokens that were given within them.
    Sessions,
    Attempts,
    KnownDevices,
    Revocations,
    Logins,
    /// The history of passwords, when no policy asks for it any more.
    Passwords,
}

/// Deletes up to `limit` rows and returns their number.
async fn remove(core: &Core, due: Due, now: Timestamp, limit: i64) -> Result<u64> {
    let db = &core.db;
    match due {
        Due::Table(def) => signet_store::sweep(db, def, now, limit).await,
        Due::Sessions => sessions::delete_expired(db, now, limit).await,
        Due::Attempts => attempts::delete_expired(db, now, limit).await,
        Due::KnownDevices => known_devices::delete_expired(db, now, limit).await,
        Due::Revocations => grants::forget_revocations(db, now, limit).await,
        Due::Logins => logins::delete_before(db, now.minus(Span::from_secs(LOGINS)), limit).await,
        Due::Passwords => password_history::forget_unused(db, limit).await,
    }
}

/// Deletes until nothing is due. The batch size adapts, so that one DELETE takes at most [`LONGEST`]; the pauses leave nine
/// tenths of the writer's time to requests.
async fn drain(core: &Core, due: Due, now: Timestamp) -> Result<u64> {
    let (mut limit, mut all) = (BATCH, 0);
    loop {
        let began = Instant::now();
        let gone = remove(core, due, now, limit).await?;
        all += gone;
        if gone < u64::try_from(limit).unwrap_or(u64::MAX) {
            return Ok(all);
        }
        let took = began.elapsed();
        if took > LONGEST {
            limit = (limit / 2).max(SMALLEST);
        } else if took < LONGEST / 4 {
            limit = (limit * 2).min(LARGEST);
        }
        tokio::time::sleep((took * SHARE).min(LONGEST_PAUSE)).await;
    }
}
