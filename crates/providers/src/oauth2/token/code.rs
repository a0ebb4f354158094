//! `authorization_code` (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.6).
use super::grant::{Call, Commit, Grant, Redemption};
use crate::oauth2::authorize::{CODE_DIGEST, CodeData};
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::model::GrantType;
use crate::oauth2::scopes::{OFFLINE_ACCESS, OPENID, Scopes};
use async_trait::async_trait;
use signet_base::{Result, Uuid};
use signet_core::Principal;
use signet_core::session::impersonation;
use signet_jose::pkce_s256_matches;
use signet_store::{grants, sessions};

pub struct AuthorizationCode;

#[async_trait]
impl Grant for AuthorizationCode {
    fn kind(&self) -> GrantType {
        GrantType::AuthorizationCode
    }
    async fn redeem(&self, call: &Call<'_>) -> Outcome<Redemption> {
        let core = call.core;
        let digest = core.vault.timed_digest(CODE_DIGEST, call.need("code")?);
        let code = grants::code_by_digest(&core.db, &digest)
            .await?
            .filter(|c| c.provider == call.entry().num())
            .ok_or_else(OAuthError::invalid_grant)?;
        if code.used {
            grants::revoke_family(&core.db, code.holder()).await?;
            let person = Principal::load_any(core, code.user_id).await?;
            call.suspicious(person.as_ref(), "An authorization code was used again. Its tokens are revoked.")
                .await;
            return Err(OAuthError::invalid_grant().into());
        }
        let data: CodeData = serde_json::from_value(code.data).map_err(signet_base::Error::from)?;
        if code.expires <= call.now || call.params.get("redirect_uri") != Some(data.redirect_uri.as_str()) {
            return Err(OAuthError::invalid_grant().into());
        }
        pkce(data.challenge.as_deref(), call.params.raw("code_verifier"))?;
        if let Some(session) = code.session
            && !is_live(call, session, code.user_id).await?
        {
            return Err(OAuthError::invalid_grant().because("The session of this code has ended").into());
        }
        let person = Principal::load(core, code.user_id)
            .await?
            .filter(|p| code.epoch >= p.user.epoch)
            .ok_or_else(OAuthError::invalid_grant)?;
        // Scopes that the provider no longer has are not granted.
        let scopes = Scopes::parse(&code.scope).among(call.entry().scope_names().chain([OPENID]));
        let refresh = (scopes.has(OFFLINE_ACCESS) && call.entry().settings.allows(GrantType::RefreshToken))
            .then(|| scopes.clone());
        Ok(Redemption {
            person,
            refresh,
            scopes,
            auth: data.auth,
            session: code.session,
            epoch: code.epoch,
            family: code.family,
            commit: Commit::Code { digest },
            signed_in_by: None,
        })
    }
}

/// Whether the session goes on, and is the person's: as whose it began, or as whom an administrator acts in it.
async fn is_live(call: &Call<'_>, session: Uuid, person: i64) -> Result<bool> {
    let Some(session) = sessions::by_uuid(&call.core.db, session).await?.filter(|s| s.expires > call.now)
    else {
        return Ok(false);
    };
    if session.user_id == Some(person) {
        return Ok(true);
    }
    Ok(impersonation::person_of(call.core, &session)
        .await?
        .is_some_and(|acting_as| acting_as.user.id == person))
}

/// A challenge requires a verifier, and a verifier requires a challenge; otherwise PKCE could be downgraded
/// (RFC 9700 §4.8.2).
fn pkce(challenge: Option<&str>, verifier: Option<&str>) -> std::result::Result<(), OAuthError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if pkce_s256_matches(verifier, challenge) => Ok(()),
        (None, Some(_)) => {
            Err(OAuthError::invalid_grant().because("The code was asked for without a code_challenge"))
        }
        (Some(_), None) => Err(OAuthError::invalid_grant().because("The code_verifier is missing")),
        (Some(_), Some(_)) => Err(OAuthError::invalid_grant().because("The code_verifier does not fit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_verifier_must_fit_and_must_not_come_alone() {
        let verifier = "v".repeat(43);
        let challenge = signet_jose::pkce_s256(&verifier);
        assert!(pkce(None, None).is_ok() && pkce(Some(&challenge), Some(&verifier)).is_ok());
        let short = "v".repeat(42);
        let other = "w".repeat(43);
        for (challenge, sent) in [
            (Some(&challenge), None),
            (Some(&challenge), Some(&other)),
            (Some(&challenge), Some(&String::new())),
            (None, Some(&verifier)),
            (None, Some(&String::new())),
            (Some(&signet_jose::pkce_s256(&short)), Some(&short)),
            (Some(&verifier), Some(&verifier)),
        ] {
            assert!(
                pkce(challenge.map(String::as_str), sent.map(String::as_str)).is_err(),
                "{challenge:?} {sent:?}"
            );
        }
    }
}
