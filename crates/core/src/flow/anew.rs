//! A run whose account has changed since it was proven begins anew.
use super::executor::{Executor, Reply};
use super::token::GONE;
use super::{Plan, account, keys};
use crate::Principal;
use signet_base::Result;
use signet_model::Object;
use std::sync::Arc;

impl Executor<'_> {
    /// Whether what was proven in this run rests on the account as it is. Where something else than a stage vouches for the
    /// person (a policy), it counts from when it is first seen.
    pub(super) async fn still_counts(&self, plan: &mut Plan) -> Result<bool> {
        let Some(id) = plan.context.get(&keys::PENDING_USER).and_then(|u| u.id) else { return Ok(true) };
        let proven = plan.context.get(&account::PROVEN).filter(|at| at.user == id);
        if proven.is_none() && !plan.context.has(&keys::USER_BACKEND) && !plan.context.has(&keys::IS_RESTORED) {
            return Ok(true);
        }
        // Somebody who is gone is for the stages to refuse.
        let Some(person) = Principal::load_any(self.core, id).await? else { return Ok(true) };
        match proven {
            Some(at) => Ok(at.counts(&person.user)),
            None => {
                account::prove(&mut plan.context, &person.user);
                Ok(true)
            }
        }
    }

    /// The account has changed since it was proven: nothing of the run counts any more.
    pub(super) async fn begin_anew(&mut self, flow: &Arc<Object>, mut plan: Plan) -> Result<Reply> {
        tracing::info!(request_id = %self.client.request_id, flow = flow.name(), "the account has changed since it was proven: the run begins anew");
        if plan.context.has(&keys::IS_RESTORED) {
            return Ok(self.denied(flow, Some(GONE.to_owned())));
        }
        let kept = [&keys::TRAVELLERS[..], &[keys::CONSENT_HEADER.0, keys::CONSENT_TITLE.0, keys::CONSENT_PERMISSIONS.0, keys::DECLINE_URL.0]].concat();
        plan.context.0.retain(|name, _| kept.contains(&name.as_str()));
        plan.context.0.extend(self.fresh_context().0);
        plan.given = None;
        self.restart(flow, plan, true).await
    }
}
