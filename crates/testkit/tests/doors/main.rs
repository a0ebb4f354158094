//! What a slice opens beside routes: listeners and WebSockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a failure in a test is a failed test"
)]
mod certificates;
mod echo;
mod hosts;
mod listeners;
mod policies;
mod sockets;
mod uploads;
