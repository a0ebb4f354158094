//! What clients of 2024.2 and the guide's scripts send, turned into what the models declare. Only where it is
//! unambiguous; everything else meets the ordinary check.
use crate::call::Call;
use signet_base::{Json, Map, Result, json};
use signet_core::models::Flow;
use signet_model::ModelDef;
use signet_store::groups;

/// Before a configuration object is judged.
pub(crate) fn object(call: &mut Call, def: &ModelDef, creating: bool) {
    if let Some(Json::String(text)) = call.body.get("redirect_uris")
        && def.field("redirect_uris").is_some()
    {
        // One address a line, as strict ones: the regular expressions that lines could be then are never guessed.
        let lines: Vec<Json> = text.lines().map(str::trim).filter(|l| !l.is_empty()).map(|l| json!({"matching_mode": "strict", "url": l})).collect();
        call.body.insert("redirect_uris".into(), Json::Array(lines));
    }
    if def.field("jwt_federation_sources").is_some()
        && let Some(sources) = call.body.remove("jwks_sources")
    {
        call.body.entry("jwt_federation_sources").or_insert(sources);
    }
    // An empty body keeps its error: only a client that names a flow and knows of no other gets the default one.
    if creating && def.field("invalidation_flow").is_some() && call.body.contains_key("authorization_flow") && !call.body.contains_key("invalidation_flow") {
        let flow = call.world.find::<Flow>("slug", "default-provider-invalidation-flow").map(|(o, _)| o.pk);
        let flow = flow.or_else(|| signet_core::brand::of(&call.world, call.client.domain()).and_then(|(_, b)| b.flow_invalidation));
        if let Some(flow) = flow {
            call.body.insert("invalidation_flow".into(), json!(flow));
        }
    }
}

/// Before a user is judged: two names instead of one, groups by name.
pub(crate) async fn user(call: &mut Call) -> Result<()> {
    if !call.body.contains_key("name")
        && let Some(name) = full_name(&call.body)
    {
        call.body.insert("name".into(), Json::String(name));
    }
    if let Some(Json::Array(list)) = call.body.get("groups") {
        let mut out = Vec::with_capacity(list.len());
        for item in list.iter().take(1000) {
            out.push(match item {
                Json::String(text) if signet_base::Uuid::parse_str(text).is_err() => groups::by_name(&call.core.db, text).await?.map_or_else(|| item.clone(), |g| json!(g.id)),
                other => other.clone(),
            });
        }
        call.body.insert("groups".into(), Json::Array(out));
    }
    Ok(())
}

fn full_name(body: &Map) -> Option<String> {
    let part = |name: &str| body.get(name).and_then(Json::as_str).map(str::trim);
    let (first, last) = (part("first_name"), part("last_name"));
    (first.is_some() || last.is_some()).then(|| format!("{} {}", first.unwrap_or_default(), last.unwrap_or_default()).trim().to_owned())
}

/// Before a group is judged: one parent instead of several.
pub(crate) fn group(body: &mut Map) {
    if !body.contains_key("parents")
        && let Some(parent) = body.remove("parent")
    {
        let parents = if parent.is_null() { Vec::new() } else { vec![parent] };
        body.insert("parents".into(), Json::Array(parents));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn two_names_make_one() {
        let map = |v: Json| v.as_object().cloned().unwrap();
        assert_eq!(full_name(&map(json!({"first_name": "Ada", "last_name": "Lovelace"}))).as_deref(), Some("Ada Lovelace"));
        assert_eq!(full_name(&map(json!({"first_name": "Ada"}))).as_deref(), Some("Ada"));
        assert_eq!(full_name(&map(json!({}))), None);
        let mut body = map(json!({"parent": "x"}));
        group(&mut body);
        assert_eq!(Json::Object(body), json!({"parents": ["x"]}));
    }
}
