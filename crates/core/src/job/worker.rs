//! Works the queues off, beside requests or in a process of its own.
use super::attempt::{self, LEASE};
use super::{Queue, schedule};
use crate::Core;
use crate::system::API_VERSION;
use signet_base::{Result, Span, Uuid};
use signet_store::bus::{Notice, Topic};
use signet_store::schedules::{self, Worker};
use signet_store::{DbKind, jobs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

/// How often a queue is looked at without a notice: those of other nodes can be lost, and retries have none.
const POLL: Duration = Duration::from_secs(1);
/// How often a worker says that it lives, and how long that is believed.
const ALIVE_EVERY: Duration = Duration::from_secs(30);
const ALIVE_FOR: Span = Span::from_secs(90);
/// When a job of a kind that this release does not know is looked at again: a newer one may be there by then.
const UNKNOWN: Span = Span::from_secs(60);

/// Works until `stop`, or its sender is gone; then running jobs have a quarter of a minute to end.
pub async fn work(core: Arc<Core>, stop: watch::Receiver<bool>) {
    if core.db.kind() == DbKind::Sqlite
        && let Err(error) = jobs::release_all(&core.db, core.now()).await
    {
        tracing::warn!(%error, "jobs that were interrupted wait for the end of their lease");
    }
    let mut parts = JoinSet::new();
    for queue in Queue::ALL {
        parts.spawn(work_off(core.clone(), queue, stop.clone()));
    }
    parts.spawn(schedule::run(core.clone(), stop.clone()));
    parts.spawn(say_alive(core, stop));
    while parts.join_next().await.is_some() {}
}

async fn work_off(core: Arc<Core>, queue: Queue, mut stop: watch::Receiver<bool>) {
    let mut notices = core.db.bus().subscribe();
    let mut running = JoinSet::new();
    let at_once = queue.at_once(&core.settings.jobs);
    while !*stop.borrow() {
        let free = at_once.saturating_sub(running.len());
        if free > 0 {
            match take(&core, queue, free).await {
                Ok(rows) => {
                    for row in rows {
                        match core.families.job(&row.kind) {
                            Some(job) => {
                                running.spawn(attempt::carry_out(core.clone(), job, row, stop.clone()));
                            }
                            None => {
                                tracing::debug!(job = row.kind, "a job of an unknown kind is left to others");
                                let later = core.now().plus(UNKNOWN);
                                drop(jobs::release(&core.db, &row, later).await);
                            }
                        }
                    }
                }
                Err(error) => tracing::warn!(queue = queue.as_str(), %error, "no jobs can be taken"),
            }
        }
        tokio::select! {
            ended = stop.changed() => if ended.is_err() { break },
            Some(_) = running.join_next() => {}
            () = told(&mut notices, queue), if running.len() < at_once => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Looks first: a claim is a write.
async fn take(core: &Core, queue: Queue, limit: usize) -> Result<Vec<jobs::JobRow>> {
    let now = core.now();
    if jobs::next_due(&core.db, queue.as_str()).await?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    jobs::claim(&core.db, queue.as_str(), core.ports.uuid(), (now, now.plus(LEASE)), limit).await
}

/// Until a notice about this queue.
async fn told(notices: &mut broadcast::Receiver<Notice>, queue: Queue) {
    loop {
        match notices.recv().await {
            Ok(Notice { topic: Topic::Job, payload }) if Queue::parse(&payload) == Some(queue) => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            // The database is gone; the poll goes on.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn say_alive(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let id: Uuid = core.ports.uuid();
    while !*stop.borrow() {
        let worker = Worker { id, version: API_VERSION.to_owned(), expires: core.now().plus(ALIVE_FOR) };
        if let Err(error) = schedules::alive(&core.db, &worker).await {
            tracing::debug!(%error, "other nodes cannot see this worker");
        }
        tokio::select! {
            ended = stop.changed() => if ended.is_err() { break },
            () = tokio::time::sleep(ALIVE_EVERY) => {}
        }
    }
    drop(schedules::stopped(&core.db, id).await);
}
