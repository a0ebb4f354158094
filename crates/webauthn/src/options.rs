//! Options for the browser in JSON (§5.4, §5.5).
use crate::{Algorithm, b64};
use signet_base::{Json, json};

/// `PublicKeyCredentialDescriptor`: a registered credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub id: Vec<u8>,
    pub transports: Vec<String>,
}
impl Descriptor {
    fn json(&self) -> Json {
        let mut out = json!({"id": b64(&self.id), "type": "public-key"});
        if !self.transports.is_empty() {
            out["transports"] = json!(self.transports);
        }
        out
    }
}

/// Options for `navigator.credentials.create`.
#[derive(Debug, Clone)]
pub struct CreationOptions<'a> {
    pub challenge: &'a [u8],
    pub rp_id: &'a str,
    pub rp_name: &'a str,
    /// 1 to 64 bytes that identify the account and contain no personal data (§14.6.1).
    pub user_handle: &'a [u8],
    pub user_name: &'a str,
    pub display_name: &'a str,
    /// Milliseconds.
    pub timeout: u32,
    /// Authenticators that hold one of these credentials refuse.
    pub exclude: &'a [Descriptor],
    /// `platform` or `cross-platform`; absent for no preference.
    pub attachment: Option<&'a str>,
    /// `discouraged`, `preferred`, `required`.
    pub resident_key: &'a str,
    pub user_verification: &'a str,
    /// `none` or `direct`.
    pub attestation: &'a str,
    pub hints: &'a [&'a str],
}
impl CreationOptions<'_> {
    pub fn json(&self) -> Json {
        let keys: Vec<Json> =
            Algorithm::ALL.iter().map(|a| json!({"type": "public-key", "alg": a.id()})).collect();
        let mut selection = json!({"residentKey": self.resident_key, "requireResidentKey": self.resident_key == "required", "userVerification": self.user_verification});
        if let Some(attachment) = self.attachment {
            selection["authenticatorAttachment"] = json!(attachment);
        }
        json!({
            "rp": {"name": self.rp_name, "id": self.rp_id},
            "user": {"id": b64(self.user_handle), "name": self.user_name, "displayName": self.display_name},
            "challenge": b64(self.challenge),
            "pubKeyCredParams": keys,
            "timeout": self.timeout,
            "excludeCredentials": self.exclude.iter().map(Descriptor::json).collect::<Vec<_>>(),
            "authenticatorSelection": selection,
            "attestation": self.attestation,
            "hints": self.hints,
        })
    }
}

/// Options for `navigator.credentials.get`.
#[derive(Debug, Clone)]
pub struct RequestOptions<'a> {
    pub challenge: &'a [u8],
    pub rp_id: &'a str,
    /// Milliseconds.
    pub timeout: u32,
    /// Empty for any discoverable credential.
    pub allow: &'a [Descriptor],
    pub user_verification: &'a str,
    pub hints: &'a [&'a str],
}
impl RequestOptions<'_> {
    pub fn json(&self) -> Json {
        json!({
            "challenge": b64(self.challenge),
            "timeout": self.timeout,
            "rpId": self.rp_id,
            "allowCredentials": self.allow.iter().map(Descriptor::json).collect::<Vec<_>>(),
            "userVerification": self.user_verification,
            "hints": self.hints,
        })
    }
}
