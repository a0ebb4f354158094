//! What strangers may cause: events, sessions, wrong passwords, letters, connections; and that others go on
//! meanwhile.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
mod edge;
mod mail;
mod proof;
mod sign_in;
mod stored;

use signet_store::DbKind;
use signet_testkit::{App, Browser, Setup};

/// A server with variables; loopback is a trusted proxy, so that tests come from any address.
async fn start(kind: DbKind, variables: &[(&str, &str)]) -> App {
    let setup = variables
        .iter()
        .fold(Setup::new(kind).await, |setup, (name, value)| setup.with(&format!("AUTHENTIK_{name}"), value));
    let app = setup.start().await.unwrap();
    signet_core::setup::finish(&app.core).await.unwrap();
    app
}
/// Somebody new at this address.
fn from(app: &App, ip: &str) -> Browser {
    let mut browser = app.browser();
    browser.headers.push(("x-forwarded-for".to_owned(), ip.to_owned()));
    browser
}
/// Rows that a count gives.
async fn count(app: &App, sql: &'static str) -> i64 {
    app.core.db.query_one(sql, Vec::new()).await.unwrap().unwrap().int(0).unwrap()
}
