//! `refresh_token` (RFC 6749 §6) with rotation: reuse of a replaced token revokes its family (RFC 9700
//! §4.14.2).
use super::grant::{Call, Commit, Grant, Redemption};
use super::issue::{TOKEN_DIGEST, TokenData};
use crate::oauth2::active;
use crate::oauth2::claims::AuthContext;
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::model::GrantType;
use crate::oauth2::scopes::{OPENID, Scopes};
use async_trait::async_trait;
use signet_base::{Span, Timestamp};
use signet_core::Principal;
use signet_store::grants::{self, TokenKind};

pub struct RefreshToken;

#[async_trait]
impl Grant for RefreshToken {
    fn kind(&self) -> GrantType {
        GrantType::RefreshToken
    }
    async fn redeem(&self, call: &Call<'_>) -> Outcome<Redemption> {
        let core = call.core;
        let digest = core.vault.timed_digest(TOKEN_DIGEST, call.need("refresh_token")?);
        let found = grants::by_digest(&core.db, &digest).await?;
        let old = found
            .filter(|t| t.kind == TokenKind::Refresh && t.provider == call.entry().num())
            .ok_or_else(OAuthError::invalid_grant)?;
        if old.revoked {
            grants::revoke_family(&core.db, old.holder()).await?;
            let person = Principal::load_any(core, old.user_id).await?;
            call.suspicious(person.as_ref(), "A refresh token was used again. Its family is revoked.").await;
            return Err(OAuthError::invalid_grant().into());
        }
        if old.expires <= call.now {
            return Err(OAuthError::invalid_grant().into());
        }
        let granted = Scopes::parse(&old.scope).among(call.entry().scope_names().chain([OPENID]));
        let scopes = narrowed(&granted, call.params.get("scope"))?;
        let person = active::holder(core, &old).await?.ok_or_else(OAuthError::invalid_grant)?;
        let data: TokenData = serde_json::from_value(old.data).map_err(signet_base::Error::from)?;
        // `nonce` belongs to the ID token of the authorization response.
        let auth = AuthContext { nonce: None, ..data.auth };
        let keep = is_kept(old.expires, call.now, call.entry().settings.refresh_token_threshold);
        let commit = if keep { Commit::Keep } else { Commit::Rotate { digest } };
        Ok(Redemption {
            person,
            scopes,
            refresh: (!keep).then_some(granted),
            auth,
            session: old.session,
            epoch: old.epoch,
            family: old.family,
            commit,
            signed_in_by: None,
        })
    }
}

/// Requested scopes must be among the granted ones (RFC 6749 §6); without `scope` all granted ones are kept.
fn narrowed(granted: &Scopes, asked: Option<&str>) -> Result<Scopes, OAuthError> {
    let asked = Scopes::parse(asked.unwrap_or_default());
    match asked {
        asked if asked.is_empty() => Ok(granted.clone()),
        asked if asked.is_within(granted) => Ok(asked),
        _ => Err(OAuthError::invalid_scope()),
    }
}

/// Whether the token's remaining lifetime is above the threshold, so that it is not rotated.
fn is_kept(expires: Timestamp, now: Timestamp, threshold: Span) -> bool {
    !threshold.is_zero() && expires.minus(threshold) > now
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn scopes_can_only_shrink() {
        let granted = Scopes::parse("openid email offline_access");
        assert_eq!(narrowed(&granted, None), Ok(granted.clone()));
        assert_eq!(narrowed(&granted, Some("openid")).map(|s| s.to_string()), Ok("openid".into()));
        assert_eq!(
            narrowed(&granted, Some("openid goauthentik.io/api")).map_err(|e| e.code),
            Err("invalid_scope")
        );
    }
    #[test]
    fn a_token_is_kept_only_with_more_time_left_than_the_threshold() {
        let at = Timestamp::from_secs;
        assert!(!is_kept(at(1000), at(0), Span::ZERO));
        assert!(
            is_kept(at(1000), at(0), Span::from_secs(999)) && !is_kept(at(1000), at(1), Span::from_secs(999))
        );
    }
}
