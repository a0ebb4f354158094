//! Signing in by a passkey alone: at this stage when it comes first, and from the name field of the
//! identification stage (autofill).
use super::{AuthenticatorValidateStage, UserVerification, assertion, outcome};
use signet_base::{Json, Result, Uuid};
use signet_core::flow::{FlowRun, FlowStep, ResponseErrors};
use signet_store::devices::DeviceKind;
use std::sync::Arc;

fn settings(flow: &FlowRun<'_>, stage: Uuid) -> Option<Arc<AuthenticatorValidateStage>> {
    let object = flow.core.config().get(stage).cloned()?;
    let settings = object.share::<AuthenticatorValidateStage>().filter(|s| s.allows(DeviceKind::Webauthn))?;
    // At the name field it stands for the password, whatever the stage asks of a second factor.
    Some(Arc::new(AuthenticatorValidateStage {
        webauthn_user_verification: UserVerification::Required,
        ..AuthenticatorValidateStage::clone(&settings)
    }))
}

/// What the browser is asked for the passkeys of a validation stage; none when that stage takes no passkeys.
pub fn challenge(flow: &mut FlowRun<'_>, stage: Uuid) -> Option<Json> {
    let settings = settings(flow, stage)?;
    Some(assertion::options(flow, &settings, None, &[]))
}

/// Judges a passkey by the rules of a validation stage. True: its owner is the pending person, and proven.
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
        // Whose key it would have been is not known for sure: nobody's reputation suffers.
        Err(_) => outcome::failed(flow, "", DeviceKind::Webauthn).await,
    }
    Ok(shown)
}

/// An answer to this stage when nobody is named yet.
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
