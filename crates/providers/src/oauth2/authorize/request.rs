//! An authorization request of OAuth 2.0 in the words of the engine.
use super::answer::{self, answer};
use super::checks::{self, CheckedRequest, ResponseMode};
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::errors::OAuthError;
use crate::oauth2::model::UriType;
use crate::oauth2::params::Params;
use crate::oauth2::subject::subject;
use async_trait::async_trait;
use signet_base::{Error, Json, Map, Result, json, query};
use signet_core::authorize::{Answer, AuthorizationRequest, DECLINED, Demands, Ending, Hint};
use signet_core::{Client, Core, Principal, WebSession};
use signet_model::Object;
use std::sync::Arc;

pub const PATH: &str = "/application/o/authorize/";
/// The parameters that every request has.
const NEEDED: [&str; 3] = ["client_id", "redirect_uri", "response_type"];

/// A request whose client and redirect URI were checked.
pub struct OAuthRequest {
    pub entry: Arc<ClientEntry>,
    params: Params,
    ask: CheckedRequest,
    /// What else is wrong with it.
    refused: Option<OAuthError>,
    issuer: String,
    /// `sub` of the `id_token_hint`; the inner `None` if that is not an ID token of this client.
    hint: Option<Option<String>>,
}

impl OAuthRequest {
    pub fn new(
        core: &Core,
        client: &Client,
        entry: Arc<ClientEntry>,
        params: Params,
        redirect_uri: &str,
    ) -> Self {
        let (ask, refused) = match checks::check(&params, &entry, redirect_uri) {
            Ok(ask) => (ask, None),
            Err(refused) => (refused.1, Some(refused.0)),
        };
        let read = |token| entry.read_hint(core, client, token).map(|c| c.sub().map(str::to_owned));
        // Without `sub` it names nobody.
        let hint = params.get("id_token_hint").map(|token| read(token).map(Option::unwrap_or_default));
        Self { issuer: entry.issuer_for(core, client), entry, params, ask, refused, hint }
    }
    /// The request from its stored parameters, if its redirect URI is still registered.
    pub fn stored(core: &Core, client: &Client, entry: Arc<ClientEntry>, stored: &Json) -> Result<Self> {
        let params = Params::from_pairs(serde_json::from_value(stored.clone())?);
        let redirect_uri = params.get("redirect_uri").unwrap_or_default().to_owned();
        if params.get("client_id") != Some(entry.settings.client_id.as_str())
            || !entry.matcher()?.fits(UriType::Authorization, &redirect_uri)
        {
            return Err(Error::denied(
                "The application's settings have changed. Start again from the application.",
            ));
        }
        Ok(Self::new(core, client, entry, params, &redirect_uri))
    }
    /// The answer to a request that cannot be led on.
    pub fn refused(&self) -> Option<Answer> {
        self.refused.as_ref().map(|error| self.error(error))
    }
    pub fn error(&self, error: &OAuthError) -> Answer {
        answer::to_client(&self.ask, self.ask.error_parameters(error, self.issuer.clone()))
    }
}

/// The URL at which a request starts again, from the query of its flow's page.
pub fn url(own: &str) -> Option<String> {
    let has = |name: &&str| query::value(own, name).is_some_and(|value| !value.is_empty());
    NEEDED.iter().all(has).then(|| format!("{PATH}?{own}"))
}

#[async_trait]
impl AuthorizationRequest for OAuthRequest {
    fn provider(&self) -> &Arc<Object> {
        &self.entry.provider
    }
    fn application(&self) -> &Arc<Object> {
        &self.entry.application
    }
    fn demands(&self) -> Demands {
        let prompt = self.ask.prompt;
        Demands {
            passive: prompt.none,
            force_authentication: prompt.login,
            max_age: self.ask.max_age,
            consent_again: prompt.consent,
            answers_by_form: self.ask.mode == ResponseMode::FormPost,
        }
    }
    fn stored(&self) -> Json {
        json!(self.params.pairs())
    }
    fn url(&self) -> String {
        format!("{PATH}?{}", self.params.query_without(&["next", DECLINED]))
    }
    fn context(&self) -> Map {
        let ask = &self.ask;
        let mut context = Map::new();
        let mut put = |name: &str, value| drop(context.insert(name.to_owned(), value));
        put("oauth_scopes", json!(ask.scopes.iter().collect::<Vec<_>>()));
        put("oauth_grant_type", json!(ask.response.grant()));
        put("oauth_code_challenge", json!(ask.challenge));
        put("oauth_code_challenge_method", json!(ask.challenge.as_ref().map(|_| "S256")));
        put("oauth_max_age", json!(ask.max_age));
        put("oauth_redirect_uri", json!(ask.redirect_uri));
        context
    }
    fn permissions(&self) -> Vec<Map> {
        let scopes = self.entry.scopes.iter();
        let shown = scopes.filter(|s| self.ask.scopes.has(&s.name) && !s.description.is_empty());
        let permission = |(id, name): (&str, &str)| {
            Map::from_iter([("id".to_owned(), json!(id)), ("name".to_owned(), json!(name))])
        };
        shown.map(|s| permission((&s.name, &s.description))).collect()
    }
    fn hint(&self, person: &Principal) -> Hint {
        match &self.hint {
            None => Hint::None,
            Some(None) => Hint::Unreadable,
            Some(Some(sub)) if *sub == subject(self.entry.settings.sub_mode, person) => Hint::Fits,
            Some(Some(_)) => Hint::Other,
        }
    }
    fn is_declined(&self) -> bool {
        self.params.get(DECLINED).is_some()
    }
    async fn succeed(&self, core: &Arc<Core>, client: &Client, session: &WebSession) -> Result<Answer> {
        if let Some(refused) = self.refused() {
            return Ok(refused);
        }
        let parameters = answer(core, client, session, &self.entry, &self.ask).await?;
        Ok(answer::to_client(&self.ask, parameters))
    }
    fn end(&self, ending: &Ending) -> Option<Answer> {
        let error = match ending {
            Ending::LoginRequired => OAuthError::login_required(),
            Ending::ConsentRequired => OAuthError::consent_required(),
            Ending::InteractionRequired => OAuthError::interaction_required(),
            Ending::Denied(_) | Ending::Cancelled => OAuthError::access_denied(),
            Ending::Unavailable => OAuthError::temporarily_unavailable(),
        };
        Some(self.error(&error))
    }
}
