//! PostgreSQL: a pool of connections, prepared statements, batches pipelined in two round trips.
mod values;

use super::multi_insert::{self, InsertStep};
use super::{Backend, Batch, DbKind, Exclusive, PostgresConfig, Row, SslMode, Value, errors, markers, tls};
use crate::read_cache;
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, Timeouts,
};
use signet_base::{Error, Result};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use values::row;

/// How long a read by an index, or a short batch, may take: a server that stands still must not hold
/// requests.
const SHORT: Duration = Duration::from_secs(5);
/// How long a read of many rows may take.
const LONG: Duration = Duration::from_secs(20);
/// What each statement of a batch may take beside it: imports write thousands at once.
const EACH: Duration = Duration::from_millis(10);
/// How long a request waits for a connection.
const WAIT: Duration = Duration::from_secs(3);
/// How long a start waits for that of another node.
const OTHERS: Duration = Duration::from_secs(120);
/// Any number that no other program is likely to use, and that migrations do not.
const START: i64 = 0x7369_676e_6575;

fn too_late() -> Error {
    Error::Unavailable("the database did not answer in time".into())
}

#[derive(Clone)]
pub(super) struct Postgres {
    pool: Pool,
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
    /// Commits of this process after which what was read before is old.
    changes: Arc<AtomicU64>,
}

impl Postgres {
    pub async fn open(settings: PostgresConfig) -> Result<Self> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .user(&settings.user)
            .dbname(&settings.database)
            .application_name("signet")
            .connect_timeout(Duration::from_secs(5))
            // A server that vanished without a word is noticed within half a minute.
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15))
            .ssl_mode(match settings.ssl_mode {
                SslMode::Disable => tokio_postgres::config::SslMode::Disable,
                SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
                _ => tokio_postgres::config::SslMode::Require,
            });
        if !settings.password.is_empty() {
            config.password(settings.password.reveal());
        }
        if !settings.schema.is_empty() {
            if !settings.schema.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                || settings.schema.starts_with(|c: char| c.is_ascii_digit())
            {
                return Err(Error::Unavailable("the name of the PostgreSQL schema may only have small letters, digits and _, and begins with no digit".into()));
            }
            config.options(format!("-c search_path={}", settings.schema));
        }
        let tls = if settings.ssl_mode == SslMode::Disable {
            None
        } else {
            Some(MakeRustlsConnect::new(tls::client_config(&settings)?))
        };
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &tls {
            Some(tls) => Manager::from_config(config.clone(), tls.clone(), how),
            None => Manager::from_config(config.clone(), NoTls, how),
        };
        let wait = Some(WAIT);
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size.max(1))
            .timeouts(Timeouts { wait, create: wait, recycle: wait })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Error::internal)?;
        let me = Self { pool, config, tls, changes: Arc::default() };
        let client = me.client().await?;
        if !settings.schema.is_empty() {
            // Checked above: letters, digits and `_` only. Creating needs a right that is not there when the
            // schema is.
            let there = client
                .query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&settings.schema])
                .await
                .map_err(|e| errors::postgres(&e))?;
            if there.is_empty() {
                client
                    .batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {}", settings.schema))
                    .await
                    .map_err(|e| errors::postgres(&e))?;
            }
        }
        drop(client);
        Ok(me)
    }

    async fn client(&self) -> Result<Object> {
        self.pool.get().await.map_err(|e| match e {
            PoolError::Backend(e) => match errors::postgres(&e) {
                Error::Unavailable(why) => Error::Unavailable(why),
                other => Error::Unavailable(other.to_string()),
            },
            PoolError::Timeout(_) => {
                Error::Unavailable("no connection to the database became free in time".into())
            }
            other => Error::Unavailable(format!("the database cannot be reached: {other}")),
        })
    }

    /// One attempt; the flag tells whether another one is allowed (nothing was committed). What takes too
    /// long is given up with its connection.
    async fn attempt(&self, batch: &Batch) -> Result<Vec<Vec<Row>>, (Error, bool)> {
        let client = self.client().await.map_err(|e| (e, false))?;
        let limit = SHORT + EACH * u32::try_from(batch.len()).unwrap_or(u32::MAX);
        match tokio::time::timeout(limit, Self::on(&client, batch)).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(Object::take(client));
                Err((too_late(), false))
            }
        }
    }

    async fn on(client: &Object, batch: &Batch) -> Result<Vec<Vec<Row>>, (Error, bool)> {
        let wanted = multi_insert::steps(batch);
        let prepared = async {
            let mut all: Vec<Statement> = Vec::with_capacity(wanted.len());
            for step in &wanted {
                all.push(client.prepare_cached(&markers::numbered(&step.sql)).await?);
            }
            Ok::<_, tokio_postgres::Error>(all)
        };
        let prepared = prepared.await.map_err(|e| (errors::postgres(&e), errors::lost(&e)))?;
        let begin = if batch.relaxed { "BEGIN; SET LOCAL synchronous_commit = off" } else { "BEGIN" };
        type Work<'a> = Pin<
            Box<
                dyn Future<Output = Result<Option<(u64, Vec<tokio_postgres::Row>)>, tokio_postgres::Error>>
                    + Send
                    + 'a,
            >,
        >;
        let mut steps: Vec<Work<'_>> =
            vec![Box::pin(async move { client.batch_execute(begin).await.map(|()| None) })];
        for (step, prepared) in wanted.iter().zip(&prepared) {
            steps.push(Box::pin(async move {
                let params: Vec<&(dyn ToSql + Sync)> = step.params.iter().map(|v| *v as _).collect();
                if step.statement.returning || !prepared.columns().is_empty() {
                    let rows = client.query(prepared, &params).await?;
                    Ok(Some((rows.len() as u64, rows)))
                } else {
                    client.execute(prepared, &params).await.map(|n| Some((n, Vec::new())))
                }
            }));
        }
        let done = pipelined(steps).await;
        let judged = judge(&wanted, done);
        if let Err(failed) = judged {
            if client.batch_execute("ROLLBACK").await.is_err() {
                tracing::debug!("a failed transaction ended with its connection");
            }
            return Err(failed);
        }
        // From here on it is unknown what a lost connection means, so there is no second attempt, except when
        // the server itself says that it undid everything.
        client
            .batch_execute("COMMIT")
            .await
            .map_err(|e| (errors::postgres(&e), errors::worth_another_try(&e)))?;
        judged
    }

    /// A connection beside the pool, for as long as the client is kept; `to` gets its notifications.
    async fn apart(&self, to: tokio::sync::mpsc::Sender<String>) -> Result<tokio_postgres::Client> {
        let wrong = |e: tokio_postgres::Error| errors::postgres(&e);
        Ok(match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(wrong)?;
                tokio::spawn(forward(connection, to));
                client
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(wrong)?;
                tokio::spawn(forward(connection, to));
                client
            }
        })
    }

    /// `keep` the prepared statement for the next time; only for texts of which there are few.
    async fn read(&self, sql: &str, params: &[Value], keep: bool) -> Result<Vec<tokio_postgres::Row>> {
        let limit = if keep { SHORT } else { LONG };
        let sql = markers::numbered(sql);
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|v| v as _).collect();
        let mut tries = 0;
        loop {
            let client = self.client().await?;
            let answer = async {
                let statement =
                    if keep { client.prepare_cached(&sql).await? } else { client.prepare(&sql).await? };
                client.query(&statement, &params).await
            };
            let Ok(answer) = tokio::time::timeout(limit, answer).await else {
                drop(Object::take(client));
                return Err(too_late());
            };
            match answer {
                Ok(rows) => return Ok(rows),
                // Every pooled connection is dead after a restart of the server: one fresh one decides.
                Err(e) if errors::lost(&e) && tries < 2 => {
                    tries += 1;
                    let _ = Object::take(client);
                    self.pool.retain(|client, _| !client.is_closed());
                }
                Err(e) => return Err(errors::postgres(&e)),
            }
        }
    }
}

type Done = Vec<Result<Option<(u64, Vec<tokio_postgres::Row>)>, tokio_postgres::Error>>;

fn judge(wanted: &[InsertStep<'_>], done: Done) -> Result<Vec<Vec<Row>>, (Error, bool)> {
    let mut steps = done.into_iter();
    if let Some(Err(e)) = steps.next() {
        return Err((errors::postgres(&e), errors::lost(&e)));
    }
    let mut answers = Vec::with_capacity(wanted.iter().map(|step| step.covers).sum());
    for (InsertStep { statement, covers, .. }, step) in wanted.iter().zip(steps) {
        // The first failure is the cause; those after it only say that the transaction is over.
        let (count, rows) = step
            .map_err(|e| (errors::postgres(&e), errors::lost(&e) || errors::worth_another_try(&e)))?
            .unwrap_or_default();
        if let Some((expected, tag)) = &statement.expect
            && count != *expected
        {
            return Err((Error::Conflict(tag.clone().into_owned()), false));
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

/// Polls all in order, so that their requests go out one after the other without waiting for answers.
async fn pipelined<T>(mut steps: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = steps.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        let mut waiting = false;
        for (step, slot) in steps.iter_mut().zip(done.iter_mut()) {
            if slot.is_none() {
                match step.as_mut().poll(cx) {
                    Poll::Ready(value) => *slot = Some(value),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    done.into_iter().flatten().collect()
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
        // Lists are put together from whatever filters a client sends: kept statements would pile up in the
        // server.
        self.read(sql, &params, false).await?.iter().map(row).collect()
    }
    async fn batch(&self, batch: Batch) -> Result<Vec<Vec<Row>>> {
        let (me, changes) = (self.clone(), self.changes.clone());
        let ages = read_cache::any_makes_old(std::slice::from_ref(&batch));
        // A task of its own: a caller that goes away must not leave a connection inside a transaction.
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
        // Before the caller hears of it, and after failures as well: a lost connection may have hidden a
        // commit.
        tokio::spawn(async move {
            let answer = work.await;
            if ages {
                changes.fetch_add(1, Ordering::SeqCst);
            }
            answer
        })
        .await
        .map_err(|e| Error::Internal(format!("database task: {e}")))?
    }
    async fn script(&self, sql: String) -> Result<()> {
        let client = self.client().await?;
        let done =
            client.batch_execute(&format!("BEGIN;\n{sql}\n;COMMIT;")).await.map_err(|e| errors::postgres(&e));
        if done.is_err() {
            let _ = client.batch_execute("ROLLBACK").await;
        }
        self.changes.fetch_add(1, Ordering::SeqCst);
        done
    }
    async fn prepare(&self, sql: &str) -> Result<()> {
        self.client()
            .await?
            .prepare(&markers::numbered(sql))
            .await
            .map(drop)
            .map_err(|e| errors::postgres(&e))
    }
    async fn exclusive(&self) -> Result<Exclusive> {
        let client = self.apart(tokio::sync::mpsc::channel(1).0).await?;
        // The lock of a transaction, not of a connection: it holds through poolers too, and goes with either.
        let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({START})");
        match tokio::time::timeout(OTHERS, client.batch_execute(&lock)).await {
            Ok(done) => done.map_err(|e| errors::postgres(&e))?,
            Err(_) => {
                return Err(Error::Unavailable(format!(
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
    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }
    async fn listen(&self, channel: &str) -> Result<Option<tokio::sync::mpsc::Receiver<String>>> {
        if !channel.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            return Err(Error::Internal(format!("{channel} is no name of a channel")));
        }
        let (tx, rx) = tokio::sync::mpsc::channel(64);
        let client = self.apart(tx).await?;
        client.batch_execute(&format!("LISTEN {channel}")).await.map_err(|e| errors::postgres(&e))?;
        let (keep, out) = tokio::sync::mpsc::channel(64);
        tokio::spawn(hold(client, rx, keep));
        Ok(Some(out))
    }
    async fn close(&self) {
        self.pool.close();
    }
}

/// Drives the connection and passes its notifications on.
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

/// Keeps the client alive as long as somebody listens.
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
