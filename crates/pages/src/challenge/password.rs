//! The password of a known name.

use maud::{Markup, html};
use serde_json::Value;

use crate::flow::Heading;
use crate::form::{FormContext, address, field_error, flag, stray_errors, text};
use crate::ui::{self, Field};
use crate::words;

pub(super) fn heading(_challenge: &Value, form: &FormContext) -> Heading {
    Heading::new("Enter your password").continue_to(form.application)
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
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &["password"])))
            @if !name.is_empty() {
                // Tells password managers whose password this is.
                input class="vh" type="text" name="username" autocomplete="username" value=(name) tabindex="-1"
                    aria-hidden="true" readonly;
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
            (ui::button_primary("Sign in", "Signing in"))
        },
    )
}
