//! The userinfo endpoint (OpenID Connect Core §5.3), and bearer token usage (RFC 6750).
use super::claims;
use super::clients::{ClientEntry, ClientIndex};
use super::cors;
use super::errors::{Failure, OAuthError, Outcome};
use super::model::OAuth2Provider;
use super::params::{Params, Problem};
use super::scopes::{API, OPENID, Scopes};
use super::subject::subject;
use super::token::issue::TokenData;
use super::web::OAuthState;
use crate::web::Caller;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use signet_base::{Map, Result, json};
use signet_core::directory::row_model;
use signet_core::{Client, Core, Principal};
use signet_store::grants::{GrantToken, TokenKind};
use signet_store::table::Record;
use std::sync::Arc;

pub async fn get(State(web): State<Arc<OAuthState>>, Caller(client): Caller, headers: HeaderMap) -> Response {
    let (params, problem) = Params::parse(&client.query);
    answer(&web, &client, &headers, problem.map_or(Ok(params), Err)).await
}

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Some clients send the token in the header and an empty body of any content type.
    let params = match bearer_header(&headers) {
        Some(_) => Ok(Params::default()),
        None => Params::form(&client, &headers, body).await,
    };
    answer(&web, &client, &headers, params).await
}

async fn answer(
    web: &OAuthState,
    client: &Client,
    headers: &HeaderMap,
    params: Result<Params, Problem>,
) -> Response {
    let index = web.index();
    let mut entry = None;
    let result = match params {
        Ok(params) => claims_for(web, &index, client, headers, &params, &mut entry).await,
        Err(problem) => Err(OAuthError::invalid_request().because(problem.describe()).into()),
    };
    let response = match result {
        Ok(claims) => {
            ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], axum::Json(claims))
                .into_response()
        }
        Err(failure) => challenge(&failure.into_oauth(&client.request_id)),
    };
    cors::apply(response, headers, entry.as_ref().and_then(|e| e.matcher().ok()))
}

async fn claims_for(
    web: &OAuthState,
    index: &ClientIndex,
    client: &Client,
    headers: &HeaderMap,
    params: &Params,
    found: &mut Option<Arc<ClientEntry>>,
) -> Outcome<Map> {
    let token = match (bearer_header(headers), params.get("access_token")) {
        (Some(token), None) | (None, Some(token)) => token,
        (None, None) => return Err(OAuthError::invalid_token().into()),
        (Some(_), Some(_)) => {
            return Err(OAuthError::invalid_request().because("Use one way of sending the token").into());
        }
    };
    let row = active_token(&web.core, || web.index(), token).await?.ok_or_else(OAuthError::invalid_token)?;
    let entry = index.by_num(row.provider)?.ok_or_else(OAuthError::invalid_token)?;
    let entry = found.insert(entry);
    let scopes = Scopes::parse(&row.scope);
    if !scopes.has(OPENID) {
        return Err(OAuthError::insufficient_scope().into());
    }
    let person = super::active::holder(&web.core, &row).await?.ok_or_else(OAuthError::invalid_token)?;
    let data: TokenData = serde_json::from_value(row.data).map_err(signet_base::Error::from)?;
    let grant =
        claims::TokenContext { person: &person, scopes: &scopes, auth: &data.auth, expires: row.expires };
    let mut out = Map::new();
    out.insert("sub".into(), json!(subject(entry.settings.sub_mode, &person)));
    let mapped = claims::of_scopes(&web.core, client, entry, &grant, &Map::new()).await?;
    claims::add(&mut out, &mapped);
    if let Some(nonce) = data.auth.nonce {
        out.insert("nonce".into(), json!(nonce));
    }
    Ok(out)
}

/// The token of `Authorization: Bearer …`.
fn bearer_header(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|t| !t.is_empty())
}

/// RFC 6750 §3: the error is in `WWW-Authenticate`; there is no body.
fn challenge(error: &OAuthError) -> Response {
    let status = match error.code {
        "invalid_token" => StatusCode::UNAUTHORIZED,
        "insufficient_scope" => StatusCode::FORBIDDEN,
        _ => error.status,
    };
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")]).into_response();
    // Descriptions are constants without quotes.
    if let Ok(value) = HeaderValue::from_str(&format!(
        "Bearer error=\"{}\", error_description=\"{}\"",
        error.code, error.description
    )) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// An access token that is neither expired nor revoked.
async fn active_token(
    core: &Core,
    index: impl FnOnce() -> ClientIndex + Send,
    token: &str,
) -> Result<Option<GrantToken>> {
    Ok(super::active::find(core, index, token).await?.filter(|t| t.kind == TokenKind::Access))
}

/// The account of an access token with scope `goauthentik.io/api`, for requests to the API.
pub async fn bearer(core: &Arc<Core>, token: &str) -> Result<Option<Principal>, signet_base::Error> {
    let Some(row) = active_token(core, || ClientIndex::new(core.config()), token).await? else {
        return Ok(None);
    };
    let config = core.config();
    let provider = config.by_num(row.provider).filter(|p| p.get::<OAuth2Provider>().is_some());
    let Some(provider) = provider.filter(|_| Scopes::parse(&row.scope).has(API)) else { return Ok(None) };
    // A token that is not written yet has no number.
    let pk = (row.id != 0).then_some(row.id);
    let mut token = row_model(GrantToken::TABLE, pk, provider.name());
    token["client_id"] = provider.data.get("client_id").cloned().unwrap_or_default();
    let holder = super::active::holder(core, &row).await?;
    Ok(holder.map(|person| Principal { token: Some(Arc::new(token)), ..person }))
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        OAuthError::invalid_request().because(problem.describe()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_scheme_is_named_and_the_status_follows_the_error() {
        let shown = |error: OAuthError| {
            let response = challenge(&error);
            (
                response.status().as_u16(),
                response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned(),
            )
        };
        let (status, text) = shown(OAuthError::invalid_token());
        assert!(
            status == 401
                && text.starts_with("Bearer error=\"invalid_token\", error_description=\"The access token")
        );
        assert_eq!(shown(OAuthError::insufficient_scope()).0, 403);
        assert_eq!(shown(OAuthError::invalid_request()).0, 400);
    }
    #[test]
    fn only_bearer_headers_carry_tokens() {
        let with = |text: &str| HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())]);
        assert_eq!(bearer_header(&with("bearer  x ")), Some("x"));
        assert_eq!(
            (
                bearer_header(&with("Basic x")),
                bearer_header(&with("Bearer")),
                bearer_header(&with("Bearer "))
            ),
            (None, None, None)
        );
    }
}
