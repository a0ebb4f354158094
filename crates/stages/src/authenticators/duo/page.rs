//! Duo: the page of its set-up.

use super::super::page::instead;
use maud::{Markup, html};
use serde_json::Value;
use signet_pages::form::{FormContext, address, stray_errors, text};
use signet_pages::ui;
use signet_pages::url::safe_image;
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Set up Duo").sentence(html! { "Duo asks on your phone whether it is you." })
}

/// Body of `ak-stage-authenticator-duo`: the activation code; the script asks whether it was used and goes
/// on.
fn body(challenge: &Value, form: &FormContext) -> Markup {
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
