//! Starting, stopping, the first run, the data folder and stored files.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
mod files;
mod first_run;
mod folder;
mod jobs;
mod ready;
mod secrets;
mod sign_out;
mod start;
mod steps;
