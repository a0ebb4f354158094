//! Active tokens. A token's row is found by the keyed digest of the token. An access token is also valid
//! before its row is written (the row goes through the write-behind queue): the claim `uid` holds the row's
//! data, encrypted.
//!
//! That requires a signature nobody else can make. HS256 is keyed with the client's secret, so the client
//! could forge tokens: these need a row, which is written before the token is sent.
use super::claims::AuthContext;
use super::clients::{ClientEntry, ClientIndex};
use super::token::issue::{TokenData, digest_of};
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Secret, Timestamp, Uuid};
use signet_core::{Core, Principal};
use signet_jose::Claims;
use signet_store::grants::{self, GrantToken, LONGEST_BEHIND, TokenKind};

/// The content of the claim `uid`: encrypted, and bound to the token's `jti` and client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SealedToken {
    #[serde(rename = "u")]
    pub user: i64,
    #[serde(rename = "f")]
    pub family: Uuid,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
    /// The account's epoch.
    #[serde(rename = "v")]
    pub epoch: i64,
    #[serde(rename = "i")]
    pub issued: Timestamp,
    #[serde(rename = "e")]
    pub expires: Timestamp,
}

/// Whether tokens of this client are valid without a row. Revocations of tokens without a row are kept for a
/// limited time, so tokens with a longer lifetime need a row.
pub fn is_valid_without_row(entry: &ClientEntry, issued: Timestamp, expires: Timestamp) -> bool {
    !entry.signer.alg().is_symmetric() && expires.secs().saturating_sub(issued.secs()) <= LONGEST_BEHIND
}

impl SealedToken {
    pub fn is_valid_without_row(&self, entry: &ClientEntry) -> bool {
        is_valid_without_row(entry, self.issued, self.expires)
    }
    pub fn seal(&self, core: &Core, entry: &ClientEntry, claims: &Map) -> Result<String> {
        let jti = claims.get("jti").and_then(Json::as_str).unwrap_or_default();
        core.vault.seal(
            ("oauth-access", &entry.settings.client_id, jti),
            &Secret::new(serde_json::to_string(self)?),
        )
    }
    fn open(core: &Core, entry: &ClientEntry, claims: &Claims) -> Option<Self> {
        let text = core
            .vault
            .open(("oauth-access", &entry.settings.client_id, claims.jti()?), claims.text("uid")?)
            .ok()?;
        serde_json::from_str(text.reveal()).ok()
    }
}

/// The token, of any kind, if it is neither expired nor revoked. [`holder`] decides whether its account is
/// still valid. The client index is built only for tokens without a row.
pub async fn find(
    core: &Core,
    index: impl FnOnce() -> ClientIndex + Send,
    token: &str,
) -> Result<Option<GrantToken>> {
    Ok(find_with_claims(core, index, token).await?.map(|(row, _)| row))
}

/// Like [`find`]; returns the payload as well if the token is a JWT.
pub async fn find_with_claims(
    core: &Core,
    index: impl FnOnce() -> ClientIndex + Send,
    token: &str,
) -> Result<Option<(GrantToken, Map)>> {
    if token.is_empty() || token.len() > 65_536 {
        return Ok(None);
    }
    let now = core.now();
    let payload = super::introspect::payload(token);
    let digest = digest_of(core, token, payload.as_ref().and_then(|claims| claims.get("jti")?.as_str()));
    if let Some(row) = core.tokens.by_digest(&core.db, &digest).await? {
        let is_alive = !row.revoked && row.expires > now;
        return Ok(is_alive.then(|| (GrantToken::clone(&row), payload.unwrap_or_default())));
    }
    // Not a JWT: a refresh token without a row, or no token at all.
    let Some(payload) = payload else { return Ok(None) };
    let Some(row) = from_claims(core, &index(), token, &payload, digest)? else { return Ok(None) };
    Ok((row.expires > now && !grants::is_revoked(&core.db, &row).await?).then_some((row, payload)))
}

/// The token's account, if it is active and its epoch has not passed the token's.
pub async fn holder(core: &Core, row: &GrantToken) -> Result<Option<Principal>> {
    Ok(Principal::load(core, row.user_id).await?.filter(|person| row.epoch >= person.user.epoch))
}

/// The row's data from an access token itself. The signature was verified, and `uid` decrypts only for this
/// `jti` and client.
fn from_claims(
    core: &Core,
    index: &ClientIndex,
    token: &str,
    payload: &Map,
    digest: String,
) -> Result<Option<GrantToken>> {
    // The unverified client id selects the key to verify with.
    let Some(client) = payload.get("azp").and_then(Json::as_str) else { return Ok(None) };
    let Some(entry) = index.by_client_id(client)? else { return Ok(None) };
    let Some(claims) = entry.signer.check_access(token, core.now().secs()) else { return Ok(None) };
    if claims.text("azp") != Some(client) {
        return Ok(None);
    }
    let Some(sealed) = SealedToken::open(core, &entry, &claims) else { return Ok(None) };
    let (Some(scope), true) = (claims.text("scope").map(str::to_owned), sealed.is_valid_without_row(&entry))
    else {
        return Ok(None);
    };
    let text = |name: &str| claims.text(name).map(str::to_owned);
    let amr = claims
        .get("amr")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect();
    let auth_time = claims.get("auth_time").and_then(Json::as_i64).unwrap_or_default();
    let data = TokenData {
        auth: AuthContext { auth_time, amr, sid: text("sid"), nonce: text("nonce") },
        jti: text("jti"),
        at_hash: None,
    };
    Ok(Some(GrantToken {
        id: 0,
        kind: TokenKind::Access,
        digest,
        provider: entry.num(),
        user_id: sealed.user,
        session: sealed.session,
        family: sealed.family,
        scope,
        data: serde_json::to_value(data)?,
        issued: sealed.issued,
        expires: sealed.expires,
        revoked: false,
        epoch: sealed.epoch,
    }))
}
