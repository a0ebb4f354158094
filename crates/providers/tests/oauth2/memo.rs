//! A protocol that exists in tests only: all that a protocol adds to the engine.
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Result, Uuid, json};
use signet_core::authorize::{Answer, AuthorizationRequest, Demands, Ending};
use signet_core::models::application_of;
use signet_core::provider::ProviderKind;
use signet_core::{Client, Core, WebSession};
use signet_model::{Model, ModelDef, Object};
use std::sync::Arc;

/// Sends people to `https://memo.test/`.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_test", path = "providers/memo", base = Provider, numbered, label = "Memo Provider", component = "x", search("name"))]
pub struct MemoProvider {
    #[field(unique, filter)]
    pub name: String,
    #[field(refers = "authentik_flows.flow")]
    pub authentication_flow: Option<Uuid>,
    #[field(refers = "authentik_flows.flow")]
    pub authorization_flow: Uuid,
    /// Whether refusals may be sent to the application.
    #[field(default = true)]
    pub has_way_back: bool,
}

pub struct Memo;

#[async_trait]
impl ProviderKind for Memo {
    fn def(&self) -> &'static ModelDef {
        MemoProvider::DEF
    }
    fn authorization(
        &self,
        core: &Arc<Core>,
        _: &Client,
        provider: &Arc<Object>,
        stored: &Json,
    ) -> Result<Box<dyn AuthorizationRequest>> {
        let config = core.config();
        let application = provider.num.and_then(|num| application_of(&config, num)).cloned();
        let application = application.ok_or_else(|| Error::denied("gone"))?;
        let sent = serde_json::from_value(stored.clone())?;
        Ok(Box::new(MemoRequest { provider: provider.clone(), application, sent }))
    }
}

/// What the message says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sent {
    pub id: String,
    pub passive: bool,
    pub again: bool,
    pub consent: bool,
    pub declined: bool,
}

pub struct MemoRequest {
    pub provider: Arc<Object>,
    pub application: Arc<Object>,
    pub sent: Sent,
}

#[async_trait]
impl AuthorizationRequest for MemoRequest {
    fn provider(&self) -> &Arc<Object> {
        &self.provider
    }
    fn application(&self) -> &Arc<Object> {
        &self.application
    }
    fn demands(&self) -> Demands {
        let Sent { passive, again, consent, .. } = self.sent;
        Demands { passive, force_authentication: again, consent_again: consent, ..Demands::default() }
    }
    fn stored(&self) -> Json {
        json!(self.sent)
    }
    fn url(&self) -> String {
        format!("/memo/?memo={}", self.sent.id)
    }
    fn id(&self) -> Option<String> {
        Some(self.sent.id.clone())
    }
    fn is_declined(&self) -> bool {
        self.sent.declined
    }
    async fn succeed(&self, core: &Arc<Core>, _: &Client, session: &WebSession) -> Result<Answer> {
        let who = session.principal().map(|p| p.user.username.clone()).unwrap_or_default();
        Ok(Answer::Redirect(format!("https://memo.test/in?who={who}&ticket={}", core.ports.hex(8))))
    }
    fn end(&self, ending: &Ending) -> Option<Answer> {
        let way_back = self.provider.get::<MemoProvider>()?.has_way_back;
        way_back.then(|| Answer::Redirect(format!("https://memo.test/no?{ending:?}")))
    }
}
