//! Provider kinds: the protocols of applications. A slice is a folder here and an entry in [`ALL`].
pub mod oauth2;
mod web;

use axum::Router;
use signet_core::Core;
use signet_core::flow::StageKind;
use signet_core::listener::Listener;
use signet_core::provider::ProviderKind;
use signet_model::ModelDef;
use signet_rest::{Actions, VirtualHost};
use std::sync::Arc;

/// A provider kind and everything that belongs to it.
pub struct Slice {
    /// Models of the kind.
    pub models: &'static [&'static ModelDef],
    /// The implementation behind library and API.
    pub provider: fn() -> Arc<dyn ProviderKind>,
    /// Built-in final stages of its flows.
    pub stages: fn() -> Vec<Arc<dyn StageKind>>,
    /// Its routes. The server puts a [`signet_core::Client`] into each request's extensions.
    pub routes: fn(Arc<Core>) -> Router,
    /// Its REST actions beside those of the models.
    pub actions: Actions,
    /// Where it is reached beside HTTP.
    pub listeners: &'static [&'static dyn Listener],
    /// Hosts that belong to it.
    pub virtual_hosts: &'static [&'static dyn VirtualHost],
}

/// Every provider kind.
pub const ALL: &[Slice] = &[oauth2::SLICE];

/// The routes of all kinds.
pub fn router(core: &Arc<Core>) -> Router {
    ALL.iter().fold(Router::new(), |all, slice| all.merge((slice.routes)(core.clone())))
}
