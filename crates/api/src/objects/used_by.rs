//! Referrers of an object, and the effect of its deletion on them.
use super::find;
use signet_base::{Json, Uuid, json};
use signet_model::check::reference_values;
use signet_model::{FieldKind, Object, Snapshot};
use signet_rest::{ApiResult, Call, Reply};
use signet_store::UsedBy;

/// `GET /<model>/<key>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> ApiResult {
    let object = find(call, call.model()?)?;
    Ok(Reply::ok(of_object(call, &object)))
}

/// Referrers first, then the object's own lists, which clients treat as relations.
pub(crate) fn of_object(call: &Call, object: &Object) -> Vec<Json> {
    let config = &call.config;
    let mut out = entries(call, &signet_store::objects::used_by(config, object.pk));
    for (name, value, many, _) in reference_values(object.def, &object.data) {
        if !many {
            continue;
        }
        let target = match object.def.field(name).map(|f| f.kind) {
            Some(FieldKind::List(FieldKind::Ref { target, .. })) => target,
            _ => continue,
        };
        let found = value
            .strip_prefix("num:")
            .and_then(|n| n.parse().ok())
            .and_then(|n| config.by_num(n))
            .or_else(|| Uuid::parse_str(&value).ok().and_then(|pk| config.get(pk)));
        if let (Some(found), Some((app, model))) = (found.filter(|o| call.sees(o)), target.split_once('.')) {
            out.push(json!({"app": app, "model_name": model, "pk": found.wire_key(), "name": found.name(), "action": "cascade_many"}));
        }
    }
    out
}

/// Referrers of a row (`user:7`, or a group's UUID).
pub(crate) fn of_row(call: &Call, key: &str) -> Vec<Json> {
    entries(call, &signet_store::objects::row_used_by(&call.config, key))
}

/// Lists only objects that the caller may view.
fn entries(call: &Call, users: &[UsedBy]) -> Vec<Json> {
    users.iter().filter(|by| call.sees(&by.object)).map(|by| entry(by, &call.config)).collect()
}
fn entry(by: &UsedBy, config: &Snapshot) -> Json {
    json!({"app": by.object.def.app, "model_name": by.object.def.name, "pk": by.object.wire_key(), "name": name(&by.object, config), "action": by.action.as_str()})
}

/// Bindings have no name; the joined objects identify them.
fn name(object: &Object, config: &Snapshot) -> String {
    let own = object.name();
    if !own.is_empty() {
        return own.to_owned();
    }
    let of = |field: &str| {
        Uuid::parse_str(object.text(field))
            .ok()
            .and_then(|pk| config.get(pk).or_else(|| config.by_pbm(pk)))
            .map(|o| o.name().to_owned())
            .unwrap_or_default()
    };
    let order = object.data.get("order").and_then(Json::as_i64).unwrap_or(0);
    format!("{} #{order} for {}", object.def.label, of("target"))
}
