//! Running programs from async code.
use crate::task::{Task, TaskStep};
use crate::{ErrorKind, Host, Limits, Program, RunError, Value, caller_thread, pool};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// The result of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The returned value; `Value::None` without `return`.
    pub value: Value,
    /// The input `context` after the run, with the program's changes; `None` if there is no such input or the
    /// source does not mention it.
    pub context: Option<Value>,
    /// The output of `print()`.
    pub printed: String,
    /// The program was evaluated without the interpreter.
    pub direct: bool,
}

/// Runs one program. `inputs` may contain more names than the program uses; a missing one is an error.
///
/// Dropping the future cancels the run; a turn in progress still ends within its time limit.
///
/// # Errors
/// Every failure is a [`RunError`]; none becomes a value.
pub async fn run(
    program: &Program,
    inputs: Vec<(&str, Value)>,
    host: Arc<dyn Host>,
    limits: &Limits,
) -> Result<Outcome, RunError> {
    let values = arrange(program, &inputs)?;
    let started = Instant::now();
    let whole = async {
        if let Some(outcome) = direct(program, &values, &host, limits).await {
            return Ok(outcome);
        }
        if let Some(result) = caller_thread::run(program, &values, &host, limits, started) {
            return result;
        }
        let task = Task::new(program.clone(), host, limits.clone(), started);
        let step = on_pool(false, move || task.start(&values)).await?;
        finish(step).await
    };
    within(limits, whole).await
}

/// Evaluates simple programs directly.
async fn direct(
    program: &Program,
    values: &[Value],
    host: &Arc<dyn Host>,
    limits: &Limits,
) -> Option<Outcome> {
    let value = program.direct()?.run(values, host, limits).await?;
    // Directly evaluated programs do not change the context.
    let context = program
        .inputs()
        .iter()
        .position(|name| name == "context")
        .filter(|_| program.returns_context())
        .map(|position| values[position].clone());
    Some(Outcome { value, context, printed: String::new(), direct: true })
}

/// Runs several programs in order, those that need an interpreter thread in one job. The results keep the
/// order.
///
/// A failing program does not affect the others. The deadline applies to all of them together.
pub async fn run_many(
    programs: Vec<(Program, Vec<(&str, Value)>)>,
    host: Arc<dyn Host>,
    limits: &Limits,
) -> Vec<Result<Outcome, RunError>> {
    let count = programs.len();
    let started = Instant::now();
    let whole = async {
        let mut results: Vec<Option<Result<Outcome, RunError>>> = Vec::with_capacity(count);
        let mut tasks = Vec::new();
        for (position, (program, inputs)) in programs.into_iter().enumerate() {
            results.push(match arrange(&program, &inputs) {
                Err(error) => Some(Err(error)),
                Ok(values) => match direct(&program, &values, &host, limits).await {
                    Some(outcome) => Some(Ok(outcome)),
                    None => caller_thread::run(&program, &values, &host, limits, started).or_else(|| {
                        tasks.push((
                            position,
                            Task::new(program, host.clone(), limits.clone(), started),
                            values,
                        ));
                        None
                    }),
                },
            });
        }
        if !tasks.is_empty() {
            let turn = move || -> Vec<(usize, TaskStep)> {
                tasks.into_iter().map(|(position, task, values)| (position, task.start(&values))).collect()
            };
            for (position, step) in on_pool(false, turn).await? {
                results[position] = Some(finish(step).await);
            }
        }
        let missing = || Err(RunError::engine(ErrorKind::Internal, "the interpreter failed"));
        Ok(results.into_iter().map(|result| result.unwrap_or_else(missing)).collect())
    };
    within(limits, whole).await.unwrap_or_else(|error| vec![Err(error); count])
}

/// The values in the program's order.
fn arrange(program: &Program, inputs: &[(&str, Value)]) -> Result<Vec<Value>, RunError> {
    program
        .inputs()
        .iter()
        .map(|name| {
            let found = inputs.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone());
            found.ok_or_else(|| RunError::engine(ErrorKind::Value, format!("input '{name}' is missing")))
        })
        .collect()
}

/// Makes host calls until the run is finished.
async fn finish(mut step: TaskStep) -> Result<Outcome, RunError> {
    loop {
        match step {
            TaskStep::Done(result) => return *result,
            TaskStep::Call(mut suspended) => {
                let (args, kwargs) =
                    (std::mem::take(&mut suspended.args), std::mem::take(&mut suspended.kwargs));
                let answer = suspended.target.call(args, kwargs).await;
                step = on_pool(true, move || suspended.resume(answer)).await?;
            }
            TaskStep::Elsewhere => {
                return Err(RunError::engine(ErrorKind::Internal, "the interpreter failed"));
            }
        }
    }
}

async fn on_pool<T: Send + 'static>(
    resumed: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RunError> {
    let (sender, receiver) = oneshot::channel();
    let job = move || {
        // The run was cancelled before its turn.
        if !sender.is_closed() {
            let _ = sender.send(work());
        }
    };
    pool::submit(resumed, job)
        .map_err(|_| RunError::engine(ErrorKind::Busy, "too many expressions are waiting"))?;
    receiver.await.map_err(|_| RunError::engine(ErrorKind::Internal, "the interpreter failed"))
}

async fn within<T>(limits: &Limits, whole: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
    match tokio::time::timeout(limits.deadline, whole).await {
        Ok(result) => result,
        Err(_) => Err(RunError::engine(ErrorKind::Deadline, "the run took too long")),
    }
}
