//! Self-signed certificates.
use crate::{GenerateError, der, pem};
use aws_lc_rs::encoding::{AsDer, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
};
use signet_base::Secret;
use std::net::IpAddr;
use time::OffsetDateTime;
use zeroize::Zeroizing;

const DAY: i64 = 86_400;
/// X.520 `ub-common-name`.
const MAX_COMMON_NAME: usize = 64;
const OID_SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];

/// The key algorithms that can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with 2048 bits and exponent 65537.
    Rsa,
    /// ECDSA on P-256.
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// Reads the wire name: `rsa`, `ecdsa` or `ed25519`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "rsa" => Some(Self::Rsa),
            "ecdsa" => Some(Self::Ecdsa),
            "ed25519" => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Generate<'a> {
    /// Subject; its first 64 characters are used.
    pub common_name: &'a str,
    /// DNS names and IP addresses. Empty entries are skipped; without entries there is no extension.
    pub subject_alt_names: &'a [&'a str],
    /// Days from `now` to the end.
    pub validity_days: u32,
    /// Key algorithm.
    pub alg: KeyAlgorithm,
    /// The present, in Unix seconds. The certificate is valid from one day before.
    pub now: i64,
}

/// A new certificate and its key.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The private key in PEM: PKCS#1 for RSA, SEC 1 for ECDSA, PKCS#8 for Ed25519.
    pub key_pem: Secret,
}

/// Generates a key and its self-signed certificate. RSA takes up to a second of computing: call it
/// off the async threads.
pub fn generate(request: &Generate<'_>) -> Result<Generated, GenerateError> {
    // Everything cheap is checked before the expensive key.
    let params = params(request)?;
    let key = new_key(request.alg).ok_or(GenerateError::Crypto)?;
    let pkcs8 = key.pkcs8.as_slice().into();
    let certificate = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, key.signature)
        .and_then(|pair| params.self_signed(&pair))
        .map_err(|_| GenerateError::Crypto)?;
    Ok(Generated {
        certificate_pem: pem::encode("CERTIFICATE", certificate.der()).to_string(),
        key_pem: Secret::new(pem::encode(key.label, &key.traditional).as_str()),
    })
}

fn params(request: &Generate<'_>) -> Result<CertificateParams, GenerateError> {
    let common_name: String = request.common_name.trim().chars().take(MAX_COMMON_NAME).collect();
    if common_name.is_empty() || common_name.contains(char::is_control) {
        return Err(GenerateError::CommonName);
    }
    if request.validity_days == 0 {
        return Err(GenerateError::ValidityDays);
    }
    let end = request.now.saturating_add(i64::from(request.validity_days) * DAY);
    let date = |at| OffsetDateTime::from_unix_timestamp(at).map_err(|_| GenerateError::ValidityDays);

    let mut params = CertificateParams::default();
    params.not_before = date(request.now.saturating_sub(DAY))?;
    params.not_after = date(end)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.distinguished_name.push(DnType::OrganizationName, "Signet");
    params.distinguished_name.push(DnType::OrganizationalUnitName, "Self-signed");
    if let Some(names) = alt_names(request.subject_alt_names)? {
        // rcgen marks its own only where the subject is empty, so the extension is written here.
        let mut extension = CustomExtension::from_oid_content(OID_SUBJECT_ALT_NAME, names);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    }
    Ok(params)
}

/// The content of the subjectAltName extension (RFC 5280 §4.2.1.6); `None` without names.
fn alt_names(names: &[&str]) -> Result<Option<Vec<u8>>, GenerateError> {
    const DNS_NAME: u8 = 0x82;
    const IP_ADDRESS: u8 = 0x87;
    let mut content = Vec::new();
    for name in names.iter().map(|n| n.trim()).filter(|n| !n.is_empty()) {
        match name.parse() {
            Ok(IpAddr::V4(ip)) => der::push(&mut content, IP_ADDRESS, &ip.octets()),
            Ok(IpAddr::V6(ip)) => der::push(&mut content, IP_ADDRESS, &ip.octets()),
            Err(_) if is_dns_name(name) => der::push(&mut content, DNS_NAME, name.as_bytes()),
            Err(_) => return Err(GenerateError::SubjectAltName(name.to_owned())),
        }
    }
    if content.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::new();
    der::push(&mut out, der::SEQUENCE, &content);
    Ok(Some(out))
}

/// A host name, also with a leading `*.` and with underscores. International names go in their
/// `xn--` form.
fn is_dns_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

struct NewKey {
    pkcs8: Zeroizing<Vec<u8>>,
    traditional: Zeroizing<Vec<u8>>,
    label: &'static str,
    signature: &'static SignatureAlgorithm,
}

fn new_key(alg: KeyAlgorithm) -> Option<NewKey> {
    match alg {
        KeyAlgorithm::Rsa => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
            let pkcs8 = pkcs8(&key)?;
            let pkcs1 = Zeroizing::new(der::pkcs8(&pkcs8)?.1.to_vec());
            Some(NewKey { pkcs8, traditional: pkcs1, label: "RSA PRIVATE KEY", signature: &PKCS_RSA_SHA256 })
        }
        KeyAlgorithm::Ecdsa => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok()?;
            let sec1: EcPrivateKeyRfc5915Der<'_> = key.private_key().as_der().ok()?;
            Some(NewKey {
                pkcs8: Zeroizing::new(key.to_pkcs8v1().ok()?.as_ref().to_vec()),
                traditional: Zeroizing::new(sec1.as_ref().to_vec()),
                label: "EC PRIVATE KEY",
                signature: &PKCS_ECDSA_P256_SHA256,
            })
        }
        KeyAlgorithm::Ed25519 => {
            let pkcs8 = pkcs8(&Ed25519KeyPair::generate().ok()?)?;
            Some(NewKey { traditional: pkcs8.clone(), pkcs8, label: "PRIVATE KEY", signature: &PKCS_ED25519 })
        }
    }
}

fn pkcs8(key: &impl AsDer<Pkcs8V1Der<'static>>) -> Option<Zeroizing<Vec<u8>>> {
    let der = key.as_der().ok()?;
    Some(Zeroizing::new(der.as_ref().to_vec()))
}
