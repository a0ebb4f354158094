//! JSON Web Keys (RFC 7517) and their thumbprints (RFC 7638).
use crate::jwt::strict;
use crate::{Algorithm, Certificate, Curve, KeyError, PublicParams, SigningKey, VerifyingKey};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};

/// Key sets with more keys are refused: each is a candidate for every signature.
const MAX_KEYS: usize = 128;

/// A public key as published in a JWKS. It never holds private members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key type: `RSA`, `EC` or `OKP`.
    pub kty: &'static str,
    /// Signature algorithm.
    pub alg: &'static str,
    /// Key identifier, as in the header of the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub use_: &'static str,
    /// RSA modulus, Base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// RSA exponent, Base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// Curve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<&'static str>,
    /// First coordinate or Ed25519 key, Base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Second coordinate, Base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The certificate, Base64 of DER.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5c: Option<Vec<String>>,
    /// SHA-1 of the certificate, Base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x5t: Option<String>,
    /// SHA-256 of the certificate, Base64url.
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
}

impl Jwk {
    /// The public half of a signing key, with its certificate if there is one.
    /// `None` for a shared secret, which is never published.
    pub fn of(key: &SigningKey, certificate: Option<&Certificate>) -> Option<Self> {
        let mut jwk = Self::from_params(key.public()?, key.kid());
        if let Some(certificate) = certificate {
            let der = certificate.der();
            jwk.x5c = Some(vec![STANDARD.encode(der)]);
            jwk.x5t = Some(URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der)));
            jwk.x5t_s256 = Some(crate::sha256_base64url(der));
        }
        Some(jwk)
    }

    /// From the numbers of a public key.
    pub fn from_params(params: &PublicParams, kid: Option<&str>) -> Self {
        let encode = |bytes: &Vec<u8>| Some(URL_SAFE_NO_PAD.encode(bytes));
        let mut jwk = Self {
            kty: "OKP",
            alg: params.algorithm().as_str(),
            kid: kid.map(str::to_owned),
            use_: "sig",
            n: None,
            e: None,
            crv: None,
            x: None,
            y: None,
            x5c: None,
            x5t: None,
            x5t_s256: None,
        };
        match params {
            PublicParams::Rsa { n, e } => {
                jwk.kty = "RSA";
                (jwk.n, jwk.e) = (encode(n), encode(e));
            }
            PublicParams::Ec { curve, x, y } => {
                jwk.kty = "EC";
                jwk.crv = Some(curve.as_str());
                (jwk.x, jwk.y) = (encode(x), encode(y));
            }
            PublicParams::Ed25519 { x } => {
                jwk.crv = Some("Ed25519");
                jwk.x = encode(x);
            }
        }
        jwk
    }
}

impl PublicParams {
    /// The RFC 7638 thumbprint: Base64url of SHA-256 over the required members in lexical order.
    pub fn thumbprint(&self) -> String {
        let b64 = |bytes: &Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        // Base64url and curve names need no JSON escapes.
        let canonical = match self {
            Self::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, b64(e), b64(n))
            }
            Self::Ec { curve, x, y } => {
                let (crv, x, y) = (curve.as_str(), b64(x), b64(y));
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, b64(x))
            }
        };
        crate::sha256_base64url(canonical.as_bytes())
    }

    /// Reads the public members of a JWK object. Other members are not looked at, except that a
    /// private key or a shared secret is refused.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        let kty = text(jwk, "kty")?;
        // A key set with secrets in it is broken at its source; nothing it signs can be believed.
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            if jwk.contains_key(private) {
                return Err(KeyError::Jwk(private));
            }
        }
        match kty {
            "RSA" => Ok(Self::rsa(&bytes(jwk, "n")?, &bytes(jwk, "e")?)),
            "EC" => {
                let crv = text(jwk, "crv")?;
                let curve =
                    Curve::ALL.into_iter().find(|c| c.as_str() == crv).ok_or(KeyError::Unsupported)?;
                let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
                // RFC 7518 §6.2.1.2: the full length, leading zeros included.
                if x.len() != curve.size() {
                    return Err(KeyError::Jwk("x"));
                }
                if y.len() != curve.size() {
                    return Err(KeyError::Jwk("y"));
                }
                Ok(Self::Ec { curve, x, y })
            }
            "OKP" if text(jwk, "crv")? == "Ed25519" => {
                Self::ed25519(&bytes(jwk, "x")?).map_err(|_| KeyError::Jwk("x"))
            }
            _ => Err(KeyError::Unsupported),
        }
    }
}

impl VerifyingKey {
    /// Reads one public JWK. Its `alg`, `use` and `key_ops`, where present, must allow verifying
    /// with the algorithm of the key.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyError> {
        let params = PublicParams::from_jwk(jwk)?;
        match jwk.get("use") {
            None => {}
            Some(Value::String(u)) if u == "sig" => {}
            Some(_) => return Err(KeyError::Jwk("use")),
        }
        match jwk.get("key_ops") {
            None => {}
            Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => {}
            Some(_) => return Err(KeyError::Jwk("key_ops")),
        }
        match jwk.get("alg") {
            None => {}
            Some(Value::String(a)) if Algorithm::parse(a) == Some(params.algorithm()) => {}
            Some(Value::String(_)) => return Err(KeyError::Unsupported),
            Some(_) => return Err(KeyError::Jwk("alg")),
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(KeyError::Jwk("kid")),
        };
        Self::from_params(params, kid)
    }
}

/// The usable keys of somebody's JWKS.
#[derive(Clone, Debug, Default)]
pub struct JwkSet {
    keys: Vec<VerifyingKey>,
}

impl JwkSet {
    /// Reads a JWKS document. Keys of other types, uses and algorithms are left out (RFC 7517 §5);
    /// the document itself must be sound. An empty object, as published by HS256 providers, is an
    /// empty set.
    pub fn from_json(json: &[u8]) -> Result<Self, KeyError> {
        let value = strict::parse(json).map_err(|_| KeyError::Jwk("keys"))?;
        let Value::Object(document) = value else {
            return Err(KeyError::Jwk("keys"));
        };
        let entries = match document.get("keys") {
            None if document.is_empty() => return Ok(Self::default()),
            Some(Value::Array(entries)) if entries.len() <= MAX_KEYS => entries,
            _ => return Err(KeyError::Jwk("keys")),
        };
        let keys = entries
            .iter()
            .filter_map(Value::as_object)
            .filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok())
            .collect();
        Ok(Self { keys })
    }

    /// The keys, in document order.
    pub fn keys(&self) -> &[VerifyingKey] {
        &self.keys
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, KeyError> {
    jwk.get(name).and_then(Value::as_str).ok_or(KeyError::Jwk(name))
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    let bytes = URL_SAFE_NO_PAD.decode(text(jwk, name)?).map_err(|_| KeyError::Jwk(name))?;
    if bytes.is_empty() {
        return Err(KeyError::Jwk(name));
    }
    Ok(bytes)
}
