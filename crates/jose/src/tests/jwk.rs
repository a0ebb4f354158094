//! JWK and JWKS.
use super::*;
use crate::{Jwk, JwkSet, KeyError};
use serde_json::Map;

fn read(value: Value) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_jwk(value.as_object().unwrap())
}

fn ec() -> Map<String, Value> {
    let jwk = Jwk::of(&signing(&ES256), None).unwrap();
    serde_json::to_value(jwk).unwrap().as_object().unwrap().clone()
}

fn ec_with(name: &str, value: Value) -> Result<VerifyingKey, KeyError> {
    let mut jwk = ec();
    jwk.insert(name.to_owned(), value);
    VerifyingKey::from_jwk(&jwk)
}

#[test]
fn an_rsa_jwk_has_the_members_of_the_recorded_jwks() {
    let certificate = crate::Certificate::from_pem(&RSA.certificate_pem).unwrap();
    let jwk = Jwk::of(&signing(&RSA), Some(&certificate)).unwrap();
    let jwk = serde_json::to_value(jwk).unwrap();
    let mut names: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "e", "kid", "kty", "n", "use", "x5c", "x5t", "x5t#S256"]);
    assert_eq!(jwk["alg"], "RS256");
    assert_eq!(jwk["e"], "AQAB");
    assert_eq!(jwk["use"], "sig");
    assert_eq!(jwk["x5c"].as_array().unwrap().len(), 1);
    assert_eq!(unb64(jwk["n"].as_str().unwrap()).len(), 256);
    assert_eq!(unb64(jwk["x5t"].as_str().unwrap()).len(), 20);
    assert_eq!(unb64(jwk["x5t#S256"].as_str().unwrap()).len(), 32);
}

#[test]
fn other_key_types_have_their_own_members() {
    let mut names: Vec<String> = ec().keys().cloned().collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    let ed = Jwk::of(&signing(&self_signed(KeyAlgorithm::Ed25519)), None).unwrap();
    assert_eq!((ed.kty, ed.crv, ed.alg), ("OKP", Some("Ed25519"), "EdDSA"));
    assert!(ed.y.is_none());
}

#[test]
fn a_shared_secret_is_never_published() {
    assert!(Jwk::of(&SigningKey::hs256("secret").unwrap(), None).is_none());
}

#[test]
fn a_published_key_reads_back_as_the_same_key() {
    for pair in [&*RSA, &*ES256, &self_signed(KeyAlgorithm::Ed25519)] {
        let key = signing(pair);
        let jwk = serde_json::to_value(Jwk::of(&key, None).unwrap()).unwrap();
        let back = read(jwk).unwrap();
        assert_eq!(back.public(), key.public());
        assert_eq!(back.kid(), key.kid());
        assert!(back.verify(b"message", &key.sign(b"message").unwrap()));
    }
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let mut y = unb64(ec()["y"].as_str().unwrap());
    y[31] ^= 1;
    assert_eq!(ec_with("y", json!(b64(y))).unwrap_err(), KeyError::MalformedPublicKey);
    let zero = json!(b64([0; 32]));
    let mut jwk = ec();
    jwk.insert("x".into(), zero.clone());
    jwk.insert("y".into(), zero);
    assert!(VerifyingKey::from_jwk(&jwk).is_err());
}

#[test]
fn coordinates_of_the_wrong_length_are_refused() {
    let x = unb64(ec()["x"].as_str().unwrap());
    assert_eq!(ec_with("x", json!(b64(&x[1..]))).unwrap_err(), KeyError::Jwk("x"));
    let padded = [&[0][..], &x].concat();
    assert_eq!(ec_with("x", json!(b64(padded))).unwrap_err(), KeyError::Jwk("x"));
    assert_eq!(ec_with("x", json!("")).unwrap_err(), KeyError::Jwk("x"));
    assert_eq!(ec_with("x", json!("A===")).unwrap_err(), KeyError::Jwk("x"));
    assert_eq!(ec_with("crv", json!("secp256k1")).unwrap_err(), KeyError::Unsupported);
    let short = json!({"kty": "OKP", "crv": "Ed25519", "x": b64([1; 31])});
    assert_eq!(read(short).unwrap_err(), KeyError::Jwk("x"));
}

#[test]
fn weak_rsa_keys_are_refused() {
    let weak = json!({"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"});
    assert_eq!(read(weak).unwrap_err(), KeyError::RsaSize);
    let huge = json!({"kty": "RSA", "n": b64([0xff; 2048]), "e": "AQAB"});
    assert_eq!(read(huge).unwrap_err(), KeyError::RsaSize);
    let n = [0xff; 256];
    for e in ["AQ", "Ag", "AA"] {
        let trivial = json!({"kty": "RSA", "n": b64(n), "e": e});
        assert!(read(trivial).is_err(), "{e}");
    }
}

#[test]
fn private_and_symmetric_keys_are_refused() {
    assert_eq!(ec_with("d", json!("AQAB")).unwrap_err(), KeyError::Jwk("d"));
    assert!(read(json!({"kty": "oct", "k": "c2VjcmV0"})).is_err());
}

#[test]
fn keys_for_another_purpose_are_refused() {
    assert_eq!(ec_with("use", json!("enc")).unwrap_err(), KeyError::Jwk("use"));
    assert_eq!(ec_with("alg", json!("ES384")).unwrap_err(), KeyError::Unsupported);
    assert_eq!(ec_with("alg", json!("HS256")).unwrap_err(), KeyError::Unsupported);
    assert_eq!(ec_with("kid", json!(1)).unwrap_err(), KeyError::Jwk("kid"));
    let ops = ec_with("key_ops", json!(["encrypt"]));
    assert_eq!(ops.unwrap_err(), KeyError::Jwk("key_ops"));
}

#[test]
fn a_key_set_leaves_out_keys_it_cannot_use() {
    let document = json!({"keys": [
        {"kty": "RSA", "n": b64([0xff; 128]), "e": "AQAB"},
        {"kty": "future"},
        {"kty": "oct", "k": "c2VjcmV0"},
        "nonsense",
        Value::Object(ec()),
    ]});
    let set = JwkSet::from_json(document.to_string().as_bytes()).unwrap();
    assert_eq!(set.keys().len(), 1);
    assert!(JwkSet::from_json(b"{}").unwrap().keys().is_empty());
}

#[test]
fn a_damaged_key_set_is_refused() {
    let many = json!({"keys": vec![json!({}); 500]}).to_string();
    for json in ["", "[]", "null", r#"{"keys":{}}"#, r#"{"other":1}"#, r#"{"keys":[],"keys":[]}"#, &many] {
        assert!(JwkSet::from_json(json.as_bytes()).is_err(), "{json:.60}");
    }
}
