//! What is there when a text has run: people, groups, tokens, events and requests, as far as a case asks.
use super::outside::Upstream;
use serde_json::json;
use signet_base::{Json, Map};
use signet_core::Core;
use signet_store::{ListQuery, events, groups, tokens, users};

/// The members of `all` that `wanted` names.
fn part(all: &Map, wanted: &Json) -> Json {
    let names = wanted.as_object().into_iter().flatten().map(|(name, _)| name);
    names.map(|name| (name.clone(), all.get(name).cloned().unwrap_or_default())).collect::<Map>().into()
}

/// The same members as expected, with what is found.
pub async fn found(core: &Core, upstream: &Upstream, wanted: &Json) -> Json {
    let mut out = Map::new();
    for (name, value) in wanted.as_object().unwrap() {
        let text = value.as_str().unwrap_or_default();
        let is = match name.as_str() {
            "user" => users::by_username(&core.db, text).await.unwrap().is_some().then(|| value.clone()),
            "group" => groups::by_name(&core.db, text).await.unwrap().is_some().then(|| value.clone()),
            "token" => tokens::by_identifier(&core.db, text).await.unwrap().is_some().then(|| value.clone()),
            "http" => {
                let sent = upstream.sent.lock().unwrap().clone();
                Some(if sent.contains(value) { value.clone() } else { Json::Array(sent) })
            }
            "event" => {
                let query = ListQuery::first(1).equal("action", text);
                let (found, _) = events::list(&core.db, &query, None).await.unwrap();
                found.first().map(|event| event.action.clone().into())
            }
            "groups" => {
                let id =
                    users::by_username(&core.db, wanted["user"].as_str().unwrap()).await.unwrap().unwrap().id;
                let groups = groups::direct_groups(&core.db, id).await.unwrap();
                Some(groups.iter().map(|group| json!(group.name)).collect())
            }
            _ => match wanted.get("group").and_then(Json::as_str) {
                Some(group) => {
                    let group = groups::by_name(&core.db, group).await.unwrap();
                    group.map(|group| part(&group.attributes, value))
                }
                None => {
                    let user = users::by_username(&core.db, wanted["user"].as_str().unwrap()).await.unwrap();
                    user.map(|user| match name.as_str() {
                        "attributes" => part(&user.attributes, value),
                        "is_active" => json!(user.is_active),
                        "email" => json!(user.email),
                        "name" => json!(user.name),
                        "type" => json!(user.user_type),
                        "path" => json!(user.path),
                        other => panic!("no effect '{other}'"),
                    })
                }
            },
        };
        out.insert(name.clone(), is.unwrap_or_default());
    }
    out.into()
}
