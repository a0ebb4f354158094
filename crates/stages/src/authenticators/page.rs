//! What the pages of several set-ups have.

use maud::{Markup, html};
use serde_json::Value;

use signet_pages::form::{FormContext, cancel_url, field_error, stray_errors};
use signet_pages::ui::{self, Field};

/// The way out without setting anything up.
pub(crate) fn instead(challenge: &Value, form: &FormContext) -> Markup {
    ui::other_ways(
        "Other ways",
        &form
            .back_url
            .or_else(|| cancel_url(challenge))
            .map(|url| (url, "Not now"))
            .into_iter()
            .collect::<Vec<_>>(),
    )
}

/// A key in groups of four, as apps show it.
pub(super) fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// A recovery code in groups of four, as it can be read and typed.
pub(super) fn in_fours(code: &str) -> String {
    grouped(code).replace(' ', "-")
}

pub(super) fn address_then_code(
    challenge: &Value,
    form: &FormContext,
    ask: Option<&Field>,
    field: &str,
) -> Markup {
    html! {
        @if let Some(ask) = ask {
            (form.form(challenge, html! {
                (ui::errors(&stray_errors(challenge, &[ask.name])))
                (ui::field(ask))
                (ui::button_primary("Send the code", "Sending"))
            }))
        } @else {
            (form.form(challenge, html! {
                (ui::errors(&stray_errors(challenge, &["code"])))
                (ui::code_field(&Field { name: "code", label: "One‑time code", error: field_error(challenge, "code"), autofocus: true, ..Field::default() }, 6))
                (ui::button_primary("Turn on", "Checking"))
            }))
            // A post without a code asks for another one.
            (form.form(challenge, html! {
                (ui::hidden(field, ""))
                (ui::button_again("btn btn--quiet btn--block", "Send again", None, form.resend_wait))
            }))
        }
        (instead(challenge, form))
    }
}

#[cfg(test)]
mod tests {
    use super::{grouped, in_fours};

    #[test]
    fn keys_are_shown_in_groups() {
        assert_eq!(grouped("ABCDEFGHIJ"), "ABCD EFGH IJ");
        assert_eq!(grouped(""), "");
        assert_eq!(in_fours("67ter4cudqut"), "67te-r4cu-dqut");
    }
}
