//! Servers that tests start on loopback: sites with and without TLS, under an authority of their own, a proxy, and an
//! object store. `signet-testkit` passes them on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "only tests use this crate: a failure here is a failed test"
)]
mod authority;
mod object_store;
mod proxy;
mod site;

pub use authority::{Authority, Identity};
pub use object_store::ObjectStore;
pub use proxy::TestProxy;
pub use site::{Site, Visit};
