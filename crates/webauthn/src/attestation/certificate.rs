//! X.509 certificates of attestation keys.
use super::der::{Der, OCTETS};
use crate::cose::{KeyParams, PublicKey, trimmed};
use crate::{Algorithm, WebAuthnError};
use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::der_parser::asn1_rs::FromDer;
use x509_parser::der_parser::oid::Oid;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::X509Version;

/// `id-fido-gen-ce-aaguid` (§8.2.1).
const AAGUID: &[u64] = &[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];
/// RSASSA-PKCS1-v1_5 with SHA-1, which older TPMs still use.
const RS1: i64 = -65535;

pub struct Certificate<'a>(X509Certificate<'a>);

impl<'a> Certificate<'a> {
    pub fn read(der: &'a [u8]) -> Result<Self, WebAuthnError> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Ok(Self(certificate)),
            _ => Err(WebAuthnError::Attestation("a certificate could not be read")),
        }
    }
    /// The content of an extension. A repeated extension is an error.
    pub fn extension(&self, oid: &[u64]) -> Result<Option<(&'a [u8], bool)>, WebAuthnError> {
        let wrong = WebAuthnError::Attestation("a certificate extension could not be read");
        let oid = Oid::from(oid).map_err(|_| wrong.clone())?;
        let found = self.0.get_extension_unique(&oid).map_err(|_| wrong)?;
        Ok(found.map(|e| (e.value, e.critical)))
    }
    /// Whether it is an X.509 version 3 certificate without the CA flag (§8.2.1).
    pub fn is_leaf(&self) -> bool {
        self.0.version() == X509Version::V3
            && matches!(self.0.basic_constraints(), Ok(Some(c)) if !c.value.ca)
    }
    pub fn has_subject(&self) -> bool {
        self.0.subject().iter().next().is_some()
    }
    pub fn country_has_two_letters(&self) -> bool {
        self.0.subject().iter_country().any(|c| c.as_str().is_ok_and(|t| t.len() == 2))
    }
    pub fn names_organization(&self) -> bool {
        self.0.subject().iter_organization().next().is_some()
            && self.0.subject().iter_common_name().next().is_some()
    }
    pub fn is_of_unit(&self, unit: &str) -> bool {
        self.0.subject().iter_organizational_unit().any(|u| u.as_str().is_ok_and(|t| t == unit))
    }
    pub fn has_usage(&self, oid: &[u64]) -> bool {
        let Ok(oid) = Oid::from(oid) else { return false };
        matches!(self.0.extended_key_usage(), Ok(Some(usage)) if usage.value.other.contains(&oid))
    }
    pub fn has_alternative_names(&self) -> bool {
        matches!(self.0.subject_alternative_name(), Ok(Some(names)) if !names.value.general_names.is_empty())
    }
    /// Fails when the certificate has an AAGUID extension that differs from the authenticator's AAGUID.
    pub fn check_aaguid(&self, aaguid: &[u8; 16]) -> Result<(), WebAuthnError> {
        let Some((value, critical)) = self.extension(AAGUID)? else { return Ok(()) };
        if critical || Der(value).expect(OCTETS)? != aaguid {
            return Err(WebAuthnError::Attestation("the certificate is for another model"));
        }
        Ok(())
    }
    /// Whether the certificate's public key is this key.
    pub fn is_for(&self, key: &PublicKey) -> bool {
        let bits = self.0.public_key().subject_public_key.data.as_ref();
        match &key.params {
            KeyParams::Rsa { n, e } => RSAPublicKey::from_der(bits)
                .is_ok_and(|(_, k)| trimmed(k.modulus) == *n && trimmed(k.exponent) == *e),
            _ => bits == key.point(),
        }
    }
    /// Whether the certificate's key is on P-256.
    pub fn is_p256(&self) -> bool {
        let bits = self.0.public_key().subject_public_key.data.as_ref();
        bits.len() == 65 && bits.first() == Some(&4)
    }
    /// Verifies a signature with the certificate's key; `algorithm` is a COSE algorithm identifier.
    pub fn verify(&self, algorithm: i64, message: &[u8], signature: &[u8]) -> Result<(), WebAuthnError> {
        let by: &'static dyn VerificationAlgorithm = match (algorithm, Algorithm::from_id(algorithm)) {
            (RS1, _) => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (_, Some(known)) => known.verification(),
            _ => return Err(WebAuthnError::Attestation("its algorithm is not supported")),
        };
        let bits = self.0.public_key().subject_public_key.data.as_ref();
        UnparsedPublicKey::new(by, bits)
            .verify(message, signature)
            .map_err(|_| WebAuthnError::Attestation("its signature does not fit"))
    }
}
