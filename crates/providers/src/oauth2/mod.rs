//! OAuth 2.0 (RFC 6749, RFC 7636, RFC 7009, RFC 7662, RFC 8414) and OpenID Connect Core 1.0, with
//! RP-initiated logout.
mod active;
pub mod api;
mod authorize;
mod back_channel_logout;
mod claims;
mod clients;
mod cors;
mod create_jwt;
mod discovery;
mod end_session;
mod errors;
mod introspect;
mod model;
mod params;
mod pattern;
mod redirect;
mod revoke;
mod scopes;
mod signing;
mod subject;
mod token;
mod userinfo;
mod web;

pub use model::{
    ClientType, GrantType, IssuerMode, MatchingMode, OAuth2Provider, RedirectUri, ScopeMapping, SubMode,
    UriType,
};
pub use userinfo::bearer;

use crate::Slice;
use crate::web::web_origin;
use async_trait::async_trait;
use signet_base::{Error, Json, Result, Uuid};
use signet_core::authorize::{Answer, AuthorizationRequest};
use signet_core::flow::StageKind;
use signet_core::provider::{JwtRequest, ProviderKind, SignOut, SignOutMessage};
use signet_core::{Client, Core};
use signet_model::{Model, ModelDef, Object, Snapshot};
use std::sync::Arc;

/// The registration of this kind.
pub const SLICE: Slice = Slice {
    models: &[OAuth2Provider::DEF, ScopeMapping::DEF],
    provider: || Arc::new(OAuth2Kind::default()),
    stages: || vec![Arc::new(end_session::SessionEndStage) as Arc<dyn StageKind>],
    routes: web::router,
    actions: api::actions,
    listeners: &[],
    virtual_hosts: &[],
};

#[derive(Default)]
struct OAuth2Kind {
    cache: clients::ClientCache,
}

#[async_trait]
impl ProviderKind for OAuth2Kind {
    fn def(&self) -> &'static ModelDef {
        OAuth2Provider::DEF
    }
    /// The origin of the first exact redirect URI.
    fn launch_url(&self, provider: &Object, _world: &Snapshot) -> Option<String> {
        let settings = provider.get::<OAuth2Provider>()?;
        let exact = |u: &&RedirectUri| {
            u.matching_mode == MatchingMode::Strict && u.redirect_uri_type == UriType::Authorization
        };
        settings.redirect_uris.iter().filter(exact).find_map(|u| web_origin(&u.url))
    }
    async fn token(
        &self,
        core: &Arc<Core>,
        client: &Client,
        provider: &Arc<Object>,
        order: JwtRequest,
    ) -> Result<String> {
        create_jwt::token(core, client, provider, order).await
    }
    fn authorization(
        &self,
        core: &Arc<Core>,
        client: &Client,
        provider: &Arc<Object>,
        stored: &Json,
    ) -> Result<Box<dyn AuthorizationRequest>> {
        let gone = || Error::denied("The application is no longer available.");
        let entry = self.cache.index(core).entry(provider)?.ok_or_else(gone)?;
        Ok(Box::new(authorize::OAuthRequest::stored(core, client, entry, stored)?))
    }
    fn sign_out(&self) -> Option<&dyn SignOut> {
        Some(self)
    }
    fn request_url(&self, query: &str) -> Option<String> {
        authorize::url(query)
    }
    async fn may_repeat(&self, core: &Core, answer: &Answer) -> Result<bool> {
        authorize::may_repeat(core, answer).await
    }
}

#[async_trait]
impl SignOut for OAuth2Kind {
    fn tells(&self, provider: &Object) -> bool {
        provider.get::<OAuth2Provider>().is_some_and(back_channel_logout::is_told)
    }
    async fn tell(
        &self,
        core: &Arc<Core>,
        provider: &Arc<Object>,
        message: &SignOutMessage,
        id: Uuid,
    ) -> Result<()> {
        match self.cache.index(core).entry(provider)? {
            Some(entry) => back_channel_logout::send(core, &entry, message, id).await,
            // Without an application there is nobody to be told.
            None => Ok(()),
        }
    }
}
