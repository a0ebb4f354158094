//! `requests` and `resolve_dns`: disabled unless allowed by the settings, and then limited to named hosts.
mod dns;

use super::objects::{CallResult, Shared};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use signet_base::outbound::{HttpRequest, HttpResponse};
use signet_base::query;
use signet_expr::{BoxFuture, CallError, HostObject, Kwargs, Raised, Value};
use std::sync::Arc;
use std::time::Duration;

pub use dns::{resolve, reverse};

/// Maximum size of a request or response body.
const MAX_BODY: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: f64 = 10.0;
/// Maximum timeout that a program may request; [`MAX_TIMEOUT`] is the limit in force.
const MAX_ASKED: f64 = 60.0;
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// Network access of expressions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Allowed hosts for `requests`, in lower case: `api.example.com`, `*.example.com`, or `*` for all public
    /// hosts. Empty: none.
    pub hosts: Vec<String>,
    /// Whether names may be resolved.
    pub dns: bool,
}

impl Outside {
    /// Whether a host is allowed, and whether it must then be globally reachable (if only `*` allows it).
    fn opens(&self, host: &str) -> Option<bool> {
        let host = host.to_lowercase();
        let named = |pattern: &&String| match pattern.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            None => **pattern == host,
        };
        if self.hosts.iter().any(|pattern| named(&pattern)) {
            return Some(false);
        }
        self.hosts.iter().any(|pattern| pattern == "*").then_some(true)
    }
}

/// A denial that the program cannot catch, so that the author sees it.
fn closed(what: &str) -> CallError {
    CallError::Fatal(format!("{what} (AUTHENTIK_EXPRESSIONS__ALLOWED_HOSTS)"))
}

/// `requests`
pub struct Requests(pub Arc<Shared>);

impl Requests {
    /// `requests.request(method, url, …)` and `requests.get(url, …)`.
    async fn asked(&self, method: &str, mut args: Vec<Value>, mut kwargs: Kwargs) -> CallResult {
        // Python's names of the positional arguments.
        let mut first =
            |name: &str| kwargs.iter().position(|(key, _)| key == name).map(|at| kwargs.remove(at).1);
        let method = match method {
            "request" => {
                let given = if args.is_empty() { first("method") } else { Some(args.remove(0)) };
                let given = given.as_ref().and_then(Value::as_str).map(str::to_lowercase);
                given.filter(|name| METHODS.contains(&name.as_str())).ok_or_else(|| {
                    CallError::Value("requests.request() takes a method and an address".into())
                })?
            }
            other => other.to_owned(),
        };
        if args.is_empty()
            && let Some(url) = first("url")
        {
            args.push(url);
        }
        if self.0.client.dry_run.is_some() && !matches!(method.as_str(), "get" | "head" | "options") {
            return Err(CallError::Fatal(format!(
                "requests.{method}() is not called while a text is only tried out"
            )));
        }
        self.send(&method, args, kwargs).await
    }

    async fn send(&self, method: &str, args: Vec<Value>, kwargs: Kwargs) -> CallResult {
        let outside = &self.0.core.settings.expressions;
        let (url, body) = match args.as_slice() {
            [Value::Str(url)] => (url.to_string(), None),
            [Value::Str(url), body] => (url.to_string(), Some(body.clone())),
            [Value::Str(url), body, json] if method == "post" => {
                return Box::pin(self.send(
                    method,
                    vec![Value::Str(url.clone()), body.clone()],
                    kwargs.into_iter().chain([("json".to_owned(), json.clone())]).collect(),
                ))
                .await;
            }
            _ => return Err(CallError::Type(format!("requests.{method}() takes an address"))),
        };
        let mut request = HttpRequest::new(&method.to_uppercase(), url);
        request.timeout = TIMEOUT;
        request.max_response = MAX_BODY;
        // The second argument is the query for `get`, the body for other methods.
        let body_name = if method == "get" { "params" } else { "data" };
        for (name, value) in body.into_iter().map(|body| (body_name.to_owned(), body)).chain(kwargs) {
            request = option(request, &name, &value)?;
        }
        if request.body.len() > MAX_BODY {
            return Err(CallError::Value("the body is too large".into()));
        }
        let host = host_of(&request.url)
            .ok_or_else(|| CallError::Value("the address is no http or https address".into()))?;
        request.public_only = outside
            .opens(&host)
            .ok_or_else(|| closed(&format!("the host {host} is not open to expressions")))?;
        let url = request.url.clone();
        let answer = self.0.core.ports.http.send(request).await.map_err(|error| {
            let why = error.to_string();
            // A timeout is raised as such; other failures are connection errors.
            let kind = if why.contains("did not answer in") { Raised::Timeout } else { Raised::Connection };
            CallError::Raised(kind, why)
        })?;
        Ok(Value::object(Response { url, answer }))
    }
}

fn option(mut request: HttpRequest, name: &str, value: &Value) -> Result<HttpRequest, CallError> {
    let json = |value: &Value| super::to_json(value).map_err(CallError::Type);
    match (name, value) {
        (_, Value::None) => {}
        ("params", Value::Dict(_) | Value::List(_) | Value::Str(_)) => {
            let text = match value {
                Value::Str(text) => text.to_string(),
                pairs => form(pairs)?,
            };
            if !text.is_empty() {
                request.url.push(if request.url.contains('?') { '&' } else { '?' });
                request.url.push_str(&text);
            }
        }
        ("cookies", Value::Dict(pairs)) => {
            let mut texts = Vec::new();
            for (key, value) in pairs.iter() {
                let value = plain(value)?;
                if !(key.bytes().chain(value.bytes()))
                    .all(|b| (0x21..0x7f).contains(&b) && !b";,\"".contains(&b))
                {
                    return Err(CallError::Value(format!("the cookie '{key}' cannot be sent")));
                }
                texts.push(format!("{key}={value}"));
            }
            if !texts.is_empty() {
                request = request.header("Cookie", texts.join("; "));
            }
        }
        ("auth", Value::List(pair)) => {
            let [Value::Str(user), Value::Str(password)] = pair.as_slice() else {
                return Err(CallError::Type("auth is a pair of name and password".into()));
            };
            if user.contains(':') {
                return Err(CallError::Value("the name of auth has no colon".into()));
            }
            let pair = BASE64.encode(format!("{user}:{password}"));
            request = request.header("Authorization", format!("Basic {pair}"));
        }
        ("headers", Value::Dict(pairs)) => {
            for (key, value) in pairs.iter() {
                let value = plain(value)?;
                let clean = |text: &str| !text.is_empty() && text.bytes().all(|b| (0x20..0x7f).contains(&b));
                if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                    || !clean(key)
                    || !(value.is_empty() || clean(&value))
                {
                    return Err(CallError::Value(format!("the header '{key}' cannot be sent")));
                }
                request = request.header(key, value);
            }
        }
        ("json", value) => request = request.body("application/json", json(value)?.to_string()),
        ("data", Value::Str(text)) => request.body = text.as_bytes().to_vec(),
        ("data", Value::Bytes(bytes)) => request.body = bytes.to_vec(),
        ("data", Value::Dict(_) | Value::List(_)) => {
            request = request.body("application/x-www-form-urlencoded", form(value)?)
        }
        ("timeout", Value::Int(_) | Value::Float(_) | Value::List(_)) => {
            // A pair contains the connect and the read timeout.
            let parts = value.as_list().map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
            let seconds = parts.iter().map(|part| match part {
                Value::Int(seconds) => *seconds as f64,
                Value::Float(seconds) => *seconds,
                Value::None => MAX_TIMEOUT,
                _ => -1.0,
            });
            let seconds: Vec<f64> = seconds.collect();
            if seconds.is_empty()
                || seconds.len() > 2
                || !seconds.iter().all(|seconds| *seconds > 0.0 && *seconds <= MAX_ASKED)
            {
                return Err(CallError::Value(format!("a timeout has up to {MAX_ASKED} seconds")));
            }
            // The timeout is limited, whatever is requested.
            request.timeout = Duration::from_secs_f64(seconds.iter().sum::<f64>().min(MAX_TIMEOUT));
        }
        // Redirects are never followed and certificates always verified, so only matching arguments are
        // accepted.
        ("allow_redirects", Value::Bool(false))
        | ("verify", Value::Bool(true))
        | ("stream", Value::Bool(false)) => {}
        _ => return Err(CallError::Type(format!("requests does not take {name} in this form here"))),
    }
    Ok(request)
}

/// Pairs of a form or query; a list of values repeats its key.
fn form(value: &Value) -> Result<String, CallError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut add = |key: String, value: &Value| -> Result<(), CallError> {
        match value {
            Value::None => {}
            Value::List(items) => {
                for item in items.iter() {
                    pairs.push((key.clone(), plain(item)?));
                }
            }
            value => pairs.push((key, plain(value)?)),
        }
        Ok(())
    };
    match value {
        Value::Dict(dict) => dict.iter().try_for_each(|(key, value)| add(key.to_owned(), value))?,
        Value::List(items) => items.iter().try_for_each(|item| match item.as_list() {
            Some([key, value]) => add(plain(key)?, value),
            _ => Err(CallError::Type("expected pairs of key and value".into())),
        })?,
        _ => return Err(CallError::Type("expected a dictionary or pairs".into())),
    }
    Ok(query::build(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

fn plain(value: &Value) -> Result<String, CallError> {
    match value {
        Value::Str(text) => Ok(text.to_string()),
        Value::Int(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(format!("{number:?}")),
        Value::Bool(true) => Ok("True".into()),
        Value::Bool(false) => Ok("False".into()),
        _ => Err(CallError::Type("expected text".into())),
    }
}

/// The host of an http(s) URL, without credentials and port.
fn host_of(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    if !matches!(scheme, "http" | "https") || authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host().trim_end_matches('.').to_lowercase();
    (!host.is_empty()).then_some(host)
}

impl HostObject for Requests {
    fn type_name(&self) -> &str {
        "Session"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        const CODES: [(&str, i64); 12] = [
            ("ok", 200),
            ("created", 201),
            ("accepted", 202),
            ("no_content", 204),
            ("bad_request", 400),
            ("unauthorized", 401),
            ("forbidden", 403),
            ("not_found", 404),
            ("conflict", 409),
            ("too_many_requests", 429),
            ("internal_server_error", 500),
            ("service_unavailable", 503),
        ];
        (name == "codes").then(|| Value::record("codes", CODES))
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move {
            if method != "request" && !METHODS.contains(&method) {
                return Err(CallError::NotFound);
            }
            if self.0.core.settings.expressions.hosts.is_empty() {
                return Err(closed("no host is open to expressions"));
            }
            self.asked(method, args, kwargs).await
        })
    }
}

struct Response {
    url: String,
    answer: HttpResponse,
}
/// `content-type` as `Content-Type`.
fn title(name: &str) -> String {
    let word = |word: &str| {
        word.get(..1).map_or_else(String::new, str::to_uppercase) + word.get(1..).unwrap_or_default()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
impl Response {
    fn reason(&self) -> &'static str {
        http::StatusCode::from_u16(self.answer.status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default()
    }
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer.body).into_owned()
    }
}
impl HostObject for Response {
    fn type_name(&self) -> &str {
        "Response"
    }
    fn identity(&self) -> String {
        format!("{} {}", self.answer.status, self.url)
    }
    fn attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "status_code" => i64::from(self.answer.status).into(),
            "ok" => (self.answer.status < 400).into(),
            "text" => self.text().into(),
            "content" => self.answer.body.as_slice().into(),
            "reason" => self.reason().into(),
            "is_redirect" => (matches!(self.answer.status, 301 | 302 | 303 | 307 | 308)
                && self.answer.headers.iter().any(|(name, _)| name == "location"))
            .into(),
            "encoding" => "utf-8".into(),
            "url" => self.url.as_str().into(),
            // Both spellings are found.
            "headers" => {
                Value::dict(self.answer.headers.iter().flat_map(|(name, value)| {
                    [(title(name), value.as_str()), (name.clone(), value.as_str())]
                }))
            }
            _ => return None,
        })
    }
    fn call_now(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Option<CallResult> {
        match method {
            "json" => {
                let parsed = serde_json::from_slice::<signet_base::Json>(&self.answer.body);
                Some(
                    parsed
                        .map(Value::from)
                        .map_err(|e| CallError::Value(format!("the answer is no JSON: {e}"))),
                )
            }
            "raise_for_status" if self.answer.status < 400 => Some(Ok(Value::None)),
            "raise_for_status" => {
                let side = if self.answer.status < 500 { "Client" } else { "Server" };
                Some(Err(CallError::Raised(
                    Raised::Status,
                    format!("{} {side} Error: {} for url: {}", self.answer.status, self.reason(), self.url),
                )))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn hosts_are_open_by_name_only() {
        let outside = Outside { hosts: vec!["api.example.com".into(), "*.corp.example".into()], dns: false };
        assert_eq!(outside.opens("API.example.com"), Some(false));
        assert_eq!(outside.opens("a.corp.example"), Some(false));
        for host in [
            "corp.example",
            "evilcorp.example",
            ".corp.example",
            "example.com",
            "xapi.example.com",
            "api.example.com.evil.example",
        ] {
            assert_eq!(outside.opens(host), None, "{host}");
        }
        assert_eq!(Outside { hosts: vec!["*".into()], dns: false }.opens("x.example"), Some(true));
        assert_eq!(Outside::default().opens("x.example"), None);
    }
    #[test]
    fn addresses_with_tricks_have_no_host() {
        assert_eq!(host_of("https://Api.Example.com:8443/a?b").as_deref(), Some("api.example.com"));
        assert_eq!(host_of("https://api.example.com./").as_deref(), Some("api.example.com"));
        for url in [
            "file:///etc/passwd",
            "https://user@api.example.com/",
            "//api.example.com/",
            "api.example.com",
            "https://",
            "ftp://x/",
            "",
        ] {
            assert_eq!(host_of(url), None, "{url}");
        }
    }
    #[test]
    fn headers_cannot_be_split() {
        for (name, value) in [("a", "b\r\nc: d"), ("a b", "c"), ("a:", "b"), ("", "x"), ("a", "ü")] {
            let headers = Value::dict([(name, value)]);
            assert!(option(HttpRequest::new("GET", "https://x/"), "headers", &headers).is_err(), "{name}");
        }
        assert!(option(HttpRequest::new("GET", "https://x/"), "verify", &Value::Bool(false)).is_err());
    }
}
