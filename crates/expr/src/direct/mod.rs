//! Direct evaluation of simple programs, without the interpreter.
//!
//! Most mappings and many policies only read attributes of users and combine them. Such sources are compiled
//! to a small tree and evaluated on the caller's thread, with the same host objects and results. Everything
//! else (an error, an unsupported value or method, an exhausted budget) hands the run to the interpreter,
//! which starts from the beginning. Therefore nothing may be visible outside before the value is known:
//! functions without effects are called at once, functions that only write ([`Effect::Later`](crate::Effect))
//! after the value is known, others not at all.
mod address;
mod builtins;
mod compile;
mod compile_expr;
mod eval;
mod functions;
mod ir;
mod methods;
mod names;
mod ops;
mod statements;
mod walk;

use crate::task::Target;
use crate::{Host, Kwargs, Limits, Value, helpers};
use std::sync::Arc;

pub(crate) use compile::compile;

/// Maximum number of awaited host calls per run: after each one the source is evaluated from the beginning.
const MAX_WAITS: usize = 8;

/// A program that can be evaluated without the interpreter.
pub(crate) struct Direct {
    body: Vec<ir::Stmt>,
    functions: Vec<functions::Function>,
    slots: usize,
    inputs: usize,
    /// The input that is an IP address.
    address: Option<usize>,
}

/// A call that is awaited, or made after the value is known.
pub(crate) struct Call {
    target: Target,
    args: Vec<Value>,
    kwargs: Kwargs,
}

enum Progress {
    Done(Value, Vec<Call>),
    Wait(Box<Call>),
}

impl Direct {
    /// The value; `None` if the interpreter has to run the program.
    pub(crate) async fn run(&self, inputs: &[Value], host: &Arc<dyn Host>, limits: &Limits) -> Option<Value> {
        let mut answers = Vec::new();
        loop {
            match eval::Eval::new(self, host, limits, &answers).run(self, inputs)? {
                Progress::Done(value, effects) => {
                    for call in effects {
                        // Effects return nothing, whatever happens.
                        let _ = call.target.call_now(&call.args, &call.kwargs);
                    }
                    return Some(value);
                }
                Progress::Wait(_) if answers.len() >= MAX_WAITS => return None,
                Progress::Wait(call) => answers.push(call.target.call(call.args, call.kwargs).await.ok()?),
            }
        }
    }
}

/// Whether it is a built-in helper function of this crate.
fn helper_name(name: &str) -> bool {
    matches!(name, "slugify" | "list_flatten") && helpers::is_helper(name)
}
