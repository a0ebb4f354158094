//! Short runs in the caller's thread: waking another thread and being woken by it costs more than most texts.
use crate::memory::Reclaim;
use crate::task::{Task, TaskStep};
use crate::{ErrorKind, Host, Limits, Outcome, Program, RunError, Value};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the caller's other work may be held up; what takes longer starts anew on a thread of its own.
const BUDGET: Duration = Duration::from_millis(2);
/// Bytes of one allocation here. Work on a single number or text is not interrupted, so that they have to be
/// small.
const ALLOCATION: usize = 64 * 1024;

thread_local! {
    static LARGE: Cell<bool> = const { Cell::new(false) };
    static RECLAIM: RefCell<Reclaim> = RefCell::default();
}

/// Says that the calling thread was started with [`STACK_BYTES`](crate::STACK_BYTES): short programs may run
/// on it.
pub fn run_on_this_thread() {
    LARGE.set(true);
}

/// Tries a program on the calling thread. `None`: nothing was seen of it from outside, and an interpreter
/// thread has to run it, because the stack is small, the text takes long or much memory, or it asks the host
/// for more than an answer at once.
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
