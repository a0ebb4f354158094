//! Conversion of the flow context for expressions and back.
use super::objects::Shared;
use super::{found, people};
use crate::flow::{Changes, PendingUser, keys};
use crate::policy::Question;
use signet_base::{Json, Map};
use signet_expr::{Dict, RunError, Value};
use signet_model::Base;
use std::sync::Arc;

/// The changed context with queries replaced by their objects.
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

/// Keys with dots stay keys with dots.
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

/// The browser's signed-in user; outside of flows the user in question.
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

/// `{"attributes.a": 1}` as `{"attributes": {"a": 1}}`, as later stages store it.
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

/// The JSON form of a value, for the flow context: people become pending users, groups and objects their
/// keys.
pub fn to_json(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Dict(dict) => dict_to_json(dict)?,
        Value::Object(object) => {
            let text = |name: &str| {
                object.attr(name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
            };
            match object.type_name() {
                "User" => {
                    let id = people::account(value).map(people::User::id);
                    let user = PendingUser {
                        id,
                        username: text("username"),
                        name: text("name"),
                        email: text("email"),
                    };
                    serde_json::to_value(user).map_err(|e| e.to_string())?
                }
                "AnonymousUser" => Json::Null,
                "UUID" => object.special().text.map(Json::from).unwrap_or_default(),
                other => match object.attr("pk") {
                    Some(pk) => to_json(&pk)?,
                    None => return Err(format!("{other} cannot be kept in the context")),
                },
            }
        }
        plain => plain.to_json().map_err(|e| e.to_string())?,
    })
}
fn dict_to_json(dict: &Dict) -> Result<Json, String> {
    let mut map = Map::new();
    for (key, value) in dict.iter() {
        map.insert(key.to_owned(), to_json(value)?);
    }
    Ok(Json::Object(map))
}

/// What a text changed in `context["flow_plan"].context`.
///
/// Proofs belong to a person: a text that names another pending user takes back the proof of the former one,
/// unless it gives a backend itself.
pub(super) fn changes(before: &Dict, after: &Value) -> Result<Map, String> {
    let mut out = Map::new();
    // Only a plan that was changed leaves as a record.
    let Some(Value::Record(plan)) = after.as_dict().and_then(|d| d.get("flow_plan")) else { return Ok(out) };
    let Some(after) = plan.fields.get("context").and_then(Value::as_dict) else {
        return Err("the context of the plan was replaced by something else".into());
    };
    for (name, value) in after.iter() {
        let changed = people::account(value)
            .filter(|person| name == keys::PENDING_USER.0 && !person.changed.is_empty());
        if before.get(name) != Some(value) {
            out.insert(name.to_owned(), to_json(value)?);
        }
        if let Some(person) = changed {
            let mut fields = Map::new();
            for (name, value) in person.changed.iter().filter(|(name, _)| people::CHANGEABLE.contains(name)) {
                fields.insert(name.to_owned(), value.to_json().map_err(|e| format!("{name}: {e}"))?);
            }
            let changes = Changes { user: person.id(), fields };
            out.insert(
                keys::PENDING_CHANGES.0.to_owned(),
                serde_json::to_value(changes).map_err(|e| e.to_string())?,
            );
        }
    }
    for (name, _) in before.iter() {
        if after.get(name).is_none() {
            out.insert(name.to_owned(), Json::Null);
        }
    }
    if out.contains_key(keys::PENDING_USER.0) && !out.contains_key(keys::USER_BACKEND.0) {
        for proof in
            [keys::USER_BACKEND.0, keys::AUTH_METHOD.0, keys::AUTH_METHOD_ARGS.0, keys::IS_RESTORED.0]
        {
            if before.get(proof).is_some() {
                out.insert(proof.to_owned(), Json::Null);
            }
        }
    }
    Ok(out)
}
