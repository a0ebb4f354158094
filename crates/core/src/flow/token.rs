//! Links that continue a run in another browser. The plan is stored encrypted under the digest of a random
//! key. GET only asks for confirmation, so that link scanners do not use the link up; POST continues.
use super::account::{AccountAt, PROVEN, made_here};
use super::executor::{Executor, Reply};
use super::plan::{NotPlanned, plan};
use super::{
    Challenge, Context, FlowRun, FlowStep, Key, Plan, Planned, ResponseErrors, StageKind, StageRef, keys,
};
use crate::{Client, Core, Principal, address};
use async_trait::async_trait;
use maud::html;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Secret, Span, Uuid, json, query};
use signet_model::Object;
use signet_pages::{FormContext, StagePage, challenge, ui};
use signet_store::Batch;
use signet_store::flow_tokens::{self, FlowToken};
use signet_store::users::canonical;
use std::sync::Arc;

/// Query parameter of the key.
pub const QUERY: &str = "flow_token";
/// The message for every link that is not valid, whatever the reason.
pub(super) const GONE: &str = "This link is no longer valid. Ask for a new one.";
const OTHER: &str = "This link is for another account. Sign out, then open it again.";
/// Characters of a key: 285 bits.
const KEY_LENGTH: usize = 48;
/// Maximum size of a stored plan in bytes.
const MAX_PLAN: usize = 1 << 20;

/// The email address the link was sent to: the link is valid only while the account has this address.
pub const ADDRESS: Key<String> = Key::new("goauthentik.io/email/address");

/// The input of [`issue`].
pub struct FlowTokenRequest<'a> {
    /// The run to continue; its first stage is the one that is opened by the link.
    pub plan: &'a Plan,
    pub lifetime: Span,
    /// For logs: the stage that sent it.
    pub purpose: &'a str,
    /// Invalidates the user's other links for the same flow.
    pub replace: bool,
    /// The account's epoch as read for this link; 0 if the run has no account.
    pub epoch: i64,
}

/// Stores the run and returns the key of its link. The link is valid for the run's pending user only.
pub async fn issue(core: &Core, ticket: FlowTokenRequest<'_>) -> Result<Secret> {
    let (key, batch) = prepare(core, ticket)?;
    core.db.batch(batch).await?;
    Ok(key)
}
/// [`issue`] as statements that the caller commits.
pub fn prepare(core: &Core, ticket: FlowTokenRequest<'_>) -> Result<(Secret, Batch)> {
    let mut kept = ticket.plan.clone();
    kept.shown = false;
    kept.given = None;
    for name in [keys::CHOSEN.0, keys::CONSENT_TOKEN.0, keys::IS_RESTORED.0, PROVEN.0] {
        kept.context.0.remove(name);
    }
    // The confirmation of an earlier link is not part of the run.
    kept.stages.retain(|s| !matches!(&s.stage, StageRef::BuiltIn { kind, .. } if kind == CONFIRM));
    let text = serde_json::to_string(&kept)?;
    if text.len() > MAX_PLAN {
        return Err(Error::invalid("non_field_errors", "What was typed is too large to be kept for a link."));
    }
    let now = core.now();
    let token = FlowToken {
        id: core.ports.uuid_v7(),
        flow: kept.flow,
        user_id: kept.context.get(&keys::PENDING_USER).and_then(|u| u.id),
        purpose: ticket.purpose.to_owned(),
        plan: Secret::new(text),
        created: now,
        expires: now.plus(ticket.lifetime),
        epoch: ticket.epoch,
    };
    let key = Secret::new(core.ports.alphanumeric(KEY_LENGTH));
    let batch = flow_tokens::insert_batch(&core.vault, &token, &key, ticket.replace)?;
    Ok((key, batch))
}

/// The URL of a link. The run's query (`next` and the like) is kept.
///
/// # Errors
/// `Invalid` when the server's address is unknown.
pub fn link(core: &Core, client: &Client, flow: &Object, arrived_with: &str, key: &Secret) -> Result<String> {
    let kept = without(arrived_with);
    let own = query::build([(QUERY, key.reveal())]);
    let query = if kept.is_empty() { own } else { format!("{kept}&{own}") };
    Ok(format!("{}/if/flow/{}/?{query}", address::public(core, client)?, query::encode(flow.text("slug"))))
}

/// The query string without a link's key.
pub fn without(text: &str) -> String {
    if !text.contains(QUERY) {
        return text.to_owned();
    }
    let kept: Vec<(String, String)> =
        query::pairs(text).into_iter().filter(|(name, _)| name != QUERY).collect();
    query::build(kept.iter().map(|(n, v)| (n.as_str(), v.as_str())))
}

/// The value of `is_restored` in the context.
fn mark(core: &Core, key: &str) -> String {
    core.vault.digest("flow_token/mark", key)
}
fn is_of(plan: &Plan, flow: Uuid, mark: &str) -> bool {
    plan.flow == flow
        && plan.context.0.get(keys::IS_RESTORED.0).and_then(|r| r.get("token")).and_then(Json::as_str)
            == Some(mark)
}

/// The link's account, checked now. `Err` is the refusal. An inactive account is accepted only in the run
/// that created it; a raised epoch or another email address invalidates the link.
async fn judge(
    core: &Arc<Core>,
    user: Option<i64>,
    epoch: i64,
    context: &Context,
) -> Result<Option<Principal>> {
    let Some(id) = user else { return Ok(None) };
    let Some(person) = Principal::load_any(core, id).await? else { return Err(Error::denied(GONE)) };
    let made_here = made_here(context, &person.user);
    let moved = context.get(&ADDRESS).is_some_and(|sent| canonical(&sent) != canonical(&person.user.email));
    if (!person.user.is_active && !made_here) || person.user.epoch > epoch || moved {
        return Err(Error::denied(GONE));
    }
    Ok(Some(person))
}

impl Executor<'_> {
    /// Restores the run of the request's link, unless the session has it already. `None`: there is nothing to
    /// restore. `Some(None)`: it was restored.
    pub(super) async fn take_up(&mut self, flow: &Arc<Object>) -> Result<Option<Option<Reply>>> {
        let Some(key) = query::value(self.query, QUERY).filter(|k| !k.is_empty()) else { return Ok(None) };
        let mark = mark(self.core, &key);
        if self.session.state.plan.as_ref().is_some_and(|p| is_of(p, flow.pk, &mark)) {
            return Ok(None);
        }
        self.core.metrics.flow_executions.inc();
        let token = if key.len() > 256 {
            None
        } else {
            flow_tokens::by_key(&self.core.db, &self.core.vault, &key).await?
        };
        let Some(token) = token.filter(|t| t.flow == flow.pk && !t.is_expired(self.core.now())) else {
            return Err(Error::denied(GONE));
        };
        if let (Some(person), Some(owner)) = (self.session.principal(), token.user_id)
            && person.user.id != owner
        {
            return Err(Error::denied(OTHER));
        }
        let mut kept: Plan = serde_json::from_str(token.plan.reveal()).map_err(|_| Error::denied(GONE))?;
        if kept.flow != flow.pk || kept.context.get(&keys::PENDING_USER).and_then(|u| u.id) != token.user_id {
            return Err(Error::denied(GONE));
        }
        judge(self.core, token.user_id, token.epoch, &kept.context).await?;
        if let Some(current) = self.session.state.plan.as_ref().filter(|p| p.flow == flow.pk) {
            kept.context.0.extend(
                current
                    .context
                    .0
                    .iter()
                    .filter(|(name, _)| keys::TRAVELLERS.contains(&name.as_str()))
                    .map(|(n, v)| (n.clone(), v.clone())),
            );
        }
        if let Some(user) = token.user_id {
            kept.context.set(&PROVEN, AccountAt { user, epoch: token.epoch });
        }
        kept.context
            .0
            .insert(keys::IS_RESTORED.0.to_owned(), json!({"token": mark, "purpose": token.purpose}));
        // The flow's requirement and policies are evaluated now. A session of the link's own user counts as
        // none for flows that require no authentication.
        let who = self.session.principal();
        let mut fits = plan(self.core, self.client, flow, who, kept.context.clone(), true).await?;
        if fits.is_err() && who.is_some() && token.user_id.is_some() {
            fits = plan(self.core, self.client, flow, None, kept.context.clone(), true).await?;
        }
        if let Err(NotPlanned::NotApplicable(messages)) = fits {
            return Err(Error::denied(if messages.is_empty() {
                "Flow does not apply to current user.".to_owned()
            } else {
                messages.join("\n")
            }));
        }
        let question = Question {
            id: token.id,
            flow: token.flow,
            user: token.user_id,
            epoch: token.epoch,
            answer: self.core.ports.hex(20),
        };
        kept.stages.push_front(Planned {
            stage: StageRef::BuiltIn { kind: CONFIRM.to_owned(), settings: serde_json::to_value(question)? },
            binding: None,
            re_evaluate: false,
        });
        kept.total = kept.stages.len();
        kept.shown = false;
        self.start(kept);
        Ok(Some(None))
    }
}

/// The confirmation before a link's run continues.
const CONFIRM: &str = "signet.confirm_link";
const COMPONENT: &str = "ak-stage-consent";

#[derive(Serialize, Deserialize)]
struct Question {
    id: Uuid,
    flow: Uuid,
    user: Option<i64>,
    epoch: i64,
    /// The token that the answer must contain.
    answer: String,
}

/// The built-in confirmation stage; it is in no flow's configuration.
pub(crate) struct Confirm;

impl Confirm {
    fn question(flow: &FlowRun<'_>) -> Result<Question> {
        Ok(serde_json::from_value(flow.settings.clone())?)
    }
}

#[async_trait]
impl StageKind for Confirm {
    fn id(&self) -> &'static str {
        CONFIRM
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let question = Self::question(flow)?;
        let challenge = Challenge::new(COMPONENT)
            .with("header_text", "Continue to confirm that this link was meant for you.")
            .with("permissions", json!([]))
            .with("additional_permissions", json!([]))
            .with("token", question.answer);
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let question = Self::question(flow)?;
        let sent = answer.get("token").and_then(Json::as_str).unwrap_or_default();
        if !Secret::new(question.answer).matches(sent) {
            return Ok(FlowStep::Invalid(ResponseErrors::required("token")));
        }
        judge(flow.core, question.user, question.epoch, &flow.plan.context).await?;
        if flow_tokens::take(&flow.core.db, question.id, question.flow, question.user, flow.core.now())
            .await?
        {
            return Ok(FlowStep::Next);
        }
        Ok(FlowStep::Deny(Some(GONE.to_owned())))
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        let text = |name: &str| challenge.get(name).and_then(Json::as_str).unwrap_or_default();
        let body = form.form(
            challenge,
            html! { (ui::hidden("token", text("token"))) (ui::button_primary("Continue", "Going on")) },
        );
        Some(challenge::question(challenge, form, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_link_stays_out_of_other_addresses() {
        assert_eq!(without("next=%2Fa%3Fb%3Dc&flow_token=x&d=e+f"), "next=%2Fa%3Fb%3Dc&d=e%20f");
        assert_eq!(
            (without("flow_token=x").as_str(), without("a=b+c").as_str(), without("").as_str()),
            ("", "a=b+c", "")
        );
    }
    #[test]
    fn redteam_28_only_what_is_listed_travels_from_one_run_to_another() {
        for name in ["application", "is_sso", "is_redirected"] {
            assert!(keys::TRAVELLERS.contains(&name), "{name}");
        }
        for name in [
            "pending_user",
            "prompt_data",
            "user_backend",
            "is_restored",
            "groups",
            "email",
            "phone",
            "redirect",
            "redirect_stage_target",
            "my_flag",
        ] {
            assert!(!keys::TRAVELLERS.contains(&name), "{name}");
        }
    }
}
