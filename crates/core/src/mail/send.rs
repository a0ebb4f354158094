//! The job that sends an email.
use super::{Email, Sender, render};
use crate::event::EventAction;
use crate::job::{Job, JobRun, NewJob, Queue};
use crate::{Client, Core};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::outbound::Mail;
use signet_base::{Error, Map, Result, Uuid};
use signet_store::Batch;
use signet_store::events;

/// Whose mail server sends, as it is configured when it does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Via {
    Installation,
    /// Primary key of a stage with a sender.
    Stage(Uuid),
}
impl Via {
    /// # Errors
    /// `NotFound` when the stage is gone.
    pub fn sender(self, core: &Core) -> Result<Sender> {
        let Self::Stage(pk) = self else { return Ok(core.settings.mail.sender.clone()) };
        let config = core.config();
        let stage = config.get(pk).ok_or(Error::NotFound)?;
        let kind = core.families.stage(&stage.def.full_name());
        kind.and_then(|kind| kind.sender(core, stage)).ok_or(Error::NotFound)
    }
}

/// Sends an email until its server has accepted it.
pub struct SendMail;

#[derive(Serialize, Deserialize)]
struct Payload {
    via: Via,
    mail: Mail,
    /// The context of the event `email_sent`; none: no event.
    sent: Option<Map>,
}

#[async_trait]
impl Job for SendMail {
    fn name(&self) -> &'static str {
        "authentik.stages.email.tasks.send_mail"
    }
    fn description(&self) -> &'static str {
        "Send an email"
    }
    fn queue(&self) -> Queue {
        Queue::Mail
    }
    fn app(&self) -> &'static str {
        "authentik_stages_email"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let Payload { via, mut mail, sent } = run.payload()?;
        let sender = via.sender(&run.core)?;
        mail.from.clone_from(&sender.from);
        // The same in every attempt, so that a receiver knows a second copy.
        mail.message_id = run.id.simple().to_string();
        run.core.ports.mail.send(&sender.server, &mail).await?;
        let Some(mut sent) = sent else { return Ok(Batch::new()) };
        sent.insert("from_email".into(), sender.from.into());
        let person = run.person().await?;
        let (action, app) = (EventAction::EmailSent, self.app());
        let event = run.core.event_row(&run.client, person.as_ref(), &action, app, sent);
        Ok(events::insert_batch(&[event], true))
    }
}

/// Renders an email and queues it, in the name of a request and about a user.
///
/// # Errors
/// `Invalid` for a template error.
pub fn queue(
    core: &Core,
    client: &Client,
    user: Option<i64>,
    via: Via,
    email: &Email,
    sent: Option<Map>,
) -> Result<Batch> {
    let mail = render(core, client, email)?;
    NewJob::new(&SendMail, &Payload { via, mail, sent })?.asked_by(client, user).batch(core)
}
/// As [`queue`], for a text without a template.
pub fn queue_text(core: &Core, client: &Client, user: Option<i64>, via: Via, mail: Mail) -> Result<Batch> {
    NewJob::new(&SendMail, &Payload { via, mail, sent: None })?.asked_by(client, user).batch(core)
}
