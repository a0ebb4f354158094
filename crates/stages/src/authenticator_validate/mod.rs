//! Second factors: asks for a registered device, or for a passkey that identifies the user.
mod assertion;
mod code;
pub(crate) mod model;
mod offer;
mod outcome;
mod page;
pub mod passkey;
mod remembered;
mod throttle;

pub use model::{AuthenticatorValidateStage, DeviceClass, Hint, NotConfigured, UserVerification};

use crate::Slice;
use crate::authenticator_webauthn::sent;
use crate::authenticators::{self, duo};
use async_trait::async_trait;
use signet_base::{Error, Json, Map, Result, Uuid};
use signet_core::Principal;
use signet_core::flow::proof;
use signet_core::flow::{FlowRun, FlowStep, Planned, ResponseErrors, StageKind, StageRef};
use signet_model::Model;
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{Device, DeviceKind};
use std::sync::Arc;

pub const SLICE: Slice = Slice {
    models: &[AuthenticatorValidateStage::DEF],
    kind: || Arc::new(Validate),
    actions: signet_rest::none,
};

pub(crate) const COMPONENT: &str = "ak-stage-authenticator-validate";
struct Validate;

/// The user that the stage asks.
enum AskedUser {
    /// No pending user: only a passkey can identify one.
    Anybody,
    /// This account and its accepted devices.
    Person { person: Box<Principal>, devices: Vec<Device>, proven: bool },
    /// The user's only device was the first factor already.
    Spent,
    /// An identifier without an account that could sign in.
    Nobody { username: String },
}

async fn asked(flow: &FlowRun<'_>, settings: &AuthenticatorValidateStage) -> Result<AskedUser> {
    let Some(pending) = flow.pending_user() else { return Ok(AskedUser::Anybody) };
    match flow.pending_account().await?.filter(|p| p.user.is_active) {
        Some(person) => {
            let mut devices = offer::of(flow.core, settings, person.user.id).await?;
            if !passkey_counts(flow, settings, &person) && !devices.is_empty() {
                devices.retain(|device| !outcome::was_first(flow, device));
                if devices.is_empty() {
                    return Ok(AskedUser::Spent);
                }
            }
            let proven = proof::owns_pending(&flow.plan.context, flow.user());
            Ok(AskedUser::Person { person: Box::new(person), devices, proven })
        }
        None => Ok(AskedUser::Nobody { username: pending.username }),
    }
}

#[async_trait]
impl StageKind for Validate {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_validate.authenticatorvalidatestage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorValidateStage>()?;
        match asked(flow, &settings).await? {
            AskedUser::Anybody if settings.allows(DeviceKind::Webauthn) => {
                Ok(FlowStep::Show(offer::passwordless(flow, &settings)))
            }
            AskedUser::Anybody => Ok(FlowStep::Deny(None)),
            AskedUser::Spent => Ok(spent()),
            AskedUser::Person { person, devices, proven } if !devices.is_empty() => {
                if proven
                    && (remembered::fits(flow, &settings, &person, &devices)
                        || passkey_counts(flow, &settings, &person))
                {
                    return Ok(FlowStep::Next);
                }
                Ok(FlowStep::Show(offer::challenge(flow, &settings, &person, &devices, proven)))
            }
            AskedUser::Person { person, proven, .. } => {
                Ok(not_configured(flow, &settings, &person.user.username, proven))
            }
            AskedUser::Nobody { username } => Ok(not_configured(flow, &settings, &username, false)),
        }
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorValidateStage>()?;
        let has = |name: &str| answer.get(name).is_some_and(|v| !v.is_null() && v.as_str() != Some(""));
        let asked = asked(flow, &settings).await?;
        match asked {
            AskedUser::Anybody if !settings.allows(DeviceKind::Webauthn) => Ok(FlowStep::Deny(None)),
            AskedUser::Anybody if has("webauthn") => match sent(answer, "webauthn") {
                Ok(sent) => passkey::answer(flow, &settings, &sent).await,
                Err(errors) => Ok(FlowStep::Invalid(errors)),
            },
            AskedUser::Anybody if has("code") => Ok(code::wrong()),
            // There is a single challenge, so no choice is needed.
            AskedUser::Anybody if has("selected_challenge") => match chosen(answer) {
                (Some(DeviceKind::Webauthn), uid) if uid.is_empty() || uid == "-1" => self.show(flow).await,
                _ => Ok(FlowStep::Invalid(ResponseErrors::one("selected_challenge", NOT_OFFERED, "invalid"))),
            },
            AskedUser::Anybody => Ok(empty()),
            AskedUser::Spent => Ok(spent()),
            AskedUser::Person { person, devices, proven } if !devices.is_empty() => {
                if has("code") {
                    return code::answer(flow, &settings, &person, &devices, answer).await;
                }
                if has("webauthn") {
                    return with_key(flow, &settings, &person, answer).await;
                }
                if has("duo") {
                    return with_push(flow, &settings, &person, &devices, answer).await;
                }
                if has("selected_challenge") {
                    return select(flow, &settings, &person, &devices, proven, answer).await;
                }
                Ok(empty())
            }
            AskedUser::Person { person, proven, .. } => {
                Ok(unconfigured(flow, &settings, answer, &person.user.username, proven).await)
            }
            AskedUser::Nobody { username } => {
                Ok(unconfigured(flow, &settings, answer, &username, false).await)
            }
        }
    }
}

/// The message if an SMS, email or push could not be sent; `None` for server faults.
fn told(error: &Error) -> Option<String> {
    match error {
        Error::Denied(text) => Some(text.clone()),
        Error::Unavailable(why) => Some(why.to_string()),
        _ => None,
    }
}
fn spent() -> FlowStep {
    FlowStep::Deny(Some(
        "Your key has said who you are. Signing in here needs a second factor beside it.".to_owned(),
    ))
}
fn empty() -> FlowStep {
    FlowStep::Invalid(ResponseErrors::one("non_field_errors", "Empty response", "invalid"))
}

/// Whether a passkey has just signed this user in, under rules at least as strict as this stage's.
fn passkey_counts(flow: &FlowRun<'_>, settings: &AuthenticatorValidateStage, person: &Principal) -> bool {
    settings.allows(DeviceKind::Webauthn)
        && settings.webauthn_allowed_device_types.is_empty()
        && outcome::verified_passkey(flow) == Some(person.user.id)
}

/// Whether a decoy is needed: before authentication the response must not reveal who has a device.
fn wants_decoy(settings: &AuthenticatorValidateStage, proven: bool) -> bool {
    !proven && settings.not_configured_action == NotConfigured::Deny && settings.allows(DeviceKind::Webauthn)
}

fn not_configured(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    username: &str,
    proven: bool,
) -> FlowStep {
    if wants_decoy(settings, proven) {
        return FlowStep::Show(offer::decoy(flow, settings, username));
    }
    match (settings.not_configured_action, settings.configuration_stages.as_slice()) {
        (NotConfigured::Skip, _) => FlowStep::Next,
        (NotConfigured::Deny, _) | (NotConfigured::Configure, []) => {
            FlowStep::Deny(Some("You have no second factor set up.".to_owned()))
        }
        (NotConfigured::Configure, [one]) => {
            insert(flow, *one);
            FlowStep::Next
        }
        (NotConfigured::Configure, _) => FlowStep::Show(offer::configuration(flow, settings)),
    }
}

/// An answer when no device is accepted: a set-up stage, or a code that cannot be right.
async fn unconfigured(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    answer: &Map,
    username: &str,
    proven: bool,
) -> FlowStep {
    if wants_decoy(settings, proven) {
        let tried = ["webauthn", "code", "duo"].into_iter().find(|name| answer.contains_key(*name));
        return match tried {
            Some("code") => {
                outcome::failed(flow, username, DeviceKind::Totp).await;
                code::wrong()
            }
            Some(name) => {
                outcome::failed(
                    flow,
                    username,
                    if name == "duo" { DeviceKind::Duo } else { DeviceKind::Webauthn },
                )
                .await;
                FlowStep::Invalid(ResponseErrors::one(name, assertion::UNKNOWN_DEVICE, "invalid"))
            }
            None if answer.contains_key("selected_challenge") => match chosen(answer) {
                (Some(DeviceKind::Webauthn), uid) if uid.is_empty() || uid == "-1" => {
                    FlowStep::Show(offer::decoy(flow, settings, username))
                }
                _ => FlowStep::Invalid(ResponseErrors::one("selected_challenge", NOT_OFFERED, "invalid")),
            },
            None => empty(),
        };
    }
    if settings.not_configured_action != NotConfigured::Configure || settings.configuration_stages.len() < 2 {
        return not_configured(flow, settings, username, proven);
    }
    match selected(answer, &settings.configuration_stages) {
        Ok(stage) => {
            insert(flow, stage);
            FlowStep::Next
        }
        Err(errors) => FlowStep::Invalid(errors),
    }
}

/// Inserts the chosen stage after this one.
fn insert(flow: &mut FlowRun<'_>, stage: Uuid) {
    let place = flow.plan.stages.len().min(1);
    flow.plan
        .stages
        .insert(place, Planned { stage: StageRef::Object(stage), binding: None, re_evaluate: false });
}
fn selected(answer: &Map, offered: &[Uuid]) -> Result<Uuid, ResponseErrors> {
    match answer.get("selected_stage").and_then(Json::as_str).filter(|s| !s.is_empty()) {
        Some(sent) => {
            let found = Uuid::parse_str(sent).ok().filter(|pk| offered.contains(pk));
            found.ok_or_else(|| ResponseErrors::one("selected_stage", "Invalid stage selected.", "invalid"))
        }
        None => Err(ResponseErrors::required("selected_stage")),
    }
}

async fn with_key(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    answer: &Map,
) -> Result<FlowStep> {
    let sent = match sent(answer, "webauthn") {
        Ok(sent) => sent,
        Err(errors) => return Ok(FlowStep::Invalid(errors)),
    };
    match assertion::judge(flow, settings, Some(person.user.id), &sent).await? {
        Ok(shown) if outcome::was_first(flow, &shown.device) && !shown.verified => {
            Ok(FlowStep::Invalid(ResponseErrors::one("webauthn", assertion::UNKNOWN_DEVICE, "invalid")))
        }
        Ok(shown) => {
            if shown.verified {
                proof::set_device_proof(flow.context());
            }
            Ok(outcome::passed(flow, settings, person, &shown.device))
        }
        Err(text) => {
            outcome::failed(flow, &person.user.username, DeviceKind::Webauthn).await;
            Ok(FlowStep::Invalid(ResponseErrors::one("webauthn", text, "invalid")))
        }
    }
}

async fn with_push(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    devices: &[Device],
    answer: &Map,
) -> Result<FlowStep> {
    let wrong = |text: &str| Ok(FlowStep::Invalid(ResponseErrors::one("duo", text, "invalid")));
    let id = match answer.get("duo") {
        Some(Json::Number(n)) => n.as_i64(),
        Some(Json::String(text)) => text.parse().ok(),
        _ => None,
    };
    let Some(id) = id else { return wrong("A valid integer is required.") };
    let Some(device) = devices.iter().find(|d| d.id == id && d.kind == DeviceKind::Duo) else {
        return wrong(assertion::UNKNOWN_DEVICE);
    };
    match duo::push(flow, person, device).await {
        Ok(true) => Ok(outcome::passed(flow, settings, person, device)),
        Ok(false) => {
            outcome::failed(flow, &person.user.username, DeviceKind::Duo).await;
            wrong("Duo denied access. Try again.")
        }
        Err(error) => match told(&error) {
            Some(text) => wrong(&text),
            None => Err(error),
        },
    }
}

const NOT_OFFERED: &str = "Invalid challenge selected.";

/// Class and number of the chosen device.
fn chosen(answer: &Map) -> (Option<DeviceKind>, String) {
    let chosen = match answer.get("selected_challenge") {
        Some(Json::String(text)) => serde_json::from_str(text).unwrap_or(Json::Null),
        Some(other) => other.clone(),
        None => Json::Null,
    };
    let uid = chosen
        .get("device_uid")
        .filter(|u| !u.is_null())
        .map(|u| u.as_str().map_or_else(|| u.to_string(), str::to_owned));
    (chosen.get("device_class").and_then(Json::as_str).and_then(DeviceKind::parse), uid.unwrap_or_default())
}

/// Selects the device: sends a code if the class needs one.
async fn select(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    devices: &[Device],
    proven: bool,
    answer: &Map,
) -> Result<FlowStep> {
    let wrong =
        |text: &str| Ok(FlowStep::Invalid(ResponseErrors::one("selected_challenge", text, "invalid")));
    let (class, uid) = chosen(answer);
    let Some(class) = class else { return wrong(NOT_OFFERED) };
    // The class alone selects a device if it needs no message; a named device must exist. Before
    // authentication, passkeys are offered as one, without numbers.
    let named = |d: &Device| {
        d.id.to_string() == uid
            || (!matches!(class, DeviceKind::Sms | DeviceKind::Email)
                && (uid.is_empty() || (class == DeviceKind::Webauthn && uid == "-1")))
    };
    let device = devices.iter().find(|d| d.kind == class && settings.allows(class) && named(d));
    let Some(device) = device else { return wrong(NOT_OFFERED) };
    if matches!(class, DeviceKind::Sms | DeviceKind::Email)
        && let Err(error) = authenticators::send(flow, person, device).await
    {
        return match told(&error) {
            Some(text) => wrong(&text),
            None => Err(error),
        };
    }
    Ok(FlowStep::Show(offer::challenge(flow, settings, person, devices, proven)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use signet_base::json;

    #[test]
    fn only_an_offered_stage_can_be_chosen() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(selected(&map(json!({"selected_stage": a})), &[a]), Ok(a));
        assert!(selected(&map(json!({"selected_stage": b})), &[a]).is_err());
        assert_eq!(selected(&map(json!({})), &[a]), Err(ResponseErrors::required("selected_stage")));
        assert!(selected(&map(json!({"code": "123456"})), &[a]).is_err());
    }
}
