//! The token endpoint (RFC 6749 §3.2). It owns what no grant may forget: client authentication, the allowed grants, the
//! access gate, issuing, storing and events.
pub mod client_auth;
mod code;
mod device;
mod grant;
pub mod issue;
mod machine;
mod refresh;

use super::cors;
use super::errors::{Failure, OAuthError, Outcome};
use super::model::GrantType;
use super::params::Params;
use super::web::{Caller, Web};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use grant::{Call, Commit, Grant, Redemption};
use http::{HeaderMap, header};
use issue::{Issue, Issued};
use signet_base::{Map, Result, json};
use signet_core::{Core, access};
use signet_store::grants::{self, GrantToken, Redeemed};
use std::sync::Arc;

/// Every grant.
const GRANTS: &[&dyn Grant] =
    &[&code::AuthorizationCode, &refresh::RefreshToken, &machine::Machine(GrantType::ClientCredentials), &machine::Machine(GrantType::Password), &device::DeviceCode];

pub async fn post(State(web): State<Arc<Web>>, Caller(client): Caller, headers: HeaderMap, body: Body) -> Response {
    let index = web.index();
    let params = match Params::form(&headers, body).await {
        Ok(params) => params,
        Err(problem) => return cors::apply(OAuthError::invalid_request().because(problem.describe()).into_json(&client.request_id), &headers, None),
    };
    let presented = match client_auth::identify(&index, &headers, &params) {
        Ok(presented) => presented,
        Err(failure) => return cors::apply(failure.into_json(&client.request_id), &headers, None),
    };
    let call = Call { core: &web.core, client: &client, params: &params, presented: &presented, now: web.core.now() };
    let response = match exchange(&call).await {
        Ok(body) => ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], axum::Json(body)).into_response(),
        Err(failure) => failure.into_json(&client.request_id),
    };
    cors::apply(response, &headers, presented.entry.matcher().ok())
}

async fn exchange(call: &Call<'_>) -> Outcome<Map> {
    let name = call.params.get("grant_type");
    // A client that cannot prove itself learns nothing about grants.
    let Some(grant) = name.and_then(|name| GRANTS.iter().find(|g| g.kind().as_str() == name)) else {
        call.presented.require()?;
        return Err(match name {
            None => OAuthError::invalid_request().because("The parameter grant_type is missing").into(),
            Some(_) => OAuthError::unsupported_grant_type().into(),
        });
    };
    grant.authenticate(call)?;
    if !call.entry().settings.allows(grant.kind()) {
        return Err(OAuthError::unauthorized_client().into());
    }
    let proven = grant.redeem(call).await?;
    gate(call, grant.kind(), &proven).await?;
    let Issued { body, rows } = issue::make(&Issue {
        core: call.core,
        client: call.client,
        entry: call.entry(),
        person: &proven.person,
        scopes: &proven.scopes,
        auth: &proven.auth,
        session: proven.session,
        family: proven.family,
        refresh: proven.refresh.as_ref(),
        now: call.now,
    })
    .await?;
    // The event goes into the same commit as the tokens.
    let (stored, ()) = tokio::join!(store(call.core, call, &proven.commit, &rows), sign_in_event(call, &proven));
    match stored? {
        Redeemed::Won => Ok(body),
        Redeemed::Reused => {
            call.suspicious(Some(&proven.person), "A code or refresh token was used twice at the same time. Its family is revoked.").await;
            Err(OAuthError::invalid_grant().into())
        }
        Redeemed::Gone => Err(OAuthError::invalid_grant().into()),
    }
}

/// The application's policies judge every token, not only the sign-in.
async fn gate(call: &Call<'_>, kind: GrantType, proven: &Redemption) -> Outcome<()> {
    let mut context = Map::new();
    context.insert("oauth_scopes".into(), json!(proven.scopes.iter().collect::<Vec<_>>()));
    context.insert("oauth_grant_type".into(), json!(kind));
    let verdict = access::may_use(call.core, call.client, &proven.person, &call.entry().application, &context).await?;
    if verdict.passing {
        return Ok(());
    }
    call.core.event_denied(call.client, Some(&proven.person), call.entry().application.name(), &verdict.messages.join("\n")).await;
    Err(OAuthError::invalid_grant().because("The account may not use this application").into())
}

/// One step for everything that the answer promises.
async fn store(core: &Core, call: &Call<'_>, commit: &Commit, rows: &[GrantToken]) -> Result<Redeemed> {
    match commit {
        Commit::Code { digest } => grants::redeem(&core.db, digest, call.now, rows).await,
        Commit::Rotate { digest } => grants::rotate(&core.db, digest, call.now, rows).await,
        Commit::Keep => grants::insert(&core.db, rows).await.map(|()| Redeemed::Won),
        Commit::Fresh => grants::insert_relaxed(&core.db, rows).await.map(|()| Redeemed::Won),
    }
}

async fn sign_in_event(call: &Call<'_>, proven: &Redemption) {
    if let Some(method) = proven.signed_in_by {
        let context = json!({"auth_method": method, "auth_method_args": {"provider": Core::model_event(&call.entry().provider)}});
        call.core.event(call.client, Some(&proven.person), "login", "authentik_providers_oauth2", context).await;
    }
}

/// Client authentication for the endpoints around tokens: every failure is `invalid_client`.
pub fn require_client(web: &Web, headers: &HeaderMap, params: &Params) -> Result<client_auth::Presented, Failure> {
    let presented = client_auth::identify(&web.index(), headers, params)?;
    presented.require()?;
    Ok(presented)
}
