//! Presentation of objects: members from the models, rows and families.
use crate::{launch, rbac};
use signet_base::{Json, Map, Result, Uuid, json};
use signet_core::permission::initial;
use signet_core::{media, rows, wire};
use signet_model::Object;
use signet_rest::Call;
use signet_store::{groups, users};
use std::collections::HashMap;
use std::sync::Arc;

/// Objects as JSON, with one query for all users and one for all groups they refer to.
pub(crate) async fn many(call: &Call, objects: &[Arc<Object>]) -> Result<Vec<Json>> {
    let mut out: Vec<Map> = objects.iter().map(|o| wire::present(o, &call.config)).collect();
    if objects.iter().any(|o| o.def.is("authentik_policies.policybinding")) {
        people(call, &mut out).await?;
    }
    for (object, map) in objects.iter().zip(&mut out) {
        pictures(call, object, map);
        hide(call, object, map);
        if object.def.is(initial::MODEL) {
            let shown = rbac::catalogue::named(call, &map["permissions"]);
            map.insert("permissions_obj".into(), shown);
        }
        if object.def.is("authentik_core.application") {
            map.insert(
                "launch_url".into(),
                json!(launch::url(&call.core, &call.config, object, call.principal.as_ref())),
            );
        }
    }
    Ok(out.into_iter().map(Json::Object).collect())
}

/// The addresses of stored pictures.
fn pictures(call: &Call, object: &Object, map: &mut Map) {
    for (field, url, themed) in [
        ("meta_icon", "meta_icon_url", "meta_icon_themed_urls"),
        ("background", "background_url", "background_themed_urls"),
        ("icon", "icon_url", "icon_themed_urls"),
    ] {
        if media::stored(object.text(field)).is_some() && map.contains_key(url) {
            map.insert(url.into(), json!(media::url(&call.core, object.text(field))));
            map.insert(themed.into(), media::themed_urls(&call.core, object.text(field)));
        }
    }
}

/// The object as its family shows it.
pub(crate) fn family(call: &Call, object: &Object) -> Map {
    let mut map = wire::family_view(object, &call.config);
    pictures(call, object, &mut map);
    hide(call, object, &mut map);
    map
}

/// Takes out what an object shows of others that the caller does not see: out of lists, and where there is one, it is null;
/// where clients expect one, nothing but its key is left.
fn hide(call: &Call, object: &Object, map: &mut Map) {
    if call.principal.as_ref().is_some_and(|person| person.grants.is_everything()) {
        return;
    }
    let config = &call.config;
    let is_hidden = |one: &Json| {
        let pk = &one["pk"];
        let found = match pk.as_str() {
            Some(text) => Uuid::parse_str(text).ok().and_then(|pk| config.get(pk)),
            None => pk.as_i64().and_then(|num| config.by_num(num)),
        };
        found.is_some_and(|found| !call.sees(found))
    };
    for (name, value) in map.iter_mut().filter(|(name, _)| name.ends_with("_obj") || *name == "flow_set") {
        match value {
            Json::Array(list) => list.retain(|one| !is_hidden(one)),
            one if one.is_object() && is_hidden(one) => {
                let nullable = object.def.extra.iter().any(|f| f.name == name && f.nullable);
                match one.as_object_mut().filter(|_| !nullable) {
                    Some(inner) => blank(inner),
                    None => *one = Json::Null,
                }
            }
            _ => {}
        }
    }
    for (field, prefix) in
        [("provider", "assigned_application"), ("backchannel_providers", "assigned_backchannel_application")]
    {
        let names = [format!("{prefix}_slug"), format!("{prefix}_name")];
        if map.contains_key(&names[0])
            && config.referring(object, field).next().is_some_and(|app| !call.sees(app))
        {
            map.extend(names.map(|name| (name, Json::Null)));
        }
    }
}
fn blank(map: &mut Map) {
    for (_, value) in map.iter_mut().filter(|(name, _)| *name != "pk") {
        match value {
            Json::String(text) => text.clear(),
            Json::Array(list) => list.clear(),
            _ => {}
        }
    }
}

pub(crate) async fn one(call: &Call, object: &Arc<Object>) -> Result<Json> {
    Ok(many(call, std::slice::from_ref(object)).await?.pop().unwrap_or_default())
}

/// The response to a write. As in authentik, a flow binding whose write contains its stage shows the stage's
/// base kind; a later read shows the actual one.
pub(crate) async fn written(call: &Call, object: &Arc<Object>) -> Result<Json> {
    let mut shown = one(call, object).await?;
    if object.def.is("authentik_flows.flowstagebinding")
        && call.body.contains_key("stage")
        && let Some(stage) = shown.get_mut("stage_obj").and_then(Json::as_object_mut)
    {
        for (member, base) in [
            ("component", ""),
            ("meta_model_name", "authentik_flows.stage"),
            ("verbose_name", "stage"),
            ("verbose_name_plural", "stages"),
        ] {
            stage.insert(member.to_owned(), json!(base));
        }
    }
    Ok(shown)
}

/// `group_obj` and `user_obj` of policy bindings.
async fn people(call: &Call, bindings: &mut [Map]) -> Result<()> {
    let ids: Vec<i64> = bindings.iter().filter_map(|b| b.get("user")?.as_i64()).collect();
    let teams: Vec<Uuid> =
        bindings.iter().filter_map(|b| Uuid::parse_str(b.get("group")?.as_str()?).ok()).collect();
    let people: HashMap<i64, Json> = if ids.is_empty() {
        HashMap::new()
    } else {
        users::by_ids(&call.core.db, &ids)
            .await?
            .iter()
            .map(|u| (u.id, rows::partial_user(&call.core, u)))
            .collect()
    };
    let teams: HashMap<String, Json> = if teams.is_empty() {
        HashMap::new()
    } else {
        groups::many(&call.core.db, &teams)
            .await?
            .iter()
            .filter(|g| call.sees_group(g.id))
            .map(|g| (g.id.to_string(), rows::partial_group(g)))
            .collect()
    };
    for binding in bindings {
        let user = binding.get("user").and_then(Json::as_i64).filter(|id| call.sees_user(*id));
        if let Some(person) = user.and_then(|id| people.get(&id)) {
            binding.insert("user_obj".into(), person.clone());
        }
        if let Some(team) = binding.get("group").and_then(Json::as_str).and_then(|id| teams.get(id)) {
            binding.insert("group_obj".into(), team.clone());
        }
    }
    Ok(())
}
