//! The history of a run for the inspector (`/flows/inspector/`). Stored in the session, limited, and only for
//! inspected runs.
use super::{Plan, Planned};
use crate::{Core, WebSession};
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Uuid, json, query};

/// Maximum number of entries; the oldest are dropped first.
pub const MAX: usize = 20;
const MASK: &str = "********************";

/// An entry: the challenge, the next step, and the context.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// The flow's key.
    pub flow: Uuid,
    pub current: Option<Planned>,
    pub next: Option<Planned>,
    pub context: Json,
}

impl HistoryEntry {
    pub fn of(core: &Core, plan: &Plan) -> Self {
        let mut stages = plan.stages.iter().cloned();
        Self {
            flow: plan.flow,
            current: stages.next(),
            next: stages.next(),
            context: sanitised(core, &plan.context.0),
        }
    }
}

/// Whether the history is kept: the user requested the inspector (`?inspector`), or debugging is on.
fn is_wanted(core: &Core, session: &WebSession) -> bool {
    core.settings.debug || query::value(&session.state.query, "inspector").is_some()
}

/// Appends a finished stage.
pub fn record(core: &Core, session: &mut WebSession, plan: &Plan) {
    if !is_wanted(core, session) {
        return;
    }
    if let Ok(step) = serde_json::to_value(HistoryEntry::of(core, plan)) {
        let history = &mut session.state.history;
        history.push(step);
        let over = history.len().saturating_sub(MAX);
        history.drain(..over);
    }
}

/// The context without secrets: members with secret names, and values of password prompts.
pub fn sanitised(core: &Core, context: &Map) -> Json {
    let config = core.config();
    let typed: Vec<&str> = match core.registry.find("authentik_stages_prompt.prompt") {
        Some(def) => {
            config.of(def).filter(|p| p.text("type") == "password").map(|p| p.text("field_key")).collect()
        }
        None => Vec::new(),
    };
    clean_map(context, &typed)
}

fn clean_map(map: &Map, typed: &[&str]) -> Json {
    Json::Object(map.iter().map(|(name, value)| (name.clone(), clean(name, value, typed))).collect())
}
fn clean(name: &str, value: &Json, typed: &[&str]) -> Json {
    let lower = name.to_ascii_lowercase();
    let secret = typed.contains(&name)
        || ["password", "secret", "token", "key", "code", "signature"].iter().any(|w| lower.contains(w));
    match value {
        Json::Object(map) => clean_map(map, typed),
        Json::Null => Json::Null,
        _ if secret => json!(MASK),
        Json::Array(list) => Json::Array(list.iter().map(|v| clean("", v, typed)).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let context = json!({
            "prompt_data": {"password": "p1", "pin": "p2", "name": "Alice"},
            "goauthentik.io/consent/token": "p3", "auth_method_args": {"mfa_devices": [{"name": "phone", "credential_key": "p4"}]},
            "goauthentik.io/stages/totp": {"secret": "p5"}, "codes": ["p6"], "nothing_secret": null,
        });
        let shown = clean_map(context.as_object().unwrap(), &["pin"]);
        let text = shown.to_string();
        assert!(!(1..=6).any(|n| text.contains(&format!("p{n}"))), "{text}");
        assert_eq!(
            (&shown["prompt_data"]["name"], &shown["auth_method_args"]["mfa_devices"][0]["name"]),
            (&json!("Alice"), &json!("phone"))
        );
    }
}
