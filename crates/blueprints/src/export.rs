//! Export of a flow: the flow, its stages, prompts, policies and bindings, ordered so that an import finds
//! every reference.
use signet_base::{Error, Json, Map, Result, Uuid, json};
use signet_core::Core;
use signet_core::models::{Flow, flow_bindings};
use signet_model::check::reference_values;
use signet_model::{Base, FieldKind, Object, Snapshot};
use signet_store::{groups, users};
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;

/// Exports the flow with this slug. Secrets are replaced by context values, which the importer provides.
pub async fn export_flow(core: &Core, slug: &str) -> Result<String> {
    let planned = core.config();
    let flow = planned.find::<Flow>("slug", slug).map(|(o, _)| o.clone()).ok_or(Error::NotFound)?;
    let mut all: Vec<Arc<Object>> = Vec::new();
    let mut seen = HashSet::new();
    for binding in flow_bindings(&planned, flow.pk) {
        collect(&planned, binding, &flow, &mut seen, &mut all);
    }
    let guarded: Vec<Arc<Object>> =
        std::iter::once(flow.clone()).chain(all.iter().filter(|o| o.pbm().is_some()).cloned()).collect();
    let mut policies = Vec::new();
    let mut bindings = Vec::new();
    for target in &guarded {
        let Some(pbm) = target.pbm() else { continue };
        for binding in planned.bindings_of(pbm) {
            if let Some(policy) = Uuid::parse_str(binding.text("policy")).ok().and_then(|pk| planned.get(pk))
            {
                collect(&planned, policy, &flow, &mut seen, &mut policies);
            }
            bindings.push((binding.clone(), target.pk));
        }
    }
    let mut out =
        String::from("version: 1\nmetadata:\n  labels:\n    blueprints.goauthentik.io/generated: \"true\"\n");
    let _ = writeln!(out, "  name: {}", scalar(&format!("Flow {slug}")));
    let objects: Vec<&Arc<Object>> = policies.iter().chain(std::iter::once(&flow)).chain(&all).collect();
    let wanted: Vec<(String, &Arc<Object>)> =
        objects.iter().flat_map(|o| required_secrets(o).map(|f| (secret_key(o, f), *o))).collect();
    if !wanted.is_empty() {
        out.push_str("# Secrets stay where they are. Those that are required stand here, to be filled in; objects that exist keep theirs.\ncontext:\n");
        for (key, _) in &wanted {
            member(&mut out, 2, key, &json!("fill-in"));
        }
    }
    out.push_str("entries:\n");
    for object in objects {
        let mut tags = foreign(core, &planned, &flow, &seen, object).await?;
        let mut data = attrs(object);
        data.retain(|field, _| !tags.iter().any(|(f, _)| f == field));
        let plain = tags.len();
        tags.extend(
            required_secrets(object).map(|f| (f, format!("!Context {}", json!(secret_key(object, f))))),
        );
        if tags.len() > plain {
            // `created`: the import does not overwrite a required secret that was filled in.
            entry(&mut out, object, "created", data.clone(), &tags);
        }
        entry(&mut out, object, "", data, &tags[..plain]);
    }
    for (binding, target) in &bindings {
        let mut data = attrs(binding);
        let mut tags = vec![("target", format!("!KeyOf {}", scalar(&target.to_string())))];
        // Users and groups have other keys elsewhere: referenced by name, so that a missing one stops the
        // import.
        if let Some(id) = data.get("user").and_then(Json::as_i64) {
            let name = users::by_id(&core.db, id).await?.map(|u| u.username).unwrap_or_default();
            tags.push(("user", format!("!Find [authentik_core.user, [username, {}]]", scalar(&name))));
        }
        if let Some(id) = data.get("group").and_then(Json::as_str).and_then(|s| Uuid::parse_str(s).ok()) {
            let name = groups::by_id(&core.db, id).await?.map(|g| g.name).unwrap_or_default();
            tags.push(("group", format!("!Find [authentik_core.group, [name, {}]]", scalar(&name))));
        }
        for (field, _) in &tags {
            data.remove(*field);
        }
        entry(&mut out, binding, "", data, &tags);
    }
    Ok(out)
}

/// References to objects that are not exported, by name: they have other keys elsewhere, and a missing one
/// stops the import.
async fn foreign(
    core: &Core,
    planned: &Snapshot,
    flow: &Object,
    along: &HashSet<Uuid>,
    object: &Object,
) -> Result<Vec<(&'static str, String)>> {
    let mut tags = Vec::new();
    for field in object.def.fields {
        let (target, many) = match field.kind {
            FieldKind::Ref { target, .. } => (target, false),
            FieldKind::List(FieldKind::Ref { target, .. }) => (*target, true),
            _ => continue,
        };
        let Some(value) = object.data.get(field.name) else { continue };
        let keys: Vec<&Json> = match value {
            Json::Array(list) => list.iter().collect(),
            Json::Null => continue,
            one => vec![one],
        };
        let mut found = Vec::new();
        for key in &keys {
            let by_name = match key.as_str().and_then(|text| Uuid::parse_str(text).ok()) {
                Some(pk) if pk == flow.pk || along.contains(&pk) => None,
                Some(pk) => by_name(core, planned, target, pk).await?,
                None => None,
            };
            found.push(by_name);
        }
        if found.iter().all(Option::is_none) {
            continue;
        }
        let parts: Vec<String> =
            found.into_iter().zip(keys).map(|(tag, key)| tag.unwrap_or_else(|| key.to_string())).collect();
        tags.push((field.name, if many { format!("[{}]", parts.join(", ")) } else { parts.concat() }));
    }
    Ok(tags)
}

async fn by_name(core: &Core, planned: &Snapshot, target: &str, pk: Uuid) -> Result<Option<String>> {
    if target == "authentik_core.group" {
        return Ok(groups::by_id(&core.db, pk)
            .await?
            .map(|g| format!("!Find [{target}, [name, {}]]", json!(g.name))));
    }
    let Some(object) = planned.get(pk) else { return Ok(None) };
    let name = ["slug", "name"].into_iter().find(|f| object.def.field(f).is_some_and(|d| d.unique));
    Ok(name
        .map(|field| format!("!Find [{}, [{field}, {}]]", object.def.full_name(), json!(object.text(field)))))
}

/// Whether an object is exported with a flow.
fn goes_along(object: &Object) -> bool {
    matches!(object.def.base, Some(Base::Stage | Base::Policy | Base::PropertyMapping))
        || object.def.is("authentik_stages_prompt.prompt")
}

/// Adds the objects that an object refers to before it. Flows are not followed: references to other flows
/// remain.
fn collect(
    planned: &Snapshot,
    object: &Arc<Object>,
    flow: &Object,
    seen: &mut HashSet<Uuid>,
    out: &mut Vec<Arc<Object>>,
) {
    if object.pk == flow.pk || !seen.insert(object.pk) {
        return;
    }
    for (_, key, _, _) in reference_values(object.def, &object.data) {
        if let Some(next) =
            Uuid::parse_str(&key).ok().and_then(|pk| planned.get(pk)).filter(|o| goes_along(o))
        {
            collect(planned, next, flow, seen, out);
        }
    }
    out.push(object.clone());
}

fn attrs(object: &Object) -> Map {
    object
        .def
        .fields
        .iter()
        .filter(|f| !f.secret && !f.read_only && !f.hidden)
        .filter_map(|f| Some((f.name.to_owned(), object.data.get(f.name)?.clone())))
        .collect()
}

/// Secret fields that are required on creation.
fn required_secrets(object: &Object) -> impl Iterator<Item = &'static str> {
    object.def.fields.iter().filter(|f| f.secret && f.required && !f.hidden).map(|f| f.name)
}
/// The context key of a secret. Dots are replaced, since they separate context keys.
fn secret_key(object: &Object, field: &str) -> String {
    format!("{} {field}", object.name().replace('.', "-"))
}

/// Writes an entry; an empty `state` means `present`.
fn entry(out: &mut String, object: &Object, state: &str, mut data: Map, tags: &[(&str, String)]) {
    let _ = writeln!(out, "- model: {}", object.def.full_name());
    if !state.is_empty() {
        let _ = writeln!(out, "  state: {state}");
    }
    let _ = writeln!(out, "  id: {}", scalar(&object.pk.to_string()));
    let _ = writeln!(out, "  identifiers:\n    pk: {}", scalar(&object.pk.to_string()));
    for field in ["slug", "name"] {
        if object.def.field(field).is_some_and(|f| f.unique)
            && let Some(value) = data.remove(field)
        {
            member(out, 4, field, &value);
            break;
        }
    }
    if data.is_empty() && tags.is_empty() {
        return;
    }
    out.push_str("  attrs:\n");
    for (field, value) in &data {
        member(out, 4, field, value);
    }
    for (field, tag) in tags {
        let _ = writeln!(out, "    {field}: {tag}");
    }
}

fn member(out: &mut String, indent: usize, name: &str, value: &Json) {
    let pad = " ".repeat(indent);
    let _ = write!(out, "{pad}{}:", scalar(name));
    node(out, indent, value);
}

/// Writes the value after `name:` or `-`, with a line break.
fn node(out: &mut String, indent: usize, value: &Json) {
    let pad = " ".repeat(indent);
    match value {
        Json::Array(list) if !list.is_empty() => {
            out.push('\n');
            for item in list {
                let _ = write!(out, "{pad}-");
                match item {
                    Json::Array(_) | Json::Object(_) => {
                        // JSON is YAML: nested values stay on one line.
                        let _ = writeln!(out, " {item}");
                    }
                    other => node(out, indent + 2, other),
                }
            }
        }
        Json::Object(map) if !map.is_empty() => {
            out.push('\n');
            for (name, value) in map {
                member(out, indent + 2, name, value);
            }
        }
        Json::String(text) if block(text) => {
            let mark = if text.ends_with('\n') { "|" } else { "|-" };
            let _ = writeln!(out, " {mark}");
            for line in text.trim_end_matches('\n').split('\n') {
                if line.is_empty() {
                    out.push('\n')
                } else {
                    {
                        let _ = writeln!(out, "{pad}  {line}");
                    }
                }
            }
        }
        Json::String(text) => {
            let _ = writeln!(out, " {}", scalar(text));
        }
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

/// Whether a multi-line text can be a block scalar.
fn block(text: &str) -> bool {
    let end = text.len() - text.trim_end_matches('\n').len();
    text.trim_end_matches('\n').contains('\n')
        && end <= 1
        && !text.starts_with([' ', '\n'])
        && !text.chars().any(|c| {
            (c.is_control() && c != '\n') || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        })
}

/// A scalar on one line: plain if it is unambiguous, else JSON, which YAML reads alike.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./ ".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"]
            .contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { json!(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;
    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let texts = [
            "",
            "plain",
            "true",
            "1",
            "1.5",
            "- a",
            "a: b",
            "# x",
            "line\nline",
            "line\n\n  more\n",
            "ends\n\n",
            " lead\nx",
            "tab\tx\ny",
            "\u{2028}",
            "quote\"'",
            "a\\b",
            "!Tag",
            "&x",
            "*x",
            "%",
            "@",
            "null",
            "~",
            "é\nü",
        ];
        for text in texts {
            let value =
                json!({"a": {"text": text, "list": [text, 1, null, {"x": text}], "empty": [], "none": {}}});
            let mut out = String::new();
            for (name, v) in value.as_object().unwrap() {
                member(&mut out, 0, name, v);
            }
            assert_eq!(yaml::parse(&out).unwrap().root.plain(), value, "{out}");
        }
    }
}
