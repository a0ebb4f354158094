//! Where a flow ends without going anywhere: refused, failed, signed out.

use maud::{Markup, html};
use serde_json::Value;

use crate::StagePage;
use crate::flow::Heading;
use crate::form::{FormContext, address, ask_help_desk, text};
use crate::icons::{Icon, icon_s};
use crate::ui;
use crate::url::safe_href;
use crate::words;

pub(super) fn access_denied(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(denied_heading(challenge, form), access_denied_body(challenge, form))
}

fn denied_heading(challenge: &Value, form: &FormContext) -> Heading {
    let message = text(challenge, "error_message");
    let heading = match form.application.filter(|name| !name.is_empty()) {
        Some(name) => Heading::with_name("You can’t open ", name, ""),
        None => Heading::new(words::refused(message, form.purpose)),
    };
    match limited_to(form).filter(|_| message.is_empty()) {
        Some(sentence) => heading.sentence(sentence),
        None => heading.sentence(html! { (words::refusal(message)) }),
    }
}

/// Most groups that a refusal names.
const MOST_GROUPS: usize = 5;

/// Which groups an application is limited to, if only a membership is missing.
fn limited_to(form: &FormContext) -> Option<Markup> {
    let application = form.application.filter(|name| !name.is_empty())?;
    let shown = &form.missing_groups[..form.missing_groups.len().min(MOST_GROUPS)];
    let more = form.missing_groups.len() - shown.len();
    let (last, before) = shown.split_last()?;
    let one = before.is_empty();
    Some(html! {
        bdi { (application) } " is limited to the group" @if !one { "s" } " "
        @for (at, name) in before.iter().enumerate() { @if at > 0 { ", " } b class="strong" { bdi { (name) } } }
        @if !one { @if more > 0 { ", " } @else { " and " } }
        b class="strong" { bdi { (last) } }
        @if more > 0 { " and " (more) " more" }
        @if one { ", and your account is not in it." } @else { ", and your account is in none of them." }
    })
}

/// Body of `ak-stage-access-denied`: what helps, the way home or to be somebody else, and an id to look up.
fn access_denied_body(challenge: &Value, form: &FormContext) -> Markup {
    let (url, label) = form.way_on.unwrap_or((form.home_url, "Go to my applications"));
    let ask =
        form.application.filter(|name| !name.is_empty()).and_then(|name| ask_for(challenge, form, name));
    html! {
        div class="form" {
            div class="stack-2" {
                @if let Some(ask) = &ask {
                    (ui::link_primary(ask, "Ask for access"))
                    (ui::link_button(url, label))
                } @else {
                    (ui::link_primary(url, label))
                }
                @if let (Some(back), Some(name)) = (form.decline_url.and_then(safe_href), form.application) {
                    a class="btn btn--l btn--block" href=(back) { "Go back to " bdi { (name) } }
                }
                @if let Some(url) = form.recovery_url { (ui::link_button(url, "Forgot your password?")) }
                @if let Some(url) = form.switch_url { (ui::link_button(url, "Sign in as somebody else")) }
                @else if let Some(url) = form.back_url.filter(|back| *back != url) { (ui::link_button(url, "Back to sign-in")) }
            }
            @if let Some(id) = Some(text(challenge, "trace_id")).filter(|id| !id.is_empty()).or(form.request_id) {
                (ui::trace(id))
                p class="help" { "Give this id to " (form.help_desk()) ". It contains nothing about you." }
            }
        }
    }
}

/// Where the person asks for an application, where the help desk can be reached.
fn ask_for(challenge: &Value, form: &FormContext, application: &str) -> Option<String> {
    let person = text(challenge, "pending_user");
    let id = form.request_id.unwrap_or_default();
    let words = format!("I would like to use {application}.\n\nUsername: {person}\nRequest id: {id}\n");
    ask_help_desk(form.help, &format!("Access to {application}"), &words)
}

pub(super) fn flow_error(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(error_heading(challenge, form), flow_error_body(challenge, form))
}

fn error_heading(_challenge: &Value, form: &FormContext) -> Heading {
    Heading::new("That didn’t work").sentence(html! { "Something failed on our side, not yours. Start again. If it fails again, give the id below to " (form.help_desk()) "." })
}

/// Body of `ak-stage-flow-error`: start again, the way home, the id. Details come only to those who may see
/// them.
fn flow_error_body(challenge: &Value, form: &FormContext) -> Markup {
    let id = Some(text(challenge, "request_id")).filter(|id| !id.is_empty()).or(form.request_id);
    let (error, trace) = (text(challenge, "error"), text(challenge, "traceback"));
    html! {
        div class="form" {
            div class="stack-2" {
                (ui::link_primary(form.action_url, "Start again"))
                (ui::link_button(form.home_url, "Go to my applications"))
            }
            @if let Some(id) = id { (ui::trace(id)) }
            @if !error.is_empty() || !trace.is_empty() {
                details class="small" {
                    summary class="muted" { "Details for administrators" (icon_s(Icon::Down)) }
                    p dir="auto" { (error) }
                    @if !trace.is_empty() { code class="tiny" dir="ltr" { (trace) } }
                }
            }
        }
    }
}

pub(super) fn session_end(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(end_heading(challenge, form), session_end_body(challenge, form)).without_person()
}

fn end_heading(challenge: &Value, _form: &FormContext) -> Heading {
    let brand = text(challenge, "brand_name");
    let heading = match text(challenge, "application_name") {
        "" => Heading::new("You are signed out"),
        name => Heading::with_name("You are signed out of ", name, ""),
    };
    if address(challenge, "invalidation_flow_url").is_none() {
        return heading.sentence(html! { "You can close this window." });
    }
    heading.sentence(html! { "You are still signed in to " @if brand.is_empty() { "this site" } @else { bdi { (brand) } } " on this device." })
}

/// Body of `ak-stage-session-end`: what is still open, and the ways on.
fn session_end_body(challenge: &Value, form: &FormContext) -> Markup {
    let brand = text(challenge, "brand_name");
    let name = text(challenge, "application_name");
    let everywhere = address(challenge, "invalidation_flow_url");
    let home = address(challenge, "overview_url").unwrap_or(form.home_url);
    html! {
        div class="stack-2" {
            @if let Some(url) = everywhere {
                a class="btn btn--primary btn--l btn--block" href=(url) {
                    @if brand.is_empty() { "Sign out here too" } @else { span { "Sign out of " bdi { (brand) } " too" } }
                }
                (ui::link_button(home, "Back to my applications"))
            } @else {
                (ui::link_primary(home, "Back to my applications"))
            }
            @if let Some(url) = address(challenge, "application_launch_url") && !name.is_empty() {
                a class="btn btn--quiet btn--l btn--block" href=(url) { span { "Sign in to " bdi { (name) } " again" } }
            }
        }
    }
}
