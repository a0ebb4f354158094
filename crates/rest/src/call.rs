//! A request inside the API, and the results of handlers.
use crate::body::Content;
use crate::list::boolean;
use crate::reply::Reply;
use crate::route::Permission;
use crate::table::Table;
use crate::visible::Reached;
use http::{HeaderMap, Method, StatusCode};
use signet_base::{Error, FieldErrors, Json, Map, json};
use signet_core::directory::Author;
use signet_core::event::EventAction;
use signet_core::{Client, Core, Principal, WebSession};
use signet_model::{Base, ModelDef, Snapshot};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// A request after authentication and permission check, with its body.
pub struct Call {
    pub core: Arc<Core>,
    pub client: Client,
    /// The configuration at the start of the request. Call [`Call::renew`] after a write.
    pub config: Arc<Snapshot>,
    pub principal: Option<Principal>,
    /// Present if the client has a browser session.
    pub session: Option<WebSession>,
    pub method: Method,
    pub headers: HeaderMap,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// The variable segment of the path; empty if there is none.
    pub key: String,
    /// The members of the body: a JSON object, or the texts of a form; empty without a body.
    pub body: Map,
    /// The body of actions that take something else than JSON.
    pub content: Content,
    /// The permission of the table row.
    pub(crate) permission: Permission,
    pub models: Vec<String>,
    /// The model of generic routes.
    pub def: Option<&'static ModelDef>,
    /// The family of `/all/` routes.
    pub base: Option<Base>,
    /// The object that the path names, once it is judged.
    pub(crate) reached: OnceLock<Reached>,
    /// What the caller should know beside the answer: header `Warning` (RFC 7234 §5.5).
    pub warnings: Vec<String>,
    pub table: Arc<Table>,
}

impl Call {
    /// The first value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }
    /// All values of a repeatable query parameter.
    pub fn params(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(k, _)| k == name).map(|(_, v)| v.as_str()).collect()
    }
    /// Copies missing members from the query into the body, where clients of 2024 send them.
    pub fn take_from_query(&mut self, names: &[&str]) {
        for name in names {
            if let Some(value) = self.param(name).filter(|v| !v.is_empty()).map(str::to_owned) {
                self.body.entry(*name).or_insert(Json::String(value));
            }
        }
    }
    /// A boolean query parameter; other values count as missing.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.param(name).and_then(boolean)
    }
    /// The signed-in user. The permission check has refused anonymous clients, so an error is a fault.
    pub fn person(&self) -> Result<&Principal, Fault> {
        self.principal.as_ref().ok_or_else(Fault::stranger)
    }
    /// The model of a generic route.
    pub fn model(&self) -> Result<&'static ModelDef, Fault> {
        self.def.ok_or_else(|| Error::internal("the route names no model").into())
    }
    /// Refreshes the configuration.
    pub fn renew(&mut self) {
        self.config = self.core.config();
    }
    /// Writes an event as the caller. The change has happened, so a failure is only logged.
    pub async fn event(&self, action: EventAction, context: Json) {
        let app = emitter(&action);
        self.core.event(&self.client, self.principal.as_ref(), action, app, context).await;
    }
    /// Writes an event that is a condition of the action: a failure fails the request.
    pub async fn record(&self, action: EventAction, context: Json) -> Result<(), Fault> {
        let app = emitter(&action);
        match self.core.event(&self.client, self.principal.as_ref(), action, app, context).await {
            Some(_) => Ok(()),
            None => Err(Error::unavailable("the event could not be written").into()),
        }
    }
    /// Who a change comes from.
    pub fn author(&self) -> Author {
        Author::request(&self.client, self.principal.as_ref(), "authentik.core.api")
    }
}

/// The module name in events of API calls.
fn emitter(action: &EventAction) -> &'static str {
    match action {
        EventAction::ModelCreated | EventAction::ModelUpdated | EventAction::ModelDeleted => {
            "authentik.events.middleware"
        }
        _ => "authentik.core.api",
    }
}

/// The error of a request.
#[derive(Debug)]
pub enum Fault {
    Error(Error),
    /// A response whose form authentik's API fixes.
    Reply(StatusCode, Json),
    /// Unknown path: the HTML page.
    NoPage,
}
impl Fault {
    pub fn detail(status: StatusCode, text: impl Into<String>) -> Self {
        Fault::Reply(status, json!({"detail": text.into()}))
    }
    /// 403 for missing credentials.
    pub fn stranger() -> Self {
        Fault::detail(StatusCode::FORBIDDEN, "Authentication credentials were not provided.")
    }
    /// 403 for a missing permission.
    pub fn forbidden() -> Self {
        Fault::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
    }
    /// Why a person may not do it; none: it failed otherwise.
    pub(crate) fn denied(&self) -> Option<String> {
        match self {
            Fault::Error(Error::Denied(why)) => Some(why.clone()),
            Fault::Reply(StatusCode::FORBIDDEN, body) => {
                Some(body["detail"].as_str().unwrap_or_default().to_owned())
            }
            _ => None,
        }
    }
    /// 404 for an object that does not exist or is hidden.
    pub fn missing(what: &str) -> Self {
        Fault::detail(StatusCode::NOT_FOUND, format!("No {what} matches the given query."))
    }
    /// 404 for a malformed key.
    pub fn not_found() -> Self {
        Fault::detail(StatusCode::NOT_FOUND, "Not found.")
    }
    /// 400 with one field error.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Error::invalid(field, message).into()
    }
    /// 400 with a body of its own.
    pub fn bad(body: Json) -> Self {
        Fault::Reply(StatusCode::BAD_REQUEST, body)
    }
}
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Error(error)
    }
}
impl From<FieldErrors> for Fault {
    fn from(errors: FieldErrors) -> Self {
        Fault::Error(Error::Invalid(errors))
    }
}

pub type ApiResult = Result<Reply, Fault>;
pub type Work<'a> = Pin<Box<dyn Future<Output = ApiResult> + Send + 'a>>;
/// A handler in the route table.
pub type Handler = for<'a> fn(&'a mut Call) -> Work<'a>;
/// A handler with captured state, as the binary provides for families.
pub type SharedHandler = Arc<dyn for<'a> Fn(&'a mut Call) -> Work<'a> + Send + Sync>;
