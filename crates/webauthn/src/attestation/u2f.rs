//! `fido-u2f` attestation (§8.6): security keys older than FIDO2.
use super::certificate::Certificate;
use super::{Attestation, StatementInput};
use crate::{Algorithm, WebAuthnError};

pub fn judge(subject: &StatementInput<'_>) -> Result<Attestation, WebAuthnError> {
    let (der, length) = subject.chain()?;
    let certificate = Certificate::read(der)?;
    if length != 1 || !certificate.is_p256() || subject.attested.key.algorithm != Algorithm::Es256 {
        return Err(WebAuthnError::Attestation("U2F needs one certificate and P-256 keys"));
    }
    if subject.attested.aaguid != [0; 16] {
        return Err(WebAuthnError::Attestation("U2F knows no models"));
    }
    let signed =
        [&[0], subject.data.rp_hash, subject.client_hash, subject.attested.id, &subject.attested.key.point()]
            .concat();
    certificate.verify(Algorithm::Es256.id(), &signed, subject.signature()?)?;
    Ok(Attestation::Certificate)
}
