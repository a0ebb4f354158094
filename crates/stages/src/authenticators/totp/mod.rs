//! TOTP authenticator apps.
mod page;

use super::otp::{Algorithm, Shape, base32, from_base32};
use super::{counts, device, held, hold, nobody, owner, typed_code, wrong_code};
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Secret, Uuid, json};
use signet_core::flow::{Challenge, FlowRun, FlowStep, StageKind};
use signet_core::{Core, brand};
use signet_model::{Choice, FieldDef, FieldKind, Model, Object, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{self, Device, DeviceKind};

pub const SLICE: Slice = Slice {
    models: &[AuthenticatorTOTPStage::DEF],
    kind: || std::sync::Arc::new(Totp),
    actions: signet_rest::none,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Digits {
    #[choice("6")]
    Six,
    #[choice("8")]
    Eight,
}

/// Sets up an authenticator app.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_totp", path = "stages/authenticator/totp", base = Stage, label = "TOTP Authenticator Setup Stage", component = "ak-stage-authenticator-totp-form", search("name"), present = present, extra = EXTRA)]
pub struct AuthenticatorTOTPStage {
    #[field(unique, filter)]
    pub name: String,
    /// Flow by which people add such a device. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// What people see as the name of the device.
    #[field(default = "", blank, filter, max = 64)]
    pub friendly_name: String,
    /// Length of a code. Many apps know six only.
    #[field(choice, filter)]
    pub digits: Digits,
    /// Hash of the codes. Many apps know SHA1 only. Shown when it is another one.
    #[field(choice, default = "SHA1", write_only)]
    pub algorithm: Algorithm,
    /// Seconds for which a code is shown. Many apps know 30 only. Shown when it is another time.
    #[field(default = 30, min = 15, max = 300, write_only)]
    pub period: i64,
    /// How many steps the clock of an app may be apart. Shown when it is another number than 1.
    #[field(default = 1, min = 0, max = 10, write_only)]
    pub drift: i64,
    /// Name of this service in the app. Empty: the title of the brand. Shown when there is one.
    #[field(default = "", blank, max = 64, write_only)]
    pub issuer: String,
}
const EXTRA: &[FieldDef] = &[
    FieldDef::plain("algorithm", FieldKind::Text),
    FieldDef::plain("period", FieldKind::Int),
    FieldDef::plain("drift", FieldKind::Int),
    FieldDef::plain("issuer", FieldKind::Text),
];
/// Settings that authentik does not have are shown only if they differ from the default.
fn present(stage: &Object, _: &Snapshot, out: &mut Map) {
    let Some(me) = stage.get::<AuthenticatorTOTPStage>() else { return };
    if me.algorithm != Algorithm::Sha1 {
        out.insert("algorithm".into(), json!(me.algorithm));
    }
    if me.period != 30 {
        out.insert("period".into(), json!(me.period));
    }
    if me.drift != 1 {
        out.insert("drift".into(), json!(me.drift));
    }
    if !me.issuer.is_empty() {
        out.insert("issuer".into(), json!(me.issuer));
    }
}

impl AuthenticatorTOTPStage {
    fn shape(&self) -> Shape {
        let digits = match self.digits {
            Digits::Six => 6,
            Digits::Eight => 8,
        };
        Shape { algorithm: self.algorithm, digits, period: self.period, drift: self.drift }
    }
}

const COMPONENT: &str = "ak-stage-authenticator-totp";
struct Totp;

#[async_trait]
impl StageKind for Totp {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_totp.authenticatortotpstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn guard(&self, flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        Ok(owner(flow).is_err().then(nobody))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorTOTPStage>()?;
        let user = owner(flow)?;
        let Some(pending) = flow.pending_user() else { return Ok(nobody()) };
        let key = match held(flow, user)? {
            Some((_, key)) => key,
            None => {
                let mut raw = vec![0; settings.algorithm.key_length()];
                flow.core.ports.random.fill(&mut raw);
                let key = Secret::new(base32(&raw));
                hold(flow, user, None, &key)?;
                key
            }
        };
        let issuer = if settings.issuer.is_empty() {
            brand::look(flow.core, flow.client).title
        } else {
            settings.issuer.clone()
        };
        let address = settings.shape().address(&bytes(&key)?, &issuer, &pending.username);
        Ok(FlowStep::Show(flow.about_person(Challenge::new(COMPONENT).with("config_url", address))))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorTOTPStage>()?;
        let user = owner(flow)?;
        // A key that was not shown cannot have a right code.
        let Some((id, key)) = held(flow, user)? else { return self.show(flow).await };
        let shape = settings.shape();
        let code = match typed_code(answer, shape.digits as usize) {
            Ok(code) => code,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        let Some(step) = shape.matching(&bytes(&key)?, &code, flow.core.now(), 0) else {
            return Ok(FlowStep::Invalid(wrong_code()));
        };
        let mut new = device(
            &flow.core.ports,
            DeviceKind::Totp,
            user,
            id,
            &settings.friendly_name,
            "TOTP Authenticator",
        );
        new.data = json!({"algorithm": shape.algorithm, "digits": shape.digits, "period": shape.period, "drift": shape.drift}).as_object().cloned().unwrap_or_default();
        new.seal(&flow.core.vault, &key)?;
        // The code that confirmed the device is used up.
        new.counter = step;
        new.last_used = Some(flow.core.now());
        Ok(if super::add(flow, &new, &[]).await? { FlowStep::Next } else { FlowStep::Invalid(wrong_code()) })
    }
}

fn bytes(key: &Secret) -> Result<Vec<u8>> {
    from_base32(key.reveal()).ok_or_else(|| Error::internal("the key of a TOTP device is no base32"))
}

/// Whether the code is right now, and its step was not used before. Of concurrent requests one succeeds.
pub async fn verify(core: &Core, user: i64, device: &Device, code: &str) -> Result<bool> {
    if !counts(user, device, DeviceKind::Totp) {
        return Ok(false);
    }
    let shape = shape_of(device)?;
    let key = bytes(&device.secret(&core.vault)?)?;
    match shape.matching(&key, code, core.now(), device.counter) {
        Some(step) => devices::advance(&core.db, device.id, step, core.now()).await,
        None => Ok(false),
    }
}
/// Number of digits of the device's codes.
pub fn digits(device: &Device) -> u32 {
    shape_of(device).map_or(6, |shape| shape.digits)
}
fn shape_of(device: &Device) -> Result<Shape> {
    #[derive(Deserialize)]
    struct Data {
        algorithm: Algorithm,
        digits: u32,
        period: i64,
        #[serde(default = "one")]
        drift: i64,
    }
    // Default for devices stored without it.
    fn one() -> i64 {
        1
    }
    let data: Data = serde_json::from_value(signet_base::Json::Object(device.data.clone()))?;
    Ok(Shape { algorithm: data.algorithm, digits: data.digits, period: data.period, drift: data.drift })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;

    #[test]
    fn the_declaration_is_that_of_the_contract() {
        let config = Snapshot::default();
        let def = AuthenticatorTOTPStage::DEF;
        assert!(def.is(Totp.id()));
        assert_eq!(
            create(def, json!({}), &config).unwrap_err(),
            json!({"name": ["This field is required."], "digits": ["This field is required."]})
        );
        assert_eq!(
            create(def, json!({"name": "a", "digits": "7"}), &config).unwrap_err(),
            json!({"digits": ["\"7\" is not a valid choice."]})
        );
        assert!(create(def, json!({"name": "a", "digits": "6", "period": 1}), &config).is_err());
        let made = create(def, json!({"name": "a", "digits": "8"}), &config).unwrap();
        assert_eq!(
            (&made["friendly_name"], &made["algorithm"], &made["period"]),
            (&json!(""), &json!("SHA1"), &json!(30))
        );
    }
}
