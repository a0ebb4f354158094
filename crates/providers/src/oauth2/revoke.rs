//! Token revocation (RFC 7009). Known and unknown tokens get the same response; an error means that the token
//! may still be valid.
use super::active;
use super::cors;
use super::errors::{OAuthError, Outcome};
use super::params::Params;
use super::token::require_client;
use super::web::OAuthState;
use crate::web::Caller;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use signet_base::json;
use signet_store::grants::{self, TokenKind};
use std::sync::Arc;

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let mut matcher_of = None;
    let result = match Params::form(&client, &headers, body).await {
        Ok(params) => revoke(&web, &headers, &params, &mut matcher_of).await,
        Err(problem) => Err(problem.into()),
    };
    let response = match result {
        Ok(()) => {
            ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], axum::Json(json!({})))
                .into_response()
        }
        Err(failure) => failure.into_json(&client.request_id),
    };
    cors::apply(
        response,
        &headers,
        matcher_of.as_ref().and_then(|e: &Arc<super::clients::ClientEntry>| e.matcher().ok()),
    )
}

async fn revoke(
    web: &OAuthState,
    headers: &HeaderMap,
    params: &Params,
    found: &mut Option<Arc<super::clients::ClientEntry>>,
) -> Outcome<()> {
    let caller = require_client(web, headers, params).map_err(|failure| match failure {
        super::errors::Failure::Protocol(error) if error.code == "invalid_client" => {
            error.status(StatusCode::UNAUTHORIZED).into()
        }
        other => other,
    })?;
    let num = found.insert(caller.entry).num();
    let token = params
        .get("token")
        .ok_or_else(|| OAuthError::invalid_request().because("The parameter token is missing"))?;
    let db = &web.core.db;
    // Tokens of other clients count as unknown. Expired and revoked tokens need no change.
    match active::find(&web.core, || web.index(), token).await?.filter(|t| t.provider == num) {
        // RFC 7009 §2.1: revoking a refresh token revokes its access tokens.
        Some(row) if row.kind == TokenKind::Refresh => grants::revoke_family(db, row.holder()).await?,
        Some(row) => grants::revoke(db, &row.digest).await?,
        None => {}
    }
    Ok(())
}
