//! Ends a flow with a refusal.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::Result;
use signet_core::flow::{FlowRun, FlowStep, StageKind, keys};
use signet_model::Model;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[DenyStage::DEF], kind: || Arc::new(Deny), actions: signet_rest::none };

/// Cancels the current flow.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_deny", path = "stages/deny", base = Stage, label = "Deny Stage", component = "ak-stage-deny-form", search("name"))]
pub struct DenyStage {
    #[field(unique, filter)]
    pub name: String,
    /// Shown to the person. The flow context's `deny_message` goes first; empty means the usual text.
    #[field(default = "", blank, filter, widget = "textarea")]
    pub deny_message: String,
}

struct Deny;

#[async_trait]
impl StageKind for Deny {
    fn id(&self) -> &'static str {
        "authentik_stages_deny.denystage"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<DenyStage>()?;
        let text =
            flow.plan.context.get(&keys::DENY_MESSAGE).unwrap_or_else(|| settings.deny_message.clone());
        Ok(FlowStep::Deny(Some(text).filter(|t| !t.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;
    use signet_base::json;
    use signet_model::Snapshot;

    #[test]
    fn the_declaration_names_what_is_wrong() {
        let config = Snapshot::default();
        assert_eq!(
            create(DenyStage::DEF, json!({}), &config).unwrap_err(),
            json!({"name": ["This field is required."]})
        );
        assert_eq!(
            create(DenyStage::DEF, json!({"name": "a", "deny_message": {}}), &config).unwrap_err(),
            json!({"deny_message": ["Not a valid string."]})
        );
        assert_eq!(
            create(DenyStage::DEF, json!({"name": "a"}), &config).unwrap(),
            json!({"name": "a", "deny_message": ""})
        );
    }
}
