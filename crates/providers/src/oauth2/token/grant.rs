//! The seam between the token endpoint and a grant. A grant says what it proves; the endpoint does the rest.
use super::client_auth::ClientAuthentication;
use crate::oauth2::claims::AuthContext;
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::model::GrantType;
use crate::oauth2::params::Params;
use crate::oauth2::scopes::Scopes;
use async_trait::async_trait;
use signet_base::{Timestamp, Uuid, json};
use signet_core::{Client, Core, Principal};
use std::sync::Arc;

/// One request, with its client found.
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
    /// A parameter that the grant cannot do without.
    pub fn need(&self, name: &'static str) -> Outcome<&str> {
        self.params.get(name).ok_or_else(|| {
            OAuthError::invalid_request().because(format!("The parameter {name} is missing")).into()
        })
    }
    /// Something that an honest client does not do.
    pub async fn suspicious(&self, user: Option<&Principal>, message: &str) {
        tracing::warn!(request_id = %self.client.request_id, provider = self.entry().provider.name(), %message, "a suspicious request");
        let context = json!({"message": message, "provider": Core::model_event(&self.entry().provider)});
        self.core.event(self.client, user, "suspicious_request", "authentik_providers_oauth2", context).await;
    }
}

/// How the new tokens are stored.
pub enum Commit {
    /// Uses this code up in the same step.
    Code { digest: String },
    /// Replaces this refresh token in the same step.
    Rotate { digest: String },
    /// Beside a refresh token that stays.
    Keep,
    /// Nothing is used up; the client can ask again.
    Fresh,
}

/// What a grant proved.
pub struct Redemption {
    pub person: Principal,
    /// Of the new access token.
    pub scopes: Scopes,
    /// Of the new refresh token; `None` for no new one.
    pub refresh: Option<Scopes>,
    pub auth: AuthContext,
    pub session: Option<Uuid>,
    /// Of the account, as what was shown rests on it.
    pub epoch: i64,
    pub family: Uuid,
    pub commit: Commit,
    /// `auth_method` of a sign-in that this request is.
    pub signed_in_by: Option<&'static str>,
}

#[async_trait]
pub trait Grant: Send + Sync {
    fn kind(&self) -> GrantType;
    /// Whether the client proved itself well enough for this grant.
    fn authenticate(&self, call: &Call<'_>) -> Outcome<()> {
        call.authentication.require()
    }
    async fn redeem(&self, call: &Call<'_>) -> Outcome<Redemption>;
}
