//! The change bus: every node hears what any node has changed. Within the process by a broadcast channel, between nodes by
//! `LISTEN` and `NOTIFY` of PostgreSQL. A notification can be lost, so that it is never the only way: who keeps something in
//! memory also compares it with the database from time to time.
use crate::db::{Batch, Db, DbKind};
use crate::params;
use signet_base::{Ports, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;

/// The channel of PostgreSQL.
const CHANNEL: &str = "signet";
const NOTIFY: &str = "SELECT pg_notify(?, ?)";

/// Notices that a slow subscriber may be behind by. Whoever misses some is told so.
const BACKLOG: usize = 256;
/// How often the connection is proved to be alive, and how long that may take.
const PROOF: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(2);
/// How long a connection may take, and the pause before the next one is tried.
const CONNECT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Configuration objects; the payload is the new change counter.
    Config,
    /// A job is queued; the payload is its queue.
    Job,
    /// The round trip that proves the connection.
    Ping,
}

impl Topic {
    fn as_str(self) -> &'static str {
        match self {
            Topic::Config => "config",
            Topic::Job => "job",
            Topic::Ping => "ping",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub topic: Topic,
    pub payload: String,
}

impl Notice {
    fn text(&self) -> String {
        format!("{} {}", self.topic.as_str(), self.payload)
    }
    /// None for topics of newer releases.
    fn parse(text: &str) -> Option<Self> {
        let (word, payload) = text.split_once(' ')?;
        let topic =
            [Topic::Config, Topic::Job, Topic::Ping].into_iter().find(|topic| topic.as_str() == word)?;
        Some(Self { topic, payload: payload.to_owned() })
    }
}

/// The part within the process. Clones share subscribers.
#[derive(Clone)]
pub struct Bus {
    sender: broadcast::Sender<Notice>,
    proven: Arc<AtomicBool>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0, proven: Arc::default() }
    }
}

impl Bus {
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.sender.subscribe()
    }
    /// Tells the subscribers of this process.
    pub(crate) fn deliver(&self, notice: Notice) {
        // Without subscribers nobody has to know.
        let _ = self.sender.send(notice);
    }
    /// Whether notices of other nodes arrive, as the last round trip has shown.
    pub fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }
}

/// Adds a notice to a batch: other nodes hear of it when, and only if, the batch is committed.
pub(crate) fn notify(batch: &mut Batch, kind: DbKind, notice: &Notice) {
    if kind == DbKind::Postgres {
        batch.push(NOTIFY, params![CHANNEL, notice.text()]);
    }
}

/// Carries the notices of other nodes to the subscribers of this process, until `stop`.
pub async fn relay(db: Db, ports: Ports, mut stop: watch::Receiver<bool>) {
    loop {
        match tokio::time::timeout(CONNECT, db.listen(CHANNEL)).await {
            Ok(Ok(Some(inbox))) => {
                tokio::select! {
                    () = carry(&db, &ports, inbox) => {}
                    _ = stop.changed() => return,
                }
                db.bus().proven.store(false, Ordering::Relaxed);
                tracing::debug!("the connection for notices was lost");
            }
            // One process has the database, or a pooler stands before it.
            Ok(Ok(None)) => {
                let _ = stop.changed().await;
                return;
            }
            Ok(Err(error)) => tracing::debug!(%error, "no notices of other nodes"),
            Err(_) => tracing::debug!("no notices of other nodes: the database does not answer"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = stop.changed() => return,
        }
    }
}

/// Until the connection is closed, or a round trip fails.
async fn carry(db: &Db, ports: &Ports, mut inbox: mpsc::Receiver<String>) {
    let mut awaited: Option<String> = None;
    let mut due = Instant::now();
    loop {
        tokio::select! {
            message = inbox.recv() => match message.as_deref().map(Notice::parse) {
                Some(Some(Notice { topic: Topic::Ping, payload })) => {
                    if awaited.as_ref() == Some(&payload) {
                        awaited = None;
                        due = Instant::now() + PROOF;
                        db.bus().proven.store(true, Ordering::Relaxed);
                    }
                }
                Some(Some(notice)) => db.bus().deliver(notice),
                Some(None) => {}
                None => return,
            },
            () = tokio::time::sleep_until(due) => {
                if awaited.is_some() {
                    return;
                }
                let nonce = ports.hex(8);
                awaited = Some(nonce.clone());
                due = Instant::now() + ANSWER;
                let ping = Notice { topic: Topic::Ping, payload: nonce };
                let sent = tokio::time::timeout(ANSWER, publish(db, ping)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}

/// Tells other nodes now.
async fn publish(db: &Db, notice: Notice) -> Result<()> {
    let mut batch = Batch::relaxed();
    notify(&mut batch, db.kind(), &notice);
    db.batch(batch).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn notices_survive_the_channel_and_unknown_topics_are_nothing() {
        let notice = Notice { topic: Topic::Config, payload: "17".into() };
        assert_eq!(Notice::parse(&notice.text()), Some(notice));
        assert_eq!(Notice::parse("later 17"), None);
        assert_eq!(Notice::parse("config"), None);
    }
}
