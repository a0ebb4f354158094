//! A bounded thread pool for expensive computations (password hashes, RSA), which must not run on async
//! threads or in an unbounded queue.
mod fair;

pub use fair::{Lane, PoolTurn};

use fair::FairQueue;
use signet_base::{Error, Result};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A job; it delivers its result itself.
type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub struct Pool {
    inbox: Arc<Inbox>,
    /// Dropping the last clone ends the workers.
    _open: Arc<Open>,
    threads: usize,
    load: Arc<Load>,
    longest_wait: Option<Duration>,
}

/// The queue. Workers are woken only if one is idle.
struct Inbox {
    state: Mutex<Waiting>,
    wake: Condvar,
    room: usize,
}
#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Jobs in fair order.
    fair: FairQueue<Job>,
    idle: usize,
    closed: bool,
}
impl Waiting {
    fn len(&self) -> usize {
        self.jobs.len() + self.fair.len()
    }
    fn pop(&mut self) -> Option<Job> {
        self.jobs.pop_front().or_else(|| self.fair.pop())
    }
}
impl Inbox {
    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// `false`: the queue is full.
    fn put(&self, job: Job) -> bool {
        let mut state = self.state();
        if state.len() >= self.room + state.idle {
            return false;
        }
        state.jobs.push_back(job);
        self.call(state);
        true
    }
    /// Adds a job in fair order. `is_too_long` judges the number of jobs ahead.
    fn put_in_turn(&self, turn: PoolTurn, job: Job, is_too_long: impl Fn(usize) -> bool) -> Result<()> {
        let mut state = self.state();
        let ahead = state.fair.ahead(turn);
        if state.len() >= self.room + state.idle || is_too_long(ahead.jobs + state.jobs.len()) {
            return Err(if ahead.is_share { Error::TooMany { wait: 2 } } else { busy() });
        }
        state.fair.push(turn, job);
        self.call(state);
        Ok(())
    }
    fn call(&self, state: MutexGuard<'_, Waiting>) {
        let wake = state.idle > 0;
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.state().len()
    }
    /// Waits for the next job; `None` when the pool is dropped and the queue is empty.
    fn take(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            match state.pop() {
                Some(job) => return Some(job),
                None if state.closed => return None,
                None => {
                    state.idle += 1;
                    state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                }
            }
        }
    }
}
struct Open(Arc<Inbox>);
impl Drop for Open {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.wake.notify_all();
    }
}

fn busy() -> Error {
    Error::Unavailable("too much work is waiting; try again in a moment".into())
}

/// The load of a pool.
#[derive(Default)]
struct Load {
    /// Queued and running jobs.
    jobs: AtomicUsize,
    /// Recent duration of a job in microseconds.
    usual: AtomicU64,
}
impl Load {
    fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let before = self.usual.load(Relaxed);
        // Concurrent updates may lose a value; later ones compensate.
        self.usual.store(if before == 0 { time } else { before - before / 8 + time / 8 }, Relaxed);
    }
}
/// Counts a job while it is queued or running.
struct Counted(Arc<Load>);
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.jobs.fetch_sub(1, Relaxed);
    }
}

impl Pool {
    /// `threads` workers; at most `queue` jobs wait, further ones are refused with `Unavailable`.
    pub fn new(name: &str, threads: usize, queue: usize) -> Result<Self> {
        let inbox = Arc::new(Inbox { state: Mutex::default(), wake: Condvar::new(), room: queue });
        let open = Arc::new(Open(inbox.clone()));
        for n in 0..threads.max(1) {
            let inbox = inbox.clone();
            std::thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || {
                    while let Some(job) = inbox.take() {
                        // A panic must not end the worker; the job's caller gets an error.
                        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
                    }
                })
                .map_err(Error::internal)?;
        }
        Ok(Self { inbox, _open: open, threads: threads.max(1), load: Arc::default(), longest_wait: None })
    }
    /// Refuses jobs that would wait longer than this, by the recent duration of jobs.
    #[must_use]
    pub fn no_longer_than(self, longest: Duration) -> Self {
        Self { longest_wait: Some(longest), ..self }
    }
    fn is_too_long(&self, ahead: usize) -> bool {
        let usual = Duration::from_micros(self.load.usual.load(Relaxed));
        let rounds = u32::try_from(ahead / self.threads).unwrap_or(u32::MAX);
        self.longest_wait.is_some_and(|longest| usual.saturating_mul(rounds) > longest)
    }
    /// Runs a job and awaits its result.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (boxed, answer, ahead) = self.boxed(job);
        if self.is_too_long(ahead) {
            return Err(busy());
        }
        if !self.inbox.put(boxed) {
            return Err(busy());
        }
        answer.await.map_err(|_| Error::internal("a worker thread failed"))
    }
    /// Runs a job in fair order: jobs of one lane delay those of another by at most one turn.
    ///
    /// # Errors
    /// `TooMany` when the lane's share is used up, `Unavailable` when the queue is full.
    pub async fn run_in_turn<T: Send + 'static>(
        &self,
        turn: PoolTurn,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (boxed, answer, before) = self.boxed(job);
        let running = before.min(self.threads);
        self.inbox.put_in_turn(turn, boxed, |ahead| self.is_too_long(ahead + running))?;
        answer.await.map_err(|_| Error::internal("a worker thread failed"))
    }
    /// A job for the workers, its result, and the number of jobs ahead.
    fn boxed<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> (Job, oneshot::Receiver<T>, usize) {
        let (done, answer) = oneshot::channel();
        let before = self.load.jobs.fetch_add(1, Relaxed);
        let counted = Counted(self.load.clone());
        let boxed: Job = Box::new(move || {
            // The caller is gone.
            if done.is_closed() {
                return;
            }
            let began = Instant::now();
            let out = job();
            counted.0.took(began.elapsed());
            drop(counted);
            drop(done.send(out));
        });
        (boxed, answer, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    #[tokio::test]
    async fn work_beyond_the_queue_is_refused_at_once_and_a_panic_costs_only_its_job() {
        let pool = Pool::new("t", 1, 1).unwrap();
        assert!(matches!(pool.run(|| -> u8 { panic!("boom") }).await, Err(Error::Internal(_))));
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
        let (hold, wait) = mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || wait.recv().is_ok()).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let queued = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| 1).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(matches!(pool.run(|| 2).await, Err(Error::Unavailable(_))));
        hold.send(()).unwrap();
        assert!(busy.await.unwrap().unwrap());
        assert_eq!(queued.await.unwrap().unwrap(), 1);
    }
    #[tokio::test]
    async fn what_would_wait_too_long_is_refused_by_what_jobs_took_of_late() {
        let pool = Pool::new("t", 1, 100).unwrap().no_longer_than(Duration::from_millis(50));
        let slow = || {
            let (_hold, wait) = mpsc::channel::<()>();
            let _ = wait.recv_timeout(Duration::from_millis(30));
        };
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { pool.run(slow).await.is_ok() })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
        let many = (0..10).map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(slow).await.is_ok() })
        });
        let mut served = 0;
        for task in many.collect::<Vec<_>>() {
            served += usize::from(task.await.unwrap());
        }
        assert!((1..=7).contains(&served), "{served}");
        assert!(pool.run(|| ()).await.is_ok());
    }
    /// The clock of the machine decides nothing here: a job ends when the test lets it.
    #[tokio::test(flavor = "multi_thread")]
    async fn redteam_08_a_crowd_of_one_address_keeps_nobody_of_another_waiting_for_more_than_one_job() {
        let pool = Pool::new("t", 1, 1000).unwrap();
        let (end, ends) = mpsc::channel::<()>();
        let (ends, begun) = (Arc::new(Mutex::new(ends)), Arc::<Mutex<Vec<u32>>>::default());
        let queue = |n: u32| {
            let (pool, ends, begun) = (pool.clone(), ends.clone(), begun.clone());
            let turn = PoolTurn { lane: Lane::Address(crate::budget::Prefix::V4(n)), first: false };
            tokio::spawn(async move {
                let job = move || {
                    begun.lock().unwrap().push(n);
                    let _ = ends.lock().unwrap().recv();
                };
                pool.run_in_turn(turn, job).await
            })
        };
        let until = async |holds: &dyn Fn() -> bool| {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        const CROWD: usize = 40;
        (0..=CROWD).for_each(|_| drop(queue(1)));
        let mut finished = 0;
        for _ in 0..20 {
            // One of the crowd works, all others wait.
            until(&|| begun.lock().unwrap().len() == finished + 1 && pool.inbox.waiting() == CROWD).await;
            let before = finished + 1;
            let other = queue(2);
            until(&|| pool.inbox.waiting() == CROWD + 1).await;
            let mut ended = 0;
            while !begun.lock().unwrap()[before..].contains(&2) {
                end.send(()).unwrap();
                ended += 1;
                until(&|| begun.lock().unwrap().len() == before + ended).await;
            }
            // The one that worked already, and at most one more.
            assert!(ended <= 2, "{ended} jobs of the others came first");
            end.send(()).unwrap();
            other.await.unwrap().unwrap();
            finished += ended + 1;
            // The crowd never gets smaller.
            (0..ended).for_each(|_| drop(queue(1)));
        }
        drop(end);
    }
}
