//! Signing for one provider: the key is parsed and the header written once.
use serde::Serialize;
use signet_base::{Error, Json, Map, Result};
use signet_core::Core;
use signet_core::models::{CertificateKeyPair, PreparedCertificate};
use signet_jose::{Algorithm, Certificate, Claims, Encoder, Expect, Jwk, SigningKey, Verified, VerifyingKey};
use signet_model::Snapshot;
use std::sync::Arc;

use super::model::OAuth2Provider;

pub struct Signer {
    encoder: Encoder,
    verifying: VerifyingKey,
    /// The public key as published; none for a shared secret.
    pub jwk: Option<Jwk>,
}

impl Signer {
    /// The provider's key, or its client secret when it has none.
    pub fn of(settings: &OAuth2Provider, config: &Snapshot) -> Result<Self> {
        match settings.signing_key {
            None => Self::new(
                Arc::new(SigningKey::hs256(settings.client_secret.reveal()).map_err(Error::internal)?),
                None,
            ),
            Some(pk) => {
                let (pair, _) = config
                    .get_typed::<CertificateKeyPair>(pk)
                    .ok_or_else(|| Error::internal("the signing key is gone"))?;
                let ready = pair.prepared::<PreparedCertificate>()?;
                let key = ready
                    .key
                    .clone()
                    .ok_or_else(|| Error::internal("the signing certificate has no private key"))?;
                Self::new(key, Some(&ready.certificate))
            }
        }
    }
    fn new(key: Arc<SigningKey>, certificate: Option<&Certificate>) -> Result<Self> {
        let verifying = key.verifying_key().map_err(Error::internal)?;
        let jwk = Jwk::of(&key, certificate);
        Ok(Self { encoder: Encoder::new(key, "JWT"), verifying, jwk })
    }
    pub fn alg(&self) -> Algorithm {
        self.encoder.key().alg()
    }
    /// Signs each set of claims. RSA burns a core for a millisecond and goes to the bounded pool; the rest is
    /// done here.
    pub async fn sign(self: &Arc<Self>, core: &Core, all: Vec<Map>) -> Result<Vec<String>> {
        if self.alg() != Algorithm::Rs256 {
            return self.sign_all(&all);
        }
        let me = self.clone();
        core.signer.run(move || me.sign_all(&all)).await?
    }
    fn sign_all<C: Serialize>(&self, all: &[C]) -> Result<Vec<String>> {
        all.iter().map(|claims| self.encoder.encode(claims).map_err(Error::internal)).collect()
    }
    /// Our own ID token as it comes back in `id_token_hint`: expiry does not matter, all else does.
    pub fn check_hint(&self, token: &str, issuer: &str, now: i64) -> Option<Verified<Claims>> {
        signet_jose::jwt::verify(token, [&self.verifying], &Expect::new(now).iss(issuer).ignore_exp()).ok()
    }
    /// An access token as we signed it, before its end. Issuer and audience are the caller's to judge:
    /// mappings may set the audience, and the issuer follows the address that was used.
    pub fn check_access(&self, token: &str, now: i64) -> Option<Verified<Claims>> {
        signet_jose::jwt::verify(token, [&self.verifying], &Expect::new(now)).ok()
    }
}

/// The published key set; an empty object for a shared secret, as on the wire.
pub fn key_set(signer: &Signer) -> Json {
    match &signer.jwk {
        Some(jwk) => signet_base::json!({"keys": [jwk]}),
        None => signet_base::json!({}),
    }
}
