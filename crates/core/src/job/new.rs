//! Queueing a job.
use super::{Job, Queue};
use crate::{Client, Core};
use serde::{Deserialize, Serialize};
use signet_base::{Json, Result, Secret, Uuid};
use signet_model::Object;
use signet_store::Batch;
use signet_store::jobs::{self, JobRow, QUEUED};
use std::net::IpAddr;

/// A job to be queued.
pub struct NewJob<'a> {
    job: &'a dyn Job,
    payload: Json,
    client: Option<&'a Client>,
    user: Option<i64>,
    about: Option<&'a Object>,
    unique_key: Option<String>,
    schedule: Option<Uuid>,
    uid: String,
}

impl<'a> NewJob<'a> {
    pub fn new(job: &'a dyn Job, payload: &impl Serialize) -> Result<Self> {
        let payload = serde_json::to_value(payload)?;
        Ok(Self {
            job,
            payload,
            client: None,
            user: None,
            about: None,
            unique_key: None,
            schedule: None,
            uid: String::new(),
        })
    }
    /// The request that asks for it, and who does, for its events and links.
    #[must_use]
    pub fn asked_by(self, client: &'a Client, user: Option<i64>) -> Self {
        Self { client: Some(client), user, ..self }
    }
    /// The object that it is about, for administrators who look for its jobs.
    #[must_use]
    pub fn about(self, object: &'a Object) -> Self {
        Self { about: Some(object), ..self }
    }
    /// Not queued while another one with this key is not over.
    #[must_use]
    pub fn unique(self, key: impl Into<String>) -> Self {
        Self { unique_key: Some(key.into()), ..self }
    }
    /// Queued by a schedule.
    pub(super) fn of_schedule(self, id: Uuid, uid: &str) -> Self {
        Self { schedule: Some(id), uid: uid.to_owned(), ..self }
    }
    /// The statements that queue it: commit them with the rows that it is about. A worker takes it at once.
    pub fn batch(self, core: &Core) -> Result<Batch> {
        Ok(jobs::enqueue(&self.row(core)?))
    }
    /// As [`NewJob::batch`], in a commit of its own.
    pub async fn commit(self, core: &Core) -> Result<()> {
        core.db.batch(self.batch(core)?).await.map(drop)
    }
    pub(super) fn row(self, core: &Core) -> Result<JobRow> {
        let (id, now) = (core.ports.uuid_v7(), core.now());
        let envelope =
            Envelope { client: self.client.map(Requester::of), user: self.user, payload: self.payload };
        let payload = Secret::new(serde_json::to_string(&envelope)?);
        let about = |part: fn(&Object) -> String| self.about.map(part).unwrap_or_default();
        Ok(JobRow {
            id,
            queue: self.job.queue().as_str().to_owned(),
            kind: self.job.name().to_owned(),
            uid: self.uid,
            unique_key: self.unique_key,
            schedule: self.schedule,
            state: QUEUED.to_owned(),
            status: QUEUED.to_owned(),
            attempts: 0,
            due: Some(now),
            lease: None,
            rel_obj_app_label: about(|object| object.def.app.to_owned()),
            rel_obj_model: about(|object| object.def.name.to_owned()),
            rel_obj_id: about(|object| object.pk.to_string()),
            payload: core.vault.seal(place(&id.to_string()), &payload)?,
            log: Json::Array(Vec::new()),
            created: now,
            updated: now,
            expires: None,
        })
    }
}

impl Queue {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == text)
    }
}

fn place(id: &str) -> (&str, &str, &str) {
    ("job", id, "payload")
}

/// What is encrypted in a job's row.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    client: Option<Requester>,
    pub user: Option<i64>,
    pub payload: Json,
}
impl Envelope {
    pub fn open(core: &Core, row: &JobRow) -> Result<Self> {
        let text = core.vault.open(place(&row.id.to_string()), &row.payload)?;
        Ok(serde_json::from_str(text.reveal())?)
    }
    pub fn client(&self) -> Client {
        self.client.as_ref().map_or_else(Client::internal, Requester::client)
    }
}

/// What later work needs of a request.
#[derive(Serialize, Deserialize)]
struct Requester {
    ip: IpAddr,
    host: String,
    secure: bool,
    user_agent: String,
    request_id: String,
    method: String,
    path: String,
    device: String,
}
impl Requester {
    fn of(client: &Client) -> Self {
        Self {
            ip: client.ip,
            host: client.host.clone(),
            secure: client.secure,
            user_agent: client.user_agent.clone(),
            request_id: client.request_id.clone(),
            method: client.method.clone(),
            path: client.shown_path().to_owned(),
            device: client.device.clone(),
        }
    }
    fn client(&self) -> Client {
        let client = Client {
            ip: self.ip,
            host: self.host.clone(),
            secure: self.secure,
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            device: self.device.clone(),
            ..Client::internal()
        };
        // It was made fit to be shown when the job was queued.
        client.sent.matched(&self.path);
        client
    }
}
