//! When recurring jobs are queued, and which workers live.
use super::jobs::{self, JobRow};
use super::table::{self, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Error, Result, Timestamp, Uuid};
use signet_model::Table;
use std::sync::LazyLock;

/// A recurring job: one row for all nodes.
#[derive(Debug, Clone, Table)]
#[table(
    model = "authentik_tasks_schedules.schedule",
    component = "Schedule",
    table = "schedule",
    alias = "s"
)]
#[table(label = "schedule", order = "next_run")]
pub struct Schedule {
    #[column(wire = "id", read_only, fixed)]
    pub id: Uuid,
    #[column(read_only, fixed, unique)]
    pub identifier: String,
    #[column(read_only, fixed)]
    pub uid: String,
    #[column(wire = "actor_name", read_only, fixed, filter)]
    pub kind: String,
    #[column(read_only, fixed)]
    pub rel_obj_app_label: String,
    #[column(read_only, fixed)]
    pub rel_obj_model: String,
    #[column(read_only, fixed)]
    pub rel_obj_id: String,
    /// Five fields, in UTC: see `signet_base::Crontab`.
    #[column(required)]
    pub crontab: String,
    #[column(filter)]
    pub paused: bool,
    #[column(read_only, order)]
    pub next_run: Timestamp,
}

/// A process that works jobs off.
#[derive(Debug, Clone, Table)]
#[table(model = "authentik_tasks.workerstatus", component = "Worker", table = "worker", alias = "w")]
#[table(label = "worker", order = "id", expires = "expires")]
pub struct Worker {
    #[column(wire = "worker_id", read_only, fixed, order)]
    pub id: Uuid,
    #[column(read_only, fixed)]
    pub version: String,
    /// It is gone unless it says before this time that it lives.
    #[column(hidden)]
    pub expires: Timestamp,
}

selects! { Schedule:
    DUE = "WHERE s.next_run <= ? AND s.paused = 0 ORDER BY s.next_run, s.id";
    BY_IDENTIFIER = "WHERE s.identifier = ?";
}
static LIVING: LazyLock<String> =
    LazyLock::new(|| table::select::<Worker>("WHERE w.expires > ? ORDER BY w.id"));
static ENSURE: LazyLock<String> =
    LazyLock::new(|| format!("{} ON CONFLICT (identifier) DO NOTHING", table::inserting::<Schedule>()));
static ALIVE: LazyLock<String> = LazyLock::new(|| table::upsert::<Worker>("id", &[]));
const FIRE: &str = "UPDATE schedule SET next_run = ? WHERE id = ? AND next_run = ?";

pub(crate) fn statements() -> Vec<&'static str> {
    vec![LIVING.as_str(), ENSURE.as_str(), ALIVE.as_str(), FIRE]
}

/// Adds a schedule unless there is one with its identifier.
pub async fn ensure(db: &Db, schedule: &Schedule) -> Result<()> {
    db.execute(ENSURE.as_str(), table::new_values(schedule)).await
}
pub async fn by_identifier(db: &Db, identifier: &str) -> Result<Option<Schedule>> {
    table::row(db, &BY_IDENTIFIER, params![identifier]).await
}
/// Schedules whose time has come.
pub async fn due(db: &Db, now: Timestamp) -> Result<Vec<Schedule>> {
    table::rows(db, &DUE, params![now]).await
}
/// Queues a schedule's job and moves it to its next run. Of several nodes one does so; false on the others.
pub async fn fire(db: &Db, schedule: &Schedule, next: Timestamp, job: &JobRow) -> Result<bool> {
    let moved = params![next, schedule.id, schedule.next_run];
    let batch = Batch::new().add(FIRE, moved).expect_rows(1, Conflict::Fired).then(jobs::enqueue(job));
    match db.batch(batch).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::Fired)) => Ok(false),
        Err(error) => Err(error),
    }
}
/// Says that a worker lives.
pub async fn alive(db: &Db, worker: &Worker) -> Result<()> {
    db.batch(Batch::relaxed().add(ALIVE.as_str(), table::new_values(worker))).await.map(drop)
}
/// Workers that live.
pub async fn workers(db: &Db, now: Timestamp) -> Result<Vec<Worker>> {
    table::rows(db, &LIVING, params![now]).await
}
pub async fn stopped(db: &Db, worker: Uuid) -> Result<()> {
    db.batch(table::remove::<Worker>(worker)).await.map(drop)
}
