//! Certificates of listeners: the brand's by server name, else the self-signed pair.
use async_trait::async_trait;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{default_provider, sign};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use signet_base::{Error, Result, Uuid};
use signet_core::listener::{StartTls, Stream};
use signet_core::{Core, brand};
use signet_jose::x509::{Generate, KeyAlgorithm, generate};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// Timeout of a handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Looks certificates up in the current configuration; parsed ones are cached by object and version.
struct Resolver {
    core: Arc<Core>,
    ready: Mutex<HashMap<(Uuid, i64), Arc<CertifiedKey>>>,
    /// Used before any pair exists, and if all have been deleted.
    fallback: Arc<CertifiedKey>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let config = self.core.config();
        let name = hello.server_name().unwrap_or_default();
        let Some((object, pair)) = brand::certificate_for(&config, name) else {
            return Some(self.fallback.clone());
        };
        let key = (object.pk, object.version);
        if let Some(ready) = self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(ready.clone());
        }
        match certified(&pair.certificate_data, pair.key_data.reveal()) {
            Ok(made) => {
                let made = Arc::new(made);
                let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
                // Older versions of the pair are not needed any more.
                ready.retain(|(pk, _), _| *pk != object.pk);
                ready.insert(key, made.clone());
                Some(made)
            }
            Err(error) => {
                tracing::warn!(certificate = object.name(), %error, "a certificate cannot be used for HTTPS; the self-signed one is");
                Some(self.fallback.clone())
            }
        }
    }
}

fn certified(certificates: &str, key: &str) -> Result<CertifiedKey> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificates.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(Error::internal)?;
    if chain.is_empty() {
        return Err(Error::internal("no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(Error::internal)?;
    let key = sign::any_supported_type(&key).map_err(Error::internal)?;
    let made = CertifiedKey::new(chain, key);
    match made.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(made),
        Err(error) => Err(Error::internal(error)),
    }
}

/// TLS with these certificates.
pub struct Tls {
    config: ServerConfig,
}

impl Tls {
    pub fn new(core: &Arc<Core>) -> Result<Self> {
        let request = Generate {
            common_name: "authentik",
            subject_alt_names: &["localhost"],
            validity_days: 365,
            alg: KeyAlgorithm::Ecdsa,
            now: core.now().secs(),
        };
        let made = generate(&request).map_err(Error::internal)?;
        let fallback = Arc::new(certified(&made.certificate_pem, made.key_pem.reveal())?);
        let resolver = Arc::new(Resolver { core: core.clone(), ready: Mutex::default(), fallback });
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?;
        Ok(Self { config: builder.with_no_client_auth().with_cert_resolver(resolver) })
    }
    /// For connections that begin with TLS and then speak one of these protocols.
    pub fn acceptor(&self, alpn: &[&[u8]]) -> TlsAcceptor {
        let mut config = self.config.clone();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[async_trait]
impl StartTls for Tls {
    async fn accept(&self, plain: Stream) -> io::Result<Stream> {
        let shaken = tokio::time::timeout(HANDSHAKE, self.acceptor(&[]).accept(plain)).await;
        Ok(Box::new(shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??))
    }
}
