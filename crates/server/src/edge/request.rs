//! Processing of every request: id, client, limits, panics, headers, log line.
use super::body::{self, Rest};
use super::client::{self, Connection};
use super::host;
use super::ids::RequestIds;
use super::stream::{StreamedRequest, StreamedResponse};
use crate::wiring::Endpoints;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::Limited;
use hyper::body::{Body as _, Incoming};
use signet_core::listener::Activity;
use signet_core::{Client, Core, address, page};
use signet_rest::{MAX_BODY, OwnHeaders, Table, VirtualHost};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tower::ServiceExt;

/// Maximum number of bytes drained from a body that is too large.
const LINGER: usize = 4 * MAX_BODY;

/// The handler of all requests.
pub struct RequestHandler {
    pub core: Arc<Core>,
    pub routes: Router,
    virtual_hosts: Vec<(&'static dyn VirtualHost, Router)>,
    /// Says how long a body may be.
    table: Arc<Table>,
    pub ids: RequestIds,
}

/// What answers a request: the routes of the server, or a slice to which the host belongs.
#[derive(Clone, Copy)]
struct Target<'a> {
    host: Option<&'static dyn VirtualHost>,
    routes: &'a Router,
}

impl RequestHandler {
    pub fn new(core: Arc<Core>, endpoints: &Endpoints) -> Self {
        let table = Arc::new(crate::wiring::table(&core));
        let routes = crate::wiring::routes(&core, endpoints, table.clone());
        let virtual_hosts = endpoints.virtual_hosts.iter().map(|host| (*host, host.router(&core))).collect();
        Self { ids: RequestIds::new(&core.ports), core, routes, virtual_hosts, table }
    }

    /// Handles one request.
    pub async fn answer(
        &self,
        connection: Connection,
        live: &Arc<Activity>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let started = Instant::now();
        self.core.metrics.requests.inc();
        let id = self.ids.next();
        let method = request.method().clone();
        let client = client::of(
            connection,
            method.as_str(),
            request.uri(),
            request.headers(),
            &self.core.settings,
            id.clone(),
        );
        let (mut response, path) = match client {
            Ok(client) => {
                let client = Arc::new(client);
                let target = self.target(&client);
                let inputs = HeaderInputs::of(&self.core, &client, request.headers());
                let mut response = self.inner(client.clone(), target, live, request).await;
                if !has_own_headers(&response) {
                    inputs.set_headers(response.headers_mut());
                }
                // What a path below the host of a slice means is not known here.
                let path = match target.host {
                    Some(host) => format!("({})", host.name()),
                    None => client.shown_path().to_owned(),
                };
                (response, path)
            }
            Err(client::BadHost) => {
                (text(StatusCode::BAD_REQUEST, "The request names no valid host."), "(no route)".to_owned())
            }
        };
        let took = started.elapsed();
        if !has_own_headers(&response) {
            set_headers(response.headers_mut(), &id, took);
            if response.status() == StatusCode::SERVICE_UNAVAILABLE {
                response.headers_mut().entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("2"));
            }
        }
        let (status, ms) = (response.status().as_u16(), took.as_secs_f64() * 1000.0);
        // A failing log must not affect the response.
        let _ = catch_unwind(AssertUnwindSafe(|| match status {
            500.. => tracing::warn!(request_id = %id, %method, %path, status, ms, "request"),
            400.. => tracing::info!(request_id = %id, %method, %path, status, ms, "request"),
            _ => tracing::debug!(request_id = %id, %method, %path, status, ms, "request"),
        }));
        StreamedResponse::watch(response, live)
    }

    fn target(&self, client: &Client) -> Target<'_> {
        if !self.virtual_hosts.is_empty() && !address::is_own(&self.core, client) {
            for (host, routes) in &self.virtual_hosts {
                if host.serves(&self.core, client) {
                    return Target { host: Some(*host), routes };
                }
            }
        }
        Target { host: None, routes: &self.routes }
    }

    /// How long the body may be. `None`: a stream of any length.
    fn body_limit(&self, target: Target<'_>, request: &Request<Incoming>) -> Option<usize> {
        if let Some(host) = target.host {
            return host.max_body();
        }
        // Longer bodies than usual are an exception of some actions of the API.
        let usual = request.body().size_hint().upper().is_some_and(|most| most <= MAX_BODY as u64);
        Some(if usual { MAX_BODY } else { self.table.limit(request.method(), request.uri().path()) })
    }

    async fn inner(
        &self,
        client: Arc<Client>,
        target: Target<'_>,
        live: &Arc<Activity>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let version = request.version();
        let limit = self.body_limit(target, &request);
        if limit.is_some_and(|limit| request.body().size_hint().lower() > limit as u64) {
            let (body, rest) = body::lend(request.into_body(), live.clone());
            drop(body);
            // A client that is still sending would see a broken connection instead of the response.
            rest.discard(LINGER).await;
            return closing(text(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."), version);
        }
        if target.host.is_none()
            && let Some(refusal) = host::refusal(&self.core, &client, request.headers()).await
        {
            let (body, rest) = body::lend(request.into_body(), live.clone());
            drop(body);
            return if rest.discard(MAX_BODY).await { refusal } else { closing(refusal, version) };
        }
        let caller = Caller::of(&client, request.headers());
        let (parts, body) = request.into_parts();
        let (body, rest) = match limit {
            _ if body.is_end_stream() => (Body::empty(), None),
            Some(limit) => lent(body, live, limit),
            None => (Body::new(StreamedRequest::new(body)), None),
        };
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(client);
        let response = self.routed(request, target, caller).await;
        match rest {
            Some(rest) if rest.is_late() => {
                self.core.budgets.count("body");
                closing(text(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."), version)
            }
            Some(rest) if !rest.discard(MAX_BODY).await => closing(response, version),
            _ => response,
        }
    }

    async fn routed(&self, request: Request<Body>, target: Target<'_>, caller: Caller) -> Response<Body> {
        // The error type is Infallible, as the match shows.
        let answer = async {
            match target.routes.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        match (CatchPanic { future: Box::pin(answer) }).await {
            Ok(response) => response,
            Err(()) => self.panicked(target, &caller),
        }
    }

    fn panicked(&self, target: Target<'_>, caller: &Caller) -> Response<Body> {
        let Caller { client, cookies, wants_page } = caller;
        let path = if target.host.is_some() { "(no route)" } else { client.shown_path() };
        tracing::error!(request_id = %client.request_id, %path, "a request made the server panic; this is a fault to report");
        if target.host.is_some() {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.");
        }
        if client.path.starts_with("/api/") && !wants_page {
            let mut response = Response::new(Body::from(format!(
                r#"{{"detail":"Something went wrong on our side.","request_id":"{}"}}"#,
                client.request_id
            )));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return response;
        }
        page::failure(&self.core, client, cookies, &signet_base::Error::internal("panic")).map(Body::from)
    }
}

/// What an answer to a panic depends on.
struct Caller {
    client: Arc<Client>,
    cookies: String,
    wants_page: bool,
}
impl Caller {
    fn of(client: &Arc<Client>, headers: &HeaderMap) -> Self {
        let text =
            |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
        Self {
            client: client.clone(),
            cookies: text(header::COOKIE).to_owned(),
            wants_page: text(header::ACCEPT).contains("text/html"),
        }
    }
}

fn has_own_headers(response: &Response<Body>) -> bool {
    response.extensions().get::<OwnHeaders>().is_some()
}

fn lent(body: Incoming, live: &Arc<Activity>, limit: usize) -> (Body, Option<Rest>) {
    let (body, rest) = body::lend(body, live.clone());
    (Body::new(Limited::new(body, limit)), Some(rest))
}

/// Sets `Connection: close`: a part of the request was not read.
fn closing(mut response: Response<Body>, version: Version) -> Response<Body> {
    if version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A future whose panic becomes a 500.
struct CatchPanic<F> {
    future: Pin<Box<F>>,
}
impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, ()>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // After a panic the future is dropped and not polled again, so no broken state is read.
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context))) {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(Err(())),
        }
    }
}

fn text(status: StatusCode, message: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-authentik-id");
const RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// `12.345ms`. Formatted by hand, since it is written for every response.
fn milliseconds(took: Duration) -> HeaderValue {
    let mut rest = took.as_micros();
    // Enough for 39 digits of a u128, the dot and the unit.
    let mut text = *b"                                         ms";
    let mut at = text.len() - 2;
    for place in 0.. {
        if place == 3 {
            at -= 1;
            text[at] = b'.';
        }
        at -= 1;
        text[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 && place >= 3 {
            break;
        }
    }
    HeaderValue::from_bytes(&text[at..]).unwrap_or(HeaderValue::from_static("0.000ms"))
}

/// Properties of the request that response headers depend on.
struct HeaderInputs {
    hsts: Option<HeaderValue>,
    /// The API, requested by a browser. Other clients do not cache, and some compare the headers they know.
    private: bool,
}

impl HeaderInputs {
    fn of(core: &Core, client: &Client, headers: &HeaderMap) -> Self {
        // HSTS is not sent for local names, which other services of the machine share.
        let secs = core.settings.hsts;
        let hsts = (client.secure && secs > 0 && client.domain() != "localhost")
            .then(|| HeaderValue::from_str(&format!("max-age={secs}")).ok())
            .flatten();
        let browser = headers.contains_key("sec-fetch-site")
            || headers.contains_key("sec-fetch-mode")
            || client.user_agent.starts_with("Mozilla/");
        Self { hsts, private: browser && client.path.starts_with("/api/") }
    }
    fn set_headers(self, headers: &mut HeaderMap) {
        if let Some(hsts) = self.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts);
        }
        if self.private {
            headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        }
    }
}

/// Sets the headers of every response.
fn set_headers(headers: &mut HeaderMap, id: &str, took: Duration) {
    headers.reserve(6);
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(RESPONSE_TIME, milliseconds(took));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("strict-origin-when-cross-origin"));
    headers
        .entry(PERMISSIONS)
        .or_insert(HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_with_three_digits() {
        for (micros, text) in [
            (0, "0.000ms"),
            (7, "0.007ms"),
            (1_000, "1.000ms"),
            (12_345, "12.345ms"),
            (u64::MAX, "18446744073709551.615ms"),
        ] {
            assert_eq!(milliseconds(Duration::from_micros(micros)), text);
        }
        assert_eq!(milliseconds(Duration::MAX), "18446744073709551615999.999ms");
    }
}
