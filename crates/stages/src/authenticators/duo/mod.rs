//! Duo: enrolment and push.
mod api;
pub mod client;
mod page;

use super::{add, confirm, counts, device, held, hold, names_itself, nobody, owner};
use crate::Slice;
use async_trait::async_trait;
use client::Keys;
use serde::{Deserialize, Serialize};
use signet_base::{Conflict, Error, FieldErrors, Json, Map, Result, Secret, Uuid, json, query};
use signet_core::directory::{self, Author, DeviceChange};
use signet_core::event::EventAction;
use signet_core::flow::{Challenge, FlowRun, FlowStep, Plan, ResponseErrors, StageKind, keys};
use signet_core::{Client, Core, Principal, brand};
use signet_model::{Change, Model, Object, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::users;
use std::sync::Arc;
use std::time::Duration;

pub const SLICE: Slice =
    Slice { models: &[AuthenticatorDuoStage::DEF], kind: || Arc::new(Duo), actions: api::actions };

/// Sets up Duo.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_duo", path = "stages/authenticator/duo", base = Stage, label = "Duo Authenticator Setup Stage", component = "ak-stage-authenticator-duo-form", search("name"), check = check)]
pub struct AuthenticatorDuoStage {
    #[field(unique, filter)]
    pub name: String,
    /// Flow by which people add such a device. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// What people see as the name of the device.
    #[field(default = "", blank, filter, max = 64)]
    pub friendly_name: String,
    /// Client id (integration key) of the Auth API application.
    #[field(filter)]
    pub client_id: String,
    /// Its secret.
    #[serde(skip_serializing)]
    pub client_secret: Secret,
    /// Host of the API, such as api-1234abcd.duosecurity.com.
    #[field(filter, gives = "everything")]
    pub api_hostname: String,
    /// Integration key of an Admin API application, for importing devices.
    #[field(default = "", blank)]
    pub admin_integration_key: String,
    /// Its secret.
    #[field(default = "", blank)]
    #[serde(default, skip_serializing)]
    pub admin_secret_key: Secret,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let host = host(change.text("api_hostname"));
    if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) {
        return Err(FieldErrors::one("api_hostname", "Enter a host, such as api-1234abcd.duosecurity.com."));
    }
    Ok(())
}
/// The host, from a text with or without scheme.
fn host(text: &str) -> &str {
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    text.strip_suffix('/').unwrap_or(text)
}

impl AuthenticatorDuoStage {
    fn keys(&self) -> Keys<'_> {
        Keys { host: host(&self.api_hostname), id: &self.client_id, secret: &self.client_secret }
    }
    fn admin_keys(&self) -> Option<Keys<'_>> {
        let known = !self.admin_integration_key.is_empty() && !self.admin_secret_key.is_empty();
        known.then_some(Keys {
            host: host(&self.api_hostname),
            id: &self.admin_integration_key,
            secret: &self.admin_secret_key,
        })
    }
}

const COMPONENT: &str = "ak-stage-authenticator-duo";
/// Timeout of requests without user interaction.
const SHORT: Duration = Duration::from_secs(10);
/// Timeout of a push; Duo gives up after a minute.
const PUSH: Duration = Duration::from_secs(70);
struct Duo;

/// Duo's data of an enrolment.
#[derive(Debug, Serialize, Deserialize)]
struct Enrolment {
    user_id: String,
    activation_barcode: String,
    activation_code: String,
}
impl Enrolment {
    fn read(secret: &Secret) -> Result<Self> {
        Ok(serde_json::from_str(secret.reveal())?)
    }
}

#[async_trait]
impl StageKind for Duo {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_duo.authenticatorduostage"
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
        let settings = flow.settings::<AuthenticatorDuoStage>()?;
        let user = owner(flow)?;
        let Some(pending) = flow.pending_user() else { return Ok(nobody()) };
        let enrolment = match held(flow, user)? {
            Some((_, kept)) => Enrolment::read(&kept)?,
            None => match enrol(flow.core, &settings, &pending.username).await {
                Ok(enrolment) => {
                    hold(flow, user, None, &Secret::new(serde_json::to_string(&enrolment)?))?;
                    enrolment
                }
                Err(error) => {
                    failed(flow.core, flow.client, flow.user(), flow.stage.as_deref(), &error).await;
                    return Ok(FlowStep::Deny(Some(
                        "Duo does not take new devices at the moment. Try again later.".to_owned(),
                    )));
                }
            },
        };
        let stage = flow.stage.as_ref().map(|s| s.pk.to_string()).unwrap_or_default();
        let challenge = Challenge::new(COMPONENT)
            .with("activation_barcode", enrolment.activation_barcode)
            .with("activation_code", enrolment.activation_code)
            .with("stage_uuid", stage);
        Ok(FlowStep::Show(flow.about_person(challenge)))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorDuoStage>()?;
        let user = owner(flow)?;
        let Some((id, kept)) = held(flow, user)? else { return self.show(flow).await };
        if let Err(errors) = names_itself(answer, COMPONENT) {
            return Ok(FlowStep::Invalid(errors));
        }
        let enrolment = Enrolment::read(&kept)?;
        // The browser's claim is not trusted: Duo is asked.
        let status = match status(flow.core, &settings, &enrolment).await {
            Ok(status) => status,
            Err(error) => {
                failed(flow.core, flow.client, flow.user(), flow.stage.as_deref(), &error).await;
                return Ok(FlowStep::Invalid(ResponseErrors::one(
                    "non_field_errors",
                    "Duo does not answer. Try again later.",
                    "unavailable",
                )));
            }
        };
        if status != "success" {
            return Ok(FlowStep::Invalid(ResponseErrors::one(
                "non_field_errors",
                "Scan the code with the Duo app first.",
                "invalid",
            )));
        }
        let new = duo_device(
            flow.core,
            user,
            id,
            &settings.friendly_name,
            "Duo Authenticator",
            &enrolment.user_id,
            flow.stage.as_deref(),
        );
        match add(flow, &new, &[]).await {
            Ok(true) => Ok(FlowStep::Next),
            Ok(false) => Ok(FlowStep::Invalid(ResponseErrors::one(
                "non_field_errors",
                "This device is set up already.",
                "invalid",
            ))),
            Err(Error::Conflict(Conflict::Unique(index))) if index == "device.credential" => {
                Ok(FlowStep::Invalid(ResponseErrors::one(
                    "non_field_errors",
                    "This device is set up already.",
                    "invalid",
                )))
            }
            Err(error) => Err(error),
        }
    }
}

/// One device per Duo account and user.
fn duo_device(
    core: &Core,
    user: i64,
    id: Uuid,
    friendly: &str,
    usual: &str,
    duo_user: &str,
    stage: Option<&Object>,
) -> Device {
    let mut new = device(&core.ports, DeviceKind::Duo, user, id, friendly, usual);
    let stage = stage.map(|s| s.pk.to_string()).unwrap_or_default();
    new.credential = Some(confirm::unique(core, DeviceKind::Duo, &format!("{stage}:{user}"), duo_user));
    new.data = json!({"duo_user_id": duo_user, "stage": stage}).as_object().cloned().unwrap_or_default();
    new
}

async fn enrol(core: &Core, settings: &AuthenticatorDuoStage, username: &str) -> Result<Enrolment> {
    let answer =
        client::call(core, &settings.keys(), "POST", "/auth/v2/enroll", &[("username", username)], SHORT)
            .await?;
    serde_json::from_value(answer).map_err(|e| Error::unavailable(format!("Duo's answer: {e}")))
}
/// `success`, `waiting` or `invalid`.
async fn status(
    core: &Core,
    settings: &AuthenticatorDuoStage,
    enrolment: &Enrolment,
) -> Result<&'static str> {
    let params =
        [("user_id", enrolment.user_id.as_str()), ("activation_code", enrolment.activation_code.as_str())];
    let answer =
        client::call(core, &settings.keys(), "POST", "/auth/v2/enroll_status", &params, SHORT).await?;
    Ok(match answer.as_str() {
        Some("success") => "success",
        Some("waiting") => "waiting",
        _ => "invalid",
    })
}
async fn failed(
    core: &Core,
    client: &Client,
    person: Option<&Principal>,
    stage: Option<&Object>,
    error: &Error,
) {
    tracing::warn!(stage = stage.map(Object::name), %error, "Duo did not do as asked");
    core.event(
        client,
        person,
        EventAction::ConfigurationError,
        "authentik_stages_authenticator_duo",
        json!({"message": "Duo did not do as asked.", "stage": stage.map(Core::model_event), "error": error.to_string()}),
    )
    .await;
}

/// Sends a push to the user's Duo device and waits for the response.
///
/// # Errors
/// `Denied` when the limit is reached, `Unavailable` when Duo does not respond; both have a message for the
/// user.
pub async fn authenticate(
    core: &Arc<Core>,
    client: &Client,
    user: &Principal,
    device: &Device,
    application: &str,
) -> Result<bool> {
    if !counts(user.user.id, device, DeviceKind::Duo) {
        return Ok(false);
    }
    let config = core.config();
    let stage = Uuid::parse_str(device.text("stage")).ok().and_then(|pk| config.get(pk));
    let settings = stage
        .and_then(|s| s.get::<AuthenticatorDuoStage>())
        .ok_or_else(|| Error::unavailable("Duo is not available at the moment."))?;
    // Limits pushes (MFA fatigue).
    if !confirm::may_send(core, client, DeviceKind::Duo, user.user.id, device.text("duo_user_id")).await? {
        return Err(Error::denied("Too many requests were sent to your device. Try again later."));
    }
    let mut about = vec![("Domain", client.domain())];
    if !application.is_empty() {
        about.push(("Application", application));
    }
    let (ip, about) = (client.ip.to_string(), query::build(about));
    let title = format!("{} login request", brand::look(core, client).title);
    let params = [
        ("factor", "auto"),
        ("device", "auto"),
        ("user_id", device.text("duo_user_id")),
        ("ipaddr", &ip),
        ("type", &title),
        ("display_username", user.user.username.as_str()),
        ("pushinfo", &about),
    ];
    let answer = match client::call(core, &settings.keys(), "POST", "/auth/v2/auth", &params, PUSH).await {
        Ok(answer) => answer,
        Err(error) => {
            failed(core, client, Some(user), stage.map(Arc::as_ref), &error).await;
            return Err(Error::unavailable("Duo does not answer. Try again later."));
        }
    };
    let allowed = answer.get("result").and_then(Json::as_str) == Some("allow");
    // The device may have been deleted meanwhile.
    Ok(allowed && devices::touch_used(&core.db, device.id, core.now()).await?)
}

/// [`authenticate`] within a run, with the application's name.
pub async fn push(flow: &FlowRun<'_>, person: &Principal, device: &Device) -> Result<bool> {
    let application = flow
        .plan
        .context
        .get(&keys::APPLICATION)
        .and_then(|pk| flow.core.config().get(pk).map(|a| a.name().to_owned()));
    authenticate(flow.core, flow.client, person, device, &application.unwrap_or_default()).await
}

/// The enrolment status of a run, for the waiting page. `None`: there is none at this stage.
pub async fn enrollment_status(core: &Core, plan: &Plan, stage: &Object) -> Result<Option<&'static str>> {
    let Some(settings) = stage.get::<AuthenticatorDuoStage>() else { return Ok(None) };
    let Some(kept) = super::held_in(core, &plan.context, stage.pk)? else { return Ok(None) };
    status(core, settings, &Enrolment::read(&kept)?).await.map(Some)
}

/// Gives a user the device of a Duo account. `false`: they have it.
pub async fn import_one(
    core: &Core,
    client: &Client,
    author: Option<&Principal>,
    stage: &Object,
    username: &str,
    duo_user: &str,
) -> Result<bool> {
    if duo_user.is_empty() || duo_user.len() > 100 {
        return Err(Error::invalid("duo_user_id", "Enter the id of the account at Duo."));
    }
    let person = users::by_username(&core.db, username)
        .await?
        .ok_or_else(|| Error::invalid("username", "There is no such user."))?;
    let new = duo_device(
        core,
        person.id,
        core.ports.uuid(),
        "",
        "Imported Duo Authenticator",
        duo_user,
        Some(stage),
    );
    let author = Author::request(client, author, "authentik_stages_authenticator_duo");
    match directory::commit(core, &author, DeviceChange::create(new, vec![]).owner(&person.username)).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::Unique(index))) if index == "device.credential" => Ok(false),
        Err(error) => Err(error),
    }
}

/// Maximum number of Duo accounts per import.
const MOST: usize = 100_000;

/// Imports the devices of all users whose name is enrolled at Duo. Returns the number of new ones.
pub async fn import_all(
    core: &Core,
    client: &Client,
    author: Option<&Principal>,
    stage: &Object,
) -> Result<usize> {
    let settings = stage.get::<AuthenticatorDuoStage>().ok_or(Error::NotFound)?;
    let keys = settings.admin_keys().ok_or_else(|| {
        Error::invalid("admin_integration_key", "An Admin API application is needed for this.")
    })?;
    let (mut made, mut seen, mut offset) = (0, 0, "0".to_owned());
    loop {
        let page =
            client::page(core, &keys, "/admin/v1/users", &[("limit", "300"), ("offset", &offset)], SHORT)
                .await?;
        for account in page.0.as_array().map(Vec::as_slice).unwrap_or_default() {
            seen += 1;
            let text = |name: &str| account.get(name).and_then(Json::as_str).unwrap_or_default();
            let usable = account.get("is_enrolled").and_then(Json::as_bool).unwrap_or(false)
                && matches!(text("status"), "active" | "bypass");
            if !usable || text("username").is_empty() {
                continue;
            }
            match import_one(core, client, author, stage, text("username"), text("user_id")).await {
                Ok(new) => made += usize::from(new),
                // Unknown here.
                Err(Error::Invalid(_)) => {}
                Err(error) => return Err(error),
            }
        }
        match page.1 {
            Some(next) if seen < MOST && next.to_string() != offset => offset = next.to_string(),
            _ => return Ok(made),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;

    #[test]
    fn the_declaration_is_that_of_the_contract() {
        let config = Snapshot::default();
        let def = AuthenticatorDuoStage::DEF;
        assert!(def.is(Duo.id()));
        let made = create(
            def,
            json!({"name": "a", "client_id": "c", "client_secret": "s", "api_hostname": "h.test"}),
            &config,
        )
        .unwrap();
        assert_eq!(
            made,
            json!({"name": "a", "configure_flow": null, "friendly_name": "", "client_id": "c", "api_hostname": "h.test", "admin_integration_key": ""})
        );
        for wrong in ["h.test/path", "h@x", "h.test:1"] {
            assert!(
                create(
                    def,
                    json!({"name": "a", "client_id": "c", "client_secret": "s", "api_hostname": wrong}),
                    &config
                )
                .unwrap_err()
                .get("api_hostname")
                .is_some()
            );
        }
    }
}
