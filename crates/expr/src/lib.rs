//! The expression language of policies, property mappings and prompts: Python, run by monty in a metered
//! sandbox.
//!
//! A source is parsed once into a [`Program`] and run many times with [`run`] or [`run_many`]. The source is
//! the body of a function and returns its value with `return`. Programs have no I/O: they reach the outside
//! through their inputs, the [`HostObject`]s among them, and the functions of the [`Host`]. See
//! docs/adr/0003-expression-engine.md.
mod bridge;
mod caller_thread;
mod check;
mod convert;
mod datamodel;
mod direct;
mod error;
mod helpers;
mod host;
mod library;
mod limits;
mod lower;
mod memory;
mod output;
mod pool;
mod program;
mod run;
mod task;
mod value;

pub use caller_thread::run_on_this_thread;
pub use check::check;
pub use error::{ErrorKind, ParseError, RunError};
pub use host::{BoxFuture, CallError, Effect, Host, HostObject, Kwargs, Raised, Special, Vocabulary};
pub use limits::Limits;
pub use pool::STACK_BYTES;
pub use program::{MAX_SOURCE_BYTES, Program};
pub use run::{Outcome, run, run_many};
pub use value::{Dict, Record, Value, ValueError};
