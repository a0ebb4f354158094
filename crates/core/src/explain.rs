//! Explanations of access decisions, computed by the engine itself. Explaining changes nothing and ignores
//! cached results.
use crate::flow::Context;
use crate::flow::keys;
use crate::models::{Application, Flow, FlowStageBinding, Requirement, flow_bindings};
use crate::policy::{self, Decision, Question};
use crate::risk;
use crate::{Client, Core, Principal, access};
use signet_base::{Json, Map, Result, Timestamp, json};
use signet_model::Object;
use std::net::IpAddr;
use std::sync::Arc;

/// The question of an explanation.
pub struct ExplainRequest {
    /// `None`: an anonymous user.
    pub person: Option<Principal>,
    /// An application or a flow.
    pub target: Arc<Object>,
    pub ip: IpAddr,
    /// The device cookie and the user agent, for policies that use them.
    pub device: String,
    pub user_agent: String,
    /// The time at which policies are evaluated.
    pub at: Timestamp,
    /// Context values that a flow or protocol would have set.
    pub context: Map,
}

/// The result.
pub struct Explanation {
    pub passing: bool,
    /// The deciding reason, in one sentence.
    pub reason: String,
    pub messages: Vec<String>,
    /// One per guarded object that was evaluated.
    pub decisions: Vec<Decision>,
    /// Stages of a flow: name, whether the stage would be shown or skipped, and why.
    pub stages: Vec<Json>,
    pub risk: Option<Json>,
}

impl Explanation {
    /// The JSON of the API and the command.
    pub fn to_json(&self) -> Json {
        let decisions: Vec<Json> = self.decisions.iter().map(Decision::to_json).collect();
        json!({"passing": self.passing, "reason": self.reason, "messages": self.messages, "decisions": decisions, "stages": self.stages, "risk": self.risk})
    }
}

/// Explains the access to an application or a flow.
///
/// # Errors
/// Only those that prevent the evaluation; a failing policy is part of the result.
pub async fn explain(core: &Arc<Core>, base: &Client, wanted: &ExplainRequest) -> Result<Explanation> {
    let client = Client {
        ip: wanted.ip.to_canonical(),
        user_agent: wanted.user_agent.clone(),
        device: wanted.device.clone(),
        decision_log: Arc::default(),
        dry_run: Some(wanted.at),
        ..base.clone()
    };
    let mut out = match wanted.target.get::<Flow>() {
        Some(flow) => of_flow(core, &client, wanted, flow).await?,
        None => of_application(core, &client, wanted).await?,
    };
    let question = Question {
        core,
        client: &client,
        user: wanted.person.as_ref(),
        context: &wanted.context,
        target: Some(&wanted.target),
    };
    out.risk = risk::assess(&question).await.ok().map(|r| r.to_json());
    out.decisions = client.decision_log.decisions();
    Ok(out)
}

fn answer(passing: bool, reason: impl Into<String>, messages: Vec<String>) -> Explanation {
    Explanation {
        passing,
        reason: reason.into(),
        messages,
        decisions: Vec::new(),
        stages: Vec::new(),
        risk: None,
    }
}

async fn of_application(core: &Arc<Core>, client: &Client, wanted: &ExplainRequest) -> Result<Explanation> {
    let Some(person) = &wanted.person else { return Ok(answer(false, "Nobody is signed in.", Vec::new())) };
    if !person.user.is_active {
        return Ok(answer(false, "The account is not active.", Vec::new()));
    }
    let (verdict, traces) =
        access::explain_use(core, client, person, &wanted.target, &wanted.context).await?;
    let mode = wanted.target.get::<Application>().map(|a| a.policy_engine_mode);
    let reason = match (traces.is_empty(), verdict.passing) {
        (true, true) => "Nothing is bound to the application: everyone may use it.".to_owned(),
        (true, false) => verdict.messages.join(" "),
        (false, passing) => {
            decided(&traces, passing, mode.is_some_and(|m| m == crate::models::EngineMode::All))
        }
    };
    Ok(answer(verdict.passing, reason, verdict.messages))
}

/// The bindings that decided.
fn decided(traces: &[policy::Trace], passing: bool, all: bool) -> String {
    let names: Vec<String> = traces
        .iter()
        .filter(|t| t.passing == passing)
        .map(|t| match &t.error {
            Some(error) => format!("{} (failed: {error})", t.name),
            None if t.negated => format!("not {}", t.name),
            None => t.name.clone(),
        })
        .collect();
    match (passing, all) {
        (true, true) => format!("All {} bindings pass.", traces.len()),
        (true, false) => format!("One binding is enough, and these pass: {}.", names.join(", ")),
        (false, true) => format!("All bindings must pass, and these do not: {}.", names.join(", ")),
        (false, false) => format!("No binding passes: {}.", names.join(", ")),
    }
}

async fn of_flow(
    core: &Arc<Core>,
    client: &Client,
    wanted: &ExplainRequest,
    flow: &Flow,
) -> Result<Explanation> {
    let person = wanted.person.as_ref();
    let mut context = Context(wanted.context.clone());
    if let Some(person) = person {
        context.set(&keys::PENDING_USER, person.pending());
    }
    if let Some(needs) = unmet(flow, person, &context) {
        return Ok(answer(false, format!("The flow is for {needs}."), Vec::new()));
    }
    let question = Question { core, client, user: person, context: &context.0, target: Some(&wanted.target) };
    let mut out = match wanted.target.pbm() {
        Some(pbm) => {
            let (verdict, traces) = policy::explain(pbm, flow.policy_engine_mode, &question).await?;
            let reason = if traces.is_empty() && verdict.passing {
                "Nothing is bound to the flow.".to_owned()
            } else if traces.is_empty() {
                "Everything that is bound to the flow has expired.".to_owned()
            } else {
                decided(&traces, verdict.passing, flow.policy_engine_mode == crate::models::EngineMode::All)
            };
            answer(verdict.passing, reason, verdict.messages)
        }
        None => answer(false, "The flow cannot be judged.", Vec::new()),
    };
    if out.passing {
        let config = core.config();
        for binding in flow_bindings(&config, wanted.target.pk) {
            let Some(settings) = binding.get::<FlowStageBinding>() else { continue };
            let Some(guarded) = config.get(settings.stage) else { continue };
            let stage =
                stage(core, client, wanted, binding, settings, &context, guarded.name().to_owned()).await?;
            let ends = stage.get("outcome") == Some(&json!("refused"))
                || (stage.get("outcome") == Some(&json!("shown"))
                    && guarded.def.is("authentik_stages_deny.denystage"));
            out.stages.push(stage);
            if ends {
                out.passing = false;
                out.reason = format!("The flow ends at the stage {}, which refuses.", guarded.name());
                break;
            }
        }
    }
    Ok(out)
}

async fn stage(
    core: &Arc<Core>,
    client: &Client,
    wanted: &ExplainRequest,
    binding: &Arc<Object>,
    settings: &FlowStageBinding,
    context: &Context,
    name: String,
) -> Result<Json> {
    let question =
        Question { core, client, user: wanted.person.as_ref(), context: &context.0, target: Some(binding) };
    let (verdict, traces) = match binding.pbm() {
        Some(pbm) => policy::explain(pbm, settings.policy_engine_mode, &question).await?,
        None => (policy::Verdict::default(), Arc::default()),
    };
    let failed = traces.iter().any(|t| t.error.is_some());
    let outcome = match (verdict.passing, failed) {
        (true, _) => "shown",
        (false, true) => "refused",
        (false, false) => "passed over",
    };
    let reason = if traces.is_empty() {
        "Nothing is bound to the stage.".to_owned()
    } else {
        decided(&traces, verdict.passing, settings.policy_engine_mode == crate::models::EngineMode::All)
    };
    Ok(
        json!({"order": settings.order, "name": name, "outcome": outcome, "reason": reason, "messages": verdict.messages}),
    )
}

/// The flow's requirement that this user does not meet.
fn unmet(flow: &Flow, person: Option<&Principal>, context: &Context) -> Option<&'static str> {
    match flow.authentication {
        Requirement::RequireAuthenticated if person.is_none() => Some("people who are signed in"),
        Requirement::RequireSuperuser if !person.is_some_and(|p| p.is_superuser) => Some("superusers"),
        Requirement::RequireRedirect if context.get(&keys::IS_REDIRECTED) != Some(true) => {
            Some("people whom another flow sends there")
        }
        Requirement::RequireToken if !context.has(&keys::IS_RESTORED) => Some("people who come with a token"),
        Requirement::RequireOutpost => Some("outposts"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::Uuid;
    use std::time::Duration;

    fn trace(name: &str, passing: bool, error: Option<&str>) -> policy::Trace {
        policy::Trace {
            binding: Uuid::nil(),
            kind: String::new(),
            name: name.into(),
            order: 0,
            negated: false,
            passing,
            messages: Vec::new(),
            error: error.map(str::to_owned),
            kept: false,
            took: Duration::ZERO,
        }
    }
    #[test]
    fn the_reason_names_the_bindings_that_decided() {
        let traces = [
            trace("staff", true, None),
            trace("office", false, None),
            trace("rule", false, Some("it broke")),
        ];
        assert_eq!(decided(&traces, true, false), "One binding is enough, and these pass: staff.");
        assert_eq!(
            decided(&traces, false, true),
            "All bindings must pass, and these do not: office, rule (failed: it broke)."
        );
    }
}
