//! Closed-loop load: N connections for T seconds. Everybody runs before the window opens and after it closes,
//! and what ends inside the window counts, so that slow operations are not lost at its edges.
use crate::client::Result;
use crate::histogram::Histogram;
use crate::process::Usage;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(30);
/// After so many errors a connection gives up.
const MAX_ERRORS: u64 = 50;

/// What one connection repeats.
pub trait Work: Send + 'static {
    /// One operation. An error is counted and makes the row a failure.
    fn turn(&mut self, log: &mut Log) -> impl Future<Output = Result<()>> + Send;
}

/// What one connection has seen.
#[derive(Default)]
pub struct Log {
    window: Option<(Instant, Instant)>,
    whole: Histogram,
    steps: Histogram,
    errors: u64,
    first: Option<String>,
}

impl Log {
    /// Records one part of an operation, for rows about single requests.
    pub fn step(&mut self, began: Instant) {
        let ended = Instant::now();
        if self.window.is_some_and(|(open, close)| ended >= open && ended < close) {
            self.steps.record(ended - began);
        }
    }
    fn operation(&mut self, began: Instant) {
        let ended = Instant::now();
        if self.window.is_some_and(|(open, close)| ended >= open && ended < close) {
            self.whole.record(ended - began);
        }
    }
}

/// One run of one load.
pub struct Outcome {
    pub per_second: f64,
    pub whole: Histogram,
    pub steps: Histogram,
    pub errors: u64,
    /// The first error, in words.
    pub first: Option<String>,
    /// What the processors did meanwhile.
    pub usage: Usage,
}

/// Runs the workers and gives them back for the next round: they keep connections, cookies and tokens.
pub async fn run<W: Work>(workers: &mut Vec<W>, ramp: Duration, time: Duration) -> Result<Outcome> {
    let open = Instant::now() + ramp;
    let close = open + time;
    let tasks: Vec<_> = workers
        .drain(..)
        .map(|mut worker| {
            tokio::spawn(async move {
                let mut log = Log { window: Some((open, close)), ..Log::default() };
                while Instant::now() < close && log.errors < MAX_ERRORS {
                    let began = Instant::now();
                    let done = tokio::time::timeout(TIMEOUT, worker.turn(&mut log))
                        .await
                        .unwrap_or_else(|_| Err("no answer within 30 s".into()));
                    match done {
                        Ok(()) => log.operation(began),
                        Err(error) => {
                            log.errors += 1;
                            log.first.get_or_insert(error);
                            tokio::time::sleep(Duration::from_millis(10)).await;
                        }
                    }
                }
                (worker, log)
            })
        })
        .collect();
    tokio::time::sleep_until(open.into()).await;
    let before = Usage::now();
    tokio::time::sleep_until(close.into()).await;
    let usage = Usage::now().since(&before);
    let mut outcome = Outcome {
        per_second: 0.0,
        whole: Histogram::default(),
        steps: Histogram::default(),
        errors: 0,
        first: None,
        usage,
    };
    for task in tasks {
        let (worker, log) = task.await.map_err(|e| format!("a worker ended: {e}"))?;
        workers.push(worker);
        outcome.whole.merge(&log.whole);
        outcome.steps.merge(&log.steps);
        outcome.errors += log.errors;
        outcome.first = outcome.first.take().or(log.first);
    }
    outcome.per_second = outcome.whole.count() as f64 / time.as_secs_f64();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sleeper(bool);
    impl Work for Sleeper {
        async fn turn(&mut self, log: &mut Log) -> Result<()> {
            let began = Instant::now();
            tokio::time::sleep(Duration::from_millis(20)).await;
            log.step(began);
            if self.0 { Err("on purpose".into()) } else { Ok(()) }
        }
    }

    #[tokio::test]
    async fn counts_what_ends_in_the_window() {
        let mut workers = vec![Sleeper(false), Sleeper(false)];
        let outcome = run(&mut workers, Duration::from_millis(50), Duration::from_millis(400)).await.unwrap();
        assert_eq!((workers.len(), outcome.errors), (2, 0));
        assert!((30.0..=110.0).contains(&outcome.per_second), "{}", outcome.per_second);
        assert!(outcome.whole.quantile(0.5) >= 20.0 && outcome.steps.count() == outcome.whole.count());
    }

    #[tokio::test]
    async fn errors_are_no_operations() {
        let outcome =
            run(&mut vec![Sleeper(true)], Duration::ZERO, Duration::from_millis(100)).await.unwrap();
        assert!(outcome.errors > 0 && outcome.whole.count() == 0);
        assert_eq!(outcome.first.as_deref(), Some("on purpose"));
    }
}
