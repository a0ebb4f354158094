//! SQLite: one writer thread with group commit, readers on the calling thread.
mod checkpoint;
mod database_file;
mod writer;

use super::{Backend, Batch, DbKind, Exclusive, Row, Value, errors};
use crate::runtime::Changes;
use database_file::DatabaseFile;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};
use signet_base::{Error, Result};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use writer::Writer;

/// Maximum number of queued batches; further ones are refused.
const QUEUE: usize = 4096;
/// Maximum number of batches per commit.
const GROUP: usize = 64;
const IDLE_READERS: usize = 16;

type BatchResult = Result<Vec<Vec<Row>>>;

enum Job {
    Batch(Batch, oneshot::Sender<BatchResult>),
    Script(String, oneshot::Sender<BatchResult>),
    /// Updates the query planner's statistics.
    Optimize(oneshot::Sender<BatchResult>),
}

pub(super) struct Sqlite {
    place: Arc<DatabaseFile>,
    temporary: bool,
    jobs: Mutex<Option<SyncSender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Mutex<Vec<Connection>>>,
    commits: Arc<AtomicU64>,
    changes: Arc<Changes>,
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(n) => ValueRef::Integer(*n),
            Value::Real(n) => ValueRef::Real(*n),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Sqlite {
    pub fn open(path: &Path, temporary: bool) -> Result<Self> {
        refuse_read_only(path)?;
        database_file::refuse_network(path)?;
        database_file::make(path).map_err(|e| database_file::explain(path, e))?;
        database_file::keep_private(path);
        let conn = connect(path)?;
        let place = Arc::new(DatabaseFile::of(path)?);
        let log = database_file::longest_log(path);
        if conn.is_readonly("main").unwrap_or(true) {
            return Err(read_only(path));
        }
        let setup = |conn: &Connection| -> rusqlite::Result<()> {
            let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
            if mode != "wal" {
                tracing::warn!(mode, "SQLite does not use write-ahead logging on this file system");
            }
            // KiB. Inserts by user and session touch pages all over the indexes.
            conn.pragma_update(None, "cache_size", -16_384)?;
            conn.pragma_update(None, "journal_size_limit", i64::try_from(log).unwrap_or(i64::MAX))?;
            conn.pragma_update(None, "foreign_keys", true)
        };
        setup(&conn).map_err(|e| database_file::explain(path, errors::sqlite(e)))?;
        // WAL and shared memory exist now, with the file's permissions.
        database_file::keep_private(path);
        let (jobs, queue) = sync_channel(QUEUE);
        let (commits, changes) = (Arc::<AtomicU64>::default(), Arc::<Changes>::default());
        let mut writer = Writer::new(place.clone(), conn, commits.clone(), changes.clone(), log, temporary)
            .map_err(|e| database_file::explain(path, errors::sqlite(e)))?;
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || writer.run(&queue))
            .map_err(|e| Error::unavailable(format!("no writer thread: {e}")))?;
        Ok(Self {
            place,
            temporary,
            jobs: Mutex::new(Some(jobs)),
            writer: Mutex::new(Some(thread)),
            readers: Arc::default(),
            commits,
            changes,
        })
    }

    pub fn temporary() -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("signet-{}-{}.sqlite", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        remove_files(&path);
        Self::open(&path, true)
    }

    fn read(
        place: &DatabaseFile,
        readers: &Mutex<Vec<Connection>>,
        sql: &str,
        params: &[Value],
    ) -> Result<Vec<Row>> {
        // A read does not suspend while it holds a connection, so there are at most as many as threads.
        let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => {
                let conn = connect(place.path())?;
                conn.pragma_update(None, "query_only", true).map_err(errors::sqlite)?;
                // A different file at the same path is not this database.
                place.check()?;
                conn
            }
        };
        let answer = rows_of(&conn, sql, params)
            .map_err(|e| database_file::name_full_disk(place.path(), errors::sqlite(e)));
        let mut idle = readers.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_READERS {
            idle.push(conn);
        }
        answer
    }

    async fn submit(&self, job: impl FnOnce(oneshot::Sender<BatchResult>) -> Job) -> BatchResult {
        let (tx, rx) = oneshot::channel();
        {
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            let jobs = jobs.as_ref().ok_or_else(|| Error::Unavailable("the database is closed".into()))?;
            jobs.try_send(job(tx)).map_err(|e| match e {
                TrySendError::Full(_) => Error::Unavailable("too many writes wait for the database".into()),
                TrySendError::Disconnected(_) => Error::Unavailable("the database writer has stopped".into()),
            })?;
        }
        rx.await.unwrap_or_else(|_| Err(Error::Unavailable("the database writer has stopped".into())))
    }
}

#[async_trait::async_trait]
impl Backend for Sqlite {
    fn kind(&self) -> DbKind {
        DbKind::Sqlite
    }
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        Self::read(&self.place, &self.readers, sql, &params)
    }
    async fn scan(&self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>> {
        let (place, readers, sql) = (self.place.clone(), self.readers.clone(), sql.to_owned());
        tokio::task::spawn_blocking(move || Self::read(&place, &readers, &sql, &params))
            .await
            .map_err(Error::internal)?
    }
    async fn batch(&self, batch: Batch) -> BatchResult {
        self.submit(|tx| Job::Batch(batch, tx)).await
    }
    async fn script(&self, sql: String) -> Result<()> {
        self.submit(|tx| Job::Script(sql, tx)).await.map(drop)
    }
    async fn prepare(&self, sql: &str) -> Result<()> {
        let conn = connect(self.place.path())?;
        conn.prepare(sql).map(drop).map_err(errors::sqlite)
    }
    fn alive(&self) -> Result<()> {
        if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(Error::Unavailable("the database is closed".into()));
        }
        // Open connections continue to read a file that was moved away.
        self.place.check()
    }
    async fn optimize(&self) -> Result<()> {
        self.submit(Job::Optimize).await.map(drop)
    }
    async fn exclusive(&self) -> Result<Exclusive> {
        // Commands are other processes: they share a lock of the file system.
        let path = database_file::with_end(self.place.path(), "-start");
        tokio::task::spawn_blocking(move || {
            database_file::make(&path)?;
            let wrong = |e: std::io::Error| Error::unavailable(format!("{}: {e}", path.display()));
            let file = std::fs::File::open(&path).map_err(wrong)?;
            file.lock().map_err(wrong)?;
            Ok(Exclusive(Box::new(file)))
        })
        .await
        .map_err(Error::internal)?
    }
    fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
    fn changes(&self) -> &Changes {
        &self.changes
    }
    async fn listen(&self, _channel: &str) -> Result<Option<tokio::sync::mpsc::Receiver<String>>> {
        Ok(None)
    }
    async fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
        if self.temporary {
            self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
            remove_files(self.place.path());
        }
    }
}

fn rows_of(conn: &Connection, sql: &str, params: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = conn.prepare_cached(sql)?;
    collect(&mut statement, params)
}

fn collect(statement: &mut rusqlite::Statement<'_>, params: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns);
        for i in 0..columns {
            values.push(match row.get_ref(i)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(n) => Value::Int(n),
                ValueRef::Real(n) => Value::Real(n),
                ValueRef::Text(text) => Value::Text(match std::str::from_utf8(text) {
                    Ok(text) => text.to_owned(),
                    Err(_) => String::from_utf8_lossy(text).into_owned(),
                }),
                ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
            });
        }
        out.push(Row(values));
    }
    Ok(out)
}

fn connect(path: &Path) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let conn = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(256);
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        // Plans do not depend on parameter values; otherwise some statements are recompiled at every use.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(conn)
    };
    open().map_err(|e| database_file::explain(path, errors::sqlite(e)))
}

/// A file without write permission was protected deliberately; root could write to it anyway.
fn refuse_read_only(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.permissions().readonly() => Err(read_only(path)),
        Ok(meta) if meta.is_dir() => {
            Err(Error::unavailable(format!("{} is a folder, not a database file", path.display())))
        }
        _ => Ok(()),
    }
}

fn read_only(path: &Path) -> Error {
    Error::unavailable(format!(
        "the database file {} is read-only: make it and its folder writable",
        path.display()
    ))
}

fn remove_files(path: &Path) {
    for end in ["", "-wal", "-shm", "-start"] {
        let _ = std::fs::remove_file(database_file::with_end(path, end));
    }
}
