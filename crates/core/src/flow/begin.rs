//! Starting a run, and resuming a parked one.
use super::ending::ending;
use super::executor::{Executor, Reply};
use super::plan::{NotPlanned, Plan, plan};
use super::{keys, token};
use crate::authorize;
use crate::models::{Designation, Flow, FlowStageBinding, InvalidResponseAction};
use crate::{Core, setup};
use signet_base::{Result, query};
use signet_model::Object;
use std::sync::Arc;

impl Executor<'_> {
    /// Stores a plan in the session; the user is redirected to the flow's page.
    pub fn start(&mut self, plan: Plan) {
        self.session.state.bring(plan.flow, self.query);
        // The key of a link is not stored.
        self.session.state.query = super::arrival::kept(self.query);
        self.session.state.history.clear();
        self.begin(plan);
    }

    /// The run belongs to the current URL; another run is parked.
    pub(super) fn begin(&mut self, mut plan: Plan) {
        plan.owner = self.session.principal().map(|p| p.user.id);
        plan.given = self.may_restart(&plan).then(|| plan.context.clone());
        self.session.state.plan = Some(plan);
        self.session.touch();
    }

    /// Whether a wrong answer to one of the stages restarts the run, so that its initial context must be
    /// kept.
    fn may_restart(&self, plan: &Plan) -> bool {
        let config = self.core.config();
        let restarts = |pk| {
            config
                .get(pk)
                .and_then(|b| b.get::<FlowStageBinding>())
                .is_some_and(|b| b.invalid_response_action == InvalidResponseAction::Restart)
        };
        plan.stages.iter().filter_map(|s| s.binding).any(restarts)
    }

    /// The run of this URL: the parked one, or a new one. A reply if there is nothing to ask.
    pub(super) async fn ensure_plan(&mut self, flow: &Arc<Object>, answered: bool) -> Result<Option<Reply>> {
        self.session.state.bring(flow.pk, self.query);
        self.session.state.forget_old(self.core.now());
        if let Some(reply) = self.take_up(flow).await? {
            return Ok(reply);
        }
        match self.session.state.plan.take().filter(|p| p.flow == flow.pk) {
            Some(plan) if plan.owner != self.session.principal().map(|p| p.user.id) => {
                if let Some(reply) = self.owner_changed(flow, plan).await? {
                    return Ok(Some(reply));
                }
            }
            // An answer to a refusal starts a new run.
            Some(plan) if answered && plan.over.as_ref().is_some_and(|over| over.is_refusal()) => {
                self.close()
            }
            Some(plan) => {
                let over = plan.over.clone();
                self.session.state.plan = Some(plan);
                let Some(over) = over else { return Ok(None) };
                if authorize::may_show_again(self.core, &over).await? {
                    return Ok(Some(ending(over.shown)));
                }
                // The application has used its answer: another one is asked for as at first.
                self.close();
                if let Some(to) = protocol(self.core, flow, self.query) {
                    return Ok(Some(Reply::Away(to)));
                }
            }
            None => {}
        }
        self.core.metrics.flow_executions.inc();
        if flow.text("slug") == setup::FLOW && setup::is_done(self.core).await? {
            return Ok(Some(
                self.not_applicable(flow, "The first run is over. Sign in instead.".to_owned()).await,
            ));
        }
        let context = self.fresh_context();
        match plan(self.core, self.client, flow, self.session.principal(), context, false).await? {
            Ok(plan) => {
                self.start(plan);
                Ok(None)
            }
            Err(NotPlanned::NotApplicable(messages)) => {
                Ok(Some(self.not_applicable(flow, applies_to_others(messages)).await))
            }
            Err(NotPlanned::Empty) => Ok(Some(self.denied(flow, None))),
        }
    }

    pub(super) async fn not_applicable(&mut self, flow: &Arc<Object>, text: String) -> Reply {
        self.core.event_denied(self.client, self.session.principal(), flow.name(), &text).await;
        match self.denied(flow, Some(text)) {
            Reply::Challenge(refusal) => Reply::NotApplicable(refusal),
            other => other,
        }
    }

    /// The session's user has changed since the run was parked. A waiting sign-in redirects to its target; a
    /// protocol's run restarts there. `None`: the run restarts.
    async fn owner_changed(&mut self, flow: &Arc<Object>, plan: Plan) -> Result<Option<Reply>> {
        let designation = flow.get::<Flow>().map(|f| f.designation);
        let query = std::mem::take(&mut self.session.state.query);
        self.session.touch();
        if plan.over.is_some() {
            return Ok(None);
        }
        if designation == Some(Designation::Authentication)
            && plan.owner.is_none()
            && self.session.principal().is_some()
        {
            let next = query::value(&query, "next").as_deref().and_then(query::local_path);
            return Ok(Some(Reply::Done(next.unwrap_or_else(|| "/".to_owned()))));
        }
        if let Some(to) = protocol(self.core, flow, self.query) {
            return Ok(Some(Reply::Away(to)));
        }
        if plan.context.has(&keys::IS_RESTORED) {
            return Ok(Some(self.denied(flow, Some(token::GONE.to_owned()))));
        }
        Ok(None)
    }
}

/// The URL at which an application's request restarts, if an authorization flow's page belongs to one.
pub fn protocol(core: &Core, flow: &Object, own: &str) -> Option<String> {
    let is_authorization = flow.get::<Flow>().is_some_and(|f| f.designation == Designation::Authorization);
    is_authorization.then(|| core.families.providers().find_map(|kind| kind.request_url(own))).flatten()
}

/// The refusal of a flow that does not apply to this user.
pub(super) fn applies_to_others(messages: Vec<String>) -> String {
    if messages.is_empty() { "Flow does not apply to current user.".to_owned() } else { messages.join("\n") }
}
