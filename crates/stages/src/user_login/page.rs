//! Staying signed in, and the stage that only waits.

use maud::{Markup, html};
use serde_json::Value;

use signet_pages::form::{FormContext, stray_errors};
use signet_pages::ui;
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(_challenge: &Value, form: &FormContext) -> Heading {
    let time = form.value("stays_for").filter(|time| !time.is_empty());
    Heading::new("Stay signed in?")
        .sentence(html! { @if let Some(time) = time { "For " (time) " more. " } "On your own device this saves you signing in again. On a shared one, say no." })
}

/// Body of `ak-stage-user-login`: posts `remember_me` as `true` or `false`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &[])))
            div class="stack-2" {
                button class="btn btn--primary btn--l btn--block" type="submit" name="remember_me" value="true" data-busy="Signing in" {
                    span data-label { "Yes, stay signed in" }
                }
                (ui::button_secondary("No", "remember_me", "false"))
            }
        },
    )
}
