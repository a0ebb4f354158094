//! The signer of a provider: a parsed key and a prepared header.
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
    /// For logout tokens, which no token check takes for another one.
    logout: Encoder,
    verifying: VerifyingKey,
    /// The public key in the key set; `None` for HS256.
    pub jwk: Option<Jwk>,
}

impl Signer {
    /// The provider's signing key, or its client secret (HS256) without one.
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
        let logout = Encoder::new(key.clone(), "logout+jwt");
        Ok(Self { encoder: Encoder::new(key, "JWT"), logout, verifying, jwk })
    }
    pub fn alg(&self) -> Algorithm {
        self.encoder.key().alg()
    }
    /// Signs the claim sets. RSA takes about a millisecond of processor time and runs on the bounded pool;
    /// other algorithms run here.
    pub async fn sign(self: &Arc<Self>, core: &Core, all: Vec<Map>) -> Result<Vec<String>> {
        if self.alg() != Algorithm::Rs256 {
            return self.sign_all(&all);
        }
        let me = self.clone();
        core.signer.run(move || me.sign_all(&all)).await?
    }
    /// A logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
    pub async fn logout_token(self: &Arc<Self>, core: &Core, claims: Map) -> Result<String> {
        let me = self.clone();
        core.signer.run(move || me.logout.encode(&claims).map_err(Error::internal)).await?
    }
    fn sign_all<C: Serialize>(&self, all: &[C]) -> Result<Vec<String>> {
        all.iter().map(|claims| self.encoder.encode(claims).map_err(Error::internal)).collect()
    }
    /// Verifies an `id_token_hint`: everything but its expiry.
    pub fn check_hint(&self, token: &str, issuer: &str, now: i64) -> Option<Verified<Claims>> {
        signet_jose::jwt::verify(token, [&self.verifying], &Expect::new(now).iss(issuer).ignore_exp()).ok()
    }
    /// Verifies an access token's signature and expiry. The caller checks issuer and audience: mappings may
    /// set the audience, and the issuer depends on the host of the request.
    pub fn check_access(&self, token: &str, now: i64) -> Option<Verified<Claims>> {
        signet_jose::jwt::verify(token, [&self.verifying], &Expect::new(now)).ok()
    }
}

/// The published key set; `{}` for HS256.
pub fn key_set(signer: &Signer) -> Json {
    match &signer.jwk {
        Some(jwk) => signet_base::json!({"keys": [jwk]}),
        None => signet_base::json!({}),
    }
}
