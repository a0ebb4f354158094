//! Vectors of RFC 7515, 7636, 7638, 8037 and OpenID Connect Core.
use super::{b64, unb64};
use crate::jwt::{Expect, verify};
use crate::{
    Algorithm, Jwk, PublicParams, SigningKey, VerifyingKey, der, half_hash, pem, pkce_s256, pkce_s256_matches,
};
use serde_json::{Map, Value, json};

const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const A1_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const A1_SIGNATURE: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

const A2_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const A2_PRIVATE: [&str; 6] = [
    "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
    "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
    "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
    "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
    "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
    "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U",
];
const A2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const A3_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const A3_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const A3_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

pub(super) const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => panic!("not an object"),
    }
}

fn jwk(value: Value) -> VerifyingKey {
    VerifyingKey::from_jwk(&object(value)).unwrap()
}

fn joe() -> Expect<'static> {
    Expect::new(1_300_819_379).iss("joe")
}

/// The private key of A.2 as PKCS#1 PEM.
fn a2_pem() -> String {
    let mut content = Vec::new();
    der::push_unsigned(&mut content, &[0]);
    der::push_unsigned(&mut content, &unb64(A2_N));
    der::push_unsigned(&mut content, &[1, 0, 1]);
    for part in A2_PRIVATE {
        der::push_unsigned(&mut content, &unb64(part));
    }
    let mut key = Vec::new();
    der::push(&mut key, der::SEQUENCE, &content);
    pem::encode("RSA PRIVATE KEY", &key).to_string()
}

#[test]
fn rfc7515_a1_hs256() {
    let token = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.{A1_SIGNATURE}");
    let secret = unb64(A1_KEY);
    let claims = verify(&token, &[VerifyingKey::hs256(&secret).unwrap()], &joe()).unwrap();
    assert_eq!(claims["http://example.com/is_root"], json!(true));
    let signed = token.rsplit_once('.').unwrap().0;
    let signature = SigningKey::hs256(&secret).unwrap().sign(signed.as_bytes());
    assert_eq!(b64(signature.unwrap()), A1_SIGNATURE);
}

#[test]
fn rfc7515_a2_rs256() {
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{A2_SIGNATURE}");
    let public = jwk(json!({"kty": "RSA", "n": A2_N, "e": "AQAB"}));
    assert_eq!(verify(&token, &[public], &joe()).unwrap().iss(), Some("joe"));
    let key = SigningKey::from_pem(&a2_pem()).unwrap();
    assert_eq!(key.alg(), Algorithm::Rs256);
    let signed = token.rsplit_once('.').unwrap().0;
    assert_eq!(b64(key.sign(signed.as_bytes()).unwrap()), A2_SIGNATURE);
    assert_eq!(Jwk::of(&key, None).unwrap().n.unwrap(), A2_N);
}

#[test]
fn rfc7515_a3_es256() {
    let token = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{A3_SIGNATURE}");
    let public = jwk(json!({"kty": "EC", "crv": "P-256", "x": A3_X, "y": A3_Y}));
    assert!(verify(&token, &[public], &joe()).is_ok());

    // The private key as SEC 1, without its public half.
    let mut content = Vec::new();
    der::push_unsigned(&mut content, &[1]);
    der::push(&mut content, der::OCTET_STRING, &unb64(A3_D));
    let mut sec1 = Vec::new();
    der::push(&mut sec1, der::SEQUENCE, &content);
    let key = SigningKey::from_pem(&pem::encode("EC PRIVATE KEY", &sec1)).unwrap();
    let own = Jwk::of(&key, None).unwrap();
    assert_eq!((own.x.unwrap().as_str(), own.y.unwrap().as_str()), (A3_X, A3_Y));
    assert_eq!(key.sign(b"message").unwrap().len(), 64);
}

#[test]
fn rfc7515_a4_es512() {
    let public = jwk(json!({
        "kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    }));
    let signature = unb64(
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    );
    assert_eq!(public.alg(), Algorithm::Es512);
    assert!(public.verify(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", &signature));
    assert!(!public.verify(b"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZB", &signature));
}

#[test]
fn rfc8037_a4_and_a5_ed25519() {
    let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let key = SigningKey::from_pem(ED25519_PEM).unwrap();
    assert_eq!(key.alg().as_str(), "EdDSA");
    assert_eq!(b64(key.sign(signed.as_bytes()).unwrap()), expected);
    let public = jwk(json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519_X}));
    assert!(public.verify(signed.as_bytes(), &unb64(expected)));
    assert_eq!(Jwk::of(&key, None).unwrap().x.unwrap(), ED25519_X);
}

#[test]
fn rfc8037_a3_thumbprint_of_ed25519() {
    let key = SigningKey::from_pem(ED25519_PEM).unwrap();
    assert_eq!(key.public().unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc7638_thumbprint_of_rsa_ignores_optional_members() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let params = PublicParams::from_jwk(&object(
        json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}),
    ))
    .unwrap();
    assert_eq!(params.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn rfc7636_b_pkce_challenge() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    assert_eq!(pkce_s256(verifier), challenge);
    assert!(pkce_s256_matches(verifier, challenge));
    assert!(!pkce_s256_matches(verifier, verifier));
    // The right digest of a verifier that is too short is no proof.
    assert!(!pkce_s256_matches("short", &pkce_s256("short")));
    let odd = format!("{}é", "a".repeat(50));
    assert!(!pkce_s256_matches(&odd, &pkce_s256(&odd)));
}

#[test]
fn oidc_core_half_hashes_follow_the_algorithm() {
    let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
    assert_eq!(half_hash(Algorithm::Rs256, access_token), "77QmUPtjPfzWtF2AnpK9RQ");
    for (alg, length) in [
        (Algorithm::Hs256, 16),
        (Algorithm::Es256, 16),
        (Algorithm::Es384, 24),
        (Algorithm::Es512, 32),
        (Algorithm::EdDsa, 32),
    ] {
        assert_eq!(unb64(&half_hash(alg, access_token)).len(), length, "{alg}");
    }
}
