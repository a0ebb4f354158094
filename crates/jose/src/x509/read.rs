//! Reading certificates.
use super::name::rfc4514;
use crate::public::{OID_EC, OID_ED25519, OID_RSA};
use crate::{KeyError, PublicParams, SigningKey, VerifyingKey, pem};
use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use std::fmt;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The type of a certificate's key, with the names of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// Elliptic curve.
    Ec,
    /// DSA; read, never used.
    Dsa,
    /// Ed25519.
    Ed25519,
    /// Ed448; read, never used.
    Ed448,
}

impl KeyType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ec => "ec",
            Self::Dsa => "dsa",
            Self::Ed25519 => "ed25519",
            Self::Ed448 => "ed448",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parsed certificate. Its signature and validity are not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    spki: Vec<u8>,
    subject: String,
    issuer: String,
    not_before: i64,
    not_after: i64,
    key_type: Option<KeyType>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text; a chain may follow it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::blocks(text)?
            .into_iter()
            .find(|b| b.label == "CERTIFICATE")
            .ok_or(KeyError::Missing("certificate"))?;
        Self::from_der(&block.der)
    }

    /// Reads every certificate of a PEM text, in order.
    pub fn chain_from_pem(text: &str) -> Result<Vec<Self>, KeyError> {
        let chain = pem::blocks(text)?
            .into_iter()
            .filter(|b| b.label == "CERTIFICATE")
            .map(|b| Self::from_der(&b.der))
            .collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() {
            return Err(KeyError::Missing("certificate"));
        }
        Ok(chain)
    }

    /// Reads the DER form.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| KeyError::MalformedCertificate)?;
        if !rest.is_empty() {
            return Err(KeyError::MalformedCertificate);
        }
        let spki = parsed.public_key();
        let key_type = match spki.algorithm.algorithm.to_id_string().as_str() {
            // RSA keys bound to PSS are RSA keys to whoever looks at them.
            OID_RSA | "1.2.840.113549.1.1.10" => Some(KeyType::Rsa),
            OID_EC => Some(KeyType::Ec),
            "1.2.840.10040.4.1" => Some(KeyType::Dsa),
            OID_ED25519 => Some(KeyType::Ed25519),
            "1.3.101.113" => Some(KeyType::Ed448),
            _ => None,
        };
        Ok(Self {
            der: der.to_vec(),
            spki: spki.raw.to_vec(),
            subject: rfc4514(parsed.subject()),
            issuer: rfc4514(parsed.issuer()),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            key_type,
        })
    }

    /// The DER form.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-1 of the certificate: lower-case hexadecimal bytes with colons.
    pub fn fingerprint_sha1(&self) -> String {
        fingerprint(&SHA1_FOR_LEGACY_USE_ONLY, &self.der)
    }

    /// SHA-256 of the certificate: lower-case hexadecimal bytes with colons.
    pub fn fingerprint_sha256(&self) -> String {
        fingerprint(&SHA256, &self.der)
    }

    /// Start of the validity, Unix seconds.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// End of the validity, Unix seconds.
    pub fn expiry(&self) -> i64 {
        self.not_after
    }

    /// The subject by RFC 4514, such as `OU=Self-signed,O=Signet,CN=name`.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer by RFC 4514.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The type of the key; `None` for types the wire has no name for.
    pub fn key_type(&self) -> Option<KeyType> {
        self.key_type
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The numbers of the public key.
    pub fn public(&self) -> Result<PublicParams, KeyError> {
        PublicParams::from_spki(&self.spki)
    }

    /// The key that verifies signatures by the certificate's owner. It has no `kid`.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_params(self.public()?, None)
    }

    /// Whether the private key is the one of this certificate.
    pub fn matches(&self, key: &SigningKey) -> bool {
        match (self.public(), key.public()) {
            (Ok(certified), Some(own)) => certified == *own,
            _ => false,
        }
    }
}

/// Reads a certificate and its private key, and checks that they belong together.
pub fn check_pair(certificate_pem: &str, key_pem: &str) -> Result<(Certificate, SigningKey), KeyError> {
    let certificate = Certificate::from_pem(certificate_pem)?;
    let key = SigningKey::from_pem(key_pem)?;
    if !certificate.matches(&key) {
        return Err(KeyError::Mismatch);
    }
    Ok((certificate, key))
}

fn fingerprint(algorithm: &'static digest::Algorithm, der: &[u8]) -> String {
    let bytes: Vec<String> =
        digest::digest(algorithm, der).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    bytes.join(":")
}
