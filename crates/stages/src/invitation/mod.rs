//! Lets people with an invitation go on.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Result};
use signet_core::flow::{FlowRun, FlowStep, StageKind, invitation, keys};
use signet_model::Model;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[InvitationStage::DEF], kind: || Arc::new(InvitationKind), actions: signet_rest::none };

/// Goes on only with an invitation, and takes over its data.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_invitation", path = "stages/invitation/stages", base = Stage, label = "Invitation Stage", component = "ak-stage-invitation-form", search("name"))]
pub struct InvitationStage {
    #[field(unique, filter)]
    pub name: String,
    /// Go on without an invitation too, or with one that does not count.
    #[field(default = false, filter)]
    pub continue_flow_without_invitation: bool,
}

struct InvitationKind;

#[async_trait]
impl StageKind for InvitationKind {
    fn id(&self) -> &'static str {
        "authentik_stages_invitation.invitationstage"
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        if invitation::is_held(&flow.plan.context) {
            return Ok(FlowStep::Next);
        }
        let settings = flow.settings::<InvitationStage>()?;
        let found = match named(flow) {
            Some(id) => invitation::find(flow.core, &id, flow.flow.pk).await?,
            None => None,
        };
        match found {
            Some(found) => {
                invitation::accept(flow, &found);
                Ok(FlowStep::Next)
            }
            None if settings.continue_flow_without_invitation => Ok(FlowStep::Next),
            None => {
                tracing::info!(request_id = %flow.client.request_id, flow = flow.flow.text("slug"), "no invitation that counts");
                Ok(FlowStep::Deny(Some(invitation::REFUSED.to_owned())))
            }
        }
    }
}

/// The invitation from the query or the form.
fn named(flow: &FlowRun<'_>) -> Option<String> {
    let typed = || {
        flow.plan
            .context
            .get(&keys::PROMPT_DATA)
            .and_then(|d| d.get("token").and_then(Json::as_str).map(str::to_owned))
    };
    let id = flow.query_value("itoken").or_else(|| flow.query_value("token")).or_else(typed)?;
    Some(id.trim().to_owned()).filter(|t| !t.is_empty() && t.len() <= 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;
    use signet_base::json;
    use signet_model::Snapshot;

    #[test]
    fn without_an_invitation_nobody_goes_on_by_default() {
        let config = Snapshot::default();
        assert_eq!(
            create(InvitationStage::DEF, json!({"name": "a"}), &config).unwrap(),
            json!({"name": "a", "continue_flow_without_invitation": false})
        );
        let wrong = create(InvitationStage::DEF, json!({"continue_flow_without_invitation": "x"}), &config)
            .unwrap_err();
        assert!(wrong.get("name").is_some() && wrong.get("continue_flow_without_invitation").is_some());
    }
}
