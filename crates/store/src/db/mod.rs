//! The database interface: one SQL text for both databases, with `?` markers.
//!
//! Dialect: what SQLite and PostgreSQL share. Integers, booleans (0/1) and times (microseconds) are BIGINT;
//! UUIDs, JSON, texts and encrypted secrets are TEXT. Unique indexes are named `table__column__column`, so
//! that both databases report the same conflict name.
mod batch;
mod errors;
mod markers;
mod multi_insert;
mod postgres;
mod settings;
mod sqlite;
mod tls;
mod value;

pub use batch::{Batch, Statement};
pub use settings::{PostgresConfig, SslMode};
pub use value::{Row, Value};

use crate::bus::{self, Bus};
use crate::runtime::Changes;
use crate::runtime::pending_sessions::PendingSessions;
use crate::runtime::write_behind::WriteBehind;
use signet_base::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The database behind a [`Db`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DbKind {
    Sqlite,
    Postgres,
}

#[async_trait::async_trait]
pub(crate) trait Backend: Send + Sync {
    fn kind(&self) -> DbKind;
    /// A short read; may run on the calling thread.
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>>;
    /// A read of many rows.
    async fn scan(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>>;
    async fn batch(&self, batch: Batch) -> Result<Vec<Vec<Row>>>;
    /// Statements without parameters, in one transaction.
    async fn script(&self, sql: String) -> Result<()>;
    /// Compiles a statement without running it.
    async fn prepare(&self, sql: &str) -> Result<()>;
    /// Whether writes are still possible, which a query cannot tell.
    fn alive(&self) -> Result<()> {
        Ok(())
    }
    /// Updates the query planner's statistics; PostgreSQL does so itself.
    async fn optimize(&self) -> Result<()> {
        Ok(())
    }
    /// Acquires a lock across all nodes.
    async fn exclusive(&self) -> Result<Exclusive>;
    /// Number of synced commits; SQLite only.
    fn commits(&self) -> u64;
    /// Numbers of the commits of this process that touched cached rows.
    fn changes(&self) -> &Changes;
    /// Notifications of a channel until the connection is lost; `None` if one process owns the database.
    async fn listen(&self, channel: &str) -> Result<Option<tokio::sync::mpsc::Receiver<String>>>;
    async fn close(&self);
}

/// A lock across processes; released on drop, and when the process ends.
#[must_use = "dropped, it protects nothing"]
pub struct Exclusive(#[allow(dead_code, reason = "held, not read")] Box<dyn std::any::Any + Send>);

/// A database. Clones share connections.
#[derive(Clone)]
pub struct Db {
    backend: Arc<dyn Backend>,
    bus: Bus,
    write_behind: WriteBehind,
    pending_sessions: PendingSessions,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({:?})", self.kind())
    }
}

impl Db {
    fn over(backend: impl Backend + 'static) -> Self {
        Self {
            backend: Arc::new(backend),
            bus: Bus::default(),
            write_behind: WriteBehind::default(),
            pending_sessions: PendingSessions::default(),
        }
    }
    /// Opens or creates an SQLite file. Refuses read-only files. Does not migrate: see [`crate::migrate`].
    pub fn open_sqlite(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::over(sqlite::Sqlite::open(path.as_ref(), false)?))
    }
    /// Connects to PostgreSQL. One connection is made at once, so that wrong settings are reported here.
    pub async fn open_postgres(config: PostgresConfig) -> Result<Self> {
        Ok(Self::over(postgres::Postgres::open(config).await?))
    }
    /// An empty SQLite database in a temporary file that is deleted with the last clone; never synced.
    pub fn temporary() -> Result<Self> {
        Ok(Self::over(sqlite::Sqlite::temporary()?))
    }
    pub fn kind(&self) -> DbKind {
        self.backend.kind()
    }
    /// Reads a few rows by index. On SQLite it runs on the calling thread: keep it short.
    pub async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        self.backend.query(sql, params).await
    }
    /// The first row, if any.
    pub async fn query_one(&self, sql: &str, params: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.backend.query(sql, params).await?.into_iter().next())
    }
    /// A read that may take long (lists with search, counts); does not block async threads.
    pub async fn scan(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        self.backend.scan(sql, params).await
    }
    /// Executes the statements atomically. The result has one entry per statement: its rows if it is
    /// `returning`, else none. Completes even if the caller is cancelled.
    pub async fn batch(&self, mut batch: Batch) -> Result<Vec<Vec<Row>>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (notices, count) = (std::mem::take(&mut batch.notices), batch.len());
        notices.iter().for_each(|notice| bus::notify(&mut batch, self.kind(), notice));
        let mut answers = self.backend.batch(batch).await?;
        answers.truncate(count);
        notices.into_iter().for_each(|notice| self.bus.deliver(notice));
        Ok(answers)
    }
    /// One durable statement.
    pub async fn execute(
        &self,
        sql: impl Into<std::borrow::Cow<'static, str>>,
        params: Vec<Value>,
    ) -> Result<()> {
        self.batch(Batch::new().add(sql, params)).await.map(drop)
    }
    /// Acquires a lock across nodes and commands, for work that a start does once.
    pub async fn exclusive(&self) -> Result<Exclusive> {
        self.backend.exclusive().await
    }
    /// Updates the query planner's statistics (SQLite); also done on close.
    pub async fn optimize(&self) -> Result<()> {
        self.backend.optimize().await
    }
    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.backend.alive()?;
        match tokio::time::timeout(Duration::from_secs(5), self.backend.query("SELECT 1", Vec::new())).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(Error::Unavailable("the database does not answer".into())),
        }
    }
    /// Notices about changes.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }
    /// Notifications of a channel; `None` where there are none: on SQLite, and behind a pooler without a direct address.
    /// The receiver ends when the connection is lost.
    pub(crate) async fn listen(&self, channel: &str) -> Result<Option<tokio::sync::mpsc::Receiver<String>>> {
        self.backend.listen(channel).await
    }
    /// Transactions committed by this process (SQLite; 0 on PostgreSQL). Group commit makes it smaller than
    /// the number of batches.
    pub fn commits(&self) -> u64 {
        self.backend.commits()
    }
    /// Queues rows to be written behind: within 50 ms, in order, not synced. The last ones are lost if the
    /// process is killed. Waits if the queue is full.
    pub async fn write_behind(&self, batch: Batch) -> Result<()> {
        match self.write_behind.push(&self.backend, batch) {
            None => Ok(()),
            Some(batch) => self.batch(Batch { relaxed: true, ..batch }).await.map(drop),
        }
    }
    /// Waits until the rows queued so far are written.
    pub async fn flush(&self) -> Result<()> {
        self.write_behind.flush(&self.backend).await
    }
    /// Pending sessions in memory, if one process owns the database.
    pub(crate) fn pending_sessions(&self) -> Option<(&PendingSessions, &Arc<dyn Backend>)> {
        (self.kind() == DbKind::Sqlite).then_some((&self.pending_sessions, &self.backend))
    }
    /// Numbers of the commits of this process that touched cached rows.
    pub(crate) fn changes(&self) -> &Changes {
        self.backend.changes()
    }
    /// Writes queued rows and closes the connections.
    pub async fn close(&self) {
        self.pending_sessions.close(&self.backend).await;
        self.write_behind.close(&self.backend).await;
        self.backend.close().await;
    }
    pub(crate) async fn script(&self, sql: String) -> Result<()> {
        self.backend.script(sql).await
    }
    /// Compiles a statement, to detect errors early.
    pub async fn prepare(&self, sql: &str) -> Result<()> {
        self.backend.prepare(sql).await
    }
}

/// `?, ?, …` for an `IN` list. The count is rounded up to a power of two (see [`in_params`]), so that few
/// statements are prepared.
pub(crate) fn in_list(count: usize) -> String {
    let mut text = "?,".repeat(count.max(1).next_power_of_two());
    text.pop();
    text
}

/// The parameters for [`in_list`]: the last one is repeated; an empty list becomes one NULL, which matches
/// nothing.
pub(crate) fn in_params(values: impl IntoIterator<Item = impl Into<Value>>) -> Vec<Value> {
    let mut list: Vec<Value> = values.into_iter().map(Into::into).collect();
    let last = list.last().cloned().unwrap_or(Value::Null);
    list.resize(list.len().max(1).next_power_of_two(), last);
    list
}
