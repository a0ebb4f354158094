//! Issuing tokens and their rows.
use crate::oauth2::active::SealedToken;
use crate::oauth2::claims::{self, AuthContext, BaseClaims};
use crate::oauth2::clients::ClientEntry;
use crate::oauth2::scopes::{OPENID, Scopes};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Result, Span, Timestamp, Uuid, json};
use signet_core::{Client, Core, Principal};
use signet_jose::half_hash;
use signet_store::grants::{GrantToken, TokenKind};
use std::sync::Arc;

/// Purpose of the keyed digests of access and refresh tokens.
pub const TOKEN_DIGEST: &str = "oauth-token";

/// The digest of a token's row; `jti` is that of a JWT.
pub fn digest_of(core: &Core, token: &str, jti: Option<&str>) -> String {
    match jti {
        Some(jti) => core.vault.digest_beside(TOKEN_DIGEST, jti, token),
        None => core.vault.timed_digest(TOKEN_DIGEST, token),
    }
}

/// The data in a token's row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenData {
    pub auth: AuthContext,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_hash: Option<String>,
}

/// The input of issuing.
pub struct Issue<'a> {
    pub core: &'a Arc<Core>,
    pub client: &'a Client,
    pub entry: &'a ClientEntry,
    pub person: &'a Principal,
    /// Scopes of the access token.
    pub scopes: &'a Scopes,
    pub auth: &'a AuthContext,
    pub session: Option<Uuid>,
    /// The account's epoch.
    pub epoch: i64,
    pub family: Uuid,
    /// Scopes of the refresh token, if one is issued.
    pub refresh: Option<&'a Scopes>,
    /// Lifetime of access and ID token.
    pub lifetime: Span,
    pub now: Timestamp,
}

/// The token response and the rows, not stored yet.
pub struct Issued {
    pub body: Map,
    pub access: GrantToken,
    pub refresh: Option<GrantToken>,
}

/// Signs all tokens of a response in one job of the signing pool.
pub async fn make(issue: &Issue<'_>) -> Result<Issued> {
    let Issue { core, client, entry, person, scopes, auth, lifetime, now, .. } = *issue;
    let expires = now.plus(lifetime);
    let issuer = entry.issuer_for(core, client);
    let base = BaseClaims { entry, issuer: &issuer, person, auth, now, expires };
    // Without scopes there is no ID token, and mappings are not evaluated.
    let mut id = if scopes.is_empty() { Map::new() } else { base.claims(core.ports.hex(16)) };
    let grant = claims::TokenContext { person, scopes, auth, expires };
    let mapped = if entry.settings.include_claims_in_id_token {
        claims::of_scopes(core, client, entry, &grant, &id).await?
    } else {
        Map::new()
    };
    let mut access = access_claims(core, &base, &mapped, scopes);
    let note = SealedToken {
        user: person.user.id,
        family: issue.family,
        session: issue.session,
        epoch: issue.epoch,
        issued: now,
        expires,
    };
    let uid = if note.is_valid_without_row(entry) {
        note.seal(core, entry, &access)?
    } else {
        core.ports.alphanumeric(40)
    };
    access.insert("uid".into(), json!(uid));
    let jti = access.get("jti").and_then(Json::as_str).map(str::to_owned);
    let mut all = vec![access];
    if scopes.has(OPENID) {
        claims::add(&mut id, &mapped);
        all.push(id);
    }
    let mut signed = entry.signer.sign(core, all).await?.into_iter();
    let access = signed.next().ok_or_else(|| Error::internal("no signature"))?;
    let mut refresh = None;
    let row = |scopes, token, kind, expires, jti| {
        row(core, &base, scopes, issue.session, issue.epoch, issue.family, token, kind, expires, jti)
    };
    let access_row = row(scopes, &access, TokenKind::Access, expires, jti)?;
    let mut body = Map::with_capacity(8);
    body.insert("access_token".into(), json!(access));
    body.insert("token_type".into(), json!("Bearer"));
    body.insert("scope".into(), json!(scopes.to_string()));
    body.insert("expires_in".into(), json!(lifetime.secs()));
    if let Some(id) = signed.next() {
        body.insert("id_token".into(), json!(id));
    }
    if let Some(scopes) = issue.refresh {
        let token = core.ports.timed_secret(51);
        let ends = now.plus(entry.settings.refresh_token_validity);
        let mut kept = row(scopes, &token, TokenKind::Refresh, ends, None)?;
        // For introspection: the token's `jti`, and the hash of the access token issued with it.
        let about = TokenData {
            auth: auth.clone(),
            jti: Some(core.ports.uuid_v7().simple().to_string()),
            at_hash: Some(half_hash(entry.signer.alg(), &access)),
        };
        kept.data = serde_json::to_value(about)?;
        refresh = Some(kept);
        body.insert("refresh_token".into(), json!(token));
    }
    Ok(Issued { body, access: access_row, refresh })
}

/// Claims of an access token, without `uid`.
pub fn access_claims(core: &Core, base: &BaseClaims<'_>, mapped: &Map, scopes: &Scopes) -> Map {
    let mut out = base.claims(core.ports.uuid_v7().simple().to_string());
    claims::add(&mut out, mapped);
    out.insert("azp".into(), json!(base.entry.settings.client_id));
    out.insert("scope".into(), json!(scopes.to_string()));
    out
}

#[allow(clippy::too_many_arguments, reason = "one row has this many columns")]
pub fn row(
    core: &Core,
    base: &BaseClaims<'_>,
    scopes: &Scopes,
    session: Option<Uuid>,
    epoch: i64,
    family: Uuid,
    token: &str,
    kind: TokenKind,
    expires: Timestamp,
    jti: Option<String>,
) -> Result<GrantToken> {
    Ok(GrantToken {
        id: 0,
        kind,
        digest: digest_of(core, token, jti.as_deref()),
        provider: base.entry.num(),
        user_id: base.person.user.id,
        session,
        family,
        scope: scopes.to_string(),
        data: serde_json::to_value(TokenData { auth: base.auth.clone(), jti, at_hash: None })?,
        issued: base.now,
        expires,
        revoked: false,
        epoch,
    })
}
