//! Buttons, links and notices.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::ui::monogram;
use crate::url::{safe_href, safe_image};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Good to know.
    Info,
    /// Done.
    Ok,
    /// Take care.
    Warn,
    /// It did not work.
    Danger,
}

/// The one filled button of a page. `busy` is what it says while the form is under way ("Signing in").
#[must_use]
pub fn button_primary(label: &str, busy: &str) -> Markup {
    html! {
        button class="btn btn--primary btn--l btn--block" type="submit" data-busy=(busy) { span data-label { (label) } }
    }
}

/// The one filled button of a page whose deed cannot be undone.
#[must_use]
pub fn button_danger(label: &str, busy: &str) -> Markup {
    html! {
        button class="btn btn--danger btn--l btn--block" type="submit" data-busy=(busy) { span data-label { (label) } }
    }
}

/// A submit button beside the primary one, with a value of its own.
#[must_use]
pub fn button_secondary(label: &str, name: &str, value: &str) -> Markup {
    html! { button class="btn btn--l btn--block" type="submit" name=(name) value=(value) { (label) } }
}

/// A link in a line. An address that is not safe to follow leaves the words.
#[must_use]
pub fn link(href: &str, label: &str) -> Markup {
    html! { @if let Some(href) = safe_href(href) { a href=(href) { (label) } } @else { span { (label) } } }
}

/// A link that looks like a bordered button; nothing when the address is not safe to follow.
#[must_use]
pub fn link_button(href: &str, label: &str) -> Markup {
    html! { @if let Some(href) = safe_href(href) { a class="btn btn--l btn--block" href=(href) { (label) } } }
}

/// A link that is the page's one filled button; nothing when the address is not safe to follow.
#[must_use]
pub fn link_primary(href: &str, label: &str) -> Markup {
    html! { @if let Some(href) = safe_href(href) { a class="btn btn--primary btn--l btn--block" href=(href) { (label) } } }
}

/// The last row of a card: ways out and around, as pairs of address and words.
#[must_use]
pub fn other_ways(name: &str, links: &[(&str, &str)]) -> Markup {
    html! {
        @if !links.is_empty() {
            nav class="card__links" aria-label=(name) { @for (href, label) in links { (link(href, label)) } }
        }
    }
}

/// A static notice: a bold fact and a plain consequence; either may be empty.
#[must_use]
pub fn notice(kind: NoticeKind, title: &str, text: &str) -> Markup {
    notice_with_role(kind, title, text, None)
}

fn notice_with_role(kind: NoticeKind, title: &str, text: &str, role: Option<&str>) -> Markup {
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

/// A notice about what has just happened, read out at once.
#[must_use]
pub fn notice_said(kind: NoticeKind, title: &str, text: &str) -> Markup {
    notice_with_role(kind, title, text, Some("status"))
}

/// A notice that waits hidden until the script has something to tell; `hook` is the data attribute it looks
/// for.
#[must_use]
pub fn hidden_notice(hook: &str, title: &str, text: &str) -> Markup {
    html! {
        div class="notice notice--danger" role="alert" data-part=(hook) hidden {
            (icon(Icon::Error))
            p { b data-part-title { (title) } " " span data-part-text { (text) } }
        }
    }
}

/// What somebody without script is told where a step cannot do without.
#[must_use]
pub fn without_script(text: &str) -> Markup {
    html! { noscript { (notice(NoticeKind::Warn, "This step needs JavaScript.", text)) } }
}

/// Errors of a whole form, read out at once.
#[must_use]
pub fn errors(sentences: &[&str]) -> Markup {
    html! { @for sentence in sentences { (notice_with_role(NoticeKind::Danger, "", sentence, Some("alert"))) } }
}

/// A line with a word in its middle.
#[must_use]
pub fn divider(word: &str) -> Markup {
    html! { div class="or" { (word) } }
}

/// A button to a source of accounts. Without an icon it shows the first letter.
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

/// The id of a request for the help desk: its end is enough to say it aloud, the button that the script shows
/// copies all of it.
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
