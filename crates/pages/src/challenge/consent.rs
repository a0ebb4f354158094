//! May the application see this: plain words first, technical names on request.

use maud::{Markup, html};
use serde_json::Value;

use super::{DELETE, flow_title};
use crate::StagePage;
use crate::flow::Heading;
use crate::form::{FormContext, Purpose, cancel_url, list, stray_errors, text};
use crate::icons::{Icon, icon, icon_s};
use crate::ui::{self, monogram};
use crate::url::safe_href;
use crate::words;

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    question(challenge, form, body(challenge, form))
}

/// The page of a challenge of this component whose form somebody else has drawn.
#[must_use]
pub fn question(challenge: &Value, form: &FormContext, body: Markup) -> StagePage {
    let page = StagePage::new(heading(challenge, form), body);
    match form.application {
        Some(name) if !name.is_empty() => page.above(pair(challenge, form)),
        _ => page,
    }
}

fn heading(challenge: &Value, form: &FormContext) -> Heading {
    let words = text(challenge, "header_text");
    match form.application.filter(|name| !name.is_empty()) {
        Some(name) => Heading::with_name("Share your details with ", name, "?").sentence(html! {
            @if let Some(publisher) = form.publisher { "Run by " bdi { (publisher) } ". " }
            "What it keeps, you can withdraw in your settings, under Applications."
        }),
        None if form.purpose == Purpose::Delete => {
            Heading::new(flow_title(challenge, DELETE)).sentence(html! { (words) })
        }
        None if form.purpose == Purpose::Recover => {
            Heading::new(flow_title(challenge, "Reset your password")).sentence(
                html! { "Go on if it was you who asked for this link. Next you choose a new password." },
            )
        }
        None if form.purpose == Purpose::Enrol => {
            Heading::new(flow_title(challenge, "Confirm your e-mail address"))
                .sentence(html! { "Go on if it was you who asked for this account." })
        }
        None if words.is_empty() => Heading::new(flow_title(challenge, "Do you agree?")),
        None => Heading::new(flow_title(challenge, "Do you agree?")).sentence(html! { (words) }),
    }
}

/// The application and the person, joined by a dotted line.
fn pair(challenge: &Value, form: &FormContext) -> Markup {
    let person = text(challenge, "pending_user");
    html! {
        div class="pair" aria-hidden="true" {
            (monogram("mono mono--app mono--l", form.application.unwrap_or("?"), 2))
            i {}
            (monogram("mono mono--l", person, 2))
        }
    }
}

/// Body of `ak-stage-consent`: posts the `token` of the challenge. Refusing is the way out of the flow.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let before = list(challenge, "permissions");
    let new = list(challenge, "additional_permissions");
    let ids: Vec<&str> = before
        .iter()
        .chain(new)
        .map(|permission| text(permission, "id"))
        .filter(|id| !id.is_empty())
        .collect();
    form.form(
        challenge,
        html! {
            (ui::hidden("token", text(challenge, "token")))
            (ui::errors(&stray_errors(challenge, &[])))
            @if before.is_empty() && new.is_empty() {
                // Without an application there is nobody who would learn anything: the title and its sentence
                // say what it is.
                @if form.application.is_some() {
                p class="muted" { "The application learns that it is you who signs in, and nothing more." }
                }
            } @else {
                ul class="perms" {
                    @for permission in new { (row(permission, form, !before.is_empty())) }
                    @for permission in before { (row(permission, form, false)) }
                }
            }
            @if !ids.is_empty() {
                details class="small" {
                    summary class="muted" { "Technical names" (icon_s(Icon::Down)) }
                    code class="tiny" dir="ltr" { (ids.join(" ")) }
                }
            }
            @let (no, yes, busy) = if form.application.is_some() { ("Don’t share", "Share and continue", "Sharing") } else { ("Don’t agree", "Agree and continue", "Going on") };
            @if let Some(url) = form.decline_url.or_else(|| cancel_url(challenge)).and_then(safe_href) {
                div class="two" {
                    a class="btn btn--l" href=(url) { (no) }
                    (ui::button_primary(yes, busy))
                }
            } @else {
                (ui::button_primary(yes, busy))
            }
        },
    )
}

/// One permission; `new` marks what the person has not agreed to before.
fn row(permission: &Value, form: &FormContext, new: bool) -> Markup {
    let id = text(permission, "id");
    // The texts that mappings are delivered with are written for administrators.
    let name = Some(text(permission, "name")).filter(|name| !name.is_empty() && !words::is_delivered(name));
    let value = form
        .shared
        .iter()
        .find(|(of, value)| *of == id && !value.is_empty())
        .map(|(_, value)| value.as_str());
    let (name, detail) = match (name, words::permission(id)) {
        (Some(name), _) | (None, Some(name)) => (name, value),
        (None, None) => ("A permission of this application", Some(id)),
    };
    let drawing = match id {
        "openid" | "profile" => Icon::User,
        "email" => Icon::Mail,
        "groups" | "entitlements" => Icon::Users,
        "offline_access" => Icon::Clock,
        _ => Icon::Key,
    };
    html! {
        li {
            (icon(drawing))
            span {
                span class="t" { bdi { (name) } @if new { " " span class="badge badge--accent" { "New" } } }
                @if let Some(detail) = detail { span class="muted small" { bdi { (detail) } } }
            }
        }
    }
}
