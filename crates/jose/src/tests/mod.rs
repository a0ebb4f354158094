//! Tests of the crate's promises. Keys are generated on the spot or come from the RFCs.
#![allow(clippy::unwrap_used)]

mod claims;
mod jwk;
mod keys;
mod refusals;
mod rfc;
mod x509;

use crate::x509::{Generate, Generated, KeyAlgorithm, generate};
use crate::{Encoder, Expect, SigningKey, VerifyingKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// The frozen present of all tests.
const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://id.example/application/o/app/";

fn self_signed(alg: KeyAlgorithm) -> Generated {
    generate(&Generate {
        common_name: "signet.test",
        subject_alt_names: &["signet.test"],
        validity_days: 30,
        alg,
        now: NOW,
    })
    .unwrap()
}

/// One RSA key for all tests that need any: making one is slow.
static RSA: LazyLock<Generated> = LazyLock::new(|| self_signed(KeyAlgorithm::Rsa));
static ES256: LazyLock<Generated> = LazyLock::new(|| self_signed(KeyAlgorithm::Ecdsa));

fn signing(pair: &Generated) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_pem(pair.key_pem.reveal()).unwrap())
}

fn es256() -> (Arc<SigningKey>, VerifyingKey) {
    let key = signing(&ES256);
    let verifying = key.verifying_key().unwrap();
    (key, verifying)
}

/// Claims that pass, for the one change that a test makes.
fn good_claims() -> Value {
    json!({"iss": ISSUER, "aud": "client", "sub": "user", "iat": NOW - 5, "exp": NOW + 300})
}

fn expect() -> Expect<'static> {
    Expect::new(NOW).iss(ISSUER).aud("client")
}

fn token(claims: &Value) -> String {
    Encoder::new(es256().0, "JWT").encode(claims).unwrap()
}

/// A token with any header and payload text, signed by the given key.
fn raw_token(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(payload));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", b64(signature))
}

fn b64(data: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
