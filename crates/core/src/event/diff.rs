//! What a change has changed, field by field, without secrets: `{"email": {"previous_value": "a@x.test", "new_value":
//! "b@x.test"}}`. Of dictionaries only the members that differ are shown, of relations what came and what went.
use crate::hash;
use signet_base::{Json, Map, json};
use signet_model::{Registry, Snapshot};
use std::collections::BTreeSet;

/// What stands for a secret.
pub const MASK: &str = "********************";
/// Longest text that is shown, in characters, and most members of a relation.
const LONGEST: usize = 1024;
const MOST: usize = 100;
/// Most bytes of one value.
const LARGEST: usize = 8 * 1024;

/// Parts of the names of members that hold secrets (those that Django's error pages hide).
const SECRET_WORDS: [&str; 9] =
    ["api", "token", "key", "secret", "pass", "signature", "credential", "hash", "otp"];

/// Members of attributes that an administrator calls secret, by their path (`attributes.pin`).
#[derive(Debug, Clone, Default)]
pub struct SecretPaths(pub BTreeSet<String>);

/// What a prompt with this type holds is a secret.
pub const PASSWORD: &str = "password";
pub const PROMPT: &str = "authentik_stages_prompt.prompt";

impl SecretPaths {
    /// Those that some prompt asks for as a password.
    pub fn of(config: &Snapshot, registry: &Registry) -> Self {
        let Some(def) = registry.find(PROMPT) else { return Self::default() };
        let asked = config.of(def).filter(|prompt| prompt.text("type") == PASSWORD);
        Self(asked.map(|prompt| prompt.text("field_key").to_owned()).collect())
    }
}

/// The fields in which two states differ. Fields of a declaration are shown by their own rules; `before` or `after`
/// without a field is null.
pub fn between(before: &Map, after: &Map, secret: &SecretPaths) -> Map {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut out = Map::new();
    for name in names {
        let (old, new) = (before.get(name).unwrap_or(&Json::Null), after.get(name).unwrap_or(&Json::Null));
        if old == new {
            continue;
        }
        let (old, new) = match (old, new) {
            (Json::Object(old), Json::Object(new)) => (only_other(old, new), only_other(new, old)),
            (Json::Object(old), Json::Null) => (Json::Object(old.clone()), Json::Null),
            (Json::Null, Json::Object(new)) => (Json::Null, Json::Object(new.clone())),
            (old, new) => (old.clone(), new.clone()),
        };
        let hidden = secret.0.contains(name.as_str());
        out.insert(name.clone(), changed(shown(old, name, hidden, secret), shown(new, name, hidden, secret)));
    }
    out
}

/// One field of which neither state may be seen.
pub fn masked() -> Json {
    changed(json!(MASK), json!(MASK))
}

/// A secret: whether there was one, and whether there is.
pub fn secret(old: &str, new: &str) -> Json {
    let shown = |text: &str| if text.is_empty() { "" } else { MASK };
    changed(json!(shown(old)), json!(shown(new)))
}

/// One field.
fn changed(old: Json, new: Json) -> Json {
    json!({"previous_value": old, "new_value": new})
}

/// A relation: what came and what went; none where nothing did.
pub fn relation<T: Ord + Copy + serde::Serialize>(before: &[T], after: &[T]) -> Option<Json> {
    let (before, after): (BTreeSet<T>, BTreeSet<T>) =
        (before.iter().copied().collect(), after.iter().copied().collect());
    let (added, removed): (Vec<T>, Vec<T>) =
        (after.difference(&before).copied().collect(), before.difference(&after).copied().collect());
    if added.is_empty() && removed.is_empty() {
        return None;
    }
    let mut out = json!({"add": added.iter().take(MOST).collect::<Vec<_>>(), "remove": removed.iter().take(MOST).collect::<Vec<_>>()});
    if added.len().max(removed.len()) > MOST {
        out["count"] = json!({"add": added.len(), "remove": removed.len()});
    }
    Some(out)
}

/// The members of a dictionary that the other one has not, or has otherwise.
fn only_other(of: &Map, other: &Map) -> Json {
    Json::Object(
        of.iter()
            .filter(|(name, value)| other.get(*name) != Some(value))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect(),
    )
}

/// A value as it may be seen. `path` leads to it.
fn shown(value: Json, path: &str, hidden: bool, secret: &SecretPaths) -> Json {
    let value = mask(value, path, hidden, secret);
    let size = value.to_string().len();
    if size > LARGEST { json!(format!("({size} bytes)")) } else { value }
}

fn mask(value: Json, path: &str, hidden: bool, secret: &SecretPaths) -> Json {
    match value {
        Json::Null => Json::Null,
        _ if hidden => json!(MASK),
        Json::Object(map) => Json::Object(
            map.into_iter()
                .map(|(name, value)| {
                    let path = format!("{path}.{name}");
                    let hidden = is_secret_name(&name) || secret.0.contains(&path);
                    let value = mask(value, &path, hidden, secret);
                    (name, value)
                })
                .collect(),
        ),
        Json::Array(list) => Json::Array(list.into_iter().map(|v| mask(v, path, false, secret)).collect()),
        Json::String(text) if looks_like_a_hash(&text) => json!(MASK),
        Json::String(text) if text.contains("://") => cut(&without_passwords(&text)),
        Json::String(text) => cut(&text),
        other => other,
    }
}

fn cut(text: &str) -> Json {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => json!(format!("{}…", &text[..end])),
        None => json!(text),
    }
}

/// Addresses without what stands before their host: `https://********************@example.test`.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, part) in text.split("://").enumerate() {
        let authority = part.find(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).unwrap_or(part.len());
        let host = part[..authority].rfind('@').filter(|_| n > 0).unwrap_or(0);
        if n > 0 {
            out.push_str("://");
        }
        if host > 0 {
            out.push_str(MASK);
        }
        out.push_str(&part[host..]);
    }
    out
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Hashes of passwords in the forms of crypt, Django and LDAP, and private keys.
fn looks_like_a_hash(text: &str) -> bool {
    let scheme = |start: char, end: char| {
        text.strip_prefix(start).and_then(|rest| rest.split_once(end)).is_some_and(|(name, rest)| {
            (1..=24).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && rest.len() > 8
        })
    };
    hash::is_well_formed(text) || scheme('$', '$') || scheme('{', '}') || text.contains("PRIVATE KEY-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Json) -> Map {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn only_what_differs_is_shown() {
        let before = map(json!({"a": 1, "b": "x", "attributes": {"same": 1, "old": 2, "other": 3}}));
        let after = map(json!({"a": 1, "b": "y", "attributes": {"same": 1, "other": 4, "new": [5]}}));
        let found = Json::Object(between(&before, &after, &SecretPaths::default()));
        let expected = json!({"b": {"previous_value": "x", "new_value": "y"},
            "attributes": {"previous_value": {"old": 2, "other": 3}, "new_value": {"other": 4, "new": [5]}}});
        assert_eq!(found, expected);
        let made = Json::Object(between(&Map::new(), &map(json!({"b": "y"})), &SecretPaths::default()));
        assert_eq!(made, json!({"b": {"previous_value": null, "new_value": "y"}}));
    }
    #[test]
    fn secrets_hashes_and_what_is_called_secret_are_never_shown() {
        let hash = "$2b$12$abcdefghijklmnopqrstuv";
        let after = map(json!({"attributes": {
            "api_key": "hunter2", "deep": [{"Password": "hunter2", "ok": "fine"}], "pin": "hunter2", "legacy": hash,
            "url": "see https://ada:hunter2@example.test/a@b, https://hunter2@example.test", "ldap": "{SSHA}hunter2hunter2", "pem": "-----BEGIN PRIVATE KEY-----hunter2", "settings": {"secretStuff": {"x": "hunter2"}},
        }}));
        let secret = SecretPaths(["attributes.pin".to_owned()].into());
        let text = Json::Object(between(&Map::new(), &after, &secret)).to_string();
        assert!(!text.contains("hunter2") && !text.contains(hash), "{text}");
        assert!(text.contains("fine") && text.contains(MASK), "{text}");
        assert!(text.contains("@example.test/a@b, https://****"), "{text}");
    }
    #[test]
    fn what_is_large_is_not_copied_into_the_log() {
        let long = "x".repeat(5_000);
        let after = map(
            json!({"name": long, "attributes": {"a": "y".repeat(900), "list": vec!["z".repeat(900); 20]}}),
        );
        let found = between(&Map::new(), &after, &SecretPaths::default());
        assert!(Json::Object(found.clone()).to_string().len() < 2 * LARGEST, "{}", Json::Object(found));
    }
    #[test]
    fn relations_tell_what_came_and_what_went() {
        assert_eq!(relation(&[1, 2], &[2, 1]), None);
        assert_eq!(relation(&[1, 2], &[2, 3]), Some(json!({"add": [3], "remove": [1]})));
        let many: Vec<i64> = (0..500).collect();
        let found = relation(&[], &many).unwrap();
        assert_eq!((found["add"].as_array().unwrap().len(), &found["count"]["add"]), (MOST, &json!(500)));
    }
}
