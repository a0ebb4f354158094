//! One attempt of a job, from its lease to its end.
use super::new::Envelope;
use super::{Job, JobRun, LogLevel, line};
use crate::Core;
use crate::event::EventAction;
use signet_base::error::Chain;
use signet_base::{Conflict, Error, Json, Result, Span, Timestamp, json};
use signet_store::Batch;
use signet_store::jobs::{self, DONE, JobRow, QUEUED, REJECTED};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a worker that says nothing keeps a job. Clocks of nodes may differ by less than that.
pub(super) const LEASE: Span = Span::from_secs(30);
const EXTEND_EVERY: Duration = Duration::from_secs(10);
/// Time for running jobs to end when the process is told to stop; after it they are given back.
const GRACE: Duration = Duration::from_secs(15);
/// Lines of a job's log that are kept, and their length in characters.
const MOST_LINES: usize = 100;
const LONGEST_LINE: usize = 2000;
/// How long the runs of a schedule stay: there are many of them.
const KEPT_RUNS: Span = Span::DAY;

/// What became of it.
enum Outcome {
    Ended(Result<Batch>),
    /// Another worker has it by now.
    Lost,
    Stopped,
}

pub(super) async fn carry_out(
    core: Arc<Core>,
    job: &'static dyn Job,
    row: JobRow,
    stop: watch::Receiver<bool>,
) {
    let (began, metrics) = (Instant::now(), core.metrics.jobs.of(job));
    metrics.in_progress.inc();
    let mut log = Vec::new();
    let outcome = if row.attempts > core.settings.jobs.retries + 1 {
        // It may be what ends them.
        Outcome::Ended(Err(Error::internal("the worker ended during the last attempt")))
    } else {
        run(&core, job, &row, stop, &mut log).await
    };
    match outcome {
        Outcome::Ended(result) => end(&core, job, row, result, log).await,
        Outcome::Lost => tracing::warn!(job = job.name(), id = %row.id, "another worker has taken this job"),
        Outcome::Stopped => match jobs::release(&core.db, &row, core.now()).await {
            Ok(_) => tracing::info!(job = job.name(), id = %row.id, "given back: the server stops"),
            Err(error) => tracing::warn!(job = job.name(), id = %row.id, %error, "not given back"),
        },
    }
    metrics.in_progress.dec();
    metrics.duration.observe(began.elapsed().as_secs_f64() * 1000.0);
}

type Log = Vec<(LogLevel, Timestamp, String)>;

async fn run(
    core: &Arc<Core>,
    job: &'static dyn Job,
    row: &JobRow,
    stop: watch::Receiver<bool>,
    log: &mut Log,
) -> Outcome {
    let envelope = match Envelope::open(core, row) {
        Ok(envelope) => envelope,
        Err(error) => return Outcome::Ended(Err(error)),
    };
    let client = envelope.client();
    let (user, payload) = (envelope.user, envelope.payload);
    let (shared, id, attempt) = (core.clone(), row.id, row.attempts);
    let mut run = JobRun { core: shared, id, attempt, client, user, payload, log: Vec::new() };
    // A task of its own, so that a panic is a failure of the job. Dropping the set ends it.
    let mut work = JoinSet::new();
    work.spawn(async move { (job.run(&mut run).await, run.log) });
    let limit = tokio::time::sleep(core.settings.jobs.time_limit);
    let stopping = stopping(stop);
    tokio::pin!(limit, stopping);
    loop {
        tokio::select! {
            done = work.join_next() => return Outcome::Ended(match done {
                Some(Ok((result, lines))) => {
                    *log = lines;
                    result
                }
                _ => Err(Error::internal("the job panicked")),
            }),
            () = &mut limit => {
                return Outcome::Ended(Err(Error::Unavailable("not done within its time limit".into())));
            }
            () = &mut stopping => return Outcome::Stopped,
            () = tokio::time::sleep(EXTEND_EVERY) => match jobs::extend(&core.db, row, core.now().plus(LEASE)).await {
                Ok(true) => {}
                Ok(false) => return Outcome::Lost,
                Err(error) => tracing::warn!(job = job.name(), id = %row.id, %error, "the lease could not be extended"),
            },
        }
    }
}

async fn stopping(mut stop: watch::Receiver<bool>) {
    // An error means that whoever would say so is gone.
    let _ = stop.wait_for(|stop| *stop).await;
    tokio::time::sleep(GRACE).await;
}

/// Whether another attempt may end otherwise.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Unavailable(_) | Error::TooMany { .. } | Error::Conflict(_) | Error::Internal(_) => true,
        Error::Invalid(_) | Error::Denied(_) | Error::NotFound => false,
    }
}

/// The pause after an attempt: 2, 8, 32, 128 … seconds, at most ten minutes, and up to a quarter more by chance, so that
/// jobs that failed together do not come back together.
pub(super) fn back_off(attempt: i64, chance: u8) -> Span {
    let exponent = u32::try_from(attempt.clamp(1, 8) - 1).unwrap_or_default();
    let secs = 2 * 4_i64.pow(exponent).min(300);
    // Milliseconds: 255 of 1024 at most.
    Span::from_millis(secs * 1000 + secs * 1000 * i64::from(chance) / 1024)
}

async fn end(core: &Arc<Core>, job: &dyn Job, row: JobRow, result: Result<Batch>, log: Log) {
    let Err(error) = commit(core, job, &row, result, log).await else { return };
    if is_lost(&error) {
        tracing::warn!(job = job.name(), id = %row.id, "another worker has taken this job");
        return;
    }
    // What it did was refused: that is its failure.
    if let Err(error) = commit(core, job, &row, Err(error), Vec::new()).await
        && !is_lost(&error)
    {
        tracing::error!(job = job.name(), id = %row.id, %error, "the end of a job could not be written");
    }
}
fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Conflict(Conflict::LeaseLost))
}

/// Writes the end of an attempt with what it did.
async fn commit(
    core: &Arc<Core>,
    job: &dyn Job,
    row: &JobRow,
    result: Result<Batch>,
    mut log: Log,
) -> Result<()> {
    let Some(lease) = row.lease else { return Err(Error::internal("a running job has a lease")) };
    let (now, attempt, metrics) = (core.now(), row.attempts, core.metrics.jobs.of(job));
    let mut next = JobRow { lease: None, updated: now, ..row.clone() };
    let over = |next: &mut JobRow, state: &str, level: LogLevel| {
        next.state = state.to_owned();
        next.status = level.as_str().to_owned();
        next.due = None;
        next.unique_key = None;
        next.expires = Some(now.plus(core.settings.jobs.expiration));
    };
    let batch = match result {
        Ok(batch) => {
            over(&mut next, DONE, log.iter().map(|line| line.0).max().unwrap_or(LogLevel::Info));
            next.payload.clear();
            if row.schedule.is_some() {
                next.expires = Some(now.plus(KEPT_RUNS));
            }
            batch
        }
        Err(error) => {
            log.push((LogLevel::Error, now, Chain(&error).to_string()));
            metrics.errors.inc();
            if is_passing(&error) && attempt <= core.settings.jobs.retries {
                let [chance] = core.ports.bytes::<1>();
                next.state = QUEUED.to_owned();
                next.status = QUEUED.to_owned();
                next.due = Some(now.plus(back_off(attempt, chance)));
                metrics.retries.inc();
                tracing::warn!(job = job.name(), id = %row.id, attempt, error = %Chain(&error), "a job failed; it is tried again");
                Batch::new()
            } else {
                over(&mut next, REJECTED, LogLevel::Error);
                metrics.rejected.inc();
                tracing::error!(job = job.name(), id = %row.id, attempt, error = %Chain(&error), "a job failed");
                failed(core, job, row, &error).await?
            }
        }
    };
    next.log = lines(&row.log, job.name(), attempt, &log);
    core.db.batch(jobs::finish(&next, lease).then(batch)).await?;
    metrics.attempts.inc();
    Ok(())
}

/// The event of a job that is given up.
async fn failed(core: &Arc<Core>, job: &dyn Job, row: &JobRow, error: &Error) -> Result<Batch> {
    let (client, user) = match Envelope::open(core, row) {
        Ok(envelope) => (envelope.client(), envelope.user),
        Err(_) => (crate::Client::internal(), None),
    };
    let person = match user {
        Some(id) => crate::Principal::load_any(core, id).await?,
        None => None,
    };
    let said =
        json!({"task": job.description(), "actor": job.name(), "job": row.id, "message": error.to_string()});
    Ok(core.event_batch(&client, person.as_ref(), &EventAction::SystemTaskException, job.app(), said))
}

fn lines(before: &Json, kind: &str, attempt: i64, log: &Log) -> Json {
    let mut all = before.as_array().cloned().unwrap_or_default();
    all.extend(log.iter().map(|(level, at, text)| {
        line(kind, attempt, &(*level, *at, text.chars().take(LONGEST_LINE).collect()))
    }));
    let more = all.len().saturating_sub(MOST_LINES);
    all.drain(..more);
    Json::Array(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_jobs_the_pause_grows_and_ends_at_ten_minutes() {
        let secs: Vec<i64> = (1..9).map(|attempt| back_off(attempt, 0).secs()).collect();
        assert_eq!(secs, [2, 8, 32, 128, 512, 600, 600, 600]);
        assert!(back_off(1, 255) > back_off(1, 0) && back_off(1, 255) <= Span::from_secs(3));
    }
    #[test]
    fn core_jobs_another_attempt_is_made_where_it_may_end_otherwise() {
        assert!(is_passing(&Error::unavailable("x")) && is_passing(&Error::internal("x")));
        assert!(!is_passing(&Error::invalid("to", "x")) && !is_passing(&Error::NotFound));
    }
    #[test]
    fn core_jobs_a_log_keeps_its_last_lines() {
        let mut all = json!([]);
        for attempt in 0..150 {
            let text = "x".repeat(3000);
            all = lines(&all, "kind", attempt, &vec![(LogLevel::Info, Timestamp(0), text)]);
        }
        let all = all.as_array().unwrap();
        assert_eq!((all.len(), &all[99]["attributes"]["attempt"]), (MOST_LINES, &json!(149)));
        assert_eq!(all[0]["event"].as_str().unwrap().len(), LONGEST_LINE);
    }
}
