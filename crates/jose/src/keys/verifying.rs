//! Public keys and shared secrets that verify.
use super::hmac_key;
use crate::{Algorithm, Certificate, KeyError, PublicParams, pem};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use std::fmt;

/// A key that verifies signatures with exactly one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    kind: KeyKind,
    alg: Algorithm,
    kid: Option<String>,
}

#[derive(Clone)]
enum KeyKind {
    Public { parsed: ParsedPublicKey, params: PublicParams },
    Hmac(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Reads a PEM text: the first certificate, `SubjectPublicKeyInfo` or PKCS#1 RSA public key.
    /// The key has no `kid` until [`Self::with_kid`] gives it one.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        for block in pem::blocks(text)? {
            let params = match block.label.as_str() {
                "CERTIFICATE" => Certificate::from_der(&block.der)?.public()?,
                "PUBLIC KEY" => PublicParams::from_spki(&block.der)?,
                "RSA PUBLIC KEY" => PublicParams::from_pkcs1(&block.der)?,
                _ => continue,
            };
            return Self::from_params(params, None);
        }
        Err(KeyError::Missing("certificate or public key"))
    }

    /// From the numbers of a public key; refuses weak RSA keys and points off the curve.
    pub fn from_params(params: PublicParams, kid: Option<String>) -> Result<Self, KeyError> {
        Ok(Self { alg: params.algorithm(), kind: KeyKind::Public { parsed: params.parse()?, params }, kid })
    }

    /// An HS256 key from a client secret.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(Self::from_hmac(hmac_key(secret.as_ref())?))
    }

    pub(super) fn from_hmac(key: Box<hmac::Key>) -> Self {
        Self { kind: KeyKind::Hmac(key), alg: Algorithm::Hs256, kid: None }
    }

    /// The same key under a `kid`.
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// The only algorithm this key accepts.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The key identifier.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The numbers of a public key; none for shared secrets.
    pub fn public(&self) -> Option<&PublicParams> {
        match &self.kind {
            KeyKind::Public { params, .. } => Some(params),
            KeyKind::Hmac(_) => None,
        }
    }

    /// Whether `signature` is this key's signature of `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            KeyKind::Public { parsed, .. } => parsed.verify_sig(message, signature).is_ok(),
            KeyKind::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("alg", &self.alg).field("kid", &self.kid).finish_non_exhaustive()
    }
}
