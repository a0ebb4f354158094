//! The flow's context on its way into a text and back.
use super::objects::Shared;
use super::{found, people};
use crate::flow::keys;
use crate::policy::Question;
use signet_base::{Json, Map};
use signet_expr::{Dict, RunError, Value};
use signet_model::Base;
use std::sync::Arc;

/// The context afterwards with what queries find in the place of queries.
pub(super) async fn read_through(after: Value) -> Result<Value, RunError> {
    let Some(Value::Record(plan)) = after.as_dict().and_then(|d| d.get("flow_plan")) else {
        return Ok(after);
    };
    let Some(context) = plan.fields.get("context").and_then(Value::as_dict) else { return Ok(after) };
    let mut read = Dict::new();
    for (name, value) in context.iter() {
        read.insert(name, found(value.clone()).await?);
    }
    Ok(Value::dict([("flow_plan", Value::record("FlowPlan", [("context", Value::from(read))]))]))
}

/// Names that were typed with dots are kept with dots.
pub(super) fn flatten(changes: &mut Map, before: &Map) {
    let Some(Json::Object(typed)) = before.get(keys::PROMPT_DATA.0) else { return };
    let Some(Json::Object(data)) = changes.get_mut(keys::PROMPT_DATA.0) else { return };
    loop {
        let inner = |name: &str| format!("{name}.");
        let next = data
            .iter()
            .find(|(name, value)| {
                value.is_object() && typed.keys().any(|known| known.starts_with(&inner(name)))
            })
            .map(|(name, _)| name.clone());
        let Some(name) = next else { return };
        if let Some(Json::Object(members)) = data.remove(&name) {
            data.extend(members.into_iter().map(|(member, value)| (format!("{name}.{member}"), value)));
        }
    }
}

/// Who is signed in at the browser. Outside of flows the person in question is.
pub(super) fn signed_in(question: &Question<'_>, shared: &Arc<Shared>, user: &Value) -> Value {
    let in_flow =
        question.target.is_some_and(|t| t.def.app == "authentik_flows" || t.def.base == Some(Base::Stage));
    match question.client.sent.person() {
        Some(person) if question.user.is_some_and(|user| user.user.id == person.user.id) => user.clone(),
        Some(person) => people::user(shared, person.clone(), None),
        None if in_flow => people::nobody(shared),
        None => user.clone(),
    }
}

/// `{"attributes.a": 1}` as `{"attributes": {"a": 1}}`: what was typed, as the stages that follow keep it.
pub(super) fn nested(typed: &Map) -> Map {
    let mut out = Map::new();
    for (name, value) in typed {
        let mut parts = name.split('.').peekable();
        let mut place = &mut out;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place.insert(part.to_owned(), value.clone());
                break;
            }
            let inner = place.entry(part.to_owned()).or_insert_with(|| Json::Object(Map::new()));
            if !inner.is_object() {
                *inner = Json::Object(Map::new());
            }
            let Json::Object(map) = inner else { break };
            place = map;
        }
    }
    out
}
