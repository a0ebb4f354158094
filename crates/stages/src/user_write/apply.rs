//! Applies values to an account, without a database.
use signet_base::{Json, Map, Secret};
use signet_core::rows::merge;
use signet_store::users::User;

/// The applied values.
#[derive(Debug, Default)]
pub struct Applied {
    pub password: Option<Secret>,
    /// Names of the written fields, for the event; no values.
    pub fields: Vec<String>,
}

/// Maximum depth of an attribute path.
const MAX_DEPTH: usize = 20;

/// Writes the values to the account. Unknown keys are dropped. The error is a message for the user.
pub fn apply(user: &mut User, data: &Map) -> Result<Applied, String> {
    let mut applied = Applied::default();
    let before = user.username.clone();
    for (key, value) in data {
        if one(user, key, value, &mut applied)? {
            applied.fields.push(key.clone());
        }
    }
    user.username = user.username.trim().to_owned();
    if user.username.is_empty() {
        return Err("A username is needed.".to_owned());
    }
    if user.username != before && !is_username(&user.username) {
        return Err("This username cannot be used.".to_owned());
    }
    Ok(applied)
}

/// Applies the changes that policies made to the pending user. Attributes are replaced as a whole, since
/// members may have been removed.
pub fn change(user: &mut User, changes: &Map) -> Result<(), String> {
    let mut rest = changes.clone();
    if let Some(Json::Object(attributes)) = rest.remove("attributes") {
        user.attributes = attributes;
    }
    apply(user, &rest).map(drop)
}

fn one(user: &mut User, key: &str, value: &Json, applied: &mut Applied) -> Result<bool, String> {
    let text =
        || value.as_str().map(str::to_owned).ok_or_else(|| format!("The value of {key} is not a text."));
    match key {
        "component" | "groups" => return Ok(false),
        "password" => {
            let password = text()?;
            // An empty optional field keeps the password.
            if password.is_empty() {
                return Ok(false);
            }
            applied.password = Some(Secret::new(password));
        }
        "username" => user.username = text()?,
        "name" => {
            let name = text()?.trim().to_owned();
            if !signet_model::check::person_name(&name) {
                return Err("This name cannot be used: at most 150 characters on one line.".to_owned());
            }
            user.name = name;
        }
        "email" => {
            let email = text()?.trim().to_owned();
            if !email.is_empty() && !signet_model::check::email(&email) {
                return Err("Enter a valid email address.".to_owned());
            }
            user.email = email;
        }
        "is_active" => user.is_active = value.as_bool().ok_or("The value of is_active is not a boolean.")?,
        "path" => {
            let path = text()?;
            if !is_path(&path) {
                return Err("This path cannot be used.".to_owned());
            }
            user.path = path;
        }
        "type" => {
            let kind = text()?;
            match kind.as_str() {
                "internal" | "external" | "service_account" => user.user_type = kind,
                _ => return Err("This type of account cannot be used.".to_owned()),
            }
        }
        "attributes" => match value {
            Json::Object(more) => merge(&mut user.attributes, more),
            _ => return Err("Attributes are a dictionary.".to_owned()),
        },
        _ => match key.strip_prefix("attributes.").or_else(|| key.strip_prefix("attributes_")) {
            Some(path) => set_path(&mut user.attributes, path, value.clone())?,
            None => return Ok(false),
        },
    }
    Ok(true)
}

/// Sets `a.b.c`, creating dictionaries; other values on the path are replaced.
fn set_path(map: &mut Map, path: &str, value: Json) -> Result<(), String> {
    let parts: Vec<&str> = path.split('.').collect();
    if parts.len() > MAX_DEPTH || parts.iter().any(|p| p.is_empty()) {
        return Err("The name of an attribute cannot be used.".to_owned());
    }
    let (last, way) = parts.split_last().ok_or("The name of an attribute cannot be used.")?;
    let mut here = map;
    for part in way {
        let slot = here.entry(*part).or_insert_with(|| Json::Object(Map::new()));
        if !slot.is_object() {
            *slot = Json::Object(Map::new());
        }
        match slot {
            Json::Object(inner) => here = inner,
            _ => return Err("The name of an attribute cannot be used.".to_owned()),
        }
    }
    here.insert((*last).to_owned(), value);
    Ok(())
}

/// Up to 150 characters without control characters.
fn is_username(name: &str) -> bool {
    name.chars().count() <= 150 && !name.chars().any(char::is_control)
}
/// Names joined by single slashes.
pub fn is_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 256
        && path.split('/').all(|part| !part.is_empty() && part.trim() == part)
        && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use signet_base::{Ports, json};

    fn user() -> User {
        User::new(&Ports::system(), "ada")
    }

    #[test]
    fn what_a_policy_changed_is_about_one_account() {
        use signet_core::flow::{Changes, Context, keys};
        let mut context = Context::default();
        context.set(
            &keys::PENDING_CHANGES,
            Changes { user: 7, fields: map(json!({"email": "g@example.test", "attributes": {"b": 2}})) },
        );
        let mut u = user();
        u.attributes = map(json!({"a": 1}));
        assert_eq!(Changes::of(&context, 8), None, "somebody else is pending by now");
        change(&mut u, &Changes::of(&context, 7).unwrap()).unwrap();
        assert_eq!((u.email.as_str(), Json::Object(u.attributes)), ("g@example.test", json!({"b": 2})));
    }
    #[test]
    fn known_fields_are_written_and_others_dropped() {
        let mut u = user();
        let (id, uuid, password) = (u.id, u.uuid, u.password.clone());
        let data = map(json!({
            "component": "ak-stage-prompt", "username": " grace ", "name": "Grace", "email": "g@example.test", "password": "pw", "password_repeat": "pw",
            "groups": ["x"], "id": 7, "pk": 7, "uuid": "x", "is_superuser": true, "last_login": "x", "attributes": {"a": {"b": 1}}, "attributes.settings.locale": "de", "attributes_phone": "1",
        }));
        let applied = apply(&mut u, &data).unwrap();
        assert_eq!(
            (u.username.as_str(), u.name.as_str(), u.email.as_str()),
            ("grace", "Grace", "g@example.test")
        );
        assert_eq!((u.id, u.uuid, &u.password), (id, uuid, &password));
        assert_eq!(applied.password.unwrap().reveal(), "pw");
        assert_eq!(
            Json::Object(u.attributes),
            json!({"a": {"b": 1}, "settings": {"locale": "de"}, "phone": "1"})
        );
        assert_eq!(
            applied.fields,
            [
                "username",
                "name",
                "email",
                "password",
                "attributes",
                "attributes.settings.locale",
                "attributes_phone"
            ]
        );
    }
    #[test]
    fn what_cannot_be_written_is_refused() {
        for wrong in [
            json!({"username": ""}),
            json!({"username": "  "}),
            json!({"username": "a\u{0}b"}),
            json!({"username": "x".repeat(151)}),
            json!({"username": 7}),
            json!({"name": "there,\n\nyour account was locked"}),
            json!({"name": "x".repeat(151)}),
            json!({"name": "a\u{202e}b"}),
            json!({"email": "x"}),
            json!({"path": "/a"}),
            json!({"type": "internal_service_account"}),
            json!({"is_active": "yes"}),
            json!({"attributes": []}),
            json!({"attributes.": 1}),
            json!({"attributes.a..b": 1}),
            json!({"password": 5}),
        ] {
            assert!(apply(&mut user(), &map(wrong.clone())).is_err(), "{wrong}");
        }
    }
    #[test]
    fn an_empty_optional_password_keeps_the_old_one() {
        assert!(apply(&mut user(), &map(json!({"password": ""}))).unwrap().password.is_none());
    }
    #[test]
    fn paths_have_no_empty_parts() {
        assert!(is_path("users") && is_path("a/b c/d"));
        for wrong in ["", "/", "a/", "/a", "a//b", " a", "a\nb"] {
            assert!(!is_path(wrong), "{wrong:?}");
        }
    }
}
