//! API keys: random texts, found by a keyed digest. Expiry, intent and account state are checked at use.
use crate::directory::token_model;
use crate::{Core, Principal, rows};
use signet_base::{Error, Json, Result, Secret, Span, Timestamp};
use signet_store::tokens::{self, Token};
use std::sync::Arc;

/// Maximum number of tokens of a user who does not manage tokens.
pub const MOST: i64 = 100;
/// Prefix of names that only those who manage tokens give.
pub const SERVICE_ACCOUNT: &str = "service-account-";

/// Whether a name is kept for service accounts.
pub fn is_reserved(name: &str) -> bool {
    name.trim().to_lowercase().starts_with(SERVICE_ACCOUNT)
}

/// A new random key.
pub fn new_key(core: &Core) -> Secret {
    let length = usize::try_from(core.system().default_token_length).unwrap_or(60);
    Secret::new(core.ports.alphanumeric(length.clamp(1, 1024)))
}

/// How long a token works by default.
pub fn default_duration(core: &Core) -> Result<Span> {
    Span::parse(&core.system().default_token_duration).map_err(Error::internal)
}

/// When a token that is created now expires by default.
pub fn default_expiry(core: &Core) -> Result<Timestamp> {
    Ok(core.now().plus(default_duration(core)?))
}

/// Whether the account's tokens must expire, which is the default.
pub fn must_expire(owner: &Principal) -> bool {
    rows::group_attributes(owner)
        .get("goauthentik.io/user/token-expires")
        .and_then(Json::as_bool)
        .unwrap_or(true)
}

/// The unexpired token with this key and intent.
pub async fn by_key(core: &Core, key: &str, intent: &str) -> Result<Option<Token>> {
    if key.is_empty() || key.len() > 4096 {
        return Ok(None);
    }
    let found = tokens::by_key(&core.db, &core.vault, key).await?;
    let now = core.now();
    Ok(found.filter(|t| t.intent == intent && !t.is_expired(now)))
}

/// The account behind an API key.
pub async fn authenticate(core: &Core, key: &str) -> Result<Option<Principal>> {
    match by_key(core, key, "api").await? {
        Some(token) => {
            let person = Principal::load(core, token.user_id).await?;
            Ok(person.map(|person| Principal { token: Some(Arc::new(token_model(&token))), ..person }))
        }
        None => Ok(None),
    }
}
