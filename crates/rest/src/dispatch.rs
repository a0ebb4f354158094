//! Dispatches HTTP requests to rows of the route table.
use crate::body;
use crate::call::{ApiResult, Call, Fault};
use crate::reply::{self, Reply, json_response};
use crate::table::{Route, Table};
use crate::visible::Reached;
use crate::{Bearer, auth};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use signet_base::{Json, json};
use signet_core::{Client, Core, Principal, budget, page};
use signet_model::Registry;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A body that took longer: who sends it may have lost the right meanwhile, and is asked again.
const SLOW: Duration = Duration::from_secs(1);
pub const PREFIX: &str = "/api/v3";

/// What an answer to OPTIONS is about.
pub struct Described<'a> {
    pub route: &'a Route,
    pub table: &'a Table,
    pub registry: &'a Registry,
    pub caller: Option<&'a Principal>,
    /// The object that the path names; none: the path names none, or shows none.
    pub reached: Option<&'a Reached>,
    /// The query asks for the operations as well (`?operations=true`): authentik's answer has none.
    pub operations: bool,
}
/// The answer to OPTIONS: what a path takes of this caller, and what they may do there.
pub type Describe = fn(&Described<'_>) -> Json;

struct Site {
    core: Arc<Core>,
    table: Arc<Table>,
    bearer: Option<Bearer>,
    describe: Describe,
}

/// All routes of the table. Mount with `nest`; the edge's `Client` must be in the request's extensions.
pub fn router(core: Arc<Core>, table: Arc<Table>, bearer: Option<Bearer>, describe: Describe) -> Router {
    Router::new().fallback(handle).with_state(Arc::new(Site { core, table, bearer, describe }))
}

async fn handle(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
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
    let Done { answer, cookies, warnings } = serve(&site, route, key, &parts, &client, body).await;
    let mut response = match answer {
        Ok(Reply::Browser) => browser(&site, &client, &parts.headers),
        Ok(Reply::Lasting { content_type, text }) if method != Method::HEAD => {
            text.answer(&parts.headers, content_type).map(Body::from)
        }
        Ok(reply) => reply::response(reply, &method),
        Err(Fault::NoPage) => no_page(&site, &client, &parts.headers),
        Err(fault) => reply::fault_response(fault, &client, &method),
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

/// The end of a call.
struct Done {
    answer: ApiResult,
    cookies: Vec<String>,
    warnings: Vec<String>,
}
impl From<ApiResult> for Done {
    fn from(answer: ApiResult) -> Self {
        Self { answer, cookies: Vec::new(), warnings: Vec::new() }
    }
}

async fn serve(site: &Site, route: &Route, key: String, parts: &Parts, client: &Client, body: Body) -> Done {
    let mut call = match prepare(site, route, key, parts, client, body).await {
        Ok(Prepared::Call(call)) => call,
        Ok(Prepared::Done(reply)) => return Ok(reply).into(),
        Err(fault) => return Err(fault).into(),
    };
    let Some(action) = route.action(&asked(&parts.method)) else { return Err(Fault::not_found()).into() };
    let mut answer = action.work(&mut call).await;
    if parts.method == Method::OPTIONS && answer.is_ok() {
        answer = Ok(Reply::ok(described(site, route, parts, (call.principal.as_ref(), call.reached.get()))));
    }
    if let (Err(fault), Some(person)) = (&answer, &call.principal) {
        tell_denied(site, client, person, route, &parts.method, fault).await;
    }
    let cookies = match (&answer, call.session.as_mut()) {
        (Ok(_), Some(session)) => session.save(&site.core, client).await,
        _ => Ok(Vec::new()),
    };
    match cookies {
        Ok(cookies) => Done { answer, cookies, warnings: call.warnings },
        Err(error) => Err(error.into()).into(),
    }
}

/// A call that is refused since the caller lacks a permission leaves an event.
async fn tell_denied(
    site: &Site,
    client: &Client,
    person: &Principal,
    route: &Route,
    method: &Method,
    fault: &Fault,
) {
    if let Some(why) = fault.denied() {
        site.core.event_call_denied(client, person, &format!("{method} {}", route.path), &why).await;
    }
}

/// OPTIONS on an object asks for the object first: who may not see it learns nothing of it.
fn asked(method: &Method) -> Method {
    if *method == Method::OPTIONS { Method::GET } else { method.clone() }
}
fn described(
    site: &Site,
    route: &Route,
    parts: &Parts,
    (caller, reached): (Option<&Principal>, Option<&Reached>),
) -> Json {
    let registry = &site.core.registry;
    let operations = signet_base::query::value(parts.uri.query().unwrap_or_default(), "operations")
        .is_some_and(|value| value == "true");
    (site.describe)(&Described { route, table: &site.table, registry, caller, reached, operations })
}

enum Prepared {
    Call(Box<Call>),
    Done(Reply),
}

/// Content negotiation, authentication, permission, method, body: the order in which clients expect errors.
async fn prepare(
    site: &Site,
    route: &Route,
    key: String,
    parts: &Parts,
    client: &Client,
    body: Body,
) -> Result<Prepared, Fault> {
    let method = &parts.method;
    if !acceptable(&parts.headers, &route.path) {
        return Err(Fault::detail(
            StatusCode::NOT_ACCEPTABLE,
            "Could not satisfy the request Accept header.",
        ));
    }
    site.core.objects.refresh_if_stale().await?;
    let mut identity = identify(site, client, parts).await?;
    if identity.principal.is_none() {
        budget::spend_request(&site.core, client).await?;
    }
    let is_described = *method == Method::OPTIONS;
    let shows = is_described && route.path.ends_with('}');
    let action = if shows { route.action(&Method::GET) } else { route.action(method) };
    // For OPTIONS and methods that do not exist: allowed to callers who may use any method of the path.
    let judged = action.or_else(|| route.actions.first()).ok_or(Fault::NoPage)?;
    if let Err(fault) = auth::gate(judged, identity.principal.as_ref()) {
        if let Some(person) = &identity.principal {
            tell_denied(site, client, person, route, method, &fault).await;
        }
        return Err(fault);
    }
    let Some(action) = action else {
        if is_described {
            let told = described(site, route, parts, (identity.principal.as_ref(), None));
            return Ok(Prepared::Done(Reply::ok(told)));
        }
        return Err(Fault::detail(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("Method \"{method}\" not allowed."),
        ));
    };
    // Only now: nobody else makes the server read a long body.
    let asked = Instant::now();
    let (body, content) = body::read(action, &parts.headers, body).await?;
    if asked.elapsed() > SLOW {
        identity = identify(site, client, parts).await?;
        auth::gate(action, identity.principal.as_ref())?;
    }
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
        content,
        permission: action.permission,
        models: action.models.clone(),
        def: action.def,
        base: action.base,
        reached: OnceLock::new(),
        warnings: Vec::new(),
        table: site.table.clone(),
    })))
}

async fn identify(site: &Site, client: &Client, parts: &Parts) -> Result<auth::Identity, Fault> {
    auth::identify(&site.core, site.bearer.as_ref(), client, &parts.method, &parts.headers).await
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
    page::packed(headers, page_context.answer(StatusCode::OK, &signet_pages::PagePolicy::default(), body))
        .map(Body::from)
}

/// A write to a path without its trailing slash: 405 without a body.
fn no_method() -> Response {
    let mut response =
        reply::build(StatusCode::METHOD_NOT_ALLOWED, "text/html; charset=utf-8", Body::empty(), &Method::GET);
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
}
