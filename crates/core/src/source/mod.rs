//! Sources: other systems that say who somebody is. A kind speaks its protocol ([`SourceKind`]); everything else is decided
//! here, once for all kinds: whose account it is, whether it may be linked, what is enrolled, which groups follow.
mod arrival;
mod connection;
mod engine;
mod groups;
mod matching;
mod properties;
mod settings;
mod settle;

pub use arrival::ASKED;
pub use connection::{event_of_link, unlink};
pub use engine::{Finished, begin, find, finish};
pub use settings::{GroupMatchingMode, SourceSettings, UserMatchingMode};
pub(crate) use settle::{Settle, SwitchAccount};

use crate::flow::{Challenge, Key};
use crate::{Client, Core};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Timestamp, Uuid};
use signet_model::{ModelDef, Object};
use signet_store::source_connections::SourceTokens;
use std::sync::Arc;

/// A source as the page shows it.
#[derive(Debug, Clone)]
pub struct LoginButton {
    pub name: String,
    pub icon_url: Option<String>,
    /// Shown as a full button.
    pub promoted: bool,
    /// The challenge that starts it, usually `xak-flow-redirect`.
    pub challenge: Challenge,
}

/// One exchange with a source.
pub struct Exchange<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    pub source: &'a Arc<Object>,
}

/// The request that a kind has made.
pub struct Begun {
    /// Where the browser goes.
    pub to: String,
    /// What the kind needs to check the answer.
    pub content: Json,
}

/// A kind of source.
#[async_trait]
pub trait SourceKind: Send + Sync {
    fn def(&self) -> &'static ModelDef;
    /// The button; `None` if the source is disabled. `query` is the run's query.
    fn login_button(
        &self,
        core: &Core,
        client: &Client,
        source: &Arc<Object>,
        query: &str,
    ) -> Option<LoginButton>;
    /// Where a form with the CSRF token connects the account of whoever is signed in.
    fn connect_url(&self, slug: &str) -> String;
    /// Makes the request that sends a person to the source. The answer must bring `key` back.
    async fn begin(&self, exchange: &Exchange<'_>, key: &str) -> Result<Begun>;
    /// Checks the answer. `content` is that of [`Begun`].
    ///
    /// # Errors
    /// `Denied` with a sentence for the person where the source refuses or its answer does not hold, `Unavailable` where it
    /// cannot be reached.
    async fn finish(
        &self,
        exchange: &Exchange<'_>,
        content: &Json,
        answer: &[(String, String)],
    ) -> Result<Remote>;
    /// Reads what the source publishes (keys, addresses, people). Called by a job, about every hour.
    async fn sync(&self, _core: &Arc<Core>, _source: &Arc<Object>) -> Result<()> {
        Ok(())
    }
}

/// Who somebody is, as a source has proven it. `inputs` have its tokens, so it cannot be printed.
#[derive(Clone, Default)]
pub struct Remote {
    /// Name of the claim or attribute that identifies an account, and its value: both never change.
    pub identifier: (&'static str, String),
    /// An address, and whether the same document says that it is proven: yes, no, or nothing.
    pub email: Option<(String, Option<bool>)>,
    /// Fields of the account before the mappings: `username`, `name`, `email`, `attributes`.
    pub properties: Map,
    /// `None`: the source says nothing about groups. Empty: the account is in none.
    pub groups: Option<Vec<Json>>,
    /// When the person authenticated there.
    pub authenticated: Option<Timestamp>,
    /// How (`acr`).
    pub class: Option<String>,
    /// Their session there (`sid`).
    pub session: Option<String>,
    pub tokens: SourceTokens,
    /// When the access token is over.
    pub expires: Option<Timestamp>,
    /// Inputs of the source's mappings, see [`crate::expression::SOURCE_INPUTS`].
    pub inputs: Vec<(&'static str, Json)>,
    /// Names of the claims received, for the event of a refusal.
    pub claims: Vec<String>,
}

/// The source that has vouched for the run's person, for policies.
pub const SOURCE: Key<Uuid> = Key::new("source");
/// Groups there, as the source names them.
pub const SOURCE_GROUPS: Key<Vec<Json>> = Key::new("source_groups");
/// What is settled when the account is known.
pub(crate) const ARRIVED: Key<Arrived> = Key::new("goauthentik.io/sources/arrived");
/// A source stage of this run, by its key, has been answered.
pub const RESUMED: Key<String> = Key::new("goauthentik.io/sources/resumed");
/// The attribute with the names of the sources that a person came by.
pub(crate) const SOURCES_OF_USER: &str = "goauthentik.io/user/sources";

/// A person at the door, in the flow's context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrived {
    pub source: Uuid,
    pub identifier: String,
    /// The account, if it was matched; an enrolment makes one.
    pub user: Option<i64>,
    /// Sealed, see `signet_store::source_connections`.
    pub tokens: String,
    pub expires: Option<Timestamp>,
    /// The address that the source has proven.
    pub proven_email: Option<String>,
    pub groups: Option<Vec<groups::RemoteGroup>>,
}
