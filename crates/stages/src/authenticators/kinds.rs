//! What depends on the kind of a device.
use super::{email, sms, static_codes, totp};
use signet_base::{Error, Json, Result, json};
use signet_core::flow::FlowRun;
use signet_core::{Core, Principal};
use signet_store::devices::{Device, DeviceKind};

/// Whether the code is valid for the device, and unused. The caller tries each device and counts the attempt.
pub async fn verify(core: &Core, user: i64, device: &Device, code: &str) -> Result<bool> {
    match device.kind {
        DeviceKind::Totp => totp::verify(core, user, device, code).await,
        DeviceKind::Static => static_codes::verify(core, user, device, code).await,
        DeviceKind::Sms => sms::verify(core, user, device, code).await,
        DeviceKind::Email => email::verify(core, user, device, code).await,
        DeviceKind::Webauthn | DeviceKind::Duo => Ok(false),
    }
}

/// Sends a new code to a device that receives codes by message.
///
/// # Errors
/// `Denied` when the limit is reached, `Unavailable` when the message was not sent; both have a message for
/// the user.
pub async fn send(flow: &FlowRun<'_>, person: &Principal, device: &Device) -> Result<()> {
    match device.kind {
        DeviceKind::Sms => sms::send(flow.core, flow.client, person, device).await,
        DeviceKind::Email => email::send(flow.core, flow.client, person, device).await,
        _ => Err(Error::NotFound),
    }
}

/// A device's members in a challenge, beside its class.
pub fn challenge_of(device: &Device) -> Json {
    match device.kind {
        DeviceKind::Totp if totp::digits(device) != 6 => json!({"digits": totp::digits(device)}),
        DeviceKind::Sms => json!({"phone_number": sms::masked(device)}),
        DeviceKind::Email => json!({"email": email::masked(device)}),
        _ => json!({}),
    }
}
