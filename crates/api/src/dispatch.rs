//! Dispatches HTTP requests to rows of the route table.
use crate::call::{ApiResult, Call, Fault, Reply};
use crate::route::Table;
use crate::{Wiring, auth, meta};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use signet_base::error::Chain;
use signet_base::{Error, Json, Map, json};
use signet_core::{Client, Core, Principal, budget, page};
use std::sync::Arc;

/// Maximum size of a body in bytes.
const MAX_BODY: usize = 1024 * 1024;
pub(crate) const PREFIX: &str = "/api/v3";

struct Site {
    core: Arc<Core>,
    wiring: Arc<Wiring>,
    table: Arc<Table>,
}

pub(crate) fn router(core: Arc<Core>, wiring: Wiring) -> Router {
    let table = Arc::new(Table::new(&core.registry, &wiring.extra));
    let site = Arc::new(Site { core, wiring: Arc::new(wiring), table });
    Router::new().fallback(handle).with_state(site)
}

async fn handle(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    // Always read: a connection with an unread body is closed, which would lose its next request.
    let body = collect(&parts.headers, body).await;
    let Some(client) = parts.extensions.get::<Arc<Client>>().cloned() else {
        tracing::error!("a request came without its client: the edge is not wired");
        return json_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"detail": "The server is not set up."}),
            &Method::GET,
        );
    };
    let path = parts.uri.path();
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let method = parts.method.clone();
    let Some(inner) = path.strip_suffix('/') else {
        return if is_read(&method) { no_page(&site, &client, &parts.headers) } else { no_method() };
    };
    let Some((route, key)) = site.table.find(inner.trim_start_matches('/')) else {
        return no_page(&site, &client, &parts.headers);
    };
    client.sent.matched(&format!("{PREFIX}/{}/", route.path));
    let allow = route.allow();
    let (answer, cookies, warnings) = serve(&site, route, key, &parts, &client, body).await;
    let mut response = match answer {
        Ok(Reply::Browser) => browser(&site, &client, &parts.headers),
        Ok(Reply::Lasting { content_type, text }) if method != Method::HEAD => {
            text.answer(&parts.headers, content_type).map(Body::from)
        }
        Ok(reply) => reply_response(reply, &method),
        Err(Fault::NoPage) => no_page(&site, &client, &parts.headers),
        Err(fault) => fault_response(fault, &client, &method),
    };
    let headers = response.headers_mut();
    if let Ok(allow) = HeaderValue::from_str(&allow) {
        headers.insert(header::ALLOW, allow);
    }
    headers.append(header::VARY, HeaderValue::from_static("Accept, Cookie"));
    for warning in warnings {
        let text: String = warning
            .chars()
            .filter(|c| c.is_ascii() && !c.is_ascii_control() && *c != '"' && *c != '\\')
            .collect();
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{text}\"")) {
            headers.append(header::WARNING, value);
        }
    }
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    response
}

async fn serve(
    site: &Site,
    route: &crate::route::Route,
    key: String,
    parts: &http::request::Parts,
    client: &Client,
    body: BodyResult,
) -> (ApiResult, Vec<String>, Vec<String>) {
    let nothing = Vec::new;
    let mut call = match prepare(site, route, key, parts, client, body).await {
        Ok(Prepared::Call(call)) => call,
        Ok(Prepared::Done(reply)) => return (Ok(reply), nothing(), nothing()),
        Err(fault) => return (Err(fault), nothing(), nothing()),
    };
    let Some(action) = route.action(&parts.method) else {
        return (Err(Fault::not_found()), nothing(), nothing());
    };
    let answer = action.work(&mut call).await;
    if let (Err(fault), Some(person)) = (&answer, &call.principal) {
        tell_denied(site, client, person, route, &parts.method, fault).await;
    }
    let cookies = match (&answer, call.session.as_mut()) {
        (Ok(_), Some(session)) => session.save(&site.core, client).await,
        _ => Ok(Vec::new()),
    };
    match cookies {
        Ok(cookies) => (answer, cookies, call.warnings),
        Err(error) => (Err(error.into()), nothing(), nothing()),
    }
}

/// A call that is refused since the caller lacks a permission leaves an event.
async fn tell_denied(
    site: &Site,
    client: &Client,
    person: &Principal,
    route: &crate::route::Route,
    method: &Method,
    fault: &Fault,
) {
    if let Some(why) = fault.denied() {
        site.core.event_call_denied(client, person, &format!("{method} {}", route.path), &why).await;
    }
}

enum Prepared {
    Call(Box<Call>),
    Done(Reply),
}

/// Content negotiation, authentication, permission, method, body: the order in which clients expect errors.
async fn prepare(
    site: &Site,
    route: &crate::route::Route,
    key: String,
    parts: &http::request::Parts,
    client: &Client,
    body: BodyResult,
) -> Result<Prepared, Fault> {
    let method = &parts.method;
    if !acceptable(&parts.headers, &route.path) {
        return Err(Fault::detail(
            StatusCode::NOT_ACCEPTABLE,
            "Could not satisfy the request Accept header.",
        ));
    }
    site.core.objects.refresh_if_stale().await?;
    let identity = auth::identify(&site.core, &site.wiring, client, method, &parts.headers).await?;
    if identity.principal.is_none() {
        budget::spend_request(&site.core, client).await?;
    }
    let action = route.action(method);
    // For OPTIONS and methods that do not exist: allowed to callers who may use any method of the path.
    let judged = action.or_else(|| route.actions.first()).ok_or(Fault::NoPage)?;
    if let Err(fault) = auth::gate(judged, identity.principal.as_ref()) {
        if let Some(person) = &identity.principal {
            tell_denied(site, client, person, route, method, &fault).await;
        }
        return Err(fault);
    }
    let Some(action) = action else {
        if *method == Method::OPTIONS {
            return Ok(Prepared::Done(Reply::ok(meta::describe(
                route,
                &site.core.registry,
                identity.principal.as_ref(),
            ))));
        }
        return Err(Fault::detail(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("Method \"{method}\" not allowed."),
        ));
    };
    let body = if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        read_body(&parts.headers, body)?
    } else {
        Map::new()
    };
    Ok(Prepared::Call(Box::new(Call {
        core: site.core.clone(),
        client: client.clone(),
        config: site.core.config(),
        principal: identity.principal,
        session: identity.session,
        method: method.clone(),
        headers: parts.headers.clone(),
        query: auth::pairs(parts.uri.query()),
        key,
        body,
        permission: action.permission,
        models: action.models.clone(),
        def: action.def,
        base: action.base,
        warnings: Vec::new(),
        wiring: site.wiring.clone(),
        table: site.table.clone(),
    })))
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the client accepts JSON. The OpenAPI document and the browser page have other formats too.
fn acceptable(headers: &HeaderMap, path: &str) -> bool {
    if path.is_empty() || path == "schema" {
        return true;
    }
    let Some(accept) = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) else { return true };
    accept.split(',').any(|part| {
        let mut parts = part.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse::<f32>() == Ok(0.0)));
        !refused && matches!(kind.as_str(), "application/json" | "application/*" | "*/*" | "")
    })
}

/// The bytes of a body, or the response to an unreadable one.
type BodyResult = Result<Bytes, Fault>;

async fn collect(headers: &HeaderMap, body: Body) -> BodyResult {
    let too_long = || Fault::detail(StatusCode::PAYLOAD_TOO_LARGE, "The request body is longer than 1 MiB.");
    let told: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if told.is_some_and(|n| n > MAX_BODY) {
        return Err(too_long());
    }
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
        Err(_) => Err(Fault::detail(StatusCode::BAD_REQUEST, "The request body ended too early.")),
    }
}

fn read_body(headers: &HeaderMap, body: BodyResult) -> Result<Map, Fault> {
    let bytes = body?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media = kind.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Fault::detail(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Unsupported media type \"{}\" in request.", shorten(kind)),
        ));
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Map, Fault> {
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(other) => {
            let kind = match other {
                Json::Array(_) => "list",
                Json::String(_) => "str",
                Json::Bool(_) => "bool",
                Json::Null => "NoneType",
                _ => "int",
            };
            Err(Fault::bad(
                json!({"non_field_errors": [format!("Invalid data. Expected a dictionary, but got {kind}.")]}),
            ))
        }
        Err(error) => Err(Fault::detail(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}"))),
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

fn build(status: StatusCode, content_type: &'static str, body: impl Into<Body>, method: &Method) -> Response {
    let body = if *method == Method::HEAD { Body::empty() } else { body.into() };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
fn json_response(status: StatusCode, body: &Json, method: &Method) -> Response {
    build(status, "application/json", body.to_string(), method)
}

fn reply_response(reply: Reply, method: &Method) -> Response {
    match reply {
        Reply::Json(status, body) => json_response(status, &body, method),
        Reply::Empty | Reply::Browser => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Reply::Lasting { content_type, .. } => build(StatusCode::OK, content_type, Body::empty(), method),
        Reply::File { name, content_type, text } => {
            let mut response = build(StatusCode::OK, content_type, text, method);
            let name: String =
                name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/')).collect();
            if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
            }
            response
        }
    }
}

fn fault_response(fault: Fault, client: &Client, method: &Method) -> Response {
    let (status, body) = match fault {
        Fault::Reply(status, body) => (status, body),
        Fault::NoPage => (StatusCode::NOT_FOUND, json!({"detail": "Not found."})),
        Fault::Error(error) => match error {
            Error::Invalid(fields) => (StatusCode::BAD_REQUEST, fields.to_json()),
            Error::Denied(why) => (StatusCode::FORBIDDEN, json!({"detail": why})),
            Error::NotFound => (StatusCode::NOT_FOUND, json!({"detail": "Not found."})),
            Error::Conflict(what) => {
                tracing::info!(request_id = %client.request_id, %what, "a write lost against another one");
                (
                    StatusCode::BAD_REQUEST,
                    json!({"non_field_errors": ["The object was changed at the same time. Read it again and repeat."]}),
                )
            }
            Error::Unavailable(_) => {
                tracing::warn!(request_id = %client.request_id, error = %Chain(&error), "the API cannot answer now");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    json!({"detail": "The service is not available at the moment. Try again."}),
                )
            }
            Error::TooMany { wait } => {
                let mut response = json_response(
                    StatusCode::TOO_MANY_REQUESTS,
                    &json!({"detail": format!("Request was throttled. Expected available in {wait} seconds.")}),
                    method,
                );
                response.headers_mut().insert(header::RETRY_AFTER, wait.into());
                return response;
            }
            Error::Internal(_) => {
                tracing::error!(request_id = %client.request_id, path = %client.shown_path(), error = %Chain(&error), "the API failed");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    json!({"detail": "Something went wrong on our side.", "request_id": client.request_id}),
                )
            }
        },
    };
    json_response(status, &body, method)
}

fn cookies(headers: &HeaderMap) -> String {
    headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join("; ")
}

fn no_page(site: &Site, client: &Client, headers: &HeaderMap) -> Response {
    page::not_found(&site.core, client, &cookies(headers)).map(Body::from)
}

fn browser(site: &Site, client: &Client, headers: &HeaderMap) -> Response {
    let page_context = page::PageContext::of(&site.core, client, &cookies(headers));
    let menu = page::AccountMenu::of_request(client);
    let account = menu.as_ref().map(|menu| menu.account("/api/v3/"));
    let page = page_context.page(&site.core);
    let body = signet_pages::api_browser_page(page, account, "/api/v3/schema/?format=json");
    page::packed(headers, page_context.answer(StatusCode::OK, &[], body)).map(Body::from)
}

/// A write to a path without its trailing slash: 405 without a body.
fn no_method() -> Response {
    let mut response =
        build(StatusCode::METHOD_NOT_ALLOWED, "text/html; charset=utf-8", Body::empty(), &Method::GET);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn json_is_served_to_those_who_take_it() {
        let accepts = |value: &'static str| {
            acceptable(
                &HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]),
                "core/users",
            )
        };
        assert!(accepts("*/*") && accepts("text/html, */*;q=0.1") && accepts("application/json; indent=4"));
        assert!(!accepts("application/xml") && !accepts("text/html") && !accepts("application/json;q=0"));
    }
    #[test]
    fn a_body_is_an_object() {
        assert!(parse(b"{\"a\": 1}").is_ok());
        for bad in [&b"[]"[..], b"{", b"\xff", b"5", b"null", b"\"x\""] {
            assert!(parse(bad).is_err());
        }
        // The parser limits nesting.
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
