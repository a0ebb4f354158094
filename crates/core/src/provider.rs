//! Provider kinds: the protocols of applications. A kind brings its routes; `access::may_use` decides about
//! access for all kinds.
use crate::{Client, Core, Principal};
use async_trait::async_trait;
use signet_base::{Error, Map, Result, Span};
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
}
