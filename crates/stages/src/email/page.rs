//! A mail with a link is on its way.

use maud::{Markup, html};
use serde_json::Value;

use signet_pages::form::{FormContext, Purpose, cancel_url, list, text};
use signet_pages::icons::{Icon, icon_l};
use signet_pages::ui;
use signet_pages::words;
use signet_pages::{Heading, StagePage};

/// The envelope above the title.
fn picture() -> Markup {
    html! { span class="badge-i" aria-hidden="true" { (icon_l(Icon::Mail)) } }
}

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form)).without_person().above(picture())
}

/// Whoever makes an account knows the address. Elsewhere the words are the same whether or not the account
/// exists.
fn heading(_challenge: &Value, form: &FormContext) -> Heading {
    let to = form.value("mailed_to").filter(|to| !to.is_empty());
    let lives = form.value("mail_lives").filter(|time| !time.is_empty());
    Heading::new("Check your e-mail").sentence(html! {
        @if form.purpose == Purpose::Enrol {
            "We sent a link" @if let Some(to) = to { " to " b { bdi { (to) } } } "."
        } @else if let Some(to) = to {
            "If " b { bdi { (to) } } " belongs to an account, a link is on its way."
        } @else {
            "If there is an account for what you typed, a link is on its way."
        }
        @if let Some(time) = lives { " It works for " (time) ", on any device." } @else { " Open it on any device to go on." }
    })
}

/// Body of `ak-stage-email`: an empty post sends the mail again. The answer to that comes as an error with
/// the code `email-sent`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let errors = challenge.get("response_errors").and_then(Value::as_object);
    let said = errors.into_iter().flatten().flat_map(|(field, _)| {
        list(&challenge["response_errors"], field).iter().map(move |error| (field, error))
    });
    let (sent, wrong): (Vec<_>, Vec<_>) = said
        .partition(|(_, error)| text(error, "code") == "email-sent" || text(error, "string") == "email-sent");
    let wrong: Vec<&str> = wrong
        .into_iter()
        .map(|(field, error)| words::error(field, text(error, "string"), text(error, "code")))
        .collect();
    // The errors are drawn here, one of them as good news: the form must not draw them too.
    let mut plain = challenge.clone();
    if let Some(object) = plain.as_object_mut() {
        object.remove("response_errors");
    }
    html! {
        (form.form(&plain, html! {
            (ui::errors(&wrong))
            @if !sent.is_empty() { (ui::notice_said(ui::NoticeKind::Ok, "Sent again.", "It may take a minute.")) }
            p class="small muted" { "Nothing there? Look in spam" @if form.resend_wait > 0 { ". In a minute you can send it again." } @else { ", then send it again." } }
            (ui::button_again("btn btn--l btn--block", "Send again", None, form.resend_wait))
        }))
        (ui::other_ways("Other ways", &form.restart_url.or_else(|| cancel_url(challenge)).map(|url| (url, "Use another address")).into_iter().collect::<Vec<_>>()))
    }
}
