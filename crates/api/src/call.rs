//! One request on its way through the API, and what a handler answers.
use crate::Wiring;
use http::{HeaderMap, Method, StatusCode};
use signet_base::{Error, FieldErrors, Json, Map, json};
use signet_core::directory::Author;
use signet_core::event::EventAction;
use signet_core::{Client, Core, Principal, WebSession};
use signet_model::{Base, ModelDef, Snapshot};
use std::pin::Pin;
use std::sync::Arc;

/// A request after authentication and the permission gate, with its body read.
pub struct Call {
    pub core: Arc<Core>,
    pub client: Client,
    /// The configuration as it was when the request came. Refresh with [`Call::renew`] after a write.
    pub config: Arc<Snapshot>,
    pub principal: Option<Principal>,
    /// Present when the person came with a browser session.
    pub session: Option<WebSession>,
    pub method: Method,
    pub headers: HeaderMap,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// The variable part of the path, empty where there is none.
    pub key: String,
    /// The JSON object that was sent; empty when nothing was.
    pub body: Map,
    /// Of the row of the table.
    pub(crate) permission: crate::Permission,
    pub(crate) models: Vec<String>,
    /// The model of generic routes.
    pub def: Option<&'static ModelDef>,
    /// The family of `/all/` routes.
    pub base: Option<Base>,
    /// What the caller should know beside the answer: header `Warning` (RFC 7234 §5.5).
    pub(crate) warnings: Vec<String>,
    pub(crate) wiring: Arc<Wiring>,
    pub(crate) table: Arc<crate::route::Table>,
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
    /// Takes members of the body from the query where the body lacks them: older clients send them there.
    pub fn take_from_query(&mut self, names: &[&str]) {
        for name in names {
            if let Some(value) = self.param(name).filter(|v| !v.is_empty()).map(str::to_owned) {
                self.body.entry(*name).or_insert(Json::String(value));
            }
        }
    }
    /// A boolean query parameter; what is no boolean counts as not given.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.param(name).and_then(boolean)
    }
    /// The signed-in person. The gate has refused strangers where this matters, so that an error here is a
    /// fault.
    pub fn person(&self) -> Result<&Principal, Fault> {
        self.principal.as_ref().ok_or_else(Fault::stranger)
    }
    /// The model of a generic route.
    pub fn model(&self) -> Result<&'static ModelDef, Fault> {
        self.def.ok_or_else(|| Error::internal("the route names no model").into())
    }
    /// Takes over the configuration as it is now.
    pub fn renew(&mut self) {
        self.config = self.core.config();
    }
    /// Writes an event in the caller's name. What it tells of has happened: a failure is logged, not
    /// answered.
    pub async fn event(&self, action: EventAction, context: Json) {
        let app = emitter(&action);
        self.core.event(&self.client, self.principal.as_ref(), action, app, context).await;
    }
    /// Writes an event without which the caller does not get what they ask for.
    pub async fn record(&self, action: EventAction, context: Json) -> Result<(), Fault> {
        let app = emitter(&action);
        match self.core.event(&self.client, self.principal.as_ref(), action, app, context).await {
            Some(_) => Ok(()),
            None => Err(Error::Unavailable("the event could not be written".into()).into()),
        }
    }
    /// Who a change comes from.
    pub fn author(&self) -> Author {
        Author::request(&self.client, self.principal.as_ref(), "authentik.core.api")
    }
}

/// The part of the program that events about calls come from: changes are told by the same one.
fn emitter(action: &EventAction) -> &'static str {
    match action {
        EventAction::ModelCreated | EventAction::ModelUpdated | EventAction::ModelDeleted => {
            "authentik.events.middleware"
        }
        _ => "authentik.core.api",
    }
}

/// `true`/`false` as query parameters write them.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// What a handler sends back.
pub enum Reply {
    Json(StatusCode, Json),
    /// 204 without a body.
    Empty,
    /// An attachment.
    File {
        name: String,
        content_type: &'static str,
        text: String,
    },
    /// Text that stays the same until the program is another one.
    Lasting {
        content_type: &'static str,
        text: Arc<signet_core::page::Lasting>,
    },
    /// The page with all operations.
    Browser,
}
impl Reply {
    pub fn ok(body: impl Into<Json>) -> Self {
        Reply::Json(StatusCode::OK, body.into())
    }
    pub fn created(body: impl Into<Json>) -> Self {
        Reply::Json(StatusCode::CREATED, body.into())
    }
}

/// Why a request was not answered as asked.
#[derive(Debug)]
pub enum Fault {
    Error(Error),
    /// An answer whose form the contract fixes.
    Reply(StatusCode, Json),
    /// There is no such address: the HTML page.
    NoPage,
}
impl Fault {
    pub fn detail(status: StatusCode, text: impl Into<String>) -> Self {
        Fault::Reply(status, json!({"detail": text.into()}))
    }
    /// 403 for somebody who did not say who they are.
    pub fn stranger() -> Self {
        Fault::detail(StatusCode::FORBIDDEN, "Authentication credentials were not provided.")
    }
    /// 403 for somebody who may not.
    pub fn forbidden() -> Self {
        Fault::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action.")
    }
    /// 404 for something that is not there, or is not shown to the caller.
    pub fn missing(what: &str) -> Self {
        Fault::detail(StatusCode::NOT_FOUND, format!("No {what} matches the given query."))
    }
    /// 404 for a key that cannot name anything.
    pub fn not_found() -> Self {
        Fault::detail(StatusCode::NOT_FOUND, "Not found.")
    }
    /// 400 with one message at one field.
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Error::invalid(field, message).into()
    }
    /// 400 in a form of its own.
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
/// A handler in the table of actions.
pub type Handler = for<'a> fn(&'a mut Call) -> Work<'a>;
/// A handler that carries something with it, as the binary hands in for families.
pub type SharedHandler = Arc<dyn for<'a> Fn(&'a mut Call) -> Work<'a> + Send + Sync>;
