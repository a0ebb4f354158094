//! Registration (§7.1).
use crate::attestation::{self, Attestation};
use crate::auth_data::AuthenticatorData;
use crate::cbor::{self, Value};
use crate::credential::Credential;
use crate::{Algorithm, Expect, Flags, WebAuthnError, client_data};
use signet_base::Json;

/// The result of a verified registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    pub credential_id: Vec<u8>,
    /// Credential public key as sent (COSE).
    pub public_key: Vec<u8>,
    pub algorithm: Algorithm,
    /// Model of the authenticator; zeros when it is not disclosed.
    pub aaguid: [u8; 16],
    pub counter: u32,
    pub flags: Flags,
    pub attestation: Attestation,
    /// `usb`, `nfc`, `ble`, `smart-card`, `hybrid` or `internal`.
    pub transports: Vec<String>,
}

const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

/// Verifies `RegistrationResponseJSON` with its attestation statement. Trust in the attestation certificate's
/// issuer is not evaluated.
pub fn register(sent: &Json, expect: &Expect<'_>) -> Result<NewCredential, WebAuthnError> {
    let credential = Credential::read(sent)?;
    let client_data = credential.bytes("clientDataJSON")?;
    let object = credential.bytes("attestationObject")?;
    let hash = client_data::check(&client_data, "webauthn.create", expect)?;
    let object = cbor::whole(&object)?;
    let format = object.get("fmt").and_then(Value::text).ok_or(WebAuthnError::Cbor)?;
    let bytes = object.get("authData").and_then(Value::bytes).ok_or(WebAuthnError::Cbor)?;
    let statement =
        object.get("attStmt").filter(|s| matches!(s, Value::Map(_))).ok_or(WebAuthnError::Cbor)?;
    let data = AuthenticatorData::read(bytes)?;
    data.check(expect)?;
    let attested = data.attested.as_ref().ok_or(WebAuthnError::AuthenticatorData)?;
    if attested.id != credential.id {
        return Err(WebAuthnError::Member("rawId"));
    }
    let attestation = attestation::judge(&attestation::StatementInput {
        format,
        statement,
        data: &data,
        attested,
        auth_data: bytes,
        client_hash: &hash,
    })?;
    Ok(NewCredential {
        credential_id: credential.id,
        public_key: attested.cose.to_vec(),
        algorithm: attested.key.algorithm,
        aaguid: attested.aaguid,
        counter: data.counter,
        flags: data.flags,
        attestation,
        transports: transports(credential.response),
    })
}

/// The known transports, without repetition.
fn transports(response: &Json) -> Vec<String> {
    let Some(list) = response.get("transports").and_then(Json::as_array) else { return Vec::new() };
    TRANSPORTS
        .iter()
        .filter(|word| list.iter().any(|t| t.as_str() == Some(word)))
        .map(|word| (*word).to_owned())
        .collect()
}
