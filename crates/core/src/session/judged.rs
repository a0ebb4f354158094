//! Session rules, applied at use.
use super::State;
use super::ending::{end_access, revoke};
use super::participants::look_batch;
use crate::event::EventAction;
use crate::{Client, Core, Principal};
use signet_base::{Result, Timestamp, json};
use signet_store::{grants, sessions};

/// The rule that the request violates.
pub(super) fn broken(
    core: &Core,
    client: &Client,
    row: &sessions::Session,
    state: &State,
) -> Option<&'static str> {
    let (rules, now) = (core.settings.sessions, core.now());
    // The current rules count too: they may be stricter than at sign-in.
    let over = |end: Option<Timestamp>| end.is_some_and(|at| at <= now);
    if over(rules.absolute_end(row.created, state.remembered)) {
        return Some("timeout_absolute");
    }
    if over(rules.idle_end(row.last_used, state.remembered)) {
        return Some("timeout_idle");
    }
    let unbound = rules.ip_binding && state.binding.ip.is_none();
    if unbound && row.ip != client.ip.to_string() {
        return Some("ip");
    }
    state.binding.broken_by(core, client)
}

/// Ends the session. All its grants are revoked only if it was used from elsewhere (possibly stolen); if it
/// expired, only its access tokens are.
pub(super) async fn end_broken(
    core: &Core,
    client: &Client,
    person: &Principal,
    row: &sessions::Session,
    acts_as: Option<i64>,
    reason: &'static str,
) -> Result<()> {
    // The row was read with its state removed.
    for user in [Some(person.user.id), acts_as].into_iter().flatten() {
        match reason.starts_with("timeout") {
            true => end_access(core, user, row.uuid).await?,
            false => grants::revoke_session(&core.db, user, row.uuid).await?,
        }
    }
    sessions::end(&core.db, &row.id, look_batch(core, person.user.id)).await?;
    tracing::info!(request_id = %client.request_id, user = person.user.id, reason, "a session was ended by a rule");
    core.event(
        client,
        Some(person),
        EventAction::Logout,
        "authentik_events",
        json!({"reason": reason, "last_ip": row.ip}),
    )
    .await;
    Ok(())
}

/// Stores the use of a session periodically, without waiting; returns its end.
pub(super) async fn note_use(
    core: &Core,
    client: &Client,
    row: &sessions::Session,
    state: &State,
) -> Result<Timestamp> {
    let now = core.now();
    if now < row.last_used.plus(core.settings.sessions.note_every()) {
        return Ok(row.expires);
    }
    let expires = end_after_use(core, now, state.remembered, row.absolute_expires, row.expires);
    sessions::note_use_behind(&core.db, &row.id, now, expires, &client.ip.to_string(), &client.user_agent)
        .await?;
    Ok(expires)
}

/// The end of a session that is used now. `before`: the previous end, if there is no other.
pub(super) fn end_after_use(
    core: &Core,
    now: Timestamp,
    remembered: bool,
    absolute: Option<Timestamp>,
    before: Timestamp,
) -> Timestamp {
    let latest = absolute.unwrap_or(before);
    core.settings.sessions.idle_end(now, remembered).map_or(latest, |idle| idle.min(latest))
}

/// Ends a user's oldest sessions above the limit. Called after the new one is stored, so that the later of
/// two concurrent sign-ins sees both.
pub(super) async fn make_room(core: &Core, client: &Client, person: &Principal) -> Result<()> {
    let Some(limit) = core.settings.sessions.concurrent else { return Ok(()) };
    let ended = sessions::keep_newest(&core.db, person.user.id, limit, core.now()).await?;
    for session in &ended {
        revoke(core, session).await?;
    }
    if !ended.is_empty() {
        core.event(
            client,
            Some(person),
            EventAction::Logout,
            "authentik_events",
            json!({"reason": "concurrent_sessions", "limit": limit, "sessions": ended.iter().map(|session| session.uuid).collect::<Vec<_>>()}),
        )
        .await;
    }
    Ok(())
}
