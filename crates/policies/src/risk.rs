//! Risk policy: how unusual the request is for the user.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Result};
use signet_core::policy::{Policy, Question, Verdict};
use signet_core::risk;
use signet_model::{Model, ModelDef, Object};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[RiskPolicy::DEF], kind: || Arc::new(Risk), actions: signet_rest::none };

/// Passes when the risk score of the request is at the threshold or above it: a stage that is bound so is for
/// risky sign-ins. The score adds up bad reputation, an unknown browser, a new country, impossible travel and
/// an external network.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_policies_risk", path = "policies/risk", base = Policy, label = "Risk Policy", plural = "Risk Policies", component = "ak-policy-risk-form", search("name"))]
pub struct RiskPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// Score from 1 to 100.
    #[field(default = 50, min = 1, max = 100, filter)]
    pub threshold: i64,
}

struct Risk;

#[async_trait]
impl Policy for Risk {
    fn def(&self) -> &'static ModelDef {
        RiskPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy.get::<RiskPolicy>().ok_or_else(|| Error::internal("not a risk policy"))?;
        let risk = risk::assess(question).await?;
        Ok(Verdict { passing: risk.score >= settings.threshold, ..Verdict::default() })
    }
}
