//! Passkeys: the ceremony of the browser (Web Authentication) around an ordinary form.
//!
//! The script reads the options from `data-options`, asks the browser, puts the credential as JSON into the
//! hidden field and sends the form. Without script there is no such ceremony: the page says so and offers
//! another way.

use maud::{Markup, html};
use serde_json::Value;

use crate::authenticators::page::instead;
use signet_pages::form::{FormContext, field_errors, stray_errors};
use signet_pages::icons::{Icon, icon_l};
use signet_pages::ui;
use signet_pages::{Heading, StagePage};

pub(crate) const FAILED: &str = "Your passkey was not confirmed.";
pub(crate) const WHY: &str =
    "The request timed out or was cancelled. Unlock your device or plug in your key, then try again.";

/// One ceremony.
pub(crate) struct Ceremony<'a> {
    /// `get` (sign in) or `create` (set up).
    pub kind: &'static str,
    /// The options of the browser's call, as JSON.
    pub options: &'a Value,
    /// The member that the answer is sent as.
    pub field: &'static str,
    /// Words of the button, at first and after a failure.
    pub button: &'static str,
    /// The page has another way, so the words may offer it.
    pub elsewhere: bool,
    /// What stands in the hidden fields beside: name and value.
    pub keep: Option<(&'static str, &'a str)>,
}

/// The form of a ceremony: seal, state, button.
pub(crate) fn ceremony(challenge: &Value, form: &FormContext, it: &Ceremony) -> Markup {
    let errors = field_errors(challenge, it.field);
    // After an error the person starts it: a window that opens again at once would hide what went wrong.
    let by_itself = it.kind == "get" && errors.is_empty() && stray_errors(challenge, &[]).is_empty();
    let inner = html! {
        (ui::hidden(it.field, ""))
        @if let Some((name, value)) = it.keep { (ui::hidden(name, value)) }
        div class="seal" aria-hidden="true" { i {} i {} (icon_l(Icon::Passkey)) }
        (ui::errors(&errors))
        (ui::errors(&stray_errors(challenge, &[it.field, "code", "selected_challenge"])))
        (ui::hidden_notice("failed", FAILED, WHY))
        p class="row small muted waiting" role="status" data-part="waiting" hidden { span class="spin" aria-hidden="true" {} "Waiting for your browser…" }
        (ui::without_script(if it.elsewhere { "Turn it on and reload this page, or choose another way." } else { "Turn it on and reload this page." }))
        button class="btn btn--primary btn--l btn--block" type="button" data-part="go" hidden { span data-label { (it.button) } }
    };
    let inner = html! {
        div class="form" data-passkey=(it.kind) data-options=(it.options) data-field=(it.field) data-auto[by_itself] { (inner) }
    };
    form.form(challenge, inner)
}

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Create a passkey")
        .sentence(html! { "Next time you confirm with your fingerprint, face, screen lock or security key." })
}

/// Body of `ak-stage-authenticator-webauthn`: posts `response`, the new credential.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let none = Value::Null;
    let options = challenge.get("registration").unwrap_or(&none);
    html! {
        (ceremony(challenge, form, &Ceremony { kind: "create", options, field: "response", button: "Create passkey", elsewhere: false, keep: None }))
        (instead(challenge, form))
    }
}
