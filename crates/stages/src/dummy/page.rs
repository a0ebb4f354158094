//! The page of a stage that only waits.

use maud::{Markup, html};
use serde_json::Value;
use signet_pages::challenge::flow_title;
use signet_pages::form::{FormContext, stray_errors, text};
use signet_pages::{Heading, StagePage, ui};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(challenge: &Value, _form: &FormContext) -> Heading {
    let name = text(challenge, "name");
    let heading = Heading::new(flow_title(challenge, "Test step"));
    if name.is_empty() { heading } else { heading.sentence(html! { "Stage " b { bdi { (name) } } }) }
}

/// Body of `ak-stage-dummy`: a button to go on.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &[])))
            p class="muted" { "This step does nothing. It is there to try a flow." }
            (ui::button_primary("Continue", "Going on"))
        },
    )
}
