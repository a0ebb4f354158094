//! One request at this edge: the client, the session, and how answers leave with the session saved.
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use signet_base::{Error, Json, Map, Result, query};
use signet_core::{Client, Core, WebSession, page, session};
use signet_store::epoch;
use std::sync::Arc;

/// Longest body of a form or an answer, in bytes.
const MAX_BODY: usize = 1 << 20;

/// What every handler starts from.
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
            // Without the server's own reading of the connection nothing about the caller is known.
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        let cookies = cookie_header(&parts.headers);
        match WebSession::load(core, &client, &cookies).await {
            Ok(session) => {
                Ok(Self { core: core.clone(), client, cookies, headers: parts.headers.clone(), session })
            }
            Err(e) => Err(page::failure(core, &client, &cookies, &e).into_response()),
        }
    }
}

/// All `Cookie` headers as one text.
pub fn cookie_header(headers: &HeaderMap) -> String {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ")
}

impl Edge {
    /// Saves the session and sends the answer with its cookies. An answer that was given before the session
    /// is safe would be a lie, so a failure to save replaces it.
    pub async fn send(mut self, answer: impl IntoResponse) -> Response {
        match self.session.save(&self.core, &self.client).await {
            Ok(cookies) => {
                let mut response = answer.into_response();
                for cookie in cookies {
                    if let Ok(value) = HeaderValue::from_str(&cookie) {
                        response.headers_mut().append(header::SET_COOKIE, value);
                    }
                }
                response
            }
            // The account changed between the proof and the sign-in: nobody is signed in, and the run begins
            // anew.
            Err(e) if epoch::has_changed(&e) => redirect(StatusCode::FOUND, &here(&self.client)),
            // Another tab has signed in, or out: the browser has another cookie by now.
            Err(e) if session::has_ended(&e) && self.client.method == "GET" => {
                redirect(StatusCode::FOUND, &here(&self.client))
            }
            Err(e) => self.fail(&e),
        }
    }
    pub fn fail(&self, error: &Error) -> Response {
        page::failure(&self.core, &self.client, &self.cookies, error).into_response()
    }
    pub fn not_found(&self) -> Response {
        page::not_found(&self.core, &self.client, &self.cookies).into_response()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

/// The address of the request, with its query.
pub fn here(client: &Client) -> String {
    if client.query.is_empty() { client.path.clone() } else { format!("{}?{}", client.path, client.query) }
}

/// A redirect by GET. `to` is percent-encoded where a header needs it.
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

/// The members of a JSON or form body. `Err` says what is wrong with it.
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
        // A name that comes twice (a check box beside its hidden field) keeps its last value.
        map.insert(name, Json::String(value));
    }
    Ok(map)
}
