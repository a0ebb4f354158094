//! The job behind the email stage: finds the account, creates the link, and queues the email.
use super::{EmailStage, OVERRIDE};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Error, Map, Result, Secret, Span, Uuid, json};
use signet_core::flow::{Link, Plan, account, keys, token};
use signet_core::job::{Job, JobRun, LogLevel, NewJob, Queue};
use signet_core::mail::{self, Email, Via, templates};
use signet_core::{Client, Core, Principal};
use signet_model::Object;
use signet_store::Batch;
use signet_store::attempts;
use signet_store::users::User;
use std::sync::Arc;

/// Purpose of links requested by an administrator.
pub const RECOVERY: &str = "recovery";
/// Purpose of a stage's links.
pub(super) fn purpose(stage: Uuid) -> String {
    format!("email/{stage}")
}

/// An email with a link.
#[derive(Serialize, Deserialize)]
pub struct Delivery {
    pub flow: Uuid,
    /// The stage that the link leads to.
    pub stage: Uuid,
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

impl Delivery {
    /// What an administrator sends.
    pub(super) fn of(link: Link) -> Self {
        Self {
            flow: link.flow.pk,
            stage: link.stage,
            plan: link.plan,
            query: String::new(),
            user: Some(link.user),
            by_administrator: true,
            by_stranger: false,
            lifetime: link.lifetime,
        }
    }
    /// The statements that queue it: the same for every user, and for none, so that times tell nothing.
    pub fn queue(&self, core: &Core, client: &Client) -> Result<Batch> {
        let config = core.config();
        let stage = config.get(self.stage).ok_or(Error::NotFound)?;
        NewJob::new(&DeliverLink, self)?.asked_by(client, None).about(stage).batch(core)
    }
}

/// Makes a link and queues its email, in one commit.
pub struct DeliverLink;

#[async_trait]
impl Job for DeliverLink {
    fn name(&self) -> &'static str {
        "signet.stages.email.tasks.deliver_link"
    }
    fn description(&self) -> &'static str {
        "Make a link and its email"
    }
    fn queue(&self) -> Queue {
        Queue::Mail
    }
    fn app(&self) -> &'static str {
        "authentik_stages_email"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let delivery: Delivery = run.payload()?;
        let (core, client) = (run.core.clone(), run.client.clone());
        match work(&core, &client, delivery, run.attempt == 1).await? {
            Ok(batch) => Ok(batch),
            Err(why) => {
                run.log(LogLevel::Info, format!("no email: {why}"));
                Ok(Batch::new())
            }
        }
    }
}

/// `Err`: why no email is sent. A later attempt `counts` for no limit: an earlier one did.
async fn work(
    core: &Arc<Core>,
    client: &Client,
    mut d: Delivery,
    counts: bool,
) -> Result<Result<Batch, &'static str>> {
    let config = core.config();
    let flow = config.get(d.flow).ok_or(Error::NotFound)?;
    let settings =
        config.get(d.stage).and_then(|stage| stage.share::<EmailStage>()).ok_or(Error::NotFound)?;
    let Some(person) = addressee(core, &d).await? else { return Ok(Err("no account may get it")) };
    let elsewhere = d.plan.context.get(&OVERRIDE).filter(|a| !a.is_empty());
    if elsewhere.is_none() {
        d.plan.context.set(&token::ADDRESS, person.user.email.clone());
    }
    let address = elsewhere.unwrap_or_else(|| person.user.email.clone());
    if address.is_empty() {
        return Ok(Err("the account has no address"));
    }
    if counts
        && d.by_stranger
        && !mail::take_share(core, client, &address, person.user.id).await?.is_allowed()
    {
        return Ok(Err("strangers have caused too many to this recipient"));
    }
    // Several identifiers lead to one account: its own limit protects the mailbox.
    let own = format!("email/{}/user/{}", d.stage, person.user.id);
    let (limit, window) = (settings.recovery_max_attempts, settings.recovery_cache_timeout);
    if counts
        && !d.by_administrator
        && !attempts::take(&core.db, &own, limit, window, core.now()).await?.is_allowed()
    {
        return Ok(Err("too many were asked for"));
    }
    // Checked before earlier links are invalidated: without an address no email is sent.
    signet_core::address::public(core, client)?;
    d.plan.context.set(&keys::PENDING_USER, person.pending());
    let lifetime = d.lifetime.unwrap_or(settings.token_expiry);
    let purpose = if d.by_administrator { RECOVERY.to_owned() } else { purpose(d.stage) };
    let (key, link) = token::prepare(
        core,
        token::FlowTokenRequest {
            plan: &d.plan,
            lifetime,
            purpose: &purpose,
            replace: d.by_administrator,
            epoch: person.user.epoch,
        },
    )?;
    let email = email(core, client, &d, (flow, &settings), &person, address, (&key, lifetime))?;
    Ok(Ok(link.then(email)))
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

/// Renders and queues the stage's email with a link.
fn email(
    core: &Core,
    client: &Client,
    d: &Delivery,
    (flow, settings): (&Object, &EmailStage),
    person: &Principal,
    address: String,
    (key, lifetime): (&Secret, Span),
) -> Result<Batch> {
    let url = token::link(core, client, flow, &d.query, key)?;
    // Until the address is confirmed, the email contains nothing that an anonymous client chose.
    let addressee = if d.plan.context.get(&keys::CREATED_ACCOUNT).is_some_and(|at| at.user == person.user.id)
        || !person.user.is_active
    {
        mail::nobody(&person.user)
    } else {
        mail::person(person)
    };
    let values = json!({"url": url, "user": addressee, "expires": core.now().plus(lifetime), "expires_in": templates::duration(lifetime.secs())});
    let said =
        json!({"subject": settings.subject, "to_email": [address.clone()], "message": "A link was sent."});
    let email = Email {
        to: vec![address],
        subject: settings.subject.clone(),
        template: settings.template.clone(),
        values: values.as_object().cloned().unwrap_or_default(),
        ..Email::default()
    };
    let sent: Option<Map> = said.as_object().cloned();
    mail::queue(core, client, Some(person.user.id), Via::Stage(d.stage), &email, sent)
}
