//! Findings about forms: new passwords, waiting, devices, the first run, words.
use super::{form, shown};
use serde_json::{Value, json};
use signet_pages::FormContext;

#[test]
fn pages_b3_a_new_password_has_a_bar_and_says_what_it_needs() {
    let field = |key: &str| json!({"field_key": key, "type": "password", "label": key, "required": true});
    let prompt =
        json!({"component": "ak-stage-prompt", "fields": [field("password"), field("password_repeat")]});
    let html = shown(&prompt, &FormContext { least_password: 12, ..form() });
    assert_eq!(html.matches("class=\"meter by-script\"").count(), 1);
    assert!(html.contains("data-strength=\"f-password\" data-least=\"12\""));
    assert!(html.contains("id=\"f-password-help\" dir=\"auto\">At least 12 characters, hard to guess.<"));
    // Without a policy nothing is asked for; the password that is there needs no bar.
    assert!(shown(&prompt, &form()).contains("Make it long and hard to guess."));
    assert!(!shown(&json!({"component": "ak-stage-password"}), &form()).contains("meter"));
}

#[test]
fn pages_b11_what_was_just_sent_rests() {
    let mail = json!({"component": "ak-stage-email"});
    let code = json!({"component": "ak-stage-authenticator-email", "email": "a***@b***.test", "email_required": false});
    let text = json!({"component": "ak-stage-authenticator-sms", "phone_number_required": false});
    for challenge in [mail, code, text] {
        let rests = shown(&challenge, &FormContext { resend_wait: 42, ..form() });
        assert!(rests.contains("data-wait=\"42\"") && rests.contains("Send again"), "{challenge}");
        assert!(!shown(&challenge, &form()).contains("data-wait"), "{challenge}");
    }
}

#[test]
fn pages_b23_ways_to_confirm_have_names() {
    let way = |class: &str, challenge: Value| json!({"device_class": class, "device_uid": "1", "challenge": challenge, "last_used": null});
    let step =
        |ways: Vec<Value>| json!({"component": "ak-stage-authenticator-validate", "device_challenges": ways});
    let devices = [("webauthn", "MacBook Pro, YubiKey 5C".to_owned()), ("static", "4 of 6 left".to_owned())];
    let named = FormContext { devices: &devices, help: "help@fernhill.example", ..form() };
    let list = shown(&step(vec![way("webauthn", json!({})), way("static", json!({}))]), &named);
    assert!(
        list.contains("MacBook Pro, YubiKey 5C")
            && list.contains("4 of 6 left")
            && list.contains("None of these work?")
    );
    let alone = shown(&step(vec![way("static", json!({}))]), &named);
    assert!(
        alone.contains("<b><bdi>4 of 6 left</bdi></b>")
            && alone.contains("Lost it?")
            && alone.contains("mailto:")
    );
    // Nothing is known before the person is: the words of the kind.
    assert!(
        shown(&step(vec![way("webauthn", json!({})), way("totp", json!({}))]), &form())
            .contains("Fingerprint, face")
    );
}

#[test]
fn pages_b13_the_first_run_names_the_certificate() {
    let fields = json!([{"field_key": "username", "type": "username", "label": "Username", "required": false, "initial_value": "akadmin"},
        {"field_key": "password", "type": "password", "label": "Password", "required": true}]);
    let first = FormContext {
        address: Some("https://id.corp.test"),
        certificate: Some("TLS certificate from Example CA."),
        ..form()
    };
    let html = shown(&json!({"component": "ak-stage-prompt", "fields": fields}), &first);
    assert!(html.contains("TLS certificate from Example CA. Stop here if this is not your server."));
    assert!(!html.contains("(optional)") && html.contains("Create administrator"));
}

#[test]
fn pages_words_a_wrong_code_of_an_app_was_not_sent() {
    let wrong = |component: &str| {
        json!({"component": component, "config_url": "otpauth://totp/a?secret=ABC", "email_required": false,
        "response_errors": {"code": [{"string": "Code does not match", "code": "invalid"}]}})
    };
    let app = shown(&wrong("ak-stage-authenticator-totp"), &form());
    assert!(app.contains("your app shows now") && !app.contains("sent last"));
    assert!(shown(&wrong("ak-stage-authenticator-email"), &form()).contains("sent last"));
    let second = |class: &str| {
        json!({"component": "ak-stage-authenticator-validate",
        "device_challenges": [{"device_class": class, "device_uid": "1", "challenge": {}, "last_used": null}],
        "response_errors": {"code": [{"string": "Invalid Token. Please ensure the time on your device is accurate and try again.", "code": "invalid"}]}})
    };
    let asked = |class: &str| {
        let chosen = [("chosen_device".to_owned(), format!("{class}:1"))];
        shown(&second(class), &FormContext { values: &chosen, ..form() })
    };
    assert!(asked("totp").contains("your app shows now"));
    for (class, said) in [("static", "or it has been used"), ("sms", "sent last"), ("email", "sent last")] {
        let html = asked(class);
        assert!(html.contains(said) && !html.contains("clock"), "{class}");
    }
}
