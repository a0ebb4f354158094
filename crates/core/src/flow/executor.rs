//! The flow executor: plans, shows, validates, ends. The JSON API and the pages use it.
use super::begin::applies_to_others;
use super::plan::{NotPlanned, Plan};
use super::stage::{FlowRun, FlowStep, StageKind};
use super::{Context, Planned, ResponseErrors, StageRef, history, invitation, keys, setup_code, token};
use crate::models::{Flow, FlowStageBinding, InvalidResponseAction};
use crate::{Client, Core, WebSession, address, setup};
use signet_base::{Error, Json, Map, Result, Uuid};
use signet_model::Object;
use signet_store::epoch;
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
type Resolved = (Arc<dyn StageKind>, Option<Arc<Object>>, Json);

/// Maximum number of stages without a challenge per request, so that flows cannot redirect to each other
/// endlessly.
const MAX_SILENT: usize = 100;

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

    /// One stage per request, as in authentik. Exception: in flows that change an account, the request with
    /// the answer continues to the next form, or to the start of a session. So the change is made by that
    /// request, and opening a URL changes nothing.
    async fn step(&mut self, flow: &Arc<Object>, mut answer: Option<&Map>) -> Result<Reply> {
        let posted = answer.is_some();
        let (mut passed, mut agreed) = (false, false);
        for _ in 0..MAX_SILENT {
            let Some(mut plan) = self.session.state.plan.take() else {
                return Err(Error::internal("a run without a plan"));
            };
            // A policy requests a redirect. The rest of the run is kept.
            if !plan.shown
                && let Some(to) = plan.context.get(&keys::PLAN_REDIRECT)
            {
                plan.context.remove(&keys::PLAN_REDIRECT);
                self.session.state.plan = Some(plan);
                self.session.touch();
                return Ok(Reply::Away(to));
            }
            let first_run = flow.text("slug") == setup::FLOW;
            let claimed = plan.context.get(&keys::SETUP_CLAIMED) == Some(true);
            if first_run && !claimed && !self.client.local && setup_code::ask_first(&mut plan) {
                answer = None;
            }
            let Some(planned) = plan.stages.front().cloned() else {
                return Ok(self.finish(flow, plan));
            };
            match self.still_counts(&mut plan).await {
                Ok(true) => {}
                Ok(false) => return self.begin_anew(flow, plan).await,
                Err(error) => {
                    self.session.state.plan = Some(plan);
                    return Err(error);
                }
            }
            let kind = planned.stage.kind_id(self.core).and_then(|id| self.core.families.stage(&id));
            if passed && kind.is_some_and(|kind| kind.begins_session()) {
                self.session.state.plan = Some(plan);
                return Ok(Reply::Again);
            }
            // Evaluated as long as the stage has not been shown, also if an answer arrives unasked.
            if planned.re_evaluate && !plan.shown {
                match self.still_applies(flow, &mut plan, &planned).await {
                    Ok(true) => {}
                    Ok(false) => {
                        plan.stages.pop_front();
                        answer = None;
                        self.session.state.plan = Some(plan);
                        self.session.touch();
                        continue;
                    }
                    Err(error) => {
                        self.session.state.plan = Some(plan);
                        return Err(error);
                    }
                }
            }
            let (kind, stage, settings) = self.resolve(&planned.stage)?;
            // Checked at every step of the first-run setup: two browsers may both have started it.
            if first_run && !claimed && setup::is_done(self.core).await? {
                self.session.state.plan = Some(plan);
                return Ok(self.denied(flow, Some("The first run is over. Sign in instead.".to_owned())));
            }
            if kind.needs_agreement() && plan.context.get(&keys::AGREED) == Some(true) {
                plan.context.remove(&keys::AGREED);
                agreed = true;
            }
            let was_shown = plan.shown;
            let mut invited = None;
            if kind.writes_people() {
                match invitation::claim(self.core, flow.pk, &mut plan.context).await {
                    Ok(claim) => invited = claim,
                    Err(error) => {
                        self.session.state.plan = Some(plan);
                        return Err(error);
                    }
                }
            }
            let mut claim = None;
            if first_run && !claimed && kind.writes_people() {
                claim = setup::claim(self.core).await?;
                if claim.is_none() {
                    self.session.state.plan = Some(plan);
                    return Ok(self.denied(flow, Some("The first run is over. Sign in instead.".to_owned())));
                }
            }
            let step = {
                let query = self.session.state.query.clone();
                let mut run = FlowRun {
                    core: self.core,
                    client: self.client,
                    session: self.session,
                    plan: &mut plan,
                    flow,
                    stage,
                    settings,
                    query: &query,
                    agreed,
                };
                let sent = answer.take();
                let answered = sent.is_some();
                let step = match sent {
                    None => kind.show(&mut run).await,
                    Some(sent) if is_for(kind.as_ref(), sent) => kind.answer(&mut run, sent).await,
                    Some(_) => kind.answer(&mut run, &Map::new()).await,
                };
                match claim {
                    Some(_) if matches!(step, Ok(FlowStep::Next)) => {
                        plan.context.set(&keys::SETUP_CLAIMED, true);
                        if let Err(error) = address::take(self.core, self.client).await {
                            tracing::error!(%error, "the address of the first run could not be kept");
                        }
                        // The setup is closed already; this only removes the code.
                        if let Err(error) = setup::finish(self.core).await {
                            tracing::warn!(%error, "the set-up code could not be removed");
                        }
                    }
                    Some(claim) => setup::release(self.core, claim).await?,
                    None => {}
                }
                match invited {
                    Some(claim) if matches!(step, Ok(FlowStep::Next)) => {
                        invitation::used(self.core, self.client, claim, &mut plan.context).await
                    }
                    Some(claim) => invitation::release(self.core, claim).await?,
                    None => {}
                }
                let is_form = was_shown || !kind.component().is_empty();
                agreed |= answered && is_form && matches!(step, Ok(FlowStep::Next));
                step
            };
            plan.owner = self.session.principal().map(|p| p.user.id);
            let step = match step {
                Ok(step) => step,
                // Invalid values are shown at their fields, as if the stage had done it.
                Err(Error::Invalid(fields)) => FlowStep::Invalid(fields.into()),
                // The account has changed between authentication and the change.
                Err(error) if epoch::has_changed(&error) => return self.begin_anew(flow, plan).await,
                // The run stays as it is, so that the user can try again.
                Err(error) => {
                    self.session.state.plan = Some(plan);
                    return Err(error);
                }
            };
            self.session.touch();
            match step {
                FlowStep::Show(challenge) => {
                    plan.shown = true;
                    self.session.state.plan = Some(plan);
                    if passed {
                        return Ok(Reply::Again);
                    }
                    let challenge = self.dress(flow, challenge);
                    return Ok(Reply::Challenge(challenge));
                }
                FlowStep::Invalid(errors) => {
                    return self.again_with(flow, plan, &planned, kind.as_ref(), errors).await;
                }
                FlowStep::Next => {
                    history::record(self.core, self.session, &plan);
                    plan.shown = false;
                    plan.refused = None;
                    plan.stages.pop_front();
                    if plan.stages.is_empty() && !passed {
                        return Ok(self.finish(flow, plan));
                    }
                    let goes_on = posted && plan.stages.iter().any(|next| self.needs_agreement(next));
                    self.session.state.plan = Some(plan);
                    if !goes_on {
                        return Ok(Reply::Again);
                    }
                    passed = true;
                }
                FlowStep::Redirect(to) => {
                    plan.shown = true;
                    self.session.state.plan = Some(plan);
                    return Ok(Reply::Away(to));
                }
                FlowStep::Switch { flow: other, keep } => return self.switch(other, plan, keep).await,
                FlowStep::Finish(challenge) => {
                    history::record(self.core, self.session, &plan);
                    // The title's placeholders need the plan.
                    self.session.state.plan = Some(plan);
                    return Ok(self.end_by(flow, challenge));
                }
                FlowStep::Restart => return self.restart(flow, plan, false).await,
                FlowStep::Deny(text) => {
                    self.core
                        .event_denied(
                            self.client,
                            self.session.principal(),
                            flow.name(),
                            text.as_deref().unwrap_or_default(),
                        )
                        .await;
                    self.session.state.plan = Some(plan);
                    return Ok(self.denied(flow, text));
                }
            }
        }
        Err(Error::internal("the flow does not come to an end"))
    }

    /// Leaves the run for another flow, with its context if `keep` is set. The user's query is kept.
    async fn switch(&mut self, other: Uuid, plan: Plan, keep: bool) -> Result<Reply> {
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
    async fn again_with(
        &mut self,
        flow: &Arc<Object>,
        mut plan: Plan,
        planned: &Planned,
        kind: &dyn StageKind,
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
        let (_, stage, settings) = self.resolve(&planned.stage)?;
        let query = self.session.state.query.clone();
        let mut run = FlowRun {
            core: self.core,
            client: self.client,
            session: self.session,
            plan: &mut plan,
            flow,
            stage,
            settings,
            query: &query,
            agreed: false,
        };
        let shown = kind.show(&mut run).await?;
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

    fn needs_agreement(&self, planned: &Planned) -> bool {
        planned
            .stage
            .kind_id(self.core)
            .and_then(|id| self.core.families.stage(&id))
            .is_some_and(|kind| kind.needs_agreement())
    }

    fn resolve(&self, stage: &StageRef) -> Result<Resolved> {
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

/// Whether an answer is for the open component. Otherwise it counts as empty.
fn is_for(kind: &dyn StageKind, sent: &Map) -> bool {
    let component = sent.get("component").and_then(Json::as_str).unwrap_or_default();
    component.is_empty() || kind.component().is_empty() || component == kind.component()
}
