//! The request that a run is about, remembered while flows run.
use super::AuthorizationRequest;
use crate::{Client, Core};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Result};
use std::sync::Arc;

/// Kept in the plan of a run. Everything in it is checked again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// The provider's number.
    pub provider: i64,
    /// Who passes the authorization flow; nobody else of the same session can finish it. `None`: the run is the sign-in
    /// before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<i64>,
    pub request: Json,
}

impl PendingAuthorization {
    pub(super) fn of(request: &dyn AuthorizationRequest, user: Option<i64>) -> Self {
        let provider = request.provider().num.unwrap_or_default();
        Self { provider, user, request: request.stored() }
    }
}

/// The request, as its protocol reads it now: settings may have changed since. An error means that there is no checked way
/// back.
pub fn open(
    core: &Arc<Core>,
    client: &Client,
    pending: &PendingAuthorization,
) -> Result<Box<dyn AuthorizationRequest>> {
    let gone = || Error::denied("The application is no longer available.");
    let config = core.config();
    let provider = config.by_num(pending.provider).ok_or_else(gone)?;
    let kind = core.families.provider(provider.def).ok_or_else(gone)?;
    kind.authorization(core, client, provider, &pending.request)
}
