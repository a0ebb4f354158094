//! The password of a known name.

use maud::{Markup, html};
use serde_json::Value;

use super::{DELETE, KEEP, flow_title, way_back};
use crate::flow::Heading;
use crate::form::{FormContext, Purpose, address, field_error, flag, stray_errors, text};
use crate::ui::{self, Field};
use crate::words;

pub(super) fn heading(challenge: &Value, form: &FormContext) -> Heading {
    match form.purpose {
        Purpose::Delete => {
            Heading::new(flow_title(challenge, DELETE)).sentence(html! { "Confirm with your password that it is you. You can still keep your account in the next step." })
        }
        Purpose::SetUp => Heading::new("Enter your password").sentence(html! { "Confirm that it is you before you change this." }),
        _ => Heading::new("Enter your password").continue_to(form.application),
    }
}

/// Body of `ak-stage-password`: posts `password`.
#[must_use]
pub fn password(challenge: &Value, form: &FormContext) -> Markup {
    let name = text(challenge, "pending_user");
    let forgotten = address(challenge, "recovery_url").map(|url| ui::link(url, "Forgotten?"));
    let error = field_error(challenge, "password").map(|error| match forgotten {
        Some(_) if error == words::WRONG_PASSWORD => words::WRONG_PASSWORD_OR_RESET,
        _ => error,
    });
    let (act, busy) = if matches!(form.purpose, Purpose::Delete | Purpose::SetUp) {
        ("Continue", "Checking")
    } else {
        ("Sign in", "Signing in")
    };
    let inner = form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &["password"])))
            (super::proof::proof_of_work(challenge))
            @if !name.is_empty() {
                (ui::hidden_username(name))
            }
            (ui::password_field(
                &Field {
                    name: "password",
                    label: "Password",
                    autocomplete: "current-password",
                    error,
                    autofocus: true,
                    ..Field::default()
                },
                flag(challenge, "allow_show_password"),
                forgotten.as_ref(),
            ))
            (ui::button_primary(act, busy))
        },
    );
    html! {
        (inner)
        (way_back(form, if form.purpose == Purpose::Delete { KEEP } else { "Cancel" }))
    }
}
