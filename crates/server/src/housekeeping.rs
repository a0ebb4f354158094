//! Background work: deleting expired rows, rotating expired API keys, and following changes of other nodes.
use signet_base::{Error, Result, Secret, Span, Timestamp, json};
use signet_core::directory::{self, Actor, Author, TokenChange, UserChange};
use signet_core::{Core, Principal};
use signet_model::TableDef;
use signet_store::bus::Topic;
use signet_store::{
    TABLES, attempts, grants, known_devices, kv, logins, password_history, sessions, tokens, users,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(60);
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
/// Interval of comparing the change counter.
const LOOK: Duration = Duration::from_millis(800);
/// Interval of updating the database's statistics.
const OPTIMIZE: Duration = Duration::from_secs(86_400);

/// Runs until `stop`.
pub async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut optimized = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = sweep(&core).await {
            tracing::warn!(%error, "expired rows could not be removed; tried again in a minute");
        }
        if optimized.elapsed() >= OPTIMIZE {
            optimized = Instant::now();
            if let Err(error) = core.db.optimize().await {
                tracing::warn!(%error, "the database's statistics could not be renewed");
            }
        }
    }
}

/// One round.
pub async fn sweep(core: &Arc<Core>) -> Result<()> {
    let now = core.now();
    core.tell_repeats().await;
    keep_costs(core).await?;
    for def in TABLES.iter().filter(|def| def.expiry.is_some()) {
        drain(core, Due::Table(def), now).await?;
    }
    for due in
        [Due::Sessions, Due::Attempts, Due::KnownDevices, Due::Revocations, Due::Logins, Due::Passwords]
    {
        drain(core, due, now).await?;
    }
    forget_unconfirmed(core).await?;
    // Reading a GeoIP file takes a moment, so it does not run on a thread that serves requests.
    let places = core.clone();
    tokio::task::spawn_blocking(move || places.geoip.refresh())
        .await
        .map_err(signet_base::Error::internal)?;
    for token in tokens::expired_api_tokens(&core.db, now, 50).await? {
        let system = core.system();
        let length = usize::try_from(system.default_token_length).unwrap_or(60).clamp(32, 4096);
        let life = Span::parse(&system.default_token_duration).unwrap_or(Span::from_secs(1800));
        let key = Secret::new(core.ports.alphanumeric(length));
        let owner = Principal::load_any(core, token.user_id).await?;
        let author = Author { actor: owner.map_or(Actor::Nobody, Actor::Person), ..Author::system() };
        let change = TokenChange::rotate(&token, key, Some(now.plus(life)));
        match directory::commit(core, &author, change).await {
            Ok(_) => {}
            // Another node was faster.
            Err(Error::Conflict(tag)) if tag == tokens::ROTATED => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
async fn drain(core: &Core, due: Due, now: Timestamp) -> Result<()> {
    let mut limit = BATCH;
    loop {
        let began = Instant::now();
        let gone = remove(core, due, now, limit).await?;
        if gone < u64::try_from(limit).unwrap_or(u64::MAX) {
            return Ok(());
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

/// Deletes accounts created by self-enrolment that were never confirmed.
async fn forget_unconfirmed(core: &Core) -> Result<()> {
    let (days, now) = (core.settings.limits.unconfirmed_days, core.now());
    if days <= 0 || !core.budgets.is_hour_over(now) {
        return Ok(());
    }
    for id in users::unconfirmed(&core.db, now.minus(Span::from_secs(days * 86_400)), BATCH).await? {
        let Some(user) = users::by_id(&core.db, id).await? else { continue };
        let author = Author::system().by("message", "The account was never confirmed.");
        match directory::commit(core, &author, UserChange::delete(&user)).await {
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Key of the record of the costliest hash kinds.
const HASH_COSTS: &str = "hash_costs";

/// Loads the costs of the costliest hash kinds.
pub async fn recall_costs(core: &Core) -> Result<()> {
    if let Some((stored, _)) = kv::get(&core.db, HASH_COSTS).await? {
        core.hasher.recall(serde_json::from_value(stored).unwrap_or_default());
    }
    Ok(())
}
/// Stores them across restarts, merged with what other nodes have measured.
async fn keep_costs(core: &Core) -> Result<()> {
    recall_costs(core).await?;
    let Some(all) = core.hasher.costliest() else { return Ok(()) };
    if kv::get(&core.db, HASH_COSTS).await?.is_none_or(|(stored, _)| stored != json!(all)) {
        kv::put(&core.db, &core.ports, HASH_COSTS, &json!(all), None).await?;
    }
    Ok(())
}

/// Follows writes of other nodes and of commands. Notices tell of them; since one can be lost, the counter (one row) is
/// compared as well.
pub async fn follow(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut notices = core.db.bus().subscribe();
    loop {
        tokio::select! {
            // A subscriber that has missed notices looks once for all of them.
            notice = notices.recv() => if notice.is_ok_and(|notice| notice.topic != Topic::Config) {
                continue;
            },
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => return,
        }
        refresh(&core).await;
    }
}

/// Loads the changes so far.
pub async fn refresh(core: &Core) {
    if let Err(error) = core.objects.refresh_if_stale().await {
        tracing::warn!(%error, "changes of other nodes could not be read");
    }
}
