//! Jobs: work outside of requests. A job is a row (`signet_store::jobs`), queued in the commit of what it is about, and
//! carried out at least once by a worker: this process, or another one. See docs/adr/0011-jobs.md.
mod attempt;
mod metrics;
mod new;
mod schedule;
mod worker;

pub use metrics::JobMetrics;
pub use new::NewJob;
pub use worker::work;

use crate::{Client, Core, Principal};
use async_trait::async_trait;
use serde::de::DeserializeOwned;
use signet_base::{Json, Result, Span, Timestamp, Uuid, json};
use signet_store::Batch;
use std::sync::Arc;
use std::time::Duration;

/// A kind of job.
#[async_trait]
pub trait Job: Send + Sync {
    /// On the wire (`actor_name`), in rows, logs and metrics. A new name leaves the queued jobs of the old one undone.
    fn name(&self) -> &'static str;
    /// Shown to administrators.
    fn description(&self) -> &'static str;
    fn queue(&self) -> Queue {
        Queue::Default
    }
    /// When it recurs, as crontab in UTC. It has no payload then.
    fn schedule(&self) -> Option<&'static str> {
        None
    }
    /// The part of the program that failures are told by.
    fn app(&self) -> &'static str {
        "authentik_tasks"
    }
    /// One attempt. The returned statements are committed with the end of the job: all of it happens, or nothing. What an
    /// attempt does elsewhere (mail, HTTP) may happen again, when the process is killed before that commit.
    ///
    /// # Errors
    /// `Invalid`, `Denied` and `NotFound` end the job; after others another attempt is made.
    async fn run(&self, run: &mut JobRun) -> Result<Batch>;
}

/// Queues keep a slow kind from delaying the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    Default,
    Mail,
    /// Messages to other programs.
    Outbound,
}
impl Queue {
    pub const ALL: [Queue; 3] = [Queue::Default, Queue::Mail, Queue::Outbound];
    pub fn as_str(self) -> &'static str {
        match self {
            Queue::Default => "default",
            Queue::Mail => "mail",
            Queue::Outbound => "outbound",
        }
    }
    /// Jobs that one process carries out at once.
    fn at_once(self, settings: &JobSettings) -> usize {
        match self {
            Queue::Default => settings.threads.max(1),
            // They wait for others.
            Queue::Mail | Queue::Outbound => 16,
        }
    }
}

/// `AUTHENTIK_WORKER__*`
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Jobs of the queue `default` that one process carries out at once.
    pub threads: usize,
    /// Attempts after the first one.
    pub retries: i64,
    /// Of one attempt.
    pub time_limit: Duration,
    /// How long jobs that are over stay.
    pub expiration: Span,
    /// How often schedules are looked at.
    pub scheduler_interval: Duration,
}
impl Default for JobSettings {
    fn default() -> Self {
        Self {
            threads: 2,
            retries: 5,
            time_limit: Duration::from_secs(600),
            expiration: Span::from_secs(30 * 86_400),
            scheduler_interval: Duration::from_secs(60),
        }
    }
}

/// Levels of a job's log, in the words of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Info,
    Warning,
    Error,
}
impl LogLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Info => "info",
            LogLevel::Warning => "warning",
            LogLevel::Error => "error",
        }
    }
}

/// An attempt under way.
pub struct JobRun {
    pub core: Arc<Core>,
    /// Of the job; the same in every attempt.
    pub id: Uuid,
    /// Counted from one. What was counted or done elsewhere before a later one may have been so by an earlier one.
    pub attempt: i64,
    /// The request that asked for it; else [`Client::internal`].
    pub client: Client,
    /// Who asked for it.
    user: Option<i64>,
    payload: Json,
    log: Vec<(LogLevel, Timestamp, String)>,
}
impl JobRun {
    /// What the job was queued with.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(T::deserialize(&self.payload)?)
    }
    /// Who asked for it, as the account is now.
    pub async fn person(&self) -> Result<Option<Principal>> {
        match self.user {
            Some(id) => Principal::load_any(&self.core, id).await,
            None => Ok(None),
        }
    }
    /// Adds a line to the job's log, which administrators read.
    pub fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.log.push((level, self.core.now(), text.into()));
    }
}

/// A log line as the wire has it.
fn line(kind: &str, attempt: i64, (level, at, text): &(LogLevel, Timestamp, String)) -> Json {
    json!({"timestamp": at, "log_level": level.as_str(), "logger": kind, "event": text, "attributes": {"attempt": attempt}})
}
