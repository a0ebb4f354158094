//! The core: sessions, access, policies, flows, events. Families (stages, policies, providers) and edges
//! (API, pages) depend on this crate, and not on each other.
pub mod access;
pub mod address;
pub mod application;
pub mod authorize;
pub mod brand;
pub mod budget;
pub mod client;
pub mod compat;
pub mod device;
pub mod directory;
pub mod event;
pub mod explain;
pub mod expression;
pub mod flow;
pub mod geoip;
pub mod hash;
pub mod job;
pub mod keyed_semaphore;
pub mod login;
pub mod mail;
pub mod metrics;
pub mod models;
pub mod outpost;
pub mod page;
pub mod password;
pub mod pending_request;
pub mod permission;
pub mod policy;
pub mod pool;
pub mod proof_of_work;
pub mod provider;
pub mod reputation;
pub mod risk;
pub mod rows;
pub mod session;
pub mod setup;
pub mod source;
pub mod system;
pub mod token;
pub mod wire;

mod core;

pub use crate::core::{Core, CoreParts, Families};
pub use access::Principal;
pub use client::Client;
pub use session::WebSession;
