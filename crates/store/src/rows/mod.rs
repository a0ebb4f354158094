//! Rows of the directory and the protocols: plain structs and functions over [`Db`](crate::Db).
mod akql;
pub mod attempts;
mod attributes;
pub mod consents;
pub mod devices;
pub mod epoch;
pub mod events;
pub mod flow_tokens;
mod grant_lists;
pub mod grants;
pub mod groups;
pub mod invitations;
pub mod known_devices;
mod list;
pub mod logins;
pub mod lookups;
pub mod password_history;
pub mod people;
pub mod reputation;
pub mod roles;
pub mod sessions;
pub mod tokens;
pub(crate) mod upn;
mod user_query;
pub mod users;

pub use list::Page;
