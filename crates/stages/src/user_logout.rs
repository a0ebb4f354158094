//! Ends the session.
use crate::Slice;
use async_trait::async_trait;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result};
use signet_core::flow::{Challenge, FlowRun, FlowStep, StageKind, keys};
use signet_core::login;
use signet_model::Model;
use signet_pages::{FormContext, ui};
use std::sync::Arc;

pub const SLICE: Slice = Slice { models: &[UserLogoutStage::DEF], kind: || Arc::new(UserLogout) };

/// Ends the user's session.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_user_logout", path = "stages/user_logout", base = Stage, label = "User Logout Stage", component = "ak-stage-user-logout-form", search("name"))]
pub struct UserLogoutStage {
    #[field(unique, filter)]
    pub name: String,
}

struct UserLogout;

/// The question where another site sent the browser here.
const QUESTION: &str = "ak-stage-dummy";

#[async_trait]
impl StageKind for UserLogout {
    fn id(&self) -> &'static str {
        "authentik_stages_user_logout.userlogoutstage"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let meant = flow.context().get(&keys::SIGN_OUT_MEANT) == Some(true);
        if flow.client.from_elsewhere && !meant && flow.user().is_some() {
            return Ok(ask(flow));
        }
        end(flow).await
    }
    /// An answer is never another site's.
    async fn answer(&self, flow: &mut FlowRun<'_>, _: &Map) -> Result<FlowStep> {
        end(flow).await
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<Markup> {
        (challenge.get("component")?.as_str()? == QUESTION)
            .then(|| form.form(challenge, html! { p class="muted" { "Another site asks to sign you out here." } (ui::button_primary("Sign out", "Signing out")) }))
    }
}

fn ask(flow: &mut FlowRun<'_>) -> FlowStep {
    FlowStep::Show(flow.about_person(Challenge::new(QUESTION).with("name", "")))
}

async fn end(flow: &mut FlowRun<'_>) -> Result<FlowStep> {
    if flow.user().is_some() {
        login::sign_out(flow.core, flow.client, flow.session).await;
    }
    // What was proven in this run was proven for the session that has just ended.
    let context = flow.context();
    context.remove(&keys::USER_BACKEND);
    context.remove(&keys::AUTH_METHOD);
    context.remove(&keys::AUTH_METHOD_ARGS);
    Ok(FlowStep::Next)
}
