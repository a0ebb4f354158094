//! Sends a link to the person's address and waits until it is opened.
mod api;
mod deliver;
mod page;

use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Result, Secret, Span, Timestamp, Uuid, vault::sha256_hex};
use signet_core::budget::{Prefix, SharedBudget};
use signet_core::directory::{self, UserChange};
use signet_core::flow::{
    Challenge, FlowRun, FlowStep, Key, Link, ResponseErrors, StageKind, account, keys, proof, token,
};
use signet_core::mail::{self, Own, Sender, templates};
use signet_core::{Client, Core, Principal};
use signet_model::{Change, Model, Object, Snapshot};
use signet_pages::{FormContext, StagePage};
use signet_store::Batch;
use signet_store::users::{self, User, canonical};
use signet_store::{attempts, attempts::AttemptOutcome};
use std::sync::Arc;

pub use deliver::{DeliverLink, Delivery};

pub const SLICE: Slice =
    Slice { models: &[EmailStage::DEF], kind: || Arc::new(Email), actions: api::actions };

/// Sends a mail with a link that continues the flow, as proof of the address.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_email", path = "stages/email", base = Stage, label = "Email Stage", component = "ak-stage-email-form", search("name"), check = check)]
pub struct EmailStage {
    #[field(unique, filter)]
    pub name: String,
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
    /// How long the link works.
    #[field(default = "minutes=30", filter)]
    pub token_expiry: Span,
    #[field(default = "authentik", filter)]
    pub subject: String,
    #[field(default = "email/password_reset.html", filter)]
    pub template: String,
    /// Activate an account that this flow has made when its link is opened.
    #[field(default = false, filter)]
    pub activate_user_on_success: bool,
    /// How many mails one person may ask for within the time below.
    #[field(default = 5, min = 1, max = 1000)]
    pub recovery_max_attempts: i64,
    #[field(default = "minutes=5")]
    pub recovery_cache_timeout: Span,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    if let Err(why) = templates::check(change.text("template")) {
        errors.add("template", why);
    }
    for field in ["token_expiry", "recovery_cache_timeout"] {
        if Span::parse(change.text(field)).is_ok_and(|s| s.secs() < 1) {
            errors.add(field, "Enter a time of at least one second.");
        }
    }
    if change.text("subject").contains(['\r', '\n']) {
        errors.add("subject", "Use one line.");
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

impl EmailStage {
    /// The stage's mail server.
    pub fn sender(&self, core: &Core) -> Sender {
        if self.use_global_settings {
            return core.settings.mail.sender.clone();
        }
        Sender::own(&Own {
            host: &self.host,
            port: self.port,
            username: &self.username,
            password: &self.password,
            use_tls: self.use_tls,
            use_ssl: self.use_ssl,
            timeout: self.timeout,
            from: &self.from_address,
        })
    }
}

const COMPONENT: &str = "ak-stage-email";
/// Stages of this run that have sent an email.
const SENT: Key<Vec<String>> = Key::new("goauthentik.io/email/sent");
/// An address other than the account's, set by policies.
const OVERRIDE: Key<String> = Key::new("email");
struct Email;

#[async_trait]
impl StageKind for Email {
    fn id(&self) -> &'static str {
        "authentik_stages_email.emailstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    fn sender(&self, core: &Core, stage: &Object) -> Option<Sender> {
        Some(stage.get::<EmailStage>()?.sender(core))
    }
    fn send_link(&self, core: &Arc<Core>, client: &Client, link: Link) -> Result<Option<Batch>> {
        Delivery::of(link).queue(core, client).map(Some)
    }
    async fn guard(&self, flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        if came_back(flow) {
            let settings = flow.settings::<EmailStage>()?;
            return confirmed(flow, &settings).await.map(Some);
        }
        Ok(flow.pending_user().is_none().then(|| FlowStep::Deny(Some("No pending user.".to_owned()))))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<EmailStage>()?;
        if !is_sent(flow)
            && let Err(text) = send(flow, &settings).await?
        {
            return Ok(FlowStep::Deny(Some(text)));
        }
        Ok(FlowStep::Show(flow.about_person(Challenge::new(COMPONENT))))
    }
    /// Any answer requests another email; only the link continues.
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<EmailStage>()?;
        if answer.get("component").and_then(Json::as_str) != Some(COMPONENT) {
            return Ok(FlowStep::Invalid(ResponseErrors::required("component")));
        }
        Ok(FlowStep::Invalid(match send(flow, &settings).await? {
            Ok(()) => ResponseErrors::one("non_field_errors", "email-sent", "email-sent"),
            Err(text) => ResponseErrors::one("non_field_errors", &text, "throttled"),
        }))
    }
}

fn pk_of(flow: &FlowRun<'_>) -> Uuid {
    flow.stage.as_ref().map(|s| s.pk).unwrap_or_default()
}
fn key_of(flow: &FlowRun<'_>) -> String {
    pk_of(flow).to_string()
}
fn is_sent(flow: &FlowRun<'_>) -> bool {
    flow.plan.context.get(&SENT).is_some_and(|all| all.contains(&key_of(flow)))
}

/// Whether the run was restored by a link of this stage, or by an administrator's.
fn came_back(flow: &FlowRun<'_>) -> bool {
    let restored = flow.plan.context.get(&keys::IS_RESTORED);
    let purpose = restored.as_ref().and_then(|r| r.get("purpose")).and_then(Json::as_str).unwrap_or_default();
    purpose == deliver::RECOVERY || purpose == deliver::purpose(pk_of(flow))
}

async fn confirmed(flow: &mut FlowRun<'_>, settings: &EmailStage) -> Result<FlowStep> {
    // The run's user may have changed.
    if !proof::is_restored(&flow.plan.context) {
        return Ok(FlowStep::Deny(None));
    }
    let Some(person) = flow.pending_account().await? else { return Ok(FlowStep::Deny(None)) };
    if settings.activate_user_on_success && !person.user.is_active {
        activate(flow, &person).await?;
    }
    // Not so a link that an administrator was shown.
    let sent_to = flow.plan.context.get(&token::ADDRESS).unwrap_or_default();
    if person.user.email_verified_at.is_none() && canonical(&sent_to) == canonical(&person.user.email) {
        let author = flow.author(Some(&person), "authentik_stages_email");
        directory::commit(flow.core, &author, UserChange::of(&person.user).email_verified("mail")).await?;
    }
    Ok(FlowStep::Next)
}

/// Activates only an account created by this run and changed by nobody else: an account deactivated by an
/// administrator stays inactive.
async fn activate(flow: &FlowRun<'_>, person: &Principal) -> Result<()> {
    if !account::made_here(&flow.plan.context, &person.user) {
        return Ok(());
    }
    let core = flow.core;
    let mut user = User { is_active: true, ..User::clone(&person.user) };
    user.attributes.remove(users::AWAITS_CONFIRMATION);
    let author = flow.author(Some(person), "authentik_stages_email");
    directory::commit(core, &author, UserChange::update(&person.user, user)).await.map(drop)
}

/// When another mail can be asked for.
fn later(flow: &FlowRun<'_>, until: Timestamp) -> String {
    let minutes = ((until.0 - flow.core.now().0 + 59_999_999) / 60_000_000).max(1);
    format!("Too many mails were asked for. Try again in {minutes} minutes.")
}

/// Counts the request and queues the email. `Err`: the limit is reached. Everything that depends on whether the user
/// exists happens in the job.
async fn send(flow: &mut FlowRun<'_>, settings: &Arc<EmailStage>) -> Result<Result<(), String>> {
    let context = &flow.plan.context;
    let typed = context
        .get(&keys::PENDING_USER_IDENTIFIER)
        .or_else(|| flow.pending_user().map(|u| u.username))
        .unwrap_or_default();
    let by_stranger = flow.user().is_none();
    let user = if proof::is_unknown(context) { None } else { flow.pending_user().and_then(|u| u.id) };
    let mut share = String::new();
    if by_stranger {
        SharedBudget::Mail.spend(flow.core, flow.client).await?;
        // By what was typed, so that the answer is the same for every name. Beside the request the address counts as well.
        let taken =
            mail::take_share(flow.core, flow.client, &format!("name {typed}"), user.unwrap_or_default())
                .await?;
        if let AttemptOutcome::Refused { until } = taken {
            return Ok(Err(later(flow, until)));
        }
        share = Prefix::of(flow.client.ip).to_string();
    }
    let name = format!("email/{}/{}/{share}", key_of(flow), sha256_hex(canonical(&typed).as_bytes()));
    let (limit, window) = (settings.recovery_max_attempts, settings.recovery_cache_timeout);
    if let AttemptOutcome::Refused { until } =
        attempts::take(&flow.core.db, &name, limit, window, flow.core.now()).await?
    {
        return Ok(Err(later(flow, until)));
    }
    let mut sent = context.get(&SENT).unwrap_or_default();
    if !is_sent(flow) {
        sent.push(key_of(flow));
    }
    flow.context().set(&SENT, sent);
    let delivery = Delivery {
        flow: flow.flow.pk,
        stage: pk_of(flow),
        plan: flow.plan.clone(),
        query: flow.query.to_owned(),
        user,
        by_administrator: false,
        by_stranger,
        lifetime: None,
    };
    let queued = delivery.queue(flow.core, flow.client)?;
    flow.session.commit_with(queued);
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;
    use signet_base::json;

    #[test]
    fn the_declaration_names_what_is_wrong() {
        let config = Snapshot::default();
        let made = create(EmailStage::DEF, json!({"name": "a"}), &config).unwrap();
        for (field, value) in [
            ("template", json!("email/password_reset.html")),
            ("port", json!(25)),
            ("recovery_max_attempts", json!(5)),
            ("token_expiry", json!("minutes=30")),
            ("from_address", json!("system@authentik.local")),
            ("activate_user_on_success", json!(false)),
        ] {
            assert_eq!(made[field], value, "{field}");
        }
        assert!(made.get("password").is_none());
        let wrong =
            create(EmailStage::DEF, json!({"name": "a", "template": "no/such.html"}), &config).unwrap_err();
        assert_eq!(wrong, json!({"template": ["Invalid template 'no/such.html' specified."]}));
        for (field, bad) in [
            ("template", json!("../../etc/passwd")),
            ("port", json!(0)),
            ("from_address", json!("nobody")),
            ("token_expiry", json!("seconds=0")),
            ("subject", json!("a\nBcc: x")),
            ("recovery_max_attempts", json!(0)),
        ] {
            let mut sent = json!({"name": "a"});
            sent[field] = bad;
            assert!(create(EmailStage::DEF, sent, &config).unwrap_err().get(field).is_some(), "{field}");
        }
    }
}
