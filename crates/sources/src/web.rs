//! Start and answer over HTTP, for every kind that is reached by redirects.
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use signet_base::{Error, Result, Span, query};
use signet_core::pending_request::Purpose;
use signet_core::session::rules::SameSite;
use signet_core::source::{self, Exchange};
use signet_core::{Client, Core, WebSession, page};
use std::sync::Arc;

/// Settings of the person, with their connections.
const SETTINGS: &str = "/if/user/security/";
/// Whoever connects an account has authenticated within this time.
const RECENT: Span = Span::from_secs(15 * 60);
/// Largest form in bytes.
const MAX_FORM: usize = 64 * 1024;
/// Marks the second load of an answer: see [`Visit::answer`].
const AGAIN: &str = "signet_again";

/// What every handler needs.
pub(crate) struct Visit {
    pub core: Arc<Core>,
    pub client: Arc<Client>,
    cookies: String,
    session: WebSession,
}

impl FromRequestParts<Arc<Core>> for Visit {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Response> {
        // Requests without a `Client` did not pass the server's edge.
        let Some(client) = parts.extensions.get::<Arc<Client>>().cloned() else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let cookies = cookies(&parts.headers);
        match WebSession::load(core, &client, &cookies).await {
            Ok(session) => Ok(Self { core: core.clone(), client, cookies, session }),
            Err(e) => Err(page::failure(core, &client, &cookies, &e).into_response()),
        }
    }
}

fn cookies(headers: &HeaderMap) -> String {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ")
}

impl Visit {
    /// GET of the start. Whoever is signed in signs in again, or as somebody else: connecting an account takes a form.
    pub async fn sign_in(self, model: &str, slug: &str) -> Response {
        let next = query::value(&self.client.query, "next").as_deref().and_then(query::local_path);
        self.begin(model, slug, Purpose::SignIn, &next.unwrap_or_default()).await
    }
    /// POST of the start: connects the account of whoever is signed in.
    pub async fn link(self, model: &str, slug: &str, request: Request) -> Response {
        let Some(person) = self.session.principal().filter(|person| person.impersonator.is_none()) else {
            return self.fail(&Error::denied("Sign in first, then connect the account in your settings."));
        };
        let body = http_body_util::Limited::new(request.into_body(), MAX_FORM).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let form = String::from_utf8_lossy(&body);
        if !self.session.csrf_fits(&self.core, &query::value(&form, "csrf").unwrap_or_default()) {
            return redirect(StatusCode::SEE_OTHER, SETTINGS);
        }
        let authenticated = self.session.authentication().map(|authentication| authentication.at);
        let (user, epoch) = (person.user.id, person.user.epoch);
        match self.session.uuid() {
            Some(session) if authenticated.is_some_and(|at| self.core.now() <= at.plus(RECENT)) => {
                self.begin(model, slug, Purpose::Link { user, epoch, session }, "").await
            }
            _ => {
                let to = format!("/flows/-/default/authentication/?next={}", query::encode(SETTINGS));
                redirect(StatusCode::SEE_OTHER, &to)
            }
        }
    }
    async fn begin(self, model: &str, slug: &str, purpose: Purpose, target: &str) -> Response {
        let source = match source::find(&self.core, model, slug) {
            Ok((source, ..)) => source,
            Err(error) => return self.fail(&error),
        };
        let exchange = Exchange { core: &self.core, client: &self.client, source: &source };
        let posted = matches!(purpose, Purpose::Link { .. });
        match source::begin(&exchange, purpose, target, None).await {
            Ok((to, cookie)) => {
                let mut response = match posted {
                    true => page::leave(&self.core, &self.client, &self.cookies, &to).into_response(),
                    false => redirect(StatusCode::SEE_OTHER, &to),
                };
                if let Some(Ok(cookie)) = cookie.map(|cookie| HeaderValue::from_str(&cookie)) {
                    response.headers_mut().append(header::SET_COOKIE, cookie);
                }
                response
            }
            Err(error) => self.refused(source.text("name"), &error, "/flows/-/default/authentication/"),
        }
    }

    /// The answer of the source, whose key stands in the parameter `key`.
    ///
    /// A session cookie that is `SameSite=Strict` does not come along from another site: the page is loaded once more, from
    /// here.
    pub async fn answer(mut self, model: &str, slug: &str, key: &str) -> Response {
        let pairs = query::pairs(&self.client.query);
        let again = pairs.iter().any(|(name, _)| name == AGAIN);
        if self.core.settings.sessions.same_site == SameSite::Strict && !again {
            return self.load_again();
        }
        let source = match source::find(&self.core, model, slug) {
            Ok((source, ..)) => source,
            Err(error) => return self.fail(&error),
        };
        let key = query::value(&self.client.query, key).unwrap_or_default();
        let exchange = Exchange { core: &self.core, client: &self.client, source: &source };
        let finished = source::finish(&exchange, &mut self.session, &key, &pairs).await;
        match finished.outcome {
            Ok(to) => match self.session.save(&self.core, &self.client).await {
                Ok(set) => {
                    let mut response = redirect(StatusCode::SEE_OTHER, &to);
                    for cookie in set.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
                        response.headers_mut().append(header::SET_COOKIE, cookie);
                    }
                    response
                }
                Err(error) => self.fail(&error),
            },
            Err(error) => self.refused(source.text("name"), &error, &finished.way_back),
        }
    }

    fn load_again(&self) -> Response {
        let to = format!("{}?{}&{AGAIN}=1", self.client.path, self.client.query);
        page::leave(&self.core, &self.client, &self.cookies, &to).into_response()
    }

    /// The page of somebody who was not let in, with where to try again.
    fn refused(&self, source: &str, error: &Error, way_back: &str) -> Response {
        let text = match error {
            Error::Denied(text) => text.as_str(),
            Error::Unavailable(_) => "It cannot be reached right now. Wait a moment and try again.",
            error => return self.fail(error),
        };
        let title = format!("{source} did not sign you in");
        page::error_with(
            &self.core,
            &self.client,
            &self.cookies,
            StatusCode::FORBIDDEN,
            (&title, text),
            Some(&format!("Error: {title}")),
            Some((way_back, "Try again")),
        )
        .into_response()
    }
    fn fail(&self, error: &Error) -> Response {
        page::failure(&self.core, &self.client, &self.cookies, error).into_response()
    }
}

/// A redirect that no other site learns the address of.
fn redirect(status: StatusCode, to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else { return StatusCode::BAD_REQUEST.into_response() };
    let headers = [
        (header::LOCATION, location),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    ];
    (status, headers).into_response()
}
