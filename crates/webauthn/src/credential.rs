//! Credentials in JSON (`PublicKeyCredential.toJSON`, §5.1).
use crate::WebAuthnError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use signet_base::Json;

/// Maximum length of a decoded member. Attestations with certificate chains have some KiB.
const MAX_MEMBER: usize = 64 * 1024;
/// Maximum length of a credential ID in bytes (§4).
const MAX_ID: usize = 1023;

/// Encodes Base64url without padding.
#[must_use]
pub fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
/// Decodes Base64url strictly: no padding, no other alphabet, no non-zero trailing bits.
#[must_use]
pub fn b64_decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_MEMBER * 4 / 3 { None } else { URL_SAFE_NO_PAD.decode(text).ok() }
}

/// The members that responses of both ceremonies share.
pub struct Credential<'a> {
    pub id: Vec<u8>,
    pub response: &'a Json,
}

impl<'a> Credential<'a> {
    pub fn read(sent: &'a Json) -> Result<Self, WebAuthnError> {
        let text = |name| sent.get(name).and_then(Json::as_str);
        let raw = text("rawId").ok_or(WebAuthnError::Member("rawId"))?;
        if text("id").is_some_and(|id| id != raw) {
            return Err(WebAuthnError::Member("id"));
        }
        // Some native clients leave out `type`; it has one possible value.
        if !matches!(sent.get("type"), None | Some(Json::Null)) && text("type") != Some("public-key") {
            return Err(WebAuthnError::Member("type"));
        }
        let id = b64_decode(raw)
            .filter(|id| (1..=MAX_ID).contains(&id.len()))
            .ok_or(WebAuthnError::Member("rawId"))?;
        let response =
            sent.get("response").filter(|r| r.is_object()).ok_or(WebAuthnError::Member("response"))?;
        Ok(Self { id, response })
    }
    /// A required member of `response`.
    pub fn bytes(&self, name: &'static str) -> Result<Vec<u8>, WebAuthnError> {
        self.response.get(name).and_then(Json::as_str).and_then(b64_decode).ok_or(WebAuthnError::Member(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    #[test]
    fn base64url_is_strict() {
        assert_eq!(b64_decode("-_8"), Some(vec![0xfb, 0xff]));
        for wrong in ["-_8=", "+/8", "-_9", "-", "a b", "-_8\n"] {
            assert_eq!(b64_decode(wrong), None, "{wrong}");
        }
    }
    #[test]
    fn the_frame_of_a_credential_is_checked() {
        let right = json!({"id": "AQ", "rawId": "AQ", "type": "public-key", "response": {"signature": "AQ"}});
        let read = Credential::read(&right).unwrap();
        assert_eq!((read.id.as_slice(), read.bytes("signature").unwrap().as_slice()), (&[1][..], &[1][..]));
        for (wrong, member) in [
            (json!(null), "rawId"),
            (json!([]), "rawId"),
            (json!({"rawId": 1}), "rawId"),
            (json!({"rawId": ""}), "rawId"),
            (json!({"rawId": "AQ=="}), "rawId"),
            (json!({"rawId": "AQ", "id": "Ag"}), "id"),
            (json!({"rawId": "AQ", "type": "password"}), "type"),
            (json!({"rawId": "AQ", "response": []}), "response"),
            (json!({"rawId": b64(&[1; 1024]), "response": {}}), "rawId"),
        ] {
            assert_eq!(Credential::read(&wrong).err(), Some(WebAuthnError::Member(member)), "{wrong}");
        }
    }
}
