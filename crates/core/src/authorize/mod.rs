//! Interactive authorization, the same for every protocol by which an application sends a person here: whether somebody is
//! signed in and has to sign in again, whether they may use the application, which flow they pass, what is answered. A
//! protocol checks its message, makes an [`AuthorizationRequest`] of it and asks [`authorize`]. See
//! docs/adr/0014-authorization-engine.md.
mod answer;
mod engine;
mod pending;
mod sign_in;
mod stages;

pub(crate) use answer::may_show_again;
pub use answer::{Answer, GivenAnswer, given};
pub(crate) use engine::way_back;
pub use engine::{DECLINED, Refusal, Response, authorize};
pub use pending::{PendingAuthorization, open};
pub use stages::{ConsentAgain, Finish};

use crate::{Client, Core, Principal, WebSession};
use async_trait::async_trait;
use signet_base::{Json, Map, Result};
use signet_model::Object;
use std::sync::Arc;

/// What a request demands of the sign-in and of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demands {
    /// No page may be shown (`prompt=none`, `IsPassive`).
    pub passive: bool,
    /// The person has to authenticate again (`prompt=login`, `ForceAuthn`).
    pub force_authentication: bool,
    /// Age of the sign-in at most, in seconds (`max_age`).
    pub max_age: Option<i64>,
    /// Consent is asked for even where it was given before (`prompt=consent`).
    pub consent_again: bool,
    /// The answer cannot be a redirect: a page has to send it (`form_post`, HTTP-POST binding).
    pub answers_by_form: bool,
}

/// Whether the signed-in person is the one that the request names (`id_token_hint`, a `Subject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    None,
    Fits,
    /// Somebody else.
    Other,
    /// It says nothing; only where no page may be shown is the request refused for it.
    Unreadable,
}

/// Why a request ends without what it asked for. Each protocol says it in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// A sign-in would be needed, and no page may be shown.
    LoginRequired,
    /// Consent would be needed, and no page may be shown.
    ConsentRequired,
    /// Another page would be needed, and none may be shown.
    InteractionRequired,
    /// Policies or a flow refuse; their message, for the person.
    Denied(String),
    /// The person does not agree.
    Cancelled,
    /// The server cannot answer now.
    Unavailable,
}

/// A request whose message was checked. Made when it arrives, and again from [`AuthorizationRequest::stored`] before it is
/// answered.
#[async_trait]
pub trait AuthorizationRequest: Send + Sync {
    fn provider(&self) -> &Arc<Object>;
    fn application(&self) -> &Arc<Object>;
    fn demands(&self) -> Demands;
    /// What the protocol's kind needs to make the request again, see
    /// [`ProviderKind::authorization`](crate::provider::ProviderKind::authorization).
    fn stored(&self) -> Json;
    /// The local URL at which the same request starts again. Its query is that of the flows' pages.
    fn url(&self) -> String;
    /// The identifier that the protocol gives each request (an AuthnRequest's `ID`). Such a request is answered once: asked
    /// again, it gets the same bytes. `None` where equal requests may be two.
    fn id(&self) -> Option<String> {
        None
    }
    /// What policies and flows see of it.
    fn context(&self) -> Map {
        Map::new()
    }
    /// What the person is asked to agree to: `{"id", "name"}`.
    fn permissions(&self) -> Vec<Map> {
        Vec::new()
    }
    fn hint(&self, _person: &Principal) -> Hint {
        Hint::None
    }
    /// The person declines: its URL had the parameter [`DECLINED`].
    fn is_declined(&self) -> bool {
        false
    }
    /// Issues what was asked for. All checks of the person and the flow have passed.
    async fn succeed(&self, core: &Arc<Core>, client: &Client, session: &WebSession) -> Result<Answer>;
    /// The answer without it; `None` where the protocol has no checked way back, so that our own page says it.
    fn end(&self, ending: &Ending) -> Option<Answer>;
}
