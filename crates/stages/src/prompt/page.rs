//! Fields that an administrator put together: the page.

use maud::{Markup, html};
use serde_json::Value;
use signet_pages::challenge::{KEEP, flow_title, way_back};
use signet_pages::form::{FormContext, Purpose, list, text};
use signet_pages::icons::{Icon, icon_s};
use signet_pages::{Heading, StagePage};
use signet_pages::{can_be_typed, prompt_form, ui};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(challenge: &Value, form: &FormContext) -> Heading {
    // The delivered title of the first run is that of the sign-in flow; a first step that asks for details is
    // not one.
    let title = match flow_title(challenge, "A few details") {
        "Sign in" => "Create the first administrator",
        title => title,
    };
    Heading::new(title).continue_to(form.application)
}

/// Body of `ak-stage-prompt`: posts one member per `field_key`. A box that is not ticked sends nothing.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let fields = list(challenge, "fields");
    let nothing_to_type = !fields.iter().any(can_be_typed);
    let new_password = fields.iter().any(|field| text(field, "type") == "password");
    let (act, busy) = button(form.purpose, new_password, form.address.is_some());
    html! {
        (prompt_form(challenge, form, true, html! {
            @if form.purpose == Purpose::Delete && nothing_to_type { (ui::button_danger("Delete my account", "Deleting")) }
            @else { (ui::button_primary(act, busy)) }
        }))
        @if let Some(address) = form.address {
            p class="row row--top help" {
                (icon_s(if address.starts_with("https:") { Icon::Lock } else { Icon::Alert }))
                span { "You are at " bdi { (address) } ". " @if let Some(words) = form.certificate { (words) " " } "Stop here if this is not your server." }
            }
        }
        (way_back(form, match form.purpose {
            Purpose::Delete => KEEP,
            Purpose::Recover | Purpose::Enrol => "Back to sign-in",
            Purpose::SetUp | Purpose::SignIn => "Cancel",
        }))
    }
}

/// What the button does, by what the form is for.
fn button(purpose: Purpose, new_password: bool, first_run: bool) -> (&'static str, &'static str) {
    match purpose {
        Purpose::SignIn if first_run && new_password => ("Create administrator", "Creating"),
        Purpose::SetUp if new_password => ("Change password", "Saving"),
        Purpose::SetUp => ("Save", "Saving"),
        Purpose::Recover if new_password => ("Save the new password", "Saving"),
        Purpose::Enrol if new_password => ("Create account", "Creating"),
        _ => ("Continue", "Checking"),
    }
}
