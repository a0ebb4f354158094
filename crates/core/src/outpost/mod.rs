//! What a listener of another protocol (LDAP, RADIUS, proxy) asks of the core. [`InProcess`] answers within this process;
//! a listener elsewhere asks by the outpost protocol. A listener knows the core by nothing else.
mod in_process;
mod sign_in;

pub use in_process::InProcess;

use crate::policy::Verdict;
use async_trait::async_trait;
use signet_base::{Result, Secret, Uuid};
use signet_model::Object;
use signet_store::Page;
use signet_store::groups::Group;
use signet_store::users::User;
use std::net::IpAddr;
use std::sync::Arc;

/// A provider that an application uses, with its settings.
#[derive(Clone)]
pub struct Served {
    pub provider: Arc<Object>,
    pub application: Arc<Object>,
}

/// Who asks at the listener.
#[derive(Debug, Clone)]
pub struct Peer {
    pub ip: IpAddr,
    /// What the listener calls itself in sessions and events: `goauthentik.io/outpost/ldap`.
    pub user_agent: String,
}

/// A name and a password, as a bind or an Access-Request brings them.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
    /// The password may end in `;` and a code, if the person has a device that it fits.
    pub code_in_password: bool,
}

/// A session that a listener has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutpostSession {
    pub user: i64,
    /// Its public id.
    pub id: Uuid,
}

/// The result of a flow without pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    SignedIn(OutpostSession),
    /// Wrong credentials, or a refusal of the flow. For the listener's log; who asks is told nothing.
    Refused(String),
}

/// A search of the directory.
#[derive(Debug, Clone, Default)]
pub struct DirectorySearch {
    /// Names of fields as in the API, each with the value that it has.
    pub equal: Vec<(String, String)>,
    /// Words that the usual columns are searched for.
    pub words: String,
    pub page: Page,
    /// A permission on an object (name, primary key) that opens the whole directory to whoever holds it.
    pub opened_by: Option<(String, String)>,
}

/// An account with all its groups.
#[derive(Debug, Clone)]
pub struct UserEntry {
    pub user: Arc<User>,
    /// Direct and inherited.
    pub groups: Arc<Vec<Group>>,
}

#[async_trait]
pub trait OutpostBackend: Send + Sync {
    /// The providers of a model (`authentik_providers_ldap.ldapprovider`) that applications use.
    async fn served(&self, model: &str) -> Result<Vec<Served>>;
    /// Runs a flow with these credentials, without a page.
    ///
    /// # Errors
    /// `TooMany` and `Unavailable`: ask again later. Whatever else is an error is no sign-in.
    async fn sign_in(&self, peer: &Peer, flow: Uuid, credentials: &Credentials) -> Result<SignIn>;
    /// Whether the person may use the application of this provider.
    async fn may_use(&self, peer: &Peer, session: OutpostSession, provider: i64) -> Result<Verdict>;
    /// Accounts that the person may see, their own among them, and how many fit.
    async fn users(&self, session: OutpostSession, search: &DirectorySearch)
    -> Result<(Vec<UserEntry>, u64)>;
    /// Groups that the person may see, their own among them, and how many fit.
    async fn groups(&self, session: OutpostSession, search: &DirectorySearch) -> Result<(Vec<Group>, u64)>;
    /// Ends the session. One that is over already is no error.
    async fn end(&self, session: OutpostSession) -> Result<()>;
}
