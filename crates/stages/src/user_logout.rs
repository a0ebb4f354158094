//! Ends the session.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result};
use signet_core::flow::{FlowRun, FlowStep, StageKind, keys, sign_out};
use signet_core::login;
use signet_model::Model;
use signet_pages::{FormContext, StagePage};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[UserLogoutStage::DEF], kind: || Arc::new(UserLogout), actions: signet_rest::none };

/// Ends the user's session.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_user_logout", path = "stages/user_logout", base = Stage, label = "User Logout Stage", component = "ak-stage-user-logout-form", search("name"))]
pub struct UserLogoutStage {
    #[field(unique, filter)]
    pub name: String,
}

struct UserLogout;

#[async_trait]
impl StageKind for UserLogout {
    fn id(&self) -> &'static str {
        "authentik_stages_user_logout.userlogoutstage"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        if let Some(question) = sign_out::ask(flow) {
            return Ok(question);
        }
        end(flow).await
    }
    /// An answer cannot come from another site.
    async fn answer(&self, flow: &mut FlowRun<'_>, _: &Map) -> Result<FlowStep> {
        end(flow).await
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        sign_out::page(challenge, form)
    }
}

async fn end(flow: &mut FlowRun<'_>) -> Result<FlowStep> {
    if flow.user().is_some() {
        login::sign_out(flow.core, flow.client, flow.session).await;
    }
    // The run's authentication was for the session that has just ended.
    let context = flow.context();
    context.remove(&keys::USER_BACKEND);
    context.remove(&keys::AUTH_METHOD);
    context.remove(&keys::AUTH_METHOD_ARGS);
    Ok(FlowStep::Next)
}
