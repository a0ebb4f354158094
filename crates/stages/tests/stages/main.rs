//! The stages over a core and a database. One binary: each further one costs a minute of building.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod devices;
mod email_links;
mod entry_and_exit;
mod forms;
mod jobs;
mod keys;
mod login;
mod mfa;
mod outpost;
mod passkeys;
mod seams;
mod senders;
mod site;
