//! Reading values of entries, and rows as they are compared and found.
use super::Wrong;
use crate::world::contains;
use signet_base::{Json, Map, Uuid, json};
use signet_core::Core;
use signet_store::Page;
use signet_store::groups::{self, Group};
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User, UserQuery, canonical};

pub fn wrong<T>(field: &str, message: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), message.into()))
}
pub fn internal(error: signet_base::Error) -> Wrong {
    (String::new(), error.to_string())
}

pub fn same<T: Ord + Clone>(a: &[T], b: &[T]) -> bool {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_unstable();
    b.sort_unstable();
    a == b
}
pub fn text(field: &str, value: &Json, blank: bool) -> Result<String, Wrong> {
    match value {
        Json::String(text) if blank || !text.trim().is_empty() => Ok(text.clone()),
        Json::String(_) => wrong(field, "This field may not be blank."),
        Json::Number(n) => Ok(n.to_string()),
        _ => wrong(field, "Not a valid string."),
    }
}
pub fn flag(field: &str, value: &Json) -> Result<bool, Wrong> {
    value.as_bool().map_or_else(|| wrong(field, "Must be a valid boolean."), Ok)
}
pub fn object(field: &str, value: &Json) -> Result<Map, Wrong> {
    value.as_object().cloned().map_or_else(|| wrong(field, "Value must be a dictionary."), Ok)
}
pub fn fits(row: &Map, wanted: &Map) -> bool {
    !wanted.is_empty()
        && wanted.iter().all(|(field, value)| match (field.as_str(), row.get(field), value) {
            ("username", Some(Json::String(have)), Json::String(want)) => canonical(have) == canonical(want),
            (_, Some(have), want) => contains(have, want),
            _ => false,
        })
}
pub fn user_map(u: &User) -> Map {
    to_map(
        json!({"pk": u.id, "uuid": u.uuid, "username": u.username, "name": u.name, "email": u.email, "is_active": u.is_active, "type": u.user_type, "path": u.path, "attributes": u.attributes}),
    )
}
pub fn group_map(g: &Group) -> Map {
    to_map(json!({"pk": g.id, "group_uuid": g.id, "name": g.name, "is_superuser": g.is_superuser, "attributes": g.attributes}))
}
pub fn token_map(t: &Token) -> Map {
    to_map(
        json!({"pk": t.id, "identifier": t.identifier, "intent": t.intent, "user": t.user_id, "description": t.description, "managed": t.managed, "expiring": t.expiring, "expires": t.expires}),
    )
}
pub fn to_map(value: Json) -> Map {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

pub async fn stored_user(core: &Core, wanted: &Map) -> Result<Option<User>, Wrong> {
    let text = |field: &str| wanted.get(field).and_then(Json::as_str);
    let found = if let Some(id) = wanted.get("pk").and_then(Json::as_i64) {
        users::by_id(&core.db, id).await
    } else if let Some(name) = text("username") {
        users::by_username(&core.db, name).await
    } else if let Some(id) = text("uuid").and_then(|t| Uuid::parse_str(t).ok()) {
        users::by_uuid(&core.db, id).await
    } else if let Some(address) = text("email") {
        users::by_email(&core.db, address).await
    } else if let Some(name) = text("name") {
        let query = UserQuery { name: Some(name.to_owned()), page: Page::first(1), ..UserQuery::default() };
        users::list(&core.db, &query).await.map(|(list, _)| list.into_iter().next())
    } else {
        return wrong("identifiers", "A user is found by pk, username, uuid, email or name.");
    };
    Ok(found.map_err(internal)?.filter(|u| fits(&user_map(u), wanted)))
}
pub async fn stored_group(core: &Core, wanted: &Map) -> Result<Option<Group>, Wrong> {
    let found = match (wanted.get("name").and_then(Json::as_str), wanted.get("pk").and_then(Json::as_str).and_then(|t| Uuid::parse_str(t).ok())) {
        // By the key or by the name, as for every other object.
        (name, Some(id)) => match groups::by_id(&core.db, id).await {
            Ok(None) if name.is_some() => return by_group_name(core, name.unwrap_or_default()).await,
            other => return other.map_err(internal),
        },
        (Some(name), None) => groups::by_name(&core.db, name).await,
        _ => return wrong("identifiers", "A group is found by pk or name."),
    };
    Ok(found.map_err(internal)?.filter(|g| fits(&group_map(g), wanted)))
}
pub async fn by_group_name(core: &Core, name: &str) -> Result<Option<Group>, Wrong> {
    groups::by_name(&core.db, name).await.map_err(internal)
}
pub async fn stored_token(core: &Core, wanted: &Map) -> Result<Option<Token>, Wrong> {
    let text = |field: &str| wanted.get(field).and_then(Json::as_str);
    let found = if let Some(name) = text("identifier") {
        tokens::by_identifier(&core.db, name).await
    } else if let Some(managed) = text("managed") {
        tokens::by_managed(&core.db, managed).await
    } else {
        return wrong("identifiers", "A token is found by identifier or managed.");
    };
    Ok(found.map_err(internal)?.filter(|t| fits(&token_map(t), wanted)))
}
