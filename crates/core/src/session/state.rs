//! The state of a session.
use super::binding::Binding;
use crate::authorize::GivenAnswer;
use crate::flow::Plan;
use crate::flow::tabs::ParkedRun;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Timestamp, Uuid};

/// How the user authenticated.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Authentication {
    /// `password`, `token`, `auth_mfa`…
    pub method: String,
    #[serde(default)]
    pub method_args: Map,
    /// Time of the sign-in (OpenID Connect `auth_time`).
    pub at: Timestamp,
    /// The id of the sign-in event; a new one after each `prompt=login`.
    pub event: Uuid,
}

/// The state of a session, stored between requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub plan: Option<Plan>,
    /// The query string with which the flow was entered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Identifies the URL of the active run: see [`tabs`](crate::flow::tabs).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tab: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<ParkedRun>,
    /// Earlier plans of the run, for the inspector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// The session ends when the browser closes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub browser_only: bool,
    /// The user chose to stay signed in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remembered: bool,
    /// The session's binding.
    #[serde(skip_serializing_if = "Binding::is_none")]
    pub binding: Binding,
    /// Requests that asked for a new sign-in (`prompt=login`).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub asked: Map,
    /// Answers that requests of protocols have got, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<GivenAnswer>,
    /// The token that the user has created on the settings page, which shows its key once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_token: Option<Uuid>,
    /// The account as which the session's owner acts, see [`acting`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acts_as: Option<i64>,
}

impl State {
    /// Decodes a stored state; `None` if it is not one. serde would accept a list as a struct.
    pub(super) fn decode(stored: Json) -> Option<Self> {
        if stored.is_object() { serde_json::from_value(stored).ok() } else { None }
    }
}
