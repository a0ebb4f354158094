//! Who refers to an object, and what deleting it would do to them.
use super::find;
use crate::call::{Answer, Call, Reply};
use signet_base::{Json, Uuid, json};
use signet_model::check::reference_values;
use signet_model::{Kind, Object, Snapshot};
use signet_store::UsedBy;

/// `GET /<model>/<key>/used_by/`
pub(crate) async fn used_by(call: &mut Call) -> Answer {
    let object = find(call, call.model()?)?;
    Ok(Reply::ok(of_object(&object, &call.world)))
}

/// Referrers first, then what the object's own lists hold: to clients these are relations too, and they vanish with it.
pub(crate) fn of_object(object: &Object, world: &Snapshot) -> Vec<Json> {
    let mut out = entries(&signet_store::objects::used_by(world, object.pk), world);
    for (name, value, many, _) in reference_values(object.def, &object.data) {
        if !many {
            continue;
        }
        let target = match object.def.field(name).map(|f| f.kind) {
            Some(Kind::List(Kind::Ref { target, .. })) => target,
            _ => continue,
        };
        let found = value.strip_prefix("num:").and_then(|n| n.parse().ok()).and_then(|n| world.by_num(n)).or_else(|| Uuid::parse_str(&value).ok().and_then(|pk| world.get(pk)));
        if let (Some(found), Some((app, model))) = (found, target.split_once('.')) {
            out.push(json!({"app": app, "model_name": model, "pk": found.wire_pk(), "name": found.name(), "action": "cascade_many"}));
        }
    }
    out
}

/// Referrers of a row (`user:7`, or a group's UUID).
pub(crate) fn of_row(key: &str, world: &Snapshot) -> Vec<Json> {
    entries(&signet_store::objects::row_used_by(world, key), world)
}

fn entries(users: &[UsedBy], world: &Snapshot) -> Vec<Json> {
    let entry =
        |by: &UsedBy| json!({"app": by.object.def.app, "model_name": by.object.def.name, "pk": by.object.wire_pk(), "name": name(&by.object, world), "action": by.action.as_str()});
    users.iter().map(entry).collect()
}

/// Bindings have no name of their own: what they join says more.
fn name(object: &Object, world: &Snapshot) -> String {
    let own = object.name();
    if !own.is_empty() {
        return own.to_owned();
    }
    let of = |field: &str| Uuid::parse_str(object.text(field)).ok().and_then(|pk| world.get(pk).or_else(|| world.by_pbm(pk))).map(|o| o.name().to_owned()).unwrap_or_default();
    let order = object.data.get("order").and_then(Json::as_i64).unwrap_or(0);
    format!("{} #{order} for {}", object.def.label, of("target"))
}
