//! What administrators declare: prompts, and stages that show some of them.
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Uuid, json};
use signet_core::expression::{self, Program};
use signet_model::{Change, Choice, FieldDef, FieldKind, Model, Object, Snapshot};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum PromptType {
    Text,
    TextArea,
    TextReadOnly,
    TextAreaReadOnly,
    Username,
    Email,
    Password,
    Number,
    Checkbox,
    #[choice("radio-button-group")]
    RadioButtonGroup,
    Dropdown,
    Date,
    #[choice("date-time")]
    DateTime,
    File,
    Separator,
    Hidden,
    Static,
    AlertInfo,
    AlertWarning,
    AlertDanger,
    #[choice("ak-locale")]
    AkLocale,
}
impl PromptType {
    /// The user selects one of the field's choices.
    pub fn has_choices(self) -> bool {
        matches!(self, Self::RadioButtonGroup | Self::Dropdown)
    }
    /// The server sets the value; a sent one is ignored.
    pub fn is_fixed(self) -> bool {
        matches!(self, Self::Hidden | Self::Static | Self::TextReadOnly | Self::TextAreaReadOnly)
    }
    /// Decoration without a value.
    pub fn is_decoration(self) -> bool {
        matches!(self, Self::Separator | Self::AlertInfo | Self::AlertWarning | Self::AlertDanger)
    }
}

const EXTRA: &[FieldDef] = &[FieldDef::shown("prompt_stages_obj", FieldKind::List(&FieldKind::Object))];

/// One field of a form.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_prompt", path = "stages/prompt/prompts", label = "Prompt", search("name", "field_key", "label", "type", "placeholder"), ordering = "field_key", check = check, present = present, prepare = prepare, extra = EXTRA)]
pub struct Prompt {
    #[field(unique, filter)]
    pub name: String,
    /// Name of the value. Dots lead into dictionaries: `attributes.phone`.
    #[field(filter)]
    pub field_key: String,
    #[field(filter, widget = "textarea")]
    pub label: String,
    #[field(choice, filter)]
    pub r#type: PromptType,
    #[field(default = true)]
    pub required: bool,
    /// Shown in an empty field. Of a field with choices: the choices, when it is an expression.
    #[field(default = "", blank, filter, widget = "textarea")]
    pub placeholder: String,
    #[field(default = "", blank, filter, widget = "textarea")]
    pub initial_value: String,
    #[field(default = 0, filter)]
    pub order: i64,
    /// Shown below the field.
    #[field(default = "", blank, widget = "textarea")]
    pub sub_text: String,
    /// The placeholder is an expression.
    #[field(default = false, gives = "everything")]
    pub placeholder_expression: bool,
    /// The initial value is an expression.
    #[field(default = false, gives = "everything")]
    pub initial_value_expression: bool,
}

/// The parsed expressions of a prompt.
pub struct Prepared {
    pub placeholder: Option<Program>,
    pub initial_value: Option<Program>,
}
impl Prepared {
    pub fn of(prompt: &Prompt) -> Result<Self, String> {
        let parsed = |on: bool, name: &str, text: &str| {
            if on {
                expression::parse(text).map(Some).map_err(|why| format!("{name}: {why}"))
            } else {
                Ok(None)
            }
        };
        Ok(Self {
            placeholder: parsed(prompt.placeholder_expression, "placeholder", &prompt.placeholder)?,
            initial_value: parsed(prompt.initial_value_expression, "initial_value", &prompt.initial_value)?,
        })
    }
}
fn prepare(prompt: &Prompt) -> Result<signet_model::def::Prepared, String> {
    Prepared::of(prompt).map(|ready| Arc::new(ready) as signet_model::def::Prepared)
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    let key = change.text("field_key");
    if key.split('.').any(str::is_empty) || key.chars().any(|c| c.is_control() || c.is_whitespace()) {
        errors.add("field_key", "Use names without spaces, joined by single dots.");
    }
    if ["component", "csrf", "non_field_errors"].contains(&key) {
        errors.add("field_key", "This name is reserved.");
    }
    for (field, switch) in
        [("placeholder", "placeholder_expression"), ("initial_value", "initial_value_expression")]
    {
        if change.data.get(switch) == Some(&Json::Bool(true))
            && let Err(faults) = expression::faults(change.text(field))
        {
            // The field in which authentik's clients expect the error.
            faults.into_iter().for_each(|why| errors.add("non_field_errors", format!("{field}: {why}")));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
fn present(prompt: &Object, config: &Snapshot, out: &mut Map) {
    let mut stages: Vec<_> = config.referring(prompt, "fields").collect();
    stages.sort_by(|a, b| a.name().cmp(b.name()));
    out.insert(
        "prompt_stages_obj".into(),
        stages.into_iter().map(|s| Json::Object(signet_core::wire::present(s, config))).collect(),
    );
}

/// Shows a form and keeps what was typed.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_prompt", path = "stages/prompt/stages", base = Stage, label = "Prompt Stage", component = "ak-stage-prompt-form", search("name"))]
pub struct PromptStage {
    #[field(unique, filter)]
    pub name: String,
    #[field(refers = "authentik_stages_prompt.prompt", nonempty, filter)]
    pub fields: Vec<Uuid>,
    /// All of them must pass; they see the values as `prompt_data`.
    #[field(refers = "authentik_policies.policy", default_fn = |_| json!([]), filter)]
    pub validation_policies: Vec<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;

    #[test]
    fn prompts_need_a_key_a_label_and_a_known_type() {
        let config = Snapshot::default();
        let required = json!(["This field is required."]);
        assert_eq!(
            create(Prompt::DEF, json!({}), &config).unwrap_err(),
            json!({"name": required, "field_key": required, "label": required, "type": required})
        );
        let base = json!({"name": "a", "field_key": "k", "label": "L", "type": "text"});
        let with = |name: &str, value: Json| {
            let mut sent = base.clone();
            sent[name] = value;
            create(Prompt::DEF, sent, &config)
        };
        assert_eq!(with("type", json!("radio-button-group")).unwrap()["required"], json!(true));
        assert!(with("type", json!("bogus")).unwrap_err().get("type").is_some());
        for key in ["a..b", ".a", "a b", "component"] {
            assert!(with("field_key", json!(key)).unwrap_err().get("field_key").is_some(), "{key}");
        }
        let mut sent = base.clone();
        (sent["placeholder"], sent["placeholder_expression"]) = (json!("return ("), json!(true));
        let why = create(Prompt::DEF, sent, &config).unwrap_err();
        assert!(why["non_field_errors"][0].as_str().unwrap().starts_with("placeholder: line 1"));
    }
    #[test]
    fn a_stage_needs_fields_that_exist() {
        let config = Snapshot::default();
        let required = json!(["This field is required."]);
        assert_eq!(
            create(PromptStage::DEF, json!({}), &config).unwrap_err(),
            json!({"name": required, "fields": required})
        );
        for wrong in [json!(["x"]), json!([]), json!([Uuid::nil()])] {
            assert!(
                create(PromptStage::DEF, json!({"name": "a", "fields": wrong}), &config)
                    .unwrap_err()
                    .get("fields")
                    .is_some()
            );
        }
    }
}
