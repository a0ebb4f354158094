//! One in a thousand tokens is checked as a relying party would, with keys taken from the JWKS and nothing of
//! ours.
use crate::client::Result;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

const SAMPLE: u64 = 1000;

enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The public keys of one issuer.
pub struct Keys {
    issuer: String,
    by_id: HashMap<String, Key>,
    seen: AtomicU64,
}

impl Keys {
    /// Reads a JWKS document (RFC 7517 §5).
    pub fn parse(issuer: &str, document: &[u8]) -> Result<Self> {
        let document: Value = serde_json::from_slice(document).map_err(|e| format!("JWKS: {e}"))?;
        let mut by_id = HashMap::new();
        for key in document["keys"].as_array().ok_or("JWKS without keys")? {
            let part = |name: &str| {
                key[name]
                    .as_str()
                    .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
                    .ok_or_else(|| format!("a key without {name}"))
            };
            let parsed = match key["kty"].as_str() {
                Some("RSA") => Key::Rsa { n: part("n")?, e: part("e")? },
                Some("EC") if key["crv"] == "P-256" => Key::P256([vec![4], part("x")?, part("y")?].concat()),
                Some("OKP") if key["crv"] == "Ed25519" => Key::Ed25519(part("x")?),
                _ => continue,
            };
            by_id.insert(key["kid"].as_str().unwrap_or_default().to_owned(), parsed);
        }
        Ok(Self { issuer: issuer.into(), by_id, seen: AtomicU64::new(0) })
    }

    /// Checks the first token and then each thousandth.
    pub fn sample(&self, token: &str) -> Result<()> {
        if self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE) {
            self.verify(token).map_err(|e| format!("a token that does not verify: {e}"))
        } else {
            Ok(())
        }
    }

    fn verify(&self, token: &str) -> Result<()> {
        let (signed, signature) = token.rsplit_once('.').ok_or("no JWT")?;
        let (header, claims) = signed.split_once('.').ok_or("no JWT")?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| "not base64url".to_owned());
        let read = |text: &str| serde_json::from_slice::<Value>(&decode(text)?).map_err(|e| e.to_string());
        let (header, claims, signature) = (read(header)?, read(claims)?, decode(signature)?);
        let key = self.by_id.get(header["kid"].as_str().unwrap_or_default()).ok_or("an unknown kid")?;
        let text = signed.as_bytes();
        let good = match (key, header["alg"].as_str().unwrap_or_default()) {
            (Key::Rsa { n, e }, "RS256") => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, text, &signature)
            }
            (Key::P256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, &signature)
            }
            (Key::Ed25519(point), "EdDSA") => {
                UnparsedPublicKey::new(&ED25519, point).verify(text, &signature)
            }
            (_, other) => return Err(format!("{other} is not the algorithm of its key")),
        };
        good.map_err(|_| "a wrong signature")?;
        if claims["iss"] != self.issuer.as_str() {
            return Err(format!("issued by {}, not {}", claims["iss"], self.issuer));
        }
        let lives = claims["exp"].as_f64().zip(claims["iat"].as_f64()).is_some_and(|(exp, iat)| exp > iat);
        if lives { Ok(()) } else { Err("it does not expire after its issue".into()) }
    }
}

/// A text member of a flat JSON object, without parsing the rest: the tool must stay cheaper than the server.
pub fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let after = text[text.find(&format!("\"{name}\""))? + name.len() + 2..]
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?;
    after.split('"').next()
}

/// How many signatures a token answer holds.
pub fn signatures(body: &[u8]) -> usize {
    ["access_token", "id_token"]
        .iter()
        .filter(|name| member(body, name).is_some_and(|t| t.matches('.').count() == 2))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    #[test]
    fn a_changed_token_is_found() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let jwks = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{}"}}]}}"#,
            URL_SAFE_NO_PAD.encode(pair.public_key())
        );
        let keys = Keys::parse("http://i/", jwks.as_bytes()).unwrap();
        let make = |header: &str, claims: &str| {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
            format!("{signed}.{signature}")
        };
        let (header, claims) = (r#"{"alg":"EdDSA","kid":"k"}"#, r#"{"iss":"http://i/","iat":1,"exp":2}"#);
        let good = make(header, claims);
        keys.verify(&good).unwrap();
        assert!(keys.verify(&good.replacen("ey", "ez", 1)).is_err());
        assert!(keys.verify(&make(r#"{"alg":"none","kid":"k"}"#, claims)).is_err());
        assert!(keys.verify(&make(r#"{"alg":"EdDSA","kid":"other"}"#, claims)).is_err());
        assert!(keys.verify(&make(header, r#"{"iss":"http://j/","iat":1,"exp":2}"#)).is_err());
        assert!(keys.verify(&make(header, r#"{"iss":"http://i/","iat":2,"exp":2}"#)).is_err());
        assert!(keys.sample("x").is_err() && keys.sample("x").is_ok());
    }

    #[test]
    fn members_and_signatures() {
        let body = br#"{"access_token": "a.b.c","id_token":"a.b.c", "refresh_token":"r"}"#;
        assert_eq!(
            (member(body, "refresh_token"), member(body, "none"), signatures(body)),
            (Some("r"), None, 2)
        );
        assert_eq!(signatures(br#"{"access_token":"opaque"}"#), 0);
    }
}
