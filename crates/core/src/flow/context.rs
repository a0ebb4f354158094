//! The flow context: values that the stages of a run share, by typed keys. Stored as JSON in the session.
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use signet_base::{Json, Map};
use std::marker::PhantomData;

/// Changes that policies made to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    pub user: i64,
    pub fields: Map,
}
impl Changes {
    /// The changes, if they are about this account (the current pending user).
    pub fn of(context: &Context, user: i64) -> Option<Map> {
        context
            .get(&keys::PENDING_CHANGES)
            .filter(|changes| changes.user == user)
            .map(|changes| changes.fields)
    }
}

/// A context key with its value type.
pub struct Key<T>(pub &'static str, PhantomData<fn() -> T>);
impl<T> Key<T> {
    pub const fn new(name: &'static str) -> Self {
        Self(name, PhantomData)
    }
}

/// The user a flow is about. Without an id the account does not exist (yet): an unknown identifier, or an
/// enrolment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingUser {
    pub id: Option<i64>,
    pub username: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub email: String,
}

/// Context keys. The names are authentik's; names with the prefix `goauthentik.io` are internal.
pub mod keys {
    use super::{Key, PendingUser};
    use crate::flow::account::AccountAt;
    use signet_base::{Json, Map, Uuid};
    pub const PENDING_USER: Key<PendingUser> = Key::new("pending_user");
    /// The typed identifier, for flows that do not reveal whom it matched.
    pub const PENDING_USER_IDENTIFIER: Key<String> = Key::new("pending_user_identifier");
    pub const PROMPT_DATA: Key<Map> = Key::new("prompt_data");
    /// The redirect at the end. Set by policies and the server only; may be an absolute URL.
    pub const REDIRECT: Key<String> = Key::new("redirect");
    /// Primary key of the application that started the run.
    pub const APPLICATION: Key<Uuid> = Key::new("application");
    pub const IS_SSO: Key<bool> = Key::new("is_sso");
    /// The person has agreed to what follows before the run began: the first stage that needs an agreement uses it up.
    pub const AGREED: Key<bool> = Key::new("goauthentik.io/agreed");
    pub const IS_RESTORED: Key<Json> = Key::new("is_restored");
    pub const IS_REDIRECTED: Key<bool> = Key::new("is_redirected");
    pub const CONSENT_HEADER: Key<String> = Key::new("consent_header");
    pub const CONSENT_TITLE: Key<String> = Key::new("consent_title");
    /// `[{"id", "name"}]`
    pub const CONSENT_PERMISSIONS: Key<Vec<Map>> = Key::new("consent_permissions");
    /// Set when `id_token_hint` has shown that the application ends the user's own session.
    pub const SIGN_OUT_MEANT: Key<bool> = Key::new("goauthentik.io/logout/meant");
    pub const DECLINE_URL: Key<String> = Key::new("goauthentik.io/consent/decline_url");
    pub const CONSENT_TOKEN: Key<String> = Key::new("goauthentik.io/consent/token");
    pub const DENY_MESSAGE: Key<String> = Key::new("deny_message");
    pub const GROUPS: Key<Vec<Uuid>> = Key::new("groups");
    pub const USER_PATH: Key<String> = Key::new("user_path");
    pub const USER_TYPE: Key<String> = Key::new("user_type");
    /// The backend that accepted the password. Its presence means that the pending user is authenticated.
    pub const USER_BACKEND: Key<String> = Key::new("user_backend");
    pub const AUTH_METHOD: Key<String> = Key::new("auth_method");
    pub const AUTH_METHOD_ARGS: Key<Map> = Key::new("auth_method_args");
    /// This run has claimed the first-run setup.
    pub const SETUP_CLAIMED: Key<bool> = Key::new("goauthentik.io/setup/claimed");
    /// A stage has chosen the pending user: a restored run authenticates only the user it was restored for.
    pub const CHOSEN: Key<bool> = Key::new("goauthentik.io/identification/chosen");
    /// The last answer was refused by a password policy only: pages show the message at the password.
    pub const PASSWORD_REFUSED: Key<bool> = Key::new("goauthentik.io/pages/password_refused");
    /// The account created by this run: see [`account::made_here`](crate::flow::account::made_here).
    pub const CREATED_ACCOUNT: Key<AccountAt> = Key::new("goauthentik.io/user_write/created");
    /// Keys that pass from a run to another one about a different user, or to a restarted one.
    pub const TRAVELLERS: [&str; 3] = [APPLICATION.0, IS_SSO.0, IS_REDIRECTED.0];
    /// Changes that policies made to the pending user: the next user write stage stores them.
    pub const PENDING_CHANGES: Key<super::Changes> = Key::new("goauthentik.io/pending_user/changes");
    /// The redirect requested by a policy.
    pub const PLAN_REDIRECT: Key<String> = Key::new("goauthentik.io/plan/redirect");
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(pub Map);

impl Context {
    /// The value, if it is present and has the key's type.
    pub fn get<T: DeserializeOwned>(&self, key: &Key<T>) -> Option<T> {
        self.0.get(key.0).and_then(|v| serde_json::from_value(v.clone()).ok())
    }
    pub fn set<T: Serialize>(&mut self, key: &Key<T>, value: T) {
        match serde_json::to_value(value) {
            Ok(value) => drop(self.0.insert(key.0.to_owned(), value)),
            // A value that cannot be serialised removes the old one, which would be wrong now.
            Err(_) => drop(self.0.remove(key.0)),
        }
    }
    pub fn remove<T>(&mut self, key: &Key<T>) {
        self.0.remove(key.0);
    }
    pub fn has<T>(&self, key: &Key<T>) -> bool {
        self.0.get(key.0).is_some_and(|v| !matches!(v, Json::Null))
    }
}
