//! Policy actions: test, cache, explanations.
use crate::rows::{USER, events as log};
use signet_base::{Json, Timestamp, Uuid, json};
use signet_core::explain::{self, ExplainRequest};
use signet_core::models::{Application, Flow};
use signet_core::policy::{Question, ask_policy};
use signet_core::{Client, Principal};
use signet_model::{Base, FieldDef, FieldKind};
use signet_rest::form::{self, Members};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::{events, logins};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const TEST: &[FieldDef] =
    &[FieldDef::plain("user", USER).required(), FieldDef::plain("context", FieldKind::Object)];
pub(crate) const RESULT: &[FieldDef] = &[
    FieldDef::shown("passing", FieldKind::Bool),
    FieldDef::shown("messages", FieldKind::List(&FieldKind::Text)),
    FieldDef::shown("log_messages", FieldKind::List(&FieldKind::Object)),
];

pub(crate) const EXPLAIN: &[FieldDef] = &[
    FieldDef::plain("user", USER).nullable(),
    FieldDef::plain("application", FieldKind::Text),
    FieldDef::plain("flow", FieldKind::Text),
    FieldDef::plain("client_ip", FieldKind::Text),
    FieldDef::plain("user_agent", FieldKind::Text),
    FieldDef::plain("at", FieldKind::Time).nullable(),
    FieldDef::plain("context", FieldKind::Object),
];
pub(crate) const EXPLAINED: &[FieldDef] = &[
    FieldDef::shown("passing", FieldKind::Bool),
    FieldDef::shown("reason", FieldKind::Text),
    FieldDef::shown("messages", FieldKind::List(&FieldKind::Text)),
    FieldDef::shown("decisions", FieldKind::List(&FieldKind::Object)),
    FieldDef::shown("stages", FieldKind::List(&FieldKind::Object)),
    FieldDef::shown("risk", FieldKind::Object).nullable(),
];
pub(crate) const REFUSED: &[FieldDef] = &[
    FieldDef::shown("request_id", FieldKind::Text),
    FieldDef::shown("events", FieldKind::List(&FieldKind::Object)),
];

/// `POST /policies/all/<uuid>/test/`: evaluates a policy for a user. It can run expressions on any account,
/// so it requires the permission to change the policy. It changes nothing.
pub(crate) async fn test(call: &mut Call) -> ApiResult {
    let pk = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let policy = call
        .config
        .get(pk)
        .filter(|o| o.def.base == Some(Base::Policy))
        .cloned()
        .ok_or_else(|| Fault::missing("Policy"))?;
    call.reach_object(&policy)?;
    let sent = form::read(call, TEST, false).await?;
    let person = somebody(call, sent.int("user").unwrap_or_default()).await?;
    let context = sent.map("context").unwrap_or_default();
    let client =
        Client { decision_log: Arc::default(), dry_run: Some(call.core.now()), ..call.client.clone() };
    let question =
        Question { core: &call.core, client: &client, user: Some(&person), context: &context, target: None };
    let (passing, messages, failure) = match ask_policy(&policy, &question, Duration::ZERO).await {
        Ok(verdict) => (verdict.passing, verdict.messages, None),
        Err(error) => (false, vec![error.to_string()], Some(error.to_string())),
    };
    let logged: Vec<Json> = failure
        .into_iter()
        .map(|event| json!({"timestamp": call.core.now(), "log_level": "warning", "logger": "signet.policies", "event": event, "attributes": {"policy": policy.name()}}))
        .collect();
    Ok(Reply::ok(json!({"passing": passing, "messages": messages, "log_messages": logged})))
}

/// An account that the caller may view.
async fn somebody(call: &Call, id: i64) -> Result<Principal, Fault> {
    let found = Principal::load_any(&call.core, id).await?;
    let seen = found.filter(|_| call.may_on("authentik_core.view_user", id));
    seen.ok_or_else(|| Fault::invalid("user", "User does not exist."))
}

/// `GET /policies/all/cache_info/`
pub(crate) async fn cache_info(call: &mut Call) -> ApiResult {
    Ok(Reply::ok(json!({"count": call.core.answers.count(call.core.now())})))
}
/// `POST /policies/all/cache_clear/`
pub(crate) async fn cache_clear(call: &mut Call) -> ApiResult {
    call.core.answers.clear();
    Ok(Reply::Empty)
}

/// `POST /policies/explain/`: why a user may use an application or run a flow, or not, from an address at a
/// time.
pub(crate) async fn explain(call: &mut Call) -> ApiResult {
    let sent = form::read(call, EXPLAIN, false).await?;
    let named = |name: &str| sent.text(name).filter(|t| !t.is_empty());
    let target = match (named("application"), named("flow")) {
        (Some(slug), None) => call
            .config
            .find::<Application>("slug", &slug)
            .filter(|(o, _)| call.sees(o))
            .map(|(o, _)| o.clone())
            .ok_or_else(|| Fault::invalid("application", "Application does not exist."))?,
        (None, Some(slug)) => call
            .config
            .find::<Flow>("slug", &slug)
            .filter(|(o, _)| call.sees(o))
            .map(|(o, _)| o.clone())
            .ok_or_else(|| Fault::invalid("flow", "Flow does not exist."))?,
        _ => {
            return Err(Fault::invalid(
                "non_field_errors",
                "Give either an application or a flow, by its slug.",
            ));
        }
    };
    let person = match sent.int("user") {
        Some(id) => Some(somebody(call, id).await?),
        None => None,
    };
    let ip = match named("client_ip") {
        Some(text) => text
            .parse::<IpAddr>()
            .map_err(|_| Fault::invalid("client_ip", "Enter a valid IPv4 or IPv6 address."))?,
        None => call.client.ip,
    };
    let at = match named("at") {
        Some(text) => {
            Timestamp::parse(&text).map_err(|_| Fault::invalid("at", "Enter a valid date/time."))?
        }
        None => call.core.now(),
    };
    let wanted = ExplainRequest {
        person,
        target,
        ip,
        device: String::new(),
        user_agent: named("user_agent").unwrap_or_default(),
        at,
        context: sent.map("context").unwrap_or_default(),
    };
    Ok(Reply::ok(explain::explain(&call.core, &call.client, &wanted).await?.to_json()))
}

/// `GET /policies/explain/<request id>/`: the policies' decisions in a refused request.
pub(crate) async fn refused(call: &mut Call) -> ApiResult {
    let mut found = Vec::new();
    for id in logins::refusals(&call.core.db, &call.key).await? {
        found.extend(events::by_id(&call.core.db, id).await?);
    }
    if found.is_empty() {
        return Err(Fault::missing("Request"));
    }
    Ok(Reply::ok(json!({"request_id": call.key, "events": found.iter().map(log::show).collect::<Vec<_>>()})))
}
