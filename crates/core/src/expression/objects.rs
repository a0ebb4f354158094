//! Requests and settings as programs see them. Attributes are read on demand and never wait.
use crate::{Client, Core, brand};
use signet_base::query;
use signet_expr::{CallError, Effect, HostObject, Value};
use signet_model::Object;
use std::sync::Arc;

pub type Answer = Result<Value, CallError>;

/// What objects of one run have in common.
pub struct Shared {
    pub core: Arc<Core>,
    pub client: Client,
}

/// The database cannot answer: the program must not go on as if it had.
pub fn gone(error: signet_base::Error) -> CallError {
    CallError::Fatal(error.to_string())
}

/// A configuration object: its declared settings without secret ones.
pub struct Config {
    pub object: Arc<Object>,
    /// Shown as `application` of a provider.
    pub application: Option<Arc<Object>>,
}
impl HostObject for Config {
    fn type_name(&self) -> &str {
        "Object"
    }
    fn identity(&self) -> String {
        self.object.pk.to_string()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "pk" => Some(Value::from(self.object.wire_pk())),
            "uuid" => Some(self.object.pk.to_string().into()),
            "application" if self.object.def.numbered => Some(self.application.as_ref().map_or(Value::None, super::object_value)),
            _ => {
                let field = self.object.def.field(name).filter(|f| !f.secret && !f.write_only && !f.hidden)?;
                self.object.data.get(field.name).map(Value::from)
            }
        }
    }
}

/// The request of the browser or client.
pub struct HttpRequest {
    pub shared: Arc<Shared>,
    pub user: Value,
}
impl HttpRequest {
    fn meta(&self) -> Value {
        let client = &self.shared.client;
        Value::dict([
            ("REMOTE_ADDR", Value::from(client.ip.to_string())),
            ("REQUEST_METHOD", client.method.as_str().into()),
            ("PATH_INFO", client.path.as_str().into()),
            ("QUERY_STRING", client.query.as_str().into()),
            ("SERVER_NAME", client.domain().into()),
            ("HTTP_HOST", client.host.as_str().into()),
            ("HTTP_USER_AGENT", client.user_agent.as_str().into()),
            ("wsgi.url_scheme", client.scheme().into()),
        ])
    }
    fn brand(&self) -> Value {
        let world = self.shared.core.world();
        brand::of(&world, self.shared.client.domain()).map_or(Value::None, |(object, _)| super::object_value(object))
    }
}
impl HostObject for HttpRequest {
    fn type_name(&self) -> &str {
        "HttpRequest"
    }
    fn identity(&self) -> String {
        self.shared.client.request_id.clone()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        let client = &self.shared.client;
        Some(match name {
            "META" => self.meta(),
            "headers" => Value::dict([("Host", client.host.as_str()), ("User-Agent", client.user_agent.as_str())]),
            // As with repeated form fields, the last value counts.
            "GET" => query::pairs(&client.query).into_iter().map(|(k, v)| (k, Value::from(v))).collect::<signet_expr::Dict>().into(),
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
    fn call_now(&self, method: &str, args: &[Value], _: &[(String, Value)]) -> Option<Answer> {
        let client = &self.shared.client;
        let full = || if client.query.is_empty() { client.path.clone() } else { format!("{}?{}", client.path, client.query) };
        Some(Ok(match method {
            "get_host" => client.host.as_str().into(),
            "is_secure" => client.secure.into(),
            "get_full_path" => full().into(),
            "build_absolute_uri" => match args {
                [] | [Value::None] => format!("{}{}", crate::address::of(&self.shared.core, client), full()).into(),
                [Value::Str(path)] if path.starts_with('/') => format!("{}{path}", crate::address::of(&self.shared.core, client)).into(),
                _ => return Some(Err(CallError::Value("build_absolute_uri() takes a path that begins with a slash".into()))),
            },
            _ => return None,
        }))
    }
}

/// What a policy or mapping is asked with.
pub struct PolicyRequest {
    pub user: Value,
    pub http: Value,
    pub target: Value,
    pub context: Value,
    /// The answer is only tried out or explained.
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
        vec![("context", self.context.clone())]
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
/// `ak_logger`: lines go to the server's log.
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
    fn call_now(&self, method: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<Answer> {
        let text = args.first().map(|v| v.as_str().map_or_else(|| format!("{v:?}"), str::to_owned)).unwrap_or_default();
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
