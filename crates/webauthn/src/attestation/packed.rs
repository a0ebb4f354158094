//! `packed` attestation (§8.2).
use super::certificate::Certificate;
use super::{Attestation, StatementInput};
use crate::WebAuthnError;

pub fn judge(subject: &StatementInput<'_>) -> Result<Attestation, WebAuthnError> {
    let (algorithm, signature) = (subject.algorithm()?, subject.signature()?);
    if subject.statement.get("x5c").is_none() {
        if algorithm != subject.attested.key.algorithm.id() {
            return Err(WebAuthnError::Attestation("its algorithm is not the credential's"));
        }
        subject.attested.key.verify(&subject.signed(), signature)?;
        return Ok(Attestation::SelfSigned);
    }
    let (der, _) = subject.chain()?;
    let certificate = Certificate::read(der)?;
    certificate.verify(algorithm, &subject.signed(), signature)?;
    if !certificate.is_leaf()
        || !certificate.country_has_two_letters()
        || !certificate.names_organization()
        || !certificate.is_of_unit("Authenticator Attestation")
    {
        return Err(WebAuthnError::Attestation("the certificate is not one for attestation"));
    }
    certificate.check_aaguid(&subject.attested.aaguid)?;
    Ok(Attestation::Certificate)
}
