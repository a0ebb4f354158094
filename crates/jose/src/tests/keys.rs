//! Reading private and public keys.
use super::rfc::ED25519_PEM;
use super::*;
use crate::{Algorithm, KeyError, pem};
use aws_lc_rs::signature as aws;

fn refused(text: &str) -> KeyError {
    SigningKey::from_pem(text).unwrap_err()
}

#[test]
fn the_kid_is_the_md5_of_the_pem_text_as_given() {
    let kid = |text: &str| SigningKey::from_pem(text).unwrap().kid().unwrap().to_owned();
    assert_eq!(kid(ED25519_PEM), "58d03e064e669c2e8df3929ea22567b0");
    let windows = ED25519_PEM.replace('\n', "\r\n");
    assert_eq!(kid(&windows), "7a25245c2794ea114874837ecb9f5a89");
}

#[test]
fn every_curve_reads_from_pkcs8_and_sec1() {
    use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der};
    let curves = [
        (&aws::ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::Es256, 64),
        (&aws::ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::Es384, 96),
        (&aws::ECDSA_P521_SHA512_FIXED_SIGNING, Algorithm::Es512, 132),
    ];
    for (curve, alg, length) in curves {
        let pair = aws::EcdsaKeyPair::generate(curve).unwrap();
        let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
        let pkcs8 = pair.to_pkcs8v1().unwrap();
        for text in [pem::encode("EC PRIVATE KEY", sec1.as_ref()), pem::encode("PRIVATE KEY", pkcs8.as_ref())]
        {
            let key = SigningKey::from_pem(&text).unwrap();
            assert_eq!(key.alg(), alg);
            let signature = key.sign(b"message").unwrap();
            assert_eq!(signature.len(), length);
            let verifying = key.verifying_key().unwrap();
            assert!(verifying.verify(b"message", &signature));
            assert!(!verifying.verify(b"massage", &signature));
        }
    }
}

#[test]
fn an_rsa_key_reads_from_pkcs8_as_well_as_from_pkcs1() {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pkcs1 = pem::blocks(RSA.key_pem.reveal()).unwrap();
    let pair = aws::RsaKeyPair::from_der(&pkcs1[0].der).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let key = SigningKey::from_pem(&pem::encode("PRIVATE KEY", pkcs8.as_ref())).unwrap();
    assert_eq!(key.public(), signing(&RSA).public());
}

#[test]
fn a_parameters_block_before_the_key_is_skipped() {
    let key = ES256.key_pem.reveal();
    let text = format!(
        "comment\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{key}"
    );
    assert_eq!(SigningKey::from_pem(&text).unwrap().alg(), Algorithm::Es256);
}

#[test]
fn encrypted_keys_are_named_as_such() {
    let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(refused(pkcs8), KeyError::Encrypted);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(refused(old), KeyError::Encrypted);
}

#[test]
fn weak_and_foreign_keys_are_refused_by_name() {
    assert_eq!(refused(include_str!("data/rsa1024-key.pem")), KeyError::RsaSize);
    let secp256k1 = "-----BEGIN EC PRIVATE KEY-----\n\
        MHQCAQEEIPWX7pC/GOWMZuBsY+2hbDPcbf0zcywPW9KdDNbeB9TAoAcGBSuBBAAK\n\
        oUQDQgAELhx4BAKqLf8ucuwuFtD8PE0XfyiSDFTRCIVALKTDp/DkXKFHYLVZE6z8\n\
        uUC2Rk80lQUhpWCL3AEgrRug1LkDJA==\n-----END EC PRIVATE KEY-----\n";
    assert_eq!(refused(secp256k1), KeyError::Unsupported);
    let ed448 = ED25519_PEM.replace("K2Vw", "K2Vx");
    assert_eq!(refused(&ed448), KeyError::Unsupported);
    let openssh = pem::encode("OPENSSH PRIVATE KEY", b"openssh-key-v1");
    assert_eq!(refused(&openssh), KeyError::Unsupported);
}

#[test]
fn nonsense_is_refused_without_a_panic() {
    assert_eq!(refused(""), KeyError::Missing("private key"));
    assert_eq!(refused("hello"), KeyError::Missing("private key"));
    assert_eq!(refused(&RSA.certificate_pem), KeyError::Missing("private key"));
    assert_eq!(refused("-----BEGIN PRIVATE KEY-----\nAAAA\n"), KeyError::MalformedPem);
    assert_eq!(refused("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"), KeyError::MalformedPem);
    assert_eq!(
        refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"),
        KeyError::MalformedPem
    );
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        for der in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x02\x01\x00", b"garbage"] {
            assert_eq!(refused(&pem::encode(label, der)), KeyError::MalformedPrivateKey);
        }
    }
}

#[test]
fn truncated_keys_are_refused_at_every_length() {
    for pair in [&*ES256, &self_signed(KeyAlgorithm::Ed25519)] {
        let block = pem::blocks(pair.key_pem.reveal()).unwrap().remove(0);
        for length in 0..block.der.len() {
            let text = pem::encode(&block.label, &block.der[..length]);
            assert!(SigningKey::from_pem(&text).is_err(), "{length}");
        }
    }
}

#[test]
fn empty_secrets_are_refused() {
    assert_eq!(SigningKey::hs256("").unwrap_err(), KeyError::Secret);
    assert_eq!(VerifyingKey::hs256("").unwrap_err(), KeyError::Secret);
}

#[test]
fn debug_output_shows_no_key() {
    let key = SigningKey::hs256("hunter2").unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey { alg: Hs256, kid: None, .. }");
    assert!(!format!("{:?}", signing(&ES256)).contains("Ec"));
}

#[test]
fn public_keys_read_from_certificates_and_spki() {
    for pair in [&*RSA, &*ES256, &self_signed(KeyAlgorithm::Ed25519)] {
        let key = signing(pair);
        let signature = key.sign(b"message").unwrap();
        let certificate = crate::Certificate::from_pem(&pair.certificate_pem).unwrap();
        let spki = pem::encode("PUBLIC KEY", certificate.spki());
        for text in [pair.certificate_pem.as_str(), spki.as_str()] {
            let verifying = VerifyingKey::from_pem(text).unwrap();
            assert_eq!(verifying.alg(), key.alg());
            assert_eq!(verifying.kid(), None);
            assert!(verifying.verify(b"message", &signature));
        }
        let private = VerifyingKey::from_pem(pair.key_pem.reveal());
        assert!(matches!(private, Err(KeyError::Missing(_))));
    }
}
