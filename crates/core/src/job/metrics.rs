//! Counters of jobs by kind, with authentik's names.
use super::{Job, Queue};
use crate::Core;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use signet_base::Result;
use signet_store::jobs::{self, QUEUED};
use signet_store::schedules;

type Labels = [(&'static str, &'static str); 2];

#[derive(Clone)]
struct Durations;
impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0, 5_000.0, 7_500.0,
            10_000.0, 30_000.0, 60_000.0, 600_000.0,
        ])
    }
}

pub struct JobMetrics {
    attempts: Family<Labels, Counter>,
    errors: Family<Labels, Counter>,
    retries: Family<Labels, Counter>,
    rejected: Family<Labels, Counter>,
    in_progress: Family<Labels, Gauge>,
    duration: Family<Labels, Histogram, Durations>,
    queued: Family<[(&'static str, &'static str); 1], Gauge>,
    workers: Gauge,
}

/// Those of one kind.
pub(super) struct OfKind {
    pub attempts: Counter,
    pub errors: Counter,
    pub retries: Counter,
    pub rejected: Counter,
    pub in_progress: Gauge,
    pub duration: Histogram,
}

impl JobMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let own = Self {
            attempts: Family::default(),
            errors: Family::default(),
            retries: Family::default(),
            rejected: Family::default(),
            in_progress: Family::default(),
            duration: Family::new_with_constructor(Durations),
            queued: Family::default(),
            workers: Gauge::default(),
        };
        registry.register("tasks", "Attempts of jobs that have ended", own.attempts.clone());
        registry.register("tasks_errors", "Attempts of jobs that failed", own.errors.clone());
        registry.register("tasks_retries", "Jobs that are tried again", own.retries.clone());
        registry.register("tasks_rejected", "Jobs that are given up", own.rejected.clone());
        registry.register("tasks_in_progress", "Jobs that run now", own.in_progress.clone());
        registry.register("tasks_duration_milliseconds", "How long attempts took", own.duration.clone());
        registry.register("tasks_queued", "Jobs that wait, on all nodes", own.queued.clone());
        registry.register("tasks_workers", "Processes that carry jobs out", own.workers.clone());
        own
    }
    /// What the database knows, for a scrape.
    pub async fn count(&self, core: &Core) -> Result<()> {
        let counts = jobs::count(&core.db).await?;
        for queue in Queue::ALL {
            let waits = |(name, state, _): &&(String, String, i64)| name == queue.as_str() && state == QUEUED;
            let count = counts.iter().find(waits).map_or(0, |(_, _, count)| *count);
            self.queued.get_or_create(&[("queue_name", queue.as_str())]).set(count);
        }
        let workers = schedules::workers(&core.db, core.now()).await?;
        self.workers.set(i64::try_from(workers.len()).unwrap_or(i64::MAX));
        Ok(())
    }
    pub(super) fn of(&self, job: &dyn Job) -> OfKind {
        let labels = [("actor_name", job.name()), ("queue_name", job.queue().as_str())];
        OfKind {
            attempts: self.attempts.get_or_create(&labels).clone(),
            errors: self.errors.get_or_create(&labels).clone(),
            retries: self.retries.get_or_create(&labels).clone(),
            rejected: self.rejected.get_or_create(&labels).clone(),
            in_progress: self.in_progress.get_or_create(&labels).clone(),
            duration: self.duration.get_or_create(&labels).clone(),
        }
    }
}
