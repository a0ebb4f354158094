//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2).
mod answer;
mod checks;
mod request;

pub use answer::{CODE_DIGEST, CodeData, may_repeat};
pub use request::{OAuthRequest, url};

use super::clients::ClientEntry;
use super::errors::OAuthError;
use super::model::UriType;
use super::params::{Params, Problem};
use super::web::OAuthState;
use crate::web::{Caller, Visit, redirect};
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use request::PATH;
use signet_base::{Error, Result};
use signet_core::Client;
use std::sync::Arc;

/// Maximum query length of the GET that replaces a cross-site POST.
const MAX_QUERY: usize = 6000;

pub async fn get(State(web): State<Arc<OAuthState>>, Caller(client): Caller, headers: HeaderMap) -> Response {
    let (params, problem) = Params::parse(&client.query);
    if params.is_empty() && problem.is_none() {
        return web.not_found(&client, &headers);
    }
    AuthorizeCall { web: &web, client: &client, headers: &headers, found: StatusCode::FOUND }
        .run(params, problem)
        .await
}

pub async fn post(
    State(web): State<Arc<OAuthState>>,
    Caller(client): Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let call = AuthorizeCall { web: &web, client: &client, headers: &headers, found: StatusCode::SEE_OTHER };
    match Params::form(&client, &headers, body).await {
        Ok(params) if params.is_empty() => {
            // POST parameters may also be in the URL.
            let (params, problem) = Params::parse(&client.query);
            call.run(params, problem).await
        }
        Ok(params) => {
            let query = params.query_without(&["next"]);
            // Browsers send no SameSite cookies with a cross-site POST: the request is repeated as a GET,
            // which has the session.
            if client.from_elsewhere && query.len() <= MAX_QUERY {
                return redirect(StatusCode::SEE_OTHER, &format!("{PATH}?{query}"));
            }
            call.run(params, None).await
        }
        Err(problem) => {
            call.web.refuse(&client, &headers, "The request could not be read", &problem.describe())
        }
    }
}

/// A request at this endpoint.
struct AuthorizeCall<'a> {
    web: &'a OAuthState,
    client: &'a Client,
    headers: &'a HeaderMap,
    found: StatusCode,
}

impl AuthorizeCall<'_> {
    async fn run(&self, params: Params, problem: Option<Problem>) -> Response {
        let core = &self.web.core;
        let (entry, redirect_uri) = match self.client_and_address(&params, problem.as_ref()) {
            Ok(found) => found,
            Err(response) => return *response,
        };
        let request = OAuthRequest::new(core, self.client, entry, params, &redirect_uri);
        let visit = Visit { core, client: self.client, headers: self.headers, found: self.found };
        let refused = match problem {
            Some(problem) => Some(request.error(&OAuthError::invalid_request().because(problem.describe()))),
            None => request.refused(),
        };
        match refused {
            Some(answer) => visit.answer(request.entry.application.name(), answer),
            None => visit.authorize(&request).await,
        }
    }

    /// Validates `client_id` and `redirect_uri`. Errors here are shown on a page; there is no redirect.
    fn client_and_address(
        &self,
        params: &Params,
        problem: Option<&Problem>,
    ) -> Result<(Arc<ClientEntry>, String), Box<Response>> {
        let refuse = |text: &str| {
            Box::new(self.web.refuse(
                self.client,
                self.headers,
                "The application’s request is not valid",
                text,
            ))
        };
        if let Some(problem) = problem
            .filter(|p| p.concerns(&["client_id", "redirect_uri", "response_mode", "response_type", "state"]))
        {
            return Err(refuse(&problem.describe()));
        }
        let fail = |error: Error| Box::new(self.web.fail(self.client, self.headers, &error));
        let entry = match params.get("client_id") {
            Some(id) => self.web.index().by_client_id(id).map_err(fail)?,
            None => None,
        };
        let entry =
            entry.ok_or_else(|| refuse("The client identifier (client_id) is missing or unknown."))?;
        let given = params.get("redirect_uri").unwrap_or_default();
        if !entry.matcher().map_err(fail)?.fits(UriType::Authorization, given) {
            tracing::info!(request_id = %self.client.request_id, provider = entry.provider.name(), "a redirect URI that is not registered");
            return Err(refuse("The redirect URI is missing, or not registered for this application."));
        }
        Ok((entry, given.to_owned()))
    }
}
