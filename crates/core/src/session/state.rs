//! What a session remembers.
use super::binding::Binding;
use crate::flow::Plan;
use crate::flow::tabs::Waiting;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Timestamp, Uuid};

/// How the person proved who they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Authentication {
    /// `password`, `token`, `auth_mfa`…
    pub method: String,
    #[serde(default)]
    pub method_args: Map,
    /// When they signed in (OpenID Connect `auth_time`).
    pub at: Timestamp,
    /// The event of this sign-in; a new one after each `prompt=login`.
    pub event: Uuid,
}

/// What a session remembers between requests.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub plan: Option<Plan>,
    /// The query string with which the flow was entered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// Names the address of the run, and the runs of other addresses: see [`tabs`](crate::flow::tabs).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tab: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Earlier plans of this run, for the inspector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Lives until the browser closes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub browser_only: bool,
    /// The person chose to stay signed in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub remembered: bool,
    /// Where the session holds.
    #[serde(skip_serializing_if = "Binding::is_none")]
    pub binding: Binding,
    /// Sign-ins that protocols asked for (`prompt=login`), by request.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub asked: Map,
    /// The account as which the session's owner acts, see [`acting`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acts_as: Option<i64>,
}

impl State {
    /// What a row holds; none when it is nothing that was written here. A list would pass as a state with its
    /// first members.
    pub(super) fn decode(stored: Json) -> Option<Self> {
        if stored.is_object() { serde_json::from_value(stored).ok() } else { None }
    }
}
