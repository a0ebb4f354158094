//! Prompts ready to show: expressions evaluated, choices and initial value known.
use super::model::{Prepared, Prompt, PromptType};
use signet_base::{Error, Json, Map, Result, json};
use signet_core::expression::{self, Program, Value};
use signet_core::policy::Question;

/// Maximum number of choices.
const MAX_CHOICES: usize = 2000;

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub value: String,
    pub label: String,
}

#[derive(Debug, Clone)]
pub struct Field {
    pub key: String,
    pub kind: PromptType,
    pub label: String,
    pub required: bool,
    pub placeholder: String,
    /// A string, or a boolean for checkboxes.
    pub initial: Json,
    pub order: i64,
    pub sub_text: String,
    pub choices: Option<Vec<Choice>>,
}

impl Field {
    /// The field in the challenge.
    pub fn challenge(&self) -> Json {
        let choices = self
            .choices
            .as_ref()
            .map(|all| all.iter().map(|c| json!({"value": c.value, "label": c.label})).collect::<Vec<_>>());
        json!({
            "field_key": self.key, "label": self.label, "type": self.kind, "required": self.required, "placeholder": self.placeholder,
            "initial_value": shown(&self.initial), "order": self.order, "sub_text": self.sub_text, "choices": choices,
        })
    }
}

/// A plain value as text; lists and dictionaries as JSON.
pub fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Evaluates a prompt. `given`: initial values and choices set by earlier stages or policies.
pub async fn render(
    question: &Question<'_>,
    prompt: &Prompt,
    ready: &Prepared,
    given: &Map,
) -> Result<Field> {
    let kind = prompt.r#type;
    let placeholder = match &ready.placeholder {
        Some(program) => evaluate(question, program, given).await?,
        None => json!(prompt.placeholder),
    };
    let choices = if kind.has_choices() {
        let listed = given.get(&format!("{}__choices", prompt.field_key)).unwrap_or(&placeholder);
        Some(choices(listed)?)
    } else {
        None
    };
    let initial = match (given.get(&prompt.field_key), &ready.initial_value) {
        // A password is never shown again.
        _ if kind == PromptType::Password => json!(""),
        // A value typed before is a value, not an expression.
        (Some(before), _) => before.clone(),
        (None, Some(program)) => evaluate(question, program, given).await?,
        (None, None) => json!(prompt.initial_value),
    };
    let initial = match &choices {
        Some(all) if !all.iter().any(|c| c.value == shown(&initial)) => {
            json!(all.first().map_or("", |c| c.value.as_str()))
        }
        _ => initial,
    };
    Ok(Field {
        key: prompt.field_key.clone(),
        kind,
        label: prompt.label.clone(),
        required: prompt.required && !kind.is_decoration() && kind != PromptType::Checkbox,
        placeholder: if choices.is_some() { String::new() } else { shown(&placeholder) },
        initial,
        order: prompt.order,
        sub_text: prompt.sub_text.clone(),
        choices,
    })
}

async fn evaluate(question: &Question<'_>, program: &Program, given: &Map) -> Result<Json> {
    let context = Value::from(Json::Object(given.clone()));
    let outcome = expression::evaluate(question, program, vec![("prompt_context", context)])
        .await
        .map_err(Error::internal)?;
    // A user or group is shown as its text.
    match &outcome.value {
        Value::Object(object) => object
            .special()
            .text
            .map(Json::from)
            .ok_or_else(|| Error::internal(format!("{} has no text", object.type_name()))),
        value => expression::to_json(value).map_err(Error::internal),
    }
}

/// A list of plain values or of `{value, label}`; a single text is a single choice.
fn choices(listed: &Json) -> Result<Vec<Choice>> {
    let items = match listed {
        Json::Array(items) => items.as_slice(),
        Json::Null => &[],
        Json::String(text) if text.is_empty() => &[],
        one => std::slice::from_ref(one),
    };
    if items.len() > MAX_CHOICES {
        return Err(Error::internal(format!("a field has more than {MAX_CHOICES} choices")));
    }
    items
        .iter()
        .map(|item| match item {
            Json::Object(map) => {
                let value =
                    map.get("value").map(shown).ok_or_else(|| Error::internal("a choice has no value"))?;
                let label =
                    map.get("label").map(shown).filter(|l| !l.is_empty()).unwrap_or_else(|| value.clone());
                Ok(Choice { value, label })
            }
            Json::Array(_) => {
                Err(Error::internal("a choice is a plain value or a dictionary with value and label"))
            }
            plain => Ok(Choice { value: shown(plain), label: shown(plain) }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_plain_values_or_pairs() {
        let made = choices(&json!(["a", 7, {"value": "b", "label": "B"}, {"value": "c"}])).unwrap();
        let pairs: Vec<(&str, &str)> = made.iter().map(|c| (c.value.as_str(), c.label.as_str())).collect();
        assert_eq!(pairs, [("a", "a"), ("7", "7"), ("b", "B"), ("c", "c")]);
        assert_eq!(choices(&json!("only")).unwrap().len(), 1);
        assert!(choices(&json!("")).unwrap().is_empty() && choices(&json!(null)).unwrap().is_empty());
        assert!(choices(&json!([{"label": "x"}])).is_err() && choices(&json!([["x"]])).is_err());
        assert!(choices(&Json::Array(vec![json!(1); MAX_CHOICES + 1])).is_err());
    }
    #[test]
    fn a_field_shows_every_member_of_the_contract() {
        let field = Field {
            key: "k".into(),
            kind: PromptType::Text,
            label: "L".into(),
            required: true,
            placeholder: "x".into(),
            initial: json!(""),
            order: 0,
            sub_text: String::new(),
            choices: None,
        };
        let expected = json!({"choices": null, "field_key": "k", "initial_value": "", "label": "L", "order": 0, "placeholder": "x", "required": true, "sub_text": "", "type": "text"});
        assert_eq!(field.challenge(), expected);
    }
}
