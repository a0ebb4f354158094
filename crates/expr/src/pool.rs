//! Interpreter threads with large stacks: one per core, started on demand.
use crate::memory::Reclaim;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Instant;

/// Stack size of an interpreter thread. Reserved, not resident. Parser and interpreter recurse; smaller
/// stacks overflow on hostile sources.
pub const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Maximum number of queued new runs; resumed runs are always accepted.
const MAX_WAITING: usize = 4096;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
}

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    ready: Condvar,
}

static POOL: LazyLock<Arc<Pool>> = LazyLock::new(Arc::default);

/// The queue is full, or no thread could be started.
#[derive(Debug)]
pub(crate) struct Busy;

/// Queues a job. Resumed runs come first and are never refused: they hold memory already.
pub(crate) fn submit(resumed: bool, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
    let pool = &*POOL;
    let mut state = pool.lock();
    if !resumed && state.jobs.len() >= MAX_WAITING {
        return Err(Busy);
    }
    if state.idle <= state.jobs.len() && state.threads < cores() {
        let worker = Arc::clone(pool);
        match Builder::new().name("expr".into()).stack_size(STACK_BYTES).spawn(move || worker.work()) {
            Ok(_) => state.threads += 1,
            Err(_) if state.threads == 0 => return Err(Busy),
            Err(_) => {}
        }
    }
    if resumed {
        state.jobs.push_front(Box::new(job));
    } else {
        state.jobs.push_back(Box::new(job));
    }
    drop(state);
    pool.ready.notify_one();
    Ok(())
}

fn cores() -> usize {
    static CORES: LazyLock<usize> =
        LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    *CORES
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No job runs under the lock, so the queue is consistent even if the lock is poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut reclaim = Reclaim::default();
        let mut state = self.lock();
        loop {
            match state.jobs.pop_front() {
                Some(job) => {
                    drop(state);
                    let began = Instant::now();
                    // A panic drops the job's sender: the waiting run ends with an internal error.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                    reclaim.after(began.elapsed());
                    state = self.lock();
                }
                None => {
                    state.idle += 1;
                    state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                }
            }
        }
    }
}

/// Runs `work` on a new thread with a large stack and waits. For parsing, which is rare and must not queue
/// behind runs.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = Builder::new()
            .name("expr-parse".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .ok()?;
        thread.join().ok()
    })
}
