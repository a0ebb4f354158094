//! The whole provider over HTTP, in process, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]
mod authorize;
mod behind;
mod clients;
mod codes;
mod endings;
mod fixture;
mod machines;
mod memo;
mod memo_tests;
mod refresh;
mod rows;
mod settings;
mod signout;
