//! Shows a text that the user has to agree to.
mod api;
mod page;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Result};
use signet_core::flow::{Challenge, FlowRun, FlowStep, Key, ResponseErrors, StageKind};
use signet_model::{Change, Model, Snapshot};
use signet_pages::{FormContext, StagePage};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[NoticeStage::DEF], kind: || Arc::new(Notice), actions: api::actions };

/// Shows a text and goes on when the user agrees to it.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_stages_notice", path = "stages/notice", base = Stage, label = "Notice Stage", component = "ak-stage-notice-form", search("name"), check = check)]
pub struct NoticeStage {
    #[field(unique, filter)]
    pub name: String,
    /// Text that the user reads.
    #[field(widget = "textarea", max = 10_000)]
    pub text: String,
    /// Label of a box to tick. Empty: a button is enough.
    #[field(default = "", blank, max = 200)]
    pub agreement: String,
}

/// Validation beyond the types of the fields.
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    if change.text("agreement").contains('\n') {
        return Err(FieldErrors::one("agreement", "Use one line."));
    }
    Ok(())
}

/// Set when the user has agreed; policies of later stages can read it.
const AGREED: Key<bool> = Key::new("notice_agreed");
const COMPONENT: &str = "ak-stage-notice";
struct Notice;

#[async_trait]
impl StageKind for Notice {
    fn id(&self) -> &'static str {
        "signet_stages_notice.noticestage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<NoticeStage>()?;
        let challenge = Challenge::new(COMPONENT)
            .with("text", settings.text.as_str())
            .with("agreement", settings.agreement.as_str());
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<NoticeStage>()?;
        if let Err(errors) = judge(answer, !settings.agreement.is_empty()) {
            return Ok(FlowStep::Invalid(errors));
        }
        flow.context().set(&AGREED, true);
        Ok(FlowStep::Next)
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
}

/// An answer names its component, so an empty post does not go on. JSON sends a boolean, forms a string.
fn judge(answer: &Map, must_agree: bool) -> Result<(), ResponseErrors> {
    if answer.get("component").and_then(Json::as_str) != Some(COMPONENT) {
        return Err(ResponseErrors::required("component"));
    }
    let agreed = match answer.get("agree") {
        Some(Json::Bool(yes)) => *yes,
        Some(Json::String(text)) => text == "true",
        _ => false,
    };
    if must_agree && !agreed {
        return Err(ResponseErrors::one("agree", "Tick the box to go on.", "required"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};
    use signet_base::json;

    #[test]
    fn the_declaration_names_what_is_wrong() {
        let config = Snapshot::default();
        let made = create(NoticeStage::DEF, json!({"name": "a", "text": "Be kind."}), &config).unwrap();
        assert_eq!(made, json!({"name": "a", "text": "Be kind.", "agreement": ""}));
        let wrong = create(NoticeStage::DEF, json!({"name": "a", "agreement": "x\ny"}), &config).unwrap_err();
        assert!(wrong.get("text").is_some());
        let sent = json!({"name": "a", "text": "b", "agreement": "x\ny"});
        let wrong = create(NoticeStage::DEF, sent, &config).unwrap_err();
        assert_eq!(wrong, json!({"agreement": ["Use one line."]}));
    }

    #[test]
    fn only_a_whole_answer_goes_on() {
        let agreed = map(json!({"component": COMPONENT, "agree": "true"}));
        assert!(judge(&agreed, true).is_ok());
        assert!(judge(&map(json!({"component": COMPONENT})), false).is_ok());
        for wrong in [
            json!({}),
            json!({"agree": true}),
            json!({"component": "ak-stage-dummy", "agree": true}),
            json!({"component": COMPONENT, "agree": "no"}),
            json!({"component": COMPONENT, "agree": null}),
        ] {
            assert!(judge(&map(wrong.clone()), true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_page_escapes_text_and_shows_the_error_at_the_box() {
        let error = json!([{"string": "Tick the box to go on.", "code": "required"}]);
        let challenge = json!({
            "component": COMPONENT, "text": "<b>x</b>", "agreement": "Yes", "response_errors": {"agree": error},
        });
        let page = (SLICE.kind)().page(&challenge, &FormContext::new("/if/flow/x/", "csrf")).unwrap();
        let body = page.body().clone().into_string();
        assert!(body.contains("&lt;b&gt;x"));
        assert!(body.contains("Tick the box") && body.contains("name=\"csrf\""));
    }
}
