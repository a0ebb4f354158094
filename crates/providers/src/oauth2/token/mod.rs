//! The token endpoint (RFC 6749 §3.2): client authentication, allowed grants, access check, issuing, storing,
//! events. Grants add the verification of their credential.
pub mod client_auth;
mod code;
mod device;
mod grant;
pub mod issue;
mod machine;
mod refresh;

use super::active;
use super::cors;
use super::errors::{Failure, OAuthError, Outcome};
use super::model::GrantType;
use super::params::Params;
use super::web::OAuthState;
use crate::web::Caller;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use grant::{Call, Commit, Grant, Redemption};
use http::{HeaderMap, header};
use issue::{Issue, Issued};
use signet_base::{Map, Result, json};
use signet_core::event::EventAction;
use signet_core::{Core, access};
use signet_store::grants::{self, GrantToken, Redeemed};
use std::sync::Arc;

/// Every grant.
const GRANTS: &[&dyn Grant] = &[
    &code::AuthorizationCode,
    &refresh::RefreshToken,
    &machine::Machine(GrantType::ClientCredentials),
    &machine::Machine(GrantType::Password),
    &device::DeviceCode,
];

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let index = web.index();
    let params = match Params::form(&client, &headers, body).await {
        Ok(params) => params,
        Err(problem) => {
            return cors::apply(
                OAuthError::invalid_request().because(problem.describe()).into_json(&client.request_id),
                &headers,
                None,
            );
        }
    };
    let authentication = match client_auth::identify(&index, &headers, &params) {
        Ok(authentication) => authentication,
        Err(failure) => return cors::apply(failure.into_json(&client.request_id), &headers, None),
    };
    let call = Call {
        core: &web.core,
        client: &client,
        params: &params,
        authentication: &authentication,
        now: web.core.now(),
    };
    let response = match exchange(&call).await {
        Ok(body) => ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], axum::Json(body))
            .into_response(),
        Err(failure) => failure.into_json(&client.request_id),
    };
    cors::apply(response, &headers, authentication.entry.matcher().ok())
}

async fn exchange(call: &Call<'_>) -> Outcome<Map> {
    let name = call.params.get("grant_type");
    // Client authentication comes first: others learn nothing about grants.
    let Some(grant) = name.and_then(|name| GRANTS.iter().find(|g| g.kind().as_str() == name)) else {
        call.authentication.require()?;
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
    let Issued { body, access, refresh } = issue::make(&Issue {
        core: call.core,
        client: call.client,
        entry: call.entry(),
        person: &proven.person,
        scopes: &proven.scopes,
        auth: &proven.auth,
        session: proven.session,
        epoch: proven.epoch,
        family: proven.family,
        refresh: proven.refresh.as_ref(),
        lifetime: call.entry().settings.access_token_validity,
        now: call.now,
    })
    .await?;
    match store(call, &proven.commit, access, refresh).await? {
        Redeemed::Won => {
            sign_in_event(call, &proven).await;
            Ok(body)
        }
        Redeemed::Reused => {
            call.suspicious(
                Some(&proven.person),
                "A code or refresh token was used twice at the same time. Its family is revoked.",
            )
            .await;
            Err(OAuthError::invalid_grant().into())
        }
        Redeemed::Gone => Err(OAuthError::invalid_grant().into()),
    }
}

/// The application's policies are evaluated for every token request, not only at sign-in.
async fn gate(call: &Call<'_>, kind: GrantType, proven: &Redemption) -> Outcome<()> {
    let mut context = Map::new();
    context.insert("oauth_scopes".into(), json!(proven.scopes.iter().collect::<Vec<_>>()));
    context.insert("oauth_grant_type".into(), json!(kind));
    let verdict =
        access::may_use(call.core, call.client, &proven.person, &call.entry().application, &context).await?;
    if verdict.passing {
        return Ok(());
    }
    call.core
        .event_denied(
            call.client,
            Some(&proven.person),
            call.entry().application.name(),
            &verdict.messages.join("\n"),
        )
        .await;
    Err(OAuthError::invalid_grant().because("The account may not use this application").into())
}

/// One transaction consumes the credential and stores the refresh token. An access token that is valid
/// without its row is written behind it.
async fn store(
    call: &Call<'_>,
    commit: &Commit,
    access: GrantToken,
    refresh: Option<GrantToken>,
) -> Result<Redeemed> {
    let db = &call.core.db;
    let behind = active::is_valid_without_row(call.entry(), access.issued, access.expires);
    let access = [access];
    let mut waited: Vec<GrantToken> = refresh.into_iter().collect();
    if !behind {
        waited.extend(access.iter().cloned());
    }
    let stored = match commit {
        Commit::Code { digest } => grants::redeem(db, digest, call.now, &waited).await?,
        Commit::Rotate { digest } => grants::rotate(db, digest, call.now, &waited).await?,
        Commit::Keep => grants::insert(db, &waited).await.map(|()| Redeemed::Won)?,
        Commit::Fresh => grants::insert_relaxed(db, &waited).await.map(|()| Redeemed::Won)?,
    };
    if behind && stored == Redeemed::Won {
        // The token is valid without its row.
        if let Err(error) = grants::insert_behind(db, &access).await {
            tracing::warn!(%error, "the row of an access token could not be queued");
        }
    }
    Ok(stored)
}

/// Written behind, as the token is: a commit of its own would cost more than the token.
async fn sign_in_event(call: &Call<'_>, proven: &Redemption) {
    if let Some(method) = proven.signed_in_by {
        let context = json!({"auth_method": method, "auth_method_args": {"provider": Core::model_event(&call.entry().provider)}});
        call.core
            .event_behind(
                call.client,
                &proven.person,
                EventAction::Login,
                "authentik_providers_oauth2",
                context,
            )
            .await;
    }
}

/// Client authentication of introspection and revocation: each failure is `invalid_client`.
pub fn require_client(
    web: &OAuthState,
    headers: &HeaderMap,
    params: &Params,
) -> Result<client_auth::ClientAuthentication, Failure> {
    let authentication = client_auth::identify(&web.index(), headers, params)?;
    authentication.require()?;
    Ok(authentication)
}
