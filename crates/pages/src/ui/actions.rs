//! Buttons, links and notices.

use maud::{Markup, Render, html};

use crate::icons::{Icon, icon, icon_s};
use crate::ui::monogram;
use crate::url::{safe_href, safe_image};

/// Kind of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Information.
    Info,
    /// Success.
    Ok,
    /// Warning.
    Warn,
    /// Failure.
    Danger,
}

/// The primary button of a page. `busy` is its label while the form is being sent ("Signing in").
#[must_use]
pub fn button_primary(label: &str, busy: &str) -> Markup {
    html! {
        button class="btn btn--primary btn--l btn--block" type="submit" data-busy=(busy) { span data-label { (label) } }
    }
}

/// The primary button of a page whose action cannot be undone.
#[must_use]
pub fn button_danger(label: &str, busy: &str) -> Markup {
    html! {
        button class="btn btn--danger btn--l btn--block" type="submit" data-busy=(busy) { span data-label { (label) } }
    }
}

/// A submit button that sends a message again. The script disables it for `wait` seconds and counts down.
/// `value`: name and value of the button.
#[must_use]
pub fn button_again(class: &str, label: &str, value: Option<(&str, &str)>, wait: i64) -> Markup {
    html! {
        button class=(class) type="submit" name=[value.map(|(name, _)| name)] value=[value.map(|(_, value)| value)]
            data-busy="Sending" data-wait=[(wait > 0).then_some(wait)] { span data-label { (label) } }
    }
}

/// A submit button beside the primary one, with its own name and value.
#[must_use]
pub fn button_secondary(label: &str, name: &str, value: &str) -> Markup {
    html! { button class="btn btn--l btn--block" type="submit" name=(name) value=(value) { (label) } }
}

/// An inline link. An unsafe URL leaves the text.
#[must_use]
pub fn link(href: &str, label: &str) -> Markup {
    html! { @if let Some(href) = safe_href(href) { a href=(href) { (label) } } @else { span { (label) } } }
}

/// A link styled as a bordered button; nothing for an unsafe URL.
#[must_use]
pub fn link_button(href: &str, label: &str) -> Markup {
    html! { @if let Some(href) = safe_href(href) { a class="btn btn--l btn--block" href=(href) { (label) } } }
}

/// A link styled as the primary button; nothing for an unsafe URL.
#[must_use]
pub fn link_primary(href: &str, label: &str) -> Markup {
    html! { @if let Some(href) = safe_href(href) { a class="btn btn--primary btn--l btn--block" href=(href) { (label) } } }
}

/// The last row of a card: alternatives and links out, as URL and label.
#[must_use]
pub fn other_ways(name: &str, links: &[(&str, &str)]) -> Markup {
    html! {
        @if !links.is_empty() {
            nav class="card__links" aria-label=(name) { @for (href, label) in links { (link(href, label)) } }
        }
    }
}

/// A static notice: a title and an explanation; either may be empty.
#[must_use]
pub fn notice(kind: NoticeKind, title: &str, text: impl Render) -> Markup {
    notice_with_role(kind, title, text, None)
}

fn notice_with_role(kind: NoticeKind, title: &str, text: impl Render, role: Option<&str>) -> Markup {
    let (class, drawing) = match kind {
        NoticeKind::Info => ("notice notice--info", Icon::Info),
        NoticeKind::Ok => ("notice notice--ok", Icon::Ok),
        NoticeKind::Warn => ("notice notice--warn", Icon::Alert),
        NoticeKind::Danger => ("notice notice--danger", Icon::Error),
    };
    html! {
        div class=(class) role=[role] {
            (icon(drawing))
            p dir="auto" { @if !title.is_empty() { b { (title) } " " } (text) }
        }
    }
}

/// A notice that screen readers announce (`role="status"`).
#[must_use]
pub fn notice_said(kind: NoticeKind, title: &str, text: &str) -> Markup {
    notice_with_role(kind, title, text, Some("status"))
}

/// A hidden notice that the script shows; `hook` is the data attribute by which it finds the notice.
#[must_use]
pub fn hidden_notice(hook: &str, title: &str, text: &str) -> Markup {
    html! {
        div class="notice notice--danger" role="alert" data-part=(hook) hidden {
            (icon(Icon::Error))
            p { b data-part-title { (title) } " " span data-part-text { (text) } }
        }
    }
}

/// Shown without script, where a step needs it.
#[must_use]
pub fn without_script(text: &str) -> Markup {
    html! { noscript { (notice(NoticeKind::Warn, "This step needs JavaScript.", text)) } }
}

/// Errors of a whole form, announced by screen readers.
#[must_use]
pub fn errors(sentences: &[&str]) -> Markup {
    html! { @for sentence in sentences { (notice_with_role(NoticeKind::Danger, "", sentence, Some("alert"))) } }
}

/// A divider with a word in the middle.
#[must_use]
pub fn divider(word: &str) -> Markup {
    html! { div class="or" { (word) } }
}

/// A button for a login source. Without an icon it shows the first letter.
#[must_use]
pub fn source_button(href: &str, name: &str, icon_url: Option<&str>, directory: bool) -> Markup {
    html! {
        @if let Some(href) = safe_href(href) {
            a class="btn btn--l btn--block" href=(href) {
                @if let Some(image) = icon_url.and_then(safe_image) {
                    img class="icon-src" src=(image) alt="" width="20" height="20";
                } @else if directory {
                    (icon(Icon::Building))
                } @else {
                    (monogram("src", name, 1))
                }
                bdi { (name) }
            }
        }
    }
}

/// A request id for the help desk. Its last characters are shown; the button added by the script copies the
/// whole id.
#[must_use]
pub fn trace(id: &str) -> Markup {
    let end = id.char_indices().rev().nth(7).map_or(id, |(at, _)| &id[at..]);
    html! {
        div class="trace" {
            span { "Request id" }
            code dir="ltr" title=(id) { (end) }
            button class="btn btn--quiet btn--s btn--icon" type="button" data-copy=(id) aria-label="Copy the request id" hidden {
                (icon_s(Icon::Copy))
            }
        }
    }
}
