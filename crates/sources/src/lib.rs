//! Source kinds: systems that say who somebody is. A kind speaks a protocol; `signet_core::source` decides what follows.
//! A slice is a folder here and an entry in [`ALL`].
pub mod oauth;
mod web;

use axum::Router;
use signet_core::Core;
use signet_core::source::SourceKind;
use signet_model::ModelDef;
use signet_rest::Actions;
use std::sync::Arc;

/// A source kind and everything that belongs to it.
pub struct Slice {
    /// Its models: the source, and its property mappings.
    pub models: &'static [&'static ModelDef],
    pub kind: fn() -> Arc<dyn SourceKind>,
    /// Its routes. The server puts a [`signet_core::Client`] into each request's extensions.
    pub routes: fn(Arc<Core>) -> Router,
    /// Its REST actions beside those of the models.
    pub actions: Actions,
}

/// Every source kind.
pub const ALL: &[Slice] = &[oauth::SLICE];

/// The routes of all kinds.
pub fn router(core: &Arc<Core>) -> Router {
    ALL.iter().fold(Router::new(), |all, slice| all.merge((slice.routes)(core.clone())))
}
