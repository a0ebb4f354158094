//! Codes by email.
mod page;

use super::sms::has_code;
use super::{confirm, counts, device, nobody, owner, typed_code};
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Conflict, Error, FieldErrors, Json, Map, Result, Secret, Span, Uuid, json};
use signet_core::budget::SharedBudget;
use signet_core::event::EventAction;
use signet_core::flow::{Challenge, FlowRun, FlowStep, ResponseErrors, StageKind};
use signet_core::mail::{self, Own, Sender, templates};
use signet_core::models::{Designation, Flow};
use signet_core::{Client, Core, Principal};
use signet_model::{Change, Model, Object, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{self, Device, DeviceKind};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[AuthenticatorEmailStage::DEF], kind: || Arc::new(Email), actions: signet_rest::none };

/// Sets up codes by e-mail.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_email", path = "stages/authenticator/email", base = Stage, label = "Email Authenticator Setup Stage", component = "ak-stage-authenticator-email-form", search("name"), check = check)]
pub struct AuthenticatorEmailStage {
    #[field(unique, filter)]
    pub name: String,
    /// Flow by which people add such a device. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// What people see as the name of the device.
    #[field(default = "", blank, filter, max = 64)]
    pub friendly_name: String,
    /// Send by the installation's own mail server; what is said about a server here does not count then.
    #[field(default = false, filter)]
    pub use_global_settings: bool,
    #[field(default = "localhost", filter, gives = "everything")]
    pub host: String,
    #[field(default = 25, min = 1, max = 65_535, filter, gives = "everything")]
    pub port: i64,
    #[field(default = "", blank, filter)]
    pub username: String,
    #[field(default = "", blank)]
    #[serde(default, skip_serializing)]
    pub password: Secret,
    /// STARTTLS.
    #[field(default = false, filter)]
    pub use_tls: bool,
    /// TLS from the first byte.
    #[field(default = false, filter)]
    pub use_ssl: bool,
    /// Seconds.
    #[field(default = 10, min = 1, max = 600, filter)]
    pub timeout: i64,
    #[field(kind = "email", default = "system@authentik.local", max = 254, filter)]
    pub from_address: String,
    #[field(default = "authentik Sign-in code", filter)]
    pub subject: String,
    /// How long a code counts.
    #[field(default = "minutes=30", filter)]
    pub token_expiry: Span,
    #[field(default = "email/email_otp.html", filter)]
    pub template: String,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    if let Err(why) = templates::check(change.text("template")) {
        errors.add("template", why);
    }
    if Span::parse(change.text("token_expiry")).is_ok_and(|s| s.secs() < 1) {
        errors.add("token_expiry", "Enter a time of at least one second.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

const COMPONENT: &str = "ak-stage-authenticator-email";
const FIELD: &str = "email";
struct Email;

/// The mail server of device emails: the stage's, or the installation's if the stage was deleted.
struct Post {
    sender: Sender,
    subject: String,
    template: String,
    valid: Span,
}
impl Post {
    fn of(core: &Core, stage: Option<&AuthenticatorEmailStage>) -> Self {
        let global = core.settings.mail.sender.clone();
        let Some(stage) = stage else {
            return Self {
                sender: global,
                subject: "Sign-in code".to_owned(),
                template: "email/email_otp.html".to_owned(),
                valid: Span::from_secs(1800),
            };
        };
        let own = Own {
            host: &stage.host,
            port: stage.port,
            username: &stage.username,
            password: &stage.password,
            use_tls: stage.use_tls,
            use_ssl: stage.use_ssl,
            timeout: stage.timeout,
            from: &stage.from_address,
        };
        let sender = if stage.use_global_settings { global } else { Sender::own(&own) };
        Self {
            sender,
            subject: stage.subject.clone(),
            template: stage.template.clone(),
            valid: stage.token_expiry,
        }
    }
    async fn send(
        &self,
        core: &Core,
        client: &Client,
        addressee: Json,
        address: &str,
        code: &Secret,
    ) -> Result<()> {
        let until = core.now().plus(self.valid);
        let values = json!({"user": addressee, "token": code.reveal(), "expires": until, "expires_in": templates::duration(self.valid.secs())});
        let letter = mail::Email {
            to: vec![address.to_owned()],
            subject: self.subject.clone(),
            template: self.template.clone(),
            values: values.as_object().cloned().unwrap_or_default(),
            ..mail::Email::default()
        };
        mail::send(core, client, &self.sender, &letter).await
    }
}

#[async_trait]
impl StageKind for Email {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_email.authenticatoremailstage"
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
        let Some(person) = flow.pending_account().await? else { return Ok(nobody()) };
        if confirm::sent(flow, user).is_none() {
            if !person.user.email.is_empty() {
                if let Err(errors) = transmit(flow, &person, &person.user.email).await? {
                    tracing::warn!(errors = %errors.into_json(), "no code could be sent to the address of an account");
                    return Ok(FlowStep::Deny(Some(
                        "The code could not be sent. Try again later.".to_owned(),
                    )));
                }
            } else if !may_type(flow) {
                return Ok(FlowStep::Deny(Some("Your account has no e-mail address.".to_owned())));
            }
        }
        let sent = confirm::sent(flow, user);
        let mut challenge = Challenge::new(COMPONENT).with("email_required", sent.is_none());
        if let Some(sent) = sent {
            challenge = challenge.with("email", mask(&sent.contact));
        }
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorEmailStage>()?;
        let user = owner(flow)?;
        let Some(person) = flow.pending_account().await? else { return Ok(nobody()) };
        let sent = confirm::sent(flow, user);
        if sent.is_some() && !has_code(answer) && !answer.contains_key(FIELD) {
            return Ok(FlowStep::Invalid(ResponseErrors::required("code")));
        }
        let Some(sent) = sent.clone().filter(|_| has_code(answer)) else {
            // An account's own address takes precedence over a typed one.
            let address = match person.user.email.as_str() {
                "" if !may_type(flow) => {
                    return Ok(FlowStep::Deny(Some("Your account has no e-mail address.".to_owned())));
                }
                // "Send again": to the address of the last code.
                "" if let Some(sent) = &sent
                    && answer.get(FIELD).and_then(Json::as_str) == Some("") =>
                {
                    sent.contact.clone()
                }
                "" => match typed_address(answer) {
                    Ok(address) => address,
                    Err(errors) => return Ok(FlowStep::Invalid(errors)),
                },
                own => own.to_owned(),
            };
            return match transmit(flow, &person, &address).await? {
                Ok(()) => self.show(flow).await,
                Err(errors) => Ok(FlowStep::Invalid(errors)),
            };
        };
        let code = match typed_code(answer, 6) {
            Ok(code) => code,
            Err(errors) => return Ok(FlowStep::Invalid(errors)),
        };
        if let Err(errors) = confirm::judge(flow.core, DeviceKind::Email, &sent, &code).await? {
            return Ok(FlowStep::Invalid(errors));
        }
        let mut new = device(
            &flow.core.ports,
            DeviceKind::Email,
            user,
            sent.device,
            &settings.friendly_name,
            "Email Device",
        );
        let stage = flow.stage.as_ref().map(|s| s.pk);
        new.data = json!({"email": sent.contact, "stage": stage}).as_object().cloned().unwrap_or_default();
        new.credential = Some(confirm::unique(
            flow.core,
            DeviceKind::Email,
            &user.to_string(),
            &sent.contact.to_lowercase(),
        ));
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

/// Whether another address than the account's may be typed: by signed-in users and in an enrolment, not
/// during sign-in, where a password alone would choose the second factor's address.
fn may_type(flow: &FlowRun<'_>) -> bool {
    let pending = flow.pending_user().and_then(|p| p.id);
    let signed_in = flow.user().is_some_and(|p| Some(p.user.id) == pending);
    signed_in || flow.flow.get::<Flow>().is_some_and(|f| f.designation == Designation::Enrollment)
}
fn taken() -> ResponseErrors {
    ResponseErrors::one(FIELD, "This address is set up already.", "invalid")
}
fn typed_address(answer: &Map) -> Result<String, ResponseErrors> {
    match answer.get(FIELD) {
        None => Err(ResponseErrors::required(FIELD)),
        Some(Json::Null) => Err(ResponseErrors::one(FIELD, "This field may not be null.", "null")),
        Some(Json::String(text)) if text.trim().is_empty() => {
            Err(ResponseErrors::one(FIELD, "This field may not be blank.", "blank"))
        }
        Some(Json::String(text)) if signet_model::check::email(text.trim()) && text.len() <= 254 => {
            Ok(text.trim().to_owned())
        }
        Some(_) => Err(ResponseErrors::one(FIELD, "Enter a valid email address.", "invalid")),
    }
}

/// Sends a new set-up code to the address.
async fn transmit(
    flow: &mut FlowRun<'_>,
    person: &Principal,
    address: &str,
) -> Result<Result<(), ResponseErrors>> {
    let settings = flow.settings::<AuthenticatorEmailStage>()?;
    let user = person.user.id;
    if devices::by_credential(
        &flow.core.db,
        &confirm::unique(flow.core, DeviceKind::Email, &user.to_string(), &address.to_lowercase()),
    )
    .await?
    .is_some()
    {
        return Ok(Err(taken()));
    }
    let post = Post::of(flow.core, Some(&settings));
    if flow.user().is_none() {
        SharedBudget::Mail.spend(flow.core, flow.client).await?;
        if !mail::take_share(flow.core, flow.client, address, user).await?.is_allowed() {
            return Ok(Err(ResponseErrors::one(
                FIELD,
                "Too many mails were sent. Try again later.",
                "throttled",
            )));
        }
    }
    let Some(code) = confirm::begin(flow, DeviceKind::Email, user, address, post.valid).await? else {
        return Ok(Err(ResponseErrors::one(
            FIELD,
            "Too many mails were sent. Try again later.",
            "throttled",
        )));
    };
    if let Err(error) = post.send(flow.core, flow.client, mail::nobody(&person.user), address, &code).await {
        failed(flow.core, flow.client, person, flow.stage.as_deref(), &error).await;
        confirm::forget(flow);
        return Ok(Err(ResponseErrors::one(
            FIELD,
            "The mail could not be sent. Try again later.",
            "unavailable",
        )));
    }
    Ok(Ok(()))
}

/// Administrators see the reason, users only that the email was not sent.
async fn failed(core: &Core, client: &Client, person: &Principal, stage: Option<&Object>, error: &Error) {
    tracing::warn!(stage = stage.map(Object::name), %error, "a code could not be mailed");
    core.event(
        client,
        Some(person),
        EventAction::ConfigurationError,
        "authentik_stages_authenticator_email",
        json!({"message": "A code could not be mailed.", "stage": stage.map(Core::model_event), "error": error.to_string()}),
    )
    .await;
}

/// The masked address of a device.
pub fn masked(device: &Device) -> String {
    mask(device.text(FIELD))
}
fn mask(address: &str) -> String {
    let (local, host) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    let (name, top) = host.rsplit_once('.').unwrap_or((host, ""));
    let name: String = name.chars().take(1).collect();
    if top.is_empty() { format!("{first}***@{name}***") } else { format!("{first}***@{name}***.{top}") }
}

/// Sends a sign-in code to the user's device.
///
/// # Errors
/// `Denied` when the limit is reached, `Unavailable` when the email was not sent; both have a message for the
/// user.
pub async fn send(core: &Arc<Core>, client: &Client, user: &Principal, device: &Device) -> Result<()> {
    if !counts(user.user.id, device, DeviceKind::Email) {
        return Err(Error::NotFound);
    }
    let config = core.config();
    let stage = Uuid::parse_str(device.text("stage")).ok().and_then(|pk| config.get(pk));
    let post = Post::of(core, stage.and_then(|s| s.get::<AuthenticatorEmailStage>()));
    if !confirm::may_send(core, client, DeviceKind::Email, user.user.id, device.text(FIELD)).await? {
        return Err(Error::denied("Too many mails were sent. Try again later."));
    }
    let code = super::random_digits(&core.ports);
    devices::put_code(
        &core.db,
        device,
        &device.code_digest(&core.vault, code.reveal()),
        core.now().plus(post.valid),
    )
    .await?;
    if let Err(error) = post.send(core, client, mail::person(user), device.text(FIELD), &code).await {
        failed(core, client, user, stage.map(Arc::as_ref), &error).await;
        return Err(Error::unavailable("The mail could not be sent. Try again later."));
    }
    Ok(())
}

/// Whether the code is the last one sent; it is used up then.
pub async fn verify(core: &Core, user: i64, device: &Device, code: &str) -> Result<bool> {
    if !counts(user, device, DeviceKind::Email) || code.is_empty() {
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
        let def = AuthenticatorEmailStage::DEF;
        assert!(def.is(Email.id()));
        let made = create(def, json!({"name": "a"}), &config).unwrap();
        assert_eq!(
            (&made["token_expiry"], &made["template"], &made["port"], &made["use_global_settings"]),
            (&json!("minutes=30"), &json!("email/email_otp.html"), &json!(25), &json!(false))
        );
        assert!(made.get("password").is_none());
        for (field, value) in [
            ("token_expiry", json!("bogus")),
            ("token_expiry", json!("seconds=0")),
            ("template", json!("../secret")),
            ("port", json!(0)),
            ("from_address", json!("x")),
        ] {
            assert!(
                create(def, json!({"name": "a", field: value}), &config).unwrap_err().get(field).is_some(),
                "{field}"
            );
        }
    }
    #[test]
    fn a_shown_address_hides_its_middle() {
        assert_eq!(mask("ada.lovelace@example.org"), "a***@e***.org");
        assert_eq!(mask("é@localhost"), "é***@l***");
        assert_eq!(mask(""), "***@***");
    }
    #[test]
    fn only_an_address_is_taken_as_one() {
        assert_eq!(typed_address(&map(json!({"email": " a@b.test "}))).unwrap(), "a@b.test");
        for wrong in [
            json!({}),
            json!({"email": null}),
            json!({"email": ""}),
            json!({"email": "x"}),
            json!({"email": ["a@b.test"]}),
            json!({"email": "a@b.test\nBcc: c@d.test"}),
        ] {
            assert!(typed_address(&map(wrong.clone())).is_err(), "{wrong}");
        }
    }
}
