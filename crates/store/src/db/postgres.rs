//! PostgreSQL: a pool of connections, batches pipelined in two round trips.
mod address;
mod statements;
mod values;

use super::multi_insert::{self, InsertStep};
use super::{Backend, Batch, DbKind, Exclusive, PostgresConfig, Row, Value, errors, markers};
use crate::runtime::{Changes, Touches};
use address::Address;
use deadpool_postgres::{Object, Pool, PoolError};
use signet_base::{Error, Result};
use statements::{Statements, StepRows};
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::AsyncMessage;
use tokio_postgres::types::Type;
use values::row;

/// Timeout of a read by index and of a short batch: a server that does not respond must not hold requests.
const SHORT: Duration = Duration::from_secs(5);
/// Timeout of a read of many rows.
const LONG: Duration = Duration::from_secs(20);
/// Additional time per statement of a batch: imports write thousands at once.
const EACH: Duration = Duration::from_millis(10);
/// Maximum time a start waits for another node's.
const OTHERS: Duration = Duration::from_secs(120);
/// An arbitrary lock number, different from that of migrations.
const START: i64 = 0x7369_676e_6575;

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    pooled: Address,
    /// Where connections lead that are not the pool's: those that listen, wait for a lock or change the schema.
    direct: Address,
    /// Whether `direct` leads around a pooler, or there is none: a connection keeps what it is told.
    keeps: bool,
    statements: Statements,
    changes: Arc<Changes>,
}

impl Postgres {
    pub async fn open(settings: PostgresConfig) -> Result<Self> {
        let pooled = Address::of(&settings)?;
        let direct = match &settings.direct {
            Some(direct) => Address::of(direct)?,
            None => pooled.clone(),
        };
        let statements = if settings.pooler {
            Statements::Unnamed { schema: settings.schema.clone() }
        } else {
            Statements::Named
        };
        let keeps = !settings.pooler || settings.direct.is_some();
        let pool = pooled.pool(settings.pool_size)?;
        let me = Self { pool, pooled, direct, keeps, statements, changes: Arc::default() };
        let client = me.client().await?;
        if !settings.schema.is_empty() {
            // Its name is checked: letters, digits and `_` only. Creating needs a right that is not there when the
            // schema is.
            let there = client
                .query_typed(
                    "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1",
                    &[(&settings.schema, Type::NAME)],
                )
                .await
                .map_err(errors::postgres)?;
            if there.is_empty() {
                client
                    .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", settings.schema))
                    .await
                    .map_err(errors::postgres)?;
            }
        }
        drop(client);
        Ok(me)
    }

    async fn client(&self) -> Result<Object> {
        self.pool.get().await.map_err(|e| match e {
            PoolError::Backend(e) => match errors::postgres(e) {
                Error::Unavailable(why) => Error::Unavailable(why),
                other => Error::unavailable(other),
            },
            PoolError::Timeout(_) => {
                Error::Unavailable("no connection to the database became free in time".into())
            }
            other => Error::unavailable(format!("the database cannot be reached: {other}")),
        })
    }

    /// One attempt; the flag tells whether another one is safe (nothing was committed). After a timeout the
    /// connection is discarded.
    async fn attempt(&self, batch: &Batch) -> Result<Vec<Vec<Row>>, (Error, bool)> {
        let client = self.client().await.map_err(|e| (e, false))?;
        let limit = SHORT + EACH * u32::try_from(batch.len()).unwrap_or(u32::MAX);
        match tokio::time::timeout(limit, self.on(&client, batch)).await {
            Ok(answer) => answer,
            Err(_) => Err((self.give_up(client), false)),
        }
    }

    /// Drops a connection on which something takes too long.
    fn give_up(&self, client: Object) -> Error {
        self.pooled.cancel(client.cancel_token());
        drop(Object::take(client));
        Error::Unavailable("the database did not answer in time".into())
    }

    async fn on(&self, client: &Object, batch: &Batch) -> Result<Vec<Vec<Row>>, (Error, bool)> {
        let wanted = multi_insert::steps(batch);
        let prepared = self.statements.prepare(client, &wanted).await;
        let prepared = prepared.map_err(lost_or_not)?;
        let done = self.statements.transaction(client, &wanted, &prepared, batch.relaxed).await;
        let judged = judge(&wanted, done);
        if let Err(failed) = judged {
            if client.batch_execute("ROLLBACK").await.is_err() {
                tracing::debug!("a failed transaction ended with its connection");
            }
            return Err(failed);
        }
        // From here on a lost connection leaves the outcome unknown, so there is no second attempt, unless
        // the server reports a rollback.
        client.batch_execute("COMMIT").await.map_err(|e| {
            let again = errors::worth_another_try(&e);
            (errors::postgres(e), again)
        })?;
        judged
    }

    /// `keep` caches the prepared statement; only for a small number of texts.
    async fn read(&self, sql: &str, params: &[Value], keep: bool) -> Result<Vec<tokio_postgres::Row>> {
        let limit = if keep { SHORT } else { LONG };
        let sql = markers::numbered(sql);
        let mut tries = 0;
        loop {
            let client = self.client().await?;
            let answer = self.statements.read(&client, &sql, params, keep);
            let Ok(answer) = tokio::time::timeout(limit, answer).await else {
                return Err(self.give_up(client));
            };
            match answer {
                Ok(rows) => return Ok(rows),
                // After a server restart all pooled connections are dead: a new one decides.
                Err(e) if errors::lost(&e) && tries < 2 => {
                    tries += 1;
                    let _ = Object::take(client);
                    self.pool.retain(|client, _| !client.is_closed());
                }
                Err(e) => return Err(errors::postgres(e)),
            }
        }
    }
}

/// The error of a step that has committed nothing, and whether another attempt can succeed.
fn lost_or_not(error: tokio_postgres::Error) -> (Error, bool) {
    let lost = errors::lost(&error);
    (errors::postgres(error), lost)
}

fn judge(
    wanted: &[InsertStep<'_>],
    done: Vec<Result<StepRows, tokio_postgres::Error>>,
) -> Result<Vec<Vec<Row>>, (Error, bool)> {
    let mut steps = done.into_iter();
    if let Some(Err(e)) = steps.next() {
        return Err(lost_or_not(e));
    }
    let mut answers = Vec::with_capacity(wanted.iter().map(|step| step.covers).sum());
    for (InsertStep { statement, covers, .. }, step) in wanted.iter().zip(steps) {
        // The first failure is the cause; later ones only say that the transaction is aborted.
        let (count, rows) = step.map_err(|e| {
            let again = errors::lost(&e) || errors::worth_another_try(&e);
            (errors::postgres(e), again)
        })?;
        if let Some((expected, otherwise)) = &statement.expect
            && count != *expected
        {
            return Err((Error::Conflict(otherwise.clone()), false));
        }
        answers.push(if statement.returning {
            rows.iter().map(row).collect::<Result<_>>().map_err(|e| (e, false))?
        } else {
            Vec::new()
        });
        answers.resize(answers.len() + covers - 1, Vec::new());
    }
    Ok(answers)
}

#[async_trait::async_trait]
impl Backend for Postgres {
    fn kind(&self) -> DbKind {
        DbKind::Postgres
    }
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        self.read(sql, &params, true).await?.iter().map(row).collect()
    }
    async fn scan(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        // List statements depend on the client's filters: cached ones would accumulate in the server.
        self.read(sql, &params, false).await?.iter().map(row).collect()
    }
    async fn batch(&self, batch: Batch) -> Result<Vec<Vec<Row>>> {
        let (me, changes) = (self.clone(), self.changes.clone());
        let touched = batch.touched();
        // A task of its own: a cancelled caller must not leave a connection inside a transaction.
        let work = async move {
            let mut pause = Duration::from_millis(5);
            for _ in 0..6 {
                match me.attempt(&batch).await {
                    Ok(answer) => return Ok(answer),
                    Err((_, true)) => {
                        me.pool.retain(|client, _| !client.is_closed());
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    Err((error, false)) => return Err(error),
                }
            }
            me.attempt(&batch).await.map_err(|(error, _)| error)
        };
        // Before the caller is notified, and after failures too: a lost connection may have committed.
        tokio::spawn(async move {
            let answer = work.await;
            changes.count(touched);
            answer
        })
        .await
        .map_err(|e| Error::internal(format!("database task: {e}")))?
    }
    async fn script(&self, sql: String) -> Result<()> {
        // A connection of its own: it goes with whatever is left undone.
        let client = self.direct.connect(tokio::sync::mpsc::channel(1).0).await?;
        let begin = if self.keeps { "BEGIN".to_owned() } else { self.statements.begin("") };
        let done = client.batch_execute(&format!("{begin};\n{sql}\n;COMMIT;")).await;
        let done = done.map_err(errors::postgres);
        self.changes.count(Touches::Everything);
        done
    }
    async fn prepare(&self, sql: &str) -> Result<()> {
        self.client().await?.prepare(&markers::numbered(sql)).await.map(drop).map_err(errors::postgres)
    }
    async fn exclusive(&self) -> Result<Exclusive> {
        let client = self.direct.connect(tokio::sync::mpsc::channel(1).0).await?;
        // A transaction lock, not a session lock: it works through poolers, and ends with either.
        let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({START})");
        match tokio::time::timeout(OTHERS, client.batch_execute(&lock)).await {
            Ok(done) => done.map_err(errors::postgres)?,
            Err(_) => {
                return Err(Error::unavailable(format!(
                    "another node has been starting for {} seconds",
                    OTHERS.as_secs()
                )));
            }
        }
        Ok(Exclusive(Box::new(client)))
    }
    fn commits(&self) -> u64 {
        0
    }
    fn changes(&self) -> &Changes {
        &self.changes
    }
    async fn listen(&self, channel: &str) -> Result<Option<tokio::sync::mpsc::Receiver<String>>> {
        if !channel.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            return Err(Error::internal(format!("{channel} is no name of a channel")));
        }
        if !self.keeps {
            return Ok(None);
        }
        let (tx, rx) = tokio::sync::mpsc::channel(64);
        let client = self.direct.connect(tx).await?;
        client.batch_execute(&format!("LISTEN {channel}")).await.map_err(errors::postgres)?;
        let (keep, out) = tokio::sync::mpsc::channel(64);
        tokio::spawn(hold(client, rx, keep));
        Ok(Some(out))
    }
    async fn close(&self) {
        self.pool.close();
    }
}

/// Drives the connection and forwards notifications.
async fn forward<S, T>(
    mut connection: tokio_postgres::Connection<S, T>,
    to: tokio::sync::mpsc::Sender<String>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(note)) => {
                // A full queue already tells the reader to look.
                let _ = to.try_send(note.payload().to_owned());
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
}

/// Keeps the client alive while somebody listens.
async fn hold(
    client: tokio_postgres::Client,
    mut from: tokio::sync::mpsc::Receiver<String>,
    to: tokio::sync::mpsc::Sender<String>,
) {
    loop {
        tokio::select! {
            message = from.recv() => match message {
                Some(message) => { let _ = to.try_send(message); }
                None => break,
            },
            () = to.closed() => break,
        }
    }
    drop(client);
}
