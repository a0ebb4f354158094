//! Routes outside of the families, and the not-found page.
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use signet_core::{Client, Core, WebSession, page};
use std::sync::Arc;

pub fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/.well-known/webfinger", get(webfinger))
        .route("/device", get(device))
        .fallback(nothing)
        .with_state(core)
}

/// WebFinger (RFC 7033): no resource is described.
async fn webfinger() -> Response {
    ([(header::CONTENT_TYPE, "application/jrd+json"), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], "{}")
        .into_response()
}

/// The page for device codes: after sign-in, if the brand has a flow for it.
async fn device(State(core): State<Arc<Core>>, request: Request) -> Response {
    let Some(client) = request.extensions().get::<Arc<Client>>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let cookies = cookies(request.headers());
    match WebSession::load(&core, &client, &cookies).await {
        Ok(session) if session.principal().is_none() => {
            let to = if client.query.is_empty() {
                "/flows/-/default/authentication/?next=/device".to_owned()
            } else {
                format!(
                    "/flows/-/default/authentication/?next={}",
                    signet_base::query::encode_path(&format!("/device?{}", client.query))
                )
            };
            (
                StatusCode::FOUND,
                [(header::LOCATION, to), (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned())],
            )
                .into_response()
        }
        Ok(_) => page::not_found(&core, &client, &cookies).map(Body::from),
        Err(error) => page::failure(&core, &client, &cookies, &error).map(Body::from),
    }
}

async fn nothing(State(core): State<Arc<Core>>, request: Request) -> Response {
    match request.extensions().get::<Arc<Client>>() {
        Some(client) => {
            let cookies = cookies(request.headers());
            // People keep their menu on it; programs need none.
            if client.browser
                && let Err(error) = WebSession::load(&core, client, &cookies).await
            {
                return page::failure(&core, client, &cookies, &error).map(Body::from);
            }
            page::not_found(&core, client, &cookies).map(Body::from)
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn cookies(headers: &HeaderMap) -> String {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ")
}
