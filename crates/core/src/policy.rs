//! The policy engine: order, any/all, negation, timeout, failure result. A policy only answers its question.
use crate::models::{EngineMode, PolicyBinding};
use crate::{Client, Core, Principal};
use async_trait::async_trait;
use signet_base::{Error, Map, Result, Timestamp, Uuid};
use signet_model::{ModelDef, Object};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a policy is asked.
pub struct Question<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    /// The person in question; none for strangers.
    pub user: Option<&'a Principal>,
    /// The flow context (`prompt_data`, `pending_user`…) or what a provider adds (`oauth_scopes`…).
    pub context: &'a Map,
    /// The guarded object.
    pub target: Option<&'a Arc<Object>>,
}

/// What a policy, or the whole engine, answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    pub passing: bool,
    pub messages: Vec<String>,
    /// Keys that the policy set in the flow context; the engine hands them to the caller.
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

/// A kind of policy. `Err` is a denial, unless the binding's failure result says otherwise.
#[async_trait]
pub trait Policy: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict>;
}

/// One line of an explanation.
#[derive(Debug, Clone)]
pub struct Trace {
    pub binding: Uuid,
    pub name: String,
    pub passing: bool,
    pub messages: Vec<String>,
    pub error: Option<String>,
    pub took: Duration,
}

/// Judges everything bound to `pbm`. No enabled binding passes.
pub async fn judge(pbm: Uuid, mode: EngineMode, question: &Question<'_>) -> Result<Verdict> {
    Ok(explain(pbm, mode, question).await?.0)
}

/// Like `judge`, with what each binding said.
pub async fn explain(pbm: Uuid, mode: EngineMode, question: &Question<'_>) -> Result<(Verdict, Vec<Trace>)> {
    let world = question.core.world();
    let now = question.core.now();
    let mut verdict = Verdict::default();
    let mut traces = Vec::new();
    for object in world.bindings_of(pbm) {
        let Some(binding) = object.get::<PolicyBinding>() else { continue };
        if !binding.enabled || expired(binding.expires, now) {
            continue;
        }
        let started = Instant::now();
        let (name, answer) = ask(binding, question).await;
        question.core.metrics.policy_executions.inc();
        let error = answer.as_ref().err().map(ToString::to_string);
        if let Some(error) = &error {
            tracing::warn!(policy = %name, binding = %object.pk, %error, "a policy failed; its binding's failure result counts");
        }
        let mut answer = answer.unwrap_or_else(|_| Verdict { passing: binding.failure_result, ..Verdict::default() });
        if binding.negate && error.is_none() {
            answer.passing = !answer.passing;
        }
        verdict.messages.extend(answer.messages.iter().cloned());
        verdict.context.extend(std::mem::take(&mut answer.context));
        traces.push(Trace { binding: object.pk, name, passing: answer.passing, messages: answer.messages, error, took: started.elapsed() });
    }
    verdict.passing = match mode {
        _ if traces.is_empty() => true,
        EngineMode::All => traces.iter().all(|t| t.passing),
        EngineMode::Any => traces.iter().any(|t| t.passing),
    };
    Ok((verdict, traces))
}

fn expired(at: Option<Timestamp>, now: Timestamp) -> bool {
    at.is_some_and(|at| at <= now)
}

async fn ask(binding: &PolicyBinding, question: &Question<'_>) -> (String, Result<Verdict>) {
    let member = |yes: bool| Ok(if yes { Verdict::pass() } else { Verdict::default() });
    if let Some(group) = binding.group {
        return (format!("group {group}"), member(question.user.is_some_and(|u| u.in_group(group))));
    }
    if let Some(user) = binding.user {
        return (format!("user {user}"), member(question.user.is_some_and(|u| u.user.id == user)));
    }
    let world = question.core.world();
    let Some(policy) = binding.policy.and_then(|pk| world.get(pk)).cloned() else {
        return (String::new(), Err(Error::internal("the binding names no policy")));
    };
    let name = policy.name().to_owned();
    (name, ask_policy(&policy, question, Duration::from_secs(binding.timeout.max(0).unsigned_abs())).await)
}

/// Asks one policy, with a time limit (zero means the default of 30 s).
pub async fn ask_policy(policy: &Arc<Object>, question: &Question<'_>, limit: Duration) -> Result<Verdict> {
    let kind = question.core.families.policy(policy.def).ok_or_else(|| Error::internal(format!("no engine for {:?}", policy.def)))?;
    let limit = if limit.is_zero() { Duration::from_secs(30) } else { limit };
    match tokio::time::timeout(limit, kind.judge(policy, question)).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::internal(format!("the policy took longer than {} s", limit.as_secs()))),
    }
}
