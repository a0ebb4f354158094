//! Certificates.
use super::*;
use crate::x509::{Certificate, KeyType, check_pair};
use crate::{GenerateError, KeyError, pem};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const DAY: i64 = 86_400;

fn request<'a>(names: &'a [&'a str]) -> Generate<'a> {
    Generate {
        common_name: "name",
        subject_alt_names: names,
        validity_days: 365,
        alg: KeyAlgorithm::Ed25519,
        now: NOW,
    }
}

#[test]
fn generated_pairs_fit_and_describe_themselves() {
    let ed = self_signed(KeyAlgorithm::Ed25519);
    for (pair, key_type, label) in [
        (&*RSA, KeyType::Rsa, "RSA PRIVATE KEY"),
        (&*ES256, KeyType::Ec, "EC PRIVATE KEY"),
        (&ed, KeyType::Ed25519, "PRIVATE KEY"),
    ] {
        let (certificate, _) = check_pair(&pair.certificate_pem, pair.key_pem.reveal()).unwrap();
        assert_eq!(certificate.key_type(), Some(key_type));
        assert_eq!(certificate.subject(), "OU=Self-signed,O=Signet,CN=signet.test");
        assert_eq!(certificate.issuer(), certificate.subject());
        assert_eq!(certificate.not_before(), NOW - DAY);
        assert_eq!(certificate.expiry(), NOW + 30 * DAY);
        let begin = format!("-----BEGIN {label}-----\n");
        assert!(pair.key_pem.reveal().starts_with(&begin));
        assert_eq!(certificate.fingerprint_sha1().len(), 59);
        assert_eq!(certificate.fingerprint_sha256().len(), 95);
    }
}

#[test]
fn generated_certificates_are_signed_by_their_own_key() {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
    };
    let ed = self_signed(KeyAlgorithm::Ed25519);
    let cases: [(&Generated, &'static dyn VerificationAlgorithm); 3] =
        [(&RSA, &RSA_PKCS1_2048_8192_SHA256), (&ES256, &ECDSA_P256_SHA256_ASN1), (&ed, &ED25519)];
    for (pair, algorithm) in cases {
        let certificate = Certificate::from_pem(&pair.certificate_pem).unwrap();
        let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
        let key = ParsedPublicKey::new(algorithm, certificate.spki()).unwrap();
        let signed = parsed.tbs_certificate.as_ref();
        assert!(key.verify_sig(signed, &parsed.signature_value.data).is_ok());
    }
}

#[test]
fn alternative_names_are_critical_and_typed() {
    let names = ["a.test", " *.b.test ", "", "10.0.0.1", "::1"];
    let pair = generate(&request(&names)).unwrap();
    let certificate = Certificate::from_pem(&pair.certificate_pem).unwrap();
    let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    let extension = parsed.subject_alternative_name().unwrap().unwrap();
    assert!(extension.critical);
    let mut v6 = [0; 16];
    v6[15] = 1;
    assert_eq!(
        extension.value.general_names,
        [
            GeneralName::DNSName("a.test"),
            GeneralName::DNSName("*.b.test"),
            GeneralName::IPAddress(&[10, 0, 0, 1]),
            GeneralName::IPAddress(&v6),
        ]
    );
    let plain = generate(&request(&["", " "])).unwrap();
    let certificate = Certificate::from_pem(&plain.certificate_pem).unwrap();
    let (_, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    assert!(parsed.subject_alternative_name().unwrap().is_none());
}

#[test]
fn a_long_common_name_is_cut_after_64_characters() {
    let mut long = request(&[]);
    let name = "ä".repeat(80);
    long.common_name = &name;
    let pair = generate(&long).unwrap();
    let certificate = Certificate::from_pem(&pair.certificate_pem).unwrap();
    let expected = format!("OU=Self-signed,O=Signet,CN={}", "ä".repeat(64));
    assert_eq!(certificate.subject(), expected);
}

#[test]
fn bad_requests_name_the_field() {
    let field = |request: &Generate<'_>| generate(request).unwrap_err().field();
    for name in ["", "  ", "a\nb", "a\0b"] {
        let bad = Generate { common_name: name, ..request(&[]) };
        assert_eq!(field(&bad), Some("common_name"));
    }
    for name in ["a b", "ä.test", "a..b", ".a", "http://a", "a/b", "*.", "a.*.b", &"a".repeat(64)] {
        assert_eq!(field(&request(&[name])), Some("subject_alt_name"), "{name}");
    }
    for days in [0, u32::MAX] {
        let bad = Generate { validity_days: days, ..request(&[]) };
        assert_eq!(field(&bad), Some("validity_days"));
    }
    let bad = Generate { now: i64::MAX, ..request(&[]) };
    assert_eq!(generate(&bad).unwrap_err(), GenerateError::ValidityDays);
}

#[test]
fn a_foreign_private_key_does_not_fit() {
    let other = self_signed(KeyAlgorithm::Ecdsa);
    for key in [&other, &*RSA] {
        let result = check_pair(&ES256.certificate_pem, key.key_pem.reveal());
        assert_eq!(result.unwrap_err(), KeyError::Mismatch);
    }
    let certificate = Certificate::from_pem(&ES256.certificate_pem).unwrap();
    assert!(!certificate.matches(&SigningKey::hs256("secret").unwrap()));
}

#[test]
fn certificates_of_unusable_keys_still_read() {
    let dsa = Certificate::from_pem(include_str!("data/dsa-certificate.pem")).unwrap();
    assert_eq!(dsa.key_type(), Some(KeyType::Dsa));
    assert_eq!(dsa.subject(), "CN=dsa.test");
    let ed448 = Certificate::from_pem(include_str!("data/ed448-certificate.pem")).unwrap();
    assert_eq!(ed448.key_type(), Some(KeyType::Ed448));
    assert_eq!(ed448.verifying_key().unwrap_err(), KeyError::Unsupported);
    // As printed by OpenSSL.
    assert_eq!(ed448.fingerprint_sha1(), "e1:3b:2a:fb:f9:87:91:af:81:64:1f:6c:a9:89:a5:90:e2:26:2c:6d");
    assert_eq!(ed448.expiry(), 2_110_827_477);
    assert_eq!(
        dsa.fingerprint_sha256(),
        "2a:97:99:d7:d7:26:43:c5:cf:21:10:49:c5:b3:f2:8f:40:68:21:99:35:46:73:68:fe:10:89:2f:67:68:27:6f"
    );
}

#[test]
fn the_first_certificate_of_a_chain_counts() {
    let text = format!("subject=x\n{}\n{}", ES256.certificate_pem, RSA.certificate_pem);
    let first = Certificate::from_pem(&text).unwrap();
    assert_eq!(first, Certificate::from_pem(&ES256.certificate_pem).unwrap());
    assert_eq!(Certificate::chain_from_pem(&text).unwrap().len(), 2);
}

#[test]
fn nonsense_is_refused_without_a_panic() {
    for text in ["", "x", ES256.key_pem.reveal()] {
        assert_eq!(Certificate::from_pem(text).unwrap_err(), KeyError::Missing("certificate"));
        assert!(Certificate::chain_from_pem(text).is_err());
    }
    let open = "-----BEGIN CERTIFICATE-----\nAAAA";
    assert_eq!(Certificate::from_pem(open).unwrap_err(), KeyError::MalformedPem);
    let block = pem::blocks(&ES256.certificate_pem).unwrap().remove(0);
    for length in 0..block.der.len() {
        let cut = Certificate::from_der(&block.der[..length]);
        assert_eq!(cut.unwrap_err(), KeyError::MalformedCertificate);
    }
    let trailing = [&block.der[..], b"x"].concat();
    assert!(Certificate::from_der(&trailing).is_err());
}

#[test]
fn changed_bytes_never_panic() {
    let certificate = pem::blocks(&ES256.certificate_pem).unwrap().remove(0).der;
    let key = pem::blocks(ES256.key_pem.reveal()).unwrap().remove(0).der;
    for flip in [0x01, 0x80, 0xff] {
        for i in 0..certificate.len() {
            let mut changed = certificate.to_vec();
            changed[i] ^= flip;
            // Whatever comes out, nothing may stop the process.
            let _ = Certificate::from_der(&changed).map(|c| c.verifying_key().is_ok());
        }
        for i in 0..key.len() {
            let mut changed = key.to_vec();
            changed[i] ^= flip;
            let _ = SigningKey::from_pem(&pem::encode("EC PRIVATE KEY", &changed));
        }
    }
}
