//! What each process does for itself, since it is about its own memory: everything else that recurs is a job (`jobs`).
use signet_base::{Error, Result, json};
use signet_core::Core;
use signet_core::listener::stopped;
use signet_core::socket::Reason;
use signet_store::bus::Topic;
use signet_store::kv;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(60);
/// Interval of comparing the change counter.
const LOOK: Duration = Duration::from_millis(800);

/// Runs until `stop`.
pub async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        if let Err(error) = round(&core).await {
            tracing::warn!(%error, "the housekeeping of this process failed; tried again in a minute");
        }
    }
}

/// One round: events that were counted instead of written, costs of hashes, files of locations.
async fn round(core: &Arc<Core>) -> Result<()> {
    core.tell_repeats().await;
    keep_costs(core).await?;
    // Reading a GeoIP file takes a moment, so it does not run on a thread that serves requests.
    let places = core.clone();
    tokio::task::spawn_blocking(move || places.geoip.refresh()).await.map_err(Error::internal)
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

/// Interval of asking whether the sessions of open WebSockets go on.
const SOCKETS: Duration = Duration::from_millis(900);
/// How long a WebSocket stays open while nobody knows whether its session does.
const UNPROVEN: Duration = Duration::from_secs(15);

/// Closes WebSockets whose session has ended, and all at the stop.
pub async fn sockets(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut proven = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(SOCKETS) => {}
            () = stopped(&mut stop) => return core.sockets.stop(),
        }
        match core.sockets.close_ended(&core).await {
            Ok(()) => proven = Instant::now(),
            Err(error) if proven.elapsed() > UNPROVEN => {
                tracing::warn!(%error, "WebSockets are closed: their sessions cannot be read");
                core.sockets.close_all(Reason::Unproven);
            }
            Err(error) => tracing::debug!(%error, "sessions of WebSockets could not be read"),
        }
    }
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
