//! TLS configuration of outbound HTTP: the system's trust store (`SSL_CERT_FILE` and `SSL_CERT_DIR` are
//! honoured).
use rustls::{ClientConfig, RootCertStore};
use signet_base::{Error, Result};
use std::sync::{Arc, OnceLock};

static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();

/// Loaded once, before the first connection.
pub(crate) fn config() -> Result<Arc<ClientConfig>> {
    CONFIG.get_or_init(|| with_roots(system_roots()?)).clone().map_err(Error::Unavailable)
}

fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        Err("this machine trusts no certificate authority: install ca-certificates or set SSL_CERT_FILE"
            .to_owned())
    } else {
        Ok(roots)
    }
}

pub(crate) fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
