//! Form fields: label, control, error, help text. Optional fields are marked, required ones are not.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};

/// Type of a single-line field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Input {
    /// Any text.
    #[default]
    Text,
    /// A username: no automatic capitals, no spell check.
    Username,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A whole number.
    Number,
    /// A date.
    Date,
    /// A date and time in the browser's time zone.
    DateTime,
    /// A file; the script sends it as a data URI.
    File,
}

impl Input {
    fn type_name(self) -> &'static str {
        match self {
            Self::Text | Self::Username => "text",
            Self::Email => "email",
            Self::Phone => "tel",
            Self::Number => "number",
            Self::Date => "date",
            Self::DateTime => "datetime-local",
            Self::File => "file",
        }
    }
}

/// A field.
#[derive(Debug, Clone, Copy, Default)]
pub struct Field<'a> {
    /// Form field name; the element id is derived from it.
    pub name: &'a str,
    /// Label.
    pub label: &'a str,
    /// Type.
    pub kind: Input,
    /// Initial value. Never a secret.
    pub value: &'a str,
    /// `autocomplete` (HTML "autofill field name").
    pub autocomplete: &'a str,
    /// An example, not a label.
    pub placeholder: &'a str,
    /// Error message.
    pub error: Option<&'a str>,
    /// Help text.
    pub help: Option<&'a str>,
    /// Whether the field may be empty.
    pub optional: bool,
    /// Omits the "optional" mark, because the empty choice is a regular answer.
    pub unmarked: bool,
    /// Whether the field gets the focus when the page opens.
    pub autofocus: bool,
    /// Whether the field is read-only.
    pub readonly: bool,
}

impl Field<'_> {
    fn described_by(&self, id: &str) -> Option<String> {
        let error = self.error.map(|_| format!("{id}-error"));
        let help = self.help.filter(|help| !help.is_empty()).map(|_| format!("{id}-help"));
        let ids: Vec<String> = [error, help].into_iter().flatten().collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn invalid(&self) -> Option<&'static str> {
        self.error.map(|_| "true")
    }

    fn label(&self, id: &str) -> Markup {
        html! { label class="label" for=(id) { (self.words()) } }
    }

    fn words(&self) -> Markup {
        html! { bdi { (self.label) } @if self.optional && !self.unmarked { span class="opt" { "(optional)" } } }
    }

    fn notes(&self, id: &str) -> Markup {
        html! {
            @if let Some(error) = self.error {
                p class="error" id={ (id) "-error" } { (icon_s(Icon::Error)) span dir="auto" { (error) } }
            }
            @if let Some(help) = self.help.filter(|help| !help.is_empty()) { p class="help" id={ (id) "-help" } dir="auto" { (help) } }
        }
    }

    fn placeholder(&self) -> Option<&str> {
        (!self.placeholder.is_empty() && self.placeholder != self.label).then_some(self.placeholder)
    }

    fn autocomplete(&self) -> &str {
        if self.autocomplete.is_empty() { "off" } else { self.autocomplete }
    }
}

/// The element id of a field: `f-` and the name; characters other than letters, digits and dashes are
/// encoded.
fn id_of(name: &str) -> String {
    let mut id = String::from("f-");
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            id.push(c);
        } else {
            id.push_str(&format!("_{:x}_", u32::from(c)));
        }
    }
    id
}

/// A single-line field.
#[must_use]
pub fn field(f: &Field) -> Markup {
    let id = id_of(f.name);
    let name_like = matches!(f.kind, Input::Username | Input::Email);
    let typed = f.kind != Input::File;
    html! {
        div class="field" {
            (f.label(&id))
            input class="input input--l" id=(id) name=(f.name) type=(f.kind.type_name()) value=[typed.then_some(f.value)]
                autocomplete=(f.autocomplete()) placeholder=[f.placeholder()] dir=[match f.kind { Input::Text => Some("auto"), Input::Phone => Some("ltr"), _ => None }]
                autocapitalize=[name_like.then_some("none")] spellcheck=[name_like.then_some("false")]
                inputmode=[match f.kind { Input::Number => Some("numeric"), Input::Phone => Some("tel"), _ => None }] step=[(f.kind == Input::Number).then_some("1")]
                aria-invalid=[f.invalid()] aria-describedby=[f.described_by(&id)]
                required[!f.optional] readonly[f.readonly] autofocus[f.autofocus];
            @if f.kind == Input::File { noscript { p class="help" { "Choosing a file needs JavaScript. Turn it on and reload this page." } } }
            (f.notes(&id))
        }
    }
}

/// A password field. The reveal button is hidden until the script shows it; `reveal` false omits it. `action`
/// is placed at the end of the label's line ("Forgotten?"). The typed value is never rendered.
#[must_use]
pub fn password_field(f: &Field, reveal: bool, action: Option<&Markup>) -> Markup {
    password(f, reveal, action, None)
}

/// A password that is to be, of at least `least` characters, with a bar that shows how hard it is to guess.
#[must_use]
pub fn new_password_field(f: &Field, least: u32) -> Markup {
    password(f, true, None, Some(least))
}

fn password(f: &Field, reveal: bool, action: Option<&Markup>, least: Option<u32>) -> Markup {
    let id = id_of(f.name);
    let wrap =
        if f.error.is_some() { "input-wrap input-wrap--l is-invalid" } else { "input-wrap input-wrap--l" };
    html! {
        div class="field" {
            @if let Some(action) = action { div class="field__top" { (f.label(&id)) (action) } } @else { (f.label(&id)) }
            div class=(wrap) {
                input class="input input--l" id=(id) name=(f.name) type="password" autocomplete=(f.autocomplete())
                    placeholder=[f.placeholder()] aria-invalid=[f.invalid()] aria-describedby=[f.described_by(&id)]
                    required[!f.optional] autofocus[f.autofocus];
                @if reveal {
                    button class="btn btn--quiet btn--icon" type="button" data-reveal=(id) aria-label={ "Show " (f.label) }
                        aria-pressed="false" hidden { (icon(Icon::Eye)) }
                }
            }
            // Drawn from the start where script runs, so that nothing moves.
            @if let Some(least) = least {
                div class="meter by-script" data-strength=(id) data-least=(least) aria-hidden="true" { @for _ in 0..4 { i {} } }
            }
            (f.notes(&id))
        }
    }
}

/// A multi-line text field.
#[must_use]
pub fn textarea(f: &Field) -> Markup {
    let id = id_of(f.name);
    html! {
        div class="field" {
            (f.label(&id))
            // Browsers drop the first line break after the tag, so one is added to keep a line break at the
            // start of the value.
            textarea class="textarea input--l" id=(id) name=(f.name) rows="4" dir="auto" autocomplete=(f.autocomplete())
                placeholder=[f.placeholder()] aria-invalid=[f.invalid()] aria-describedby=[f.described_by(&id)]
                required[!f.optional] readonly[f.readonly] autofocus[f.autofocus] { "\n" (f.value) }
            (f.notes(&id))
        }
    }
}

/// A check box, sent as `true`; sends nothing when it is not checked.
#[must_use]
pub fn checkbox(f: &Field, checked: bool) -> Markup {
    let id = id_of(f.name);
    html! {
        div class="field" {
            label class="check check--l" {
                input type="checkbox" id=(id) name=(f.name) value="true" checked[checked] aria-invalid=[f.invalid()]
                    aria-describedby=[f.described_by(&id)] autofocus[f.autofocus];
                span { bdi { (f.label) } }
            }
            (f.notes(&id))
        }
    }
}

/// An option of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Value.
    pub value: String,
    /// Label.
    pub label: String,
}

/// A drop-down list. It starts with an empty option if the field is optional, or if it is required and has no
/// valid value.
#[must_use]
pub fn select(f: &Field, choices: &[Choice]) -> Markup {
    let id = id_of(f.name);
    let known = choices.iter().any(|choice| choice.value == f.value);
    let has_empty = choices.iter().any(|choice| choice.value.is_empty());
    html! {
        div class="field" {
            (f.label(&id))
            select class="select input--l" id=(id) name=(f.name) autocomplete=(f.autocomplete()) aria-invalid=[f.invalid()]
                aria-describedby=[f.described_by(&id)] required[!f.optional] autofocus[f.autofocus] {
                @if !has_empty && (f.optional || !known) {
                    option value="" selected[!known] { @if f.placeholder.is_empty() { "Choose" } @else { (f.placeholder) } }
                }
                @for choice in choices {
                    option value=(choice.value) selected[choice.value == f.value] { (choice.label) }
                }
            }
            (f.notes(&id))
        }
    }
}

/// A group of radio buttons.
#[must_use]
pub fn radio_group(f: &Field, choices: &[Choice]) -> Markup {
    let id = id_of(f.name);
    html! {
        fieldset class="field choices" id=(id) aria-describedby=[f.described_by(&id)] {
            legend class="label" { (f.words()) }
            @for (index, choice) in choices.iter().enumerate() {
                label class="check check--l" {
                    input type="radio" name=(f.name) value=(choice.value) checked[choice.value == f.value] required[!f.optional]
                        aria-invalid=[f.invalid()] autofocus[f.autofocus && index == 0];
                    span { bdi { (choice.label) } }
                }
            }
            (f.notes(&id))
        }
    }
}

/// A one-time code: one input over drawn slots (6, or 8 when `digits` is 8). Never prefilled.
#[must_use]
pub fn code_field(f: &Field, digits: u8) -> Markup {
    let id = id_of(f.name);
    let digits = if digits == 8 { 8 } else { 6 };
    let mut class = String::from("otp");
    if digits == 8 {
        class.push_str(" otp--8");
    }
    if f.error.is_some() {
        class.push_str(" is-invalid");
    }
    html! {
        div class="field" {
            (f.label(&id))
            div class=(class) data-code {
                div class="otp__slots" aria-hidden="true" { @for _ in 0..digits { i {} } }
                div class="otp__clip" {
                    input id=(id) name=(f.name) type="text" inputmode="numeric" autocomplete="one-time-code"
                        pattern={ "[0-9]{" (digits) "}" } maxlength=(digits) aria-invalid=[f.invalid()]
                        aria-describedby=[f.described_by(&id)] required autofocus[f.autofocus];
                }
            }
            (f.notes(&id))
        }
    }
}

/// An alphanumeric code, such as a recovery code. Never prefilled.
#[must_use]
pub fn text_code_field(f: &Field) -> Markup {
    let id = id_of(f.name);
    html! {
        div class="field" {
            (f.label(&id))
            input class="input input--l input--code" id=(id) name=(f.name) type="text" dir="ltr" autocomplete="one-time-code" autocapitalize="none"
                spellcheck="false" aria-invalid=[f.invalid()] aria-describedby=[f.described_by(&id)] required autofocus[f.autofocus];
            (f.notes(&id))
        }
    }
}

/// The username for password managers, in a form without a username field.
#[must_use]
pub fn hidden_username(name: &str) -> Markup {
    html! {
        input class="vh" type="text" name="username" autocomplete="username" value=(name) tabindex="-1" aria-hidden="true" readonly;
    }
}

/// A hidden field.
#[must_use]
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

#[cfg(test)]
mod tests {
    use super::{
        Choice, Field, checkbox, code_field, field, hidden, id_of, password_field, radio_group, select,
        textarea,
    };

    #[test]
    fn every_control_keeps_text_as_text() {
        let evil = "\"><script>x</script>";
        let f = Field {
            name: evil,
            label: evil,
            value: evil,
            autocomplete: evil,
            placeholder: "p\"><script>",
            error: Some(evil),
            help: Some(evil),
            ..Field::default()
        };
        let choices = [Choice { value: evil.into(), label: evil.into() }];
        for html in [
            field(&f),
            password_field(&f, true, None),
            textarea(&f),
            checkbox(&f, true),
            select(&f, &choices),
            radio_group(&f, &choices),
            code_field(&f, 6),
            hidden(evil, evil),
        ] {
            let html = html.into_string();
            assert!(!html.contains("<script"), "{html}");
        }
        assert!(!password_field(&f, true, None).into_string().contains("value="));
        assert!(!code_field(&f, 6).into_string().contains("value="));
    }

    #[test]
    fn codes_have_six_or_eight_slots() {
        let f = Field { name: "code", label: "Code", ..Field::default() };
        for (asked, drawn) in [(6, 6), (8, 8), (200, 6)] {
            let html = code_field(&f, asked).into_string();
            assert_eq!(html.matches("<i></i>").count(), drawn);
            assert!(html.contains(&format!("maxlength=\"{drawn}\"")));
        }
    }

    #[test]
    fn ids_differ_when_names_differ() {
        assert_ne!(id_of("a.b"), id_of("a_b"));
        assert!(id_of("a b\"").bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }

    #[test]
    fn lists_start_empty_unless_a_value_is_known() {
        let choices = [Choice { value: "a".into(), label: "A".into() }];
        let f = Field { name: "x", label: "X", ..Field::default() };
        assert!(select(&f, &choices).into_string().contains("<option value=\"\" selected>"));
        assert!(!select(&Field { value: "a", ..f }, &choices).into_string().contains("<option value=\"\""));
        assert!(
            select(&Field { value: "a", optional: true, ..f }, &choices)
                .into_string()
                .contains("<option value=\"\">")
        );
    }
}
