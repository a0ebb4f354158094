//! The page of a notice.
use maud::{Markup, html};
use serde_json::Value;
use signet_pages::challenge::flow_title;
use signet_pages::form::{FormContext, field_error, stray_errors, text};
use signet_pages::ui::{self, Field};
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(Heading::new(flow_title(challenge, "Please read")), body(challenge, form))
}

fn body(challenge: &Value, form: &FormContext) -> Markup {
    let agree = Field {
        name: "agree",
        label: text(challenge, "agreement"),
        error: field_error(challenge, "agree"),
        ..Field::default()
    };
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &["agree"])))
            p { (text(challenge, "text")) }
            @if !agree.label.is_empty() { (ui::checkbox(&agree, false)) }
            (ui::button_primary("Continue", "Going on"))
        },
    )
}
