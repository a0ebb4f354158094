//! Event matcher policy: matches an event, for notification rules.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::akql::Query;
use signet_base::{Error, FieldErrors, Json, Map, Result};
use signet_core::event::EventAction;
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[EventMatcherPolicy::DEF], kind: || Arc::new(EventMatcher), actions: signet_rest::none };

/// Passes when an event fits everything that is set. Events come from rules about notifications; elsewhere
/// there is none, and the policy refuses.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_event_matcher", path = "policies/event_matcher", base = Policy, label = "Event Matcher Policy", plural = "Event Matcher Policies", component = "ak-policy-event-matcher-form", search("name"), check = check)]
pub struct EventMatcherPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Match created events with this action type. When left empty, all action types will be matched.
    #[field(blank, max = 100, filter)]
    pub action: Option<String>,
    /// Matches Event's Client IP (strict matching, for network matching use an Expression Policy)
    #[field(blank, max = 45, filter)]
    pub client_ip: Option<String>,
    /// Match events created by selected application. When left empty, all applications are matched.
    #[field(blank, max = 100, filter)]
    pub app: Option<String>,
    /// Match events created by selected model. When left empty, all models are matched.
    #[field(blank, max = 200, filter)]
    pub model: Option<String>,
    /// Query in the query language of lists, as action = "login" and user.username ~ "ada".
    #[field(default = "", blank, max = 2000, filter)]
    pub query: String,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    // An empty text means unset.
    for field in ["action", "client_ip", "app", "model"] {
        if change.text(field).is_empty() {
            change.data.insert(field.to_owned(), Json::Null);
        }
    }
    let action = change.text("action");
    if !action.is_empty() && EventAction::parse(action).is_none() {
        errors.add("action", format!("\"{action}\" is not a valid choice."));
    }
    if !change.text("client_ip").is_empty() && change.text("client_ip").parse::<IpAddr>().is_err() {
        errors.add("client_ip", "Enter a valid IPv4 or IPv6 address.");
    }
    let words = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
    };
    if !change.text("app").is_empty() && !words(change.text("app")) {
        errors.add("app", format!("\"{}\" is not a valid choice.", change.text("app")));
    }
    let model = change.text("model");
    let is_model = words(model) && model.split('.').filter(|part| !part.is_empty()).count() == 2;
    if !model.is_empty() && !is_model {
        errors.add("model", format!("\"{model}\" is not a valid choice."));
    }
    let query = change.text("query");
    if !query.trim().is_empty() && Query::parse(query).is_none() {
        errors.add(
            "query",
            "Write comparisons, joined by and / or: action = \"login\" and user.username ~ \"ada\".",
        );
    }
    if errors.is_empty()
        && ["action", "client_ip", "app", "model", "query"].iter().all(|f| change.text(f).trim().is_empty())
    {
        errors.add("non_field_errors", "At least one criteria must be set.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// The member at a dotted path as text; numbers as JSON writes them.
fn member(event: &Map, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let mut here = event.get(parts.next()?)?;
    for part in parts {
        here = here.get(part)?;
    }
    match here {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(here.to_string()),
        _ => None,
    }
}

/// Whether all configured conditions match.
fn fits(policy: &EventMatcherPolicy, event: &Map) -> bool {
    let text = |path: &str| member(event, path).unwrap_or_default();
    let set = |wanted: &Option<String>| wanted.clone().filter(|w| !w.is_empty());
    let address = |text: &str| text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    let mut all = Vec::new();
    all.extend(set(&policy.action).map(|wanted| text("action") == wanted));
    all.extend(
        set(&policy.client_ip)
            .map(|wanted| address(&wanted).is_some() && address(&text("client_ip")) == address(&wanted)),
    );
    all.extend(set(&policy.app).map(|wanted| text("app") == wanted || text("context.model.app") == wanted));
    all.extend(set(&policy.model).map(|wanted| {
        format!("{}.{}", text("context.model.app"), text("context.model.model_name")) == wanted
    }));
    if !policy.query.trim().is_empty() {
        // Parsed at each use: an event is matched once, and the query is short.
        all.push(Query::parse(&policy.query).is_some_and(|query| query.holds(event)));
    }
    !all.is_empty() && all.into_iter().all(|fits| fits)
}

struct EventMatcher;

#[async_trait]
impl Policy for EventMatcher {
    fn def(&self) -> &'static ModelDef {
        EventMatcherPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy
            .get::<EventMatcherPolicy>()
            .ok_or_else(|| Error::internal("not an event matcher policy"))?;
        Ok(match question.context.get("event").and_then(Json::as_object) {
            Some(event) if fits(settings, event) => Verdict::pass(),
            Some(_) => Verdict::default(),
            None => Verdict::fail("There is no event to judge."),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::create;
    use signet_base::json;

    fn policy(sent: Json) -> EventMatcherPolicy {
        serde_json::from_value(create(EventMatcherPolicy::DEF, sent).unwrap()).unwrap()
    }
    #[test]
    fn everything_that_is_set_has_to_fit() {
        let event = json!({"action": "model_created", "client_ip": "192.0.2.1", "app": "authentik.api", "user": {"username": "ada", "pk": 7}, "context": {"model": {"app": "authentik_core", "model_name": "user"}}});
        let event = event.as_object().unwrap();
        for sent in [
            json!({"action": "model_created"}),
            json!({"client_ip": "192.0.2.1", "model": "authentik_core.user"}),
            json!({"client_ip": "::ffff:192.0.2.1"}),
            json!({"app": "authentik_core"}),
            json!({"query": "user.username = \"ada\" and user.pk = 7"}),
            json!({"query": "action = \"login\" or context.model.app startswith \"authentik_\""}),
        ] {
            let mut named = sent.clone();
            named["name"] = json!("a");
            assert!(fits(&policy(named), event), "{sent}");
        }
        for sent in [
            json!({"action": "login"}),
            json!({"action": "model_created", "client_ip": "192.0.2.2"}),
            json!({"model": "authentik_core.group"}),
            json!({"query": "user.username = \"grace\""}),
            json!({"query": "user.none = \"\""}),
            json!({"query": "user.none != \"x\" or user.pk = \"7\""}),
        ] {
            let mut named = sent.clone();
            named["name"] = json!("a");
            assert!(!fits(&policy(named), event), "{sent}");
        }
    }
    #[test]
    fn what_cannot_fit_is_refused_on_save() {
        for (field, sent) in [
            ("action", json!({"action": "bogus"})),
            ("client_ip", json!({"client_ip": "10.0.0"})),
            ("app", json!({"app": "a b"})),
            ("model", json!({"model": "user"})),
            ("query", json!({"query": "action ~ x"})),
            ("query", json!({"query": "action = \"x\" or"})),
            ("non_field_errors", json!({})),
            ("non_field_errors", json!({"action": "", "query": " "})),
        ] {
            let mut named = sent.clone();
            named["name"] = json!("a");
            assert!(create(EventMatcherPolicy::DEF, named).unwrap_err().get(field).is_some(), "{sent}");
        }
    }
}
