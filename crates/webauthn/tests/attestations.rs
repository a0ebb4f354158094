//! Attestation statements with certificates generated here: each is accepted, and refused when one field is
//! changed.
#![allow(clippy::unwrap_used)]
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rcgen::{CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use signet_base::Json;
use signet_webauthn::soft::{ResponseOverrides, SoftKey, bytes, head, text};
use signet_webauthn::{Attestation, CreationOptions, Expect, WebAuthnError, register};

const ORIGIN: &str = "https://id.example.test";
const CHALLENGE: [u8; 32] = [42; 32];
const EXPECT: Expect<'_> =
    Expect { challenge: &CHALLENGE, origin: ORIGIN, rp_id: "id.example.test", user_verification: false };

fn creation() -> Json {
    CreationOptions {
        challenge: &CHALLENGE,
        rp_id: "id.example.test",
        rp_name: "Signet",
        user_handle: b"handle",
        user_name: "ada",
        display_name: "Ada",
        timeout: 60_000,
        exclude: &[],
        attachment: None,
        resident_key: "preferred",
        user_verification: "preferred",
        attestation: "direct",
        hints: &[],
    }
    .json()
}

struct Maker {
    pair: KeyPair,
}
impl Maker {
    fn new() -> Self {
        Self { pair: KeyPair::generate().unwrap() }
    }
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.pair.serialize_der()).unwrap();
        key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }
    fn certificate(&self, change: impl Fn(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.is_ca = IsCa::ExplicitNoCa;
        change(&mut params);
        params.self_signed(&self.pair).unwrap().der().to_vec()
    }
}
fn named(params: &mut CertificateParams) {
    for (kind, value) in [
        (DnType::CountryName, "SE"),
        (DnType::OrganizationName, "Maker"),
        (DnType::OrganizationalUnitName, "Authenticator Attestation"),
        (DnType::CommonName, "Key 1"),
    ] {
        params.distinguished_name.push(kind, value);
    }
}
fn model(aaguid: [u8; 16]) -> CustomExtension {
    let content = [&[0x04, 16], aaguid.as_slice()].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4], content)
}
/// `{alg, sig, x5c}` as CBOR.
fn statement(signature: &[u8], certificates: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0xa3];
    text(&mut out, "alg");
    out.push(0x26);
    text(&mut out, "sig");
    bytes(&mut out, signature);
    text(&mut out, "x5c");
    head(&mut out, 4, certificates.len());
    for certificate in certificates {
        bytes(&mut out, certificate);
    }
    out
}
fn key() -> SoftKey {
    let mut key = SoftKey::create(&creation(), ORIGIN, &ResponseOverrides::default()).unwrap().0;
    key.aaguid = [9; 16];
    key
}
fn verify_attestation(
    key: &SoftKey,
    format: &str,
    make: impl Fn(&[u8], &[u8]) -> Vec<u8>,
) -> Result<Attestation, WebAuthnError> {
    register(
        &key.attested(&creation(), ORIGIN, &ResponseOverrides::default(), format, make).unwrap(),
        &EXPECT,
    )
    .map(|r| r.attestation)
}
fn sha256(data: &[u8]) -> Vec<u8> {
    digest(&SHA256, data).as_ref().to_vec()
}
/// A DER element with a short length.
fn der(tag: &[u8], content: &[u8]) -> Vec<u8> {
    [tag, &[u8::try_from(content.len()).unwrap()], content].concat()
}

#[test]
fn packed_with_a_certificate() {
    let (key, maker) = (key(), Maker::new());
    let right = maker.certificate(|p| {
        named(p);
        p.custom_extensions = vec![model([9; 16])];
    });
    let sign = |data: &[u8], hash: &[u8]| maker.sign(&[data, hash].concat());
    assert_eq!(
        verify_attestation(&key, "packed", |d, h| statement(&sign(d, h), &[&right])),
        Ok(Attestation::Certificate)
    );
    assert!(
        verify_attestation(&key, "packed", |d, _| statement(&sign(d, &[0; 32]), &[&right])).is_err(),
        "another answer's signature"
    );
    let other = Maker::new().certificate(named);
    assert!(
        verify_attestation(&key, "packed", |d, h| statement(&sign(d, h), &[&other])).is_err(),
        "another key's certificate"
    );
    type Change<'a> = &'a dyn Fn(&mut CertificateParams);
    let wrong: [(&str, Change<'_>); 4] = [
        ("another model", &|p| p.custom_extensions = vec![model([8; 16])]),
        ("an authority", &|p| p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained)),
        ("no constraints", &|p| p.is_ca = IsCa::NoCa),
        ("another unit", &|p| p.distinguished_name.push(DnType::OrganizationalUnitName, "Sales")),
    ];
    for (why, change) in wrong {
        let certificate = maker.certificate(|p| {
            named(p);
            change(p);
        });
        assert!(
            verify_attestation(&key, "packed", |d, h| statement(&sign(d, h), &[&certificate])).is_err(),
            "{why}"
        );
    }
    assert!(verify_attestation(&key, "packed", |d, h| statement(&sign(d, h), &[])).is_err());
    for length in (0..right.len()).step_by(7) {
        assert!(
            verify_attestation(&key, "packed", |d, h| statement(&sign(d, h), &[&right[..length]])).is_err()
        );
    }
}

#[test]
fn u2f_keys() {
    let (mut key, maker) = (key(), Maker::new());
    key.aaguid = [0; 16];
    let certificate = maker.certificate(named);
    let signed = |data: &[u8], hash: &[u8]| {
        maker.sign(&[&[0], &data[..32], hash, &key.id, &[4], &key.coordinates()].concat())
    };
    assert_eq!(
        verify_attestation(&key, "fido-u2f", |d, h| statement(&signed(d, h), &[&certificate])),
        Ok(Attestation::Certificate)
    );
    assert!(
        verify_attestation(&key, "fido-u2f", |d, h| statement(&signed(d, h), &[&certificate, &certificate]))
            .is_err()
    );
    assert!(
        verify_attestation(&key, "fido-u2f", |d, h| statement(
            &maker.sign(&[d, h].concat()),
            &[&certificate]
        ))
        .is_err()
    );
}

#[test]
fn apple_devices() {
    let maker = Maker::new();
    let key = SoftKey::with_key(&creation(), &maker.pair.serialize_der()).unwrap();
    let nonce = |value: &[u8]| {
        CustomExtension::from_oid_content(
            &[1, 2, 840, 113635, 100, 8, 2],
            der(&[0x30], &der(&[0xa1], &der(&[0x04], value))),
        )
    };
    let make = |maker: &Maker, value: &[u8]| {
        let certificate = maker.certificate(|p| p.custom_extensions = vec![nonce(value)]);
        let mut out = vec![0xa1];
        text(&mut out, "x5c");
        head(&mut out, 4, 1);
        bytes(&mut out, &certificate);
        out
    };
    assert_eq!(
        verify_attestation(&key, "apple", |d, h| make(&maker, &sha256(&[d, h].concat()))),
        Ok(Attestation::Certificate)
    );
    assert!(verify_attestation(&key, "apple", |_, h| make(&maker, h)).is_err());
    assert!(
        verify_attestation(&key, "apple", |d, h| make(&Maker::new(), &sha256(&[d, h].concat()))).is_err(),
        "a certificate for another key"
    );
}

#[test]
fn android_keys() {
    let maker = Maker::new();
    let key = SoftKey::with_key(&creation(), &maker.pair.serialize_der()).unwrap();
    let description = |challenge: &[u8], hardware: &[u8]| {
        let content = [
            der(&[0x02], &[3]),
            der(&[0x0a], &[1]),
            der(&[0x02], &[4]),
            der(&[0x0a], &[1]),
            der(&[0x04], challenge),
            der(&[0x04], &[]),
            der(&[0x30], &[]),
            der(&[0x30], hardware),
        ];
        CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17],
            der(&[0x30], &content.concat()),
        )
    };
    let signs = der(&[0xa1], &der(&[0x31], &der(&[0x02], &[2])));
    let generated = der(&[0xbf, 0x85, 0x3e], &der(&[0x02], &[0]));
    let everyone = der(&[0xbf, 0x84, 0x58], &[0x05, 0x00]);
    let make = |data: &[u8], hash: &[u8], challenge: &[u8], hardware: &[u8]| {
        let certificate = maker.certificate(|p| p.custom_extensions = vec![description(challenge, hardware)]);
        statement(&maker.sign(&[data, hash].concat()), &[&certificate])
    };
    let good = [signs.clone(), generated.clone()].concat();
    assert_eq!(
        verify_attestation(&key, "android-key", |d, h| make(d, h, h, &good)),
        Ok(Attestation::Certificate)
    );
    assert!(verify_attestation(&key, "android-key", |d, h| make(d, h, &[1; 32], &good)).is_err());
    for wrong in [signs.clone(), generated.clone(), [signs, generated, everyone].concat(), vec![0xff, 0x01]] {
        assert!(verify_attestation(&key, "android-key", |d, h| make(d, h, h, &wrong)).is_err());
    }
}

#[test]
fn trusted_platform_modules() {
    let (key, maker) = (key(), Maker::new());
    let aik = |p: &mut CertificateParams| {
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Other(vec![2, 23, 133, 8, 3])];
        p.subject_alt_names = vec![SanType::DnsName("tpm.example.test".try_into().unwrap())];
    };
    let sized = |data: &[u8]| [u16::try_from(data.len()).unwrap().to_be_bytes().as_slice(), data].concat();
    let point = key.coordinates();
    let public = [
        &[0x00, 0x23, 0x00, 0x0b, 0, 0, 0, 0],
        sized(&[]).as_slice(),
        &[0x00, 0x10, 0x00, 0x10, 0x00, 0x03, 0x00, 0x10],
        &sized(&point[..32]),
        &sized(&point[32..]),
    ]
    .concat();
    let info = |extra: &[u8], public: &[u8]| {
        let name = [[0x00, 0x0b].as_slice(), &sha256(public)].concat();
        [
            &[0xff, 0x54, 0x43, 0x47, 0x80, 0x17],
            sized(&[1, 2]).as_slice(),
            &sized(extra),
            &[0; 25],
            &sized(&name),
            &sized(&[]),
        ]
        .concat()
    };
    let make = |certificate: &[u8], public: &[u8], info: &[u8]| {
        let mut out = vec![0xa6];
        text(&mut out, "ver");
        text(&mut out, "2.0");
        text(&mut out, "pubArea");
        bytes(&mut out, public);
        text(&mut out, "certInfo");
        bytes(&mut out, info);
        let rest = statement(&maker.sign(info), &[certificate]);
        out.extend(&rest[1..]);
        out
    };
    let certificate = maker.certificate(aik);
    assert_eq!(
        verify_attestation(&key, "tpm", |d, h| make(
            &certificate,
            &public,
            &info(&sha256(&[d, h].concat()), &public)
        )),
        Ok(Attestation::Certificate)
    );
    assert!(
        verify_attestation(&key, "tpm", |_, h| make(&certificate, &public, &info(h, &public))).is_err(),
        "another answer"
    );
    let mut other = public.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    assert!(
        verify_attestation(&key, "tpm", |d, h| make(
            &certificate,
            &other,
            &info(&sha256(&[d, h].concat()), &other)
        ))
        .is_err(),
        "another key"
    );
    assert!(
        verify_attestation(&key, "tpm", |d, h| make(
            &certificate,
            &public,
            &info(&sha256(&[d, h].concat()), &other)
        ))
        .is_err(),
        "another name"
    );
    let plain = maker.certificate(|_| {});
    assert!(
        verify_attestation(&key, "tpm", |d, h| make(
            &plain,
            &public,
            &info(&sha256(&[d, h].concat()), &public)
        ))
        .is_err(),
        "not an AIK certificate"
    );
    for length in 0..public.len() {
        assert!(
            verify_attestation(&key, "tpm", |d, h| make(
                &certificate,
                &public[..length],
                &info(&sha256(&[d, h].concat()), &public[..length])
            ))
            .is_err()
        );
    }
}

#[test]
fn other_formats_and_statements_are_refused() {
    let key = key();
    for format in ["android-safetynet", "compound", "", "NONE"] {
        assert_eq!(verify_attestation(&key, format, |_, _| vec![0xa0]), Err(WebAuthnError::Format));
    }
    assert!(verify_attestation(&key, "none", |_, _| vec![0xa1, 0x61, 0x61, 0x01]).is_err());
    for format in ["packed", "fido-u2f", "android-key", "apple", "tpm"] {
        for wrong in [vec![0xa0], vec![0x80], vec![0xf6], vec![0xa1, 0x63, 0x78, 0x35, 0x63, 0x80]] {
            assert!(verify_attestation(&key, format, |_, _| wrong.clone()).is_err());
        }
    }
}
