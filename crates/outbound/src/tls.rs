//! TLS of outbound connections: whom a connection trusts, and by which certificate it authenticates.
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use signet_base::outbound::{ClientCertificate, TlsOptions, Trust};
use signet_base::{Error, Result};
use std::sync::{Arc, OnceLock};

/// The authorities of the installation, and the configurations made of them.
pub(crate) struct Tls {
    /// Beside those of the system.
    own: Vec<CertificateDer<'static>>,
    roots: OnceLock<Result<Arc<RootCertStore>, String>>,
    /// For connections without options of their own: for HTTP, and for other protocols.
    plain: [OnceLock<Arc<ClientConfig>>; 2],
}

impl Tls {
    pub(crate) fn new(own: Vec<CertificateDer<'static>>) -> Self {
        Self { own, roots: OnceLock::new(), plain: [OnceLock::new(), OnceLock::new()] }
    }

    /// `http`: the protocol is announced (ALPN, RFC 7301).
    pub(crate) fn config(&self, options: &TlsOptions, http: bool) -> Result<Arc<ClientConfig>> {
        let common = options.trust == Trust::Installation && options.client.is_none();
        let kept = &self.plain[usize::from(http)];
        if let Some(config) = kept.get().filter(|_| common) {
            return Ok(config.clone());
        }
        let config = Arc::new(self.build(options, http)?);
        Ok(if common { kept.get_or_init(|| config).clone() } else { config })
    }

    fn build(&self, options: &TlsOptions, http: bool) -> Result<ClientConfig> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?;
        let builder = match &options.trust {
            Trust::Installation => builder.with_root_certificates(self.roots()?),
            Trust::Certificates(pem) => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned::new(pem, provider)?))
            }
            Trust::Anyone => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(provider)))
            }
        };
        let mut config = match &options.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let (chain, key) = identity(client)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| wrong_key(&error))?
            }
        };
        if http {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(config)
    }

    /// Loaded once, before the first connection. `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.
    fn roots(&self) -> Result<Arc<RootCertStore>> {
        let load = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(self.own.iter().cloned());
            if roots.is_empty() {
                return Err("this machine trusts no certificate authority: install ca-certificates or set SSL_CERT_FILE".to_owned());
            }
            Ok(Arc::new(roots))
        };
        self.roots.get_or_init(load).clone().map_err(Error::unavailable)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The certificates of a PEM text.
///
/// # Errors
/// `Invalid` (`certificate`) if there is none, or one is broken.
pub fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    all.ok()
        .filter(|all| !all.is_empty() && all.iter().all(|der| ParsedCertificate::try_from(der).is_ok()))
        .ok_or_else(|| Error::invalid("certificate", "This is no certificate in PEM."))
}

fn identity(client: &ClientCertificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let key =
        PrivateKeyDer::from_pem_slice(client.key.reveal().as_bytes()).map_err(|error| wrong_key(&error))?;
    Ok((certificates(&client.certificate)?, key))
}
fn wrong_key(why: &dyn std::fmt::Display) -> Error {
    Error::invalid("key", format!("The key of the client certificate cannot be used: {why}."))
}

/// Trusts the certificates that these authorities issued, and these certificates themselves: a self-signed one is often
/// marked as an authority, which may not be a server by the rules of chains. Such a pin holds whatever its dates are
/// (RFC 7671 §5.1).
#[derive(Debug)]
struct Pinned {
    chains: Arc<WebPkiServerVerifier>,
    pins: Vec<CertificateDer<'static>>,
}
impl Pinned {
    fn new(pem: &str, provider: Arc<CryptoProvider>) -> Result<Self> {
        let pins = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(pins.iter().cloned());
        let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| Error::invalid("certificate", error.to_string()))?;
        Ok(Self { chains, pins })
    }
}
impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pins.iter().any(|pin| pin == leaf) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.chains.verify_server_cert(leaf, chain, name, ocsp, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls12_signature(message, leaf, signed)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls13_signature(message, leaf, signed)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// Accepts every certificate whose key the server has.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);
impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            leaf,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            leaf,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
