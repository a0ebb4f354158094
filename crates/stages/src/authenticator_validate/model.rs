//! The declaration of the stage.
use crate::authenticator_webauthn::device_types;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Span, Uuid, json};
use signet_model::{Change, Choice, FieldDef, FieldKind, Model, Object, Snapshot};
use signet_store::devices;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum NotConfigured {
    Skip,
    Deny,
    Configure,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum DeviceClass {
    Static,
    Totp,
    Webauthn,
    Duo,
    Sms,
    Email,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum UserVerification {
    Required,
    Preferred,
    Discouraged,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Hint {
    #[choice("security-key")]
    SecurityKey,
    #[choice("client-device")]
    ClientDevice,
    #[choice("hybrid")]
    Hybrid,
}

const EXTRA: &[FieldDef] =
    &[FieldDef::shown("webauthn_allowed_device_types_obj", FieldKind::List(&FieldKind::Object))];

/// Asks for a second factor that the person has set up.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_validate", path = "stages/authenticator/validate", base = Stage, label = "Authenticator Validation Stage", component = "ak-stage-authenticator-validate-form", search("name"), check = check, present = present, extra = EXTRA)]
pub struct AuthenticatorValidateStage {
    #[field(unique, filter)]
    pub name: String,
    /// What happens to a person who has no device.
    #[field(choice, default = "skip", filter)]
    pub not_configured_action: NotConfigured,
    /// Kinds of devices that count.
    #[field(choice, default_fn = |_| json!(["static", "totp", "webauthn", "duo", "sms", "email"]))]
    pub device_classes: Vec<DeviceClass>,
    /// Stages by which a person without a device can set one up.
    #[field(refers = "authentik_flows.stage", default_fn = |_| json!([]), filter)]
    pub configuration_stages: Vec<Uuid>,
    /// A device used within this time is not asked for again.
    #[field(default = "seconds=0")]
    pub last_auth_threshold: Span,
    /// Whether the device must check a PIN or a fingerprint.
    #[field(choice, default = "preferred")]
    pub webauthn_user_verification: UserVerification,
    /// What the browser offers first.
    #[field(choice, default_fn = |_| json!([]))]
    pub webauthn_hints: Vec<Hint>,
    /// AAGUIDs of the models of passkeys and keys that count. Empty: every model.
    #[field(default_fn = |_| json!([]))]
    pub webauthn_allowed_device_types: Vec<Uuid>,
    /// Stretches the waiting times after wrong codes. 0: codes of this class are not throttled.
    #[field(default = 1)]
    pub email_otp_throttling_factor: f64,
    /// As above, for this class.
    #[field(default = 1)]
    pub sms_otp_throttling_factor: f64,
    /// As above, for this class.
    #[field(default = 1)]
    pub totp_otp_throttling_factor: f64,
    /// As above, for this class.
    #[field(default = 1)]
    pub static_otp_throttling_factor: f64,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    let none = change.data.get("configuration_stages").and_then(Json::as_array).is_none_or(Vec::is_empty);
    if change.text("not_configured_action") == "configure" && none {
        errors.add(
            "not_configured_action",
            "When \"Not configured action\" is set to \"Configure\", you must set a configuration stage.",
        );
    }
    if Span::parse(change.text("last_auth_threshold")).is_ok_and(|s| s < Span::ZERO) {
        errors.add("last_auth_threshold", "Use a length of time that is not negative.");
    }
    for class in ["email", "sms", "totp", "static"] {
        let field = format!("{class}_otp_throttling_factor");
        if change.data.get(&field).and_then(Json::as_f64).is_some_and(|f| !(0.0..=1000.0).contains(&f)) {
            errors.add(&field, "Use a number from 0 to 1000.");
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}
fn present(stage: &Object, _: &Snapshot, out: &mut Map) {
    let Some(me) = stage.get::<AuthenticatorValidateStage>() else { return };
    let types: Vec<Json> =
        me.webauthn_allowed_device_types.iter().map(|id| device_types::present(*id)).collect();
    out.insert("webauthn_allowed_device_types_obj".into(), json!(types));
}

impl DeviceClass {
    pub fn kind(self) -> devices::DeviceKind {
        match self {
            Self::Static => devices::DeviceKind::Static,
            Self::Totp => devices::DeviceKind::Totp,
            Self::Webauthn => devices::DeviceKind::Webauthn,
            Self::Duo => devices::DeviceKind::Duo,
            Self::Sms => devices::DeviceKind::Sms,
            Self::Email => devices::DeviceKind::Email,
        }
    }
}
impl AuthenticatorValidateStage {
    pub fn allows(&self, kind: devices::DeviceKind) -> bool {
        self.device_classes.iter().any(|c| c.kind() == kind)
    }
    /// Whether passkeys of this model are accepted.
    pub fn allows_model(&self, aaguid: Option<Uuid>) -> bool {
        self.webauthn_allowed_device_types.is_empty()
            || self.webauthn_allowed_device_types.contains(&aaguid.unwrap_or(device_types::UNKNOWN))
    }
    /// Throttling factor of the class. `None`: not throttled.
    pub fn throttling(&self, kind: devices::DeviceKind) -> Option<f64> {
        let factor = match kind {
            devices::DeviceKind::Email => self.email_otp_throttling_factor,
            devices::DeviceKind::Sms => self.sms_otp_throttling_factor,
            devices::DeviceKind::Totp => self.totp_otp_throttling_factor,
            devices::DeviceKind::Static => self.static_otp_throttling_factor,
            devices::DeviceKind::Webauthn | devices::DeviceKind::Duo => 1.0,
        };
        (factor > 0.0).then_some(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let made =
            create(AuthenticatorValidateStage::DEF, json!({"name": "a"}), &Snapshot::default()).unwrap();
        assert_eq!(made["device_classes"], json!(["static", "totp", "webauthn", "duo", "sms", "email"]));
        assert_eq!((&made["not_configured_action"], &made["webauthn_hints"]), (&json!("skip"), &json!([])));
        let bad = create(
            AuthenticatorValidateStage::DEF,
            json!({"name": "a", "not_configured_action": "bogus"}),
            &Snapshot::default(),
        )
        .unwrap_err();
        assert_eq!(bad, json!({"not_configured_action": ["\"bogus\" is not a valid choice."]}));
    }
    #[test]
    fn what_would_not_work_is_refused() {
        let sent = json!({"name": "a", "not_configured_action": "configure", "last_auth_threshold": "seconds=-1", "totp_otp_throttling_factor": -1, "webauthn_allowed_device_types": ["x"]});
        let wrong = create(AuthenticatorValidateStage::DEF, sent, &Snapshot::default()).unwrap_err();
        assert!(wrong.get("webauthn_allowed_device_types").is_some(), "{wrong}");
        let sent = json!({"name": "a", "not_configured_action": "configure", "last_auth_threshold": "seconds=-1", "totp_otp_throttling_factor": -1});
        let wrong = create(AuthenticatorValidateStage::DEF, sent, &Snapshot::default()).unwrap_err();
        for field in ["not_configured_action", "last_auth_threshold", "totp_otp_throttling_factor"] {
            assert!(wrong.get(field).is_some(), "{field}");
        }
    }
    #[test]
    fn a_list_of_models_leaves_out_those_that_do_not_say_what_they_are() {
        let model = Uuid::from_u128(7);
        let made = create(
            AuthenticatorValidateStage::DEF,
            json!({"name": "a", "webauthn_allowed_device_types": [model]}),
            &Snapshot::default(),
        )
        .unwrap();
        let stage: AuthenticatorValidateStage = serde_json::from_value(made).unwrap();
        assert!(
            stage.allows_model(Some(model))
                && !stage.allows_model(Some(device_types::UNKNOWN))
                && !stage.allows_model(None)
        );
    }
}
