//! Attestation statements (§8): what an authenticator says about itself. Every statement is checked in
//! itself; whether the maker's root is trusted is not judged, since no list of roots is shipped.
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

/// How a new credential was attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// Nothing was said.
    None,
    /// Signed with the credential's own key.
    SelfSigned,
    /// Signed by a key that a maker's certificate stands for.
    Certificate,
}

/// What a statement is about.
pub struct StatementInput<'a> {
    pub format: &'a str,
    pub statement: &'a Value<'a>,
    pub data: &'a AuthenticatorData<'a>,
    pub attested: &'a AttestedCredential<'a>,
    /// `data` as bytes.
    pub auth_data: &'a [u8],
    pub client_hash: &'a [u8; 32],
}

impl<'a> StatementInput<'a> {
    /// What most formats sign: authenticator data and hash of the client data.
    fn signed(&self) -> Vec<u8> {
        [self.auth_data, self.client_hash].concat()
    }
    fn signature(&self) -> Result<&'a [u8], WebAuthnError> {
        self.statement.get("sig").and_then(Value::bytes).ok_or(WebAuthnError::Attestation("no signature"))
    }
    fn algorithm(&self) -> Result<i64, WebAuthnError> {
        self.statement.get("alg").and_then(Value::int).ok_or(WebAuthnError::Attestation("no algorithm"))
    }
    /// The first certificate of the chain, and the chain's length.
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
