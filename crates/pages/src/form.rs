//! The data of a challenge's form beside the challenge.

use maud::{Markup, html};
use serde_json::Value;
use signet_base::query;

use crate::ui;
use crate::url::safe_href;
use crate::words;

/// The purpose of a flow, as far as its pages depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Sign-in, and flows without a purpose below.
    #[default]
    SignIn,
    /// A signed-in user sets something up or changes it.
    SetUp,
    /// Account recovery.
    Recover,
    /// Enrolment.
    Enrol,
    /// Deletion of the user's own account.
    Delete,
}

/// Name of the value that holds the chosen way of a second factor (`class:uid`; empty: show the list).
pub const CHOSEN: &str = "chosen_device";

/// Target of the form, and what it shows again after an error.
#[derive(Debug, Clone, Copy)]
pub struct FormContext<'a> {
    /// URL the form posts to, with its query.
    pub action_url: &'a str,
    /// CSRF token, sent as the field `csrf`.
    pub csrf: &'a str,
    /// Name of the application that the user is signing in to.
    pub application: Option<&'a str>,
    /// Groups whose members may use that application, of which the user is none.
    pub missing_groups: &'a [String],
    /// Publisher of that application.
    pub publisher: Option<&'a str>,
    /// The claim values an application would get: scope and values.
    pub shared: &'a [(&'static str, String)],
    /// Purpose of the flow.
    pub purpose: Purpose,
    /// This server's address. Set in the first-run setup, where it must be checked.
    pub address: Option<&'a str>,
    /// Sentence about the connection of the first run: its certificate, or that it is not encrypted.
    pub certificate: Option<&'a str>,
    /// Minimum length of a new password; 0 if no policy sets one.
    pub least_password: u32,
    /// The user's devices by class: their names, or the number of recovery codes left.
    pub devices: &'a [(&'static str, String)],
    /// Seconds until the page offers to send the message again.
    pub resend_wait: i64,
    /// The account whose new password the form sets, for password managers.
    pub username: Option<&'a str>,
    /// A password policy refused the password: form errors are about it.
    pub password_refused: bool,
    /// URL out of an optional step: cancels the set-up or the deletion.
    pub back_url: Option<&'a str>,
    /// URL of the recovery flow, on the page that too many wrong passwords lead to.
    pub recovery_url: Option<&'a str>,
    /// URL that restarts the run.
    pub restart_url: Option<&'a str>,
    /// URL for signing in as another user; keeps the way to the application.
    pub switch_url: Option<&'a str>,
    /// URL and label of the primary button of a refusal page.
    pub way_on: Option<(&'a str, &'a str)>,
    /// Name or address of the help desk; empty if none is configured.
    pub help: &'a str,
    /// A success message above the form.
    pub done: &'a str,
    /// URL of the library, for pages that end here.
    pub home_url: &'a str,
    /// Target of declining (back to the application with `access_denied`); `None`: cancels the flow.
    pub decline_url: Option<&'a str>,
    /// Request id, by which administrators find the request in log and events.
    pub request_id: Option<&'a str>,
    /// Values typed before an error, by field name. Passwords and codes are not among them.
    pub values: &'a [(String, String)],
}

impl<'a> FormContext<'a> {
    /// A form with defaults.
    #[must_use]
    pub fn new(action_url: &'a str, csrf: &'a str) -> Self {
        Self {
            action_url,
            csrf,
            application: None,
            missing_groups: &[],
            publisher: None,
            shared: &[],
            purpose: Purpose::SignIn,
            address: None,
            certificate: None,
            recovery_url: None,
            least_password: 0,
            devices: &[],
            resend_wait: 0,
            username: None,
            password_refused: false,
            back_url: None,
            restart_url: None,
            switch_url: None,
            way_on: None,
            help: "",
            done: "",
            home_url: "/if/user/",
            decline_url: None,
            request_id: None,
            values: &[],
        }
    }

    /// The help desk as a link or text.
    pub fn help_desk(&self) -> Markup {
        help_desk(self.help)
    }

    /// The user's devices of one class.
    #[must_use]
    pub fn device(&self, class: &str) -> Option<&'a str> {
        self.devices.iter().find(|(of, _)| *of == class).map(|(_, said)| said.as_str())
    }

    /// The value typed into a field before.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The form element: hidden `csrf` and `component`, errors of the form, then `inner`.
    #[must_use]
    pub fn form(&self, challenge: &Value, inner: Markup) -> Markup {
        html! {
            form method="post" action=[safe_href(self.action_url)] {
                (ui::hidden("csrf", self.csrf))
                (ui::hidden("component", text(challenge, "component")))
                // "Empty response" is the API's answer to choosing a device; pages do not show it.
                (ui::errors(&field_errors(challenge, "non_field_errors").into_iter().filter(|error| *error != "Empty response").collect::<Vec<_>>()))
                (inner)
            }
        }
    }
}

/// URL of the help desk: `mailto:` for an e-mail address, else its https page.
fn contact(help: &str) -> Option<String> {
    let mail = help.contains('@') && !help.contains(char::is_whitespace) && !help.contains(':');
    let href = if mail { format!("mailto:{help}") } else { help.to_owned() };
    let usable = mail || href.starts_with("https://");
    (usable && safe_href(&href).is_some()).then_some(href)
}

/// The help desk's name, as a link if it is an address.
pub fn help_desk(help: &str) -> Markup {
    html! {
        @if help.is_empty() { "the help desk" }
        @else if let Some(href) = contact(help) { a href=(href) { bdi { (help) } } }
        @else { bdi { (help) } }
    }
}

/// URL for asking the help desk: a prepared e-mail, or its page.
pub fn ask_help_desk(help: &str, subject: &str, text: &str) -> Option<String> {
    let href = contact(help)?;
    Some(match href.starts_with("mailto:") {
        true => format!("{href}?subject={}&body={}", query::encode(subject), query::encode(text)),
        false => href,
    })
}

/// A string member; empty if it is missing.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A boolean member; false if it is missing.
pub fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// A list member; empty if it is missing.
pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A URL member, if it is present and safe as a link.
pub fn address<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    safe_href(text(value, key))
}

/// The address that drops the flow.
pub fn cancel_url(challenge: &Value) -> Option<&str> {
    challenge.get("flow_info").map(|info| text(info, "cancel_url")).filter(|url| !url.is_empty())
}

/// A scalar as a form value.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The messages of `response_errors` for a field.
#[must_use]
pub fn field_errors<'a>(challenge: &'a Value, field: &str) -> Vec<&'a str> {
    let Some(errors) = challenge.get("response_errors") else { return Vec::new() };
    list(errors, field)
        .iter()
        .map(|error| words::error(field, text(error, "string"), text(error, "code")))
        .collect()
}

/// The first message of `response_errors` for a field.
#[must_use]
pub fn field_error<'a>(challenge: &'a Value, field: &str) -> Option<&'a str> {
    field_errors(challenge, field).into_iter().next()
}

/// Messages for fields that the form does not have; shown for the whole form.
pub fn stray_errors<'a>(challenge: &'a Value, known: &[&str]) -> Vec<&'a str> {
    let Some(errors) = challenge.get("response_errors").and_then(Value::as_object) else { return Vec::new() };
    errors
        .keys()
        .filter(|field| *field != "non_field_errors" && !known.contains(&field.as_str()))
        .flat_map(|field| field_errors(challenge, field))
        .collect()
}
