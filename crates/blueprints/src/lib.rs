//! Blueprints: YAML files in authentik's format (`version: 1`). They are validated by the API's checks, and
//! applied in one transaction or not at all. Flows are exported in the same format.
mod api;
mod apply;
mod context;
mod defaults;
mod entry;
mod eval;
mod export;
mod file;
mod lookup;
mod missing_models;
mod permissions;
mod planned;
mod problem;
mod rows;
mod scalar;
mod tags;
mod yaml;

pub use api::actions;
pub use apply::{Report, Source, apply, apply_all, validate};
pub use defaults::{DEFAULTS, EXAMPLES, apply_defaults, shipped};
pub use export::export_flow;
pub use problem::Problem;
