//! Public keys as plain numbers: the form that SPKI, JWK and key pairs have in common.
use crate::{Algorithm, KeyError, der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

pub(crate) const OID_RSA: &str = "1.2.840.113549.1.1.1";
pub(crate) const OID_EC: &str = "1.2.840.10045.2.1";
pub(crate) const OID_ED25519: &str = "1.3.101.112";

/// A NIST curve (RFC 7518 §6.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// The name in the JWK member `crv`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// The algorithm that RFC 7518 binds to the curve.
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }

    /// Length of one coordinate in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn from_oid(oid: &str) -> Option<Self> {
        match oid {
            "1.2.840.10045.3.1.7" => Some(Self::P256),
            "1.3.132.0.34" => Some(Self::P384),
            "1.3.132.0.35" => Some(Self::P521),
            _ => None,
        }
    }
}

/// The numbers of a public key, big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicParams {
    /// RSA modulus and exponent, without leading zero bytes.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Public exponent.
        e: Vec<u8>,
    },
    /// Coordinates of a point, in the full length of the curve.
    Ec {
        /// The curve.
        curve: Curve,
        /// First coordinate.
        x: Vec<u8>,
        /// Second coordinate.
        y: Vec<u8>,
    },
    /// The 32 bytes of an Ed25519 public key.
    Ed25519 {
        /// Encoded point.
        x: Vec<u8>,
    },
}

impl PublicParams {
    /// The algorithm this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::Ec { curve, .. } => curve.algorithm(),
            Self::Ed25519 { .. } => Algorithm::EdDsa,
        }
    }

    /// From RSA modulus and exponent; leading zeros are dropped.
    pub(crate) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { n: der::trim_zeros(n).to_vec(), e: der::trim_zeros(e).to_vec() }
    }

    /// From a PKCS#1 `RSAPublicKey`.
    pub(crate) fn from_pkcs1(input: &[u8]) -> Result<Self, KeyError> {
        let (rest, key) = RSAPublicKey::from_der(input).map_err(|_| KeyError::MalformedPublicKey)?;
        if !rest.is_empty() {
            return Err(KeyError::MalformedPublicKey);
        }
        Ok(Self::rsa(key.modulus, key.exponent))
    }

    /// From an uncompressed point (SEC 1 §2.3.3).
    pub(crate) fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        match point.split_first() {
            Some((0x04, xy)) if xy.len() == 2 * curve.size() => {
                let (x, y) = xy.split_at(curve.size());
                Ok(Self::Ec { curve, x: x.to_vec(), y: y.to_vec() })
            }
            _ => Err(KeyError::MalformedPublicKey),
        }
    }

    /// From a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
    pub(crate) fn from_spki(input: &[u8]) -> Result<Self, KeyError> {
        let (rest, spki) = SubjectPublicKeyInfo::from_der(input).map_err(|_| KeyError::MalformedPublicKey)?;
        if !rest.is_empty() {
            return Err(KeyError::MalformedPublicKey);
        }
        let bits = spki.subject_public_key.data.as_ref();
        match spki.algorithm.algorithm.to_id_string().as_str() {
            OID_RSA => Self::from_pkcs1(bits),
            OID_EC => {
                let curve = spki
                    .algorithm
                    .parameters
                    .as_ref()
                    .and_then(|p| p.as_oid().ok())
                    .and_then(|oid| Curve::from_oid(&oid.to_id_string()))
                    .ok_or(KeyError::Unsupported)?;
                Self::from_point(curve, bits)
            }
            OID_ED25519 => Self::ed25519(bits),
            _ => Err(KeyError::Unsupported),
        }
    }

    /// From the 32 bytes of an Ed25519 key.
    pub(crate) fn ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != 32 {
            return Err(KeyError::MalformedPublicKey);
        }
        Ok(Self::Ed25519 { x: bytes.to_vec() })
    }

    /// Parses the key for verification; refuses weak moduli and points off the curve.
    pub(crate) fn parse(&self) -> Result<ParsedPublicKey, KeyError> {
        let (algorithm, bytes): (&'static dyn VerificationAlgorithm, Vec<u8>) = match self {
            Self::Rsa { n, e } => {
                let bits = n.len() * 8 - n.first().map_or(0, |b| b.leading_zeros() as usize);
                if !(2048..=8192).contains(&bits) {
                    return Err(KeyError::RsaSize);
                }
                (&RSA_PKCS1_2048_8192_SHA256, pkcs1_public(n, e))
            }
            Self::Ec { curve, x, y } => {
                let algorithm: &'static dyn VerificationAlgorithm = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &ECDSA_P521_SHA512_FIXED,
                };
                (algorithm, [&[0x04], x.as_slice(), y].concat())
            }
            Self::Ed25519 { x } => (&ED25519, x.clone()),
        };
        ParsedPublicKey::new(algorithm, bytes).map_err(|_| KeyError::MalformedPublicKey)
    }
}

fn pkcs1_public(n: &[u8], e: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(n.len() + e.len() + 16);
    der::push_unsigned(&mut content, n);
    der::push_unsigned(&mut content, e);
    let mut out = Vec::with_capacity(content.len() + 8);
    der::push(&mut out, der::SEQUENCE, &content);
    out
}
