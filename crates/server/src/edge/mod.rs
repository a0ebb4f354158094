//! The HTTP edge: who is calling, limits, headers on every answer, listeners.
pub mod client;
pub mod health;
pub mod listen;
pub mod request;
pub mod tls;
pub mod ways;
