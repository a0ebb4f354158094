//! Where a person is signed in, and what applications may have of them.

use maud::{Markup, html};

use super::{SecurityPage, post, time};
use crate::icons::icon;
use crate::ui::{hidden, monogram};
use crate::url::safe_href;
use crate::words;

pub(super) fn sessions(security: &SecurityPage) -> Markup {
    let others = security.sessions.iter().any(|session| !session.current);
    html! {
        section class="section" id="sessions" aria-labelledby="sessions-h" {
            header {
                div { h2 id="sessions-h" { "Sessions" } p { "Places where you are signed in. Sign out whatever you do not recognise." } }
                @if others {
                    (post(security, "sign_out_others", html! { button class="btn btn--warn-quiet" type="submit" { "Sign out everywhere else" } }))
                }
            }
            ul class="panel list" {
                @for session in security.sessions {
                    @let (drawing, name) = words::browser(&session.user_agent);
                    li {
                        span class="tile-i" { (icon(drawing)) }
                        span class="grow" {
                            span class="strong" { (name) @if session.current { " " span class="badge badge--ok" { "This session" } } }
                            span class="small muted line" {
                                @if !session.place.is_empty() { bdi { (session.place) } " · " }
                                span class="num" { (session.ip) }
                                @if !session.since.is_empty() { " · since " (time(&session.since)) }
                                @if !session.current { " · used " (time(&session.used)) }
                            }
                        }
                        @if !session.current {
                            (post(security, "sign_out", html! {
                                (hidden("id", &session.id))
                                button class="btn" type="submit" { "Sign out" span class="vh" { " " (name) " at " (session.ip) } }
                            }))
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn consents(security: &SecurityPage) -> Markup {
    html! {
        section class="section" id="consents" aria-labelledby="consents-h" {
            header {
                div { h2 id="consents-h" { "Applications" } p { "What you share, with whom and since when." } }
                @if let Some(home) = safe_href(security.home_url) { a class="btn btn--quiet" href=(home) { "All applications" } }
            }
            @if security.consents.is_empty() {
                p class="panel panel__body muted" { "No application has access." }
            } @else {
                ul class="panel list" {
                    @for consent in security.consents {
                        li {
                            (monogram("mono mono--app", &consent.application, 2))
                            span class="grow" {
                                span class="strong" { bdi { (consent.application) } }
                                span class="small muted line" { (shared(&consent.permissions)) @if consent.away { " · also while you are away" } @if !consent.since.is_empty() { " · since " (time(&consent.since)) } @if !consent.expires.is_empty() { " · until " (time(&consent.expires)) } }
                            }
                            (post(security, "withdraw", html! {
                                (hidden("id", &consent.id))
                                button class="btn" type="submit" { "Withdraw" span class="vh" { " what " (consent.application) " gets" } }
                            }))
                        }
                    }
                }
            }
        }
    }
}

/// Permissions in words, those without words by their name.
fn shared(permissions: &str) -> String {
    let words: Vec<String> = permissions
        .split_whitespace()
        .map(|id| words::permission(id).map_or_else(|| id.to_owned(), lower))
        .collect();
    if words.is_empty() { "who you are here".to_owned() } else { words.join(", ") }
}

/// Begins in small letters, as words in a line do.
fn lower(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
