//! OAuth 2.0 and OpenID Connect Core 1.0 as the client of somebody else's server.
mod answer;
mod claims;
mod discovery;
mod kind;
mod model;
mod types;

pub use model::{ClientAuthentication, OAuthSource, OAuthSourcePropertyMapping, Pkce, ProviderType};
use types::source_types;

use crate::Slice;
use crate::web::Visit;
use axum::Router;
use axum::extract::{Path, Request};
use axum::routing::get;
use signet_core::Core;
use signet_model::Model;
use signet_rest::{Action, ApiResult, Call, Output, Permission, Reply, run};
use std::sync::Arc;

/// The registration of this kind.
pub const SLICE: Slice = Slice {
    models: &[OAuthSource::DEF, OAuthSourcePropertyMapping::DEF],
    kind: || Arc::new(kind::OAuthKind),
    routes,
    actions,
};
pub(crate) const MODEL: &str = "authentik_sources_oauth.oauthsource";

/// The redirect URI that is registered at the other server.
pub(crate) fn callback_path(slug: &str) -> String {
    format!("/source/oauth/callback/{slug}/")
}

fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "sources/oauth/source_types",
            Permission::Named(&["authentik_sources_oauth.view_oauthsource"]),
            "Kinds of servers that OAuth sources know.",
            run!(show_source_types),
        )
        .output(Output::Plain("SourceType")),
    ]
}

async fn show_source_types(call: &mut Call) -> ApiResult {
    let name = call.param("name").filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Reply::ok(source_types(name.as_deref())))
}

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
