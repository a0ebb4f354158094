//! Codes by e-mail: the page of its set-up.

use super::super::page::address_then_code;
use maud::{Markup, html};
use serde_json::Value;
use signet_pages::form::{FormContext, field_error, flag, text};
use signet_pages::ui::{Field, Input};
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(challenge: &Value, _form: &FormContext) -> Heading {
    if flag(challenge, "email_required") {
        return Heading::new("Set up codes by e-mail")
            .sentence(html! { "We send a code to your mailbox when you sign in." });
    }
    let to = text(challenge, "email");
    Heading::new("Enter the code we sent").sentence(
        html! { "A mail with a code is on its way" @if !to.is_empty() { " to " b { bdi { (to) } } } "." },
    )
}

/// Body of `ak-stage-authenticator-email`: posts `email`, then `code`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let mailbox = Field {
        name: "email",
        label: "E-mail",
        kind: Input::Email,
        value: form.value("email").unwrap_or_else(|| text(challenge, "email")),
        autocomplete: "email",
        error: field_error(challenge, "email"),
        autofocus: true,
        ..Field::default()
    };
    address_then_code(challenge, form, flag(challenge, "email_required").then_some(&mailbox), "email")
}
