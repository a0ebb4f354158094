//! Asynchronous part of the email stage: finds the account, creates the link, renders and sends the email.
use super::{EmailStage, OVERRIDE};
use signet_base::{Result, Secret, Span, json};
use signet_core::event::EventAction;
use signet_core::flow::{Plan, account, keys, token};
use signet_core::mail::{self, Email, templates};
use signet_core::{Client, Core, Principal};
use signet_model::Object;
use signet_store::attempts;
use signet_store::users::User;
use std::sync::Arc;

/// Purpose of links requested by an administrator.
pub const RECOVERY: &str = "recovery";
/// Purpose of a stage's links.
pub(super) fn purpose(stage: &str) -> String {
    format!("email/{stage}")
}

/// An email with a link.
pub struct Delivery {
    pub flow: Arc<Object>,
    /// Primary key of the stage that the link leads to.
    pub stage: String,
    pub settings: Arc<EmailStage>,
    /// The run that the link continues.
    pub plan: Plan,
    /// The query string of the run.
    pub query: String,
    /// `None`: no email is sent.
    pub user: Option<i64>,
    /// Requested by an administrator: the stage's limit does not apply, and the run starts at the flow's
    /// beginning.
    pub by_administrator: bool,
    /// Requested by an anonymous client.
    pub by_stranger: bool,
    /// `None`: the stage's lifetime.
    pub lifetime: Option<Span>,
}

/// Sends the email in the background.
pub fn deliver(core: &Arc<Core>, client: &Client, delivery: Delivery) {
    let (work_core, work_client) = (core.clone(), client.clone());
    mail::in_background(core, client, None, "a link by mail", async move {
        work(&work_core, &work_client, delivery).await
    });
}

async fn work(core: &Arc<Core>, client: &Client, mut d: Delivery) -> Result<()> {
    let Some(person) = addressee(core, &d).await? else { return Ok(()) };
    let elsewhere = d.plan.context.get(&OVERRIDE).filter(|a| !a.is_empty());
    if elsewhere.is_none() {
        d.plan.context.set(&token::ADDRESS, person.user.email.clone());
    }
    let address = elsewhere.unwrap_or_else(|| person.user.email.clone());
    if address.is_empty() {
        tracing::info!(user = person.user.id, "no mail: the account has no address");
        return Ok(());
    }
    if d.by_stranger && !mail::take_share(core, client, &address, person.user.id).await?.is_allowed() {
        tracing::info!(user = person.user.id, "no mail: strangers have caused too many to this recipient");
        return Ok(());
    }
    // Several identifiers lead to one account: its own limit protects the mailbox.
    let own = format!("email/{}/user/{}", d.stage, person.user.id);
    if !d.by_administrator
        && !attempts::take(
            &core.db,
            &own,
            d.settings.recovery_max_attempts,
            d.settings.recovery_cache_timeout,
            core.now(),
        )
        .await?
        .is_allowed()
    {
        tracing::info!(user = person.user.id, "no mail: too many were asked for");
        return Ok(());
    }
    // Checked before earlier links are invalidated: without an address no email is sent.
    signet_core::address::public(core, client)?;
    d.plan.context.set(&keys::PENDING_USER, person.pending());
    let lifetime = d.lifetime.unwrap_or(d.settings.token_expiry);
    let purpose = if d.by_administrator { RECOVERY.to_owned() } else { purpose(&d.stage) };
    let key = token::issue(
        core,
        token::FlowTokenRequest {
            plan: &d.plan,
            lifetime,
            purpose: &purpose,
            replace: d.by_administrator,
            epoch: person.user.epoch,
        },
    )
    .await?;
    send(core, client, &d, &person, address, &key, lifetime).await
}

/// Whether the run's authentication of the account is still valid.
fn is_unchanged(plan: &Plan, user: &User) -> bool {
    plan.context.get(&account::PROVEN).filter(|at| at.user == user.id).is_none_or(|at| at.counts(user))
}
/// The account, if it may get a link: active, or created by this run.
async fn addressee(core: &Arc<Core>, d: &Delivery) -> Result<Option<Principal>> {
    let Some(id) = d.user else { return Ok(None) };
    let person = Principal::load_any(core, id).await?;
    Ok(person.filter(|p| {
        is_unchanged(&d.plan, &p.user) && (p.user.is_active || account::made_here(&d.plan.context, &p.user))
    }))
}

/// Renders and sends the stage's email with a link.
async fn send(
    core: &Arc<Core>,
    client: &Client,
    d: &Delivery,
    person: &Principal,
    address: String,
    key: &Secret,
    lifetime: Span,
) -> Result<()> {
    let settings = &d.settings;
    let url = token::link(core, client, &d.flow, &d.query, key)?;
    // Until the address is confirmed, the email contains nothing that an anonymous client chose.
    let addressee = if d.plan.context.get(&keys::CREATED_ACCOUNT).is_some_and(|at| at.user == person.user.id)
        || !person.user.is_active
    {
        mail::nobody(&person.user)
    } else {
        mail::person(person)
    };
    let values = json!({"url": url, "user": addressee, "expires": core.now().plus(lifetime), "expires_in": templates::duration(lifetime.secs())});
    let letter = Email {
        to: vec![address.clone()],
        subject: settings.subject.clone(),
        template: settings.template.clone(),
        values: values.as_object().cloned().unwrap_or_default(),
        ..Email::default()
    };
    let sender = settings.sender(core);
    mail::send_with_patience(core, client, &sender, &letter).await?;
    let said = json!({"subject": settings.subject, "to_email": [address], "from_email": sender.from, "message": "A link was sent."});
    core.event(client, Some(person), EventAction::EmailSent, "authentik_stages_email", said).await;
    Ok(())
}
