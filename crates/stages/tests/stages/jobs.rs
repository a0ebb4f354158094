//! Attempts, pauses, failures and logs of jobs.
use crate::site::Site;
use async_trait::async_trait;
use signet_base::{Error, Result, Uuid, json};
use signet_core::Client;
use signet_core::job::{Job, JobRun, LogLevel, NewJob};
use signet_store::jobs::{self, DONE, JobRow, QUEUED, REJECTED};
use signet_store::{Batch, events, kv, params};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Fails as often as told, then counts a row up.
struct Told {
    attempts: AtomicUsize,
    fails: usize,
    error: fn() -> Error,
}
#[async_trait]
impl Job for Told {
    fn name(&self) -> &'static str {
        "test.told"
    }
    fn description(&self) -> &'static str {
        "Does what it is told"
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        if attempt <= self.fails {
            return Err((self.error)());
        }
        let name: String = run.payload()?;
        run.log(LogLevel::Info, format!("hello {name}"));
        Ok(Batch::new().add("UPDATE install SET created = created + 1 WHERE one = ?", params![1]))
    }
}

async fn told(fails: usize, error: fn() -> Error) -> (Site, &'static Told) {
    let job: &'static Told = Box::leak(Box::new(Told { attempts: AtomicUsize::new(0), fails, error }));
    let site = Site::with(&[], |families| families.with_jobs([job as &'static dyn Job])).await;
    // A row to count.
    kv::install_id(&site.core.db, &site.core.ports).await.unwrap();
    (site, job)
}
async fn queue(site: &Site, job: &'static Told) -> Uuid {
    let new =
        NewJob::new(job, &"world").unwrap().asked_by(&Client::internal(), None).batch(&site.core).unwrap();
    site.core.db.batch(new).await.unwrap();
    let row =
        site.core.db.query_one("SELECT id FROM job ORDER BY created DESC", vec![]).await.unwrap().unwrap();
    row.uuid(0).unwrap()
}
/// The job when the condition holds.
async fn when(site: &Site, id: Uuid, holds: impl Fn(&JobRow) -> bool) -> JobRow {
    for _ in 0..500 {
        let job = jobs::by_id(&site.core.db, id).await.unwrap().unwrap();
        if holds(&job) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", jobs::by_id(&site.core.db, id).await)
}
async fn counted(site: &Site) -> i64 {
    site.core.db.query_one("SELECT created FROM install", vec![]).await.unwrap().unwrap().int(0).unwrap()
}
async fn failures(site: &Site) -> Vec<events::Event> {
    let query = signet_store::ListQuery::default().equal("action", "system_task_exception");
    events::list(&site.core.db, &query, None).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_jobs_a_job_begins_at_once_and_its_statements_are_committed_with_its_end() {
    let (site, job) = told(0, || Error::NotFound).await;
    let (before, began) = (counted(&site).await, Instant::now());
    let id = queue(&site, job).await;
    let row = when(&site, id, |row| row.state == DONE).await;
    assert!(began.elapsed() < Duration::from_millis(900), "without the poll: {:?}", began.elapsed());
    assert_eq!(counted(&site).await, before + 1);
    assert_eq!((row.attempts, row.status.as_str(), row.payload.as_str()), (1, "info", ""));
    assert_eq!((&row.log[0]["event"], &row.log[0]["log_level"]), (&json!("hello world"), &json!("info")));
    assert!(row.expires.is_some() && row.due.is_none());
    let metrics = site.core.metrics.render();
    assert!(
        metrics.contains("authentik_tasks_total{actor_name=\"test.told\",queue_name=\"default\"} 1"),
        "{metrics}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_jobs_a_failed_attempt_is_followed_by_another_after_a_pause() {
    let (site, job) = told(2, || Error::Unavailable("451 later".into())).await;
    let before = counted(&site).await;
    let id = queue(&site, job).await;
    for (attempt, pause) in [(1, 2), (2, 8)] {
        let row = when(&site, id, |row| row.attempts == attempt && row.state == QUEUED).await;
        let wait = (row.due.unwrap().0 - site.core.now().0) / 1000;
        assert!((pause * 1000..=pause * 1250).contains(&wait), "{wait} ms");
        assert!(!row.payload.is_empty() && row.log[0]["event"].as_str().unwrap().contains("451 later"));
        site.clock.advance_secs(pause * 2);
    }
    let row = when(&site, id, |row| row.state == DONE).await;
    assert_eq!((row.attempts, row.log.as_array().unwrap().len(), counted(&site).await), (3, 3, before + 1));
    assert!(failures(&site).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_jobs_the_last_failure_leaves_an_event_and_some_errors_are_the_last() {
    let (site, job) = told(99, || Error::Unavailable("451 later".into())).await;
    let id = queue(&site, job).await;
    for attempt in 1..=5 {
        when(&site, id, |row| row.attempts == attempt && row.state == QUEUED).await;
        assert!(failures(&site).await.is_empty());
        site.clock.advance_secs(700);
    }
    let row = when(&site, id, |row| row.state == REJECTED).await;
    assert_eq!((row.attempts, row.status.as_str()), (6, "error"));
    let event = failures(&site).await.pop().unwrap();
    assert_eq!(
        (&event.context["task"], &event.context["actor"]),
        (&json!("Does what it is told"), &json!("test.told"))
    );
    assert!(event.context["message"].as_str().unwrap().contains("451 later"));

    let (site, job) = told(99, || Error::invalid("to", "no address")).await;
    let id = queue(&site, job).await;
    assert_eq!(when(&site, id, |row| row.state == REJECTED).await.attempts, 1);
    assert_eq!((failures(&site).await.len(), job.attempts.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn core_jobs_a_panic_is_a_failure_of_its_job_only() {
    let (site, job) = told(1, || panic!("in a job")).await;
    let id = queue(&site, job).await;
    let row = when(&site, id, |row| row.state == QUEUED && row.attempts == 1).await;
    assert!(row.log[0]["event"].as_str().unwrap().contains("panicked"), "{}", row.log);
    site.clock.advance_secs(3);
    when(&site, id, |row| row.state == DONE).await;
}
