//! Certificate-key pairs.
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Json, Map, Secret, Timestamp, json};
use signet_jose::{Certificate, SigningKey};
use signet_model::{Change, FieldDef, FieldKind, Model, Object, Snapshot};
use std::sync::Arc;

/// Name of the pair that is offered first to new providers.
pub const ES256: &str = "authentik ES256 Signing Key";
/// Name of the RSA pair, for applications that know nothing else, and for HTTPS without a certificate of one's
/// own.
pub const SELF_SIGNED: &str = "authentik Self-signed Certificate";

const CERTIFICATE_EXTRA: &[FieldDef] = &[
    FieldDef::shown("fingerprint_sha256", FieldKind::Text).nullable(),
    FieldDef::shown("fingerprint_sha1", FieldKind::Text).nullable(),
    FieldDef::shown("cert_expiry", FieldKind::Time).nullable(),
    FieldDef::shown("cert_subject", FieldKind::Text).nullable(),
    FieldDef::shown("private_key_available", FieldKind::Bool),
    FieldDef::shown("key_type", FieldKind::Choice(&["rsa", "ec", "dsa", "ed25519", "ed448"])).nullable(),
    FieldDef::shown("certificate_download_url", FieldKind::Text),
    FieldDef::shown("private_key_download_url", FieldKind::Text),
];

/// A certificate, with its private key where that is known.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_crypto", path = "crypto/certificatekeypairs", label = "Certificate-Key Pair", search("name"), ordering = "name", check = check_certificate, present = present_certificate, prepare = prepare_certificate, extra = CERTIFICATE_EXTRA)]
pub struct CertificateKeyPair {
    #[field(unique, filter)]
    pub name: String,
    /// PEM-encoded certificate.
    #[field(write_only)]
    pub certificate_data: String,
    /// PEM-encoded private key. With it the pair can sign.
    #[field(default = "", blank, write_only)]
    #[serde(default, skip_serializing)]
    pub key_data: Secret,
    #[field(read_only, filter)]
    pub managed: Option<String>,
}
fn check_certificate(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::new();
    let certificate = Certificate::from_pem(change.text("certificate_data"));
    if let Err(e) = &certificate {
        errors.add("certificate_data", format!("Unable to load certificate: {e}"));
    }
    // Read back as the original keeps it: without the line end that files have.
    if let Some(key) = change.secrets.get_mut("key_data") {
        *key = Secret::new(key.reveal().trim());
    }
    if let Some(key) = change.secret("key_data").filter(|k| !k.is_empty()) {
        match (SigningKey::from_pem(key.reveal()), certificate) {
            (Err(e), _) => errors.add("key_data", format!("Unable to load private key: {e}")),
            (Ok(key), Ok(certificate)) if !certificate.matches(&key) => {
                errors.add("key_data", "The private key does not belong to the certificate.")
            }
            _ => {}
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// A certificate with its key parsed once.
pub struct PreparedCertificate {
    pub certificate: Certificate,
    pub key: Option<Arc<SigningKey>>,
}
fn prepare_certificate(pair: &CertificateKeyPair) -> Result<signet_model::def::Prepared, String> {
    let certificate = Certificate::from_pem(&pair.certificate_data).map_err(|e| e.to_string())?;
    let key = match pair.key_data.reveal() {
        "" => None,
        pem => Some(Arc::new(SigningKey::from_pem(pem).map_err(|e| e.to_string())?)),
    };
    Ok(Arc::new(PreparedCertificate { certificate, key }))
}
fn present_certificate(pair: &Object, _: &Snapshot, out: &mut Map) {
    let base = format!("/api/v3/crypto/certificatekeypairs/{}", pair.pk);
    let ready = pair.prepared::<PreparedCertificate>().ok();
    let of = |f: fn(&Certificate) -> Json| ready.map_or(Json::Null, |p| f(&p.certificate));
    out.insert("fingerprint_sha256".into(), of(|c| json!(c.fingerprint_sha256())));
    out.insert("fingerprint_sha1".into(), of(|c| json!(c.fingerprint_sha1())));
    out.insert("cert_expiry".into(), of(|c| json!(Timestamp::from_secs(c.expiry()))));
    out.insert("cert_subject".into(), of(|c| json!(c.subject())));
    out.insert("private_key_available".into(), json!(ready.is_some_and(|p| p.key.is_some())));
    out.insert("key_type".into(), of(|c| json!(c.key_type().map(|t| t.as_str()))));
    out.insert("certificate_download_url".into(), json!(format!("{base}/view_certificate/?download")));
    out.insert("private_key_download_url".into(), json!(format!("{base}/view_private_key/?download")));
}
