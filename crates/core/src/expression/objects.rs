//! Requests and settings as host objects. Attributes are read on demand, without waiting.
use super::journal::Journal;
use super::people;
use crate::{Client, Core, brand};
use signet_base::{Json, Uuid, query};
use signet_expr::{CallError, Dict, Effect, HostObject, Raised, Special, Value};
use signet_model::Object;
use std::any::Any;
use std::sync::Arc;

pub type CallResult = Result<Value, CallError>;

/// State shared by the objects of one run.
pub struct Shared {
    pub core: Arc<Core>,
    pub client: Client,
    /// Of the text, or of the one that calls it.
    pub journal: Arc<Journal>,
}

/// A database error: the program must not continue.
pub fn gone(error: signet_base::Error) -> CallError {
    CallError::Fatal(error.to_string())
}

/// A configuration object: its settings without secrets.
pub struct Config {
    pub object: Arc<Object>,
    /// `application` of a provider.
    pub application: Option<Arc<Object>>,
}
impl HostObject for Config {
    fn type_name(&self) -> &str {
        people::class_name(&self.object)
    }
    fn identity(&self) -> String {
        self.object.pk.to_string()
    }
    fn special(&self) -> Special {
        // References that authentik shows by name.
        let named = matches!(
            self.type_name(),
            "Application"
                | "OAuth2Provider"
                | "ProxyProvider"
                | "SAMLProvider"
                | "LDAPProvider"
                | "RadiusProvider"
                | "SCIMProvider"
        );
        Special { text: named.then(|| self.object.name().to_owned()), ..Special::default() }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "pk" => Some(match self.object.wire_pk() {
                Json::String(_) => uuid(self.object.pk),
                number => Value::from(number),
            }),
            "uuid" => Some(uuid(self.object.pk)),
            "pbm_uuid" => self.object.pbm().map(uuid),
            "application" if self.object.def.numbered => {
                Some(self.application.as_ref().map_or(Value::None, super::object_value))
            }
            _ => {
                let field =
                    self.object.def.field(name).filter(|f| !f.secret && !f.write_only && !f.hidden)?;
                self.object.data.get(field.name).map(Value::from)
            }
        }
    }
}

/// A UUID: `str()`, `hex`, and equal to another one.
pub fn uuid(id: Uuid) -> Value {
    Value::object(Identifier(id))
}
pub struct Identifier(pub Uuid);
impl HostObject for Identifier {
    fn type_name(&self) -> &str {
        "UUID"
    }
    fn identity(&self) -> String {
        self.0.to_string()
    }
    fn special(&self) -> Special {
        Special { text: Some(self.0.to_string()), ..Special::default() }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
    fn attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "hex" => self.0.simple().to_string().into(),
            "urn" => format!("urn:uuid:{}", self.0).into(),
            "version" => i64::try_from(self.0.get_version_num()).unwrap_or_default().into(),
            _ => return None,
        })
    }
}

/// The tenant: the installation, with what users may change.
struct Tenant(Arc<Core>);
impl HostObject for Tenant {
    fn type_name(&self) -> &str {
        "Tenant"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let system = self.0.system();
        Some(match name {
            "default_user_change_name" => system.default_user_change_name.into(),
            "default_user_change_email" => system.default_user_change_email.into(),
            "default_user_change_username" => system.default_user_change_username.into(),
            "avatars" => system.avatars.as_str().into(),
            "event_retention" => system.event_retention.as_str().into(),
            "footer_links" => Value::from(&system.footer_links),
            "gdpr_compliance" => system.gdpr_compliance.into(),
            "impersonation" => system.impersonation.into(),
            "impersonation_require_reason" => system.impersonation_require_reason.into(),
            "default_token_duration" => system.default_token_duration.as_str().into(),
            "default_token_length" => system.default_token_length.into(),
            "reputation_lower_limit" => system.reputation_lower_limit.into(),
            "reputation_upper_limit" => system.reputation_upper_limit.into(),
            _ => return None,
        })
    }
}

/// Headers, case-insensitive, without credentials.
struct Headers(Vec<(String, String)>);
impl Headers {
    fn get(&self, name: &str) -> Option<Value> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| Value::from(value.as_str()))
    }
}
impl HostObject for Headers {
    fn type_name(&self) -> &str {
        "HttpHeaders"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn special(&self) -> Special {
        Special { query: true, ..Special::default() }
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, args: &[Value], _: &[(String, Value)]) -> Option<CallResult> {
        let name = args.first().and_then(Value::as_str);
        Some(Ok(match (method, name) {
            ("get", Some(name)) => self.get(name).unwrap_or_else(|| args.get(1).cloned().unwrap_or_default()),
            ("__getitem__", Some(name)) => match self.get(name) {
                Some(value) => value,
                None => return Some(Err(CallError::Raised(Raised::Key, name.to_owned()))),
            },
            ("__bool__", _) => (!self.0.is_empty()).into(),
            ("__len__", _) => i64::try_from(self.0.len()).unwrap_or(i64::MAX).into(),
            ("__iter__" | "keys", _) => Value::list(self.0.iter().map(|(name, _)| name.as_str())),
            ("values", _) => Value::list(self.0.iter().map(|(_, value)| value.as_str())),
            ("items", _) => {
                Value::list(self.0.iter().map(|(name, value)| Value::list([name.as_str(), value.as_str()])))
            }
            // All spellings of a name.
            ("__contents__", _) => Value::list(
                self.0.iter().flat_map(|(name, _)| [name.clone(), name.to_lowercase(), name.to_uppercase()]),
            ),
            _ => return None,
        }))
    }
}

/// Capitalises letters after dashes: `User-Agent`.
fn titled(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect::<String>())
            .unwrap_or_default()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// The browser's session: of what the original keeps there, texts may know the query that the flow was begun with.
struct Session(Vec<(String, String)>);
/// Its key.
const FLOW_QUERY: &str = "authentik/flows/get";
impl Session {
    fn get(&self, name: Option<&str>) -> Option<Value> {
        (name == Some(FLOW_QUERY)).then(|| HttpRequest::pairs(&self.0))
    }
}
impl HostObject for Session {
    fn type_name(&self) -> &str {
        "SessionStore"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn special(&self) -> Special {
        Special { query: true, ..Special::default() }
    }
    fn attr(&self, name: &str) -> Option<Value> {
        // The key is the content of the session cookie.
        (name == "session_key").then_some(Value::None)
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, args: &[Value], _: &[(String, Value)]) -> Option<CallResult> {
        let name = args.first().and_then(Value::as_str);
        Some(match method {
            "get" => Ok(self.get(name).unwrap_or_else(|| args.get(1).cloned().unwrap_or_default())),
            "__getitem__" => self
                .get(name)
                .ok_or_else(|| CallError::Raised(Raised::Key, name.unwrap_or_default().to_owned())),
            "__bool__" => Ok(true.into()),
            "__len__" => Ok(1_i64.into()),
            "__iter__" | "__contents__" | "keys" => Ok(Value::list([FLOW_QUERY])),
            "values" => Ok(Value::list(self.get(Some(FLOW_QUERY)))),
            "items" => Ok(Value::list(
                self.get(Some(FLOW_QUERY)).map(|query| Value::list([FLOW_QUERY.into(), query])),
            )),
            _ => return None,
        })
    }
}

/// The HTTP request.
pub struct HttpRequest {
    pub shared: Arc<Shared>,
    /// The signed-in user.
    pub user: Value,
    pub session: Value,
}
impl HttpRequest {
    fn new_headers(&self) -> Vec<(String, String)> {
        let client = &self.shared.client;
        let own =
            [("Host".to_owned(), client.host.clone()), ("User-Agent".to_owned(), client.user_agent.clone())];
        let others = client.sent.headers().iter().map(|(name, value)| (titled(name), value.clone()));
        own.into_iter().chain(others.filter(|(name, _)| name != "Host" && name != "User-Agent")).collect()
    }
    fn meta(&self) -> Value {
        let client = &self.shared.client;
        let mut meta: Dict = self
            .new_headers()
            .into_iter()
            .map(|(name, value)| {
                (format!("HTTP_{}", name.to_uppercase().replace('-', "_")), Value::from(value))
            })
            .collect();
        for (name, value) in [
            ("REMOTE_ADDR", Value::from(client.ip.to_string())),
            ("REQUEST_METHOD", client.method.as_str().into()),
            ("PATH_INFO", client.path.as_str().into()),
            ("QUERY_STRING", client.query.as_str().into()),
            ("SERVER_NAME", client.domain().into()),
            ("HTTP_HOST", client.host.as_str().into()),
            ("HTTP_USER_AGENT", client.user_agent.as_str().into()),
            ("wsgi.url_scheme", client.scheme().into()),
        ] {
            meta.insert(name, value);
        }
        meta.into()
    }
    fn pairs(pairs: &[(String, String)]) -> Value {
        // The last value of a repeated field counts, as in Django.
        pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect::<Dict>().into()
    }
    fn brand(&self) -> Value {
        let config = self.shared.core.config();
        brand::of(&config, self.shared.client.domain())
            .map_or(Value::None, |(object, _)| super::object_value(object))
    }
}
impl HostObject for HttpRequest {
    fn type_name(&self) -> &str {
        "HttpRequest"
    }
    fn identity(&self) -> String {
        self.shared.client.request_id.clone()
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("user", self.user.clone())]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let client = &self.shared.client;
        Some(match name {
            "META" => self.meta(),
            "headers" => Value::object(Headers(self.new_headers())),
            "GET" => Self::pairs(&query::pairs(&client.query)),
            "POST" => Self::pairs(&client.sent.form()),
            "COOKIES" => Self::pairs(client.sent.cookies()),
            "session" => self.session.clone(),
            "tenant" => Value::object(Tenant(self.shared.core.clone())),
            "method" => client.method.as_str().into(),
            "path" => client.path.as_str().into(),
            "scheme" => client.scheme().into(),
            "request_id" => client.request_id.as_str().into(),
            "user" => self.user.clone(),
            "brand" => self.brand(),
            _ => return None,
        })
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, args: &[Value], _: &[(String, Value)]) -> Option<CallResult> {
        let client = &self.shared.client;
        let full = || {
            if client.query.is_empty() {
                client.path.clone()
            } else {
                format!("{}?{}", client.path, client.query)
            }
        };
        Some(Ok(match method {
            "get_host" => client.host.as_str().into(),
            "is_secure" => client.secure.into(),
            "get_full_path" => full().into(),
            "build_absolute_uri" => match args {
                [] | [Value::None] => {
                    format!("{}{}", crate::address::of(&self.shared.core, client), full()).into()
                }
                [Value::Str(path)] if path.starts_with('/') => {
                    format!("{}{path}", crate::address::of(&self.shared.core, client)).into()
                }
                _ => {
                    return Some(Err(CallError::Value(
                        "build_absolute_uri() takes a path that begins with a slash".into(),
                    )));
                }
            },
            _ => return None,
        }))
    }
}

/// The session of a request. The executor's own query holds that of the flow's page.
pub fn session(client: &Client) -> Value {
    let own = query::pairs(&client.query);
    let page = own.iter().find(|(name, _)| name == "query" && client.path.contains("/flows/executor/"));
    let of_flow = page.map(|(_, text)| query::pairs(text));
    Value::object(Session(of_flow.unwrap_or(own)))
}

/// The run's plan: `redirect()` inserts a redirect.
pub struct FlowPlan {
    pub context: Value,
    pub flow_pk: String,
    /// The requested redirect.
    pub to: Arc<std::sync::Mutex<Option<String>>>,
}
impl HostObject for FlowPlan {
    fn type_name(&self) -> &str {
        "FlowPlan"
    }
    fn identity(&self) -> String {
        "plan".into()
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("context", self.context.clone())]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "context" => Some(self.context.clone()),
            "flow_pk" => Some(self.flow_pk.as_str().into()),
            _ => None,
        }
    }
    fn call<'a>(
        &'a self,
        method: &'a str,
        args: Vec<Value>,
        kwargs: signet_expr::Kwargs,
    ) -> signet_expr::BoxFuture<'a, CallResult> {
        Box::pin(std::future::ready(match method {
            "redirect" => {
                let to = args
                    .first()
                    .or_else(|| kwargs.iter().find(|(name, _)| name == "destination").map(|(_, value)| value))
                    .and_then(Value::as_str);
                match to.filter(|to| {
                    to.starts_with('/') || to.starts_with("https://") || to.starts_with("http://")
                }) {
                    Some(to) => {
                        *self.to.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                            Some(to.to_owned());
                        Ok(Value::None)
                    }
                    None => Err(CallError::Value(
                        "redirect() takes an address: https, http, or a path of this server".into(),
                    )),
                }
            }
            _ => Err(CallError::NotFound),
        }))
    }
    fn leaving(&self, attrs: &Dict) -> Option<Value> {
        Some(Value::record(
            "FlowPlan",
            [("context", attrs.get("context").cloned().unwrap_or_else(|| self.context.clone()))],
        ))
    }
}

/// The request of a policy or mapping.
pub struct PolicyRequest {
    pub user: Value,
    pub http: Value,
    pub target: Value,
    pub context: Value,
    /// Test run or explanation.
    pub debug: bool,
}
impl HostObject for PolicyRequest {
    fn type_name(&self) -> &str {
        "PolicyRequest"
    }
    fn identity(&self) -> String {
        "request".into()
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        // Changes by the program are visible to later reads.
        vec![
            ("context", self.context.clone()),
            ("user", self.user.clone()),
            ("http_request", self.http.clone()),
        ]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "context" => self.context.clone(),
            "user" => self.user.clone(),
            "http_request" => self.http.clone(),
            "obj" => self.target.clone(),
            "debug" => self.debug.into(),
            _ => return None,
        })
    }
}

/// Methods of `ak_logger`.
const LEVELS: [&str; 7] = ["debug", "info", "warning", "warn", "error", "critical", "exception"];
/// `ak_logger`: writes to the server's log.
pub struct Logger;
impl HostObject for Logger {
    fn type_name(&self) -> &str {
        "Logger"
    }
    fn identity(&self) -> String {
        String::new()
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        if LEVELS.contains(&method) { Effect::Later } else { Effect::Now }
    }
    fn call_now(&self, method: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<CallResult> {
        let text = args
            .first()
            .map(|v| v.as_str().map_or_else(|| format!("{v:?}"), str::to_owned))
            .unwrap_or_default();
        let values = kwargs.iter().map(|(k, v)| format!("{k}={v:?}")).collect::<Vec<_>>().join(" ");
        match method {
            "debug" => tracing::debug!(target: "expression", %text, %values),
            "info" => tracing::info!(target: "expression", %text, %values),
            "warning" | "warn" => tracing::warn!(target: "expression", %text, %values),
            "error" | "critical" | "exception" => tracing::error!(target: "expression", %text, %values),
            _ => return None,
        }
        Some(Ok(Value::None))
    }
}
