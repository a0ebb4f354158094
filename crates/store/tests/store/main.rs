//! The store on both databases. One binary, so that one PostgreSQL cluster serves all tests.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod akql;
mod attempts;
mod database;
mod devices;
mod directory;
mod epoch;
mod grants;
mod jobs;
mod lists;
mod objects;
mod opening;
mod pending_sessions;
mod read_cache;
mod reputation;
mod roles;
mod write_behind;

use signet_base::{Ports, Timestamp, Vault};
use std::sync::Arc;

fn ports() -> Ports {
    Ports::system()
}
fn vault() -> Arc<Vault> {
    Arc::new(Vault::new(&"a key for tests".into(), ports()).unwrap())
}
fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}
