//! References of an object.
use crate::{FieldKind, ModelDef, OnDelete};
use signet_base::{Json, Map};

/// All references in an object's data: field, key of the target (`<uuid>`, `num:<n>` for providers,
/// `user:<n>`), whether the field is a list, and `OnDelete`.
pub fn reference_values(def: &'static ModelDef, data: &Map) -> Vec<(&'static str, String, bool, OnDelete)> {
    let mut out = Vec::new();
    for field in def.fields {
        let (target, many, on_delete) = match field.kind {
            FieldKind::Ref { target, on_delete } => (target, false, on_delete),
            FieldKind::List(FieldKind::Ref { target, on_delete }) => (*target, true, *on_delete),
            _ => continue,
        };
        let mut push = |value: &Json| match value {
            Json::String(s) => out.push((field.name, s.clone(), many, on_delete)),
            Json::Number(n) if target == "authentik_core.user" => {
                out.push((field.name, format!("user:{n}"), many, on_delete))
            }
            Json::Number(n) => out.push((field.name, format!("num:{n}"), many, on_delete)),
            _ => {}
        };
        match data.get(field.name) {
            Some(Json::Array(list)) => list.iter().for_each(&mut push),
            Some(value) => push(value),
            None => {}
        }
    }
    out
}
