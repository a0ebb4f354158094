//! Blueprints: YAML files in authentik's format (`version: 1`). They are validated by the API's checks, and
//! applied in one transaction or not at all. Flows are exported in the same format.
mod api;
mod apply;
mod commit;
mod context;
mod defaults;
mod entry;
mod eval;
mod export;
mod file;
mod instance;
mod instances;
mod jobs;
mod library;
mod lookup;
mod missing_models;
mod oci;
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
pub use eval::Environment;
pub use export::export_flow;
pub use instance::{BlueprintInstance, BlueprintStatus};
pub use jobs::{ApplyBlueprint, DiscoverBlueprints, on_write};
pub use library::environment;
pub use problem::Problem;
