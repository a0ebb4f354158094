//! The functions that programs may call.
use super::objects::{Shared, gone};
use super::orm;
use super::to_json;
use super::{emails, jwt, web};
use crate::event::EventAction;
use crate::policy::{self, Question};
use crate::{Core, Principal};
use signet_base::{Json, Map, Ports};
use signet_expr::{BoxFuture, CallError, Effect, Host, HostObject, Kwargs, Value};
use signet_model::{Base, Object};
use signet_store::devices::{self, DeviceKind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

tokio::task_local! {
    /// The nesting depth of policy calls.
    static DEPTH: u32;
}
/// Maximum depth of `ak_call_policy`.
const MAX_DEPTH: u32 = 5;
/// Maximum length and number of messages.
const MAX_MESSAGE: usize = 1000;
const MAX_MESSAGES: usize = 20;

/// Callable functions.
pub const FUNCTIONS: [&str; 11] = [
    "ak_message",
    "ak_is_group_member",
    "ak_user_by",
    "ak_call_policy",
    "ak_create_event",
    "ak_create_jwt",
    "ak_create_jwt_raw",
    "ak_user_has_authenticator",
    "ak_send_email",
    "resolve_dns",
    "reverse_dns",
];
/// Maximum number of emails per run.
const MAX_LETTERS: u32 = 5;

type CallResult = Result<Value, CallError>;

/// The host of one run.
pub struct Caller {
    shared: Arc<Shared>,
    user: Option<Principal>,
    context: Map,
    target: Option<Arc<Object>>,
    ports: Ports,
    /// Nothing may be changed.
    dry_run: bool,
    messages: Mutex<Vec<String>>,
    letters: AtomicU32,
}

impl Caller {
    /// `context`: the context for called policies.
    pub fn new(shared: Arc<Shared>, question: &Question<'_>, context: Map) -> Self {
        let own = &question.core.ports;
        // An explanation has its own time.
        let ports = match question.client.dry_run {
            Some(at) => Ports { clock: Ports::frozen(at, 0).0.clock, ..own.clone() },
            None => own.clone(),
        };
        let dry_run = question.is_dry_run();
        Self {
            shared,
            user: question.user.cloned(),
            context,
            target: question.target.cloned(),
            ports,
            dry_run,
            messages: Mutex::default(),
            letters: AtomicU32::new(0),
        }
    }
    pub fn take_messages(&self) -> Vec<String> {
        std::mem::take(&mut *self.messages.lock().unwrap_or_else(PoisonError::into_inner))
    }
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
    /// Other texts do not see what this one has written.
    fn asks_others(&self, what: &str) -> Result<(), CallError> {
        if self.shared.journal.is_empty() {
            return Ok(());
        }
        Err(CallError::Fatal(format!("{what} after writes would be answered as before them: call it first")))
    }
    fn core(&self) -> &Arc<Core> {
        &self.shared.core
    }
    fn message(&self, args: &[Value]) -> CallResult {
        let text = args
            .first()
            .and_then(Value::as_str)
            .ok_or_else(|| CallError::Type("ak_message() takes a text".into()))?;
        let mut all = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MAX_MESSAGES {
            all.push(text.chars().take(MAX_MESSAGE).collect());
        }
        Ok(Value::None)
    }

    /// The first matching account; `None` if there is none.
    async fn user_by(&self, args: &[Value], kwargs: Kwargs) -> CallResult {
        if kwargs.is_empty() && args.is_empty() {
            return Err(CallError::Type("ak_user_by() takes at least one filter".into()));
        }
        let found = orm::people_query(&self.shared).call("filter", args.to_vec(), kwargs).await?;
        match found.as_object() {
            Some(query) => query.call("first", Vec::new(), Kwargs::new()).await,
            None => Err(CallError::Fatal("the people cannot be asked for".into())),
        }
    }

    async fn call_policy(&self, args: Vec<Value>, kwargs: Kwargs) -> CallResult {
        let name = args
            .first()
            .and_then(Value::as_str)
            .ok_or_else(|| CallError::Type("ak_call_policy() takes a name".into()))?;
        let config = self.core().config();
        let policy = config.family_having(Base::Policy, "name", &Json::from(name)).next().cloned();
        let kind = policy.as_ref().and_then(|policy| self.core().families.policy(policy.def));
        if !kind.is_some_and(|kind| kind.sees_writes()) {
            self.asks_others("ak_call_policy()")?;
        }
        let policy = policy.ok_or_else(|| CallError::Value(format!("there is no policy named '{name}'")))?;
        let mut context = self.context.clone();
        for (key, value) in &kwargs {
            if key != "user" {
                context.insert(key.clone(), to_json(value).map_err(CallError::Type)?);
            }
        }
        let question = Question {
            core: self.core(),
            client: &self.shared.client,
            user: self.user.as_ref(),
            context: &context,
            target: self.target.as_ref(),
        };
        // A failing policy must not look like a denial: `not result.passing` would allow access.
        let verdict = self
            .shared
            .journal
            .lent(policy::ask_policy(&policy, &question, Duration::ZERO))
            .await
            .map_err(|e| CallError::Fatal(format!("policy '{name}': {e}")))?;
        let messages = Value::list(verdict.messages);
        Ok(Value::record("PolicyResult", [("passing", Value::Bool(verdict.passing)), ("messages", messages)]))
    }

    async fn send_email(&self, args: &[Value], kwargs: &[(String, Value)]) -> CallResult {
        if self.letters.fetch_add(1, Ordering::Relaxed) >= MAX_LETTERS {
            return Err(CallError::Fatal(format!("one run sends at most {MAX_LETTERS} letters")));
        }
        emails::send(&self.shared, self.user.as_ref(), self.dry_run, args, kwargs).await
    }

    /// `ak_user_has_authenticator(user, device_type=None)`: confirmed devices only.
    async fn has_authenticator(&self, args: &[Value], kwargs: &[(String, Value)]) -> CallResult {
        let wrong = || CallError::Type("ak_user_has_authenticator() takes a user and a device type".into());
        let user = args
            .first()
            .and_then(Value::as_object)
            .filter(|o| matches!(o.type_name(), "User" | "AnonymousUser"))
            .ok_or_else(wrong)?;
        let kind = match args
            .get(1)
            .or_else(|| kwargs.iter().find(|(name, _)| name == "device_type").map(|(_, value)| value))
        {
            None | Some(Value::None) => None,
            Some(Value::Str(name)) => match DeviceKind::parse(&name.to_lowercase()) {
                Some(kind) => Some(kind),
                // A misspelt type must not look like a user without a device.
                None => return Err(CallError::Value(format!("there is no type of device named '{name}'"))),
            },
            Some(_) => return Err(wrong()),
        };
        self.asks_others("ak_user_has_authenticator()")?;
        let Some(Value::Int(id)) = user.attr("pk") else { return Ok(false.into()) };
        let all = devices::of_user(&self.core().db, id, kind).await.map_err(gone)?;
        Ok(all.iter().any(|device| device.confirmed).into())
    }

    async fn create_event(&self, args: Vec<Value>, kwargs: Kwargs) -> CallResult {
        let action = args
            .first()
            .and_then(Value::as_str)
            .ok_or_else(|| CallError::Type("ak_create_event() takes an action".into()))?;
        if action.is_empty()
            || action.len() > 64
            || !action.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        {
            return Err(CallError::Value("an action has up to 64 letters, digits, '_' or '-'".into()));
        }
        let mut context = Map::new();
        for (key, value) in &kwargs {
            context.insert(key.clone(), to_json(value).map_err(CallError::Type)?);
        }
        if self.dry_run {
            return Ok(Value::None);
        }
        let action = EventAction::Custom(action.to_owned());
        match self
            .core()
            .event(
                &self.shared.client,
                self.user.as_ref(),
                action,
                "authentik_policies_expression",
                Json::Object(context),
            )
            .await
        {
            Some(_) => Ok(Value::None),
            None => Err(CallError::Failed("the event could not be written".into())),
        }
    }
}

/// Runs work that may run other programs, with limited depth.
async fn deeper(work: impl Future<Output = CallResult>) -> CallResult {
    let depth = DEPTH.try_with(|d| *d).unwrap_or(0);
    if depth >= MAX_DEPTH {
        return Err(CallError::Fatal("policies call each other too deeply".into()));
    }
    DEPTH.scope(depth + 1, work).await
}

/// The user's groups that match, as a query.
fn member_query(args: &[Value], kwargs: &[(String, Value)]) -> Result<Value, CallError> {
    let user =
        args.first().and_then(Value::as_object).filter(|o| matches!(o.type_name(), "User" | "AnonymousUser"));
    let user = user.ok_or_else(|| CallError::Type("ak_is_group_member() takes a user".into()))?;
    if kwargs.is_empty() && args.len() < 2 {
        return Err(CallError::Type("ak_is_group_member() takes at least one filter".into()));
    }
    user.call_now("all_groups", &[], &[])
        .unwrap_or(Err(CallError::Fatal("the groups of the user are not known".into())))
}

fn is_group_member(args: &[Value], kwargs: &[(String, Value)]) -> Option<CallResult> {
    let step = |value: &Value, method: &str, args: &[Value], kwargs: &[(String, Value)]| {
        value.as_object()?.call_now(method, args, kwargs)
    };
    let groups = match member_query(args, kwargs) {
        Ok(groups) => groups,
        Err(error) => return Some(Err(error)),
    };
    match step(&groups, "filter", &args[1..], kwargs)? {
        Ok(found) => step(&found, "exists", &[], &[]),
        Err(error) => Some(Err(error)),
    }
}

async fn asked_member(args: Vec<Value>, kwargs: Kwargs) -> CallResult {
    let groups = member_query(&args, &kwargs)?;
    let gone = || CallError::Fatal("the groups cannot be asked for".into());
    let found = groups.as_object().ok_or_else(gone)?.call("filter", args[1..].to_vec(), kwargs).await?;
    found.as_object().ok_or_else(gone)?.call("exists", Vec::new(), Kwargs::new()).await
}

impl Host for Caller {
    fn ports(&self) -> &Ports {
        &self.ports
    }
    fn provides(&self, name: &str) -> bool {
        FUNCTIONS.contains(&name)
    }
    fn effect(&self, function: &str, args: &[Value], kwargs: &[(String, Value)]) -> Effect {
        match function {
            "ak_is_group_member" | "ak_user_by" | "ak_user_has_authenticator" => Effect::None,
            "ak_message" if kwargs.is_empty() && matches!(args, [Value::Str(_)]) => Effect::Later,
            _ => Effect::Now,
        }
    }
    fn call_now(&self, function: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<CallResult> {
        match function {
            "ak_message" => Some(self.message(args)),
            "ak_is_group_member" => is_group_member(args, kwargs),
            _ => None,
        }
    }
    fn call<'a>(&'a self, function: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move {
            match function {
                "ak_user_by" => self.user_by(&args, kwargs).await,
                "ak_is_group_member" => asked_member(args, kwargs).await,
                "ak_call_policy" => deeper(self.call_policy(args, kwargs)).await,
                "ak_user_has_authenticator" => self.has_authenticator(&args, &kwargs).await,
                "resolve_dns" => web::resolve(&self.core().settings.expressions, &args, &kwargs).await,
                "reverse_dns" => web::reverse(&self.core().settings.expressions, &args).await,
                "ak_create_jwt" if !self.shared.journal.is_empty() => Err(CallError::Fatal(
                    "ak_create_jwt() after writes would be answered as before them: call it first".into(),
                )),
                "ak_create_jwt" => {
                    // The application's policies are texts too.
                    deeper(self.shared.journal.lent(jwt::create(&self.shared, &args, &kwargs))).await
                }
                "ak_create_jwt_raw" => jwt::create_raw(&self.shared, &args, &kwargs).await,
                "ak_send_email" => self.send_email(&args, &kwargs).await,
                "ak_create_event" => self.create_event(args, kwargs).await,
                _ => Err(CallError::NotFound),
            }
        })
    }
    fn global(&self, name: &str) -> Option<Value> {
        (name == "requests").then(|| Value::object(web::Requests(self.shared.clone())))
    }
    fn module(&self, name: &str) -> Option<Value> {
        match name {
            "authentik" => Some(orm::module(&self.shared)),
            "requests" => self.global(name),
            _ => None,
        }
    }
}
