//! Flows: the plan (stages in order), the context that stages share, and the executor, which owns policies,
//! sessions, events and timing. Stages only show challenges and validate answers.
pub mod account;
mod anew;
pub mod arrival;
mod begin;
pub mod challenge;
pub mod context;
mod ending;
pub mod executor;
pub mod history;
pub mod invitation;
pub mod plan;
pub mod proof;
pub mod question;
pub mod sealed;
pub(crate) mod setup_code;
pub mod sign_out;
pub mod stage;
mod step;
pub mod tabs;
pub mod token;

pub use begin::protocol;
pub use challenge::{Challenge, ResponseErrors};
pub use context::{Changes, Context, Key, PendingUser, keys};
pub use executor::{Executor, Reply};
pub use plan::{Plan, Planned, StageRef};
pub use stage::{FlowRun, FlowStep, Link, StageKind};
