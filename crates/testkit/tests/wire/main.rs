//! What clients and files of the original find on the wire, each entry named after the finding.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
mod clients;
mod conformance;
mod descriptions;
mod details;
mod events;
mod mail;
