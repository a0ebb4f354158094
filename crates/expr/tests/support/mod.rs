//! A small directory and request, as the policy engine passes them to programs.
#![allow(dead_code, clippy::unwrap_used)]
use signet_base::{Ports, Timestamp};
use signet_expr::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

pub struct User {
    pub pk: i64,
    pub name: &'static str,
    pub attributes: Value,
    pub groups: Vec<&'static str>,
}
pub struct Group(pub &'static str);
pub struct Groups(Vec<&'static str>);
pub struct Request {
    pub user: Arc<dyn HostObject>,
    pub context: Value,
}

fn answered(value: Value) -> Option<Result<Value, CallError>> {
    Some(Ok(value))
}

impl HostObject for User {
    fn type_name(&self) -> &str {
        "User"
    }
    fn identity(&self) -> String {
        self.pk.to_string()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        Some(match name {
            "pk" => Value::Int(self.pk),
            "username" => self.name.into(),
            "name" => format!("{} Example", self.name).into(),
            "email" => format!("{}@example.org", self.name).into(),
            "is_active" => true.into(),
            "is_superuser" => (self.name == "ada").into(),
            "type" => "internal".into(),
            "path" => "users/staff".into(),
            "attributes" => self.attributes.clone(),
            "date_joined" => Timestamp::from_secs(1_700_000_000).into(),
            "groups" | "ak_groups" => Value::object(Groups(self.groups.clone())),
            _ => return None,
        })
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(
        &self,
        method: &str,
        args: &[Value],
        _: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        match method {
            "all_groups" => answered(Value::list(self.groups.iter().map(|name| Value::object(Group(name))))),
            "locale" => answered(args.first().map_or("en".into(), |_| "de".into())),
            _ => None,
        }
    }
    fn call<'a>(
        &'a self,
        method: &'a str,
        args: Vec<Value>,
        _: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            match method {
                // The second form has the attributes of the program's copy before the arguments.
                "group_attributes" | "__group_attributes__" => match args
                    .get(usize::from(method.starts_with("__")))
                {
                    Some(Value::Object(request))
                        if request.type_name() == "HttpRequest" || request.type_name() == "PolicyRequest" =>
                    {
                        Ok(Value::dict([("team", "blue"), ("quota", "10")]))
                    }
                    _ => Err(CallError::Type("group_attributes() takes the request".into())),
                },
                "check_password" => Err(CallError::Fatal("the database is gone".into())),
                _ => Err(CallError::NotFound),
            }
        })
    }
}

impl HostObject for Group {
    fn type_name(&self) -> &str {
        "Group"
    }
    fn identity(&self) -> String {
        self.0.into()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "name" => Some(self.0.into()),
            "attributes" => Some(Value::dict([("gid", 42_i64)])),
            _ => None,
        }
    }
}

impl HostObject for Groups {
    fn type_name(&self) -> &str {
        "GroupManager"
    }
    fn identity(&self) -> String {
        self.0.join(",")
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call<'a>(
        &'a self,
        method: &'a str,
        _: Vec<Value>,
        kwargs: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let named = kwargs.iter().find(|(key, _)| key == "name").and_then(|(_, value)| value.as_str());
            let groups = self.0.iter().filter(|name| named.is_none_or(|wanted| wanted == **name));
            match method {
                "all" => Ok(Value::list(groups.map(|name| Value::object(Group(name))))),
                "filter" => Ok(Value::object(Groups(groups.copied().collect()))),
                "exists" => Ok((!self.0.is_empty()).into()),
                _ => Err(CallError::NotFound),
            }
        })
    }
}

struct Logger;
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
    fn call_now(
        &self,
        level: &str,
        args: &[Value],
        kwargs: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        answered(Value::from(format!("{level} {args:?} {kwargs:?}")))
    }
}

struct HttpRequest;
impl HostObject for HttpRequest {
    fn type_name(&self) -> &str {
        "HttpRequest"
    }
    fn identity(&self) -> String {
        "request".into()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "META" => {
                Some(Value::dict([("HTTP_USER_AGENT", "Mozilla/5.0 (X11)"), ("REMOTE_ADDR", "192.0.2.7")]))
            }
            "method" => Some("GET".into()),
            "path" => Some("/application/o/authorize/".into()),
            "GET" => Some(Value::dict([("next", "/if/user/")])),
            _ => None,
        }
    }
}

impl HostObject for Request {
    fn type_name(&self) -> &str {
        "PolicyRequest"
    }
    fn identity(&self) -> String {
        "1".into()
    }
    fn eager(&self) -> Vec<(&str, Value)> {
        vec![("context", self.context.clone())]
    }
    fn attr(&self, name: &str) -> Option<Value> {
        match name {
            "user" => Some(Value::Object(self.user.clone())),
            "http_request" => Some(Value::object(HttpRequest)),
            "obj" => Some(Value::None),
            "debug" => Some(false.into()),
            _ => None,
        }
    }
}

pub struct TestHost {
    pub ports: Ports,
    pub messages: Mutex<Vec<String>>,
    pub calls: AtomicUsize,
}

impl TestHost {
    pub fn new() -> Arc<Self> {
        let ports = Ports::frozen(Timestamp::from_secs(1_800_000_000), 7).0;
        Arc::new(Self { ports, messages: Mutex::default(), calls: AtomicUsize::new(0) })
    }
}

impl Host for TestHost {
    fn ports(&self) -> &Ports {
        &self.ports
    }
    fn provides(&self, name: &str) -> bool {
        matches!(name, "ak_message" | "ak_is_group_member" | "ak_user_by" | "ak_call_policy" | "never")
    }
    fn effect(&self, function: &str, args: &[Value], _: &[(String, Value)]) -> Effect {
        match function {
            "ak_is_group_member" | "ak_user_by" => Effect::None,
            "ak_message" if matches!(args, [Value::Str(_)]) => Effect::Later,
            _ => Effect::Now,
        }
    }
    fn call_now(
        &self,
        function: &str,
        args: &[Value],
        _: &[(String, Value)],
    ) -> Option<Result<Value, CallError>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        (function == "ak_message").then(|| {
            let text = args
                .first()
                .and_then(Value::as_str)
                .ok_or_else(|| CallError::Type("a message is text".into()))?;
            self.messages.lock().unwrap().push(text.to_owned());
            Ok(Value::None)
        })
    }
    fn call<'a>(
        &'a self,
        function: &'a str,
        args: Vec<Value>,
        kwargs: Kwargs,
    ) -> BoxFuture<'a, Result<Value, CallError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            match function {
                "ak_is_group_member" => {
                    let name =
                        kwargs.iter().find(|(key, _)| key == "name").and_then(|(_, value)| value.as_str());
                    let user = args
                        .first()
                        .and_then(Value::as_object)
                        .ok_or_else(|| CallError::Type("expected a user".into()))?;
                    Ok((user.identity() == "1" && name == Some("staff")).into())
                }
                "ak_user_by" => match kwargs.first() {
                    Some((key, value)) if key == "username" && value.as_str() == Some("grace") => {
                        Ok(Value::Object(user(2, "grace")))
                    }
                    _ => Ok(Value::None),
                },
                "ak_call_policy" => Ok(Value::record(
                    "PolicyResult",
                    [("passing", Value::Bool(true)), ("messages", Value::list(["fine"]))],
                )),
                "never" => std::future::pending().await,
                _ => Err(CallError::NotFound),
            }
        })
    }
    fn global(&self, name: &str) -> Option<Value> {
        (name == "ak_logger").then(|| Value::object(Logger))
    }
    fn module(&self, name: &str) -> Option<Value> {
        (name == "authentik").then(|| {
            let models = Value::record("module", [("User", Value::from("a class"))]);
            Value::record("module", [("core", Value::record("module", [("models", models)]))])
        })
    }
}

pub fn user(pk: i64, name: &'static str) -> Arc<dyn HostObject> {
    let attributes = Value::dict([
        ("department", Value::from("research")),
        ("phones", Value::list(["+1", "+2"])),
        ("level", Value::Int(3)),
        ("settings", Value::dict([("locale", "de")])),
    ]);
    Arc::new(User { pk, name, attributes, groups: vec!["staff", "Research Team", "app-wiki"] })
}

pub const INPUTS: &[&str] = &["request", "context", "user", "http_request", "ak_client_ip", "ak_is_sso_flow"];

pub fn inputs() -> Vec<(&'static str, Value)> {
    let prompt =
        Value::dict([("username", "grace"), ("email", "grace@corp.example"), ("password", "Tr0ub4dor&3")]);
    let plan = Value::record("FlowPlan", [("context", Value::dict([("prompt_data", prompt.clone())]))]);
    let context = Value::dict([
        ("prompt_data", prompt),
        ("flow_plan", plan),
        ("geoip", Value::dict([("country", "DE"), ("continent", "EU")])),
        ("asn", Value::dict([("asn", 64500_i64)])),
        ("oauth_scopes", Value::list(["openid", "email"])),
        ("pending_user", Value::Object(user(2, "grace"))),
    ]);
    let ada = user(1, "ada");
    vec![
        ("request", Value::object(Request { user: ada.clone(), context: context.clone() })),
        ("context", context),
        ("user", Value::Object(ada)),
        ("http_request", Value::object(HttpRequest)),
        ("ak_client_ip", "10.1.2.3".into()),
        ("ak_is_sso_flow", false.into()),
        ("more than asked for", Value::None),
    ]
}

/// Threads as in the server: short programs run on them.
pub static LARGE: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    threads
        .worker_threads(2)
        .thread_name("large")
        .thread_stack_size(STACK_BYTES)
        .on_thread_start(run_on_this_thread)
        .enable_all()
        .build()
        .unwrap()
});

/// A run that may stay on the caller's thread.
pub async fn run_large(
    program: &Program,
    host: &Arc<TestHost>,
    limits: &Limits,
) -> Result<Outcome, RunError> {
    let (program, host, limits) = (program.clone(), host.clone(), limits.clone());
    LARGE.spawn(async move { run(&program, inputs(), host, &limits).await }).await.unwrap()
}

/// The compared parts of a result.
pub fn form(result: &Result<Outcome, RunError>) -> String {
    format!("{:?}", result.as_ref().map(|o| (&o.value, &o.context, &o.printed)))
}

pub async fn try_eval(source: &str) -> Result<Outcome, RunError> {
    let program = Program::parse(source, INPUTS).map_err(|error| panic!("{error} in {source}")).unwrap();
    let (host, plain) = (TestHost::new(), TestHost::new());
    let found = run(&program, inputs(), host.clone(), &Limits::default()).await;
    if program.is_direct() {
        // Both engines agree, including their messages.
        let wanted = run(&program.interpreted(), inputs(), plain.clone(), &Limits::default()).await;
        assert_eq!(form(&found), form(&wanted), "{source}");
        assert_eq!(*host.messages.lock().unwrap(), *plain.messages.lock().unwrap(), "{source}");
    }
    // The thread of the interpreter makes no difference.
    let other = TestHost::new();
    let elsewhere = run_large(&program.interpreted(), &other, &Limits::default()).await;
    assert_eq!(form(&found), form(&elsewhere), "{source}");
    assert_eq!(*host.messages.lock().unwrap(), *other.messages.lock().unwrap(), "{source}");
    found
}

pub async fn eval(source: &str) -> Value {
    try_eval(source).await.unwrap_or_else(|error| panic!("{error} in\n{source}")).value
}

pub async fn json(source: &str) -> serde_json::Value {
    eval(source).await.to_json().unwrap()
}
