//! The plan of a run: the stages to show. Stored in the session.
use super::context::{Context, keys};
use crate::authorize::PendingAuthorization;
use crate::models::{Flow, FlowStageBinding, Requirement, flow_bindings};
use crate::policy::{self, Question, Verdict};
use crate::{Client, Core, Principal};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Timestamp, Uuid};
use signet_model::Object;
use std::collections::VecDeque;
use std::sync::Arc;

/// A stage in a plan: an object, or a built-in stage of the server (a provider's response).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageRef {
    Object(Uuid),
    BuiltIn { kind: String, settings: Json },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    pub stage: StageRef,
    /// The flow-stage binding; `None` for built-in stages.
    pub binding: Option<Uuid>,
    /// Whether the binding's policies are evaluated again right before the stage.
    pub re_evaluate: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub flow: Uuid,
    pub stages: VecDeque<Planned>,
    pub context: Context,
    pub started: Timestamp,
    /// Whether the first stage's challenge was sent, so that an answer is expected.
    #[serde(default)]
    pub shown: bool,
    /// Messages of policies that skipped stages.
    #[serde(default)]
    pub messages: Vec<String>,
    /// Number of stages at planning, for the inspector.
    #[serde(default)]
    pub total: usize,
    /// The initial context, if a wrong answer can restart the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Context>,
    /// The session's user when the run was last continued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<i64>,
    /// The request of an application that the run is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<PendingAuthorization>,
    /// The last page of a finished run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<LastPage>,
    /// The refused answer that the next page shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// The last page of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastPage {
    pub shown: Map,
    pub at: Timestamp,
    /// The provider whose request the run was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<i64>,
}

impl LastPage {
    pub fn is_refusal(&self) -> bool {
        self.shown.get("component").and_then(Json::as_str) == Some("ak-stage-access-denied")
    }
}

/// A refused answer: its errors and its values without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    pub component: String,
    pub errors: Json,
    pub typed: Vec<(String, String)>,
}

/// Why there is no plan.
#[derive(Debug)]
pub enum NotPlanned {
    /// The flow does not apply to this user; messages of the policies.
    NotApplicable(Vec<String>),
    /// No stage is left.
    Empty,
}

impl Plan {
    /// Ends the run: only its last page is kept.
    pub(super) fn end(&mut self, shown: Map, at: Timestamp) {
        self.stages.clear();
        let kept = [keys::APPLICATION.0, keys::DECLINE_URL.0];
        self.context.0.retain(|name, _| kept.contains(&name.as_str()));
        self.given = None;
        self.refused = None;
        self.messages.clear();
        let provider = self.authorization.take().map(|pending| pending.provider);
        self.over = Some(LastPage { shown, at, provider });
    }
    pub fn append(&mut self, kind: &str, settings: Json) {
        self.stages.push_back(Planned {
            stage: StageRef::BuiltIn { kind: kind.to_owned(), settings },
            binding: None,
            re_evaluate: false,
        });
    }
}

/// Plans `flow` for a user. `context` contains the caller's values (application, consent texts, …).
pub async fn plan(
    core: &Arc<Core>,
    client: &Client,
    flow: &Arc<Object>,
    user: Option<&Principal>,
    context: Context,
    allow_empty: bool,
) -> Result<std::result::Result<Plan, NotPlanned>> {
    let config = core.config();
    let Some(settings) = flow.get::<Flow>() else { return Ok(Err(NotPlanned::NotApplicable(Vec::new()))) };
    let fits = match settings.authentication {
        Requirement::None => true,
        Requirement::RequireAuthenticated => user.is_some(),
        Requirement::RequireUnauthenticated => user.is_none(),
        Requirement::RequireSuperuser => user.is_some_and(|u| u.is_superuser),
        Requirement::RequireRedirect => context.get(&keys::IS_REDIRECTED) == Some(true),
        Requirement::RequireToken => context.has(&keys::IS_RESTORED),
        Requirement::RequireOutpost => is_outpost(core, client).await?,
    };
    if !fits {
        return Ok(Err(NotPlanned::NotApplicable(Vec::new())));
    }
    let mut plan = Plan {
        flow: flow.pk,
        stages: VecDeque::new(),
        context,
        started: core.now(),
        shown: false,
        messages: Vec::new(),
        total: 0,
        given: None,
        owner: None,
        authorization: None,
        over: None,
        refused: None,
    };
    let pending = pending_principal(core, &plan.context).await?;
    let judged = pending.as_ref().or(user);
    if let Some(pbm) = flow.pbm() {
        let question = Question { core, client, user: judged, context: &plan.context.0, target: Some(flow) };
        let verdict = policy::judge(pbm, settings.policy_engine_mode, &question).await?;
        if !verdict.passing {
            return Ok(Err(NotPlanned::NotApplicable(verdict.messages)));
        }
        plan.context.0.extend(verdict.context);
    }
    for object in flow_bindings(&config, flow.pk) {
        let Some(binding) = object.get::<FlowStageBinding>() else { continue };
        if binding.evaluate_on_plan {
            let verdict = stage_verdict(core, client, object, judged, &plan.context).await?;
            if !verdict.passing {
                plan.messages.extend(verdict.messages);
                continue;
            }
            plan.context.0.extend(verdict.context);
        }
        plan.stages.push_back(Planned {
            stage: StageRef::Object(binding.stage),
            binding: Some(object.pk),
            re_evaluate: binding.re_evaluate_policies,
        });
    }
    if plan.stages.is_empty() && !allow_empty {
        return Ok(Err(NotPlanned::Empty));
    }
    plan.total = plan.stages.len();
    Ok(Ok(plan))
}

/// Whether the request comes from an outpost: from a listener in this process, or with an API key of an internal service
/// account.
pub async fn is_outpost(core: &Core, client: &Client) -> Result<bool> {
    if client.in_process_outpost {
        return Ok(true);
    }
    let Some(key) = &client.outpost_token else { return Ok(false) };
    let account = crate::token::authenticate(core, key.reveal()).await?;
    Ok(account.is_some_and(|p| p.user.user_type == "internal_service_account"))
}

/// The verdict of the policies of a stage's binding. A failing policy denies; it does not skip the stage.
pub async fn stage_verdict(
    core: &Arc<Core>,
    client: &Client,
    binding: &Arc<Object>,
    user: Option<&Principal>,
    context: &Context,
) -> Result<Verdict> {
    let (Some(pbm), Some(settings)) = (binding.pbm(), binding.get::<FlowStageBinding>()) else {
        return Err(Error::denied("A stage of this flow cannot be judged."));
    };
    let question = Question { core, client, user, context: &context.0, target: Some(binding) };
    let (verdict, traces) = policy::explain(pbm, settings.policy_engine_mode, &question).await?;
    if !verdict.passing && traces.iter().any(|t| t.error.is_some()) {
        return Err(Error::denied("A rule of this sign-in could not be checked."));
    }
    Ok(verdict)
}

/// The pending user's account, if it exists and is active.
pub async fn pending_principal(core: &Arc<Core>, context: &Context) -> Result<Option<Principal>> {
    match context.get(&keys::PENDING_USER).and_then(|u| u.id) {
        Some(id) => Principal::load_any(core, id).await,
        None => Ok(None),
    }
}
