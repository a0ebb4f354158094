//! Who the person is: the form of the flow in which people change their details, else what is known.

use maud::{Markup, html};

use super::{Profile, SecurityPage};
use crate::prompt_form::prompt_form;
use crate::ui::monogram;
use crate::url::safe_href;

pub(super) fn profile(security: &SecurityPage) -> Markup {
    let Profile { name, username, change_url, .. } = security.profile;
    let change = safe_href(change_url).filter(|_| security.details.is_none());
    html! {
        section class="section" id="profile" aria-labelledby="profile-h" {
            header {
                div { h2 id="profile-h" { "Profile" } p { "Shown to the applications that you open, where you agree." } }
                @if let Some(url) = change { a class="btn" href=(url) { "Change your details" } }
            }
            div class="panel" {
                div class="panel__body row who" {
                    (monogram("mono mono--l", if name.is_empty() { username } else { name }, 2))
                    span class="grow" {
                        span class="strong" { bdi { @if name.is_empty() { (username) } @else { (name) } } }
                        span class="small muted line" { bdi { (username) } }
                    }
                }
                @if let Some(details) = &security.details {
                    div class="panel__body details" data-details {
                        (prompt_form(details.challenge, &details.form, false, html! {
                            // The bar at the bottom takes its place where script runs.
                            div class="foot" data-without-script { button class="btn" type="submit" { "Save" } }
                        }))
                    }
                } @else { (facts(security.profile)) }
            }
        }
    }
}

fn facts(profile: &Profile) -> Markup {
    let Profile { name, username, email, .. } = profile;
    html! {
        dl class="facts" {
            @for (words, value) in [("Name", name), ("Username", username), ("E-mail", email)] {
                div { dt { (words) } dd { @if value.is_empty() { span class="muted" { "None" } } @else { bdi { (value) } } } }
            }
        }
    }
}

/// Counts what is not saved; the script shows it.
pub(super) fn save_bar() -> Markup {
    html! {
        div class="savebar" role="region" aria-label="Unsaved changes" data-savebar hidden {
            p class="grow" role="status" { b data-part="count" {} " " span class="small muted" data-part="fields" {} }
            button class="btn btn--quiet" type="button" data-part="discard" { "Discard" }
            button class="btn btn--primary" type="button" data-part="save" { "Save" kbd class="kbd" aria-hidden="true" { "Ctrl S" } }
        }
    }
}
