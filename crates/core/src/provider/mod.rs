//! Provider kinds: the protocols of applications. A kind brings its routes; [`authorize`](crate::authorize) leads people
//! through sign-in and flows for all kinds, and `access::may_use` decides about access.
mod index;

pub use index::{ProviderCache, ProviderEntry, ProviderIndex};

use crate::authorize::{Answer, AuthorizationRequest};
use crate::{Client, Core, Principal};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Span, Uuid};
use signet_model::{ModelDef, Object, Snapshot};
use std::sync::Arc;

/// A token requested by an expression.
pub struct JwtRequest {
    pub subject: Subject,
    /// Lifetime.
    pub validity: Span,
}
/// The subject.
pub enum Subject {
    /// A user who has access to the application.
    Person { person: Principal, scopes: Vec<String> },
    /// Claims chosen by the expression.
    Claims(Map),
}

/// Tells applications that a session is over. Who took part in it is noted by
/// [`take_part`](crate::session::participants::take_part), with the answer.
#[async_trait]
pub trait SignOut: Send + Sync {
    /// Whether this provider's application is told.
    fn tells(&self, provider: &Object) -> bool;
    /// One attempt, outside of requests. `id` is the same in every attempt, so that the application knows a message that
    /// comes twice. `Invalid` for a refusal that another attempt would meet as well.
    async fn tell(
        &self,
        core: &Arc<Core>,
        provider: &Arc<Object>,
        message: &SignOutMessage,
        id: Uuid,
    ) -> Result<()>;
}

/// Whom a message is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignOutMessage {
    /// The provider's number.
    pub provider: i64,
    /// What the application calls the session.
    pub session_index: String,
    /// What the kind noted when the provider took part.
    pub data: Json,
}

#[async_trait]
pub trait ProviderKind: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    /// The URL that the library opens.
    fn launch_url(&self, _provider: &Object, _world: &Snapshot) -> Option<String> {
        None
    }
    /// A signed token, if the kind issues tokens.
    async fn token(
        &self,
        _core: &Arc<Core>,
        _client: &Client,
        _provider: &Arc<Object>,
        _order: JwtRequest,
    ) -> Result<String> {
        Err(Error::denied("This provider makes no tokens."))
    }
    /// A request as its protocol reads it now, from [`AuthorizationRequest::stored`]: the provider's settings may have
    /// changed since it came. `Denied` where there is no checked way back any more.
    fn authorization(
        &self,
        _core: &Arc<Core>,
        _client: &Client,
        _provider: &Arc<Object>,
        _stored: &Json,
    ) -> Result<Box<dyn AuthorizationRequest>> {
        Err(Error::denied("This provider is not for browsers."))
    }
    /// How applications are told that a session is over; `None`: they are not.
    fn sign_out(&self) -> Option<&dyn SignOut> {
        None
    }
    /// The local URL at which a request starts again, from the query of its flow's page.
    fn request_url(&self, _query: &str) -> Option<String> {
        None
    }
    /// Whether an answer may be sent again: nothing in it was used meanwhile.
    async fn may_repeat(&self, _core: &Core, _answer: &Answer) -> Result<bool> {
        Ok(true)
    }
}
