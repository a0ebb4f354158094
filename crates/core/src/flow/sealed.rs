//! Encryption of stored runs. Between stages a plan contains typed passwords and secrets of devices, so it is
//! encrypted before the session is written, and decrypted when it is read.
use signet_base::{Json, Result, Secret, Vault};

/// The encrypted parts of a session's state: the plan's context and initial context, the request it is about, its last page
/// (may contain codes), typed values, the inspector's history, the entry query (may contain invitations), parked runs,
/// answers of protocols.
const PLACES: [&str; 9] = [
    "/plan/context",
    "/plan/given",
    "/plan/authorization",
    "/plan/over",
    "/plan/refused",
    "/history",
    "/query",
    "/waiting",
    "/answers",
];

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Object(map) => map.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::String(text) => text.is_empty(),
        Json::Null => true,
        _ => false,
    }
}

/// Encrypts the state of the session row with this id.
pub fn seal(vault: &Vault, row: &str, mut state: Json) -> Result<Json> {
    for place in PLACES {
        if let Some(value) = state.pointer_mut(place).filter(|v| !is_empty(v)) {
            *value = Json::String(vault.seal(("session", row, place), &Secret::new(value.to_string()))?);
        }
    }
    Ok(state)
}

/// Decrypts what `seal` encrypted for the same row. A part that does not decrypt is dropped: the plan with
/// its context, or the history.
pub fn open(vault: &Vault, row: &str, mut state: Json) -> Json {
    for place in PLACES {
        let Some(value) = state.pointer_mut(place) else { continue };
        let Json::String(sealed) = &*value else { continue };
        let opened = vault
            .open(("session", row, place), sealed)
            .ok()
            .and_then(|text| serde_json::from_str(text.reveal()).ok());
        match opened {
            Some(opened) => *value = opened,
            None => {
                tracing::warn!(place, "a part of a session does not open; it is left out");
                if let (Json::Object(all), Some(member)) = (&mut state, place.split('/').nth(1)) {
                    all.remove(member);
                }
            }
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::{Ports, json};

    #[test]
    fn what_people_typed_is_readable_only_at_its_row() {
        let vault = Vault::new(&"k".into(), Ports::system()).unwrap();
        let state = json!({"plan": {"flow": "f", "context": {"prompt_data": {"password": "typed-by-alice"}}}, "history": [{"context": {"x": 1}}], "query": "next=/"});
        let sealed = seal(&vault, "row", state.clone()).unwrap();
        let text = sealed.to_string();
        assert!(
            !text.contains("typed-by-alice") && !text.contains("prompt_data") && !text.contains("next=/"),
            "{text}"
        );
        assert_eq!(open(&vault, "row", sealed.clone()), state);
        // In another row, or modified: encrypted parts are dropped, the rest of the session stays.
        assert_eq!(open(&vault, "other", sealed), json!({}));
        let forged = json!({"plan": {"flow": "f", "context": "v1:AAAA"}, "browser_only": true});
        assert_eq!(open(&vault, "row", forged), json!({"browser_only": true}));
    }
    #[test]
    fn a_session_without_a_run_is_written_as_it_is() {
        let vault = Vault::new(&"k".into(), Ports::system()).unwrap();
        for state in [json!({}), json!({"plan": null}), json!({"plan": {"context": {}}, "history": []})] {
            assert_eq!(seal(&vault, "row", state.clone()).unwrap(), state);
            assert_eq!(open(&vault, "row", state.clone()), state);
        }
    }
}
