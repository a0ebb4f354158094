//! Checks before each stage: whether the authentication of this run is still valid (else the run restarts),
//! and whether the stage still applies.
use super::executor::{Executor, Reply};
use super::plan::{pending_principal, stage_verdict};
use super::token::{ADDRESS, GONE};
use super::{Plan, Planned, StageRef, account, keys};
use crate::Principal;
use signet_base::Result;
use signet_model::Object;
use signet_store::users::canonical;
use std::sync::Arc;

impl Executor<'_> {
    /// Whether the account is still at the epoch at which it was authenticated, and in a link's run still has the
    /// address to which the link was sent. If a policy set the user, the epoch of the first check counts.
    pub(super) async fn still_counts(&self, plan: &mut Plan) -> Result<bool> {
        let Some(id) = plan.context.get(&keys::PENDING_USER).and_then(|u| u.id) else { return Ok(true) };
        let proven = plan.context.get(&account::PROVEN).filter(|at| at.user == id);
        if proven.is_none() && !plan.context.has(&keys::USER_BACKEND) && !plan.context.has(&keys::IS_RESTORED)
        {
            return Ok(true);
        }
        // Stages refuse a deleted account.
        let Some(person) = Principal::load_any(self.core, id).await? else { return Ok(true) };
        let sent_to = plan.context.get(&ADDRESS).filter(|_| !plan.context.has(&keys::CHOSEN));
        if plan.context.has(&keys::IS_RESTORED)
            && sent_to.is_some_and(|sent| canonical(&sent) != canonical(&person.user.email))
        {
            return Ok(false);
        }
        match proven {
            Some(at) => Ok(at.counts(&person.user)),
            None => {
                account::prove(&mut plan.context, &person.user);
                Ok(true)
            }
        }
    }

    /// Restarts the run: the account has changed since it was authenticated.
    pub(super) async fn begin_anew(&mut self, flow: &Arc<Object>, mut plan: Plan) -> Result<Reply> {
        tracing::info!(request_id = %self.client.request_id, flow = flow.name(), "the account has changed since it was proven: the run begins anew");
        if plan.context.has(&keys::IS_RESTORED) {
            return Ok(self.denied(flow, Some(GONE.to_owned())));
        }
        let kept = [
            &keys::TRAVELLERS[..],
            &[
                keys::CONSENT_HEADER.0,
                keys::CONSENT_TITLE.0,
                keys::CONSENT_PERMISSIONS.0,
                keys::DECLINE_URL.0,
            ],
        ]
        .concat();
        plan.context.0.retain(|name, _| kept.contains(&name.as_str()));
        plan.context.0.extend(self.fresh_context().0);
        plan.given = None;
        self.restart(flow, plan, true).await
    }

    /// Whether the policies of a stage's binding pass. A failing policy denies the run: skipping the stage
    /// would open what it guards (CVE-2024-47070).
    pub(super) async fn still_applies(
        &mut self,
        flow: &Arc<Object>,
        plan: &mut Plan,
        planned: &Planned,
    ) -> Result<bool> {
        let Some(binding) = planned.binding.and_then(|pk| self.core.config().get(pk).cloned()) else {
            return Ok(true);
        };
        let Some(pbm) = binding.pbm() else { return Ok(true) };
        if self.core.config().bindings_of(pbm).is_empty() {
            return Ok(true);
        }
        let pending = pending_principal(self.core, &plan.context).await?;
        let user = pending.as_ref().or(self.session.principal());
        let verdict = stage_verdict(self.core, self.client, &binding, user, &plan.context)
            .await
            .inspect_err(|error| {
                tracing::warn!(flow = flow.name(), %error, "a stage's policies could not be judged");
            })?;
        plan.context.0.extend(verdict.context);
        if !verdict.passing {
            plan.messages.extend(verdict.messages);
        }
        Ok(verdict.passing)
    }

    /// Restarts with the run's initial context, or with the current one. Stages that the server appended (a
    /// protocol's response) stay at the end.
    pub(super) async fn restart(&mut self, flow: &Arc<Object>, plan: Plan, keep: bool) -> Result<Reply> {
        let built_in: Vec<Planned> =
            plan.stages.into_iter().filter(|s| matches!(s.stage, StageRef::BuiltIn { .. })).collect();
        let (given, authorization) = (plan.given, plan.authorization);
        let context = if keep { plan.context } else { given.clone().unwrap_or_else(|| self.fresh_context()) };
        match super::plan::plan(
            self.core,
            self.client,
            flow,
            self.session.principal(),
            context,
            !built_in.is_empty(),
        )
        .await?
        {
            Ok(mut fresh) => {
                fresh.stages.extend(built_in);
                fresh.total = fresh.stages.len();
                fresh.given = given;
                fresh.authorization = authorization;
                fresh.owner = self.session.principal().map(|p| p.user.id);
                self.session.state.plan = Some(fresh);
                self.session.touch();
                Ok(Reply::Again)
            }
            Err(_) => Ok(self.denied(flow, None)),
        }
    }
}
