//! Sets up a passkey or security key.
pub mod api;
pub mod ceremony;
pub mod device_types;
pub(crate) mod page;

use crate::Slice;
use crate::authenticator_validate::model::{Hint, UserVerification};
use async_trait::async_trait;
use ceremony::{Ceremony, TIMEOUT};
use serde::{Deserialize, Serialize};
use signet_base::{Conflict, Error, Json, Map, Result, Uuid, json};
use signet_core::directory::{DeviceChange, Transaction};
use signet_core::flow::proof;
use signet_core::flow::{Challenge, FlowRun, FlowStep, Key, ResponseErrors, StageKind};
use signet_core::{Principal, brand};
use signet_model::{Choice, FieldDef, FieldKind, Model, Object, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{self, Device};
use signet_webauthn::{
    Attestation, CreationOptions, Descriptor, Expect, NewCredential, b64, b64_decode, register,
};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[AuthenticatorWebAuthnStage::DEF], kind: || Arc::new(WebAuthn), actions: api::actions };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Attachment {
    Platform,
    #[choice("cross-platform")]
    CrossPlatform,
}
/// Whether the credential is kept on the authenticator, so that it can be used without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum ResidentKey {
    Discouraged,
    Preferred,
    Required,
}

const EXTRA: &[FieldDef] = &[
    FieldDef::shown("device_type_restrictions_obj", FieldKind::List(&FieldKind::Object)),
    FieldDef::plain("allowed_devices", FieldKind::List(&FieldKind::Text)),
];

/// How a browser reaches a device (WebAuthn §5.8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Transport {
    Usb,
    Nfc,
    Ble,
    #[choice("smart-card")]
    SmartCard,
    Hybrid,
    Internal,
}

/// Sets up a passkey or security key.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_webauthn", path = "stages/authenticator/webauthn", base = Stage, label = "WebAuthn Authenticator Setup Stage", component = "ak-stage-authenticator-webauthn-form", search("name"), present = present, extra = EXTRA)]
pub struct AuthenticatorWebAuthnStage {
    #[field(unique, filter)]
    pub name: String,
    /// Flow by which people add such a device. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// What people see as the name of the device. Empty: the name of its model.
    #[field(default = "", blank, filter, max = 64)]
    pub friendly_name: String,
    /// Whether the device must check a PIN or a fingerprint.
    #[field(choice, default = "preferred", filter)]
    pub user_verification: UserVerification,
    /// Only devices built in, or only those that can be carried along. Empty: both.
    #[field(choice, filter)]
    pub authenticator_attachment: Option<Attachment>,
    /// Whether the key can be used without typing a name first.
    #[field(choice, default = "preferred", filter)]
    pub resident_key_requirement: ResidentKey,
    /// What the browser offers first.
    #[field(choice, default_fn = |_| json!([]))]
    pub hints: Vec<Hint>,
    /// Ways by which a device may be reached. Empty: every way. Shown when there is one.
    #[field(choice, default_fn = |_| json!([]), write_only)]
    pub allowed_devices: Vec<Transport>,
    /// AAGUIDs of the models that are allowed. Empty: every model.
    #[field(default_fn = |_| json!([]), filter)]
    pub device_type_restrictions: Vec<Uuid>,
    /// After so many failures the flow ends. 0: never.
    #[field(default = 0, min = 0, filter)]
    pub max_attempts: i64,
}
fn present(stage: &Object, _: &Snapshot, out: &mut Map) {
    let Some(me) = stage.get::<AuthenticatorWebAuthnStage>() else { return };
    let types: Vec<Json> = me.device_type_restrictions.iter().map(|id| device_types::present(*id)).collect();
    out.insert("device_type_restrictions_obj".into(), json!(types));
    if !me.allowed_devices.is_empty() {
        out.insert("allowed_devices".into(), json!(me.allowed_devices));
    }
}

const COMPONENT: &str = "ak-stage-authenticator-webauthn";
/// Failures of this stage in this run.
const FAILURES: Key<i64> = Key::new("goauthentik.io/authenticator_webauthn/failures");
struct WebAuthn;

#[async_trait]
impl StageKind for WebAuthn {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_webauthn.authenticatorwebauthnstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    /// The pending user, if the current user is authenticated as them.
    async fn guard(&self, flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        Ok((!proof::owns_pending(&flow.plan.context, flow.user())).then(nobody))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorWebAuthnStage>()?;
        let Some(person) = account(flow).await? else { return Ok(nobody()) };
        let registration = options(flow, &settings, &person).await?;
        Ok(FlowStep::Show(flow.about_person(Challenge::new(COMPONENT).with("registration", registration))))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorWebAuthnStage>()?;
        let Some(person) = account(flow).await? else { return Ok(nobody()) };
        let sent = match sent(answer, "response") {
            Ok(sent) => sent,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        let made = match judge(flow, &settings, person.user.id, &sent).await? {
            Ok(made) => made,
            Err(text) => return Ok(failed(flow, &settings, text)),
        };
        match add(flow, &settings, &person, &made).await? {
            true => {
                flow.context().remove(&FAILURES);
                Ok(FlowStep::Next)
            }
            false => Ok(failed(flow, &settings, "This device is registered already.".to_owned())),
        }
    }
}

/// Reads a credential: an object in JSON, a string in forms.
pub(crate) fn sent(answer: &Map, field: &str) -> Result<Json, ResponseErrors> {
    match answer.get(field) {
        None => Err(ResponseErrors::required(field)),
        Some(Json::Null) => Err(ResponseErrors::one(field, "This field may not be null.", "null")),
        Some(Json::Object(map)) => Ok(Json::Object(map.clone())),
        Some(Json::String(text)) => match serde_json::from_str(text) {
            Ok(Json::Object(map)) => Ok(Json::Object(map)),
            _ => Err(ResponseErrors::one(field, "Value must be valid JSON.", "invalid")),
        },
        Some(_) => Err(ResponseErrors::one(field, "Value must be valid JSON.", "invalid")),
    }
}

/// The account that gets the key.
async fn account(flow: &FlowRun<'_>) -> Result<Option<Principal>> {
    Ok(flow.pending_account().await?.filter(|p| p.user.is_active))
}
fn nobody() -> FlowStep {
    FlowStep::Deny(Some("Sign in before you set up a passkey.".to_owned()))
}

/// The descriptor of a stored credential.
pub(crate) fn descriptor(device: &Device) -> Option<Descriptor> {
    let id = device.credential.as_deref().and_then(b64_decode)?;
    let transports = device
        .data
        .get("transports")
        .and_then(Json::as_array)
        .map(|list| list.iter().filter_map(Json::as_str).map(str::to_owned).collect());
    Some(Descriptor { id, transports: transports.unwrap_or_default() })
}

async fn options(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorWebAuthnStage,
    person: &Principal,
) -> Result<Json> {
    let core = flow.core;
    let known = devices::of_user(&core.db, person.user.id, Some(devices::DeviceKind::Webauthn)).await?;
    let exclude: Vec<Descriptor> = known.iter().filter_map(descriptor).collect();
    let challenge = ceremony::challenge(flow, Ceremony::Create, Some(person.user.id));
    let hints: Vec<&str> = settings.hints.iter().map(|h| h.as_str()).collect();
    let options = CreationOptions {
        challenge: &challenge,
        rp_id: flow.client.domain(),
        rp_name: &brand::look(core, flow.client).title,
        user_handle: person.uid.as_bytes(),
        user_name: &person.user.username,
        display_name: if person.user.name.is_empty() { &person.user.username } else { &person.user.name },
        timeout: TIMEOUT,
        exclude: &exclude,
        attachment: settings.authenticator_attachment.map(|a| a.as_str()),
        resident_key: settings.resident_key_requirement.as_str(),
        user_verification: settings.user_verification.as_str(),
        // Without an allow list the model is not needed, and browsers do not ask about it.
        attestation: if settings.device_type_restrictions.is_empty() { "none" } else { "direct" },
        hints: &hints,
    };
    Ok(options.json())
}

/// The new credential, or the message why there is none.
async fn judge(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorWebAuthnStage,
    user: i64,
    sent: &Json,
) -> Result<Result<NewCredential, String>> {
    let refused = || "The passkey could not be set up. Try again.".to_owned();
    let Some(challenge) = ceremony::take(flow, Ceremony::Create, Some(user)).await? else {
        return Ok(Err("The request was answered already or is too old. Try again.".to_owned()));
    };
    let origin = signet_core::address::of(flow.core, flow.client);
    let expect = Expect {
        challenge: &challenge,
        origin: &origin,
        rp_id: flow.client.domain(),
        user_verification: settings.user_verification == UserVerification::Required,
    };
    let made = match register(sent, &expect) {
        Ok(made) => made,
        Err(error) => {
            tracing::info!(%error, request_id = %flow.client.request_id, "a passkey was not accepted");
            return Ok(Err(refused()));
        }
    };
    let model = Uuid::from_bytes(made.aaguid);
    if !settings.device_type_restrictions.is_empty() && !settings.device_type_restrictions.contains(&model) {
        let brand = brand::look(flow.core, flow.client).title;
        return Ok(Err(format!("Invalid device type. Contact your {brand} administrator for help.")));
    }
    let reached = reached(settings, &made.transports);
    if !settings.allowed_devices.is_empty() && reached.is_empty() {
        let brand = brand::look(flow.core, flow.client).title;
        return Ok(Err(format!(
            "This kind of device is not allowed. Contact your {brand} administrator for help."
        )));
    }
    Ok(Ok(NewCredential { transports: reached, ..made }))
}

/// The allowed transports.
fn reached(settings: &AuthenticatorWebAuthnStage, said: &[String]) -> Vec<String> {
    said.iter()
        .filter(|way| {
            settings.allowed_devices.is_empty()
                || settings.allowed_devices.iter().any(|r| r.as_str() == way.as_str())
        })
        .cloned()
        .collect()
}

/// `false` if the credential is registered already.
async fn add(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorWebAuthnStage,
    person: &Principal,
    made: &NewCredential,
) -> Result<bool> {
    let core = flow.core;
    let model = Uuid::from_bytes(made.aaguid);
    let described = device_types::name(model).filter(|_| model != device_types::UNKNOWN);
    let name = if settings.friendly_name.is_empty() {
        described.unwrap_or("WebAuthn Device")
    } else {
        &settings.friendly_name
    };
    let mut device = Device::new(&core.ports, devices::DeviceKind::Webauthn, person.user.id, name);
    device.credential = Some(b64(&made.credential_id));
    device.counter = i64::from(made.counter);
    let attestation = match made.attestation {
        Attestation::None => "none",
        Attestation::SelfSigned => "self",
        Attestation::Certificate => "certificate",
    };
    device.data = match json!({
        "public_key": b64(&made.public_key),
        "aaguid": model,
        "description": described,
        "transports": made.transports,
        "rp_id": flow.client.domain(),
        "attestation": attestation,
        "backup_eligible": made.flags.backup_eligible(),
        "backed_up": made.flags.backed_up(),
    }) {
        Json::Object(map) => map,
        _ => Map::new(),
    };
    let author = flow.author(Some(person), "authentik_stages_authenticator_webauthn");
    let mut all = Transaction::new(core, &author);
    all.when(flow.unchanged(person.user.id));
    all.change(DeviceChange::create(device, vec![])).await?;
    match all.commit().await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::Unique(index))) if index == "device.credential" => Ok(false),
        Err(error) => Err(error),
    }
}

fn failed(flow: &mut FlowRun<'_>, settings: &AuthenticatorWebAuthnStage, text: String) -> FlowStep {
    let failures = flow.plan.context.get(&FAILURES).unwrap_or(0).saturating_add(1);
    flow.context().set(&FAILURES, failures);
    if settings.max_attempts > 0 && failures >= settings.max_attempts {
        let brand = brand::look(flow.core, flow.client).title;
        return FlowStep::Deny(Some(format!(
            "Exceeded maximum attempts. Contact your {brand} administrator for help."
        )));
    }
    FlowStep::Invalid(ResponseErrors::one("response", &text, "invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = Snapshot::default();
        let made = create(AuthenticatorWebAuthnStage::DEF, json!({"name": "a"}), &config).unwrap();
        assert_eq!(
            made,
            json!({"name": "a", "configure_flow": null, "friendly_name": "", "user_verification": "preferred", "authenticator_attachment": null, "resident_key_requirement": "preferred", "hints": [], "allowed_devices": [], "device_type_restrictions": [], "max_attempts": 0})
        );
        let wrong = create(
            AuthenticatorWebAuthnStage::DEF,
            json!({"name": "a", "user_verification": "bogus", "authenticator_attachment": "x", "max_attempts": -1, "device_type_restrictions": ["x"]}),
            &config,
        );
        let wrong = wrong.unwrap_err();
        for field in
            ["user_verification", "authenticator_attachment", "max_attempts", "device_type_restrictions"]
        {
            assert!(wrong.get(field).is_some(), "{field}");
        }
    }
    #[test]
    fn a_credential_is_an_object_or_its_text() {
        assert_eq!(sent(&map(json!({"response": {"id": "a"}})), "response").unwrap(), json!({"id": "a"}));
        assert_eq!(
            sent(&map(json!({"response": "{\"id\": \"a\"}"})), "response").unwrap(),
            json!({"id": "a"})
        );
        for wrong in [
            json!({}),
            json!({"response": null}),
            json!({"response": "x"}),
            json!({"response": "[]"}),
            json!({"response": []}),
            json!({"response": 1}),
        ] {
            assert!(sent(&map(wrong.clone()), "response").is_err(), "{wrong}");
        }
    }
}
