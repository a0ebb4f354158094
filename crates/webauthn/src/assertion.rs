//! Signing in with a credential (§7.2).
use crate::auth_data::AuthenticatorData;
use crate::cose::PublicKey;
use crate::credential::Credential;
use crate::{Expect, Flags, WebAuthnError, b64_decode, client_data};
use signet_base::Json;

/// An answer that was read but not judged: whose credential is it?
#[derive(Debug, Clone)]
pub struct Assertion {
    pub credential_id: Vec<u8>,
    /// The handle that the credential was made for; passkeys send it.
    pub user_handle: Option<Vec<u8>>,
    client_data: Vec<u8>,
    auth_data: Vec<u8>,
    signature: Vec<u8>,
}

/// A signature that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// The new signature counter, to be kept.
    pub counter: u32,
    pub flags: Flags,
}

impl Assertion {
    /// Reads `AuthenticationResponseJSON`.
    pub fn read(sent: &Json) -> Result<Self, WebAuthnError> {
        let credential = Credential::read(sent)?;
        let user_handle = match credential.response.get("userHandle") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text.is_empty() => None,
            Some(Json::String(text)) => {
                Some(b64_decode(text).filter(|h| h.len() <= 64).ok_or(WebAuthnError::Member("userHandle"))?)
            }
            Some(_) => return Err(WebAuthnError::Member("userHandle")),
        };
        Ok(Self {
            user_handle,
            client_data: credential.bytes("clientDataJSON")?,
            auth_data: credential.bytes("authenticatorData")?,
            signature: credential.bytes("signature")?,
            credential_id: credential.id,
        })
    }

    /// Judges the answer with the key (COSE form) and the counter that were kept for the credential.
    pub fn verify(
        &self,
        expect: &Expect<'_>,
        public_key: &[u8],
        counter: u32,
    ) -> Result<VerifiedAssertion, WebAuthnError> {
        let hash = client_data::check(&self.client_data, "webauthn.get", expect)?;
        let data = AuthenticatorData::read(&self.auth_data)?;
        data.check(expect)?;
        PublicKey::read(public_key)?.verify(&[self.auth_data.as_slice(), &hash].concat(), &self.signature)?;
        // Zero on both sides: the authenticator does not count (synced passkeys).
        if (data.counter != 0 || counter != 0) && data.counter <= counter {
            return Err(WebAuthnError::Counter);
        }
        Ok(VerifiedAssertion { counter: data.counter, flags: data.flags })
    }
}
