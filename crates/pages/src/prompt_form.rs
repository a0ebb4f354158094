//! A form of fields that an administrator put together: of the prompt stage, and of the profile.

use maud::{Markup, html};
use serde_json::Value;

use crate::form::{FormContext, field_error, field_errors, flag, list, scalar, stray_errors, text};
use crate::ui::{self, Choice, Field, Input, NoticeKind};
use crate::words;

/// The form of `ak-stage-prompt`: its fields, then `foot`. `focus`: the first field gets the focus when the page
/// opens; a field with an error always does.
#[must_use]
pub fn prompt_form(challenge: &Value, form: &FormContext, focus: bool, foot: Markup) -> Markup {
    let fields = list(challenge, "fields");
    let keys: Vec<&str> =
        fields.iter().filter(|field| can_be_typed(field)).map(|field| text(field, "field_key")).collect();
    let wrong = keys.iter().find(|key| field_error(challenge, key).is_some());
    let first = wrong.or(keys.first().filter(|_| focus)).copied();
    let at_password = about_password(challenge, form, fields);
    let first = at_password.as_ref().map_or(first, |(key, _)| Some(key));
    // What is said at the password is not said above the form too.
    let mut rest = challenge.clone();
    if at_password.is_some()
        && let Some(errors) = rest.get_mut("response_errors").and_then(Value::as_object_mut)
    {
        errors.remove("non_field_errors");
    }
    let says_name = fields
        .iter()
        .any(|field| text(field, "type") == "username" || text(field, "field_key") == "username");
    let new_password = fields.iter().any(|field| text(field, "type") == "password");
    form.form(
        &rest,
        html! {
            (ui::errors(&stray_errors(challenge, &keys)))
            // Tells password managers whose password this is.
            @if let Some(name) = form.username.filter(|_| new_password && !says_name) { (ui::hidden_username(name)) }
            @for field in fields {
                @let error = at_password.as_ref().filter(|(key, _)| *key == text(field, "field_key")).map(|(_, error)| error.as_str());
                (one(field, challenge, form, first, error))
            }
            (foot)
        },
    )
}

/// The password field that errors of the whole form are about, and what they say: two passwords that differ,
/// and the judgement of a password policy, which names no field.
fn about_password<'a>(
    challenge: &'a Value,
    form: &FormContext,
    fields: &'a [Value],
) -> Option<(&'a str, String)> {
    let said = field_errors(challenge, "non_field_errors");
    let mut passwords =
        fields.iter().filter(|field| text(field, "type") == "password").map(|field| text(field, "field_key"));
    let (first, second) = (passwords.next()?, passwords.next());
    match said.as_slice() {
        [] => None,
        [one] if *one == words::DIFFERENT_PASSWORDS => Some((second.unwrap_or(first), (*one).to_owned())),
        _ if form.password_refused => Some((first, said.join(" "))),
        _ => None,
    }
}

/// True for fields that a person fills in, so that errors have a place at them.
pub fn can_be_typed(field: &Value) -> bool {
    let kind = text(field, "type");
    if kind == "ak-locale" {
        return !choices(field).is_empty();
    }
    !matches!(
        kind,
        "hidden"
            | "static"
            | "separator"
            | "alert_info"
            | "alert_warning"
            | "alert_danger"
            | "text_read_only"
            | "text_area_read_only"
    )
}

/// The label or placeholder of a field, in our words where the delivered flows have known ones.
fn spoken<'a>(field: &'a Value, label: &'a str) -> &'a str {
    // A prompt asks for a password that is to be, never for the one that is.
    if label == "Password" && text(field, "type") == "password" {
        "New password"
    } else {
        words::delivered(label)
    }
}

/// The first password of the form, which the others repeat.
fn is_new_password(field: &Value, form_fields: &[Value]) -> bool {
    let first = form_fields.iter().find(|field| text(field, "type") == "password");
    first.is_some_and(|first| text(first, "field_key") == text(field, "field_key"))
}

/// The administrator's help, else what a new password needs.
fn help(field: &Value, is_new: bool, least: u32) -> String {
    match (text(field, "sub_text"), is_new, least) {
        ("", true, 2..) => format!("At least {least} characters, hard to guess."),
        ("", true, _) => "Make it long and hard to guess.".to_owned(),
        (own, ..) => own.to_owned(),
    }
}

fn one(
    field: &Value,
    challenge: &Value,
    form: &FormContext,
    first: Option<&str>,
    at_password: Option<&str>,
) -> Markup {
    let key = text(field, "field_key");
    let kind = text(field, "type");
    let initial = field.get("initial_value").map(scalar).unwrap_or_default();
    let label = spoken(field, if text(field, "label").is_empty() { key } else { text(field, "label") });
    let shown = if can_be_typed(field) { form.value(key).unwrap_or(&initial) } else { &initial };
    let words = if initial.is_empty() { label } else { &initial };
    let is_new = is_new_password(field, list(challenge, "fields"));
    let help = help(field, is_new, form.least_password);
    let base = Field {
        name: key,
        label,
        value: shown,
        autocomplete: autofill(key, kind),
        placeholder: spoken(field, text(field, "placeholder")),
        error: at_password.or_else(|| field_error(challenge, key)),
        help: Some(&help),
        optional: !flag(field, "required"),
        // The name that the first administrator is given is an answer too.
        unmarked: form.address.is_some(),
        autofocus: first == Some(key),
        ..Field::default()
    };
    match kind {
        "hidden" => ui::hidden(key, &initial),
        "static" => html! { p class="muted" dir="auto" { (words) } },
        "separator" => ui::divider(words),
        "alert_info" => ui::notice(NoticeKind::Info, "", words),
        "alert_warning" => ui::notice(NoticeKind::Warn, "", words),
        "alert_danger" => ui::notice(NoticeKind::Danger, "", words),
        "text_read_only" => ui::field(&Field { readonly: true, optional: false, ..base }),
        "text_area_read_only" => ui::textarea(&Field { readonly: true, optional: false, ..base }),
        "text_area" => ui::textarea(&base),
        "password" if is_new => ui::new_password_field(&base, form.least_password.max(1)),
        "password" => ui::password_field(&base, true, None),
        "checkbox" => ui::checkbox(&Field { optional: false, ..base }, ticked(field, form, key)),
        "radio-button-group" => ui::radio_group(&base, &choices(field)),
        "dropdown" => ui::select(&base, &choices(field)),
        // Without choices there is nothing to choose: no other language is spoken here. What is kept stays as
        // it is.
        "ak-locale" if choices(field).is_empty() => ui::hidden(key, shown),
        // The empty choice means "automatic": it is an answer, so the browser must not refuse it.
        "ak-locale" => ui::select(
            &Field { optional: true, unmarked: true, placeholder: "Automatic", ..base },
            &choices(field),
        ),
        other => ui::field(&Field { kind: input(other), ..base }),
    }
}

fn input(kind: &str) -> Input {
    match kind {
        "username" => Input::Username,
        "email" => Input::Email,
        "number" => Input::Number,
        "date" => Input::Date,
        "date-time" => Input::DateTime,
        "file" => Input::File,
        _ => Input::Text,
    }
}

/// The autofill name, by the type and else by usual keys.
fn autofill<'a>(key: &str, kind: &str) -> &'a str {
    match (kind, key) {
        ("password", _) => "new-password",
        ("username", _) | (_, "username") => "username",
        ("email", _) | (_, "email") => "email",
        (_, "name") => "name",
        (_, "phone" | "attributes.phone") => "tel",
        _ => "off",
    }
}

/// After an error a box shows what was sent, where an empty box means "no".
fn ticked(field: &Value, form: &FormContext, key: &str) -> bool {
    if form.values.is_empty() {
        return match field.get("initial_value") {
            Some(Value::Bool(ticked)) => *ticked,
            Some(Value::String(word)) => word.eq_ignore_ascii_case("true"),
            _ => false,
        };
    }
    form.value(key).is_some_and(|word| word == "true" || word == "on")
}

/// Choices are `{value, label}` objects or bare values.
fn choices(field: &Value) -> Vec<Choice> {
    list(field, "choices")
        .iter()
        .map(|choice| match choice.get("value") {
            Some(value) => {
                let value = scalar(value);
                let label = choice
                    .get("label")
                    .map(scalar)
                    .filter(|label| !label.is_empty())
                    .unwrap_or_else(|| value.clone());
                Choice { value, label }
            }
            None => Choice { value: scalar(choice), label: scalar(choice) },
        })
        .collect()
}
