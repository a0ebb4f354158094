//! Rows of the directory and the protocols: plain structs and functions over [`Db`](crate::Db).
mod attributes;
pub mod consents;
pub mod events;
pub mod grants;
pub mod groups;
mod list;
pub mod sessions;
pub mod tokens;
mod user_query;
pub mod users;

pub use list::Page;
