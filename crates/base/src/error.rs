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

/// Why the store refused a write, although the input is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A unique index has these values: its table and columns, `users.username_key` or `consent.user_id,application`.
    Unique(String),
    /// A stored file has this name.
    File(String),
    /// The write refers to a row that does not exist.
    ForeignKey,
    /// The row to change does not exist, or is not in the state that the change expects.
    NoRow,
    /// The row was changed since the caller has read it.
    Stale,
    /// The configuration was changed since the caller has read it.
    ConfigChanged,
    /// The account's epoch was raised since the caller has read it, or the account is inactive.
    EpochChanged,
    /// A code, token, counter or claim that works once was used.
    Used,
    /// The lease of a job's attempt has ended.
    LeaseLost,
    /// Another node has fired the schedule.
    Fired,
    /// Another node has rotated the key.
    Rotated,
    /// The owner has as many tokens as the limit allows.
    TooManyTokens,
    /// No active administrator would be left.
    LastAdministrator,
    /// A group would become its own ancestor.
    GroupCycle,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Conflict::Unique(index) => return write!(f, "{index} is taken"),
            Conflict::File(name) => return write!(f, "a file with the name {name} exists already"),
            Conflict::ForeignKey => "a row that is referred to does not exist",
            Conflict::NoRow => "the row does not exist",
            Conflict::Stale => "the row was changed at the same time",
            Conflict::ConfigChanged => "the configuration was changed at the same time",
            Conflict::EpochChanged => "the account was changed at the same time",
            Conflict::Used => "it was used before",
            Conflict::LeaseLost => "the lease has ended",
            Conflict::Fired => "another node has fired the schedule",
            Conflict::Rotated => "another node has rotated the key",
            Conflict::TooManyTokens => "the owner has too many tokens",
            Conflict::LastAdministrator => "no active administrator would be left",
            Conflict::GroupCycle => "a group would become its own ancestor",
        })
    }
}

/// A text, or the error of a library with its sources.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A text about an error that is kept as its source.
#[derive(Debug)]
struct Because {
    text: String,
    source: Source,
}
impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for Because {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
/// What an error means here, with that error as the source.
pub fn because(text: impl Into<String>, source: impl Into<Source>) -> Source {
    Box::new(Because { text: text.into(), source: source.into() })
}

/// An error with all of its sources, for the log: `a: b: c`. What an error says already of its sources is not repeated.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));
impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut next = self.0.source();
        while let Some(source) = next {
            let said = source.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            next = source.source();
        }
        f.write_str(&text)
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
    Conflict(Conflict),
    /// A dependency, such as the database, cannot be reached. Nothing was changed (503).
    Unavailable(Source),
    /// A rate limit of the caller or its network is exceeded. Nothing was changed (429).
    TooMany {
        /// Seconds until the next attempt makes sense (`Retry-After`).
        wait: i64,
    },
    /// A server fault (500). The text is logged and never sent to the caller.
    Internal(Source),
}

impl Error {
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Error::Invalid(FieldErrors::one(field, message))
    }
    pub fn denied(message: impl Into<String>) -> Self {
        Error::Denied(message.into())
    }
    /// A text, or an error, whose sources are kept.
    pub fn internal(source: impl Into<Source>) -> Self {
        Error::Internal(source.into())
    }
    /// A text, or an error, whose sources are kept.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Error::Unavailable(source.into())
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
impl std::error::Error for Error {
    /// The text of the source itself is a part of this error's.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Unavailable(source) | Error::Internal(source) => source.source(),
            _ => None,
        }
    }
}

impl From<FieldErrors> for Error {
    fn from(fields: FieldErrors) -> Self {
        Error::Invalid(fields)
    }
}
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::Internal(because("JSON", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_errors_keep_their_sources() {
        let disk = std::io::Error::other("the disk is full");
        let error = Error::unavailable(because("the file cannot be written", because("page 7", disk)));
        assert_eq!(error.to_string(), "unavailable: the file cannot be written");
        let whole = Chain(&error).to_string();
        assert_eq!(whole, "unavailable: the file cannot be written: page 7: the disk is full");
        let number = "x".parse::<i64>().unwrap_err();
        assert_eq!(Chain(&Error::internal(number)).to_string(), "internal: invalid digit found in string");
    }
}
