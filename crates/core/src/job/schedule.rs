//! Queues recurring jobs at their times. Every worker looks; one of them queues.
use super::{Job, NewJob};
use crate::Core;
use signet_base::{Crontab, Error, Result, Timestamp, json};
use signet_store::schedules::{self, Schedule};
use std::sync::Arc;
use tokio::sync::watch;

pub(super) async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut known = false;
    while !*stop.borrow() {
        if !known {
            match declare(&core).await {
                Ok(()) => known = true,
                Err(error) => tracing::warn!(%error, "the schedules could not be written"),
            }
        }
        tokio::select! {
            ended = stop.changed() => if ended.is_err() { break },
            () = tokio::time::sleep(core.settings.jobs.scheduler_interval) => {
                if let Err(error) = fire(&core).await {
                    tracing::warn!(%error, "recurring jobs could not be queued");
                }
            }
        }
    }
}

fn next(crontab: &str, now: Timestamp) -> Result<Timestamp> {
    let next = Crontab::parse(crontab).and_then(|crontab| crontab.next(now));
    next.ok_or_else(|| Error::internal(format!("no time fits the crontab {crontab:?}")))
}

/// Adds the schedules of this release that are not there yet; what an administrator made of the others stays.
async fn declare(core: &Core) -> Result<()> {
    for job in core.families.jobs() {
        let Some(crontab) = job.schedule() else { continue };
        let schedule = Schedule {
            id: core.ports.uuid(),
            identifier: job.name().to_owned(),
            uid: uid(*job).to_owned(),
            kind: job.name().to_owned(),
            rel_obj_app_label: String::new(),
            rel_obj_model: String::new(),
            rel_obj_id: String::new(),
            crontab: crontab.to_owned(),
            paused: false,
            next_run: next(crontab, core.now())?,
        };
        schedules::ensure(&core.db, &schedule).await?;
    }
    Ok(())
}
/// The last part of the name: `clean_expired_models`.
fn uid(job: &dyn Job) -> &str {
    job.name().rsplit('.').next().unwrap_or_default()
}

/// Queues the jobs of the schedules whose time has come. A run that is not over is not joined by a second one.
async fn fire(core: &Core) -> Result<()> {
    for schedule in schedules::due(&core.db, core.now()).await? {
        let Some(job) = core.families.job(&schedule.kind) else { continue };
        let moved = next(&schedule.crontab, core.now())?;
        let new = NewJob::new(job, &json!(null))?
            .unique(format!("schedule {}", schedule.id))
            .of_schedule(schedule.id, &schedule.uid);
        schedules::fire(&core.db, &schedule, moved, &new.row(core)?).await?;
    }
    Ok(())
}
