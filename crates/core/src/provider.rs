//! What an application speaks. A provider kind brings its routes; the gate (`access::may_use`) is one for
//! all.
use crate::{Client, Core, Principal};
use async_trait::async_trait;
use signet_base::{Error, Map, Result, Span};
use signet_model::{ModelDef, Object, Snapshot};
use std::sync::Arc;

/// A token that an administrator's text asks for.
pub struct JwtRequest {
    pub subject: Subject,
    /// How long it holds.
    pub validity: Span,
}
/// What it is about.
pub enum Subject {
    /// Somebody who has passed the gate of the application.
    Person { person: Principal, scopes: Vec<String> },
    /// Whatever the text says.
    Claims(Map),
}

#[async_trait]
pub trait ProviderKind: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    /// Where the library sends a person who opens the application.
    fn launch_url(&self, _provider: &Object, _world: &Snapshot) -> Option<String> {
        None
    }
    /// A signed token, where the kind makes such.
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
