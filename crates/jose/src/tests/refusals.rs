//! RFC 8725 and the JWT cases of the security list: what must not pass.
use super::*;
use crate::jwt::{decode_unverified_header, verify};
use crate::{Jwk, JwtError};

fn refused(token: &str) -> JwtError {
    verify(token, &[es256().1], &expect()).unwrap_err()
}

fn signed_header(header: &str) -> JwtError {
    refused(&raw_token(&es256().0, header, &good_claims().to_string()))
}

fn signed_payload(payload: &str) -> JwtError {
    refused(&raw_token(&es256().0, r#"{"alg":"ES256"}"#, payload))
}

#[test]
fn a_good_token_passes() {
    let verified = verify(&token(&good_claims()), &[es256().1], &expect()).unwrap();
    assert_eq!(verified.sub(), Some("user"));
    assert_eq!(verified.key_index(), 0);
    assert_eq!(verified.header().kid.as_deref(), es256().0.kid());
}

#[test]
fn alg_none_is_refused_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
        let unsigned = format!("{}.{}.", b64(&header), b64(good_claims().to_string()));
        assert_eq!(refused(&unsigned), JwtError::UnsupportedAlgorithm);
        assert_eq!(signed_header(&header), JwtError::UnsupportedAlgorithm);
    }
    assert_eq!(signed_header(r#"{"typ":"JWT"}"#), JwtError::UnsupportedAlgorithm);
    assert_eq!(signed_header(r#"{"alg":null}"#), JwtError::Malformed);
    assert_eq!(signed_header(r#"{"alg":["ES256"]}"#), JwtError::Malformed);
}

#[test]
fn hs256_with_a_public_key_as_secret_is_refused() {
    let certificate = &RSA.certificate_pem;
    let public = VerifyingKey::from_pem(certificate).unwrap();
    // What an attacker can compute: an HMAC keyed with text that everybody knows.
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, certificate.as_bytes());
    let signed = format!("{}.{}", b64(r#"{"alg":"HS256"}"#), b64(good_claims().to_string()));
    let tag = aws_lc_rs::hmac::sign(&hmac, signed.as_bytes());
    let forged = format!("{signed}.{}", b64(tag));
    assert_eq!(verify(&forged, &[public], &expect()).unwrap_err(), JwtError::NoKey);
    // And nobody can set the trap by hand.
    assert!(VerifyingKey::hs256(certificate).is_err());
    assert!(SigningKey::hs256(certificate).is_err());
}

#[test]
fn the_algorithm_comes_from_the_key_not_the_token() {
    let header = r#"{"alg":"RS256"}"#;
    assert_eq!(signed_header(header), JwtError::NoKey);
    assert_eq!(signed_header(r#"{"alg":"ES384"}"#), JwtError::NoKey);
    assert_eq!(signed_header(r#"{"alg":"RS512"}"#), JwtError::UnsupportedAlgorithm);
}

#[test]
fn critical_extensions_are_refused() {
    for crit in [r#"["exp"]"#, r#"["b64"]"#, r#"["urn:x"]"#, "[]", "null", "1"] {
        let header = format!(r#"{{"alg":"ES256","crit":{crit},"b64":true}}"#);
        assert_eq!(signed_header(&header), JwtError::Critical, "{crit}");
    }
}

#[test]
fn repeated_members_are_refused_at_any_depth() {
    assert_eq!(signed_header(r#"{"alg":"ES256","alg":"ES256"}"#), JwtError::DuplicateMember);
    for payload in [
        format!(r#"{{"iss":"{ISSUER}","aud":"client","exp":{NOW}9,"aud":"client"}}"#),
        r#"{"sub":"user","s\u0075b":"admin"}"#.to_owned(),
        r#"{"act":{"sub":"a","sub":"b"}}"#.to_owned(),
        r#"{"list":[{"a":1,"a":2}]}"#.to_owned(),
    ] {
        assert_eq!(signed_payload(&payload), JwtError::DuplicateMember, "{payload}");
    }
}

#[test]
fn payloads_that_are_no_object_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for payload in ["", "null", "[]", "\"x\"", "{", "{}x", "{\"a\":NaN}", &deep] {
        assert_eq!(signed_payload(payload), JwtError::Malformed);
    }
}

#[test]
fn tokens_of_another_shape_are_refused() {
    let good = token(&good_claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        panic!("three parts");
    };
    for shape in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "....".to_owned(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{good}="),
        format!("{good}\n"),
        format!(" {good}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.+/{signature}"),
        "a".repeat(1 << 20),
    ] {
        assert_eq!(refused(&shape), JwtError::Malformed, "{shape:.80}");
    }
    // Base64url with bits left over would give one token many spellings.
    let last = signature.chars().last().unwrap();
    let next = char::from(last as u8 + 1);
    let sibling = format!("{}{next}", &good[..good.len() - 1]);
    assert_eq!(refused(&sibling), JwtError::Malformed);
}

#[test]
fn a_changed_or_missing_signature_is_refused() {
    let good = token(&good_claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = unb64(signature);
    bytes[10] ^= 1;
    for bad in [
        bytes.clone(),
        Vec::new(),
        bytes[..63].to_vec(),
        vec![0; 64],
        [vec![0; 32], bytes[32..].to_vec()].concat(),
        [bytes[..32].to_vec(), vec![0; 32]].concat(),
        vec![0xff; 64],
    ] {
        let forged = format!("{signed}.{}", b64(bad));
        assert_eq!(refused(&forged), JwtError::Signature);
    }
    let other = good_claims_of("admin");
    let moved = format!("{}.{}.{signature}", good.split('.').next().unwrap(), b64(other));
    assert_eq!(refused(&moved), JwtError::Signature);
}

fn good_claims_of(sub: &str) -> String {
    let mut claims = good_claims();
    claims["sub"] = json!(sub);
    claims.to_string()
}

#[test]
fn an_ecdsa_signature_in_der_form_is_refused() {
    use aws_lc_rs::{rand::SystemRandom, signature};
    let block = pem_der(ES256.key_pem.reveal());
    let key =
        signature::EcdsaKeyPair::from_private_key_der(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, &block)
            .unwrap();
    let signed = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(good_claims().to_string()));
    let der = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let forged = format!("{signed}.{}", b64(der.as_ref()));
    assert_eq!(refused(&forged), JwtError::Signature);
}

fn pem_der(text: &str) -> Vec<u8> {
    crate::pem::blocks(text).unwrap()[0].der.to_vec()
}

#[test]
fn a_key_of_another_kid_is_not_tried() {
    let (key, verifying) = es256();
    let token = Encoder::new(key, "JWT").encode(&good_claims()).unwrap();
    let renamed = verifying.with_kid("other");
    assert_eq!(verify(&token, &[renamed], &expect()).unwrap_err(), JwtError::NoKey);
    assert_eq!(verify(&token, &[], &expect()).unwrap_err(), JwtError::NoKey);
}

#[test]
fn a_kid_is_only_ever_compared() {
    for kid in ["../../etc/passwd", "' OR 1=1 --", "\\u0000", "http://evil.test/jwks"] {
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#);
        assert_eq!(signed_header(&header), JwtError::NoKey);
    }
    assert_eq!(signed_header(r#"{"alg":"ES256","kid":7}"#), JwtError::Malformed);
}

#[test]
fn keys_embedded_in_the_header_are_ignored() {
    let attacker = signing(&self_signed(KeyAlgorithm::Ecdsa));
    let jwk = serde_json::to_value(Jwk::of(&attacker, None).unwrap()).unwrap();
    let header = json!({
        "alg": "ES256", "jwk": jwk, "jku": "https://evil.test/jwks", "x5u": "https://evil.test/c",
    });
    let forged = raw_token(&attacker, &header.to_string(), &good_claims().to_string());
    assert_eq!(refused(&forged), JwtError::Signature);
    // A DPoP check reads the key on purpose.
    let header = decode_unverified_header(&forged).unwrap();
    let own = VerifyingKey::from_jwk(&header.jwk.unwrap()).unwrap();
    assert!(verify(&forged, &[own], &expect()).is_ok());
}

#[test]
fn tokens_of_another_type_are_refused() {
    let (key, verifying) = es256();
    let make = |typ: &str| Encoder::new(key.clone(), typ).encode(&good_claims()).unwrap();
    let check = |token: &str, typ: &[&str]| {
        let mut expect = expect();
        expect.typ = typ;
        verify(token, [&verifying], &expect).map(|_| ())
    };
    for typ in ["at+jwt", "logout+jwt", "dpop+jwt", "application/logout+jwt", "", "x/JWT"] {
        assert_eq!(check(&make(typ), &["JWT"]), Err(JwtError::Type), "{typ}");
    }
    assert_eq!(check(&make("JWT"), &["logout+jwt"]), Err(JwtError::Type));
    assert_eq!(check(&make("JWT"), &[]), Err(JwtError::Type));
    let untyped = raw_token(&key, r#"{"alg":"ES256"}"#, &good_claims().to_string());
    assert_eq!(check(&untyped, &["at+jwt"]), Err(JwtError::Type));
    assert_eq!(check(&untyped, &["JWT"]), Ok(()));
    assert_eq!(check(&make("jwt"), &["JWT"]), Ok(()));
    assert_eq!(check(&make("application/at+jwt"), &["JWT", "at+jwt"]), Ok(()));
    assert_eq!(signed_header(r#"{"alg":"ES256","typ":1}"#), JwtError::Malformed);
}
