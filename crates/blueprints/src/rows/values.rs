//! Conversion of an entry's values, and of rows for comparison.
use super::Wrong;
use signet_base::{Json, Map, json};
use signet_store::groups::Group;
use signet_store::tokens::Token;
use signet_store::users::User;

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
    match value {
        Json::Bool(b) => Ok(*b),
        Json::String(s) if matches!(s.to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1") => Ok(true),
        Json::String(s) if matches!(s.to_ascii_lowercase().as_str(), "false" | "no" | "off" | "0") => {
            Ok(false)
        }
        Json::Number(n) if n.as_i64() == Some(1) => Ok(true),
        Json::Number(n) if n.as_i64() == Some(0) => Ok(false),
        _ => wrong(field, "Must be a valid boolean."),
    }
}
pub fn object(field: &str, value: &Json) -> Result<Map, Wrong> {
    value.as_object().cloned().map_or_else(|| wrong(field, "Value must be a dictionary."), Ok)
}
pub fn user_map(u: &User) -> Map {
    to_map(
        json!({"pk": u.id, "uuid": u.uuid, "username": u.username, "name": u.name, "email": u.email, "is_active": u.is_active, "type": u.user_type, "path": u.path, "attributes": u.attributes,
            "last_login": u.last_login, "date_joined": u.joined, "last_updated": u.updated, "password_change_date": u.password_changed}),
    )
}
pub fn group_map(g: &Group) -> Map {
    to_map(
        json!({"pk": g.id, "group_uuid": g.id, "name": g.name, "is_superuser": g.is_superuser, "attributes": g.attributes}),
    )
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
