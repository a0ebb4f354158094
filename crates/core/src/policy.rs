//! The policy engine: order, any/all, negation, timeout, failure result, cache. A policy evaluates one
//! question.
mod decision_log;
mod memory;

use crate::event::EventAction;
use crate::models::{EngineMode, PolicyBinding};
use crate::{Client, Core, Principal};
use async_trait::async_trait;
use signet_base::{Error, Json, Map, Result, Span, Timestamp, Uuid, json};
use signet_model::{ModelDef, Object};
use signet_store::groups;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use decision_log::{Decision, DecisionLog};
pub use memory::Memory;

/// The question to a policy.
pub struct Question<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    /// The user in question; `None` for anonymous users.
    pub user: Option<&'a Principal>,
    /// The flow context (`prompt_data`, `pending_user`, …), or a provider's members (`oauth_scopes`, …).
    pub context: &'a Map,
    /// The guarded object.
    pub target: Option<&'a Arc<Object>>,
}

impl Question<'_> {
    /// The time to evaluate at: now, or the explanation's.
    pub fn now(&self) -> Timestamp {
        self.client.dry_run.unwrap_or_else(|| self.core.now())
    }
    /// Whether the result is only shown to an administrator: nothing may be changed.
    pub fn is_dry_run(&self) -> bool {
        self.client.dry_run.is_some()
    }
}

/// The result of a policy or of the engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    pub passing: bool,
    pub messages: Vec<String>,
    /// Keys that the policy set in the flow context.
    pub context: Map,
}
impl Verdict {
    pub fn pass() -> Self {
        Self { passing: true, ..Self::default() }
    }
    pub fn fail(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { messages: if message.is_empty() { Vec::new() } else { vec![message] }, ..Self::default() }
    }
}

/// A policy kind. `Err` denies, unless the binding's failure result says otherwise.
#[async_trait]
pub trait Policy: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict>;
    /// Whether it sees what the text that calls it has written so far.
    fn sees_writes(&self) -> bool {
        false
    }
    /// Whether a result without context depends on account, groups, address, browser and configuration alone,
    /// so that it can be cached for `CACHE__TIMEOUT_POLICIES` seconds.
    fn is_lasting(&self, _policy: &Object) -> bool {
        false
    }
}

/// [`Trace::kind`] of a binding to a group.
pub const GROUP: &str = "group";

/// The result of one binding.
#[derive(Debug, Clone)]
pub struct Trace {
    pub binding: Uuid,
    /// `app_label.model` of the policy; `group` or `user`.
    pub kind: String,
    pub name: String,
    pub order: i64,
    pub negated: bool,
    /// The effective result: after negation, or the failure result.
    pub passing: bool,
    pub messages: Vec<String>,
    pub error: Option<String>,
    /// The result came from the cache.
    pub kept: bool,
    pub took: Duration,
}

impl Trace {
    /// The JSON of events and the API.
    pub fn to_json(&self) -> Json {
        let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
        json!({
            "binding": self.binding, "kind": self.kind, "name": self.name, "order": self.order, "negate": self.negated, "passing": self.passing,
            "messages": self.messages, "error": self.error, "cached": self.kept, "took_us": micros,
        })
    }
}

/// Evaluates everything bound to `pbm`. Passes if there is no enabled binding; not if all that were enabled have expired: the
/// end of one user's access must not open it to all.
pub async fn judge(pbm: Uuid, mode: EngineMode, question: &Question<'_>) -> Result<Verdict> {
    Ok(explain(pbm, mode, question).await?.0)
}

/// Like `judge`, with the result of each binding. The decision is logged in the request.
pub async fn explain(
    pbm: Uuid,
    mode: EngineMode,
    question: &Question<'_>,
) -> Result<(Verdict, Arc<Vec<Trace>>)> {
    let config = question.core.config();
    let bindings = config.bindings_of(pbm);
    if bindings.is_empty() {
        return Ok((Verdict::pass(), Arc::default()));
    }
    let now = question.now();
    let mut verdict = Verdict::default();
    let mut traces = Vec::with_capacity(bindings.len());
    for object in bindings {
        let Some(binding) = object.get::<PolicyBinding>() else { continue };
        if !binding.enabled || expired(binding.expires, now) {
            continue;
        }
        let started = Instant::now();
        let (subject, answer) = ask(object.pk, binding, question).await;
        question.core.metrics.policy_executions.inc();
        let error = answer.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            tracing::warn!(policy = %subject.name, binding = %object.pk, %error, "a policy failed; its binding's failure result counts");
        }
        let mut answer =
            answer.unwrap_or_else(|_| Verdict { passing: binding.failure_result, ..Verdict::default() });
        if binding.negate && error.is_none() {
            answer.passing = !answer.passing;
        }
        verdict.messages.extend(answer.messages.iter().cloned());
        verdict.context.extend(std::mem::take(&mut answer.context));
        traces.push(Trace {
            binding: object.pk,
            kind: subject.kind,
            name: subject.name,
            order: binding.order,
            negated: binding.negate,
            passing: answer.passing,
            messages: answer.messages,
            error,
            kept: subject.kept,
            took: started.elapsed(),
        });
    }
    verdict.passing = match mode {
        // Nothing counts now: whatever is enabled has expired.
        _ if traces.is_empty() => !bindings.iter().any(is_enabled),
        EngineMode::All => traces.iter().all(|t| t.passing),
        EngineMode::Any => traces.iter().any(|t| t.passing),
    };
    let traces = Arc::new(traces);
    if !traces.is_empty() {
        let target = config.by_pbm(pbm);
        let (kind, name) = target
            .map_or_else(|| (String::new(), pbm.to_string()), |t| (t.def.full_name(), name_of(t, &config)));
        question.client.decision_log.decided(Decision {
            target: kind,
            name,
            mode,
            passing: verdict.passing,
            at: now,
            traces: traces.clone(),
        });
    }
    Ok((verdict, traces))
}

/// What the bindings that ask for a membership say of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// All that counts is a membership, and this is what follows.
    Decides(bool),
    /// No binding is enabled.
    NothingBound,
    PoliciesDecide,
}

/// Like [`judge`], as far as that needs no policy.
pub fn by_membership(
    config: &signet_model::Snapshot,
    pbm: Uuid,
    mode: EngineMode,
    user: &Principal,
    now: Timestamp,
) -> Membership {
    let enabled = || config.bindings_of(pbm).iter().filter(|b| is_enabled(b));
    let mut found: Option<bool> = None;
    let bindings = enabled().filter_map(|b| b.get::<PolicyBinding>());
    for binding in bindings.filter(|b| !expired(b.expires, now)) {
        let member = match (binding.group, binding.user) {
            (Some(group), _) => user.in_group(group),
            (None, Some(id)) => user.user.id == id,
            (None, None) => return Membership::PoliciesDecide,
        };
        let passing = member != binding.negate;
        found = Some(match (found, mode) {
            (None, _) => passing,
            (Some(so_far), EngineMode::All) => so_far && passing,
            (Some(so_far), EngineMode::Any) => so_far || passing,
        });
    }
    match found {
        Some(passing) => Membership::Decides(passing),
        // As in `explain`: all have expired.
        None if enabled().next().is_some() => Membership::Decides(false),
        None => Membership::NothingBound,
    }
}

/// The display name of a target; bindings of stages are named after their stage.
fn name_of(target: &Object, config: &signet_model::Snapshot) -> String {
    match (target.name(), Uuid::parse_str(target.text("stage")).ok().and_then(|pk| config.get(pk))) {
        ("", Some(stage)) => stage.name().to_owned(),
        ("", None) => target.pk.to_string(),
        (name, _) => name.to_owned(),
    }
}

fn is_enabled(binding: &Arc<Object>) -> bool {
    binding.get::<PolicyBinding>().is_some_and(|b| b.enabled)
}
fn expired(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| at <= now)
}

/// The subject of a binding, for the trace.
#[derive(Default)]
struct Subject {
    kind: String,
    name: String,
    kept: bool,
}

async fn ask(pk: Uuid, binding: &PolicyBinding, question: &Question<'_>) -> (Subject, Result<Verdict>) {
    let subject = |kind: &str, name: String| Subject { kind: kind.to_owned(), name, kept: false };
    let member = |yes: bool| Ok(if yes { Verdict::pass() } else { Verdict::default() });
    if let Some(group) = binding.group {
        let found = question.user.and_then(|u| u.groups.iter().find(|g| g.id == group));
        let name = match found {
            Some(group) => group.name.clone(),
            None => name_of_group(question, group).await,
        };
        return (subject(GROUP, name), member(found.is_some()));
    }
    if let Some(user) = binding.user {
        let found = question.user.filter(|u| u.user.id == user);
        return (
            subject("user", found.map_or_else(|| user.to_string(), |u| u.user.username.clone())),
            member(found.is_some()),
        );
    }
    let core = question.core;
    let Some(policy) = binding.policy.and_then(|pk| core.config().get(pk).cloned()) else {
        return (Subject::default(), Err(Error::internal("the binding names no policy")));
    };
    let mut subject = subject(&policy.def.full_name(), policy.name().to_owned());
    let kept = memory::is_possible(question)
        && core.families.policy(policy.def).is_some_and(|kind| kind.is_lasting(&policy));
    let key = if kept { memory::key(pk, &policy, question) } else { None };
    let now = core.now();
    if let Some(verdict) = key.as_ref().and_then(|key| core.answers.get(key, now)) {
        subject.kept = true;
        return (subject, Ok(verdict));
    }
    let answer =
        ask_policy(&policy, question, Duration::from_secs(binding.timeout.max(0).unsigned_abs())).await;
    if let (Some(key), Ok(verdict)) = (key, &answer) {
        core.answers.keep(key, verdict, now.plus(Span::from_secs(core.settings.cache_timeout_policies)));
    }
    (subject, answer)
}

/// Explanations name groups the user is not in; other callers do not load them.
async fn name_of_group(question: &Question<'_>, group: Uuid) -> String {
    let read =
        if question.is_dry_run() { groups::many(&question.core.db, &[group]).await.ok() } else { None };
    read.and_then(|mut all| all.pop()).map_or_else(|| group.to_string(), |g| g.name)
}

/// Evaluates one policy with a time limit (zero: the default of 30 s). A failure writes an event, and so does
/// every run of a policy with `execution_logging`.
pub async fn ask_policy(policy: &Arc<Object>, question: &Question<'_>, limit: Duration) -> Result<Verdict> {
    let kind = question
        .core
        .families
        .policy(policy.def)
        .ok_or_else(|| Error::internal(format!("no engine for {:?}", policy.def)))?;
    let limit = if limit.is_zero() { Duration::from_secs(30) } else { limit };
    let answer = match tokio::time::timeout(limit, kind.judge(policy, question)).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::internal(format!("the policy took longer than {} s", limit.as_secs()))),
    };
    if !question.is_dry_run() {
        record(policy, question, &answer).await;
    }
    answer
}

async fn record(policy: &Object, question: &Question<'_>, answer: &Result<Verdict>) {
    let target = question.target.map(|t| Core::model_event(t));
    let (action, said) = match answer {
        Err(error) => (
            EventAction::PolicyException,
            json!({"policy": Core::model_event(policy), "target": target, "message": error.to_string()}),
        ),
        Ok(verdict) if policy.data.get("execution_logging") == Some(&Json::Bool(true)) => (
            EventAction::PolicyExecution,
            json!({"policy": Core::model_event(policy), "target": target, "passing": verdict.passing, "messages": verdict.messages}),
        ),
        Ok(_) => return,
    };
    question.core.event(question.client, question.user, action, policy.def.app, said).await;
}
