//! Short runs on the caller's thread: switching threads costs more than most programs.
use crate::memory::Reclaim;
use crate::task::{Task, TaskStep};
use crate::{ErrorKind, Host, Limits, Outcome, Program, RunError, Value};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Maximum time on the caller's thread; a longer run starts again on an interpreter thread.
const BUDGET: Duration = Duration::from_millis(2);
/// Maximum size of one allocation on the caller's thread. Operations on a single number or string cannot be
/// interrupted, so they must be small.
const ALLOCATION: usize = 64 * 1024;

thread_local! {
    static LARGE: Cell<bool> = const { Cell::new(false) };
    static RECLAIM: RefCell<Reclaim> = RefCell::default();
}

/// Declares that the calling thread has a stack of [`STACK_BYTES`](crate::STACK_BYTES): short programs may
/// run on it.
pub fn run_on_this_thread() {
    LARGE.set(true);
}

/// Tries a program on the calling thread. `None`: it had no visible effect, and an interpreter thread has to
/// run it, because the stack is small, the run takes long or needs much memory, or it makes a host call that
/// must be awaited.
pub(crate) fn run(
    program: &Program,
    values: &[Value],
    host: &Arc<dyn Host>,
    limits: &Limits,
    started: Instant,
) -> Option<Result<Outcome, RunError>> {
    if !LARGE.get() || !program.begin_here() {
        return None;
    }
    let limits =
        Limits { time: limits.time.min(BUDGET), memory: limits.memory.min(ALLOCATION), ..limits.clone() };
    let task = Task::new(program.clone(), host.clone(), limits, started).tried();
    let began = Instant::now();
    let step = catch_unwind(AssertUnwindSafe(|| task.start(values)));
    RECLAIM.with_borrow_mut(|reclaim| reclaim.after(began.elapsed()));
    match step {
        Ok(TaskStep::Done(result)) => Some(*result),
        Ok(TaskStep::Call(_) | TaskStep::Elsewhere) => {
            program.begin_elsewhere();
            None
        }
        Err(_) => Some(Err(RunError::engine(ErrorKind::Internal, "the interpreter failed"))),
    }
}
