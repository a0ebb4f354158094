//! `android-key` attestation (§8.4): keys of Android's hardware keystore.
use super::certificate::Certificate;
use super::der::{CONTEXT, Der, ENUMERATED, INTEGER, OCTETS, SEQUENCE, SET};
use super::{Attestation, StatementInput};
use crate::WebAuthnError;

const DESCRIPTION: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17];
/// Tags of the `AuthorizationList` in Android's key description extension.
const PURPOSE: u32 = CONTEXT | 1;
const ALL_APPLICATIONS: u32 = CONTEXT | 600;
const ORIGIN: u32 = CONTEXT | 702;

pub fn judge(subject: &StatementInput<'_>) -> Result<Attestation, WebAuthnError> {
    let (der, _) = subject.chain()?;
    let certificate = Certificate::read(der)?;
    certificate.verify(subject.algorithm()?, &subject.signed(), subject.signature()?)?;
    if !certificate.is_for(&subject.attested.key) {
        return Err(WebAuthnError::Attestation("the certificate is for another key"));
    }
    let (value, _) =
        certificate.extension(DESCRIPTION)?.ok_or(WebAuthnError::Attestation("no description of the key"))?;
    let mut description = Der(Der(value).expect(SEQUENCE)?);
    for tag in [INTEGER, ENUMERATED, INTEGER, ENUMERATED] {
        description.expect(tag)?;
    }
    if description.expect(OCTETS)? != subject.client_hash {
        return Err(WebAuthnError::Attestation("its challenge belongs to another answer"));
    }
    description.expect(OCTETS)?;
    let (software, hardware) = (description.expect(SEQUENCE)?, description.expect(SEQUENCE)?);
    let (mut generated, mut signs) = (false, false);
    for list in [software, hardware] {
        let mut list = Der(list);
        while !list.0.is_empty() {
            match list.next()? {
                (ALL_APPLICATIONS, _) => {
                    return Err(WebAuthnError::Attestation("the key is for all applications"));
                }
                (ORIGIN, value) => generated |= Der(value).expect(INTEGER)? == [0],
                (PURPOSE, value) => {
                    let mut purposes = Der(Der(value).expect(SET)?);
                    while !purposes.0.is_empty() {
                        signs |= purposes.expect(INTEGER)? == [2];
                    }
                }
                _ => {}
            }
        }
    }
    if generated && signs {
        Ok(Attestation::Certificate)
    } else {
        Err(WebAuthnError::Attestation("the key was not made on the device for signing"))
    }
}
