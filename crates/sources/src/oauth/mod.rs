//! OAuth 2.0 and OpenID Connect Core 1.0 as the client of somebody else's server.
mod answer;
mod api;
mod claims;
mod discovery;
mod kind;
mod model;
mod types;

pub use model::{ClientAuthentication, OAuthSource, OAuthSourcePropertyMapping, Pkce, ProviderType};

use crate::Slice;
use crate::web::Visit;
use axum::Router;
use axum::extract::{Path, Request};
use axum::routing::get;
use signet_core::Core;
use signet_model::Model;
use std::sync::Arc;

/// The registration of this kind.
pub const SLICE: Slice = Slice {
    models: &[OAuthSource::DEF, OAuthSourcePropertyMapping::DEF],
    kind: || Arc::new(kind::OAuthKind),
    routes,
    actions: api::actions,
};
pub(crate) const MODEL: &str = "authentik_sources_oauth.oauthsource";

fn routes(core: Arc<Core>) -> Router {
    let begin = |Path(slug): Path<String>, visit: Visit| async move { visit.sign_in(MODEL, &slug).await };
    let link = |Path(slug): Path<String>, visit: Visit, request: Request| async move {
        visit.link(MODEL, &slug, request).await
    };
    let answer =
        |Path(slug): Path<String>, visit: Visit| async move { visit.answer(MODEL, &slug, "state").await };
    Router::new()
        .route("/source/oauth/login/{slug}/", get(begin).post(link))
        .route("/source/oauth/callback/{slug}/", get(answer))
        .with_state(core)
}
