//! `requests` and `resolve_dns`: closed unless the settings open them, and then for the named hosts only.
use super::objects::{Answer, Shared};
use signet_base::outbound::{HttpAnswer, HttpRequest};
use signet_base::query;
use signet_expr::{BoxFuture, CallError, Dict, HostObject, Kwargs, Value};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Largest body either way.
const MAX_BODY: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: f64 = 10.0;
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// What expressions may reach of the outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Host names for `requests`, in lower case: `api.example.com`, `*.example.com`, or `*` for every public host. Empty: none.
    pub hosts: Vec<String>,
    /// Whether names may be resolved.
    pub dns: bool,
}

impl Outside {
    /// Whether a host is open, and whether it must then be on the public internet: where any host is, nobody named it.
    fn opens(&self, host: &str) -> Option<bool> {
        let host = host.to_lowercase();
        let named = |pattern: &&String| match pattern.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            None => **pattern == host,
        };
        if self.hosts.iter().any(|pattern| named(&pattern)) {
            return Some(false);
        }
        self.hosts.iter().any(|pattern| pattern == "*").then_some(true)
    }
}

/// A denial that the author has to see: no handler of the program hides it.
fn closed(what: &str) -> CallError {
    CallError::Fatal(format!("{what} (AUTHENTIK_EXPRESSIONS__ALLOWED_HOSTS)"))
}

/// `requests`
pub struct Requests(pub Arc<Shared>);

impl Requests {
    async fn send(&self, method: &str, args: Vec<Value>, kwargs: Kwargs) -> Answer {
        let outside = &self.0.core.settings.expressions;
        let (url, body) = match args.as_slice() {
            [Value::Str(url)] => (url.to_string(), None),
            [Value::Str(url), body] => (url.to_string(), Some(body.clone())),
            _ => return Err(CallError::Type(format!("requests.{method}() takes an address"))),
        };
        let mut request = HttpRequest::new(&method.to_uppercase(), url);
        request.timeout = TIMEOUT;
        request.max_answer = MAX_BODY;
        // Of `get` the second argument is the query, of all others the body.
        let body_name = if method == "get" { "params" } else { "data" };
        for (name, value) in body.into_iter().map(|body| (body_name.to_owned(), body)).chain(kwargs) {
            request = option(request, &name, &value)?;
        }
        if request.body.len() > MAX_BODY {
            return Err(CallError::Value("the body is too large".into()));
        }
        let host = host_of(&request.url).ok_or_else(|| CallError::Value("the address is no http or https address".into()))?;
        request.public_only = outside.opens(&host).ok_or_else(|| closed(&format!("the host {host} is not open to expressions")))?;
        let url = request.url.clone();
        let answer = self.0.core.ports.http.send(request).await.map_err(|e| CallError::Failed(e.to_string()))?;
        Ok(Value::object(Response { url, answer }))
    }
}

fn option(mut request: HttpRequest, name: &str, value: &Value) -> Result<HttpRequest, CallError> {
    let json = |value: &Value| super::to_json(value).map_err(CallError::Type);
    match (name, value) {
        (_, Value::None) => {}
        ("params", Value::Dict(pairs)) => {
            let text = form(pairs)?;
            request.url.push(if request.url.contains('?') { '&' } else { '?' });
            request.url.push_str(&text);
        }
        ("headers", Value::Dict(pairs)) => {
            for (key, value) in pairs.iter() {
                let value = plain(value)?;
                let clean = |text: &str| !text.is_empty() && text.bytes().all(|b| (0x20..0x7f).contains(&b));
                if !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') || !clean(key) || !(value.is_empty() || clean(&value)) {
                    return Err(CallError::Value(format!("the header '{key}' cannot be sent")));
                }
                request = request.header(key, value);
            }
        }
        ("json", value) => request = request.body("application/json", json(value)?.to_string()),
        ("data", Value::Str(text)) => request.body = text.as_bytes().to_vec(),
        ("data", Value::Dict(pairs)) => {
            request = request.body("application/x-www-form-urlencoded", form(pairs)?);
        }
        ("timeout", Value::Int(_) | Value::Float(_)) => {
            let seconds = match value {
                Value::Int(seconds) => *seconds as f64,
                Value::Float(seconds) => *seconds,
                _ => 0.0,
            };
            if !(seconds > 0.0 && seconds <= MAX_TIMEOUT) {
                return Err(CallError::Value(format!("a timeout has up to {MAX_TIMEOUT} seconds")));
            }
            request.timeout = Duration::from_secs_f64(seconds);
        }
        // Redirects are never followed, certificates always checked: only these agree.
        ("allow_redirects", Value::Bool(false)) | ("verify", Value::Bool(true)) => {}
        _ => return Err(CallError::Type(format!("requests does not take {name} in this form here"))),
    }
    Ok(request)
}

fn form(pairs: &Dict) -> Result<String, CallError> {
    let pairs: Vec<(&str, String)> = pairs.iter().map(|(key, value)| Ok((key, plain(value)?))).collect::<Result<_, CallError>>()?;
    Ok(query::build(pairs.iter().map(|(key, value)| (*key, value.as_str()))))
}

fn plain(value: &Value) -> Result<String, CallError> {
    match value {
        Value::Str(text) => Ok(text.to_string()),
        Value::Int(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("True".into()),
        Value::Bool(false) => Ok("False".into()),
        _ => Err(CallError::Type("expected text".into())),
    }
}

/// The host of an http or https address, without credentials or port.
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
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            if !METHODS.contains(&method) {
                return Err(CallError::NotFound);
            }
            if self.0.core.settings.expressions.hosts.is_empty() {
                return Err(closed("no host is open to expressions"));
            }
            if self.0.client.rehearsal.is_some() && !matches!(method, "get" | "head" | "options") {
                return Err(CallError::Fatal(format!("requests.{method}() is not called while a text is only tried out")));
            }
            self.send(method, args, kwargs).await
        })
    }
}

struct Response {
    url: String,
    answer: HttpAnswer,
}
impl Response {
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
            "content" => Value::from(self.answer.body.as_slice()),
            "url" => self.url.as_str().into(),
            "headers" => Value::dict(self.answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            _ => return None,
        })
    }
    fn call_now(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Option<Answer> {
        match method {
            "json" => {
                let parsed = serde_json::from_slice::<signet_base::Json>(&self.answer.body);
                Some(parsed.map(Value::from).map_err(|e| CallError::Value(format!("the answer is no JSON: {e}"))))
            }
            "raise_for_status" if self.answer.status < 400 => Some(Ok(Value::None)),
            "raise_for_status" => Some(Err(CallError::Failed(format!("{} answered {}", self.url, self.answer.status)))),
            _ => None,
        }
    }
}

/// `resolve_dns(host, ip_version=None)`: addresses as texts, sorted; none when the name is not known.
pub async fn resolve(outside: &Outside, args: &[Value], kwargs: &[(String, Value)]) -> Answer {
    if !outside.dns {
        return Err(CallError::Fatal("names are not resolved for expressions (AUTHENTIK_EXPRESSIONS__DNS)".into()));
    }
    let host = args.first().and_then(Value::as_str).filter(|host| !host.is_empty() && host.len() < 254);
    let host = host.ok_or_else(|| CallError::Type("resolve_dns() takes a host name".into()))?;
    let version = args.get(1).or_else(|| kwargs.iter().find(|(name, _)| name == "ip_version").map(|(_, value)| value));
    let (four, six) = match version {
        None | Some(Value::None) => (true, true),
        Some(Value::Int(4)) => (true, false),
        Some(Value::Int(6)) => (false, true),
        Some(_) => return Err(CallError::Value("ip_version is 4 or 6".into())),
    };
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, 0))).await;
    let found = match found {
        Ok(Ok(found)) => found,
        // A name without addresses is no fault.
        Ok(Err(_)) => return Ok(Value::list(Vec::<Value>::new())),
        Err(_) => return Err(CallError::Failed(format!("{host} was not resolved in time"))),
    };
    let addresses: BTreeSet<String> = found.map(|at| at.ip()).filter(|ip| if ip.is_ipv4() { four } else { six }).map(|ip| ip.to_string()).collect();
    Ok(Value::list(addresses))
}

/// `reverse_dns(ip)`: the name of an address; the address itself when it has none.
pub async fn reverse(outside: &Outside, args: &[Value]) -> Answer {
    if !outside.dns {
        return Err(CallError::Fatal("names are not resolved for expressions (AUTHENTIK_EXPRESSIONS__DNS)".into()));
    }
    // An address is a text, or what `ip_address` made of one.
    let text = match args.first() {
        Some(Value::Record(address)) => address.fields.get("compressed").and_then(Value::as_str),
        other => other.and_then(Value::as_str),
    };
    let text = text.unwrap_or_default().to_owned();
    let ip: IpAddr = text.parse().map_err(|_| CallError::Value("reverse_dns() takes an address".into()))?;
    let asked = tokio::task::spawn_blocking(move || dns_lookup::lookup_addr(&ip));
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(Ok(name))) => Ok(name.into()),
        Ok(_) => Ok(text.into()),
        Err(_) => Err(CallError::Failed(format!("{text} was not resolved in time"))),
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
        for host in ["corp.example", "evilcorp.example", ".corp.example", "example.com", "xapi.example.com", "api.example.com.evil.example"] {
            assert_eq!(outside.opens(host), None, "{host}");
        }
        assert_eq!(Outside { hosts: vec!["*".into()], dns: false }.opens("x.example"), Some(true));
        assert_eq!(Outside::default().opens("x.example"), None);
    }
    #[test]
    fn addresses_with_tricks_have_no_host() {
        assert_eq!(host_of("https://Api.Example.com:8443/a?b").as_deref(), Some("api.example.com"));
        assert_eq!(host_of("https://api.example.com./").as_deref(), Some("api.example.com"));
        for url in ["file:///etc/passwd", "https://user@api.example.com/", "//api.example.com/", "api.example.com", "https://", "ftp://x/", ""] {
            assert_eq!(host_of(url), None, "{url}");
        }
    }
    #[tokio::test]
    async fn names_of_addresses_are_asked_for_only_where_that_is_open() {
        let open = Outside { hosts: Vec::new(), dns: true };
        assert!(matches!(reverse(&Outside::default(), &["127.0.0.1".into()]).await, Err(CallError::Fatal(_))));
        assert!(matches!(reverse(&open, &["no address".into()]).await, Err(CallError::Value(_))));
        assert!(matches!(reverse(&open, &[]).await, Err(CallError::Value(_))));
        let named = reverse(&open, &["127.0.0.1".into()]).await.unwrap();
        assert!(named.as_str().is_some_and(|name| !name.is_empty()));
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
