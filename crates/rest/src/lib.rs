//! Actions of the REST API below `/api/v3/`: rows of one table, each with its permission, what it takes and what it
//! answers. Slices of the families carry rows of their own; the rows of declared models are made by the crate `api`.
mod auth;
mod body;
mod call;
mod dispatch;
pub mod form;
pub mod list;
mod reply;
mod route;
mod table;
mod virtual_host;
mod visible;

pub use auth::gate;
pub use body::{Accepts, Content, FilePart, MAX_BODY};
pub use call::{ApiResult, Call, Fault, Handler, SharedHandler, Work};
pub use dispatch::{Describe, Described, PREFIX, router};

pub use list::page;
pub use reply::{Reply, error_response};
pub use route::{Action, OUTPOST, Output, Permission, Run};
pub use signet_pages::PagePolicy;
pub use table::{Route, Table};
pub use virtual_host::{OwnHeaders, VirtualHost, with_page_policy};
pub use visible::{Access, Reached, family_name};

use signet_base::Result;
use signet_core::{Client, Core, Principal};
use std::pin::Pin;
use std::sync::Arc;

/// The account behind an OAuth2 access token that carries the API's scope.
pub type BearerFuture<'a> = Pin<Box<dyn Future<Output = Result<Option<Principal>>> + Send + 'a>>;
pub type Bearer = Arc<dyn for<'a> Fn(&'a Arc<Core>, &'a Client, &'a str) -> BearerFuture<'a> + Send + Sync>;

/// The rows of a slice, in its registration line.
pub type Actions = fn() -> Vec<Action>;

/// [`Actions`] of a slice that has none.
pub fn none() -> Vec<Action> {
    Vec::new()
}

/// `run!(module::function)`: an async function of `&mut Call` as a [`Handler`].
#[macro_export]
macro_rules! run {
    ($($path:tt)*) => {
        $crate::Run::Plain(|call| Box::pin($($path)*(call)))
    };
}
