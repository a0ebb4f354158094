//! The HTTP edge: who is calling, limits, headers on every answer, listeners.
mod body;
pub mod client;
mod date;
pub mod health;
pub mod host;
pub mod ids;
pub mod listen;
pub mod live;
pub mod request;
pub mod routes;
pub mod tls;
