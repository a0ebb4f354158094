//! Making tokens.
use crate::{JwtError, SigningKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// A signing key with a prepared header for one `typ`. Make it once per key and keep it.
#[derive(Clone, Debug)]
pub struct Encoder {
    key: Arc<SigningKey>,
    /// Base64url of the header, with the dot.
    prefix: String,
}

impl Encoder {
    /// Prepares the header `{alg, kid?, typ}`. Examples of `typ`: `JWT`, `logout+jwt`, `dpop+id_token`.
    pub fn new(key: Arc<SigningKey>, typ: &str) -> Self {
        let alg = key.alg().as_str();
        let header = match key.kid() {
            Some(kid) => json!({"alg": alg, "kid": kid, "typ": typ}),
            None => json!({"alg": alg, "typ": typ}),
        };
        let mut prefix = URL_SAFE_NO_PAD.encode(header.to_string());
        prefix.push('.');
        Self { key, prefix }
    }

    /// The key behind the tokens.
    pub fn key(&self) -> &Arc<SigningKey> {
        &self.key
    }

    /// Signs claims into a compact JWS. The claims must serialise to a JSON object.
    pub fn encode<C: Serialize + ?Sized>(&self, claims: &C) -> Result<String, JwtError> {
        let payload = serde_json::to_vec(claims).map_err(|_| JwtError::Claims)?;
        if payload.first() != Some(&b'{') {
            return Err(JwtError::Claims);
        }
        // A third more for Base64, and room for the longest signature.
        let mut token = String::with_capacity(self.prefix.len() + payload.len() * 4 / 3 + 4 + 700);
        token.push_str(&self.prefix);
        URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }
}
