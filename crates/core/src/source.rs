//! The seam to sources: other places that say who somebody is, offered on the page that asks for a name.
use crate::flow::Challenge;
use crate::{Client, Core};
use signet_model::{ModelDef, Object};
use std::sync::Arc;

/// What the page shows of a source.
#[derive(Debug, Clone)]
pub struct LoginButton {
    pub name: String,
    pub icon_url: Option<String>,
    /// Shown above the field for names.
    pub promoted: bool,
    /// What begins there, mostly `xak-flow-redirect`.
    pub challenge: Challenge,
}

/// A kind of source that people choose themselves.
pub trait SourceKind: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    /// How it is offered; none when it is switched off. `query` is what the person came with.
    fn login_button(
        &self,
        core: &Core,
        client: &Client,
        source: &Arc<Object>,
        query: &str,
    ) -> Option<LoginButton>;
}
