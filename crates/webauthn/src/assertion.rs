//! Authentication assertions (§7.2).
use crate::auth_data::AuthenticatorData;
use crate::cose::PublicKey;
use crate::credential::Credential;
use crate::{Expect, Flags, WebAuthnError, b64_decode, client_data};
use signet_base::Json;

/// A parsed `AuthenticationResponseJSON` whose signature is not verified yet.
#[derive(Debug, Clone)]
pub struct Assertion {
    pub credential_id: Vec<u8>,
    /// `userHandle`: the user handle the credential was created with. Discoverable credentials send it.
    pub user_handle: Option<Vec<u8>>,
    client_data: Vec<u8>,
    auth_data: Vec<u8>,
    signature: Vec<u8>,
}

/// The result of a verified assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// The authenticator's new signature counter. The caller stores it.
    pub counter: u32,
    pub flags: Flags,
}

impl Assertion {
    /// Parses `AuthenticationResponseJSON`.
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

    /// Verifies the assertion against the stored credential: its public key (COSE) and its signature counter.
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
        // Both counters zero: the authenticator does not implement a counter (synced passkeys, §6.1.1).
        if (data.counter != 0 || counter != 0) && data.counter <= counter {
            return Err(WebAuthnError::Counter);
        }
        Ok(VerifiedAssertion { counter: data.counter, flags: data.flags })
    }
}
