//! `tpm` attestation (§8.3): keys of a Trusted Platform Module, such as those of Windows Hello.
use super::certificate::Certificate;
use super::{Attestation, StatementInput};
use crate::WebAuthnError;
use crate::cbor::Value;
use crate::cose::{KeyParams, PublicKey, trimmed};
use aws_lc_rs::digest;

/// `tcg-kp-AIKCertificate`.
const AIK: &[u64] = &[2, 23, 133, 8, 3];
/// TPM 2.0 part 2: `TPM_GENERATED_VALUE`, `TPM_ST_ATTEST_CERTIFY` and algorithm identifiers.
const GENERATED: u32 = 0xff54_4347;
const CERTIFY: u16 = 0x8017;
const RSA: u16 = 0x0001;
const NULL: u16 = 0x0010;
const ECC: u16 = 0x0023;

const WRONG: WebAuthnError = WebAuthnError::Attestation("a TPM structure could not be read");

pub fn judge(subject: &StatementInput<'_>) -> Result<Attestation, WebAuthnError> {
    let bytes = |name| subject.statement.get(name).and_then(Value::bytes).ok_or(WRONG);
    if subject.statement.get("ver").and_then(Value::text) != Some("2.0") {
        return Err(WebAuthnError::Attestation("only TPM 2.0 is supported"));
    }
    let (public, info, algorithm) = (bytes("pubArea")?, bytes("certInfo")?, subject.algorithm()?);
    let name_algorithm = check_public(public, &subject.attested.key)?;
    let hash = match algorithm {
        -7 | -257 => &digest::SHA256,
        -35 => &digest::SHA384,
        -36 => &digest::SHA512,
        -65535 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        _ => return Err(WebAuthnError::Attestation("its algorithm is not supported")),
    };
    check_info(info, digest::digest(hash, &subject.signed()).as_ref(), name_algorithm, public)?;
    let (der, _) = subject.chain()?;
    let certificate = Certificate::read(der)?;
    certificate.verify(algorithm, info, subject.signature()?)?;
    if !certificate.is_leaf()
        || certificate.has_subject()
        || !certificate.has_usage(AIK)
        || !certificate.has_alternative_names()
    {
        return Err(WebAuthnError::Attestation("the certificate is not one for attestation"));
    }
    certificate.check_aaguid(&subject.attested.aaguid)?;
    Ok(Attestation::Certificate)
}

struct Reader<'a>(&'a [u8]);
impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WebAuthnError> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(WRONG)?;
        self.0 = tail;
        Ok(head)
    }
    fn u16(&mut self) -> Result<u16, WebAuthnError> {
        Ok(self.take(2)?.iter().fold(0, |n, b| n << 8 | u16::from(*b)))
    }
    fn u32(&mut self) -> Result<u32, WebAuthnError> {
        Ok(self.take(4)?.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }
    /// A `TPM2B` structure: a length and that many bytes.
    fn sized(&mut self) -> Result<&'a [u8], WebAuthnError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }
}

/// Checks that a `TPMT_PUBLIC` describes the credential's key. Returns the hash algorithm of the TPM name.
fn check_public(bytes: &[u8], key: &PublicKey) -> Result<u16, WebAuthnError> {
    let mut reader = Reader(bytes);
    let (kind, name) = (reader.u16()?, reader.u16()?);
    reader.u32()?;
    reader.sized()?;
    // Signing keys have no symmetric cipher.
    if reader.u16()? != NULL {
        return Err(WRONG);
    }
    if reader.u16()? != NULL {
        reader.u16()?;
    }
    let fits = match (kind, &key.params) {
        (RSA, KeyParams::Rsa { n, e }) => {
            reader.u16()?;
            let exponent = match reader.u32()? {
                0 => 65_537,
                other => other,
            };
            trimmed(reader.sized()?) == *n && trimmed(&exponent.to_be_bytes()) == *e
        }
        (ECC, KeyParams::Ec { x, y }) => {
            reader.u16()?;
            if reader.u16()? != NULL {
                reader.u16()?;
            }
            trimmed(reader.sized()?) == trimmed(x) && trimmed(reader.sized()?) == trimmed(y)
        }
        _ => false,
    };
    if !fits || !reader.0.is_empty() {
        return Err(WebAuthnError::Attestation("the TPM speaks of another key"));
    }
    Ok(name)
}

/// Checks that a `TPMS_ATTEST` certifies the key `public` and carries the expected extra data.
fn check_info(bytes: &[u8], extra: &[u8], name_algorithm: u16, public: &[u8]) -> Result<(), WebAuthnError> {
    let mut reader = Reader(bytes);
    if reader.u32()? != GENERATED || reader.u16()? != CERTIFY {
        return Err(WRONG);
    }
    reader.sized()?;
    if reader.sized()? != extra {
        return Err(WebAuthnError::Attestation("it belongs to another answer"));
    }
    // Skips `clockInfo` (17 bytes) and `firmwareVersion` (8 bytes).
    reader.take(25)?;
    let name = reader.sized()?;
    reader.sized()?;
    let hash = match name_algorithm {
        0x000b => &digest::SHA256,
        0x000c => &digest::SHA384,
        0x000d => &digest::SHA512,
        _ => return Err(WRONG),
    };
    let expected = [name_algorithm.to_be_bytes().as_slice(), digest::digest(hash, public).as_ref()].concat();
    if name != expected || !reader.0.is_empty() {
        return Err(WebAuthnError::Attestation("the TPM speaks of another key"));
    }
    Ok(())
}
