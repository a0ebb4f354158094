//! One test for each row of the list of cases (docs/security-cases.md), named after its number.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod api;
mod app;
mod bound;
mod claims;
mod closure;
mod consent;
mod devices;
mod docs;
mod flows;
mod hosts;
mod links;
mod login;
mod mfa;
mod oauth;
mod policies;
mod redteam_epoch;
mod scale_epoch;
mod sessions;
mod siblings;
mod site;
mod tokens;
mod unreadable;
mod writer;
mod writer_calls;
mod writer_objects;
mod writer_rows;
