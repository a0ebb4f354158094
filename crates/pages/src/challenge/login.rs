//! Staying signed in, and the stage that only waits.

use maud::{Markup, html};
use serde_json::Value;

use super::flow_title;
use crate::flow::Heading;
use crate::form::{FormContext, stray_errors, text};
use crate::ui;

pub(super) fn heading(_challenge: &Value, form: &FormContext) -> Heading {
    let time = form.value("stays_for").filter(|time| !time.is_empty());
    Heading::new("Stay signed in?")
        .sentence(html! { @if let Some(time) = time { "For " (time) " more. " } "On your own device this saves you signing in again. On a shared one, say no." })
}

/// Body of `ak-stage-user-login`: posts `remember_me` as `true` or `false`.
#[must_use]
pub fn user_login(challenge: &Value, form: &FormContext) -> Markup {
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

pub(super) fn dummy_heading(challenge: &Value, _form: &FormContext) -> Heading {
    let name = text(challenge, "name");
    let heading = Heading::new(flow_title(challenge, "Test step"));
    if name.is_empty() { heading } else { heading.sentence(html! { "Stage " b { bdi { (name) } } }) }
}

/// Body of `ak-stage-dummy`: a button to go on.
#[must_use]
pub fn dummy(challenge: &Value, form: &FormContext) -> Markup {
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &[])))
            p class="muted" { "This step does nothing. It is there to try a flow." }
            (ui::button_primary("Continue", "Going on"))
        },
    )
}
