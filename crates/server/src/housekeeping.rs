//! Background work: deleting expired rows, rotating expired API keys, and following changes of other nodes.
use signet_base::{Result, Secret, Span, json};
use signet_core::{Client, Core, Principal};
use signet_store::{
    attempts, consents, events, flow_tokens, grants, invitations, known_devices, kv, logins,
    password_history, reputation, sessions, tokens, users,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_secs(60);
/// Maximum number of rows per DELETE, so that writers wait only briefly.
const BATCH: i64 = 500;
/// Grants are kept for a time after their expiry, so that reuse of a code is recognised.
const GRACE: i64 = 3600;
/// Retention of sign-in locations, and of the events that refusals refer to.
const LOGINS: i64 = 90 * 86_400;
const ROUNDS: usize = 10;
/// Interval of comparing the change counter, without and with notifications.
const LOOK: Duration = Duration::from_millis(800);
const LOOK_TOLD: Duration = Duration::from_secs(5);
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
    sessions::delete_expired(&core.db, now, BATCH).await?;
    attempts::delete_expired(&core.db, now, BATCH).await?;
    known_devices::delete_expired(&core.db, now).await?;
    tokens::delete_expired(&core.db, now, BATCH).await?;
    grants::delete_expired(&core.db, now.minus(Span::from_secs(GRACE)), BATCH).await?;
    consents::delete_expired(&core.db, now, BATCH).await?;
    events::delete_expired(&core.db, now, BATCH).await?;
    flow_tokens::delete_expired(&core.db, now, BATCH).await?;
    invitations::delete_expired(&core.db, now, BATCH).await?;
    // One row per sign-in attempt: many short batches per round.
    for _ in 0..ROUNDS {
        reputation::delete_expired(&core.db, now, BATCH).await?;
        logins::delete_before(&core.db, now.minus(Span::from_secs(LOGINS)), BATCH).await?;
    }
    forget_unconfirmed(core).await?;
    password_history::forget_unused(&core.db, BATCH).await?;
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
        if tokens::rotate(&core.db, &core.vault, &token, &key, Some(now.plus(life))).await? {
            let owner = Principal::load_any(core, token.user_id).await?;
            let model = json!({"app": "authentik_core", "model_name": "token", "pk": token.id.simple().to_string(), "name": token.identifier});
            core.event(
                &Client::internal(),
                owner.as_ref(),
                "secret_rotate",
                "authentik_core",
                json!({"secret": model}),
            )
            .await;
        }
    }
    Ok(())
}

/// Deletes accounts created by self-enrolment that were never confirmed.
async fn forget_unconfirmed(core: &Core) -> Result<()> {
    let (days, now) = (core.settings.limits.unconfirmed_days, core.now());
    if days <= 0 || !core.budgets.is_hour_over(now) {
        return Ok(());
    }
    for id in users::unconfirmed(&core.db, now.minus(Span::from_secs(days * 86_400)), BATCH).await? {
        let Some(user) = users::by_id(&core.db, id).await? else { continue };
        users::delete(&core.db, id).await?;
        let model = json!({"app": "authentik_core", "model_name": "user", "pk": id, "name": user.username});
        core.event(
            &Client::internal(),
            None,
            "model_deleted",
            "authentik_core",
            json!({"model": model, "message": "The account was never confirmed."}),
        )
        .await;
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

/// Follows writes of other nodes and of commands. PostgreSQL notifies; since a notification can be lost, the
/// counter (one row) is compared as well.
pub async fn follow(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    loop {
        let mut news = match tokio::time::timeout(LOOK_TOLD, core.objects.listen()).await {
            Ok(Ok(news)) => news,
            Ok(Err(error)) => {
                tracing::debug!(%error, "no news from the database");
                None
            }
            Err(_) => None,
        };
        // Notifications sent before the listener was connected are lost.
        refresh(&core).await;
        while let Some(inbox) = &mut news {
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(_) => refresh(&core).await,
                    None => news = None,
                },
                () = tokio::time::sleep(LOOK_TOLD) => refresh(&core).await,
                _ = stop.changed() => return,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Loads the changes so far.
pub async fn refresh(core: &Core) {
    if let Err(error) = core.objects.refresh_if_stale().await {
        tracing::warn!(%error, "changes of other nodes could not be read");
    }
}
