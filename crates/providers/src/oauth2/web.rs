//! Routes, and state and helpers that handlers share.
use super::clients::{ClientCache, ClientEntry, ClientIndex};
use super::{authorize, cors, discovery, end_session, introspect, revoke, token, userinfo};
use crate::web::{Caller, cookies, redirect};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use signet_base::Error;
use signet_core::{Client, Core, page};
use std::sync::Arc;

/// State of all handlers.
pub struct OAuthState {
    pub core: Arc<Core>,
    pub cache: ClientCache,
}

/// The routes. `signet_core::Client` must be in each request's extensions.
pub fn router(core: Arc<Core>) -> Router {
    let web = Arc::new(OAuthState { core, cache: ClientCache::default() });
    let preflight = |headers: HeaderMap| async move { cors::preflight(&headers) };
    Router::new()
        .route("/application/o/authorize/", get(authorize::get).post(authorize::post))
        .route("/application/o/token/", post(token::post).options(preflight))
        .route("/application/o/userinfo/", get(userinfo::get).post(userinfo::post).options(preflight))
        .route("/application/o/introspect/", post(introspect::post))
        .route("/application/o/revoke/", post(revoke::post).options(preflight))
        .route("/application/o/{slug}/", get(issuer_root))
        .route("/application/o/{slug}/jwks/", get(jwks).options(preflight))
        .route(
            "/application/o/{slug}/.well-known/openid-configuration",
            get(configuration).options(preflight),
        )
        .route(
            "/.well-known/oauth-authorization-server/application/o/{slug}/",
            get(configuration).options(preflight),
        )
        .route("/application/o/{slug}/end-session/", get(end_session::get).post(end_session::post))
        .route("/application/o/{slug}/register/", any(register))
        .with_state(web)
}

impl OAuthState {
    pub fn index(&self) -> ClientIndex {
        self.cache.index(&self.core)
    }
    /// An error page; there is no redirect.
    pub fn refuse(&self, client: &Client, headers: &HeaderMap, title: &str, text: &str) -> Response {
        page::error(&self.core, client, &cookies(headers), StatusCode::BAD_REQUEST, title, text)
            .into_response()
    }
    pub fn forbid(&self, client: &Client, headers: &HeaderMap, title: &str, text: &str) -> Response {
        page::error(&self.core, client, &cookies(headers), StatusCode::FORBIDDEN, title, text).into_response()
    }
    pub fn not_found(&self, client: &Client, headers: &HeaderMap) -> Response {
        page::not_found(&self.core, client, &cookies(headers)).into_response()
    }
    pub fn fail(&self, client: &Client, headers: &HeaderMap, error: &Error) -> Response {
        page::failure(&self.core, client, &cookies(headers), error).into_response()
    }
    fn application(&self, slug: &str) -> Result<(ClientIndex, Arc<ClientEntry>), Error> {
        let index = self.index();
        let entry = index.by_slug(slug)?.ok_or(Error::NotFound)?;
        Ok((index, entry))
    }
    pub fn client_of(&self, slug: &str) -> Result<Arc<ClientEntry>, Error> {
        Ok(self.application(slug)?.1)
    }
}

fn json_bytes(bytes: Bytes) -> Response {
    let mut response = Response::new(bytes.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn configuration(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = match web.application(&slug) {
        Ok((index, entry)) => {
            discovery::discovery(&web.core, &index, &client, &entry).await.map(|bytes| (bytes, entry))
        }
        Err(error) => Err(error),
    };
    match found {
        Ok((bytes, entry)) => cors::apply(json_bytes(bytes), &headers, entry.matcher().ok()),
        Err(error) => web.fail(&client, &headers, &error),
    }
}

async fn jwks(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    match web.application(&slug).and_then(|(index, entry)| discovery::keys(&index, &entry)) {
        Ok(bytes) => {
            let mut response = json_bytes(bytes);
            // The key set is public: any origin may read it.
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            response
        }
        Err(error) => web.fail(&client, &headers, &error),
    }
}

async fn issuer_root(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    Path(slug): Path<String>,
    headers: HeaderMap,
) -> Response {
    match web.client_of(&slug) {
        Ok(entry) => redirect(
            StatusCode::FOUND,
            &format!("/application/o/{}/.well-known/openid-configuration", entry.slug()),
        ),
        Err(error) => web.fail(&client, &headers, &error),
    }
}

/// Dynamic client registration is not supported.
async fn register(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    method: http::Method,
    headers: HeaderMap,
) -> Response {
    if method == http::Method::GET || method == http::Method::HEAD {
        return web.not_found(&client, &headers);
    }
    let status =
        if method == http::Method::OPTIONS { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
    (status, [(header::ALLOW, "GET, HEAD, OPTIONS"), (header::CONTENT_TYPE, "text/html; charset=utf-8")])
        .into_response()
}
