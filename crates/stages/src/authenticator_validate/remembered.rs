//! The cookie that remembers a second factor for `last_auth_threshold`. It is valid for the same user, stage,
//! device and browser, until the device is deleted or the account's epoch rises.
use super::model::AuthenticatorValidateStage;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use signet_base::{Span, Timestamp, Uuid};
use signet_core::flow::FlowRun;
use signet_core::session::MFA_COOKIE;
use signet_core::{Core, Principal};
use signet_store::devices::Device;

#[derive(Serialize, Deserialize)]
struct RememberedDevice {
    user: String,
    stage: Uuid,
    device: Uuid,
    /// The account's epoch.
    epoch: i64,
    at: i64,
}

fn seal(core: &Core, note: &RememberedDevice) -> Option<String> {
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_string(note).ok()?);
    let signature = core.vault.sign("mfa cookie", body.as_bytes());
    Some(format!("{body}.{signature}"))
}
fn open(core: &Core, cookie: &str) -> Option<RememberedDevice> {
    let (body, signature) = cookie.split_once('.')?;
    if !core.vault.signature_fits("mfa cookie", body.as_bytes(), signature) {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}
fn counts(note: &RememberedDevice, threshold: Span, now: Timestamp) -> bool {
    let age = now.secs().saturating_sub(note.at);
    (0..threshold.secs()).contains(&age)
}

/// Whether one of the devices was used in this browser within the stage's time.
pub fn fits(
    flow: &FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    devices: &[Device],
) -> bool {
    if settings.last_auth_threshold <= Span::ZERO || flow.client.mfa.is_empty() {
        return false;
    }
    let Some(stage) = flow.stage.as_ref().map(|s| s.pk) else { return false };
    let Some(note) = open(flow.core, &flow.client.mfa) else { return false };
    note.user == person.uid
        && note.epoch == person.user.epoch
        && note.stage == stage
        && devices.iter().any(|d| d.uuid == note.device)
        && counts(&note, settings.last_auth_threshold, flow.core.now())
}

/// Remembers the device that was just used.
pub fn remember(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    device: &Device,
) {
    let (Some(stage), true) = (flow.stage.as_ref().map(|s| s.pk), settings.last_auth_threshold > Span::ZERO)
    else {
        return;
    };
    let note = RememberedDevice {
        user: person.uid.clone(),
        stage,
        device: device.uuid,
        epoch: person.user.epoch,
        at: flow.core.now().secs(),
    };
    if let Some(value) = seal(flow.core, &note) {
        let cookie = flow.core.cookie(
            flow.client,
            MFA_COOKIE,
            &value,
            Some(settings.last_auth_threshold.secs()),
            true,
        );
        flow.session.add_cookie(cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_note_counts_until_its_time_is_over_and_never_before_it_was_made() {
        let note =
            RememberedDevice { user: "u".into(), stage: Uuid::nil(), device: Uuid::nil(), epoch: 0, at: 100 };
        for (now, fits) in [(99, false), (100, true), (109, true), (110, false)] {
            assert_eq!(counts(&note, Span::from_secs(10), Timestamp::from_secs(now)), fits, "{now}");
        }
    }
}
