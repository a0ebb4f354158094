//! Sign-in by passkey alone: at this stage if it comes first, and in the name field of the identification
//! stage (autofill).
use super::model::{AuthenticatorValidateStage, UserVerification};
use super::{assertion, outcome};
use signet_base::{Json, Result, Uuid};
use signet_core::flow::{FlowRun, FlowStep, ResponseErrors};
use signet_store::devices::DeviceKind;
use std::sync::Arc;

fn settings(flow: &FlowRun<'_>, stage: Uuid) -> Option<Arc<AuthenticatorValidateStage>> {
    let object = flow.core.config().get(stage).cloned()?;
    let settings = object.share::<AuthenticatorValidateStage>().filter(|s| s.allows(DeviceKind::Webauthn))?;
    // In the name field it replaces the password, whatever the stage requires of a second factor.
    Some(Arc::new(AuthenticatorValidateStage {
        webauthn_user_verification: UserVerification::Required,
        ..AuthenticatorValidateStage::clone(&settings)
    }))
}

/// The passkey options of a validation stage; `None` if it accepts no passkeys.
pub fn challenge(flow: &mut FlowRun<'_>, stage: Uuid) -> Option<Json> {
    let settings = settings(flow, stage)?;
    Some(assertion::options(flow, &settings, None, &[]))
}

/// Verifies a passkey by a validation stage's rules. `true`: its owner is the pending user, and
/// authenticated.
pub async fn judge(flow: &mut FlowRun<'_>, stage: Uuid, sent: &Json) -> Result<bool> {
    match settings(flow, stage) {
        Some(settings) => Ok(take(flow, &settings, sent).await?.is_ok()),
        None => Ok(false),
    }
}

async fn take(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    sent: &Json,
) -> Result<Result<assertion::Shown, &'static str>> {
    let shown = assertion::judge(flow, settings, None, sent).await?;
    match &shown {
        Ok(shown) => outcome::passwordless(flow, &shown.person, &shown.device, shown.verified),
        // The owner of a failed passkey is uncertain, so no reputation changes.
        Err(_) => outcome::failed(flow, "", DeviceKind::Webauthn).await,
    }
    Ok(shown)
}

/// An answer while there is no pending user.
pub async fn answer(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    sent: &Json,
) -> Result<FlowStep> {
    Ok(match take(flow, settings, sent).await? {
        Ok(shown) => {
            super::remembered::remember(flow, settings, &shown.person, &shown.device);
            FlowStep::Next
        }
        Err(text) => FlowStep::Invalid(ResponseErrors::one("webauthn", text, "invalid")),
    })
}
