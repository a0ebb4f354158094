//! Responses to OPTIONS: the accepted input of a path.
use crate::openapi;
use crate::rows;
use http::Method;
use signet_base::{Json, Map, json};
use signet_model::{FieldDef, FieldKind, Registry};
use signet_rest::{Accepts, Access, Action, Described, gate};

/// Name, description, formats, the members of each verb that takes a body and that the caller may use; where asked for, the
/// operations of the path and below it.
pub(crate) fn describe(asked: &Described<'_>) -> Json {
    let (route, registry, caller) = (asked.route, asked.registry, asked.caller);
    let component = route.actions.iter().find_map(|a| a.gives.clone().or_else(|| a.takes.clone()));
    let detail = route.path.contains('{');
    let title =
        component.as_deref().map_or_else(|| words(route.path.rsplit('/').next().unwrap_or_default()), spaced);
    let form = route.actions.iter().any(|a| a.accepts == Accepts::Multipart);
    let parses = if form { "multipart/form-data" } else { "application/json" };
    let mut out = json!({
        "name": format!("{title} {}", if detail { "Instance" } else { "List" }),
        "description": format!("{title} Viewset"),
        "renders": ["application/json"],
        "parses": [parses],
    });
    if asked.operations {
        out["operations"] = Json::Array(operations(asked));
    }
    let mut actions = Map::new();
    for action in route
        .actions
        .iter()
        .filter(|a| matches!(a.method, Method::POST | Method::PUT) && gate(a, caller).is_ok())
    {
        let members = members(action, registry);
        if !members.is_empty() {
            actions.insert(action.method.to_string(), Json::Object(members));
        }
    }
    if !actions.is_empty() {
        out["actions"] = Json::Object(actions);
    }
    out
}

/// What can be done at the path and right below it: with what each operation needs, and whether the caller has it. Of an
/// object: on that one. Whoever has the permission may still be refused, where a call would give more than they hold.
fn operations(asked: &Described<'_>) -> Vec<Json> {
    let path = asked.route.path.as_str();
    let is_here = |action: &&Action| {
        action.path == path
            || action
                .path
                .strip_prefix(path)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| !rest.contains('{'))
    };
    let allowed = |action: &Action| {
        let on_object = asked.caller.zip(asked.reached).is_none_or(|(person, reached)| {
            reached.access(action.permission, &person.grants) == Access::Allowed
        });
        gate(action, asked.caller).is_ok() && (on_object || !action.has_key())
    };
    let all = asked.table.routes().iter().filter(|_| !path.is_empty()).flat_map(|route| &route.actions);
    let one = |action: &Action| {
        json!({
            "operation_id": openapi::operation_id(action), "method": action.method.as_str(), "path": format!("/{}/", action.path),
            "rule": action.permission.word(), "permissions": action.needs(), "allowed": allowed(action),
        })
    };
    all.filter(is_here).map(one).collect()
}

fn members(action: &Action, registry: &Registry) -> Map {
    let mut out = Map::new();
    if let Some(def) = action.def.or_else(|| {
        registry.all().iter().copied().find(|d| Some(crate::openapi::component(d)) == action.takes)
    }) {
        for field in def.fields.iter().chain(def.extra).filter(|f| !f.hidden) {
            out.insert(field.name.to_owned(), member(field));
        }
    } else if let Some(fields) = action.takes.as_deref().and_then(rows::fields) {
        for field in fields {
            out.insert(field.name.to_owned(), member(field));
        }
    } else {
        for field in action.input {
            out.insert(field.name.to_owned(), member(field));
        }
    }
    out
}

fn member(field: &FieldDef) -> Json {
    let label =
        if field.widget.is_empty() || !field.read_only { words(field.name) } else { field.widget.to_owned() };
    let mut out = json!({"type": kind(&field.kind), "required": field.required, "read_only": field.read_only, "label": label});
    if !field.doc.is_empty() {
        out["help_text"] = json!(field.doc);
    }
    if let Some(max) = field.max
        && matches!(field.kind, FieldKind::Text | FieldKind::Slug | FieldKind::Email)
    {
        out["max_length"] = json!(max);
    }
    match field.kind {
        FieldKind::Choice(choices) => {
            out["choices"] = choices.iter().map(|c| json!({"value": c, "display_name": words(c)})).collect()
        }
        FieldKind::Items(inner) => {
            let children: Map = inner.iter().map(|f| (f.name.to_owned(), member(f))).collect();
            out["child"] =
                json!({"type": "nested object", "required": true, "read_only": false, "children": children});
        }
        _ => {}
    }
    out
}

fn kind(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text | FieldKind::Expression | FieldKind::Duration | FieldKind::Uuid => "string",
        FieldKind::Slug => "slug",
        FieldKind::Email => "email",
        FieldKind::Url => "url",
        FieldKind::Bool => "boolean",
        FieldKind::Int => "integer",
        FieldKind::Float => "float",
        FieldKind::Time => "datetime",
        FieldKind::Choice(_) => "choice",
        _ => "field",
    }
}

/// `is_superuser` becomes `Is superuser`.
fn words(name: &str) -> String {
    let text = name.replace(['_', '-'], " ");
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
/// `FlowStageBinding` becomes `Flow Stage Binding`.
fn spaced(component: &str) -> String {
    let mut out = String::new();
    for (i, c) in component.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn names_become_words() {
        assert_eq!(
            (words("is_superuser").as_str(), spaced("FlowStageBinding").as_str()),
            ("Is superuser", "Flow Stage Binding")
        );
        let field = FieldDef { widget: "Group uuid", ..FieldDef::shown("pk", FieldKind::Uuid) };
        assert_eq!(
            member(&field),
            json!({"type": "string", "required": false, "read_only": true, "label": "Group uuid"})
        );
    }
}
