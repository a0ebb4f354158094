//! Starting, stopping, the first run and the data folder, on both databases.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
mod first_run;
mod folder;
mod jobs;
mod ready;
mod secrets;
mod start;
mod steps;
