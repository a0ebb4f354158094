//! What the stages of one run share, by typed keys. Kept as JSON in the session.
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use signet_base::{Json, Map};
use std::marker::PhantomData;

/// What policies changed of one account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    pub user: i64,
    pub fields: Map,
}
impl Changes {
    /// What of it is about this account: whoever is pending by now.
    pub fn of(context: &Context, user: i64) -> Option<Map> {
        context
            .get(&keys::PENDING_CHANGES)
            .filter(|changes| changes.user == user)
            .map(|changes| changes.fields)
    }
}

/// A named place in the context with its type.
pub struct Key<T>(pub &'static str, PhantomData<fn() -> T>);
impl<T> Key<T> {
    pub const fn new(name: &'static str) -> Self {
        Self(name, PhantomData)
    }
}

/// The person a flow is about. Without an id it is somebody who does not exist (yet): a typed name that
/// matched nobody, or an enrolment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingUser {
    pub id: Option<i64>,
    pub username: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub email: String,
}

/// The public keys of authentik-features §1.7. Names beginning with `goauthentik.io` are internal.
pub mod keys {
    use super::{Key, PendingUser};
    use crate::flow::account::AccountAt;
    use signet_base::{Json, Map, Uuid};
    pub const PENDING_USER: Key<PendingUser> = Key::new("pending_user");
    /// The text that was typed, for flows that do not show whom it matched.
    pub const PENDING_USER_IDENTIFIER: Key<String> = Key::new("pending_user_identifier");
    pub const PROMPT_DATA: Key<Map> = Key::new("prompt_data");
    /// Where to go at the end. Set only by policies and the server: may be absolute.
    pub const REDIRECT: Key<String> = Key::new("redirect");
    /// Primary key of the application that the person is on the way to.
    pub const APPLICATION: Key<Uuid> = Key::new("application");
    pub const IS_SSO: Key<bool> = Key::new("is_sso");
    pub const IS_RESTORED: Key<Json> = Key::new("is_restored");
    pub const IS_REDIRECTED: Key<bool> = Key::new("is_redirected");
    pub const CONSENT_HEADER: Key<String> = Key::new("consent_header");
    pub const CONSENT_TITLE: Key<String> = Key::new("consent_title");
    /// `[{"id", "name"}]`
    pub const CONSENT_PERMISSIONS: Key<Vec<Map>> = Key::new("consent_permissions");
    /// Where "Don't share" leads: the protocol's own refusal, made by the server.
    /// The application proved that it is the person's own sign-in which it ends.
    pub const SIGN_OUT_MEANT: Key<bool> = Key::new("goauthentik.io/logout/meant");
    pub const DECLINE_URL: Key<String> = Key::new("goauthentik.io/consent/decline_url");
    pub const CONSENT_TOKEN: Key<String> = Key::new("goauthentik.io/consent/token");
    pub const DENY_MESSAGE: Key<String> = Key::new("deny_message");
    pub const GROUPS: Key<Vec<Uuid>> = Key::new("groups");
    pub const USER_PATH: Key<String> = Key::new("user_path");
    pub const USER_TYPE: Key<String> = Key::new("user_type");
    /// The backend that accepted the password; its presence means that the pending user has proven to be
    /// them.
    pub const USER_BACKEND: Key<String> = Key::new("user_backend");
    pub const AUTH_METHOD: Key<String> = Key::new("auth_method");
    pub const AUTH_METHOD_ARGS: Key<Map> = Key::new("auth_method_args");
    /// This run took the one chance of the first run.
    pub const SETUP_CLAIMED: Key<bool> = Key::new("goauthentik.io/setup/claimed");
    /// A stage chose the pending user: a restored run vouches only for the person it came with.
    pub const CHOSEN: Key<bool> = Key::new("goauthentik.io/identification/chosen");
    /// The last answer was refused by a password policy alone: pages say it at the password.
    pub const PASSWORD_REFUSED: Key<bool> = Key::new("goauthentik.io/pages/password_refused");
    /// The account that this run has made: see [`account::made_here`](crate::flow::account::made_here).
    pub const CREATED_ACCOUNT: Key<AccountAt> = Key::new("goauthentik.io/user_write/created");
    /// What one run may hand to another that is about somebody else, or begins anew.
    pub const TRAVELLERS: [&str; 3] = [APPLICATION.0, IS_SSO.0, IS_REDIRECTED.0];
    /// What policies changed of the pending user: kept by the next user write stage.
    pub const PENDING_CHANGES: Key<super::Changes> = Key::new("goauthentik.io/pending_user/changes");
    /// Where a policy sends the person next.
    pub const PLAN_REDIRECT: Key<String> = Key::new("goauthentik.io/plan/redirect");
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(pub Map);

impl Context {
    /// The value, when it is there and has the key's type.
    pub fn get<T: DeserializeOwned>(&self, key: &Key<T>) -> Option<T> {
        self.0.get(key.0).and_then(|v| serde_json::from_value(v.clone()).ok())
    }
    pub fn set<T: Serialize>(&mut self, key: &Key<T>, value: T) {
        match serde_json::to_value(value) {
            Ok(value) => drop(self.0.insert(key.0.to_owned(), value)),
            // A value that is no JSON cannot be kept; leaving an older one there would be worse.
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
