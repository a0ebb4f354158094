//! Recording of right and wrong second factors.
use super::model::AuthenticatorValidateStage;
use super::remembered;
use signet_base::{Json, Uuid, json};
use signet_core::flow::proof;
use signet_core::flow::{FlowRun, FlowStep, Key, account, keys};
use signet_core::{Principal, login, reputation};

use signet_store::devices::{Device, DeviceKind};

/// Set when a passkey with user verification was the only factor.
const VERIFIED_PASSKEY: Key<i64> = Key::new("goauthentik.io/authenticator_validate/passkey");

/// The key that identified the user: it is not a second factor.
const FIRST_FACTOR: Key<Uuid> = Key::new("goauthentik.io/authenticator_validate/first_factor");

/// A device in events and `auth_method_args`.
fn named(device: &Device) -> Json {
    device.event_model(device.id)
}

/// Records that the pending user has used the device.
pub fn passed(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    device: &Device,
) -> FlowStep {
    account::prove(flow.context(), &person.user);
    note(flow, device);
    remembered::remember(flow, settings, person, device);
    FlowStep::Next
}
fn note(flow: &mut FlowRun<'_>, device: &Device) {
    let context = flow.context();
    if !context.has(&keys::AUTH_METHOD) {
        context.set(&keys::AUTH_METHOD, "auth_mfa".to_owned());
    }
    let mut args = context.get(&keys::AUTH_METHOD_ARGS).unwrap_or_default();
    match args.get_mut("mfa_devices").and_then(Json::as_array_mut) {
        Some(list) => list.push(named(device)),
        None => drop(args.insert("mfa_devices".into(), json!([named(device)]))),
    }
    context.set(&keys::AUTH_METHOD_ARGS, args);
}

/// Records that the passkey has identified and authenticated the user.
pub fn passwordless(flow: &mut FlowRun<'_>, person: &Principal, device: &Device, verified: bool) {
    let context = flow.context();
    proof::set_pending(context, person.pending());
    account::prove(context, &person.user);
    context.set(&FIRST_FACTOR, device.uuid);
    context.remove(&keys::PENDING_USER_IDENTIFIER);
    context.set(&keys::USER_BACKEND, proof::ENROLLED.to_owned());
    context.set(&keys::AUTH_METHOD, "auth_webauthn_pwl".to_owned());
    let mut args = context.get(&keys::AUTH_METHOD_ARGS).unwrap_or_default();
    args.insert("device".into(), named(device));
    args.insert(
        "device_type".into(),
        json!({"aaguid": device.text("aaguid"), "description": device.text("description")}),
    );
    context.set(&keys::AUTH_METHOD_ARGS, args);
    match verified {
        true => context.set(&VERIFIED_PASSKEY, person.user.id),
        false => context.remove(&VERIFIED_PASSKEY),
    }
    note(flow, device);
}
/// The user of a passkey with user verification in this run: possession and PIN or fingerprint are two
/// factors.
pub fn verified_passkey(flow: &FlowRun<'_>) -> Option<i64> {
    flow.plan.context.get(&VERIFIED_PASSKEY)
}

/// Whether the device was the first factor of this run.
pub fn was_first(flow: &FlowRun<'_>, device: &Device) -> bool {
    flow.plan.context.get(&FIRST_FACTOR) == Some(device.uuid)
}

/// Counts and records a wrong second factor.
pub async fn failed(flow: &FlowRun<'_>, username: &str, class: DeviceKind) {
    login::failed(
        flow.core,
        flow.client,
        username,
        flow.stage.as_deref(),
        login::LoginFailure::Device(class.as_str()),
    )
    .await;
    if !username.is_empty() {
        reputation::signal(flow.core, flow.client, username, -1).await;
    }
}
