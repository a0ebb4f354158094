//! Confirmation before another site signs a user out (OpenID Connect RP-Initiated Logout 1.0 §2).
use super::{Challenge, FlowRun, FlowStep, keys};
use maud::html;
use signet_base::Json;
use signet_pages::challenge::flow_title;
use signet_pages::{FormContext, Heading, StagePage, ui};

/// A component that executor clients already show as a form with one button.
const COMPONENT: &str = "ak-stage-dummy";

/// The confirmation, if the browser came from another site and nothing shows that the user meant to sign out.
pub fn ask(flow: &mut FlowRun<'_>) -> Option<FlowStep> {
    let meant = flow.context().get(&keys::SIGN_OUT_MEANT) == Some(true);
    (flow.client.from_elsewhere && !meant && flow.user().is_some())
        .then(|| FlowStep::Show(flow.about_person(Challenge::new(COMPONENT).with("name", ""))))
}

/// The form of [`ask`]; `None` for another challenge.
pub fn page(challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
    (challenge.get("component")?.as_str()? == COMPONENT).then(|| {
        let body = form.form(
            challenge,
            html! { p class="muted" { "Another site asks to sign you out here." } (ui::button_primary("Sign out", "Signing out")) },
        );
        StagePage::new(Heading::new(flow_title(challenge, "Sign out")), body)
    })
}
