//! The built-in stages at the end of an authorization flow: consent and response.
use super::answer::{ResponseTarget, answer, response_target};
use super::checks;
use crate::oauth2::clients::ClientCache;
use crate::oauth2::model::UriType;
use crate::oauth2::params::Params;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, json};
use signet_core::access;
use signet_core::flow::{Challenge, FlowRun, FlowStep, StageKind, keys};

pub const FINAL: &str = "builtin.oauth2";
pub const CONSENT: &str = "builtin.oauth2_consent";

/// The final stage's state between requests. Everything in it is checked again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingAuthorization {
    /// The provider's number.
    pub provider: i64,
    /// The user who started the run; another user of the same session cannot finish it.
    pub user: i64,
    pub params: Vec<(String, String)>,
}

#[derive(Default)]
pub struct AuthorizeStage {
    cache: ClientCache,
}

#[async_trait]
impl StageKind for AuthorizeStage {
    fn id(&self) -> &'static str {
        FINAL
    }
    fn is_silent(&self) -> bool {
        true
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let pending: PendingAuthorization = serde_json::from_value(flow.settings.clone())?;
        let core = flow.core;
        let entry = self.cache.require(core, pending.provider)?;
        let Some(person) = flow.user().filter(|p| p.user.id == pending.user) else {
            return Ok(FlowStep::Deny(Some(
                "Another person signed in meanwhile. Start again from the application.".into(),
            )));
        };
        let params = Params::from_pairs(pending.params);
        let redirect_uri = params.get("redirect_uri").unwrap_or_default();
        if params.get("client_id") != Some(entry.settings.client_id.as_str())
            || !entry.matcher()?.fits(UriType::Authorization, redirect_uri)
        {
            return Ok(FlowStep::Deny(Some(
                "The application's settings have changed. Start again from the application.".into(),
            )));
        }
        let (ask, parameters) = match checks::check(&params, &entry, redirect_uri) {
            Ok(ask) => {
                let verdict = access::may_use(
                    core,
                    flow.client,
                    person,
                    &entry.application,
                    &super::access_context(&ask),
                )
                .await?;
                if !verdict.passing {
                    return Ok(FlowStep::Deny(Some(verdict.messages.join("\n")).filter(|t| !t.is_empty())));
                }
                let parameters = answer(core, flow.client, flow.session, &entry, &ask).await?;
                (ask, parameters)
            }
            Err(refused) => {
                let (error, ask) = *refused;
                let parameters = ask.error_parameters(&error, entry.issuer_for(core, flow.client));
                (ask, parameters)
            }
        };
        Ok(FlowStep::Finish(match response_target(&entry, &ask, &parameters) {
            ResponseTarget::Location(to) => Challenge::new("xak-flow-redirect").with("to", to),
            ResponseTarget::Form(challenge) => challenge,
        }))
    }
}

/// Requires consent even where one is stored (`prompt=consent`).
pub struct ConsentAgain;

#[async_trait]
impl StageKind for ConsentAgain {
    fn id(&self) -> &'static str {
        CONSENT
    }
    fn component(&self) -> &'static str {
        "ak-stage-consent"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let token = flow.plan.context.get(&keys::CONSENT_TOKEN).unwrap_or_else(|| flow.core.ports.hex(20));
        flow.plan.context.set(&keys::CONSENT_TOKEN, token.clone());
        let permissions: Vec<Map> = flow.plan.context.get(&keys::CONSENT_PERMISSIONS).unwrap_or_default();
        let header = flow.plan.context.get(&keys::CONSENT_HEADER).unwrap_or_default();
        let challenge = Challenge::new("ak-stage-consent")
            .with("header_text", header)
            .with("permissions", json!(permissions))
            .with("additional_permissions", json!([]))
            .with("token", token);
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let sent = answer.get("token").and_then(Json::as_str).unwrap_or_default();
        let expected: Option<String> = flow.plan.context.get(&keys::CONSENT_TOKEN);
        let fits = expected.is_some_and(|e| signet_jose::constant_time_eq(e.as_bytes(), sent.as_bytes()));
        if !fits {
            return self.show(flow).await;
        }
        flow.plan.context.remove(&keys::CONSENT_TOKEN);
        Ok(FlowStep::Next)
    }
}
