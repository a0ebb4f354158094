//! The trait of grants. A grant verifies its credential; the token endpoint does the rest.
use super::client_auth::ClientAuthentication;
use crate::oauth2::claims::AuthContext;
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::model::GrantType;
use crate::oauth2::params::Params;
use crate::oauth2::scopes::Scopes;
use async_trait::async_trait;
use signet_base::{Timestamp, Uuid, json};
use signet_core::event::EventAction;
use signet_core::{Client, Core, Principal};
use std::sync::Arc;

/// A token request whose client was found.
pub struct Call<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    pub params: &'a Params,
    pub authentication: &'a ClientAuthentication,
    pub now: Timestamp,
}

impl Call<'_> {
    pub fn entry(&self) -> &ClientEntry {
        &self.authentication.entry
    }
    /// A parameter that the grant requires.
    pub fn need(&self, name: &'static str) -> Outcome<&str> {
        self.params.get(name).ok_or_else(|| {
            OAuthError::invalid_request().because(format!("The parameter {name} is missing")).into()
        })
    }
    /// Records a suspicious request as an event.
    pub async fn suspicious(&self, user: Option<&Principal>, message: &str) {
        tracing::warn!(request_id = %self.client.request_id, provider = self.entry().provider.name(), %message, "a suspicious request");
        let context = json!({"message": message, "provider": Core::model_event(&self.entry().provider)});
        self.core
            .event(self.client, user, EventAction::SuspiciousRequest, "authentik_providers_oauth2", context)
            .await;
    }
}

/// How the new tokens are stored.
pub enum Commit {
    /// Redeems this code in the same transaction.
    Code { digest: String },
    /// Replaces this refresh token in the same transaction.
    Rotate { digest: String },
    /// Beside a refresh token that stays valid.
    Keep,
    /// No credential is consumed.
    Fresh,
}

/// The result of a verified grant.
pub struct Redemption {
    pub person: Principal,
    /// Scopes of the new access token.
    pub scopes: Scopes,
    /// Scopes of the new refresh token; `None` for no refresh token.
    pub refresh: Option<Scopes>,
    pub auth: AuthContext,
    pub session: Option<Uuid>,
    /// The account's epoch that the credential is based on.
    pub epoch: i64,
    pub family: Uuid,
    pub commit: Commit,
    /// `auth_method` of the sign-in event, if this request is a sign-in.
    pub signed_in_by: Option<&'static str>,
}

#[async_trait]
pub trait Grant: Send + Sync {
    fn kind(&self) -> GrantType;
    /// Whether the client is authenticated as this grant requires.
    fn authenticate(&self, call: &Call<'_>) -> Outcome<()> {
        call.authentication.require()
    }
    async fn redeem(&self, call: &Call<'_>) -> Outcome<Redemption>;
}
