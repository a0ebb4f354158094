//! Running programs from async code.
use crate::task::{Step, Task};
use crate::{ErrorKind, Host, Limits, Program, RunError, Value, pool};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;

/// What a run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What the program returned; `Value::None` when it returned nothing.
    pub value: Value,
    /// The input named `context` after the run, with the program's changes; `None` when there is no such input or the
    /// text never mentions it.
    pub context: Option<Value>,
    /// What the program wrote with `print()`.
    pub printed: String,
}

/// Runs one program. `inputs` may hold more names than the program asks for; a missing one is an error.
///
/// Dropping the future gives the run up: a turn under way still ends within its time limit.
///
/// # Errors
/// Every failure is a [`RunError`]; none becomes a value.
pub async fn run(program: &Program, inputs: Vec<(&str, Value)>, host: Arc<dyn Host>, limits: &Limits) -> Result<Outcome, RunError> {
    let values = arrange(program, &inputs)?;
    let task = Task::new(program.clone(), host, limits.clone(), Instant::now());
    let whole = async {
        let step = on_pool(false, move || task.start(&values)).await?;
        finish(step).await
    };
    within(limits, whole).await
}

/// Runs several programs in one visit to the interpreter threads, in order; the results keep that order.
///
/// One program's failure leaves the others alone. The deadline counts for all of them together.
pub async fn run_many(programs: Vec<(Program, Vec<(&str, Value)>)>, host: Arc<dyn Host>, limits: &Limits) -> Vec<Result<Outcome, RunError>> {
    let count = programs.len();
    let started = Instant::now();
    let prepared: Vec<Result<(Task, Vec<Value>), RunError>> = programs
        .into_iter()
        .map(|(program, inputs)| {
            let values = arrange(&program, &inputs)?;
            Ok((Task::new(program, host.clone(), limits.clone(), started), values))
        })
        .collect();
    let turn = move || -> Vec<Result<Step, RunError>> { prepared.into_iter().map(|task| task.map(|(task, values)| task.start(&values))).collect() };
    let whole = async {
        let mut results = Vec::with_capacity(count);
        for step in on_pool(false, turn).await? {
            results.push(match step {
                Ok(step) => finish(step).await,
                Err(error) => Err(error),
            });
        }
        Ok(results)
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

/// Answers host calls until the run is over.
async fn finish(mut step: Step) -> Result<Outcome, RunError> {
    loop {
        match step {
            Step::Done(result) => return *result,
            Step::Call(mut suspended) => {
                let (args, kwargs) = (std::mem::take(&mut suspended.args), std::mem::take(&mut suspended.kwargs));
                let answer = suspended.target.call(args, kwargs).await;
                step = on_pool(true, move || suspended.resume(answer)).await?;
            }
        }
    }
}

async fn on_pool<T: Send + 'static>(resumed: bool, work: impl FnOnce() -> T + Send + 'static) -> Result<T, RunError> {
    let (sender, receiver) = oneshot::channel();
    let job = move || {
        // Nobody waits any more: the run was given up before its turn.
        if !sender.is_closed() {
            let _ = sender.send(work());
        }
    };
    pool::submit(resumed, job).map_err(|_| RunError::engine(ErrorKind::Busy, "too many expressions are waiting"))?;
    receiver.await.map_err(|_| RunError::engine(ErrorKind::Internal, "the interpreter failed"))
}

async fn within<T>(limits: &Limits, whole: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
    match tokio::time::timeout(limits.deadline, whole).await {
        Ok(result) => result,
        Err(_) => Err(RunError::engine(ErrorKind::Deadline, "the run took too long")),
    }
}
