//! A request of a run, in phases: enter a stage, claim what it uses up, ask it, settle the claims, go on.
use super::executor::{Executor, Reply};
use super::stage::{FlowRun, FlowStep, StageKind};
use super::{Plan, Planned, history, invitation, keys, setup_code};
use crate::{address, setup};
use signet_base::{Error, Json, Map, Result};
use signet_model::Object;
use signet_store::epoch;
use std::sync::Arc;

/// Maximum number of stages without a challenge per request, so that flows cannot redirect to each other
/// endlessly.
const MAX_SILENT: usize = 100;
/// Refusal of the first run when another browser was faster.
const OVER: &str = "The first run is over. Sign in instead.";

/// What a request carries from stage to stage.
struct Pass<'a> {
    /// The answer, until a stage has taken it.
    answer: Option<&'a Map>,
    posted: bool,
    /// A stage was passed, and the run goes on in the same request.
    passed: bool,
    /// A form was answered: changes that follow need no further confirmation.
    agreed: bool,
}

/// The outcome of entering a stage.
enum Entered {
    Stage(Planned),
    /// The stage does not apply.
    Skip,
    /// There are no more stages.
    End,
    /// The authentication of the run is void.
    Anew,
    /// A policy requests a redirect. The rest of the run is kept.
    Away(String),
    /// The stage runs in a request of its own.
    Later,
}

/// What a stage that writes accounts uses up: given back unless the stage succeeds.
#[derive(Default)]
struct Claims {
    invitation: Option<invitation::Claim>,
    first_run: Option<setup::Claim>,
}

/// A kind, the stage's object, and the settings of a built-in stage.
type Stage<'a> = (&'a dyn StageKind, Option<Arc<Object>>, Json);

impl Executor<'_> {
    /// One stage per request, as in authentik. Exception: in flows that change an account, the request with
    /// the answer continues to the next form, or to the start of a session. So the change is made by that
    /// request, and opening a URL changes nothing.
    pub(super) async fn step(&mut self, flow: &Arc<Object>, answer: Option<&Map>) -> Result<Reply> {
        let mut pass = Pass { answer, posted: answer.is_some(), passed: false, agreed: false };
        for _ in 0..MAX_SILENT {
            let mut plan =
                self.session.state.plan.take().ok_or_else(|| Error::internal("a run without a plan"))?;
            let planned = match self.enter(flow, &mut plan, &mut pass).await {
                Ok(Entered::Stage(planned)) => planned,
                Ok(Entered::End) => return Ok(self.finish(flow, plan)),
                Ok(Entered::Anew) => return self.begin_anew(flow, plan).await,
                Ok(Entered::Skip) => {
                    plan.stages.pop_front();
                    pass.answer = None;
                    self.keep(plan);
                    continue;
                }
                Ok(Entered::Away(to)) => {
                    self.keep(plan);
                    return Ok(Reply::Away(to));
                }
                Ok(Entered::Later) => {
                    self.session.state.plan = Some(plan);
                    return Ok(Reply::Again);
                }
                Err(error) => return Err(self.failed(plan, error)),
            };
            let (kind, stage, settings) = self.resolve(&planned.stage)?;
            let claims = match self.claim(flow, &mut plan, kind.as_ref(), &mut pass).await {
                Ok(Some(claims)) => claims,
                Ok(None) => {
                    self.session.state.plan = Some(plan);
                    return Ok(self.denied(flow, Some(OVER.to_owned())));
                }
                Err(error) => return Err(self.failed(plan, error)),
            };
            let (sent, is_form) = (pass.answer.take(), plan.shown || !kind.component().is_empty());
            let step = self.ask(flow, &mut plan, (kind.as_ref(), stage, settings), sent, pass.agreed).await;
            let is_done = matches!(step, Ok(FlowStep::Next));
            self.settle(&mut plan, claims, is_done).await?;
            pass.agreed |= sent.is_some() && is_form && is_done;
            plan.owner = self.session.principal().map(|p| p.user.id);
            let step = match step {
                Ok(step) => step,
                // Invalid values are shown at their fields, as if the stage had done it.
                Err(Error::Invalid(fields)) => FlowStep::Invalid(fields.into()),
                // The account has changed between authentication and the change.
                Err(error) if epoch::has_changed(&error) => return self.begin_anew(flow, plan).await,
                Err(error) => return Err(self.failed(plan, error)),
            };
            self.session.touch();
            if let Some(reply) = self.go_on(flow, plan, &planned, step, &mut pass).await? {
                return Ok(reply);
            }
        }
        Err(Error::internal("the flow does not come to an end"))
    }

    fn keep(&mut self, plan: Plan) {
        self.session.state.plan = Some(plan);
        self.session.touch();
    }

    /// The run stays as it is, so that the user can try again.
    fn failed(&mut self, plan: Plan, error: Error) -> Error {
        self.session.state.plan = Some(plan);
        error
    }

    /// Whether the next stage runs now.
    async fn enter(&mut self, flow: &Arc<Object>, plan: &mut Plan, pass: &mut Pass<'_>) -> Result<Entered> {
        if !plan.shown
            && let Some(to) = plan.context.get(&keys::PLAN_REDIRECT)
        {
            plan.context.remove(&keys::PLAN_REDIRECT);
            return Ok(Entered::Away(to));
        }
        if is_first_run(flow, plan) && !self.client.local && setup_code::ask_first(plan) {
            pass.answer = None;
        }
        let Some(planned) = plan.stages.front().cloned() else { return Ok(Entered::End) };
        if !self.still_counts(plan).await? {
            return Ok(Entered::Anew);
        }
        let kind = planned.stage.kind_id(self.core).and_then(|id| self.core.families.stage(&id));
        if pass.passed && kind.is_some_and(|kind| kind.begins_session()) {
            return Ok(Entered::Later);
        }
        // Evaluated as long as the stage has not been shown, also if an answer arrives unasked.
        if planned.re_evaluate && !plan.shown && !self.still_applies(flow, plan, &planned).await? {
            return Ok(Entered::Skip);
        }
        Ok(Entered::Stage(planned))
    }

    /// Takes what the stage uses up before it runs: an agreement, an invitation, the first run. `None`: the
    /// first run is over.
    async fn claim(
        &self,
        flow: &Arc<Object>,
        plan: &mut Plan,
        kind: &dyn StageKind,
        pass: &mut Pass<'_>,
    ) -> Result<Option<Claims>> {
        // Checked at every step of the first-run setup: two browsers may both have started it.
        let first_run = is_first_run(flow, plan);
        if first_run && setup::is_done(self.core).await? {
            return Ok(None);
        }
        if kind.needs_agreement() && plan.context.get(&keys::AGREED) == Some(true) {
            plan.context.remove(&keys::AGREED);
            pass.agreed = true;
        }
        if !kind.writes_people() {
            return Ok(Some(Claims::default()));
        }
        let invitation = invitation::claim(self.core, flow.pk, &mut plan.context).await?;
        if !first_run {
            return Ok(Some(Claims { invitation, first_run: None }));
        }
        let first_run = setup::claim(self.core).await?;
        Ok(first_run.map(|claim| Claims { invitation, first_run: Some(claim) }))
    }

    /// Runs the stage: its guard, then its challenge, or the answer to it. An answer for another component
    /// counts as empty.
    pub(super) async fn ask(
        &mut self,
        flow: &Arc<Object>,
        plan: &mut Plan,
        (kind, stage, settings): Stage<'_>,
        sent: Option<&Map>,
        agreed: bool,
    ) -> Result<FlowStep> {
        let query = self.session.state.query.clone();
        let mut run = FlowRun {
            core: self.core,
            client: self.client,
            session: self.session,
            plan,
            flow,
            stage,
            settings,
            query: &query,
            agreed,
        };
        if let Some(step) = kind.guard(&mut run).await? {
            return Ok(step);
        }
        match sent {
            None => kind.show(&mut run).await,
            Some(sent) if is_for(kind, sent) => kind.answer(&mut run, sent).await,
            Some(_) => kind.answer(&mut run, &Map::new()).await,
        }
    }

    /// Uses the claims up if the stage has succeeded, and gives them back if not.
    async fn settle(&self, plan: &mut Plan, claims: Claims, is_done: bool) -> Result<()> {
        match claims.first_run {
            Some(_) if is_done => {
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
        match claims.invitation {
            Some(claim) if is_done => {
                invitation::used(self.core, self.client, claim, &mut plan.context).await;
            }
            Some(claim) => invitation::release(self.core, claim).await?,
            None => {}
        }
        Ok(())
    }

    /// What follows from the stage's outcome. `None`: the next stage, in this request.
    async fn go_on(
        &mut self,
        flow: &Arc<Object>,
        mut plan: Plan,
        planned: &Planned,
        step: FlowStep,
        pass: &mut Pass<'_>,
    ) -> Result<Option<Reply>> {
        Ok(Some(match step {
            FlowStep::Show(challenge) => {
                plan.shown = true;
                self.session.state.plan = Some(plan);
                if pass.passed { Reply::Again } else { Reply::Challenge(self.dress(flow, challenge)) }
            }
            FlowStep::Invalid(errors) => self.again_with(flow, plan, planned, errors).await?,
            FlowStep::Next => {
                history::record(self.core, self.session, &plan);
                plan.shown = false;
                plan.refused = None;
                plan.stages.pop_front();
                if plan.stages.is_empty() && !pass.passed {
                    return Ok(Some(self.finish(flow, plan)));
                }
                let goes_on = pass.posted && plan.stages.iter().any(|next| self.needs_agreement(next));
                self.session.state.plan = Some(plan);
                if goes_on {
                    pass.passed = true;
                    return Ok(None);
                }
                Reply::Again
            }
            FlowStep::Redirect(to) => {
                plan.shown = true;
                self.session.state.plan = Some(plan);
                Reply::Away(to)
            }
            FlowStep::Switch { flow: other, keep } => self.switch(other, plan, keep).await?,
            FlowStep::Finish(challenge) => {
                history::record(self.core, self.session, &plan);
                // The title's placeholders need the plan.
                self.session.state.plan = Some(plan);
                self.end_by(flow, challenge)
            }
            FlowStep::Restart => self.restart(flow, plan, false).await?,
            FlowStep::Deny(text) => {
                let said = text.as_deref().unwrap_or_default();
                self.core.event_denied(self.client, self.session.principal(), flow.name(), said).await;
                self.session.state.plan = Some(plan);
                self.denied(flow, text)
            }
        }))
    }
}

/// Whether this is the first run of the installation, and the account is not made yet.
fn is_first_run(flow: &Object, plan: &Plan) -> bool {
    flow.text("slug") == setup::FLOW && plan.context.get(&keys::SETUP_CLAIMED) != Some(true)
}

/// Whether an answer is for the open component.
fn is_for(kind: &dyn StageKind, sent: &Map) -> bool {
    let component = sent.get("component").and_then(Json::as_str).unwrap_or_default();
    component.is_empty() || kind.component().is_empty() || component == kind.component()
}
