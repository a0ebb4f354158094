//! Configuration as YAML: files in the format of `version: 1` blueprints are imported over the registry,
//! judged by the same checks as the API, and written as a whole or not at all; flows are exported in the same
//! form.
mod apply;
mod context;
mod defaults;
mod entry;
mod eval;
mod export;
mod file;
mod forms;
mod known;
mod lookup;
mod planned;
mod problem;
mod rows;
mod scalar;
mod yaml;

pub use apply::{Report, Source, apply, apply_all, validate};
pub use defaults::{DEFAULTS, EXAMPLES, apply_defaults, shipped};
pub use export::export_flow;
pub use problem::Problem;
