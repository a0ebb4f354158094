//! The API over HTTP. One binary: each further one costs a minute of building.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod bad_input;
mod capabilities;
mod closure;
mod crud;
mod devices;
mod impersonation;
mod lattice;
mod people;
mod permissions;
mod rbac;
mod roles;
mod support;
