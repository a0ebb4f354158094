//! Dummy policy, for trying bindings: waits, then returns the configured result.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Json, Result};
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use std::sync::Arc;
use std::time::Duration;

pub const SLICE: Slice =
    Slice { models: &[DummyPolicy::DEF], kind: || Arc::new(Dummy), actions: signet_rest::none };

/// Answers what it is told after a random time. For trying bindings.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_policies_dummy", path = "policies/dummy", base = Policy, label = "Dummy Policy", plural = "Dummy Policies", component = "ak-policy-dummy-form", search("name"), check = check)]
pub struct DummyPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    #[field(default = false, filter)]
    pub result: bool,
    /// Shortest time to wait, in seconds.
    #[field(default = 5, min = 0, max = 3600, filter)]
    pub wait_min: i64,
    /// Longest time to wait, in seconds.
    #[field(default = 30, min = 0, max = 3600, filter)]
    pub wait_max: i64,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let number = |field: &str| change.data.get(field).and_then(Json::as_i64).unwrap_or(0);
    if number("wait_max") < number("wait_min") {
        return Err(FieldErrors::one("wait_max", "The longest time may not be below the shortest."));
    }
    Ok(())
}

struct Dummy;

#[async_trait]
impl Policy for Dummy {
    fn def(&self) -> &'static ModelDef {
        DummyPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings = policy.get::<DummyPolicy>().ok_or_else(|| Error::internal("not a dummy policy"))?;
        let range = settings.wait_max.saturating_sub(settings.wait_min).max(0).unsigned_abs() + 1;
        let chance = u64::from_le_bytes(question.core.ports.bytes());
        let wait = settings.wait_min.max(0).unsigned_abs() + chance % range;
        tokio::time::sleep(Duration::from_secs(wait)).await;
        Ok(Verdict { passing: settings.result, messages: vec!["dummy".to_owned()], ..Verdict::default() })
    }
}
