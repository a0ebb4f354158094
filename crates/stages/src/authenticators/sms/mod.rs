//! Codes by SMS: through Twilio, or any service with an HTTP API.
mod page;
mod transport;

use super::{confirm, counts, device, nobody, owner, typed_code};
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{
    Conflict, Error, FieldErrors, Json, Map, Result, Secret, Span, Uuid, json, vault::sha256_hex,
};
use signet_core::event::EventAction;
use signet_core::flow::{Challenge, FlowRun, FlowStep, Key, ResponseErrors, StageKind};
use signet_core::{Client, Core, Principal, expression};
use signet_model::{Change, Choice, Model, Object, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{self, Device, DeviceKind};
use std::sync::Arc;

pub const SLICE: Slice = Slice {
    models: &[AuthenticatorSMSStage::DEF, NotificationWebhookMapping::DEF],
    kind: || Arc::new(Sms),
    actions: signet_rest::none,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Provider {
    Twilio,
    Generic,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum AuthType {
    Basic,
    Bearer,
}

/// Sets up codes by text message.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_sms", path = "stages/authenticator/sms", base = Stage, label = "SMS Authenticator Setup Stage", component = "ak-stage-authenticator-sms-form", search("name"), check = check)]
pub struct AuthenticatorSMSStage {
    #[field(unique, filter)]
    pub name: String,
    /// Flow by which people add such a device. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// What people see as the name of the device.
    #[field(default = "", blank, filter, max = 64)]
    pub friendly_name: String,
    /// Who carries the messages.
    #[field(choice, filter, gives = "delivery")]
    pub provider: Provider,
    /// Number or name that messages come from.
    #[field(filter)]
    pub from_number: String,
    /// Twilio: the account's SID. Otherwise the address that messages are posted to.
    #[field(filter, gives = "delivery")]
    pub account_sid: String,
    /// Twilio: the auth token. Otherwise the user name, or the bearer token.
    #[serde(skip_serializing)]
    pub auth: Secret,
    /// Password beside the user name.
    #[field(default = "", blank)]
    #[serde(default, skip_serializing)]
    pub auth_password: Secret,
    /// How requests to an address of your own prove themselves.
    #[field(choice, default = "basic", filter)]
    pub auth_type: AuthType,
    /// Only check that the number is the person's: a hash of it is kept, and no code is sent at sign-ins.
    #[field(default = false, filter)]
    pub verify_only: bool,
    /// Makes what is posted; for Twilio, the text of the message.
    #[field(refers = "authentik_events.notificationwebhookmapping", filter)]
    pub mapping: Option<Uuid>,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let target = change.text("account_sid");
    match change.text("provider") {
        "generic" if !target.starts_with("https://") && !target.starts_with("http://") => {
            Err(FieldErrors::one("account_sid", "Enter the address that messages are posted to."))
        }
        "twilio" if !target.chars().all(|c| c.is_ascii_alphanumeric()) => {
            Err(FieldErrors::one("account_sid", "Enter the SID of the account: letters and digits."))
        }
        _ => Ok(()),
    }
}

/// A text of the expression language that makes what is sent to a web address.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_events", path = "propertymappings/notification", base = PropertyMapping, label = "Webhook Mapping", component = "ak-property-mapping-notification-form", search("name"), check = check_mapping, prepare = prepare_mapping)]
pub struct NotificationWebhookMapping {
    #[field(unique, filter)]
    pub name: String,
    /// Python text that returns what is sent.
    #[field(kind = "expression", widget = "expression")]
    pub expression: String,
}
fn check_mapping(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    expression::check(change, "expression")
}
fn prepare_mapping(mapping: &NotificationWebhookMapping) -> Result<signet_model::def::Prepared, String> {
    expression::prepared::<NotificationWebhookMapping>(&mapping.expression)
}

/// Lifetime of a code in seconds.
const VALID: i64 = 300;
/// A phone number set by policies or earlier stages.
const PHONE: Key<String> = Key::new("phone");
const COMPONENT: &str = "ak-stage-authenticator-sms";
const FIELD: &str = "phone_number";
struct Sms;

#[async_trait]
impl StageKind for Sms {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_sms.authenticatorsmsstage"
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
        let user = owner(flow)?;
        if confirm::sent(flow, user).is_none()
            && let Some(number) = known_number(flow).await?
            && let Err(errors) = transmit(flow, user, &number).await?
        {
            tracing::warn!(errors = %errors.into_json(), "no code could be sent to the number of an account");
            return Ok(FlowStep::Deny(Some("The code could not be sent. Try again later.".to_owned())));
        }
        let required = confirm::sent(flow, user).is_none();
        Ok(FlowStep::Show(
            flow.about_person(Challenge::new(COMPONENT).with("phone_number_required", required)),
        ))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorSMSStage>()?;
        let user = owner(flow)?;
        let sent = confirm::sent(flow, user);
        if sent.is_some() && !has_code(answer) && !answer.contains_key(FIELD) {
            return Ok(FlowStep::Invalid(ResponseErrors::required("code")));
        }
        let Some(sent) = sent.clone().filter(|_| has_code(answer)) else {
            // A number that the account has is the one that counts, whatever is typed.
            let number = match known_number(flow).await? {
                Some(number) => number,
                // "Send again": to where the last one went.
                None if let Some(sent) = &sent
                    && answer.get(FIELD).and_then(Json::as_str) == Some("") =>
                {
                    sent.contact.clone()
                }
                None => match typed_number(answer) {
                    Ok(number) => number,
                    Err(errors) => return Ok(FlowStep::Invalid(errors)),
                },
            };
            return match transmit(flow, user, &number).await? {
                Ok(()) => self.show(flow).await,
                Err(errors) => Ok(FlowStep::Invalid(errors)),
            };
        };
        let code = match typed_code(answer, 6) {
            Ok(code) => code,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        if let Err(errors) = confirm::judge(flow.core, DeviceKind::Sms, &sent, &code).await? {
            return Ok(FlowStep::Invalid(errors));
        }
        let mut new = device(
            &flow.core.ports,
            DeviceKind::Sms,
            user,
            sent.device,
            &settings.friendly_name,
            "SMS Device",
        );
        let kept = if settings.verify_only {
            format!("hash:{}", sha256_hex(sent.contact.as_bytes()))
        } else {
            sent.contact.clone()
        };
        new.data =
            json!({"phone_number": kept, "stage": stage_key(flow)?}).as_object().cloned().unwrap_or_default();
        new.credential =
            Some(confirm::unique(flow.core, DeviceKind::Sms, &stage_key(flow)?.to_string(), &sent.contact));
        confirm::forget(flow);
        match super::add(flow, &new, &[]).await {
            Ok(true) => Ok(FlowStep::Next),
            Ok(false) => Ok(FlowStep::Invalid(super::wrong_code())),
            Err(Error::Conflict(Conflict::Unique(index))) if index == "device.credential" => {
                Ok(FlowStep::Invalid(taken()))
            }
            Err(error) => Err(error),
        }
    }
}

fn stage_key(flow: &FlowRun<'_>) -> Result<Uuid> {
    flow.stage.as_ref().map(|s| s.pk).ok_or_else(|| Error::internal("a set-up stage without settings"))
}
pub(super) fn has_code(answer: &Map) -> bool {
    answer.get("code").is_some_and(|c| !matches!(c, Json::Null) && c.as_str() != Some(""))
}
fn taken() -> ResponseErrors {
    ResponseErrors::one(FIELD, "Invalid phone number", "invalid")
}

/// The number from the flow or the account.
async fn known_number(flow: &FlowRun<'_>) -> Result<Option<String>> {
    let given = flow.plan.context.get(&PHONE).and_then(|n| normal(&n));
    if given.is_some() {
        return Ok(given);
    }
    let account = flow.pending_account().await?;
    Ok(account.and_then(|p| p.user.attributes.get("phone").and_then(Json::as_str).and_then(normal)))
}

/// A number in E.164: `+`, country code, digits.
fn normal(typed: &str) -> Option<String> {
    let mut digits = String::new();
    for (i, c) in typed.trim().chars().enumerate() {
        match c {
            '+' if i == 0 => {}
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' => {}
            _ => return None,
        }
    }
    let digits = digits.strip_prefix("00").map_or_else(|| digits.clone(), str::to_owned);
    ((6..=15).contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}
fn typed_number(answer: &Map) -> Result<String, ResponseErrors> {
    match answer.get(FIELD) {
        None => Err(ResponseErrors::required(FIELD)),
        Some(Json::Null) => Err(ResponseErrors::one(FIELD, "This field may not be null.", "null")),
        Some(Json::String(text)) if text.trim().is_empty() => {
            Err(ResponseErrors::one(FIELD, "This field may not be blank.", "blank"))
        }
        Some(Json::String(text)) => normal(text).ok_or_else(|| {
            ResponseErrors::one(
                FIELD,
                "Enter a number with its country code, such as +41 79 123 45 67.",
                "invalid",
            )
        }),
        Some(_) => Err(ResponseErrors::one(FIELD, "Not a valid string.", "invalid")),
    }
}

/// Sends a new set-up code to the number.
async fn transmit(flow: &mut FlowRun<'_>, user: i64, number: &str) -> Result<Result<(), ResponseErrors>> {
    let settings = flow.settings::<AuthenticatorSMSStage>()?;
    let key = stage_key(flow)?.to_string();
    if devices::by_credential(&flow.core.db, &confirm::unique(flow.core, DeviceKind::Sms, &key, number))
        .await?
        .is_some()
    {
        return Ok(Err(taken()));
    }
    let Some(code) = confirm::begin(flow, DeviceKind::Sms, user, number, Span::from_secs(VALID)).await?
    else {
        return Ok(Err(ResponseErrors::one(
            FIELD,
            "Too many messages were sent. Try again later.",
            "throttled",
        )));
    };
    let person = flow.pending_account().await?;
    match transport::send(flow.core, flow.client, person.as_ref(), &settings, number, &code).await {
        Ok(()) => Ok(Ok(())),
        Err(error) => {
            failed(flow.core, flow.client, person.as_ref(), flow.stage.as_deref(), &error).await;
            confirm::forget(flow);
            Ok(Err(ResponseErrors::one(
                FIELD,
                "The message could not be sent. Try again later.",
                "unavailable",
            )))
        }
    }
}

/// Administrators see the reason, users only that the message was not sent.
async fn failed(
    core: &Core,
    client: &Client,
    person: Option<&Principal>,
    stage: Option<&Object>,
    error: &Error,
) {
    tracing::warn!(stage = stage.map(Object::name), %error, "a text message could not be sent");
    core.event(
        client,
        person,
        EventAction::ConfigurationError,
        "authentik_stages_authenticator_sms",
        json!({"message": "A text message could not be sent.", "stage": stage.map(Core::model_event), "error": error.to_string()}),
    )
    .await;
}

/// Whether codes can be sent: of some devices only a hash of the number is stored.
pub fn usable(device: &Device) -> bool {
    !device.text(FIELD).starts_with("hash:") && !device.text(FIELD).is_empty()
}
/// The masked number.
pub fn masked(device: &Device) -> String {
    let number = device.text(FIELD);
    match number.len() {
        0..=6 => "…".to_owned(),
        _ if !number.is_ascii() => "…".to_owned(),
        length => format!("{}…{}", &number[..3], &number[length - 2..]),
    }
}

/// Sends a sign-in code to the user's device.
///
/// # Errors
/// `Denied` when the limit is reached, `Unavailable` when the message was not sent; both have a message for
/// the user.
pub async fn send(core: &Arc<Core>, client: &Client, user: &Principal, device: &Device) -> Result<()> {
    if !counts(user.user.id, device, DeviceKind::Sms) || !usable(device) {
        return Err(Error::NotFound);
    }
    let config = core.config();
    let stage = Uuid::parse_str(device.text("stage")).ok().and_then(|pk| config.get(pk).cloned());
    let settings = stage
        .as_ref()
        .and_then(|s| s.get::<AuthenticatorSMSStage>())
        .ok_or_else(|| Error::unavailable("Messages cannot be sent at the moment."))?;
    if !confirm::may_send(core, client, DeviceKind::Sms, user.user.id, device.text(FIELD)).await? {
        return Err(Error::denied("Too many messages were sent. Try again later."));
    }
    let code = super::random_digits(&core.ports);
    devices::put_code(
        &core.db,
        device,
        &device.code_digest(&core.vault, code.reveal()),
        core.now().plus_secs(VALID),
    )
    .await?;
    if let Err(error) = transport::send(core, client, Some(user), settings, device.text(FIELD), &code).await {
        failed(core, client, Some(user), stage.as_deref(), &error).await;
        return Err(Error::unavailable("The message could not be sent. Try again later."));
    }
    Ok(())
}

/// Whether the code is the last one sent; it is used up then.
pub async fn verify(core: &Core, user: i64, device: &Device, code: &str) -> Result<bool> {
    if !counts(user, device, DeviceKind::Sms) || code.is_empty() {
        return Ok(false);
    }
    devices::take_code(&core.db, device.id, &device.code_digest(&core.vault, code), core.now()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{create, map};

    #[test]
    fn the_declaration_is_that_of_the_contract() {
        let config = Snapshot::default();
        let def = AuthenticatorSMSStage::DEF;
        assert!(def.is(Sms.id()));
        let made = create(
            def,
            json!({"name": "a", "provider": "twilio", "from_number": "+1", "account_sid": "a", "auth": "b"}),
            &config,
        )
        .unwrap();
        let wanted = json!({"name": "a", "configure_flow": null, "friendly_name": "", "provider": "twilio", "from_number": "+1", "account_sid": "a", "auth_type": "basic", "verify_only": false, "mapping": null});
        assert_eq!(made, wanted);
        let wrong = create(def, json!({"name": "a"}), &config).unwrap_err();
        assert!(
            ["provider", "from_number", "account_sid", "auth"].iter().all(|f| wrong.get(f).is_some()),
            "{wrong}"
        );
        for (provider, target) in [("generic", "AC1"), ("generic", "file:///etc/passwd"), ("twilio", "../x")]
        {
            let wrong = create(def, json!({"name": "a", "provider": provider, "from_number": "+1", "account_sid": target, "auth": "b"}), &config).unwrap_err();
            assert!(wrong.get("account_sid").is_some(), "{wrong}");
        }
    }
    #[test]
    fn numbers_have_one_form_and_a_country() {
        for typed in ["+41 79 123 45 67", "0041791234567", "+41(79)123-45-67", "41.79.123.45.67"] {
            assert_eq!(normal(typed).as_deref(), Some("+41791234567"), "{typed}");
        }
        for wrong in [
            "",
            "+",
            "079 123 45 67",
            "+41 79 abc",
            "12345",
            "+1234567890123456",
            "41+79123456",
            "+41;79123456",
        ] {
            assert_eq!(normal(wrong), None, "{wrong}");
        }
        for wrong in [
            json!({}),
            json!({"phone_number": null}),
            json!({"phone_number": " "}),
            json!({"phone_number": 41}),
            json!({"phone_number": "x"}),
        ] {
            assert!(typed_number(&map(wrong)).is_err());
        }
    }
    #[test]
    fn a_shown_number_hides_its_middle() {
        let mut device = Device::new(&signet_base::Ports::system(), DeviceKind::Sms, 1, "x");
        device.data = map(json!({"phone_number": "+41791234567"}));
        assert_eq!(masked(&device), "+41…67");
        assert!(usable(&device));
        device.data = map(json!({"phone_number": "hash:abc"}));
        assert!(!usable(&device));
    }
}
