//! Ready pages for challenges: title, body, and the whole page from the JSON that programs get too.
//!
//! Each body is `fn(&Value, &FormContext) -> Markup` and reads the members of the challenge as the API names
//! them. Missing members count as empty: a page never fails.

mod captcha;
mod consent;
mod frame;
mod identification;
mod leave;
mod login;
mod mail;
mod outcome;
mod passkey;
mod password;
mod prompt;
mod proof;
mod setup;
mod validate;

use maud::{Markup, html};
use serde_json::Value;

use crate::flow::{FlowPage, Heading, Layout, flow_page};
use crate::form::{FormContext, Purpose, text};
use crate::shell::{Page, PagePolicy};
use crate::ui::{self, Person};
use crate::url::{form_target, origin};
use crate::words;

pub use captcha::captcha;
pub use consent::consent;
pub use frame::frame;
pub use identification::identification;
pub use leave::{autosubmit, redirect};
pub use login::{dummy, user_login};
pub use mail::email_sent;
pub use outcome::{access_denied, flow_error, session_end};
pub use passkey::webauthn;
pub use password::password;
pub use prompt::prompt;
pub(crate) use prompt::prompt_form;
pub use setup::{duo, email, recovery_codes, sms, totp};
pub use validate::{CHOSEN, validate};

type Body = fn(&Value, &FormContext) -> Markup;
type Title = fn(&Value, &FormContext) -> Heading;

/// A component with its title and body.
struct Entry {
    component: &'static str,
    heading: Title,
    body: Body,
}

const ENTRIES: &[Entry] = &[
    Entry { component: "ak-stage-identification", heading: identification::heading, body: identification },
    Entry { component: "ak-stage-password", heading: password::heading, body: password },
    Entry { component: "ak-stage-authenticator-validate", heading: validate::heading, body: validate },
    Entry { component: "ak-stage-authenticator-webauthn", heading: passkey::create_heading, body: webauthn },
    Entry { component: "ak-stage-authenticator-totp", heading: setup::totp_heading, body: totp },
    Entry { component: "ak-stage-authenticator-static", heading: setup::codes_heading, body: recovery_codes },
    Entry { component: "ak-stage-authenticator-sms", heading: setup::sms_heading, body: sms },
    Entry { component: "ak-stage-authenticator-email", heading: setup::email_heading, body: email },
    Entry { component: "ak-stage-authenticator-duo", heading: setup::duo_heading, body: duo },
    Entry { component: "ak-stage-captcha", heading: captcha::heading, body: captcha },
    Entry { component: "ak-stage-email", heading: mail::heading, body: email_sent },
    Entry { component: "ak-stage-consent", heading: consent::heading, body: consent },
    Entry { component: "ak-stage-prompt", heading: prompt::heading, body: prompt },
    Entry { component: "ak-stage-user-login", heading: login::heading, body: user_login },
    Entry { component: "ak-stage-dummy", heading: login::dummy_heading, body: dummy },
    Entry { component: "ak-stage-access-denied", heading: outcome::denied_heading, body: access_denied },
    Entry { component: "ak-stage-flow-error", heading: outcome::error_heading, body: flow_error },
    Entry { component: "ak-stage-session-end", heading: outcome::end_heading, body: session_end },
    Entry { component: "ak-stage-autosubmit", heading: leave::heading, body: autosubmit },
    Entry { component: "xak-flow-frame", heading: frame::heading, body: frame },
    Entry { component: "xak-flow-redirect", heading: leave::heading, body: redirect },
];

fn entry(component: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.component == component)
}

/// The components that this crate draws.
pub fn components() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.component)
}

/// The body of a challenge, or nothing for a component that is drawn elsewhere.
#[must_use]
pub fn challenge_body(component: &str, challenge: &Value, form: &FormContext) -> Option<Markup> {
    Some((entry(component)?.body)(challenge, form))
}

/// Title and sentence of a challenge. A component that is drawn elsewhere has the title of its flow.
#[must_use]
pub fn challenge_heading(component: &str, challenge: &Value, form: &FormContext) -> Heading {
    match entry(component) {
        Some(entry) => (entry.heading)(challenge, form),
        None => Heading::new(flow_title(challenge, "Sign in")),
    }
}

/// The whole page of a challenge, or nothing for a component that is drawn elsewhere.
#[must_use]
pub fn challenge_page(page: Page, challenge: &Value, form: &FormContext) -> Option<Markup> {
    let body = challenge_body(text(challenge, "component"), challenge, form)?;
    Some(challenge_page_with(page, challenge, form, body))
}

/// The whole page of a challenge whose body the stage has drawn itself.
#[must_use]
pub fn challenge_page_with(page: Page, challenge: &Value, form: &FormContext, body: Markup) -> Markup {
    let component = text(challenge, "component");
    let mut heading = challenge_heading(component, challenge, form);
    if has_errors(challenge) {
        // Readers hear first that the same step is back, and why.
        heading.plain = format!("Error: {}", heading.plain);
    }
    let leaving = component == "xak-flow-redirect";
    let info = challenge.get("flow_info").unwrap_or(&Value::Null);
    flow_page(FlowPage {
        page,
        layout: Layout::parse(text(info, "layout")),
        background: text(info, "background"),
        heading,
        show_heading: !leaving,
        above: match component {
            "ak-stage-consent" if has_application(form) => Some(consent::pair(challenge, form)),
            "ak-stage-email" => Some(mail::picture()),
            _ => None,
        },
        person: person(component, challenge, form),
        body: if form.done.is_empty() {
            body
        } else {
            html! { (ui::notice_said(ui::NoticeKind::Ok, form.done, "")) (body) }
        },
        wide: component == "xak-flow-frame",
        refresh: leaving.then(|| text(challenge, "to")),
    })
}

/// Whether something that was typed is wrong. A mail that was sent again and a device that was only chosen
/// are no errors.
fn has_errors(challenge: &Value) -> bool {
    let all = challenge.get("response_errors").and_then(Value::as_object);
    let mut errors = all.into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
    errors.any(|error| text(error, "code") != "email-sent" && text(error, "string") != "Empty response")
}

fn has_application(form: &FormContext) -> bool {
    form.application.is_some_and(|name| !name.is_empty())
}

/// The person of a challenge, on the pages that show one.
fn person<'a>(component: &str, challenge: &'a Value, form: &FormContext<'a>) -> Option<Person<'a>> {
    let name = text(challenge, "pending_user");
    let shown = !matches!(
        component,
        "ak-stage-identification"
            | "ak-stage-email"
            | "ak-stage-captcha"
            | "ak-stage-session-end"
            | "ak-stage-autosubmit"
            | "xak-flow-redirect"
    );
    // Whoever is signed in and changes something of their own is who they are.
    let not_you_url = match form.purpose {
        Purpose::SetUp | Purpose::Delete => None,
        // A refusal has a button for it.
        _ if component == "ak-stage-access-denied" => None,
        _ => form.switch_url.or_else(|| cancel_url(challenge)),
    };
    (shown && !name.is_empty()).then(|| Person {
        name,
        avatar: Some(text(challenge, "pending_user_avatar")).filter(|url| !url.is_empty()),
        not_you_url,
    })
}

/// What the page of a challenge needs of other hosts: a captcha's script, a frame, the target of a form that submits itself.
#[must_use]
pub fn page_policy(challenge: &Value) -> PagePolicy {
    let captcha = |of: &Value| PagePolicy {
        captcha: origin(text(of, "js_url")).map(str::to_owned),
        ..PagePolicy::default()
    };
    let url = text(challenge, "url");
    match text(challenge, "component") {
        "ak-stage-captcha" => captcha(challenge),
        "ak-stage-identification" => challenge.get("captcha_stage").map(captcha).unwrap_or_default(),
        "xak-flow-frame" => PagePolicy {
            frame_src: origin(url).map(str::to_owned).into_iter().collect(),
            ..PagePolicy::default()
        },
        "ak-stage-autosubmit" => PagePolicy::form_to(form_target(url)),
        _ => PagePolicy::default(),
    }
}

/// The address that drops the flow.
pub(crate) fn cancel_url(challenge: &Value) -> Option<&str> {
    challenge.get("flow_info").map(|info| text(info, "cancel_url")).filter(|url| !url.is_empty())
}

/// The administrator's title of the flow, else `fallback`. A title with a placeholder that nothing filled is
/// none.
pub(crate) fn flow_title<'a>(challenge: &'a Value, fallback: &'a str) -> &'a str {
    let title = challenge.get("flow_info").map_or("", |info| text(info, "title"));
    if title.is_empty() || title.contains("%(") { fallback } else { words::delivered(title) }
}

/// Title and way back where an account is about to be deleted.
pub(crate) const DELETE: &str = "Delete your account";
pub(crate) const KEEP: &str = "Keep my account";

/// The way back from something that need not be done, as the last row of the card.
pub(crate) fn way_back(form: &FormContext, words: &str) -> Markup {
    ui::other_ways("Other ways", &form.back_url.map(|url| (url, words)).into_iter().collect::<Vec<_>>())
}
