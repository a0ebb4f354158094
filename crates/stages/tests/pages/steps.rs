//! The second-factor page, and responses that are not errors.

use crate::challenge_body;
use serde_json::{Value, json};
use signet_pages::FormContext;
use signet_pages::form::CHOSEN;

#[test]
fn the_second_step_shows_what_was_chosen() {
    let way = |class: &str, uid: &str, used: Value| json!({"device_class": class, "device_uid": uid, "challenge": {}, "last_used": used});
    let body = |ways: Vec<Value>, chosen: Option<&str>| {
        let values: Vec<(String, String)> =
            chosen.map(|key| (CHOSEN.to_owned(), key.to_owned())).into_iter().collect();
        let form = FormContext { values: &values, ..FormContext::new("/x", "c") };
        challenge_body(
            "ak-stage-authenticator-validate",
            &json!({"component": "ak-stage-authenticator-validate", "device_challenges": ways}),
            &form,
        )
        .unwrap()
        .into_string()
    };
    let two = || vec![way("totp", "1", Value::Null), way("sms", "2", Value::Null)];
    // Several and none used before: the list. The only one: its form, without a way back to a list of one.
    assert!(body(two(), None).contains("class=\"choice\""));
    let one = body(vec![way("totp", "1", Value::Null)], None);
    assert!(one.contains("name=\"code\"") && !one.contains("Try another way"));
    // Chosen: the form, with a way back. What is no way of this step counts as nothing.
    let chosen = body(two(), Some("totp:1"));
    assert!(chosen.contains("name=\"code\"") && chosen.contains("Try another way"));
    assert!(body(two(), Some("totp:99")).contains("class=\"choice\""));
    // The last one used comes first, unless the list was asked for.
    let last = || {
        vec![
            way("totp", "1", json!("2026-01-01T00:00:00Z")),
            way("static", "2", json!("2026-02-01T00:00:00Z")),
        ]
    };
    assert!(body(last(), None).contains("Recovery code"));
    assert!(body(last(), Some("")).contains("class=\"choice\""));
    // A code is typed after it was sent.
    assert!(!body(vec![way("sms", "2", Value::Null)], None).contains("name=\"code\""));
    assert!(body(vec![way("sms", "2", Value::Null)], Some("sms:2")).contains("name=\"code\""));
}

#[test]
fn a_mail_sent_again_is_no_error() {
    let sent = json!({"component": "ak-stage-email", "response_errors": {"non_field_errors": [{"string": "email-sent", "code": "email-sent"}]}});
    let html = challenge_body("ak-stage-email", &sent, &FormContext::new("/x", "c")).unwrap().into_string();
    assert!(html.contains("notice--ok") && !html.contains("notice--danger"));
    let wrong = json!({"component": "ak-stage-email", "response_errors": {"non_field_errors": [{"string": "Too many.", "code": "x"}]}});
    let html = challenge_body("ak-stage-email", &wrong, &FormContext::new("/x", "c")).unwrap().into_string();
    assert!(html.contains("notice--danger") && html.contains("Too many."));
}

#[test]
fn choosing_a_device_is_no_error() {
    let chosen = json!({"component": "ak-stage-authenticator-validate", "device_challenges": [{"device_class": "totp", "device_uid": "1", "challenge": {}}],
        "response_errors": {"non_field_errors": [{"string": "Empty response", "code": "invalid"}]}});
    let html = challenge_body("ak-stage-authenticator-validate", &chosen, &FormContext::new("/x", "c"))
        .unwrap()
        .into_string();
    assert!(!html.contains("Empty response") && !html.contains("notice--danger"));
}
