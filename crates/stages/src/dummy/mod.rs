//! A stage for trying flows.
mod page;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result};
use signet_core::flow::{Challenge, FlowRun, FlowStep, ResponseErrors, StageKind};
use signet_model::Model;
use signet_pages::{FormContext, StagePage};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[DummyStage::DEF], kind: || Arc::new(Dummy), actions: signet_rest::none };

/// Shows a button and goes on. For trying flows.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_dummy", path = "stages/dummy", base = Stage, label = "Dummy Stage", component = "ak-stage-dummy-form", search("name"))]
pub struct DummyStage {
    #[field(unique, filter)]
    pub name: String,
    /// Fail instead, to see what people see then.
    #[field(default = false, filter)]
    pub throw_error: bool,
}

const COMPONENT: &str = "ak-stage-dummy";
struct Dummy;

#[async_trait]
impl StageKind for Dummy {
    fn id(&self) -> &'static str {
        "authentik_stages_dummy.dummystage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<DummyStage>()?;
        if settings.throw_error {
            return Err(Error::internal("the dummy stage was told to fail"));
        }
        Ok(FlowStep::Show(Challenge::new(COMPONENT).with("name", settings.name.as_str())))
    }
    async fn answer(&self, _: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        Ok(judge(answer))
    }
}

/// The answer consists of the component only, so it is required.
fn judge(answer: &Map) -> FlowStep {
    match answer.get("component").and_then(Json::as_str) {
        Some(COMPONENT) => FlowStep::Next,
        _ => FlowStep::Invalid(ResponseErrors::required("component")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use signet_base::json;

    #[test]
    fn an_answer_for_another_stage_does_not_advance() {
        assert!(matches!(judge(&map(json!({"component": COMPONENT}))), FlowStep::Next));
        for wrong in [json!({}), json!({"component": "ak-stage-password"}), json!({"component": null})] {
            assert!(matches!(judge(&map(wrong)), FlowStep::Invalid(_)));
        }
    }
}
