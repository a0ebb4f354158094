//! Validation of prompt answers, field by field.
use super::field::{Field, shown};
use super::model::PromptType;
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::{Json, Map, Timestamp, json};
use signet_core::flow::ResponseErrors;
use signet_core::hash::MAX_PASSWORD;

/// Maximum length of a plain field in characters.
const MAX_TEXT: usize = 16 * 1024;
/// Maximum length of a file's data URI in bytes.
const MAX_FILE: usize = 1024 * 1024;

/// Message and code of an error.
type Complaint = (String, &'static str);

fn complain<T>(text: impl Into<String>, code: &'static str) -> Result<T, Complaint> {
    Err((text.into(), code))
}

/// The values by field key, or the errors.
pub fn judge(fields: &[Field], answer: &Map) -> Result<Map, ResponseErrors> {
    let (mut data, mut errors) = (Map::new(), ResponseErrors::default());
    for field in fields.iter().filter(|f| !f.kind.is_decoration()) {
        match value(field, answer.get(&field.key)) {
            Ok(value) => drop(data.insert(field.key.clone(), value)),
            Err((text, code)) => errors.add(&field.key, &text, code),
        }
    }
    if errors.is_empty() { Ok(data) } else { Err(errors) }
}

/// All password fields of a form must have the same value.
pub fn passwords_match(fields: &[Field], data: &Map) -> bool {
    let mut all = fields.iter().filter(|f| f.kind == PromptType::Password).map(|f| data.get(&f.key));
    match all.next() {
        Some(first) => all.all(|other| other == first),
        None => true,
    }
}

fn value(field: &Field, sent: Option<&Json>) -> Result<Json, Complaint> {
    if field.kind.is_fixed() {
        return Ok(field.initial.clone());
    }
    if field.kind == PromptType::Checkbox {
        return boolean(sent);
    }
    let text = match sent {
        None if field.required => return complain("This field is required.", "required"),
        None => String::new(),
        Some(Json::Null) if field.required => return complain("This field may not be null.", "null"),
        Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        Some(_) => return complain("Not a valid string.", "invalid"),
    };
    let text = if field.kind == PromptType::Password { text } else { text.trim().to_owned() };
    if text.contains('\0') {
        return complain("Null characters are not allowed.", "null_characters_not_allowed");
    }
    if text.is_empty() {
        // An empty language is a valid choice: automatic.
        let may = !field.required || field.kind == PromptType::AkLocale;
        return if !may { complain("This field may not be blank.", "blank") } else { Ok(json!("")) };
    }
    typed(field, text)
}

fn typed(field: &Field, text: String) -> Result<Json, Complaint> {
    let limit = match field.kind {
        PromptType::Username => 150,
        PromptType::Email => 254,
        PromptType::File => MAX_FILE,
        _ => MAX_TEXT,
    };
    if text.chars().count() > limit {
        return complain(format!("Ensure this field has no more than {limit} characters."), "max_length");
    }
    match field.kind {
        PromptType::Username if text.chars().any(char::is_control) => {
            complain("Control characters are not allowed.", "invalid")
        }
        PromptType::Email if !signet_model::check::email(&text) => {
            complain("Enter a valid email address.", "invalid")
        }
        PromptType::Password if text.len() > MAX_PASSWORD => {
            complain(format!("Use at most {MAX_PASSWORD} bytes."), "max_length")
        }
        PromptType::Number => match text.parse::<i64>() {
            Ok(number) => Ok(json!(number)),
            Err(_) => complain("A valid integer is required.", "invalid"),
        },
        PromptType::RadioButtonGroup | PromptType::Dropdown => {
            let offered = field.choices.as_ref().is_some_and(|all| all.iter().any(|c| c.value == text));
            if offered {
                Ok(json!(text))
            } else {
                complain(format!("\"{text}\" is not a valid choice."), "invalid_choice")
            }
        }
        PromptType::Date if text.len() != 10 || Timestamp::parse(&text).is_err() => {
            complain("Date has wrong format. Use one of these formats instead: YYYY-MM-DD.", "invalid")
        }
        PromptType::DateTime if text.len() < 16 || Timestamp::parse(&text).is_err() => complain(
            "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
            "invalid",
        ),
        PromptType::File if !is_data_uri(&text) => {
            complain("Send the file as a data URI in base64.", "invalid")
        }
        PromptType::AkLocale if !is_locale(&text) => {
            complain(format!("\"{text}\" is not a valid choice."), "invalid_choice")
        }
        _ => Ok(json!(text)),
    }
}

/// JSON sends a boolean; a form sends a string, or nothing for an unticked box.
fn boolean(sent: Option<&Json>) -> Result<Json, Complaint> {
    match sent {
        None | Some(Json::Null) => Ok(json!(false)),
        Some(Json::Bool(yes)) => Ok(json!(yes)),
        Some(other) => match shown(other).to_ascii_lowercase().as_str() {
            "true" | "on" | "1" | "yes" => Ok(json!(true)),
            "false" | "off" | "0" | "no" | "" => Ok(json!(false)),
            _ => complain("Must be a valid boolean.", "invalid"),
        },
    }
}

/// RFC 2397, Base64 only.
fn is_data_uri(text: &str) -> bool {
    let Some((head, body)) = text.strip_prefix("data:").and_then(|rest| rest.split_once(',')) else {
        return false;
    };
    let media = head.strip_suffix(";base64");
    media.is_some_and(|m| m.len() <= 128 && m.chars().all(|c| c.is_ascii_graphic()))
        && STANDARD.decode(body).is_ok()
}

/// `en`, `pt_BR`, `zh-Hans`
fn is_locale(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let word = |p: &str, least: usize, most: usize| {
        (least..=most).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    parts.next().is_some_and(|p| word(p, 2, 3)) && parts.all(|p| word(p, 2, 8)) && text.len() <= 20
}

#[cfg(test)]
mod tests {
    use super::super::field::Choice;
    use super::*;
    use crate::testing::map;

    fn field(key: &str, kind: PromptType, required: bool) -> Field {
        Field {
            key: key.into(),
            kind,
            label: "L".into(),
            required,
            placeholder: String::new(),
            initial: json!("fixed"),
            order: 0,
            sub_text: String::new(),
            choices: kind.has_choices().then(|| vec![Choice { value: "a".into(), label: "A".into() }]),
        }
    }
    fn one(kind: PromptType, required: bool, sent: Json) -> Result<Json, ResponseErrors> {
        judge(&[field("k", kind, required)], &map(sent))
            .map(|data| data.get("k").cloned().unwrap_or_default())
    }
    fn code(kind: PromptType, sent: Json) -> String {
        let errors = one(kind, true, sent).unwrap_err().into_json();
        errors["k"][0]["code"].as_str().unwrap().to_owned()
    }

    #[test]
    fn each_kind_refuses_what_it_is_not() {
        use PromptType::*;
        assert_eq!(one(Text, true, json!({})).unwrap_err(), ResponseErrors::required("k"));
        assert_eq!(code(Text, json!({"k": " "})), "blank");
        assert_eq!(code(Text, json!({"k": null})), "null");
        assert_eq!(code(Text, json!({"k": {"a": 1}})), "invalid");
        assert_eq!(code(Text, json!({"k": "a\u{0}"})), "null_characters_not_allowed");
        assert_eq!(code(Text, json!({"k": "x".repeat(MAX_TEXT + 1)})), "max_length");
        assert_eq!(code(Username, json!({"k": "x".repeat(151)})), "max_length");
        assert_eq!(code(Username, json!({"k": "a\u{7}b"})), "invalid");
        assert_eq!(code(Email, json!({"k": "not-mail"})), "invalid");
        assert_eq!(code(Password, json!({"k": "x".repeat(513)})), "max_length");
        assert_eq!(code(Number, json!({"k": "1.5"})), "invalid");
        assert_eq!(code(Checkbox, json!({"k": "maybe"})), "invalid");
        assert_eq!(code(Dropdown, json!({"k": "b"})), "invalid_choice");
        assert_eq!(code(RadioButtonGroup, json!({"k": ["a"]})), "invalid");
        assert_eq!(code(Date, json!({"k": "2026-13-01"})), "invalid");
        assert_eq!(code(DateTime, json!({"k": "2026-01-01"})), "invalid");
        for file in ["x", "data:text/plain,abc", "data:text/plain;base64,%%"] {
            assert_eq!(code(File, json!({"k": file})), "invalid");
        }
        assert_eq!(code(AkLocale, json!({"k": "../../x"})), "invalid_choice");
    }
    #[test]
    fn each_kind_accepts_what_it_is() {
        use PromptType::*;
        for (kind, sent, kept) in [
            (Text, json!(" a "), json!("a")),
            (Password, json!(" a "), json!(" a ")),
            (Email, json!("a@b.test"), json!("a@b.test")),
            (Number, json!(" 7 "), json!(7)),
            (Number, json!(7), json!(7)),
            (Checkbox, json!("on"), json!(true)),
            (Dropdown, json!("a"), json!("a")),
            (Date, json!("2026-01-31"), json!("2026-01-31")),
            (DateTime, json!("2026-01-31T10:00"), json!("2026-01-31T10:00")),
            (File, json!("data:text/plain;base64,YQ=="), json!("data:text/plain;base64,YQ==")),
            (AkLocale, json!("pt_BR"), json!("pt_BR")),
        ] {
            assert_eq!(one(kind, true, json!({"k": sent})).unwrap(), kept, "{kind:?}");
        }
        assert_eq!(one(Checkbox, true, json!({})).unwrap(), json!(false));
        assert_eq!(one(Number, false, json!({})).unwrap(), json!(""));
        assert_eq!(one(AkLocale, true, json!({"k": ""})).unwrap(), json!(""));
    }
    #[test]
    fn fixed_values_cannot_be_altered_and_unknown_members_are_dropped() {
        use PromptType::*;
        for kind in [Hidden, Static, TextReadOnly, TextAreaReadOnly] {
            assert_eq!(one(kind, true, json!({"k": "mine", "is_superuser": true})).unwrap(), json!("fixed"));
        }
        let data = judge(
            &[field("k", Text, true), field("s", Separator, true)],
            &map(json!({"k": "a", "s": "b", "x": "c"})),
        )
        .unwrap();
        assert_eq!(Json::Object(data), json!({"k": "a"}));
    }
    #[test]
    fn passwords_of_a_form_must_match() {
        let fields = [
            field("a", PromptType::Password, true),
            field("b", PromptType::Password, true),
            field("c", PromptType::Text, true),
        ];
        assert!(passwords_match(&fields, &map(json!({"a": "x", "b": "x", "c": "y"}))));
        assert!(!passwords_match(&fields, &map(json!({"a": "x", "b": "y"}))));
        assert!(passwords_match(&fields[2..], &Map::new()));
    }
}
