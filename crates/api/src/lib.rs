//! The REST API over the model registry: lists, objects, rows, OpenAPI. The engine that calls actions is in the crate
//! `rest`.
mod actions;
mod generic;
mod launch;
mod meta;
mod objects;
mod openapi;
mod rbac;
mod rows;

use axum::Router;
use signet_core::Core;
use signet_model::Registry;
use signet_rest::{Action, Bearer, Table};
use std::sync::Arc;

/// All rows: those of this crate, those of slices, those that follow from declarations. `largest`: the largest stored file
/// in bytes.
pub fn table(registry: &Registry, slices: Vec<Action>, largest: usize) -> Table {
    let mut all = Vec::new();
    rows::register(&mut all);
    actions::register(&mut all);
    rbac::register(&mut all);
    actions::files::register(largest, &mut all);
    all.extend(slices);
    generic::register(registry, &mut all);
    Table::new(all)
}

/// The OpenAPI document of a table.
pub fn document(table: &Table, registry: &Registry) -> signet_base::Json {
    openapi::build(table, registry)
}

/// All routes below `/api/v3/` but flow executor and inspector. Mount with `nest`; the edge's `Client` must
/// be in the request's extensions.
pub fn router(core: Arc<Core>, table: Arc<Table>, bearer: Option<Bearer>) -> Router {
    signet_rest::router(core, table, bearer, meta::describe)
}
