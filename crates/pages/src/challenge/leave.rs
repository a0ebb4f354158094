//! Leaving for an application.

use maud::{Markup, html};
use serde_json::Value;

use crate::flow::Heading;
use crate::form::{FormContext, address, scalar, text};
use crate::icons::mark;
use crate::ui::{self, NoticeKind, monogram};
use crate::url::form_target;
use crate::{PagePolicy, StagePage};

pub(super) fn redirect(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), redirect_body(challenge, form))
        .without_person()
        .opens(text(challenge, "to"))
}

pub(super) fn autosubmit(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), autosubmit_body(challenge, form))
        .without_person()
        .policy(PagePolicy::form_to(form_target(text(challenge, "url"))))
}

fn heading(challenge: &Value, form: &FormContext) -> Heading {
    let own = text(challenge, "title");
    match form.application.filter(|name| !name.is_empty()) {
        Some(name) => Heading::with_name("Opening ", name, "…"),
        None if own.is_empty() => Heading::new("One moment…"),
        None => Heading::new(own),
    }
}

/// Body of `xak-flow-redirect`: says where the person goes; the page itself carries the refresh.
///
/// A page in between is needed after a form post, because browsers apply `form-action` to redirects too.
fn redirect_body(challenge: &Value, form: &FormContext) -> Markup {
    let Some(to) = address(challenge, "to") else { return unsafe_target(form) };
    let heading =
        heading(challenge, form).sentence(html! { "Nothing happening? " a href=(to) { "Open it yourself" } });
    html! {
        div class="center" {
            div class="pair" aria-hidden="true" {
                span { (mark("mark mark--l")) }
                i {}
                (monogram("mono mono--app mono--l", form.application.unwrap_or("App"), 2))
            }
            (heading.header())
        }
    }
}

/// Body of `ak-stage-autosubmit`: a form to the application, sent by the script or by the button.
fn autosubmit_body(challenge: &Value, form: &FormContext) -> Markup {
    let Some(url) = address(challenge, "url") else { return unsafe_target(form) };
    let attrs = challenge.get("attrs").and_then(Value::as_object);
    html! {
        form method="post" action=(url) data-autosubmit {
            @for (name, value) in attrs.into_iter().flatten() { (ui::hidden(name, &scalar(value))) }
            p class="muted" { "Nothing happening? Go on by hand." }
            (ui::button_primary("Continue", "Opening"))
        }
    }
}

/// The target could run script here: nobody is sent there.
fn unsafe_target(form: &FormContext) -> Markup {
    html! {
        (ui::notice(NoticeKind::Danger, "This address can’t be opened.", html! { "The application asked for an address that is not safe. Tell " (form.help_desk()) "." }))
        (ui::link_button(form.home_url, "Go to my applications"))
    }
}
