//! Private keys.
use super::{VerifyingKey, hmac_key};
use crate::{Algorithm, Curve, KeyError, PublicParams, der, pem};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use md5::{Digest, Md5};
use std::fmt;

/// DER contents of the object identifiers in PKCS#8 (RFC 8017, RFC 5480, RFC 8410).
const PKCS8_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const PKCS8_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PKCS8_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// The same for P-256, P-384 and P-521 (RFC 5480 §2.1.1.1).
const CURVES: [&[u8]; 3] = [
    &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    &[0x2b, 0x81, 0x04, 0x00, 0x22],
    &[0x2b, 0x81, 0x04, 0x00, 0x23],
];

/// A private key or shared secret that signs.
pub struct SigningKey {
    kind: KeyKind,
    alg: Algorithm,
    kid: Option<String>,
    public: Option<PublicParams>,
}

enum KeyKind {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Hmac(Box<hmac::Key>),
}

impl SigningKey {
    /// Reads the first private key of a PEM text: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC).
    ///
    /// The `kid` is the MD5 of the whole text as given, so even its line ends count. MD5 is a name
    /// here, not a protection.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::blocks(text)?
            .into_iter()
            .find(|b| b.label.ends_with("PRIVATE KEY"))
            .ok_or(KeyError::Missing("private key"))?;
        if block.encrypted || block.label == "ENCRYPTED PRIVATE KEY" {
            return Err(KeyError::Encrypted);
        }
        let kind = match block.label.as_str() {
            "PRIVATE KEY" => match der::pkcs8(&block.der) {
                None => return Err(KeyError::MalformedPrivateKey),
                Some((PKCS8_RSA, key)) => rsa(key)?,
                Some((PKCS8_EC, _)) => ec(&block.der)?,
                Some((PKCS8_ED25519, _)) => KeyKind::Ed25519(
                    Ed25519KeyPair::from_pkcs8(&block.der).map_err(|_| KeyError::MalformedPrivateKey)?,
                ),
                Some(_) => return Err(KeyError::Unsupported),
            },
            "RSA PRIVATE KEY" => rsa(&block.der)?,
            "EC PRIVATE KEY" => ec(&block.der)?,
            _ => return Err(KeyError::Unsupported),
        };
        let public = public(&kind)?;
        Ok(Self {
            alg: public.algorithm(),
            kind,
            kid: Some(hex(&Md5::digest(text.as_bytes()))),
            public: Some(public),
        })
    }

    /// An HS256 key from a client secret. It has no `kid` and no public half.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(Self {
            kind: KeyKind::Hmac(hmac_key(secret.as_ref())?),
            alg: Algorithm::Hs256,
            kid: None,
            public: None,
        })
    }

    /// The algorithm of every signature by this key.
    pub fn alg(&self) -> Algorithm {
        self.alg
    }

    /// The key identifier; none for shared secrets.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The public half; none for shared secrets.
    pub fn public(&self) -> Option<&PublicParams> {
        self.public.as_ref()
    }

    /// Signs a message. ECDSA signatures have the fixed-width form `r || s` (RFC 7518 §3.4).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.kind {
            KeyKind::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| KeyError::Sign)?;
                Ok(signature)
            }
            KeyKind::Ec(key) => key
                .sign(&SystemRandom::new(), message)
                .map(|s| s.as_ref().to_vec())
                .map_err(|_| KeyError::Sign),
            KeyKind::Ed25519(key) => {
                key.try_sign(message).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::Sign)
            }
            KeyKind::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }

    /// The key that verifies this key's signatures, under the same `kid`.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        match (&self.kind, &self.public) {
            (KeyKind::Hmac(key), _) => Ok(VerifyingKey::from_hmac(key.clone())),
            (_, Some(public)) => VerifyingKey::from_params(public.clone(), self.kid.clone()),
            (_, None) => Err(KeyError::Unsupported),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("alg", &self.alg).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Reads a PKCS#1 `RSAPrivateKey`.
fn rsa(pkcs1: &[u8]) -> Result<KeyKind, KeyError> {
    RsaKeyPair::from_der(pkcs1).map(KeyKind::Rsa).map_err(|_| match modulus_bits(pkcs1) {
        Some(2048..=8192) | None => KeyError::MalformedPrivateKey,
        Some(_) => KeyError::RsaSize,
    })
}

/// The size of the modulus in a PKCS#1 `RSAPrivateKey`, to tell a short key from a damaged one.
fn modulus_bits(pkcs1: &[u8]) -> Option<usize> {
    let (key, _) = der::expect(der::SEQUENCE, pkcs1)?;
    let (_version, rest) = der::expect(der::INTEGER, key)?;
    let (n, _) = der::expect(der::INTEGER, rest)?;
    let n = der::trim_zeros(n);
    Some(n.len() * 8 - n.first()?.leading_zeros() as usize)
}

/// Reads a SEC 1 `ECPrivateKey`, bare or within PKCS#8.
fn ec(der: &[u8]) -> Result<KeyKind, KeyError> {
    Curve::ALL
        .into_iter()
        .find_map(|c| EcdsaKeyPair::from_private_key_der(signing_algorithm(c), der).ok())
        .map(KeyKind::Ec)
        .ok_or_else(|| match curve_oid(der) {
            Some(oid) if !CURVES.contains(&oid) => KeyError::Unsupported,
            _ => KeyError::MalformedPrivateKey,
        })
}

/// The curve that an EC key names, to tell a foreign curve from a damaged key.
fn curve_oid(der: &[u8]) -> Option<&[u8]> {
    const PARAMETERS: u8 = 0xa0;
    let (key, _) = der::expect(der::SEQUENCE, der)?;
    let (_version, rest) = der::expect(der::INTEGER, key)?;
    let parameters = match der::split(rest)? {
        (der::SEQUENCE, algorithm, _) => der::expect(der::OBJECT_IDENTIFIER, algorithm)?.1,
        (der::OCTET_STRING, _, rest) => der::expect(PARAMETERS, rest)?.0,
        _ => return None,
    };
    Some(der::expect(der::OBJECT_IDENTIFIER, parameters)?.0)
}

fn signing_algorithm(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

fn public(kind: &KeyKind) -> Result<PublicParams, KeyError> {
    match kind {
        KeyKind::Rsa(key) => PublicParams::from_pkcs1(key.public_key().as_ref()),
        KeyKind::Ec(key) => {
            let point = key.public_key().as_ref();
            // The three curves have points of different lengths.
            let curve = Curve::ALL
                .into_iter()
                .find(|c| point.len() == 1 + 2 * c.size())
                .ok_or(KeyError::Unsupported)?;
            PublicParams::from_point(curve, point)
        }
        KeyKind::Ed25519(key) => PublicParams::ed25519(key.public_key().as_ref()),
        KeyKind::Hmac(_) => Err(KeyError::Unsupported),
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
