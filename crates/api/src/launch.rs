//! Launch URLs for the API.
use signet_base::{Json, Map};
use signet_core::{Core, Principal, rows};
use signet_model::{Object, Snapshot};

/// The configured URL with the user's members filled in, else the provider's.
pub(crate) fn url(
    core: &Core,
    config: &Snapshot,
    application: &Object,
    person: Option<&Principal>,
) -> Option<String> {
    let own = application.text("meta_launch_url");
    if !own.is_empty() {
        let members = person.map(|p| members(core, p)).unwrap_or_default();
        return Some(fill(own, &members));
    }
    let provider = application.data.get("provider").and_then(Json::as_i64).and_then(|n| config.by_num(n))?;
    core.families.provider(provider.def)?.launch_url(provider, config)
}

fn members(core: &Core, person: &Principal) -> Map {
    let mut all = rows::partial_user(core, &person.user).as_object().cloned().unwrap_or_default();
    all.insert("uuid".into(), Json::String(person.user.uuid.to_string()));
    all
}

/// Replaces `%(name)s`. A text with an unknown name stays unchanged.
fn fill(text: &str, members: &Map) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("%(") {
        let (before, after) = rest.split_at(at);
        let Some((name, tail)) = after[2..].split_once(")s") else { return text.to_owned() };
        let value = match members.get(name) {
            Some(Json::String(s)) => s.clone(),
            Some(v @ (Json::Number(_) | Json::Bool(_))) => v.to_string(),
            _ => return text.to_owned(),
        };
        out.push_str(before);
        out.push_str(&signet_base::query::encode(&value));
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn members_are_filled_in_and_encoded() {
        let members = json!({"username": "a/b", "pk": 7}).as_object().cloned().unwrap();
        assert_eq!(fill("https://x.test/%(username)s?id=%(pk)s", &members), "https://x.test/a%2Fb?id=7");
        for raw in ["https://x.test/%(nope)s", "https://x.test/%(username", "https://x.test/"] {
            assert_eq!(fill(raw, &members), raw);
        }
    }
}
