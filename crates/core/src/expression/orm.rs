//! The original's models as texts use them: classes, their constants, and lazy queries over rows and
//! settings. Nothing is written.
mod classes;
mod package;
mod plain;
mod query;
mod record;
mod settings;
mod tree;

pub use classes::{ENTITLEMENT, USER, class_of};
pub use package::{module, offers};
pub use query::{Base, Query, WRITES, groups_query, people_query};
pub use record::invitation;
