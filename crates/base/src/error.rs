//! The error type of the whole server. Each edge (API, protocol, page) maps it to a response.
use crate::{Json, Map};
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Messages by field name, in insertion order; `non_field_errors` for the object as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldErrors(Map);

impl FieldErrors {
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a message to a field.
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        let list = self.0.entry(field).or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(list) = list {
            list.push(Json::String(message.into()));
        }
    }
    /// Sets nested errors (of list items or objects) for a field.
    pub fn set(&mut self, field: &str, value: Json) {
        self.0.insert(field.to_owned(), value);
    }
    pub fn one(field: &str, message: impl Into<String>) -> Self {
        let mut all = Self::new();
        all.add(field, message);
        all
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn contains(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }
    /// Adds all messages of `other`.
    pub fn merge(&mut self, other: FieldErrors) {
        for (field, value) in other.0 {
            match (self.0.get_mut(&field), value) {
                (Some(Json::Array(mine)), Json::Array(theirs)) => mine.extend(theirs),
                (_, value) => {
                    self.0.insert(field, value);
                }
            }
        }
    }
    /// `Err(Error::Invalid)` if there is any message.
    pub fn into_result(self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::Invalid(self)) }
    }
    pub fn to_json(&self) -> Json {
        Json::Object(self.0.clone())
    }
}

/// An error, in terms that each protocol can map to a status. Statuses are those of the REST API.
#[derive(Debug)]
pub enum Error {
    /// Invalid input, with messages by field (400).
    Invalid(FieldErrors),
    /// The caller lacks permission (403).
    Denied(String),
    /// Not found, or hidden from the caller (404).
    NotFound,
    /// A concurrent write, or a uniqueness constraint of the store (400, `non_field_errors`).
    Conflict(String),
    /// A dependency, such as the database, cannot be reached. Nothing was changed (503).
    Unavailable(String),
    /// A rate limit of the caller or its network is exceeded. Nothing was changed (429).
    TooMany {
        /// Seconds until the next attempt makes sense (`Retry-After`).
        wait: i64,
    },
    /// A server fault (500). The text is logged and never sent to the caller.
    Internal(String),
}

impl Error {
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Error::Invalid(FieldErrors::one(field, message))
    }
    pub fn denied(message: impl Into<String>) -> Self {
        Error::Denied(message.into())
    }
    pub fn internal(message: impl fmt::Display) -> Self {
        Error::Internal(message.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(fields) => write!(f, "invalid: {}", fields.to_json()),
            Error::Denied(why) => write!(f, "denied: {why}"),
            Error::NotFound => write!(f, "not found"),
            Error::Conflict(what) => write!(f, "conflict: {what}"),
            Error::Unavailable(what) => write!(f, "unavailable: {what}"),
            Error::TooMany { wait } => write!(f, "too many: again in {wait} s"),
            Error::Internal(what) => write!(f, "internal: {what}"),
        }
    }
}
impl std::error::Error for Error {}

impl From<FieldErrors> for Error {
    fn from(fields: FieldErrors) -> Self {
        Error::Invalid(fields)
    }
}
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::Internal(format!("JSON: {error}"))
    }
}
