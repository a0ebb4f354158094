//! Usable devices, and the challenge that lists them.
use super::model::{AuthenticatorValidateStage, DeviceClass};
use super::{COMPONENT, assertion};
use crate::authenticator_webauthn::descriptor;
use crate::authenticators::{self, sms};
use signet_base::{Json, Result, json};
use signet_core::flow::{Challenge, FlowRun};
use signet_core::{Core, Principal};
use signet_store::devices::{self, Device, DeviceKind};
use signet_webauthn::Descriptor;

/// The user's confirmed devices that the stage accepts, ordered by its classes.
pub async fn of(core: &Core, settings: &AuthenticatorValidateStage, user: i64) -> Result<Vec<Device>> {
    let mut all = devices::of_user(&core.db, user, None).await?;
    all.retain(|d| {
        let usable = match d.kind {
            DeviceKind::Webauthn => assertion::counts(settings, d),
            DeviceKind::Sms => sms::usable(d),
            _ => true,
        };
        d.confirmed && usable && settings.allows(d.kind)
    });
    all.sort_by_key(|d| settings.device_classes.iter().position(|c| c.kind() == d.kind));
    Ok(all)
}

/// One entry per class; all passkeys of a user are one challenge. Before authentication the entry contains
/// only what the browser needs.
pub fn challenge(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    devices: &[Device],
    proven: bool,
) -> Challenge {
    let mut entries: Vec<Json> = Vec::new();
    for kind in settings.device_classes.iter().map(|c: &DeviceClass| c.kind()) {
        let own: Vec<&Device> = devices.iter().filter(|d| d.kind == kind).collect();
        let Some(first) = own.iter().max_by_key(|d| (d.last_used, std::cmp::Reverse(d.id))) else { continue };
        if entries.iter().any(|e| e["device_class"] == kind.as_str()) {
            continue;
        }
        let detail = match kind {
            DeviceKind::Webauthn => {
                let mut allow: Vec<Descriptor> = own.iter().filter_map(|d| descriptor(d)).collect();
                if !proven {
                    allow.iter_mut().for_each(|d| d.transports.clear());
                }
                assertion::options(flow, settings, Some(person.user.id), &allow)
            }
            _ if !proven => json!({}),
            _ => authenticators::challenge_of(first),
        };
        let uid = if proven || kind != DeviceKind::Webauthn { first.id.to_string() } else { "-1".to_owned() };
        let last_used = if proven { json!(first.last_used) } else { Json::Null };
        entries.push(json!({"device_class": kind.as_str(), "device_uid": uid, "challenge": detail, "last_used": last_used}));
    }
    shown(flow, entries, Vec::new())
}

/// Passkeys of any user (discoverable credentials).
pub fn passwordless(flow: &mut FlowRun<'_>, settings: &AuthenticatorValidateStage) -> Challenge {
    let detail = assertion::options(flow, settings, None, &[]);
    shown(
        flow,
        vec![json!({"device_class": "webauthn", "device_uid": "-1", "challenge": detail, "last_used": null})],
        Vec::new(),
    )
}

/// A decoy for users without a passkey or account, shown before authentication, so that the response does not
/// reveal who has one. The same name always gets the same credential id.
pub fn decoy(flow: &mut FlowRun<'_>, settings: &AuthenticatorValidateStage, username: &str) -> Challenge {
    let digest = flow.core.vault.digest("passkey decoy", &signet_store::users::canonical(username));
    let mut id: Vec<u8> = digest
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    // Real credential ids have different lengths.
    id.truncate(if id.first().is_some_and(|b| b & 1 == 0) { 16 } else { 32 });
    let detail =
        assertion::options(flow, settings, Some(NOBODY), &[Descriptor { id, transports: Vec::new() }]);
    shown(
        flow,
        vec![json!({"device_class": "webauthn", "device_uid": "-1", "challenge": detail, "last_used": null})],
        Vec::new(),
    )
}
/// The challenge of a decoy belongs to no account: account ids are positive.
pub const NOBODY: i64 = -1;

/// Stages in which a device can be set up.
pub fn configuration(flow: &FlowRun<'_>, settings: &AuthenticatorValidateStage) -> Challenge {
    let config = flow.core.config();
    let stages = settings.configuration_stages.iter().filter_map(|pk| config.get(*pk));
    let stages = stages.map(|s| json!({"pk": s.pk, "name": s.name(), "verbose_name": s.def.label, "meta_model_name": s.def.full_name()})).collect();
    shown(flow, Vec::new(), stages)
}
fn shown(flow: &FlowRun<'_>, devices: Vec<Json>, stages: Vec<Json>) -> Challenge {
    flow.about_person(
        Challenge::new(COMPONENT).with("device_challenges", devices).with("configuration_stages", stages),
    )
}
