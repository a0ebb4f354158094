//! Addresses that belong to somebody else. Whoever asks for one learns nothing; its owner gets a letter.
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Result, Span, json};
use signet_core::event::EventAction;
use signet_core::flow::plan::Planned;
use signet_core::flow::{FlowRun, StageRef};
use signet_core::job::{Job, JobRun, LogLevel, NewJob, Queue};
use signet_core::mail::{self, Email, Via};
use signet_store::users::{self, User};
use signet_store::{Batch, attempts};

/// One letter of this kind to one owner in this time, in seconds. They are counted apart from links, so that nobody uses up
/// the owner's own by them.
const PAUSE: i64 = 3600;

/// Whether an address that this account is about to get belongs to another account that is active.
pub async fn is_taken(flow: &FlowRun<'_>, user: &User, before: Option<&User>) -> Result<bool> {
    let changed =
        before.is_none_or(|before| users::canonical(&before.email) != users::canonical(&user.email));
    Ok(changed && users::is_address_of_another(&flow.core.db, &user.email, user.id).await?)
}

/// The stage of the plan whose mail server sends; else the installation's does.
fn via(flow: &FlowRun<'_>) -> Via {
    let sends = |planned: &Planned| {
        let StageRef::Object(pk) = planned.stage else { return None };
        let via = Via::Stage(pk);
        via.sender(flow.core).is_ok().then_some(via)
    };
    flow.plan.stages.iter().find_map(sends).unwrap_or(Via::Installation)
}

#[derive(Serialize, Deserialize)]
struct Payload {
    address: String,
    username: String,
    flow: String,
    via: Via,
}

/// The statements that queue the letter to the owner, and the event for administrators, for the commit of what was written
/// instead: their time says nothing.
pub fn tell_owner(flow: &FlowRun<'_>, username: &str, address: &str) -> Result<Batch> {
    let payload = Payload {
        address: address.to_owned(),
        username: username.to_owned(),
        flow: flow.flow.text("slug").to_owned(),
        via: via(flow),
    };
    let user = flow.user().map(|person| person.user.id);
    NewJob::new(&TellOwner, &payload)?.asked_by(flow.client, user).batch(flow.core)
}

/// Tells the owner of an address that somebody entered it.
pub struct TellOwner;

#[async_trait]
impl Job for TellOwner {
    fn name(&self) -> &'static str {
        "signet.stages.user_write.tasks.tell_owner"
    }
    fn description(&self) -> &'static str {
        "Tell the owner of an address that somebody entered it"
    }
    fn queue(&self) -> Queue {
        Queue::Mail
    }
    fn app(&self) -> &'static str {
        "authentik_stages_user_write"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let Payload { address, username, flow, via } = run.payload()?;
        let (core, client) = (run.core.clone(), run.client.clone());
        let said = json!({"message": "The address of another account was entered. It was left out, and its owner is told.", "username": username, "flow": flow});
        let person = run.person().await?;
        let batch =
            core.event_batch(&client, person.as_ref(), &EventAction::SuspiciousRequest, self.app(), said);
        let name = core.vault.digest("attempt", &format!("address in use\n{}", users::canonical(&address)));
        let is_first = run.attempt == 1;
        if is_first
            && !attempts::take(&core.db, &name, 1, Span::from_secs(PAUSE), core.now()).await?.is_allowed()
        {
            run.log(LogLevel::Info, "no email: the owner was told within the hour");
            return Ok(batch);
        }
        let email = Email {
            to: vec![address],
            subject: "%(brand)s: your address was entered".into(),
            template: "email/address_in_use.html".into(),
            ..Email::default()
        };
        Ok(batch.then(mail::queue(&core, &client, None, via, &email, None)?))
    }
}
