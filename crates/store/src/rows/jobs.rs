//! The job queue: work outside of requests, kept as rows. See docs/adr/0011-jobs.md.
//!
//! `due` is the time at which a worker may take a job: when it is to start, or when the lease of the worker that has it
//! ends. A worker that still runs extends its lease; the job of one that was killed is taken by another.
use super::table::{self, Record, selects};
use crate::bus::{Notice, Topic};
use crate::db::{Batch, Db, DbKind};
use crate::params;
use crate::runtime::Touches;
use signet_base::{Conflict, Error, Json, Result, Timestamp, Uuid};
use signet_model::Table;
use std::sync::LazyLock;

/// Values of `state`.
pub const STATES: &[&str] = &[QUEUED, RUNNING, DONE, REJECTED];
pub const QUEUED: &str = "queued";
pub const RUNNING: &str = "running";
/// Ended well.
pub const DONE: &str = "done";
/// Failed at the last attempt, or in a way that another attempt does not change.
pub const REJECTED: &str = "rejected";

#[derive(Debug, Clone, Table)]
#[table(model = "authentik_tasks.task", component = "Task", table = "job", alias = "j", label = "task")]
#[table(key = "id", order = "-mtime", expires = "expires")]
pub struct JobRow {
    #[column(wire = "message_id", read_only, fixed)]
    pub id: Uuid,
    #[column(wire = "queue_name", read_only, fixed, filter)]
    pub queue: String,
    /// The name of its kind.
    #[column(wire = "actor_name", read_only, fixed, filter, search)]
    pub kind: String,
    #[column(read_only, fixed, search)]
    pub uid: String,
    /// While it is not over, no second job with this key is queued.
    #[column(hidden, unique)]
    pub unique_key: Option<String>,
    /// The schedule that queued it.
    #[column(hidden, fixed)]
    pub schedule: Option<Uuid>,
    /// One of [`STATES`].
    #[column(choice = STATES, read_only, filter)]
    pub state: String,
    /// The state; for an ended job the gravest level of its log: `info`, `warning` or `error`.
    #[column(wire = "aggregated_status", read_only, filter)]
    pub status: String,
    /// Attempts begun.
    #[column(wire = "retries", read_only)]
    pub attempts: i64,
    /// See the module; `None` when it is over.
    #[column(wire = "eta", read_only)]
    pub due: Option<Timestamp>,
    /// Of the attempt that runs. Only who knows it ends the attempt.
    #[column(hidden)]
    pub lease: Option<Uuid>,
    /// What it is about, if it is about an object.
    #[column(read_only, fixed)]
    pub rel_obj_app_label: String,
    #[column(read_only, fixed)]
    pub rel_obj_model: String,
    #[column(read_only, fixed, filter, sparse)]
    pub rel_obj_id: String,
    /// Encrypted; empty when it has ended well.
    #[column(secret)]
    pub payload: String,
    /// Lines of all attempts: `{timestamp, log_level, logger, event, attributes}`.
    #[column(wire = "logs", read_only)]
    pub log: Json,
    #[column(hidden, fixed)]
    pub created: Timestamp,
    #[column(wire = "mtime", read_only, order)]
    pub updated: Timestamp,
    /// When the row is removed; `None` until it is over.
    #[column(hidden)]
    pub expires: Option<Timestamp>,
}

selects! { JobRow:
    BY_ID = "WHERE j.id = ?";
    LAST_OF_SCHEDULE = "WHERE j.schedule = ? ORDER BY j.updated DESC LIMIT 1";
}
/// Workers that ask at the same time skip each other's rows; SQLite has one writer.
static CLAIM_SKIPPING: LazyLock<String> = LazyLock::new(|| claim_text(" FOR UPDATE SKIP LOCKED"));
static CLAIM: LazyLock<String> = LazyLock::new(|| claim_text(""));
static ENQUEUE: LazyLock<String> =
    LazyLock::new(|| format!("{} ON CONFLICT (unique_key) DO NOTHING", table::inserting::<JobRow>()));
const NEXT: &str = "SELECT MIN(due) FROM job WHERE queue = ? AND due IS NOT NULL";
const EXTEND: &str = "UPDATE job SET due = ? WHERE id = ? AND lease = ?";
const RELEASE: &str = "UPDATE job SET due = ?, state = 'queued', status = 'queued', lease = NULL, attempts = attempts - 1 WHERE id = ? AND lease = ?";
const RELEASE_ALL: &str =
    "UPDATE job SET due = ?, state = 'queued', status = 'queued', lease = NULL WHERE lease IS NOT NULL";
const COUNT: &str = "SELECT queue, state, count(*) FROM job WHERE due IS NOT NULL GROUP BY queue, state";

pub(crate) fn statements() -> Vec<&'static str> {
    vec![CLAIM.as_str(), ENQUEUE.as_str(), NEXT, EXTEND, RELEASE, RELEASE_ALL, COUNT]
}

fn claim_text(lock: &str) -> String {
    let columns: Vec<&str> = JobRow::TABLE.columns.iter().map(|c| c.name).collect();
    // Materialized: the rows are looked for, and locked, once.
    format!(
        "WITH due_job AS MATERIALIZED (SELECT j.id FROM job j WHERE j.queue = ? AND j.due <= ? ORDER BY j.due LIMIT ?{lock}) \
        UPDATE job SET state = 'running', status = 'running', attempts = attempts + 1, lease = ?, due = ?, updated = ? \
        WHERE id IN (SELECT id FROM due_job) RETURNING {}",
        columns.join(", ")
    )
}

/// Queues a job, in the commit of what it is about; workers hear of it then. Nothing happens where an unfinished job has
/// its unique key.
pub fn enqueue(job: &JobRow) -> Batch {
    let notice = Notice { topic: Topic::Job, payload: job.queue.clone() };
    let batch = Batch::new().add(ENQUEUE.as_str(), table::new_values(job));
    batch.touches(Touches::Nothing).notice(notice)
}
/// When the first job of the queue is due.
pub async fn next_due(db: &Db, queue: &str) -> Result<Option<Timestamp>> {
    match db.query_one(NEXT, params![queue]).await? {
        Some(row) => row.opt_time(0),
        None => Ok(None),
    }
}
/// Leases up to `limit` due jobs until `until`, and begins an attempt of each.
pub async fn claim(
    db: &Db,
    queue: &str,
    lease: Uuid,
    (now, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<JobRow>> {
    let limit = i64::try_from(limit).map_err(Error::internal)?;
    let sql = if db.kind() == DbKind::Postgres { &CLAIM_SKIPPING } else { &CLAIM };
    let batch = Batch::new().add(sql.as_str(), params![queue, now, limit, lease, until, now]).returning();
    let answers = db.batch(batch).await?;
    let mut jobs: Vec<JobRow> =
        answers.iter().flatten().map(|row| JobRow::load(row, 0)).collect::<Result<_>>()?;
    jobs.sort_by_key(|job| (job.created, job.id));
    Ok(jobs)
}
/// Extends the lease of a running attempt; false when it has ended.
pub async fn extend(db: &Db, job: &JobRow, until: Timestamp) -> Result<bool> {
    holds(db, Batch::new().add(EXTEND, params![until, job.id, job.lease])).await
}
/// Gives a job back that was not carried out, to be taken at `due`; false when its lease has ended.
pub async fn release(db: &Db, job: &JobRow, due: Timestamp) -> Result<bool> {
    holds(db, Batch::new().add(RELEASE, params![due, job.id, job.lease])).await
}
async fn holds(db: &Db, batch: Batch) -> Result<bool> {
    match db.batch(batch.expect_rows(1, Conflict::LeaseLost)).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::LeaseLost)) => Ok(false),
        Err(error) => Err(error),
    }
}
/// Gives back the jobs of workers that are gone, where one process owns the database: at its start.
pub async fn release_all(db: &Db, now: Timestamp) -> Result<()> {
    db.execute(RELEASE_ALL, params![now]).await
}
/// The end of the attempt with this lease, as part of the commit of what it did: the row as it is from now on.
pub fn finish(job: &JobRow, lease: Uuid) -> Batch {
    table::update_guarded(job, "lease", lease).expect_rows(1, Conflict::LeaseLost)
}
pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<JobRow>> {
    table::row(db, &BY_ID, params![id]).await
}
pub async fn last_of_schedule(db: &Db, schedule: Uuid) -> Result<Option<JobRow>> {
    table::row(db, &LAST_OF_SCHEDULE, params![schedule]).await
}
/// Numbers of unfinished jobs by queue and state.
pub async fn count(db: &Db) -> Result<Vec<(String, String, i64)>> {
    let rows = db.query(COUNT, vec![]).await?;
    rows.iter().map(|row| Ok((row.string(0)?, row.string(1)?, row.int(2)?))).collect()
}
