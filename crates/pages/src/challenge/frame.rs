//! A page of somebody else inside ours.

use maud::{Markup, html};
use serde_json::Value;

use super::flow_title;
use crate::flow::Heading;
use crate::form::{FormContext, flag, stray_errors, text};
use crate::ui;
use crate::url::{origin, safe_frame};
use crate::{PagePolicy, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), frame_body(challenge, form)).wide().policy(PagePolicy {
        frame_src: origin(text(challenge, "url")).map(str::to_owned).into_iter().collect(),
        ..PagePolicy::default()
    })
}

fn heading(challenge: &Value, _form: &FormContext) -> Heading {
    Heading::new(flow_title(challenge, "One moment…"))
}

/// Body of `xak-flow-frame`: the page in a box, and a button to go on when it is done.
fn frame_body(challenge: &Value, form: &FormContext) -> Markup {
    let words = text(challenge, "loading_text");
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &[])))
            @if flag(challenge, "loading_overlay") {
                p class="row small muted waiting" role="status" { span class="spin" aria-hidden="true" {} @if words.is_empty() { "Loading…" } @else { bdi { (words) } } }
            }
            @if let Some(url) = safe_frame(text(challenge, "url")) {
                iframe class="frame" src=(url) title="Check by another service" sandbox="allow-scripts allow-forms allow-same-origin allow-popups" referrerpolicy="no-referrer" {}
            } @else {
                (ui::notice(ui::NoticeKind::Danger, "This page can’t be shown.", html! { "Its address is not safe. Tell " (form.help_desk()) "." }))
            }
            (ui::button_primary("Continue", "Going on"))
        },
    )
}
