//! API keys: random texts, found by a keyed digest. Expiry, intent and account state are checked at use.
use crate::{Core, Principal};
use signet_base::Result;
use signet_store::tokens::{self, Token};

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
        Some(token) => Principal::load(core, token.user_id).await,
        None => Ok(None),
    }
}
