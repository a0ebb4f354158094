//! Conversion of requests by clients of 2024.2, their files and scripts, to the current models. The API and
//! blueprints call it before validation. Only unambiguous cases are converted.
use crate::models::Flow;
use signet_base::{Json, Map, Uuid, json};
use signet_model::{ModelDef, Snapshot};
use std::collections::HashMap;

/// Converts a configuration object. `domain` selects the brand for omitted flows.
pub fn object(def: &ModelDef, config: &Snapshot, domain: &str, body: &mut Map, creating: bool) {
    if let Some(Json::String(text)) = body.get("redirect_uris")
        && def.field("redirect_uris").is_some()
    {
        // One URL per line, matched strictly: lines are never interpreted as regular expressions.
        let lines: Vec<Json> = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .map(|l| json!({"matching_mode": "strict", "url": l}))
            .collect();
        body.insert("redirect_uris".into(), Json::Array(lines));
    }
    if def.field("jwt_federation_sources").is_some()
        && let Some(sources) = body.remove("jwks_sources")
    {
        body.entry("jwt_federation_sources").or_insert(sources);
    }
    // An empty body keeps its error: only clients that send one flow and do not know the other get the
    // default.
    if creating
        && def.field("invalidation_flow").is_some()
        && body.contains_key("authorization_flow")
        && !body.contains_key("invalidation_flow")
    {
        let flow = config.find::<Flow>("slug", "default-provider-invalidation-flow").map(|(o, _)| o.pk);
        let flow = flow.or_else(|| crate::brand::of(config, domain).and_then(|(_, b)| b.flow_invalidation));
        if let Some(flow) = flow {
            body.insert("invalidation_flow".into(), json!(flow));
        }
    }
}

/// Converts a user: joins two names, and removes blank groups (empty table cells). Returns the entries of
/// `groups` that are not keys: names, for [`name_groups`].
pub fn person(body: &mut Map) -> Vec<String> {
    let parts = [body.remove("first_name"), body.remove("last_name")];
    if !body.contains_key("name") && parts.iter().flatten().any(Json::is_string) {
        let name: Vec<&str> = parts
            .iter()
            .flatten()
            .filter_map(Json::as_str)
            .map(str::trim)
            .filter(|p| !p.is_empty())
            .collect();
        body.insert("name".into(), Json::String(name.join(" ")));
    }
    let Some(Json::Array(list)) = body.get_mut("groups") else { return Vec::new() };
    list.retain(|item| item.as_str().is_none_or(|text| !text.trim().is_empty()));
    let names =
        list.iter().filter_map(Json::as_str).map(str::trim).filter(|text| Uuid::parse_str(text).is_err());
    names.take(1000).map(str::to_owned).collect()
}

/// Replaces group names by keys. Unknown names stay, so that validation reports them.
pub fn name_groups(body: &mut Map, keys: &HashMap<String, Json>) {
    let Some(Json::Array(list)) = body.get_mut("groups") else { return };
    for item in list {
        if let Some(key) = item.as_str().and_then(|text| keys.get(text.trim())) {
            *item = key.clone();
        }
    }
}

/// Converts a group: one parent instead of several.
pub fn group(body: &mut Map) {
    if let Some(parent) = body.remove("parent") {
        let parents = if parent.is_null() { Vec::new() } else { vec![parent] };
        body.entry("parents").or_insert(Json::Array(parents));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn map(value: Json) -> Map {
        value.as_object().cloned().unwrap()
    }
    #[test]
    fn two_names_make_one() {
        for (sent, name) in [
            (json!({"first_name": "Ada", "last_name": "Lovelace"}), json!({"name": "Ada Lovelace"})),
            (json!({"first_name": " Ada ", "last_name": ""}), json!({"name": "Ada"})),
            (json!({"first_name": "Ada", "name": "A. L."}), json!({"name": "A. L."})),
            (json!({}), json!({})),
        ] {
            let mut body = map(sent);
            person(&mut body);
            assert_eq!(Json::Object(body), name);
        }
    }
    #[test]
    fn guide_g06_blank_names_of_groups_are_nothing() {
        let mut body =
            map(json!({"groups": ["", " ", "Staff", " Sales ", "7b2f1a3c-0000-4000-8000-00000000000a"]}));
        assert_eq!(person(&mut body), ["Staff", "Sales"]);
        name_groups(&mut body, &HashMap::from([("Sales".to_owned(), json!("k"))]));
        assert_eq!(body["groups"], json!(["Staff", "k", "7b2f1a3c-0000-4000-8000-00000000000a"]));
    }
    #[test]
    fn one_parent_is_a_list_of_parents() {
        for (sent, parents) in [
            (json!({"parent": "x"}), json!({"parents": ["x"]})),
            (json!({"parent": null}), json!({"parents": []})),
            (json!({"parent": "x", "parents": []}), json!({"parents": []})),
        ] {
            let mut body = map(sent);
            group(&mut body);
            assert_eq!(Json::Object(body), parents);
        }
    }
}
