//! A small HTTP client that keeps cookies as browsers do.
use crate::cookies::{CookieRules, From};
use crate::schema;
use axum::body::{Body, Bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use signet_base::{Json, json, query};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// An HTTP client with its own cookies.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    /// By name. What a test puts in here itself is sent with every request.
    pub cookies: BTreeMap<String, String>,
    /// When those that servers have set are sent.
    rules: CookieRules,
    token: Option<String>,
    /// Sent with each request.
    pub headers: Vec<(String, String)>,
    pub host: String,
}

/// A response.
#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl TestResponse {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    pub fn location(&self) -> &str {
        self.header("location")
    }
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            cookies: BTreeMap::new(),
            rules: CookieRules::default(),
            token: None,
            headers: Vec::new(),
            host: address.to_string(),
        }
    }
    /// The same browser at another server of the installation.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }
    /// Sends an API key with each request.
    #[must_use]
    pub fn bearer(mut self, key: &str) -> Self {
        self.token = Some(key.to_owned());
        self
    }
    /// The API key that is sent.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
    /// Sends one request, as our own pages and programs do. Cookies are kept, redirects are not followed.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> TestResponse {
        self.send_from(From::Here, method, path, headers, body.into()).await
    }
    /// A page of another site follows a link (GET) or submits a form (POST) to here.
    pub async fn navigate_from(
        &mut self,
        origin: &str,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> TestResponse {
        let body = query::build(form.iter().copied());
        let mut headers = vec![
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        if method == Method::POST {
            headers.extend([("origin", origin), ("content-type", "application/x-www-form-urlencoded")]);
        }
        let from = From::Navigation { reads: method == Method::GET };
        self.send_from(from, method, path, &headers, body.into()).await
    }
    /// A page of another site shows something from here, as a picture.
    pub async fn embed_from(&mut self, origin: &str, path: &str) -> TestResponse {
        let headers = [
            ("referer", origin),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-dest", "image"),
        ];
        self.send_from(From::Embedded, Method::GET, path, &headers, Bytes::new()).await
    }
    async fn send_from(
        &mut self,
        from: From,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> TestResponse {
        let mut request =
            Request::builder().method(method.clone()).uri(path).header(header::HOST, &self.host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        // What a proxy with TLS says.
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let is_secure = own.chain(headers.iter().copied()).any(|sent| sent == ("x-forwarded-proto", "https"));
        let is_sent = |name: &str| self.rules.allow(name, &self.host, path, is_secure, from);
        let jar: Vec<String> =
            self.cookies.iter().filter(|(k, _)| is_sent(k)).map(|(k, v)| format!("{k}={v}")).collect();
        if !jar.is_empty() {
            request = request.header(header::COOKIE, jar.join("; "));
        }
        // Our scripts add it; pages of others cannot read it.
        if let (Some(csrf), false, From::Here) = (
            self.cookies.get("authentik_csrf"),
            matches!(method, Method::GET | Method::HEAD | Method::OPTIONS),
            from,
        ) {
            request = request.header("x-authentik-csrf", csrf);
        }
        let request = request.body(Body::from(body)).unwrap();
        let stream = TcpStream::connect(self.address).await.expect("a connection to the server");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let response = sender.send_request(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the whole answer").to_bytes();
        drop(sender);
        driver.abort();
        // Other hosts may belong to slices.
        if self.host == self.address.to_string() {
            schema::check(&method, path, parts.status, &parts.headers, &body);
        }
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            self.keep(cookie.to_str().unwrap(), is_secure);
        }
        TestResponse { status: parts.status, headers: parts.headers, body }
    }
    fn keep(&mut self, cookie: &str, is_secure: bool) {
        let (pair, rest) = cookie.split_once(';').unwrap_or((cookie, ""));
        let Some((name, value)) = pair.split_once('=') else { return };
        if !self.rules.note(name, rest, &self.host, is_secure) {
            return;
        }
        if value.is_empty() || rest.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
    pub async fn get(&mut self, path: &str) -> TestResponse {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }
    pub async fn delete(&mut self, path: &str) -> TestResponse {
        self.send(Method::DELETE, path, &[], Bytes::new()).await
    }
    async fn with_json(&mut self, method: Method, path: &str, body: &Json) -> TestResponse {
        self.send(method, path, &[("content-type", "application/json")], body.to_string()).await
    }
    pub async fn post(&mut self, path: &str, body: Json) -> TestResponse {
        self.with_json(Method::POST, path, &body).await
    }
    pub async fn put(&mut self, path: &str, body: Json) -> TestResponse {
        self.with_json(Method::PUT, path, &body).await
    }
    pub async fn patch(&mut self, path: &str, body: Json) -> TestResponse {
        self.with_json(Method::PATCH, path, &body).await
    }
    /// Posts a form.
    pub async fn form(&mut self, path: &str, pairs: &[(&str, &str)]) -> TestResponse {
        let body = query::build(pairs.iter().copied());
        self.send(Method::POST, path, &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    /// The next challenge of a flow.
    pub async fn challenge(&mut self, flow: &str, query: &str) -> Json {
        self.get(&format!("/api/v3/flows/executor/{flow}/?query={}", query::encode(query))).await.json()
    }
    /// Answers a challenge and gives the next one.
    pub async fn answer(&mut self, flow: &str, query: &str, answer: Json) -> Json {
        let path = format!("/api/v3/flows/executor/{flow}/?query={}", query::encode(query));
        let mut reply = self.post(&path, answer).await;
        for _ in 0..10 {
            if reply.status != StatusCode::FOUND {
                break;
            }
            reply = self.get(&path).await;
        }
        reply.json()
    }
    /// Signs in through the default flow; returns the last challenge.
    pub async fn login(&mut self, name: &str, password: &str) -> Json {
        const FLOW: &str = "default-authentication-flow";
        self.challenge(FLOW, "").await;
        let next =
            self.answer(FLOW, "", json!({"component": "ak-stage-identification", "uid_field": name})).await;
        if next["component"] != "ak-stage-password" {
            return next;
        }
        self.answer(FLOW, "", json!({"component": "ak-stage-password", "password": password})).await
    }
}
