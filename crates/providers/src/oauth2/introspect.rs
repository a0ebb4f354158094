//! Token introspection (RFC 7662), for authenticated clients.
use super::active;
use super::claims;
use super::clients::ClientEntry;
use super::errors::{Failure, OAuthError, Outcome};
use super::params::Params;
use super::scopes::Scopes;
use super::token::issue::TokenData;
use super::token::require_client;
use super::web::OAuthState;
use crate::web::Caller;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use signet_base::{Json, Map, json};
use signet_core::{Client, Core, Principal};
use signet_store::grants::{GrantToken, TokenKind};
use std::sync::Arc;

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let result = match Params::form(&client, &headers, body).await {
        Ok(params) => introspect(&web, &client, &headers, &params).await,
        Err(problem) => Err(problem.into()),
    };
    match result {
        Ok(found) => (
            [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
            axum::Json(found.unwrap_or_else(|| Map::from_iter([("active".to_owned(), json!(false))]))),
        )
            .into_response(),
        Err(failure) => failure.into_json(&client.request_id),
    }
}

async fn introspect(
    web: &OAuthState,
    client: &Client,
    headers: &HeaderMap,
    params: &Params,
) -> Outcome<Option<Map>> {
    let caller = require_client(web, headers, params).map_err(unauthorized)?.entry;
    if caller.settings.is_public() {
        // A public client cannot authenticate, so it cannot introspect.
        return Err(OAuthError::invalid_client().status(StatusCode::UNAUTHORIZED).into());
    }
    let token = params
        .get("token")
        .ok_or_else(|| OAuthError::invalid_request().because("The parameter token is missing"))?;
    let core = &web.core;
    let index = web.index();
    let Some((row, claims)) = active::find_with_claims(core, || index.clone(), token).await? else {
        return Ok(None);
    };
    let Some(entry) = index.by_num(row.provider)? else { return Ok(None) };
    if entry.num() != caller.num() && !entry.settings.jwt_federation_providers.contains(&caller.num()) {
        return Ok(None);
    }
    let Some(person) = active::holder(core, &row).await? else { return Ok(None) };
    let mut out = match row.kind {
        TokenKind::Access => claims,
        TokenKind::Refresh => refresh_claims(core, &entry, client, &row, &person).await?,
    };
    out.insert("active".into(), json!(true));
    out.insert("scope".into(), json!(row.scope));
    out.insert("client_id".into(), json!(entry.settings.client_id));
    Ok(Some(out))
}

/// RFC 7662 §2.3: failed client authentication is always 401.
fn unauthorized(failure: Failure) -> Failure {
    match failure {
        Failure::Protocol(error) if error.code == "invalid_client" => {
            error.status(StatusCode::UNAUTHORIZED).into()
        }
        other => other,
    }
}

/// The payload of a JWT without verification. The caller has verified the token, or only needs its key.
pub fn payload(token: &str) -> Option<Map> {
    let part = token.split('.').nth(1)?;
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()? {
        Json::Object(map) => Some(map),
        _ => None,
    }
}

/// The user's claims of the ID token that was issued with it, as of now.
async fn refresh_claims(
    core: &Arc<Core>,
    entry: &ClientEntry,
    client: &Client,
    row: &GrantToken,
    person: &Principal,
) -> signet_base::Result<Map> {
    let data: TokenData = serde_json::from_value(row.data.clone())?;
    let issuer = entry.issuer_for(core, client);
    let base = claims::BaseClaims {
        entry,
        issuer: &issuer,
        person,
        auth: &data.auth,
        now: row.issued,
        expires: row.expires,
    };
    let mut out = base.claims(data.jti.unwrap_or_default());
    if entry.settings.include_claims_in_id_token {
        let scopes = Scopes::parse(&row.scope);
        let grant = claims::TokenContext { person, scopes: &scopes, auth: &data.auth, expires: row.expires };
        let mapped = claims::of_scopes(core, client, entry, &grant, &out).await?;
        claims::add(&mut out, &mapped);
    }
    if let Some(at_hash) = data.at_hash {
        out.insert("at_hash".into(), json!(at_hash));
    }
    Ok(out)
}
