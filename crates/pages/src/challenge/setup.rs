//! Setting up ways to confirm: authenticator app, recovery codes, text message, e-mail, Duo.

use maud::{Markup, html};
use serde_json::Value;

use super::cancel_url;
use crate::flow::Heading;
use crate::form::{FormContext, address, field_error, flag, list, stray_errors, text};
use crate::icons::{Icon, icon_s};
use crate::ui::{self, Field, Input};
use crate::url::{query_value, safe_href, safe_image};
use crate::words;

/// The way out without setting anything up.
pub(super) fn instead(challenge: &Value, form: &FormContext) -> Markup {
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

pub(super) fn totp_heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Set up an authenticator app")
        .sentence(html! { "It shows a code that you type after your password." })
}

/// Body of `ak-stage-authenticator-totp`: the key as a picture and as text, then posts `code`.
#[must_use]
pub fn totp(challenge: &Value, form: &FormContext) -> Markup {
    let config = text(challenge, "config_url");
    let secret = query_value(config, "secret").unwrap_or_default();
    let digits = if query_value(config, "digits").as_deref() == Some("8") { 8 } else { 6 };
    // Its set-up answers with the sentence of codes that are sent.
    let error = field_error(challenge, "code")
        .map(|said| if said == words::WRONG_SENT_CODE { words::WRONG_APP_CODE } else { said });
    let field = Field { name: "code", label: "Type the code it shows", error, ..Field::default() };
    html! {
        (form.form(challenge, html! {
            (ui::errors(&stray_errors(challenge, &["code"])))
            ol class="steps" {
                li {
                    p { "Scan this picture with your authenticator app." }
                    @if !config.is_empty() && let Some(drawing) = ui::qr_code(config, "QR code for your authenticator app") { (drawing) }
                    @if !secret.is_empty() {
                        p class="help" { "No camera? Type this key." }
                        div class="row between row--wrap" {
                            code class="key" dir="ltr" { (grouped(&secret)) }
                            button class="btn" type="button" data-copy=(secret) hidden { (icon_s(Icon::Copy)) span data-label { "Copy key" } }
                        }
                    }
                    @if let Some(url) = safe_href(config).filter(|url| url.starts_with("otpauth:")) { a class="tap small" href=(url) { "Open in an app on this device" } }
                }
                li { (ui::code_field(&field, digits)) }
            }
            (ui::button_primary("Turn on", "Checking"))
        }))
        (instead(challenge, form))
    }
}

/// A key in groups of four, as apps show it.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

pub(super) fn codes_heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Save your recovery codes").sentence(
        html! { "Each code lets you in once if you lose your phone or key. Keep them beside another second step: used alone, each sign-in uses one up. We can’t show them again." },
    )
}

/// Body of `ak-stage-authenticator-static`: the codes once, to copy, save or print.
#[must_use]
pub fn recovery_codes(challenge: &Value, form: &FormContext) -> Markup {
    let codes: Vec<&str> = list(challenge, "codes").iter().filter_map(Value::as_str).collect();
    let together = codes.iter().map(|code| in_fours(code)).collect::<Vec<_>>().join("\n");
    let inner = form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &[])))
            ol class="codes" dir="ltr" { @for code in &codes { li { code { (in_fours(code)) } } } }
            div class="three" data-tools hidden {
                button class="btn" type="button" data-copy=(together) { (icon_s(Icon::Copy)) span data-label { "Copy" } }
                button class="btn" type="button" data-save=(together) data-file="recovery-codes.txt" { (icon_s(Icon::Download)) "Save" }
                button class="btn" type="button" data-print { (icon_s(Icon::Print)) "Print" }
            }
            // Not sent: it only keeps the hand from going on too quickly.
            label class="check check--l" { input type="checkbox" required; span { "I have stored these codes safely" } }
            (ui::button_primary("Continue", "Going on"))
        },
    );
    html! {
        (inner)
        (instead(challenge, form))
    }
}

/// A recovery code in groups of four, as it can be read and typed.
fn in_fours(code: &str) -> String {
    grouped(code).replace(' ', "-")
}

pub(super) fn sms_heading(challenge: &Value, _form: &FormContext) -> Heading {
    if flag(challenge, "phone_number_required") {
        Heading::new("Set up text messages")
            .sentence(html! { "We send a code to your phone when you sign in." })
    } else {
        Heading::new("Enter the code we sent").sentence(html! { "A text message with a code is on its way." })
    }
}

/// Body of `ak-stage-authenticator-sms`: posts `phone_number`, then `code`.
#[must_use]
pub fn sms(challenge: &Value, form: &FormContext) -> Markup {
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

pub(super) fn email_heading(challenge: &Value, _form: &FormContext) -> Heading {
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
#[must_use]
pub fn email(challenge: &Value, form: &FormContext) -> Markup {
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

fn address_then_code(challenge: &Value, form: &FormContext, ask: Option<&Field>, field: &str) -> Markup {
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

pub(super) fn duo_heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Set up Duo").sentence(html! { "Duo asks on your phone whether it is you." })
}

/// Body of `ak-stage-authenticator-duo`: the activation code; the script asks whether it was used and goes
/// on.
#[must_use]
pub fn duo(challenge: &Value, form: &FormContext) -> Markup {
    let stage = text(challenge, "stage_uuid");
    let plain = !stage.is_empty() && stage.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let status = plain.then(|| format!("/api/v3/stages/authenticator/duo/{stage}/enrollment_status/"));
    let code = text(challenge, "activation_code");
    html! {
        (form.form(challenge, html! {
            (ui::errors(&stray_errors(challenge, &[])))
            div class="form" data-duo=[status.as_deref()] {
                ol class="steps" {
                    li {
                        p { "Open Duo Mobile and scan this picture." }
                        @if let Some(url) = safe_image(text(challenge, "activation_barcode")) {
                            div class="qr" { img src=(url) alt="QR code for Duo Mobile" width="200" height="200" referrerpolicy="no-referrer"; }
                        }
                        @if let Some(url) = address(challenge, "activation_code").filter(|url| url.starts_with("https:") || url.starts_with("duo:")) {
                            a class="tap small" href=(url) { "Open Duo Mobile on this device" }
                        } @else if !code.is_empty() {
                            code class="key" dir="ltr" { (code) }
                        }
                    }
                    li { p { "When the app shows your account, go on." } }
                }
                p class="row small muted waiting" role="status" data-part="waiting" hidden { span class="spin" aria-hidden="true" {} "Waiting for Duo…" }
            }
            (ui::button_primary("Continue", "Checking"))
        }))
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
