//! Direct evaluation of simple programs, without the interpreter.
//!
//! Most mappings and many policies only read attributes of people and put them together. Such texts are
//! compiled to a small tree and evaluated in the caller's thread, over the same host objects and with the
//! same results. Whatever is out of the ordinary (an error, a value or method that is not known here, a
//! budget that is used up) gives the run to the interpreter, which starts anew. So nothing here may be seen
//! from outside before the value is known: functions that only read are called at once, those that only write
//! ([`Effect::Later`](crate::Effect)) after the value is known, all others not at all.
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

/// Host calls that one run may wait for: each wait evaluates the text anew.
const MAX_WAITS: usize = 8;

/// A program that can be tried without the interpreter.
pub(crate) struct Direct {
    body: Vec<ir::Stmt>,
    functions: Vec<functions::Function>,
    slots: usize,
    inputs: usize,
    /// The input that enters as an address.
    address: Option<usize>,
}

/// A call that waits, or that is made after the value is known.
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
    /// The value, or `None` when the interpreter has to be asked.
    pub(crate) async fn run(&self, inputs: &[Value], host: &Arc<dyn Host>, limits: &Limits) -> Option<Value> {
        let mut answers = Vec::new();
        loop {
            match eval::Eval::new(self, host, limits, &answers).run(self, inputs)? {
                Progress::Done(value, effects) => {
                    for call in effects {
                        // Effects answer nothing, whatever happens.
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

/// Functions of this crate that any program may call by name.
fn helper_name(name: &str) -> bool {
    matches!(name, "slugify" | "list_flatten") && helpers::is_helper(name)
}
