//! Authenticator data (§6.1).
use crate::cose::PublicKey;
use crate::{Expect, WebAuthnError, cbor, sha256};

/// The flags byte of authenticator data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);
impl Flags {
    pub fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }
    pub fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }
    /// BE: the credential can be backed up or synced to other devices.
    pub fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }
    pub fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }
    fn has_credential(self) -> bool {
        self.0 & 0x40 != 0
    }
    fn has_extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// Attested credential data (§6.5.1).
#[derive(Debug, Clone, PartialEq)]
pub struct AttestedCredential<'a> {
    pub aaguid: [u8; 16],
    pub id: &'a [u8],
    /// The credential public key as sent (COSE).
    pub cose: &'a [u8],
    pub key: PublicKey,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AuthenticatorData<'a> {
    pub rp_hash: &'a [u8],
    pub flags: Flags,
    pub counter: u32,
    pub attested: Option<AttestedCredential<'a>>,
}

impl<'a> AuthenticatorData<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, WebAuthnError> {
        let wrong = WebAuthnError::AuthenticatorData;
        let mut rest = bytes;
        let rp_hash = take(&mut rest, 32)?;
        let flags = Flags(*take(&mut rest, 1)?.first().ok_or(wrong.clone())?);
        let counter = take(&mut rest, 4)?.iter().fold(0u32, |n, b| n << 8 | u32::from(*b));
        let attested = if flags.has_credential() {
            let mut aaguid = [0; 16];
            aaguid.copy_from_slice(take(&mut rest, 16)?);
            let length = take(&mut rest, 2)?.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
            if length == 0 || length > 1023 {
                return Err(wrong);
            }
            let id = take(&mut rest, length)?;
            let (value, after) = cbor::first(rest)?;
            let cose = &rest[..rest.len() - after.len()];
            rest = after;
            Some(AttestedCredential { aaguid, id, cose, key: PublicKey::from_value(&value)? })
        } else {
            None
        };
        if flags.has_extensions() {
            match cbor::first(rest)? {
                (cbor::Value::Map(_), after) => rest = after,
                _ => return Err(wrong),
            }
        }
        if !rest.is_empty() {
            return Err(wrong);
        }
        Ok(Self { rp_hash, flags, counter, attested })
    }

    /// The checks of §7.1 and §7.2 that both ceremonies share: RP ID hash, user presence, user verification,
    /// backup flags.
    pub fn check(&self, expect: &Expect<'_>) -> Result<(), WebAuthnError> {
        if self.rp_hash != sha256(expect.rp_id.as_bytes()) {
            return Err(WebAuthnError::RelyingParty);
        }
        if !self.flags.user_present() {
            return Err(WebAuthnError::UserPresence);
        }
        if expect.user_verification && !self.flags.user_verified() {
            return Err(WebAuthnError::UserVerification);
        }
        if self.flags.backed_up() && !self.flags.backup_eligible() {
            return Err(WebAuthnError::Backup);
        }
        Ok(())
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], WebAuthnError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(WebAuthnError::AuthenticatorData)?;
    *rest = tail;
    Ok(head)
}
