//! An authenticator app: the page of its set-up.

use super::super::page::{grouped, instead};
use maud::{Markup, html};
use serde_json::Value;
use signet_pages::form::{FormContext, field_error, stray_errors, text};
use signet_pages::icons::{Icon, icon_s};
use signet_pages::ui::{self, Field};
use signet_pages::url::{query_value, safe_href};
use signet_pages::words;
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Set up an authenticator app")
        .sentence(html! { "It shows a code that you type after your password." })
}

/// Body of `ak-stage-authenticator-totp`: the key as a picture and as text, then posts `code`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
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
