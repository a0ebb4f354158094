//! The original's models as texts use them: classes, their constants, and lazy queries over rows and
//! settings, and writes to people and groups through the text's journal.
mod classes;
mod package;
mod plain;
mod query;
mod record;
mod settings;
mod tree;

pub use classes::{ENTITLEMENT, ROLE, USER, class_of};
pub use package::{module, offers};
pub use query::{Base, Query, RoleOwner, groups_query, overlay, people_query};
pub use record::invitation;
