//! Recovery codes, shown once: the page of its set-up.

use super::super::page::{in_fours, instead};
use maud::{Markup, html};
use serde_json::Value;
use signet_pages::form::{FormContext, list, stray_errors};
use signet_pages::icons::{Icon, icon_s};
use signet_pages::ui;
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(_challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new("Save your recovery codes").sentence(
        html! { "Each code lets you in once if you lose your phone or key. Keep them beside another second step: used alone, each sign-in uses one up. We can’t show them again." },
    )
}

/// Body of `ak-stage-authenticator-static`: the codes once, to copy, save or print.
fn body(challenge: &Value, form: &FormContext) -> Markup {
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
