//! A check by a service of somebody else that this is no program.

use maud::{Markup, html};
use serde_json::Value;

use signet_pages::form::{FormContext, field_errors, flag, stray_errors, text};
use signet_pages::ui;
use signet_pages::url::origin;
use signet_pages::{Heading, PagePolicy, StagePage};

/// What the script of a captcha needs.
pub(crate) fn policy(challenge: &Value) -> PagePolicy {
    PagePolicy { captcha: origin(text(challenge, "js_url")).map(str::to_owned), ..PagePolicy::default() }
}

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form)).without_person().policy(policy(challenge))
}

fn heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("One quick check").sentence(html! { "This stops automated sign-in attempts." })
}

/// Body of `ak-stage-captcha`: posts `token`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    form.form(
        challenge,
        html! {
            (ui::errors(&field_errors(challenge, "token")))
            (ui::errors(&stray_errors(challenge, &["token"])))
            (widget(challenge, form, "token", true))
        },
    )
}

/// The box that the service's script fills. `field` takes the answer; `sends` when the form goes as soon as
/// it is there.
pub(crate) fn widget(challenge: &Value, form: &FormContext, field: &'static str, sends: bool) -> Markup {
    let url = text(challenge, "js_url");
    html! {
        (ui::hidden(field, ""))
        @match origin(url) {
            Some(host) => {
                div class="stack-2" data-captcha=(url) data-site-key=(text(challenge, "site_key")) data-interactive[flag(challenge, "interactive")] data-field=(field)
                    data-sends[sends] {
                    div class="cap" role="status" data-part="waiting" {
                        span class="spin spin--l" aria-hidden="true" {}
                        span { b class="strong" { "Checking your browser" } br; span class="small muted" { "Usually two or three seconds" } }
                    }
                    div class="cap__box" data-part="box" hidden {}
                    (ui::hidden_notice("failed", "The check did not load.", "Reload this page to try again."))
                    p class="help" { "Check not loading? Allow scripts from " code { (host) } " and reload this page." }
                }
                (ui::without_script("Turn it on and reload this page."))
            }
            None => (ui::notice(ui::NoticeKind::Danger, "The check is not set up.", html! { "Its address is missing. Tell " (form.help_desk()) "." })),
        }
    }
}
