//! What a challenge's form needs beside the challenge itself.

use maud::{Markup, html};
use serde_json::Value;

use crate::ui;
use crate::url::safe_href;
use crate::words;

/// What a flow is for, as far as its pages say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Signing in, and whatever has no words of its own.
    #[default]
    SignIn,
    /// Somebody signed in changes something of their own.
    SetUp,
    /// Getting back in.
    Recover,
    /// Making an account.
    Enrol,
    /// Deleting the own account.
    Delete,
}

/// Where a form posts to and what it shows again after an error.
#[derive(Debug, Clone, Copy)]
pub struct FormContext<'a> {
    /// Address the form posts to, with its query.
    pub action_url: &'a str,
    /// Token against forged posts, sent as the field `csrf`.
    pub csrf: &'a str,
    /// Name of the application that the person is on the way to.
    pub application: Option<&'a str>,
    /// Who publishes that application.
    pub publisher: Option<&'a str>,
    /// What an application would learn, by permission: its id and the values of this person.
    pub shared: &'a [(&'static str, String)],
    /// What the flow is for.
    pub purpose: Purpose,
    /// Address of this server, where it must be the right one: on the first run.
    pub address: Option<&'a str>,
    /// Whose new password the form asks for, for password managers.
    pub username: Option<&'a str>,
    /// A password policy refused the password: errors of the whole form are about it.
    pub password_refused: bool,
    /// Way back from something that need not be done: out of a set-up, out of deleting the account.
    pub back_url: Option<&'a str>,
    /// Where the run begins anew.
    pub restart_url: Option<&'a str>,
    /// Where being somebody else begins, the way to the application kept.
    pub switch_url: Option<&'a str>,
    /// What helps where a page refuses: address and words of the filled button.
    pub way_on: Option<(&'a str, &'a str)>,
    /// Name or address of the help desk; empty where nobody named it.
    pub help: &'a str,
    /// Said once above the form: what has just happened elsewhere.
    pub done: &'a str,
    /// Way home, for pages that end here.
    pub home_url: &'a str,
    /// Where refusing to share goes (back to the application with `access_denied`); without it, out of the
    /// flow.
    pub decline_url: Option<&'a str>,
    /// Id under which administrators find this request.
    pub request_id: Option<&'a str>,
    /// What was typed before the error, by field name. Passwords and codes are never shown again.
    pub values: &'a [(String, String)],
}

impl<'a> FormContext<'a> {
    /// A form without anything special.
    #[must_use]
    pub fn new(action_url: &'a str, csrf: &'a str) -> Self {
        Self {
            action_url,
            csrf,
            application: None,
            publisher: None,
            shared: &[],
            purpose: Purpose::SignIn,
            address: None,
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

    /// The help desk, as people can reach it.
    pub(crate) fn help_desk(&self) -> Markup {
        help_desk(self.help)
    }

    /// What was typed into a field before.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The form element: `csrf` and `component` hidden, errors of the whole form, then `inner`.
    #[must_use]
    pub fn form(&self, challenge: &Value, inner: Markup) -> Markup {
        html! {
            form method="post" action=[safe_href(self.action_url)] {
                (ui::hidden("csrf", self.csrf))
                (ui::hidden("component", text(challenge, "component")))
                // "Empty response" is how programs learn that choosing a device is no answer yet: people need
                // no word for it.
                (ui::errors(&field_errors(challenge, "non_field_errors").into_iter().filter(|error| *error != "Empty response").collect::<Vec<_>>()))
                (inner)
            }
        }
    }
}

/// The help desk by its name, with a link where it is an address.
pub(crate) fn help_desk(help: &str) -> Markup {
    let mail = help.contains('@') && !help.contains(char::is_whitespace) && !help.contains(':');
    let href = if mail { format!("mailto:{help}") } else { help.to_owned() };
    html! {
        @if help.is_empty() { "the help desk" }
        @else if let Some(href) = safe_href(&href).filter(|href| mail || href.starts_with("https://")) { a href=(href) { bdi { (help) } } }
        @else { bdi { (help) } }
    }
}

/// A string member, or an empty string.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A boolean member, false when it is missing.
pub(crate) fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// A list member, empty when it is missing.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// An address among the members, when it is there and safe to follow.
pub(crate) fn address<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    safe_href(text(value, key))
}

/// A scalar as the text of a form value.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The sentences of `response_errors` at one field.
#[must_use]
pub(crate) fn field_errors<'a>(challenge: &'a Value, field: &str) -> Vec<&'a str> {
    let Some(errors) = challenge.get("response_errors") else { return Vec::new() };
    list(errors, field)
        .iter()
        .map(|error| words::error(field, text(error, "string"), text(error, "code")))
        .collect()
}

/// The first sentence that `response_errors` says at one field.
#[must_use]
pub fn field_error<'a>(challenge: &'a Value, field: &str) -> Option<&'a str> {
    field_errors(challenge, field).into_iter().next()
}

/// Errors at fields that this form does not have: shown for the whole form, so that none is lost.
pub(crate) fn stray_errors<'a>(challenge: &'a Value, known: &[&str]) -> Vec<&'a str> {
    let Some(errors) = challenge.get("response_errors").and_then(Value::as_object) else { return Vec::new() };
    errors
        .keys()
        .filter(|field| *field != "non_field_errors" && !known.contains(&field.as_str()))
        .flat_map(|field| field_errors(challenge, field))
        .collect()
}
