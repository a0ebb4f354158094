//! The password of a known name.

use maud::{Markup, html};
use serde_json::Value;

use signet_pages::challenge::{DELETE, KEEP, flow_title, way_back};
use signet_pages::form::{FormContext, Purpose, address, field_error, flag, stray_errors, text};
use signet_pages::ui::{self, Field};
use signet_pages::words;
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(challenge: &Value, form: &FormContext) -> Heading {
    match form.purpose {
        Purpose::Delete => {
            Heading::new(flow_title(challenge, DELETE)).sentence(html! { "Confirm with your password that it is you. You can still keep your account in the next step." })
        }
        Purpose::SetUp => Heading::new("Enter your password").sentence(html! { "Confirm that it is you before you change this." }),
        _ => Heading::new("Enter your password").continue_to(form.application),
    }
}

/// Body of `ak-stage-password`: posts `password`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
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
            (proof_of_work(challenge))
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

/// Posts `proof_of_work` where the challenge asks for one. Without a script it stays empty: now and then such a password
/// is judged too.
pub(crate) fn proof_of_work(challenge: &Value) -> Markup {
    let Some(work) = challenge.get("proof_of_work").filter(|work| work.is_object()) else {
        return Markup::default();
    };
    html! {
        input type="hidden" name="proof_of_work" value="" data-challenge=(text(work, "challenge")) data-bits=(work["bits"]);
        p class="help" data-part="proof" role="status" hidden { "One moment: your browser computes something first." }
        noscript {
            (ui::notice(
                ui::NoticeKind::Warn,
                "There were many wrong passwords.",
                "They came from your network or were for this name. Without JavaScript, one password is checked every 30 seconds.",
            ))
        }
    }
}
