//! The flow executor: plans, shows, validates, ends. The JSON API and the pages use it.
use super::begin::applies_to_others;
use super::plan::{NotPlanned, Plan};
use super::stage::{FlowStep, StageKind};
use super::{Context, Planned, ResponseErrors, StageRef, history, keys, token};
use crate::models::{Flow, FlowStageBinding, InvalidResponseAction};
use crate::{Client, Core, WebSession};
use signet_base::{Error, Json, Map, Result, Uuid};
use signet_model::Object;
use std::sync::Arc;

/// The reply of the executor.
#[derive(Debug)]
pub enum Reply {
    /// Show this challenge (with `flow_info`, and `response_errors` after a wrong answer).
    Challenge(Map),
    /// The flow does not apply to the user: show the refusal. No run was started.
    NotApplicable(Map),
    /// A stage is done: request the next one (the API responds with 302 to itself).
    Again,
    /// The flow is finished: redirect the user to this local URL.
    Done(String),
    /// The flow is finished or interrupted: redirect to a URL made by the server, which may be absolute.
    Away(String),
}

/// A step of a run. The caller saves the session.
pub struct Executor<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    pub session: &'a mut WebSession,
    /// The query string of the user's page.
    pub query: &'a str,
}

/// A stage's kind, its object, and the settings of a built-in stage.
pub(super) type Resolved = (Arc<dyn StageKind>, Option<Arc<Object>>, Json);

impl Executor<'_> {
    /// Finds a flow by its slug.
    pub fn flow(core: &Core, slug: &str) -> Result<Arc<Object>> {
        core.config().find::<Flow>("slug", slug).map(|(o, _)| o.clone()).ok_or(Error::NotFound)
    }

    /// GET: the next challenge.
    pub async fn get(&mut self, flow: &Arc<Object>) -> Result<Reply> {
        self.run(flow, None).await
    }

    /// POST: an answer to the last challenge.
    pub async fn post(&mut self, flow: &Arc<Object>, answer: &Map) -> Result<Reply> {
        self.run(flow, Some(answer)).await
    }

    /// A denial ends the run with its text; the rest of the plan is dropped.
    async fn run(&mut self, flow: &Arc<Object>, answer: Option<&Map>) -> Result<Reply> {
        let is_new = answer.is_none() && self.session.is_empty();
        let (mut begin, mut running) = (None, false);
        let reply = match self.ensure_plan(flow, answer.is_some()).await {
            Ok(None) => {
                running = !is_new;
                begin = self
                    .session
                    .state
                    .plan
                    .as_ref()
                    .filter(|_| is_new)
                    .map(|plan| (plan.stages.clone(), plan.context.clone()));
                self.step(flow, answer).await
            }
            Ok(Some(reply)) => return Ok(reply),
            Err(error) => Err(error),
        };
        // A run without an answer is not stored: it can be planned again. A link's run cannot.
        if let (Some((stages, context)), Ok(Reply::Challenge(_)), Some(plan)) =
            (begin, &reply, &self.session.state.plan)
            && plan.stages == stages
            && plan.context == context
            && !context.has(&keys::IS_RESTORED)
        {
            self.session.keep_no_run();
        }
        match reply {
            Err(Error::Denied(text)) => {
                self.core.event_denied(self.client, self.session.principal(), flow.name(), &text).await;
                if !running {
                    self.close();
                }
                Ok(self.denied(flow, Some(text)))
            }
            other => other,
        }
    }

    /// Leaves the run for another flow, with its context if `keep` is set. The user's query is kept.
    pub(super) async fn switch(&mut self, other: Uuid, plan: Plan, keep: bool) -> Result<Reply> {
        let config = self.core.config();
        let other = config
            .get(other)
            .filter(|o| o.get::<Flow>().is_some())
            .ok_or_else(|| Error::denied("The flow to go on with was removed."))?;
        history::record(self.core, self.session, &plan);
        let query = token::without(&self.session.state.query);
        self.session.state.query.clone_from(&query);
        // A protocol that waits for the sign-in waits for the other flow as well.
        let authorization = plan.authorization.filter(|pending| pending.user.is_none());
        let mut context = if keep { plan.context } else { self.fresh_context() };
        context.set(&keys::IS_REDIRECTED, true);
        match super::plan::plan(self.core, self.client, other, self.session.principal(), context, false)
            .await?
        {
            Ok(mut fresh) => {
                fresh.authorization = authorization;
                self.begin(fresh);
                let address = format!("/if/flow/{}/", other.text("slug"));
                Ok(Reply::Away(if query.is_empty() { address } else { format!("{address}?{query}") }))
            }
            Err(NotPlanned::NotApplicable(messages)) => {
                Ok(self.not_applicable(other, applies_to_others(messages)).await)
            }
            Err(NotPlanned::Empty) => Ok(self.denied(other, None)),
        }
    }

    /// The initial context: the signed-in user.
    pub(super) fn fresh_context(&self) -> Context {
        let mut context = Context::default();
        if let Some(user) = self.session.principal() {
            context.set(&keys::PENDING_USER, user.pending());
        }
        context
    }

    /// The same challenge with errors; or a restart, by the binding's `invalid_response_action`.
    pub(super) async fn again_with(
        &mut self,
        flow: &Arc<Object>,
        mut plan: Plan,
        planned: &Planned,
        errors: ResponseErrors,
    ) -> Result<Reply> {
        self.session.touch();
        let binding = planned.binding.and_then(|pk| self.core.config().get(pk).cloned());
        let action = binding
            .and_then(|b| b.get::<FlowStageBinding>().map(|b| b.invalid_response_action))
            .unwrap_or(InvalidResponseAction::Retry);
        if action != InvalidResponseAction::Retry {
            return self.restart(flow, plan, action == InvalidResponseAction::RestartWithContext).await;
        }
        let (kind, stage, settings) = self.resolve(&planned.stage)?;
        let shown = self.ask(flow, &mut plan, (kind.as_ref(), stage, settings), None, false).await?;
        match shown {
            FlowStep::Show(challenge) => {
                plan.shown = true;
                self.session.state.plan = Some(plan);
                let mut challenge = self.dress(flow, challenge);
                challenge.insert("response_errors".into(), errors.into_json());
                Ok(Reply::Challenge(challenge))
            }
            // A stage that refuses an answer but has no challenge would let a wrong answer pass.
            _ => {
                self.session.state.plan = Some(plan);
                Ok(self.denied(flow, None))
            }
        }
    }

    pub(super) fn needs_agreement(&self, planned: &Planned) -> bool {
        planned
            .stage
            .kind_id(self.core)
            .and_then(|id| self.core.families.stage(&id))
            .is_some_and(|kind| kind.needs_agreement())
    }

    pub(super) fn resolve(&self, stage: &StageRef) -> Result<Resolved> {
        match stage {
            StageRef::Object(pk) => {
                let object = self
                    .core
                    .config()
                    .get(*pk)
                    .cloned()
                    .ok_or_else(|| Error::denied("A stage of this flow was removed. Start again."))?;
                let kind = self
                    .core
                    .families
                    .stage(&object.def.full_name())
                    .ok_or_else(|| Error::internal(format!("no engine for {:?}", object.def)))?;
                Ok((kind, Some(object), Json::Null))
            }
            StageRef::BuiltIn { kind, settings } => {
                let engine = self
                    .core
                    .families
                    .stage(kind)
                    .ok_or_else(|| Error::internal(format!("no engine for {kind}")))?;
                Ok((engine, None, settings.clone()))
            }
        }
    }
}
