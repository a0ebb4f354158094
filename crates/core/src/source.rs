//! Login sources: other systems that authenticate users, offered on the identification page.
use crate::flow::Challenge;
use crate::{Client, Core};
use signet_model::{ModelDef, Object};
use std::sync::Arc;

/// A source as the page shows it.
#[derive(Debug, Clone)]
pub struct LoginButton {
    pub name: String,
    pub icon_url: Option<String>,
    /// Shown above the identifier field.
    pub promoted: bool,
    /// The challenge that starts it, usually `xak-flow-redirect`.
    pub challenge: Challenge,
}

/// A kind of source that users choose themselves.
pub trait SourceKind: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    /// The button; `None` if the source is disabled. `query` is the run's query.
    fn login_button(
        &self,
        core: &Core,
        client: &Client,
        source: &Arc<Object>,
        query: &str,
    ) -> Option<LoginButton>;
}
