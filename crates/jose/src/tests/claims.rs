//! Issuer, audience and dates.
use super::*;
use crate::jwt::verify;
use crate::{Algorithm, JwtError};
use serde::Deserialize;

fn with(name: &str, value: Value) -> Result<(), JwtError> {
    with_expect(name, value, &expect())
}

fn with_expect(name: &str, value: Value, expect: &Expect<'_>) -> Result<(), JwtError> {
    let mut claims = good_claims();
    claims[name] = value;
    verify(&token(&claims), &[es256().1], expect).map(|_| ())
}

fn without(name: &str) -> Result<(), JwtError> {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove(name);
    verify(&token(&claims), &[es256().1], &expect()).map(|_| ())
}

#[test]
fn a_missing_or_foreign_audience_is_refused() {
    assert_eq!(without("aud"), Err(JwtError::MissingClaim("aud")));
    assert_eq!(with("aud", json!([])), Err(JwtError::MissingClaim("aud")));
    for foreign in [
        json!("other"),
        json!("client "),
        json!("Client"),
        json!("client,other"),
        json!(["other", "clients"]),
    ] {
        assert_eq!(with("aud", foreign), Err(JwtError::Audience));
    }
    for wrong in [json!(null), json!(1), json!({"client": 1}), json!(["client", 1])] {
        assert_eq!(with("aud", wrong), Err(JwtError::InvalidClaim("aud")));
    }
    assert_eq!(with("aud", json!(["other", "client"])), Ok(()));
}

#[test]
fn a_missing_or_foreign_issuer_is_refused() {
    assert_eq!(without("iss"), Err(JwtError::MissingClaim("iss")));
    assert_eq!(with("iss", json!([ISSUER])), Err(JwtError::InvalidClaim("iss")));
    let unslashed = ISSUER.trim_end_matches('/');
    assert_eq!(with("iss", json!(unslashed)), Err(JwtError::Issuer));
}

#[test]
fn names_that_are_no_strings_are_refused() {
    assert_eq!(with("sub", json!(7)), Err(JwtError::InvalidClaim("sub")));
    assert_eq!(with("jti", json!(["x"])), Err(JwtError::InvalidClaim("jti")));
}

#[test]
fn an_expiry_that_is_absent_or_no_number_is_refused() {
    assert_eq!(without("exp"), Err(JwtError::MissingClaim("exp")));
    let text = (NOW + 300).to_string();
    for wrong in [json!(text), json!(null), json!(true), json!([NOW + 300]), json!(-1), json!(-1.5)] {
        assert_eq!(with("exp", wrong), Err(JwtError::InvalidClaim("exp")));
    }
}

#[test]
fn an_expiry_in_the_far_future_is_refused() {
    for far in [json!(NOW + 5_000_000_000), json!(u64::MAX), json!(i64::MAX), json!(1e300)] {
        assert_eq!(with("exp", far), Err(JwtError::FarFuture));
    }
    let mut narrow = expect();
    narrow.max_ahead = 299;
    assert_eq!(with_expect("exp", json!(NOW + 300), &narrow), Err(JwtError::FarFuture));
}

#[test]
fn an_expired_token_is_refused_from_that_second_on() {
    assert_eq!(with("exp", json!(NOW)), Err(JwtError::Expired));
    assert_eq!(with("exp", json!(NOW + 1)), Ok(()));
    assert_eq!(with("exp", json!(NOW as f64 + 1.5)), Ok(()));
    assert_eq!(with("exp", json!(0)), Err(JwtError::Expired));
    let lenient = expect().leeway(10);
    assert_eq!(with_expect("exp", json!(NOW - 9), &lenient), Ok(()));
    assert_eq!(with_expect("exp", json!(NOW - 10), &lenient), Err(JwtError::Expired));
}

#[test]
fn an_ignored_expiry_must_still_be_a_date() {
    let any = expect().ignore_exp();
    assert_eq!(with_expect("exp", json!(1), &any), Ok(()));
    assert_eq!(with_expect("exp", json!("1"), &any), Err(JwtError::InvalidClaim("exp")));
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().remove("exp");
    assert!(verify(&token(&claims), &[es256().1], &any).is_ok());
}

#[test]
fn a_token_from_the_future_is_refused() {
    for name in ["nbf", "iat"] {
        assert_eq!(with(name, json!(NOW + 1)), Err(JwtError::NotYetValid));
        assert_eq!(with(name, json!(NOW)), Ok(()));
        assert_eq!(with_expect(name, json!(NOW + 5), &expect().leeway(5)), Ok(()));
    }
    assert_eq!(with("nbf", json!("1")), Err(JwtError::InvalidClaim("nbf")));
    assert_eq!(with("iat", json!(null)), Err(JwtError::InvalidClaim("iat")));
}

#[test]
fn headers_hold_alg_kid_and_typ_as_on_the_wire() {
    let (key, _) = es256();
    let token = Encoder::new(key.clone(), "JWT").encode(&good_claims()).unwrap();
    let header: Value = serde_json::from_slice(&unb64(token.split('.').next().unwrap())).unwrap();
    assert_eq!(header, json!({"alg": "ES256", "kid": key.kid().unwrap(), "typ": "JWT"}));
    let shared = Arc::new(SigningKey::hs256("wd-secret-0123456789").unwrap());
    let token = Encoder::new(shared, "JWT").encode(&good_claims()).unwrap();
    let header: Value = serde_json::from_slice(&unb64(token.split('.').next().unwrap())).unwrap();
    assert_eq!(header, json!({"alg": "HS256", "typ": "JWT"}));
}

#[test]
fn every_algorithm_makes_tokens_that_it_verifies_and_others_do_not() {
    let keys: Vec<Arc<SigningKey>> = vec![
        signing(&RSA),
        signing(&ES256),
        signing(&self_signed(KeyAlgorithm::Ed25519)),
        Arc::new(SigningKey::hs256("client secret").unwrap()),
    ];
    let verifying: Vec<VerifyingKey> = keys.iter().map(|k| k.verifying_key().unwrap()).collect();
    for (i, key) in keys.iter().enumerate() {
        let token = Encoder::new(key.clone(), "JWT").encode(&good_claims()).unwrap();
        let verified = verify(&token, &verifying, &expect()).unwrap();
        assert_eq!(verified.key_index(), i);
        assert_eq!(verified.header().alg, key.alg());
        for (j, other) in verifying.iter().enumerate() {
            assert_eq!(verify(&token, [other], &expect()).is_ok(), i == j);
        }
    }
    let algorithms: Vec<Algorithm> = keys.iter().map(|k| k.alg()).collect();
    assert_eq!(algorithms, [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256]);
}

#[test]
fn only_objects_become_tokens() {
    let encoder = Encoder::new(es256().0, "JWT");
    for value in [json!([]), json!("x"), json!(null)] {
        assert_eq!(encoder.encode(&value), Err(JwtError::Claims));
    }
}

#[test]
fn verified_claims_convert_to_a_type() {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let verified = verify(&token(&good_claims()), &[es256().1], &expect()).unwrap();
    assert_eq!(verified.typed::<Subject>().unwrap().sub, "user");
}
