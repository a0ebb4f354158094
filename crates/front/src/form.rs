//! Converts form posts to the types of the JSON API. Form values are strings.
use crate::edge::Edge;
use signet_base::{Json, Map, Span, Timestamp, json};
use signet_core::flow::Key;
use signet_pages::form::CHOSEN;

const VALIDATE: &str = "ak-stage-authenticator-validate";

/// The device chosen on the second-factor page (`class:uid`; empty: the list was requested). It selects what
/// the page shows; the stage validates the answer itself.
const CHOSEN_DEVICE: Key<String> = Key::new("goauthentik.io/pages/chosen_device");

/// The last message sent by the current stage: component and time. Only pages read it.
const MESSAGE_AT: Key<(String, Timestamp)> = Key::new("goauthentik.io/pages/message_at");
/// Seconds between two messages.
const RESEND_AFTER: i64 = 60;

/// One form post.
pub struct FormPost {
    /// The answer for the stage.
    pub answer: Map,
    /// The values to show again beside an error; secrets excluded.
    pub typed: Vec<(String, String)>,
    /// The device chosen by this post.
    pub chosen: Option<String>,
    /// The post only changes the view; there is no answer to evaluate.
    pub view_only: bool,
}

/// Converts the members of a form by the component it answers. A value that does not parse stays a string,
/// which the stage refuses.
pub fn read(mut answer: Map) -> FormPost {
    let component = answer.get("component").and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut chosen = None;
    let mut view_only = false;
    match component.as_str() {
        VALIDATE => {
            chosen = answer.remove(CHOSEN).and_then(|key| key.as_str().map(str::to_owned));
            if answer.get("selected_challenge").and_then(Json::as_str) == Some("") {
                answer.remove("selected_challenge");
                chosen = Some(String::new());
                view_only = true;
            }
            object(&mut answer, "selected_challenge");
            if let Some(picked) = answer.get("selected_challenge").filter(|picked| picked.is_object()) {
                chosen = Some(format!("{}:{}", word(picked, "device_class"), word(picked, "device_uid")));
            }
            object(&mut answer, "webauthn");
            if let Some(value) = answer.get_mut("duo")
                && let Some(number) = value.as_str().and_then(|text| text.parse::<i64>().ok())
            {
                *value = json!(number);
            }
        }
        "ak-stage-identification" => object(&mut answer, "passkey"),
        "ak-stage-authenticator-webauthn" => object(&mut answer, "response"),
        "ak-stage-user-login" => {
            if let Some(value) = answer.get_mut("remember_me").filter(|value| value.is_string()) {
                *value = Json::Bool(matches!(value.as_str(), Some("true" | "on" | "1" | "yes")));
            }
        }
        _ => {}
    }
    let typed = answer.iter().filter(|(name, _)| {
        !name.contains("password") && !name.contains("token") && *name != "proof_of_work" && *name != "code"
    });
    let typed = typed.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    FormPost { answer, typed, chosen, view_only }
}

/// Whether an answer requests a message (mail or text message).
fn requests_message(component: &str, answer: &Map) -> bool {
    match component {
        "ak-stage-email" => true,
        "ak-stage-authenticator-email" | "ak-stage-authenticator-sms" => !answer.contains_key("code"),
        VALIDATE => answer
            .get("selected_challenge")
            .is_some_and(|picked| matches!(word(picked, "device_class").as_str(), "sms" | "email")),
        _ => false,
    }
}

/// Whether showing the challenge has sent a message.
fn sends_when_shown(challenge: &Json) -> bool {
    let is_false = |member: &str| challenge.get(member) == Some(&Json::Bool(false));
    match challenge.get("component").and_then(Json::as_str) {
        Some("ak-stage-email") => true,
        Some("ak-stage-authenticator-email") => is_false("email_required"),
        Some("ak-stage-authenticator-sms") => is_false("phone_number_required"),
        _ => false,
    }
}

/// Stores the time of the message that an answer requested, unless the reply refuses it.
pub fn note_message(edge: &mut Edge, answer: &Map, reply: &Map) {
    let component = answer.get("component").and_then(Json::as_str).unwrap_or_default();
    let errors = reply.get("response_errors").and_then(Json::as_object);
    let mut errors = errors.into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
    let refused = errors.any(|e| e["code"] != "email-sent" && e["string"] != "Empty response");
    let is_open = reply.get("component").and_then(Json::as_str) == Some(component);
    if requests_message(component, answer) && is_open && !refused {
        store_message(edge, component);
    }
}

fn store_message(edge: &mut Edge, component: &str) {
    let now = edge.core.now();
    if let Some(plan) = edge.session.state.plan.as_mut() {
        plan.context.set(&MESSAGE_AT, (component.to_owned(), now));
        edge.session.touch();
    }
}

/// Seconds until the page offers to send the message again.
pub fn resend_wait(edge: &mut Edge, challenge: &Json) -> i64 {
    let component = challenge.get("component").and_then(Json::as_str).unwrap_or_default();
    let sent_at = |edge: &Edge| {
        let plan = edge.session.state.plan.as_ref()?;
        plan.context.get(&MESSAGE_AT).filter(|(of, _)| of == component).map(|(_, at)| at)
    };
    if sent_at(edge).is_none() && sends_when_shown(challenge) {
        store_message(edge, component);
    }
    let left = sent_at(edge).map(|at| at.plus(Span::from_secs(RESEND_AFTER)).secs() - edge.core.now().secs());
    left.map_or(0, |left| left.clamp(0, RESEND_AFTER))
}

/// Parses JSON in a field; removes an empty field.
fn object(answer: &mut Map, name: &str) {
    let Some(text) = answer.get(name).and_then(Json::as_str) else { return };
    if text.is_empty() {
        answer.remove(name);
    } else if let Ok(value @ Json::Object(_)) = serde_json::from_str::<Json>(text) {
        answer.insert(name.to_owned(), value);
    }
}

fn word(value: &Json, name: &str) -> String {
    match value.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Stores the chosen device in the run.
pub fn keep(context: &mut signet_core::flow::Context, chosen: &str) {
    context.set(&CHOSEN_DEVICE, chosen.to_owned());
}

/// Adds the stored device to the page's values; clears it when the run has moved to another component.
pub fn recall(context: &mut signet_core::flow::Context, challenge: &Json, typed: &mut Vec<(String, String)>) {
    if challenge.get("component").and_then(Json::as_str) != Some(VALIDATE) {
        context.remove(&CHOSEN_DEVICE);
    } else if let Some(key) = context.get(&CHOSEN_DEVICE) {
        typed.push((CHOSEN.to_owned(), key));
    }
}

/// Whether the only "error" is that a device was chosen and no answer given yet.
pub fn only_chosen(challenge: &Map) -> bool {
    let Some(errors) = challenge.get("response_errors").and_then(Json::as_object) else { return false };
    let empty = |list: &Json| {
        list.as_array().is_some_and(|list| {
            !list.is_empty()
                && list.iter().all(|e| e.get("string").and_then(Json::as_str) == Some("Empty response"))
        })
    };
    challenge.get("component").and_then(Json::as_str) == Some(VALIDATE)
        && errors.len() == 1
        && errors.get("non_field_errors").is_some_and(empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(value: Json) -> FormPost {
        let Json::Object(map) = value else { panic!("an object") };
        read(map)
    }

    #[test]
    fn words_become_what_programs_send() {
        let picked = sent(
            json!({"component": VALIDATE, "selected_challenge": "{\"device_class\":\"sms\",\"device_uid\":\"3\"}", "duo": "7", "webauthn": ""}),
        );
        assert_eq!(picked.answer["selected_challenge"]["device_class"], "sms");
        assert_eq!(picked.answer["duo"], 7);
        assert!(!picked.answer.contains_key("webauthn") && !picked.view_only);
        assert_eq!(picked.chosen.as_deref(), Some("sms:3"));
        let all = sent(json!({"component": VALIDATE, "selected_challenge": ""}));
        assert!(
            all.view_only
                && all.chosen.as_deref() == Some("")
                && !all.answer.contains_key("selected_challenge")
        );
        let code = sent(json!({"component": VALIDATE, "chosen_device": "totp:1", "code": "123456"}));
        assert!(
            code.typed.iter().all(|(name, _)| name != "code") && !code.answer.contains_key("chosen_device")
        );
        assert_eq!(code.chosen.as_deref(), Some("totp:1"));
        assert_eq!(
            sent(json!({"component": "ak-stage-identification", "passkey": "{\"id\":\"x\"}"})).answer["passkey"]
                ["id"],
            "x"
        );
        assert_eq!(
            sent(json!({"component": "ak-stage-user-login", "remember_me": "true"})).answer["remember_me"],
            true
        );
    }

    #[test]
    fn what_is_no_such_type_stays_a_word_and_other_forms_are_left_alone() {
        for text in ["{", "[1]", "null", "3"] {
            assert_eq!(sent(json!({"component": VALIDATE, "webauthn": text})).answer["webauthn"], text);
        }
        assert_eq!(sent(json!({"component": VALIDATE, "duo": "x"})).answer["duo"], "x");
        assert_eq!(sent(json!({"component": "ak-stage-prompt", "response": "{}"})).answer["response"], "{}");
        assert!(sent(json!({})).answer.is_empty());
    }

    #[test]
    fn a_choice_alone_is_no_error() {
        let of = |errors: Json| {
            json!({"component": VALIDATE, "response_errors": errors}).as_object().cloned().unwrap_or_default()
        };
        assert!(only_chosen(&of(
            json!({"non_field_errors": [{"string": "Empty response", "code": "invalid"}]})
        )));
        assert!(!only_chosen(&of(json!({"non_field_errors": [{"string": "Other", "code": "invalid"}]}))));
        assert!(!only_chosen(&of(json!({"code": [{"string": "Empty response", "code": "invalid"}]}))));
    }
}
