//! The REST API below `/api/v3/`, driven by the model registry: lists, objects, actions, OpenAPI. Every route
//! is a row of one table, and each row declares its permission.
mod actions;
mod auth;
mod call;
mod dispatch;
mod form;
mod launch;
mod list;
mod meta;
mod objects;
mod openapi;
mod route;
mod rows;
mod visible;

pub use call::{ApiResult, Call, Fault, Handler, Reply, SharedHandler, Work};
pub use list::page;
pub use route::{Action, Output, Permission, Run, Table};

use axum::Router;
use signet_base::Result;
use signet_core::{Client, Core, Principal};
use signet_model::Object;
use signet_store::Batch;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The account behind an OAuth2 access token that carries the API's scope.
pub type BearerFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Principal>>> + Send + 'a>>;
pub type Bearer = Arc<dyn for<'a> Fn(&'a Arc<Core>, &'a Client, &'a str) -> BearerFuture<'a> + Send + Sync>;
/// A flow as blueprint YAML.
pub type Export = Arc<dyn for<'a> Fn(&'a Core, &'a Object) -> ExportFuture<'a> + Send + Sync>;
pub type ExportFuture<'a> = Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;

/// The statements that queue the email with a run's link, by the e-mail stage with this key. `None`: there is no such stage.
pub type SendLink = Arc<dyn Fn(&Arc<Core>, &Client, Link) -> Result<Option<Batch>> + Send + Sync>;

/// A link that an administrator sends.
pub struct Link {
    /// Primary key of the e-mail stage.
    pub stage: signet_base::Uuid,
    pub flow: Arc<Object>,
    /// The run that the link continues.
    pub plan: signet_core::flow::Plan,
    pub user: i64,
    /// `None`: the stage's lifetime.
    pub lifetime: Option<signet_base::Span>,
}

/// Functions that the binary provides, since the API depends on neither families nor blueprints.
#[derive(Default)]
pub struct Wiring {
    /// Actions of families (`setup_urls`, `preview`…).
    pub extra: Vec<Action>,
    pub bearer: Option<Bearer>,
    pub export: Option<Export>,
    pub send_link: Option<SendLink>,
}

/// All routes below `/api/v3/` but flow executor and inspector. Mount with `nest`; the edge's `Client` must
/// be in the request's extensions.
pub fn router(core: Arc<Core>, wiring: Wiring) -> Router {
    dispatch::router(core, wiring)
}
