//! `client_credentials` and `password`: tokens without a browser. Both accept the same credentials: a client
//! secret for the client's service account, or a user's app password for that user. Passwords of users are
//! not accepted.
use super::grant::{Call, Commit, Grant, Redemption};
use crate::oauth2::claims::AuthContext;
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::model::GrantType;
use crate::oauth2::scopes::{OFFLINE_ACCESS, OPENID, Scopes};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::{Error, Secret, json};
use signet_core::directory::{self, Author, UserChange};
use signet_core::{Core, Principal, token};
use signet_store::users::{self, User};

const ACCOUNT_PATH: &str = "goauthentik.io/service-accounts";
const ACCOUNT_TYPE: &str = "service_account";
/// Attribute of the service account that holds the provider's number, so that no existing account with its
/// name is used.
const ACCOUNT_OF: &str = "goauthentik.io/providers/oauth2/client-credentials";

/// Both grants; they differ in `grant_type` only.
pub struct Machine(pub GrantType);

/// The account that the tokens are for.
enum TokenSubject {
    /// Username and app password.
    Person(String, Secret),
    Account,
}

#[async_trait]
impl Grant for Machine {
    fn kind(&self) -> GrantType {
        self.0
    }
    /// An app password authenticates the user and permits the request; a client secret sent beside it must be
    /// right.
    fn authenticate(&self, call: &Call<'_>) -> Outcome<()> {
        if call.params.get("client_assertion").is_some() || call.params.get("client_assertion_type").is_some()
        {
            return Err(OAuthError::invalid_client().because("Client assertions are not supported").into());
        }
        let authentication = call.authentication;
        match subject(call)? {
            TokenSubject::Person(..) if call.params.get("username").is_some() => {
                if authentication.sent_secret()
                    && !call.entry().settings.is_public()
                    && !authentication.has_secret()
                {
                    Err(authentication.refusal().into())
                } else {
                    Ok(())
                }
            }
            TokenSubject::Person(..) => Ok(()),
            TokenSubject::Account => authentication.require(),
        }
    }
    async fn redeem(&self, call: &Call<'_>) -> Outcome<Redemption> {
        let core = call.core;
        let (person, method) = match subject(call)? {
            TokenSubject::Person(username, password) => {
                (with_app_password(core, &username, &password).await?, "token")
            }
            TokenSubject::Account => (account(call).await?, "oauth_client_secret"),
        };
        // Without `scope` no scope is granted. There is no refresh token, since a new token can be requested
        // at any time.
        let asked = Scopes::parse(call.params.get("scope").unwrap_or_default());
        let scopes = asked.among(call.entry().scope_names().chain([OPENID])).without(OFFLINE_ACCESS);
        let auth = AuthContext::machine(call.now);
        let epoch = person.user.epoch;
        Ok(Redemption {
            person,
            scopes,
            refresh: None,
            auth,
            session: None,
            epoch,
            family: core.ports.uuid_v7(),
            commit: Commit::Fresh,
            signed_in_by: Some(method),
        })
    }
}

fn subject(call: &Call<'_>) -> Outcome<TokenSubject> {
    match (call.params.get("username"), call.params.get("password")) {
        (Some(username), Some(password)) => {
            return Ok(TokenSubject::Person(username.to_owned(), Secret::new(password)));
        }
        (None, None) => {}
        _ => return Err(OAuthError::invalid_request().because("Send username and password together").into()),
    }
    let settings = &call.entry().settings;
    if call.authentication.has_secret() && !settings.is_public() {
        return Ok(TokenSubject::Account);
    }
    match call.authentication.secrets().iter().find_map(packed) {
        Some((username, password)) => Ok(TokenSubject::Person(username, password)),
        None if settings.is_public() => Err(OAuthError::unauthorized_client().into()),
        None => Err(call.authentication.refusal().into()),
    }
}

/// `base64("<username>:<app password>")` as client secret, for clients that can send nothing else.
fn packed(secret: &Secret) -> Option<(String, Secret)> {
    let text = String::from_utf8(STANDARD.decode(secret.reveal()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    (!username.is_empty() && !password.is_empty()).then(|| (username.to_owned(), Secret::new(password)))
}

async fn with_app_password(core: &Core, username: &str, password: &Secret) -> Outcome<Principal> {
    let refused = || OAuthError::invalid_grant().because("The user name or app password is not valid");
    let token = token::by_key(core, password.reveal(), "app_password").await?.ok_or_else(refused)?;
    let person = Principal::load(core, token.user_id).await?.ok_or_else(refused)?;
    if users::canonical(&person.user.username) != users::canonical(username) {
        return Err(refused().into());
    }
    Ok(person)
}

/// The client's service account, created at first use.
async fn account(call: &Call<'_>) -> Outcome<Principal> {
    let core = call.core;
    let entry = call.entry();
    let username = format!("ak-{}-client_credentials", entry.provider.name());
    let person = match Principal::by_username(core, &username).await? {
        Some(person) => person,
        None => {
            let user = User {
                name: format!("Service account of {} (client credentials)", entry.application.name()),
                user_type: ACCOUNT_TYPE.into(),
                path: ACCOUNT_PATH.into(),
                attributes: json!({ACCOUNT_OF: entry.num()}).as_object().cloned().unwrap_or_default(),
                ..User::new(&core.ports, &username)
            };
            let author = Author::request(call.client, None, "authentik_providers_oauth2")
                .by("provider", Core::model_event(&entry.provider));
            match directory::commit(core, &author, UserChange::create(user)).await {
                // A concurrent request has created it.
                Ok(_) | Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
            Principal::by_username(core, &username)
                .await?
                .ok_or_else(|| Error::internal("the service account is not there"))?
        }
    };
    let user = &person.user;
    let ours = user.user_type == ACCOUNT_TYPE
        && user.attributes.get(ACCOUNT_OF).and_then(signet_base::Json::as_i64) == Some(entry.num());
    if !ours || !user.is_active {
        return Err(OAuthError::invalid_grant()
            .because("The service account of this client is not usable")
            .into());
    }
    Ok(person)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_packed_secret_holds_a_name_and_a_password() {
        let pack =
            |text: &str| packed(&Secret::new(STANDARD.encode(text))).map(|(u, p)| (u, p.reveal().to_owned()));
        assert_eq!(pack("ann:key:1"), Some(("ann".into(), "key:1".into())));
        for bad in ["ann", "ann:", ":key", ""] {
            assert_eq!(pack(bad), None, "{bad}");
        }
        assert!(packed(&Secret::new("no base64!")).is_none());
    }
}
