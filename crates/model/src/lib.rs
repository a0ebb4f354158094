//! Models: declarations, the registry of all declarations, input validation, and the in-memory snapshot of
//! every configuration object. Pure data, no I/O.
pub mod check;
pub mod def;
pub mod object;
mod order;
mod permission;
mod references;
pub mod registry;
pub mod snapshot;
mod table;

pub use check::{Change, Lookup, check};
pub use def::{Base, Choice, FieldDef, FieldKind, Gives, Model, ModelDef, OnDelete, build};
pub use object::{Object, Secrets};
pub use order::OrderKey;
pub use permission::{Grants, Scope, Verb};
pub use registry::Registry;
pub use signet_model_derive::{Choice, Model, Table};
pub use snapshot::{Referrer, Snapshot};
pub use table::{ColumnDef, ColumnKind, Expiry, FilterDef, FilterOp, Search, TableDef};
