//! COSE keys of credentials (RFC 9052 §7, RFC 9053) and signature verification.
use crate::WebAuthnError;
use crate::cbor::{self, Value};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// The COSE algorithms that are accepted for credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    Es384,
    Es512,
    EdDsa,
    Rs256,
}

impl Algorithm {
    /// In order of preference.
    pub const ALL: [Self; 5] = [Self::Es256, Self::EdDsa, Self::Es384, Self::Es512, Self::Rs256];

    /// The identifier in the IANA registry of COSE algorithms.
    pub fn id(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::EdDsa => -8,
            Self::Es384 => -35,
            Self::Es512 => -36,
            Self::Rs256 => -257,
        }
    }
    pub fn from_id(id: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.id() == id)
    }
    /// The verification algorithm for keys in SubjectPublicKeyInfo form.
    pub(crate) fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Es256 => &ECDSA_P256_SHA256_ASN1,
            Self::Es384 => &ECDSA_P384_SHA384_ASN1,
            Self::Es512 => &ECDSA_P521_SHA512_ASN1,
            Self::EdDsa => &ED25519,
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        }
    }
}

/// A credential's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub algorithm: Algorithm,
    pub params: KeyParams,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyParams {
    /// Coordinates, padded to the length of the curve's field.
    Ec {
        x: Vec<u8>,
        y: Vec<u8>,
    },
    Okp {
        x: Vec<u8>,
    },
    /// Big-endian, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl PublicKey {
    /// Parses a `COSE_Key` that spans the whole input. An EC point must be on its curve.
    pub fn read(cose: &[u8]) -> Result<Self, WebAuthnError> {
        Self::from_value(&cbor::whole(cose)?)
    }
    pub(crate) fn from_value(key: &Value<'_>) -> Result<Self, WebAuthnError> {
        let wrong = WebAuthnError::Key;
        let int = |label: i64| key.at(label).and_then(Value::int);
        let bytes = |label: i64| key.at(label).and_then(Value::bytes).ok_or(WebAuthnError::Key);
        let algorithm = int(3).and_then(Algorithm::from_id).ok_or(wrong.clone())?;
        let (kty, curve, size) = match algorithm {
            Algorithm::Es256 => (2, Some(1), 32),
            Algorithm::Es384 => (2, Some(2), 48),
            Algorithm::Es512 => (2, Some(3), 66),
            Algorithm::EdDsa => (1, Some(6), 32),
            Algorithm::Rs256 => (3, None, 0),
        };
        if int(1) != Some(kty) || (curve.is_some() && int(-1) != curve) {
            return Err(wrong);
        }
        let params = match algorithm {
            Algorithm::Rs256 => KeyParams::Rsa { n: trimmed(bytes(-1)?), e: trimmed(bytes(-2)?) },
            Algorithm::EdDsa => KeyParams::Okp { x: bytes(-2)?.to_vec() },
            _ => KeyParams::Ec { x: bytes(-2)?.to_vec(), y: bytes(-3)?.to_vec() },
        };
        let me = Self { algorithm, params };
        let fits = match &me.params {
            KeyParams::Ec { x, y } => {
                x.len() == size
                    && y.len() == size
                    && ParsedPublicKey::new(algorithm.verification(), me.point()).is_ok()
            }
            KeyParams::Okp { x } => x.len() == size && ParsedPublicKey::new(&ED25519, x).is_ok(),
            KeyParams::Rsa { n, e } => {
                let bits = n.len() * 8 - n.first().map_or(0, |b| b.leading_zeros() as usize);
                (2048..=8192).contains(&bits)
                    && (1..=8).contains(&e.len())
                    && e.last().is_some_and(|b| b & 1 == 1)
                    && e != &[1]
            }
        };
        if fits { Ok(me) } else { Err(wrong) }
    }
    /// An uncompressed point (SEC 1 §2.3.3), or the bytes of an Ed25519 key.
    pub(crate) fn point(&self) -> Vec<u8> {
        match &self.params {
            KeyParams::Ec { x, y } => [&[4], x.as_slice(), y].concat(),
            KeyParams::Okp { x } => x.clone(),
            KeyParams::Rsa { .. } => Vec::new(),
        }
    }
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WebAuthnError> {
        let fits = match &self.params {
            KeyParams::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            _ => {
                UnparsedPublicKey::new(self.algorithm.verification(), self.point()).verify(message, signature)
            }
        };
        fits.map_err(|_| WebAuthnError::Signature)
    }
}

pub(crate) fn trimmed(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|b| *b == 0).collect()
}
