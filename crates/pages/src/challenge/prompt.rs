//! Fields that an administrator put together.

use maud::{Markup, html};
use serde_json::Value;

use super::flow_title;
use crate::flow::Heading;
use crate::form::{FormContext, field_error, flag, list, scalar, stray_errors, text};
use crate::ui::{self, Choice, Field, Input, Kind};

/// Languages that a person may choose for the interface, by their own names.
const LOCALES: &[(&str, &str)] = &[
    ("cs", "Čeština"),
    ("de", "Deutsch"),
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt_BR", "Português (Brasil)"),
    ("fi", "Suomi"),
    ("tr", "Türkçe"),
    ("ru", "Русский"),
    ("zh-Hans", "简体中文"),
    ("zh-Hant", "繁體中文"),
];

pub(super) fn heading(challenge: &Value, form: &FormContext) -> Heading {
    Heading::new(flow_title(challenge, "A few details")).continue_to(form.application)
}

/// Body of `ak-stage-prompt`: posts one member per `field_key`. A box that is not ticked sends nothing.
#[must_use]
pub fn prompt(challenge: &Value, form: &FormContext) -> Markup {
    let fields = list(challenge, "fields");
    let keys: Vec<&str> = fields.iter().filter(|field| can_be_typed(text(field, "type"))).map(|field| text(field, "field_key")).collect();
    let first = keys.iter().find(|key| field_error(challenge, key).is_some()).or(keys.first()).copied();
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &keys)))
            @for field in fields { (one(field, challenge, form, first)) }
            (ui::button_primary("Continue", "Checking"))
        },
    )
}

/// True for fields that a person fills in, so that errors have a place at them.
fn can_be_typed(kind: &str) -> bool {
    !matches!(kind, "hidden" | "static" | "separator" | "alert_info" | "alert_warning" | "alert_danger" | "text_read_only" | "text_area_read_only")
}

fn one(field: &Value, challenge: &Value, form: &FormContext, first: Option<&str>) -> Markup {
    let key = text(field, "field_key");
    let kind = text(field, "type");
    let initial = field.get("initial_value").map(scalar).unwrap_or_default();
    let label = if text(field, "label").is_empty() { key } else { text(field, "label") };
    let shown = if can_be_typed(kind) { form.value(key).unwrap_or(&initial) } else { &initial };
    let words = if initial.is_empty() { label } else { &initial };
    let base = Field {
        name: key,
        label,
        value: shown,
        autocomplete: autofill(key, kind),
        placeholder: text(field, "placeholder"),
        error: field_error(challenge, key),
        help: Some(text(field, "sub_text")),
        optional: !flag(field, "required"),
        autofocus: first == Some(key),
        ..Field::default()
    };
    match kind {
        "hidden" => ui::hidden(key, &initial),
        "static" => html! { p class="muted" dir="auto" { (words) } },
        "separator" => ui::divider(words),
        "alert_info" => ui::notice(Kind::Info, "", words),
        "alert_warning" => ui::notice(Kind::Warn, "", words),
        "alert_danger" => ui::notice(Kind::Danger, "", words),
        "text_read_only" => ui::field(&Field { readonly: true, optional: false, ..base }),
        "text_area_read_only" => ui::textarea(&Field { readonly: true, optional: false, ..base }),
        "text_area" => ui::textarea(&base),
        "password" => ui::password_field(&base, true, None),
        "checkbox" => ui::checkbox(&Field { optional: false, ..base }, ticked(field, form, key)),
        "radio-button-group" => ui::radio_group(&base, &choices(field)),
        "dropdown" => ui::select(&base, &choices(field)),
        "ak-locale" => ui::select(&base, &locales(field)),
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
                let label = choice.get("label").map(scalar).filter(|label| !label.is_empty()).unwrap_or_else(|| value.clone());
                Choice { value, label }
            }
            None => Choice { value: scalar(choice), label: scalar(choice) },
        })
        .collect()
}

/// The languages offered by the challenge, else those known here; the empty value follows the browser.
fn locales(field: &Value) -> Vec<Choice> {
    let given = choices(field);
    if !given.is_empty() {
        return given;
    }
    let automatic = Choice { value: String::new(), label: "As the browser says".to_owned() };
    std::iter::once(automatic).chain(LOCALES.iter().map(|(value, label)| Choice { value: (*value).to_owned(), label: (*label).to_owned() })).collect()
}
