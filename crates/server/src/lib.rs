//! The server: settings, command line, wiring of all crates, HTTP edge.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "a closed or full output is a panic")]
pub mod assets;
pub mod certificates;
pub mod commands;
pub mod config;
pub mod edge;
mod files;
pub mod first_run;
pub mod folder;
pub mod housekeeping;
pub mod jobs;
mod log;
pub mod serve;
mod signals;
pub mod wiring;
