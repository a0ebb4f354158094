//! `apple` attestation (§8.8): anonymous attestation of Apple devices.
use super::certificate::Certificate;
use super::der::{CONTEXT, Der, OCTETS, SEQUENCE};
use super::{Attestation, StatementInput};
use crate::{WebAuthnError, sha256};

const NONCE: &[u64] = &[1, 2, 840, 113635, 100, 8, 2];

pub fn judge(subject: &StatementInput<'_>) -> Result<Attestation, WebAuthnError> {
    let (der, _) = subject.chain()?;
    let certificate = Certificate::read(der)?;
    let (value, _) = certificate.extension(NONCE)?.ok_or(WebAuthnError::Attestation("no nonce"))?;
    let list = Der(value).expect(SEQUENCE)?;
    let tagged = Der(list).expect(CONTEXT | 1)?;
    if Der(tagged).expect(OCTETS)? != sha256(&subject.signed()) {
        return Err(WebAuthnError::Attestation("its nonce belongs to another answer"));
    }
    if !certificate.is_for(&subject.attested.key) {
        return Err(WebAuthnError::Attestation("the certificate is for another key"));
    }
    Ok(Attestation::Certificate)
}
