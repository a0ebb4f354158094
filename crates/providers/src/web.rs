//! What the routes of all protocols share: the caller, redirects, sessions and the outcome of an authorization.
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use signet_base::{Error, Json, query};
use signet_core::authorize::{self, Answer, AuthorizationRequest};
use signet_core::page::{self, PageContext};
use signet_core::{Client, Core, WebSession};
use signet_pages::{FormContext, challenge_page};
use std::sync::Arc;

/// The client from the request's extensions.
pub struct Caller(pub Arc<Client>);
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // Requests without a `Client` did not pass the server's edge.
        parts.extensions.get::<Arc<Client>>().cloned().map(Self).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// All `Cookie` headers joined.
pub fn cookies(headers: &HeaderMap) -> String {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ")
}

/// A redirect to be followed by GET. The target is a registered or encoded URI; other characters are
/// percent-encoded here.
pub fn redirect(status: StatusCode, to: &str) -> Response {
    let safe: String = if to.bytes().all(|b| b.is_ascii_graphic()) {
        to.to_owned()
    } else {
        to.chars()
            .map(|c| if c.is_ascii_graphic() { c.to_string() } else { query::encode(&c.to_string()) })
            .collect()
    };
    let Ok(location) = HeaderValue::from_str(&safe) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut response = status.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    // The URL may contain codes or tokens.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A request of a browser to a protocol's endpoint.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    pub headers: &'a HeaderMap,
    /// 302 after GET, 303 after POST (RFC 9700 §4.12).
    pub found: StatusCode,
}

impl Visit<'_> {
    /// Leads a checked request on: see [`authorize::authorize`].
    pub async fn authorize(&self, request: &dyn AuthorizationRequest) -> Response {
        let mut session = match WebSession::load(self.core, self.client, &cookies(self.headers)).await {
            Ok(session) => session,
            Err(error) => return self.fail(&error),
        };
        match authorize::authorize(self.core, self.client, &mut session, request).await {
            Ok(mut response) => {
                let set = match session.save(self.core, self.client).await {
                    Ok(set) => set,
                    Err(error) => return self.fail(&error),
                };
                if let authorize::Response::Answer(answer) = &mut response {
                    // Another request may have been first to answer it.
                    match authorize::given(self.core, &session, request).await {
                        Ok(given) => *answer = given.unwrap_or_else(|| answer.clone()),
                        Err(error) => return self.fail(&error),
                    }
                }
                with_cookies(self.respond(&session, request, response), &set)
            }
            Err(error) => self.fail(&error),
        }
    }
    fn respond(
        &self,
        session: &WebSession,
        request: &dyn AuthorizationRequest,
        response: authorize::Response,
    ) -> Response {
        let application = request.application().name();
        match response {
            authorize::Response::Page(to) => redirect(self.found, &to),
            authorize::Response::Answer(answer) => self.answer(application, answer),
            authorize::Response::Refused(refusal) => {
                let Some(person) = session.principal() else {
                    return self.fail(&Error::denied("The application is no longer available."));
                };
                let refusal = page::Refusal {
                    application,
                    person,
                    text: &refusal.text,
                    missing_groups: &refusal.missing_groups,
                    again: &request.url(),
                    back: refusal.back.as_deref(),
                };
                page::refused(self.core, self.client, &cookies(self.headers), &refusal).into_response()
            }
        }
    }
    /// Sends an answer to an application: a redirect, or a page with a form that submits itself.
    pub fn answer(&self, application: &str, answer: Answer) -> Response {
        let challenge = match answer {
            Answer::Redirect(to) => return redirect(self.found, &to),
            Answer::Form { .. } => Json::Object(answer.challenge(application).0),
        };
        let page_context = PageContext::of(self.core, self.client, &cookies(self.headers));
        let form = FormContext {
            application: Some(application),
            request_id: Some(&self.client.request_id),
            ..FormContext::new("", "")
        };
        match signet_pages::challenge::draw(&challenge, &form) {
            Some(drawn) => {
                let policy = drawn.policy.clone();
                let body = challenge_page(page_context.page(self.core), &challenge, &form, drawn);
                page_context.answer(StatusCode::OK, &policy, body).into_response()
            }
            None => self.fail(&Error::internal("no page for a form that submits itself")),
        }
    }
    pub fn fail(&self, error: &Error) -> Response {
        page::failure(self.core, self.client, &cookies(self.headers), error).into_response()
    }
    /// Saves the session, then sends the response with the session's cookies.
    pub async fn save_and_send(&self, session: &mut WebSession, response: Response) -> Response {
        match session.save(self.core, self.client).await {
            Ok(set) => with_cookies(response, &set),
            Err(error) => self.fail(&error),
        }
    }
}

fn with_cookies(mut response: Response, set: &[String]) -> Response {
    for value in set.iter().filter_map(|c| HeaderValue::from_str(c).ok()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Scheme of an absolute URI in lower case.
pub fn scheme(url: &str) -> Option<String> {
    let (scheme, _) = url.split_once(':')?;
    let mut chars = scheme.chars();
    let fine = chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    fine.then(|| scheme.to_ascii_lowercase())
}

/// The origin of an http(s) URI as browsers send it in `Origin`.
pub fn web_origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let authority = rest
        .split(['/', '?', '#'])
        .next()
        .filter(|a| !a.is_empty() && !a.contains('@'))?
        .to_ascii_lowercase();
    Some(format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(&authority)))
}
