//! Runs the whole server in the test's process, on a loopback socket, with a clock that the test moves.
//!
//! ```ignore
//! each_database(|kind| async move {
//!     let app = App::start(kind).await;
//!     let mut admin = app.admin().await;
//!     let made = admin.post("/api/v3/core/groups/", json!({"name": "a"})).await;
//!     assert_eq!(made.status, 201);
//!     app.stop().await;
//! }).await;
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "only tests use this crate: a failure here is a failed test"
)]
mod app;
mod browser;
mod cookies;
mod inbox;
mod oidc;
mod outside;
mod schema;
mod sink;

pub use app::{App, Setup, each_database};
pub use browser::{Browser, TestResponse};
pub use oidc::{IdToken, OidcServer};
pub use outside::{HttpSink, Received};
pub use signet_base::{Json, json};
pub use signet_store::DbKind;
pub use signet_testnet as net;
pub use sink::MailSink;
