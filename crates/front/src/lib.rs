//! HTTP routes of browsers: the flow executor (JSON and pages), the library, sign-in and sign-out.
mod consents;
mod edge;
mod executor;
mod first_steps;
mod flow_page;
mod form;
mod form_context;
mod impersonation;
mod inspector;
mod library;
mod recovery;
mod routes;
mod security;
mod socket;
mod stale_forms;
mod well_known;

use axum::Router;
use axum::routing::{get, post};
use signet_core::Core;
use std::sync::Arc;

pub use edge::Edge;

/// Routes of this crate. The server puts a [`signet_core::Client`] into each request's extensions.
pub fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route(
            "/api/v3/flows/executor/{slug}/",
            get(executor::get).post(executor::post).options(executor::options),
        )
        .route("/api/v3/flows/inspector/{slug}/", get(inspector::get))
        .route("/if/flow/{slug}/", get(flow_page::get).post(flow_page::post))
        .route("/if/user/", get(library::get).post(library::post))
        .route("/if/user/security/", get(security::get).post(security::post))
        .route(signet_core::page::STOP, post(impersonation::stop))
        .route("/if/admin/", get(first_steps::admin))
        .route("/flows/-/default/{designation}/", get(routes::default_flow))
        .route("/flows/-/configure/{stage}/", get(routes::configure))
        .route("/flows/-/cancel/", get(routes::cancel))
        .route("/application/launch/{slug}/", get(routes::launch))
        .route("/setup", get(routes::setup))
        .route("/if/ended/{what}/", get(well_known::ended))
        .route("/.well-known/change-password", get(well_known::change_password))
        .route("/favicon.ico", get(well_known::favicon))
        .route("/robots.txt", get(well_known::robots))
        .route("/ws/client/", get(socket::client))
        .route("/", get(routes::root))
        .with_state(core)
}

/// The one route with a secret in its path: logs name it by its pattern.
pub const RECOVERY: &str = "/recovery/use-token/{key}/";

/// That route.
pub fn recovery_router(core: Arc<Core>) -> Router {
    Router::new().route(RECOVERY, get(recovery::ask).post(recovery::use_up)).with_state(core)
}
