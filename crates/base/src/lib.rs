//! The base crate: errors, secrets, time, ports. No I/O except reading limits of the process.
pub mod akql;
mod crontab;
pub mod duration;
pub mod error;
pub mod machine;
pub mod memory;
pub mod outbound;
pub mod ports;
pub mod query;
pub mod secret;
pub mod storage;
pub mod thread;
pub mod time;
mod timed;
pub mod vault;

pub use crontab::Crontab;
pub use duration::Span;
pub use error::{Conflict, Error, FieldErrors, Result};
pub use ports::{Clock, Ports, Random};
pub use secret::Secret;
pub use time::Timestamp;
pub use vault::Vault;
/// A JSON object that preserves member order.
pub type Map = serde_json::Map<String, serde_json::Value>;
pub use serde_json::{Value as Json, json};
pub use uuid::Uuid;
