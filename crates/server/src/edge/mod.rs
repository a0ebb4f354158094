//! The HTTP edge: client, limits, response headers, listeners.
mod body;
pub mod client;
pub mod connections;
mod date;
pub mod health;
pub mod host;
pub mod http;
pub mod ids;
pub mod listen;
mod proxy_protocol;
pub mod request;
pub mod routes;
mod stream;
pub mod tls;
mod udp;
