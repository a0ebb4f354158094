//! Flows over HTTP, on both databases: who may run them, in which order, what a wrong answer does, what
//! ships.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod addresses;
mod brand_warning;
mod enterprise;
mod examples;
mod impersonation;
mod order;
mod rules;
mod secrets;
#[path = "../security_rows/site.rs"]
#[allow(dead_code, reason = "shared with the other tests")]
mod site;
