//! Verification of passkey and security key responses.
use super::model::{AuthenticatorValidateStage, UserVerification};
use crate::authenticator_webauthn::ceremony::{self, Ceremony, TIMEOUT};
use signet_base::{Json, Result, Uuid, json};
use signet_core::Principal;
use signet_core::directory::{self, DeviceChange};
use signet_core::event::EventAction;
use signet_core::flow::FlowRun;
use signet_store::devices::{self, Device, DeviceKind};
use signet_webauthn::{Assertion, Descriptor, Expect, RequestOptions, WebAuthnError, b64, b64_decode};

/// A verified key.
pub struct Shown {
    pub person: Principal,
    pub device: Device,
    /// The device verified a PIN or fingerprint.
    pub verified: bool,
}
/// The message for users.
pub const UNKNOWN_DEVICE: &str = "Invalid device";
pub const FAILED: &str = "Assertion failed";

/// Options for the browser. `user`: the owner of `allow`; `None`: any discoverable credential.
pub fn options(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    user: Option<i64>,
    allow: &[Descriptor],
) -> Json {
    let challenge = ceremony::challenge(flow, Ceremony::Get, user);
    let verification = verification(settings, user);
    let hints: Vec<&str> = settings.webauthn_hints.iter().map(|h| h.as_str()).collect();
    RequestOptions {
        challenge: &challenge,
        rp_id: flow.client.domain(),
        timeout: TIMEOUT,
        allow,
        user_verification: verification.as_str(),
        hints: &hints,
    }
    .json()
}

/// The required user verification. A key that alone identifies the user must verify its holder, so that a
/// found key does not suffice, unless the stage explicitly discourages it.
fn verification(settings: &AuthenticatorValidateStage, user: Option<i64>) -> UserVerification {
    match (user, settings.webauthn_user_verification) {
        (None, UserVerification::Preferred) => UserVerification::Required,
        (_, asked) => asked,
    }
}

/// Whether the stage accepts the device: confirmed, and of an allowed model.
pub fn counts(settings: &AuthenticatorValidateStage, device: &Device) -> bool {
    device.kind == DeviceKind::Webauthn
        && device.confirmed
        && settings.allows_model(Uuid::parse_str(device.text("aaguid")).ok())
}

/// Verifies the response to the open challenge. With `user`, the key must be theirs; without, the user handle
/// identifies the user.
pub async fn judge(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    user: Option<i64>,
    sent: &Json,
) -> Result<Result<Shown, &'static str>> {
    let Some(challenge) = ceremony::take(flow, Ceremony::Get, user).await? else { return Ok(Err(FAILED)) };
    let core = flow.core;
    let assertion = match Assertion::read(sent) {
        Ok(assertion) => assertion,
        Err(error) => return Ok(Err(refuse(flow, &error))),
    };
    let found = devices::by_credential(&core.db, &b64(&assertion.credential_id)).await?;
    let Some(mut device) = found.filter(|d| counts(settings, d) && user.is_none_or(|id| id == d.user_id))
    else {
        return Ok(Err(UNKNOWN_DEVICE));
    };
    let Some(person) = Principal::load(core, device.user_id).await? else { return Ok(Err(UNKNOWN_DEVICE)) };
    let own_handle = assertion.user_handle.as_deref().map(|h| h == person.uid.as_bytes());
    if own_handle == Some(false) || (user.is_none() && own_handle.is_none()) {
        return Ok(Err(UNKNOWN_DEVICE));
    }
    let origin = signet_core::address::of(flow.core, flow.client);
    let required = verification(settings, user) == UserVerification::Required;
    let expect = Expect {
        challenge: &challenge,
        origin: &origin,
        rp_id: flow.client.domain(),
        user_verification: required,
    };
    let Some(key) = b64_decode(device.text("public_key")) else { return Ok(Err(FAILED)) };
    let asserted = match assertion.verify(&expect, &key, u32::try_from(device.counter).unwrap_or(u32::MAX)) {
        Ok(asserted) => asserted,
        Err(error) => {
            if error == WebAuthnError::Counter {
                copied(flow, &person, &device).await;
            }
            return Ok(Err(refuse(flow, &error)));
        }
    };
    let now = core.now();
    if asserted.counter > 0 {
        if !devices::advance(&core.db, device.id, i64::from(asserted.counter), now).await? {
            copied(flow, &person, &device).await;
            return Ok(Err(FAILED));
        }
    } else if !devices::touch_used(&core.db, device.id, now).await? {
        return Ok(Err(UNKNOWN_DEVICE));
    }
    let backed_up = json!(asserted.flags.backed_up());
    if device.data.get("backed_up") != Some(&backed_up) {
        let before = device.clone();
        device.data.insert("backed_up".into(), backed_up);
        let author = flow.author(Some(&person), "authentik_stages_authenticator_validate");
        directory::commit(core, &author, DeviceChange::update(&before, device.clone())).await?;
    }
    Ok(Ok(Shown { person, device, verified: asserted.flags.user_verified() }))
}

fn refuse(flow: &FlowRun<'_>, error: &WebAuthnError) -> &'static str {
    tracing::info!(%error, request_id = %flow.client.request_id, "a passkey was not accepted");
    FAILED
}
/// A decreasing counter means that the key was cloned, or the response replayed.
async fn copied(flow: &FlowRun<'_>, person: &Principal, device: &Device) {
    let said = json!({"message": "The counter of a security key went back. It may have been copied.", "device": device.event_model(device.id)});
    flow.core
        .event(
            flow.client,
            Some(person),
            EventAction::SuspiciousRequest,
            "authentik_stages_authenticator_validate",
            said,
        )
        .await;
}
