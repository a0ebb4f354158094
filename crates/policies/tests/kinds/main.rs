//! Every policy kind with core and both databases. One binary, so that one PostgreSQL cluster serves all
//! tests.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod engine;
mod mmdb;
mod passwords;
mod places;
mod signals;
mod site;
mod writes;
