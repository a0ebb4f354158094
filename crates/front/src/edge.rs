//! Per-request state of this crate: client, session, and responses that save the session.
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use signet_base::{Error, Json, Map, Result, query};
use signet_core::{Client, Core, WebSession, page, session};
use signet_store::epoch;
use std::sync::Arc;

/// Maximum size of a form or JSON body in bytes.
const MAX_BODY: usize = 1 << 20;

/// The extractor of every handler.
pub struct Edge {
    pub core: Arc<Core>,
    pub client: Arc<Client>,
    pub cookies: String,
    pub headers: HeaderMap,
    pub session: WebSession,
}

impl FromRequestParts<Arc<Core>> for Edge {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Response> {
        let Some(client) = parts.extensions.get::<Arc<Client>>().cloned() else {
            // Requests without a `Client` did not pass the server's edge.
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let cookies = cookie_header(&parts.headers);
        match WebSession::load(core, &client, &cookies).await {
            Ok(session) => {
                Ok(Self { core: core.clone(), client, cookies, headers: parts.headers.clone(), session })
            }
            Err(e) => Err(failure(core, &client, &cookies, &e)),
        }
    }
}

/// A page for browsers; JSON for what calls the executor.
fn failure(core: &Core, client: &Client, cookies: &str, error: &Error) -> Response {
    match client.path.starts_with("/api/") {
        true => signet_rest::error_response(error, client, &Method::GET).map(axum::body::Body::new),
        false => page::failure(core, client, cookies, error).into_response(),
    }
}

/// All `Cookie` headers joined.
pub fn cookie_header(headers: &HeaderMap) -> String {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ")
}

impl Edge {
    /// Saves the session, then sends the response with the session's cookies. If saving fails, that error is
    /// the response.
    pub async fn send(mut self, answer: impl IntoResponse) -> Response {
        match self.session.save(&self.core, &self.client).await {
            Ok(cookies) => {
                // A form that was sent twice at the same moment: what ended the run first is read again.
                let mut response = match self.session.is_overtaken() {
                    true => redirect(StatusCode::SEE_OTHER, &here(&self.client)),
                    false => answer.into_response(),
                };
                for cookie in cookies {
                    if let Ok(value) = HeaderValue::from_str(&cookie) {
                        response.headers_mut().append(header::SET_COOKIE, value);
                    }
                }
                response
            }
            // The account changed between authentication and sign-in (epoch): nobody is signed in; the flow
            // restarts.
            Err(e) if epoch::has_changed(&e) => redirect(StatusCode::FOUND, &here(&self.client)),
            // Another tab has signed in, or out: the browser has another cookie by now.
            Err(e) if session::has_ended(&e) && self.client.method == "GET" => {
                redirect(StatusCode::FOUND, &here(&self.client))
            }
            Err(e) => self.fail(&e),
        }
    }
    pub fn fail(&self, error: &Error) -> Response {
        failure(&self.core, &self.client, &self.cookies, error)
    }
    pub fn not_found(&self) -> Response {
        page::not_found(&self.core, &self.client, &self.cookies).into_response()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

/// Path and query of the request.
pub fn here(client: &Client) -> String {
    if client.query.is_empty() { client.path.clone() } else { format!("{}?{}", client.path, client.query) }
}

/// A redirect to be followed by GET. Characters that a header cannot contain are percent-encoded.
pub fn redirect(status: StatusCode, to: &str) -> Response {
    let plain = to.bytes().all(|b| b.is_ascii_graphic());
    let safe = if plain {
        to.to_owned()
    } else {
        to.chars()
            .map(|c| if c.is_ascii_graphic() { c.to_string() } else { query::encode(&c.to_string()) })
            .collect()
    };
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")]).into_response();
    match HeaderValue::from_str(&safe) {
        Ok(value) => drop(response.headers_mut().insert(header::LOCATION, value)),
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// The page for a form that [`read_answer`] refuses.
pub fn unreadable(edge: &Edge, status: StatusCode, text: &str) -> Response {
    page::error(&edge.core, &edge.client, &edge.cookies, status, "The form could not be read", text)
        .into_response()
}

/// Reads the members of a JSON or form body. `Err` carries the status and the message.
pub async fn read_answer(request: Request) -> Result<Map, (StatusCode, &'static str)> {
    let json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|t| t.to_ascii_lowercase().contains("json"));
    let limited = http_body_util::Limited::new(request.into_body(), MAX_BODY);
    let Ok(body) = limited.collect().await else {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."));
    };
    let body = body.to_bytes();
    if json {
        return match serde_json::from_slice(&body) {
            Ok(Json::Object(map)) => Ok(map),
            Ok(_) => Err((StatusCode::BAD_REQUEST, "Invalid data. Expected a dictionary.")),
            Err(_) if body.is_empty() => Ok(Map::new()),
            Err(_) => Err((StatusCode::BAD_REQUEST, "JSON parse error")),
        };
    }
    let Ok(text) = std::str::from_utf8(&body) else {
        return Err((StatusCode::BAD_REQUEST, "The body is no UTF-8 text."));
    };
    let mut map = Map::new();
    for (name, value) in query::pairs(text) {
        // A repeated name (a check box and its hidden field) keeps the last value.
        map.insert(name, Json::String(value));
    }
    Ok(map)
}
