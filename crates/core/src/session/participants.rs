//! Telling applications that a session is over. Who has answered in a session is a participant of it; when the session is
//! over, in whatever way, a look finds its participants and queues a message for each. Every end of a session that this
//! server carries out queues a look in its own commit; the schedule finds what ends by itself.
use super::WebSession;
use crate::Core;
use crate::job::{Job, JobRun, LogLevel, NewJob, Queue};
use crate::provider::{SignOut, SignOutMessage};
use async_trait::async_trait;
use signet_base::{Conflict, Error, Json, Result, Uuid};
use signet_store::participants::{self, Participant};
use signet_store::{Batch, epoch};

/// Participants that one look takes.
const MOST: i64 = 500;

/// The provider takes part in the session from now on, known there by `session_index`. As part of the commit of its answer.
pub fn take_part(core: &Core, session: &WebSession, provider: i64, session_index: &str, data: Json) -> Batch {
    let (Some(person), Some(uuid)) = (session.principal(), session.uuid()) else { return Batch::new() };
    participants::add(&Participant {
        id: 0,
        session: uuid,
        provider,
        user_id: person.session_owner(),
        session_index: session_index.to_owned(),
        data,
        created: core.now(),
    })
}

/// Queues a look at the sessions of a person: as part of the commit that ends some of them.
pub fn look_batch(core: &Core, user: i64) -> Batch {
    let tells = |kind: &dyn SignOut, def| core.config().of(def).any(|provider| kind.tells(provider));
    if !core.families.providers().any(|kind| kind.sign_out().is_some_and(|s| tells(s, kind.def()))) {
        return Batch::new();
    }
    let look = NewJob::new(&FindSignedOut, &Some(user)).and_then(|job| job.batch(core));
    look.unwrap_or_else(|error| {
        tracing::error!(%error, "a look for ended sessions was not queued: the schedule makes it");
        Batch::new()
    })
}
/// [`look_batch`] for every account whose epoch a batch raises.
pub fn look_after_raise(core: &Core, batch: &Batch) -> Batch {
    epoch::raised(batch).into_iter().fold(Batch::new(), |all, user| all.then(look_batch(core, user)))
}

/// Finds participants of sessions that are over.
pub struct FindSignedOut;

#[async_trait]
impl Job for FindSignedOut {
    fn name(&self) -> &'static str {
        "signet.core.tasks.find_signed_out"
    }
    fn description(&self) -> &'static str {
        "Find applications to be told that a session is over"
    }
    fn schedule(&self) -> Option<&'static str> {
        Some("2-59/5 * * * *")
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let (core, user) = (run.core.clone(), run.payload::<Option<i64>>()?);
        let over = match user {
            Some(user) => participants::over_of_user(&core.db, user, core.now(), MOST).await?,
            None => participants::over_after(&core.db, 0, core.now(), MOST).await?,
        };
        let mut batch = tell(&core, &over)?;
        if i64::try_from(over.len()).is_ok_and(|found| found == MOST) {
            batch = batch.then(NewJob::new(self, &user)?.batch(&core)?);
        }
        if !over.is_empty() {
            run.log(LogLevel::Info, format!("{} applications", over.len()));
        }
        Ok(batch)
    }
}

/// Queues a message for each, and removes it, so that it is told once.
fn tell(core: &Core, over: &[Participant]) -> Result<Batch> {
    let mut batch = Batch::new();
    for participant in over {
        let message = SignOutMessage {
            provider: participant.provider,
            session_index: participant.session_index.clone(),
            data: participant.data.clone(),
        };
        batch = batch.then(participants::remove(participant));
        if tells(core, participant.provider) {
            let config = core.config();
            let mut job = NewJob::new(&TellSignedOut, &message)?;
            if let Some(provider) = config.by_num(participant.provider) {
                job = job.about(provider);
            }
            batch = batch.then(job.batch(core)?);
        }
    }
    Ok(batch)
}

/// The application leaves a session that goes on: it is told, and told no second time when the session is over.
pub async fn leave(core: &Core, session: Uuid, provider: i64) -> Result<()> {
    let left = participants::in_session(&core.db, session, provider).await?;
    match core.db.batch(tell(core, &left)?).await {
        // Somebody else was faster.
        Err(Error::Conflict(Conflict::Used)) => Ok(()),
        done => done.map(drop),
    }
}

/// Whether a provider tells its application.
fn tells(core: &Core, provider: i64) -> bool {
    let config = core.config();
    let Some(object) = config.by_num(provider) else { return false };
    let kind = core.families.provider(object.def);
    kind.is_some_and(|kind| kind.sign_out().is_some_and(|sign_out| sign_out.tells(object)))
}

/// Sends one message.
pub struct TellSignedOut;

#[async_trait]
impl Job for TellSignedOut {
    fn name(&self) -> &'static str {
        "signet.core.tasks.tell_signed_out"
    }
    fn description(&self) -> &'static str {
        "Tell an application that a session is over"
    }
    fn queue(&self) -> Queue {
        Queue::Outbound
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let (core, message) = (run.core.clone(), run.payload::<SignOutMessage>()?);
        let config = core.config();
        let found = config.by_num(message.provider).and_then(|p| Some((p, core.families.provider(p.def)?)));
        let Some((provider, kind)) = found else {
            run.log(LogLevel::Info, "the provider is gone");
            return Ok(Batch::new());
        };
        match kind.sign_out().filter(|sign_out| sign_out.tells(provider)) {
            Some(sign_out) => sign_out.tell(&core, provider, &message, run.id).await?,
            None => run.log(LogLevel::Info, "its application is no longer told"),
        }
        Ok(Batch::new())
    }
}
