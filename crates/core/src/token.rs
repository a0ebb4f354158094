//! API keys: random texts, found by a keyed digest; expiry, intent and the account's state are judged at use.
use crate::{Core, Principal};
use signet_base::{Result, Secret};
use signet_store::tokens::{self, Token};

/// Place of a sealed key, for the vault.
pub fn place(id: &str) -> (&'static str, &str, &'static str) {
    ("token", id, "key")
}

/// The token with this key, when it has the intent and has not expired.
pub async fn by_key(core: &Core, key: &str, intent: &str) -> Result<Option<Token>> {
    if key.is_empty() || key.len() > 4096 {
        return Ok(None);
    }
    let found = tokens::by_digest(&core.db, &core.vault.digest("token", key)).await?;
    let now = core.now();
    Ok(found.filter(|t| t.intent == intent && !(t.expiring && t.expires.is_some_and(|at| at <= now))))
}

/// The account behind an API key.
pub async fn authenticate(core: &Core, key: &str) -> Result<Option<Principal>> {
    match by_key(core, key, "api").await? {
        Some(token) => Principal::load(core, token.user_id).await,
        None => Ok(None),
    }
}

/// The key of a token, for `view_key`.
pub fn reveal(core: &Core, token: &Token) -> Result<Secret> {
    core.vault.open(place(&token.id.to_string()), &token.key)
}
/// Sealed form and digest of a key, as the store keeps them.
pub fn seal(core: &Core, id: signet_base::Uuid, key: &Secret) -> Result<(String, String)> {
    Ok((core.vault.seal(place(&id.to_string()), key)?, core.vault.digest("token", key.reveal())))
}
