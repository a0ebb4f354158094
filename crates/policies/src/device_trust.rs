//! Device trust policy: whether the user has signed in with this browser before.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Result, Span};
use signet_core::device;
use signet_core::policy::{Policy, Question, Verdict};
use signet_model::{Change, Model, ModelDef, Object, Snapshot};
use signet_store::known_devices;
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[DeviceTrustPolicy::DEF], kind: || Arc::new(DeviceTrust), actions: signet_rest::none };

/// Passes when the person has signed in with this browser before, and it is still remembered. How long it is
/// remembered is a setting of the stage that signs in.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "signet_policies_device_trust", path = "policies/device_trust", base = Policy, label = "Device Trust Policy", plural = "Device Trust Policies", component = "ak-policy-device-trust-form", search("name"), check = check)]
pub struct DeviceTrustPolicy {
    #[field(unique, filter)]
    pub name: String,
    /// Write an event for each run.
    #[field(default = false, filter)]
    pub execution_logging: bool,
    /// How long ago the person must have signed in with the browser for the first time.
    #[field(default = "seconds=0", filter)]
    pub minimum_age: Span,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    if Span::parse(change.text("minimum_age")).is_ok_and(|s| s < Span::ZERO) {
        return Err(FieldErrors::one("minimum_age", "Use a length of time that is not negative."));
    }
    Ok(())
}

struct DeviceTrust;

#[async_trait]
impl Policy for DeviceTrust {
    fn def(&self) -> &'static ModelDef {
        DeviceTrustPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, question: &Question<'_>) -> Result<Verdict> {
        let settings =
            policy.get::<DeviceTrustPolicy>().ok_or_else(|| Error::internal("not a device trust policy"))?;
        let (core, client) = (question.core, question.client);
        let unknown = || Ok(Verdict::fail("This device is not known."));
        let Some(person) = question.user else { return unknown() };
        if !device::is_known(core, client, person.user.id).await? {
            return unknown();
        }
        if !settings.minimum_age.is_zero() {
            let digest = core.vault.digest("device", &client.device);
            let since = question.now().minus(settings.minimum_age);
            let old = known_devices::of_user(&core.db, person.user.id)
                .await?
                .iter()
                .any(|d| d.digest == digest && d.created <= since);
            if !old {
                return Ok(Verdict::fail("This device is not known for long enough."));
            }
        }
        Ok(Verdict::pass())
    }
}
