//! Second factors. Kinds of devices come later: until then nobody has one, and what happens to people without a device
//! is decided here exactly as later.
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Span, Uuid, json};
use signet_core::flow::{Challenge, FlowRun, Planned, ResponseErrors, StageKind, StageRef, Step};
use signet_model::{Choice, FieldDef, Kind, Model, Object, Snapshot};
use std::sync::Arc;

pub const SLICE: Slice = Slice { models: &[AuthenticatorValidateStage::DEF], kind: || Arc::new(Validate) };

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

const EXTRA: &[FieldDef] = &[FieldDef::shown("webauthn_allowed_device_types_obj", Kind::List(&Kind::Object))];

/// Asks for a second factor that the person has set up.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_validate", path = "stages/authenticator/validate", base = Stage, label = "Authenticator Validation Stage", component = "ak-stage-authenticator-validate-form", search("name"), present = present, extra = EXTRA)]
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
    #[field(refers = "authentik_flows.stage", default_fn = |_| json!([]))]
    pub configuration_stages: Vec<Uuid>,
    /// A device used within this time is not asked for again.
    #[field(default = "seconds=0")]
    pub last_auth_threshold: Span,
    #[field(choice, default = "preferred")]
    pub webauthn_user_verification: UserVerification,
    #[field(choice, default_fn = |_| json!([]))]
    pub webauthn_hints: Vec<Hint>,
    /// Empty allows every device.
    #[field(refers = "authentik_stages_authenticator_webauthn.webauthndevicetype", default_fn = |_| json!([]))]
    pub webauthn_allowed_device_types: Vec<Uuid>,
    #[field(default = 1)]
    pub email_otp_throttling_factor: f64,
    #[field(default = 1)]
    pub sms_otp_throttling_factor: f64,
    #[field(default = 1)]
    pub totp_otp_throttling_factor: f64,
    #[field(default = 1)]
    pub static_otp_throttling_factor: f64,
}
fn present(_: &Object, _: &Snapshot, out: &mut Map) {
    // There is no list of device types yet, so that no reference to one can have been accepted.
    out.insert("webauthn_allowed_device_types_obj".into(), json!([]));
}

const COMPONENT: &str = "ak-stage-authenticator-validate";
struct Validate;

#[async_trait]
impl StageKind for Validate {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_validate.authenticatorvalidatestage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<Step> {
        let settings = flow.settings::<AuthenticatorValidateStage>()?;
        if flow.pending_user().is_none() {
            // Without a name only a passkey could tell who it is, and nobody has one.
            return Ok(Step::Deny(None));
        }
        match (settings.not_configured_action, settings.configuration_stages.as_slice()) {
            (NotConfigured::Skip, _) => Ok(Step::Next),
            (NotConfigured::Deny, _) | (NotConfigured::Configure, []) => Ok(Step::Deny(Some("You have no second factor set up.".to_owned()))),
            (NotConfigured::Configure, [one]) => {
                insert(flow, *one);
                Ok(Step::Next)
            }
            (NotConfigured::Configure, several) => {
                let world = flow.core.world();
                let stages: Vec<Json> = several.iter().filter_map(|pk| world.get(*pk)).map(choice).collect();
                let challenge = Challenge::new(COMPONENT).with("device_challenges", json!([])).with("configuration_stages", stages);
                Ok(Step::Show(flow.about_person(challenge)))
            }
        }
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<Step> {
        let settings = flow.settings::<AuthenticatorValidateStage>()?;
        if settings.not_configured_action != NotConfigured::Configure || settings.configuration_stages.len() < 2 || flow.pending_user().is_none() {
            return self.show(flow).await;
        }
        match selected(answer, &settings.configuration_stages) {
            Ok(stage) => {
                insert(flow, stage);
                Ok(Step::Next)
            }
            Err(errors) => Ok(Step::Invalid(errors)),
        }
    }
}

/// The chosen stage comes right after this one.
fn insert(flow: &mut FlowRun<'_>, stage: Uuid) {
    let place = flow.plan.stages.len().min(1);
    flow.plan.stages.insert(place, Planned { stage: StageRef::Object(stage), binding: None, re_evaluate: false });
}
fn choice(stage: &Arc<Object>) -> Json {
    json!({"pk": stage.pk, "name": stage.name(), "verbose_name": stage.def.label, "meta_model_name": stage.def.full_name()})
}
fn selected(answer: &Map, offered: &[Uuid]) -> Result<Uuid, ResponseErrors> {
    let Some(sent) = answer.get("selected_stage").and_then(Json::as_str).filter(|s| !s.is_empty()) else {
        let field = if answer.contains_key("code") { "code" } else { "selected_stage" };
        return Err(match field {
            "code" => ResponseErrors::one("code", "Invalid Token. Please ensure the time on your device is accurate and try again.", "invalid"),
            _ => ResponseErrors::required("selected_stage"),
        });
    };
    let found = Uuid::parse_str(sent).ok().filter(|pk| offered.contains(pk));
    found.ok_or_else(|| ResponseErrors::one("selected_stage", "Invalid stage selected.", "invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let made = create(AuthenticatorValidateStage::DEF, json!({"name": "a"}), &Snapshot::default()).unwrap();
        assert_eq!(made["device_classes"], json!(["static", "totp", "webauthn", "duo", "sms", "email"]));
        assert_eq!((&made["not_configured_action"], &made["webauthn_hints"]), (&json!("skip"), &json!([])));
        let bad = create(AuthenticatorValidateStage::DEF, json!({"name": "a", "not_configured_action": "bogus"}), &Snapshot::default()).unwrap_err();
        assert_eq!(bad, json!({"not_configured_action": ["\"bogus\" is not a valid choice."]}));
    }
    #[test]
    fn only_an_offered_stage_can_be_chosen_and_no_code_is_ever_right() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(selected(&map(json!({"selected_stage": a})), &[a]), Ok(a));
        assert!(selected(&map(json!({"selected_stage": b})), &[a]).is_err());
        assert_eq!(selected(&map(json!({})), &[a]), Err(ResponseErrors::required("selected_stage")));
        assert!(selected(&map(json!({"code": "123456"})), &[a]).is_err());
    }
}
