//! Codes by text message: the page of its set-up.

use super::super::page::address_then_code;
use maud::{Markup, html};
use serde_json::Value;
use signet_pages::form::{FormContext, field_error, flag};
use signet_pages::ui::{Field, Input};
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(challenge: &Value, _form: &FormContext) -> Heading {
    if flag(challenge, "phone_number_required") {
        Heading::new("Set up text messages")
            .sentence(html! { "We send a code to your phone when you sign in." })
    } else {
        Heading::new("Enter the code we sent").sentence(html! { "A text message with a code is on its way." })
    }
}

/// Body of `ak-stage-authenticator-sms`: posts `phone_number`, then `code`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let phone = Field {
        name: "phone_number",
        label: "Phone number",
        kind: Input::Phone,
        value: form.value("phone_number").unwrap_or_default(),
        autocomplete: "tel",
        placeholder: "+49 151 23456789",
        error: field_error(challenge, "phone_number"),
        help: Some("With the code of your country, such as +49."),
        autofocus: true,
        ..Field::default()
    };
    address_then_code(
        challenge,
        form,
        flag(challenge, "phone_number_required").then_some(&phone),
        "phone_number",
    )
}
