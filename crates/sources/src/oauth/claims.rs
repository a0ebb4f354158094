//! What the server says, as the engine takes it.
use super::answer::Tokens;
use signet_base::{Json, Map, Span, Timestamp, json};
use signet_core::source::Remote;
use signet_store::source_connections::SourceTokens;

fn text<'a>(claims: &'a Map, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// `email_verified` is a boolean or a word (federation O10): yes, no, or nothing.
fn proof(claims: &Map) -> Option<bool> {
    match claims.get("email_verified") {
        None => None,
        Some(Json::Bool(yes)) => Some(*yes),
        Some(Json::String(word)) => Some(word == "true"),
        Some(_) => Some(false),
    }
}

/// Absent is not empty: without the claim nothing changes (federation O14).
fn groups(claims: &Map) -> Option<Vec<Json>> {
    match claims.get("groups") {
        Some(Json::Array(all)) => Some(all.clone()),
        Some(Json::String(one)) => Some(vec![json!(one)]),
        _ => None,
    }
}

/// From the claims of the ID token (empty in plain OAuth 2.0) and of the userinfo endpoint.
pub(super) fn remote(id: &Map, info: &Map, tokens: &Tokens, client: &str, now: Timestamp) -> Remote {
    let mut all = id.clone();
    all.extend(info.clone());
    // The address and its proof come from the same document.
    let of = if text(info, "email").is_some() { info } else { id };
    let email = text(of, "email").map(|address| (address.to_owned(), proof(of)));
    let mut properties = Map::new();
    let username = text(&all, "preferred_username").or_else(|| text(&all, "nickname"));
    for (name, value) in [
        ("username", username),
        ("name", text(&all, "name")),
        ("email", email.as_ref().map(|(address, _)| address.as_str())),
    ] {
        if let Some(value) = value {
            properties.insert(name.to_owned(), json!(value));
        }
    }
    let subject = text(id, "sub").or_else(|| text(info, "sub")).unwrap_or_default();
    let token =
        json!({"access_token": tokens.access.reveal(), "id_token": tokens.id_token, "token_type": "Bearer"});
    let whole = Json::Object(all.clone());
    Remote {
        identifier: ("sub", subject.to_owned()),
        email,
        properties,
        groups: groups(info).or_else(|| groups(id)),
        authenticated: id.get("auth_time").and_then(Json::as_i64).map(Timestamp::from_secs),
        class: text(id, "acr").map(str::to_owned),
        session: text(id, "sid").map(str::to_owned),
        tokens: SourceTokens { access: tokens.access.clone(), refresh: tokens.refresh.clone() },
        expires: tokens.expires_in.map(|seconds| now.plus(Span::from_secs(seconds))),
        inputs: vec![
            ("info", whole.clone()),
            ("oauth_userinfo", whole),
            ("client", json!({"client_id": client})),
            ("token", token),
        ],
        claims: all.keys().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Json) -> Map {
        value.as_object().cloned().unwrap()
    }
    fn read(id: Json, info: Json) -> Remote {
        let tokens = Tokens { access: "a".into(), refresh: "".into(), id_token: None, expires_in: Some(60) };
        remote(&map(id), &map(info), &tokens, "me", Timestamp::from_secs(100))
    }

    #[test]
    fn federation_o10_only_true_is_true() {
        let of = |proof: Json| {
            read(json!({"sub": "1", "email": "a@x.test", "email_verified": proof}), json!({})).email
        };
        let proven = |yes| Some(("a@x.test".to_owned(), yes));
        assert_eq!(of(json!(true)), proven(Some(true)));
        assert_eq!(of(json!("true")), proven(Some(true)));
        for no in [json!(false), json!("false"), json!("TRUE"), json!(1), json!(0), json!(null)] {
            assert_eq!(of(no.clone()), proven(Some(false)), "{no}");
        }
        assert_eq!(read(json!({"email": "a@x.test"}), json!({})).email, proven(None));
    }
    #[test]
    fn an_address_and_its_proof_are_of_one_document() {
        let id = json!({"sub": "1", "email": "a@x.test", "email_verified": true});
        let mixed = read(id.clone(), json!({"sub": "1", "email": "victim@x.test"}));
        assert_eq!(mixed.email, Some(("victim@x.test".to_owned(), None)));
        assert_eq!(read(id, json!({"sub": "1"})).email, Some(("a@x.test".to_owned(), Some(true))));
    }
    #[test]
    fn federation_o14_absent_groups_are_not_empty_ones() {
        let of = |info: Json| read(json!({"groups": ["id"]}), info).groups;
        assert_eq!(of(json!({"groups": []})), Some(vec![]));
        assert_eq!(of(json!({"groups": "admins"})), Some(vec![json!("admins")]));
        assert_eq!(of(json!({})), Some(vec![json!("id")]), "of the ID token alone");
        assert_eq!(read(json!({}), json!({})).groups, None);
    }
    #[test]
    fn federation_o15_a_person_is_their_subject() {
        let remote =
            read(json!({"sub": "1", "preferred_username": "ada"}), json!({"sub": "1", "nickname": "a"}));
        assert_eq!(remote.identifier, ("sub", "1".to_owned()));
        assert_eq!(Json::Object(remote.properties), json!({"username": "ada"}));
        assert_eq!(remote.expires, Some(Timestamp::from_secs(160)));
    }
}
