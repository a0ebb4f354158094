//! Attestation statements (§8). Each statement's signature, key and certificate fields are verified. The
//! certificate chain is not validated to a trusted root: no trust anchors are shipped.
mod android;
mod apple;
mod certificate;
mod der;
mod packed;
mod tpm;
mod u2f;

use crate::WebAuthnError;
use crate::auth_data::{AttestedCredential, AuthenticatorData};
use crate::cbor::Value;

/// The attestation type of a new credential (§6.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// No attestation (`none`).
    None,
    /// Self attestation: signed with the credential's own private key.
    SelfSigned,
    /// Signed with an attestation key that has a certificate.
    Certificate,
}

/// An attestation statement and the data that it signs.
pub struct StatementInput<'a> {
    pub format: &'a str,
    pub statement: &'a Value<'a>,
    pub data: &'a AuthenticatorData<'a>,
    pub attested: &'a AttestedCredential<'a>,
    /// `data` in its wire form.
    pub auth_data: &'a [u8],
    pub client_hash: &'a [u8; 32],
}

impl<'a> StatementInput<'a> {
    /// The signed bytes of most formats: authenticator data, then the hash of the client data.
    fn signed(&self) -> Vec<u8> {
        [self.auth_data, self.client_hash].concat()
    }
    fn signature(&self) -> Result<&'a [u8], WebAuthnError> {
        self.statement.get("sig").and_then(Value::bytes).ok_or(WebAuthnError::Attestation("no signature"))
    }
    fn algorithm(&self) -> Result<i64, WebAuthnError> {
        self.statement.get("alg").and_then(Value::int).ok_or(WebAuthnError::Attestation("no algorithm"))
    }
    /// The first certificate of `x5c`, and the number of certificates.
    fn chain(&self) -> Result<(&'a [u8], usize), WebAuthnError> {
        let list = self
            .statement
            .get("x5c")
            .and_then(Value::array)
            .ok_or(WebAuthnError::Attestation("no certificate"))?;
        let first =
            list.first().and_then(Value::bytes).ok_or(WebAuthnError::Attestation("no certificate"))?;
        Ok((first, list.len()))
    }
}

pub fn judge(subject: &StatementInput<'_>) -> Result<Attestation, WebAuthnError> {
    match subject.format {
        "none" => match subject.statement {
            Value::Map(members) if members.is_empty() => Ok(Attestation::None),
            _ => Err(WebAuthnError::Attestation("the format none has no statement")),
        },
        "packed" => packed::judge(subject),
        "fido-u2f" => u2f::judge(subject),
        "android-key" => android::judge(subject),
        "apple" => apple::judge(subject),
        "tpm" => tpm::judge(subject),
        _ => Err(WebAuthnError::Format),
    }
}
