//! Invitations in a run. A single-use invitation is claimed right before the run writes an account, and
//! deleted afterwards: of several runs with one invitation, one creates an account.
use super::{Context, FlowRun, FlowStep, Key, StageKind, keys};
use crate::directory::row_model;
use crate::event::EventAction;
use crate::{Client, Core};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_store::invitations::{self, Invitation, InvitationRow};
use signet_store::table::Record;
use std::sync::Arc;

/// The message for every invitation that is not valid, whatever the reason.
pub const REFUSED: &str = "Invalid invite/invite not found";
/// The built-in last stage of runs with an invitation.
pub const FINISH: &str = "signet.use_invitation";
/// For policies and templates.
const SHOWN: Key<Map> = Key::new("invitation");
const IN_EFFECT: Key<bool> = Key::new("invitation_in_effect");
/// The accepted invitation. Policies may change the copy above, not this.
const HELD: Key<InvitationState> = Key::new("goauthentik.io/invitation/held");

#[derive(Serialize, Deserialize)]
struct InvitationState {
    id: Uuid,
    single_use: bool,
    fixed_data: Map,
    used: bool,
}

/// The name of an invitation in events and log: a digest, since the key would admit the reader.
fn shown_as(core: &Core, id: Uuid) -> String {
    shortened(&invitations::digest(&core.vault, id)).to_owned()
}
fn shortened(digest: &str) -> &str {
    digest.get(..32).unwrap_or(digest)
}
/// How events name an invitation, by its digest.
pub fn model(digest: &str, name: &str) -> Json {
    row_model(InvitationRow::TABLE, shortened(digest), name)
}

/// The invitation, if it is valid for this flow now.
pub async fn find(core: &Core, id: &str, flow: Uuid) -> Result<Option<Invitation>> {
    let Ok(id) = Uuid::parse_str(id) else { return Ok(None) };
    let now = core.now();
    Ok(invitations::by_id(&core.db, &core.vault, id)
        .await?
        .filter(|i| !i.is_expired(now) && !i.claimed && i.flow.is_none_or(|f| f == flow)))
}

/// Accepts an invitation: its data overrides typed values, and it is used up at the end.
pub fn accept(flow: &mut FlowRun<'_>, invitation: &Invitation) {
    let context = &mut flow.plan.context;
    context.set(
        &HELD,
        InvitationState {
            id: invitation.id,
            single_use: invitation.single_use,
            fixed_data: invitation.fixed_data.clone(),
            used: false,
        },
    );
    let shown = json!({"pk": invitation.id, "name": invitation.name, "expires": invitation.expires, "fixed_data": invitation.fixed_data, "single_use": invitation.single_use});
    context.set(&SHOWN, shown.as_object().cloned().unwrap_or_default());
    context.set(&IN_EFFECT, true);
    fix(context, &invitation.fixed_data);
    flow.plan.append(FINISH, Json::Null);
}

/// Whether the run has an invitation.
pub fn is_held(context: &Context) -> bool {
    context.has(&HELD)
}

fn fix(context: &mut Context, fixed: &Map) {
    let mut data = context.get(&keys::PROMPT_DATA).unwrap_or_default();
    merge(&mut data, fixed);
    context.set(&keys::PROMPT_DATA, data);
}
/// Objects are merged, lists are extended, other values are replaced.
fn merge(into: &mut Map, from: &Map) {
    for (name, value) in from {
        match (into.get_mut(name), value) {
            (Some(Json::Object(mine)), Json::Object(theirs)) => merge(mine, theirs),
            (Some(Json::Array(mine)), Json::Array(theirs)) => theirs.iter().for_each(|v| {
                if !mine.contains(v) {
                    mine.push(v.clone());
                }
            }),
            _ => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

/// A claimed invitation.
pub(crate) struct Claim {
    id: Uuid,
    /// `None`: it is not single-use.
    run: Option<String>,
}

/// Called before a stage that writes users. `None`: the run has no invitation, or has used it.
///
/// # Errors
/// `Denied` when the invitation is deleted, expired, for another flow, or claimed by another run.
pub(crate) async fn claim(core: &Core, flow: Uuid, context: &mut Context) -> Result<Option<Claim>> {
    let Some(held) = context.get(&HELD).filter(|h| !h.used) else {
        // An unreadable value must not count as no invitation.
        return if context.has(&HELD) && context.get(&HELD).is_none() {
            Err(Error::denied(REFUSED))
        } else {
            Ok(None)
        };
    };
    if find(core, &held.id.to_string(), flow).await?.is_none() {
        return Err(Error::denied(REFUSED));
    }
    fix(context, &held.fixed_data);
    if !held.single_use {
        return Ok(Some(Claim { id: held.id, run: None }));
    }
    let run = core.ports.hex(16);
    if invitations::claim(&core.db, &core.vault, held.id, &run, core.now()).await? {
        return Ok(Some(Claim { id: held.id, run: Some(run) }));
    }
    Err(Error::denied(REFUSED))
}
/// The stage has written the account. A claimed invitation stays unusable even if deleting it fails.
pub(crate) async fn used(core: &Core, client: &Client, claim: Claim, context: &mut Context) {
    if let Some(mut held) = context.get(&HELD) {
        held.used = true;
        context.set(&HELD, held);
    }
    let shown = context.get(&SHOWN).unwrap_or_default();
    let name = shown.get("name").and_then(Json::as_str).unwrap_or_default();
    let model = model(&invitations::digest(&core.vault, claim.id), name);
    core.event(
        client,
        None,
        EventAction::InvitationUsed,
        "authentik_stages_invitation",
        json!({"invitation": model}),
    )
    .await;
    if let Some(run) = claim.run
        && let Err(error) = invitations::use_up(&core.db, &core.vault, claim.id, &run).await
    {
        tracing::error!(invitation = shown_as(core, claim.id), %error, "a used invitation could not be removed");
    }
}
/// The stage has not written: the invitation is valid again.
pub(crate) async fn release(core: &Core, claim: Claim) -> Result<()> {
    match claim.run {
        Some(run) => invitations::release(&core.db, &core.vault, claim.id, &run).await,
        None => Ok(()),
    }
}

/// Uses up the invitation of a run in which no stage wrote a user.
pub(crate) struct Finish;

#[async_trait]
impl StageKind for Finish {
    fn id(&self) -> &'static str {
        FINISH
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let core: &Arc<Core> = flow.core;
        if let Some(claim) = claim(core, flow.flow.pk, &mut flow.plan.context).await? {
            used(core, flow.client, claim, &mut flow.plan.context).await;
        }
        Ok(FlowStep::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_data_goes_over_what_was_typed() {
        let mut context = Context::default();
        let map = |v: Json| v.as_object().cloned().unwrap();
        context.set(
            &keys::PROMPT_DATA,
            map(json!({"email": "typed@x.test", "username": "ada", "attributes": {"a": 1, "tags": ["x"]}})),
        );
        let fixed = map(json!({"email": "fixed@x.test", "attributes": {"b": 2, "tags": ["y", "x"]}}));
        fix(&mut context, &fixed);
        fix(&mut context, &fixed);
        let expected = map(
            json!({"email": "fixed@x.test", "username": "ada", "attributes": {"a": 1, "tags": ["x", "y"], "b": 2}}),
        );
        assert_eq!(context.get(&keys::PROMPT_DATA), Some(expected));
    }
}
