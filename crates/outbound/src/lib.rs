//! Outbound connections: mail by SMTP, HTTP requests, and connections of other protocols. No other crate opens
//! connections to other hosts; they use the ports of `signet_base`.
mod dial;
mod guard;
mod http;
mod mail_token;
mod proxy;
mod smtp;
mod tls;

pub use dial::Network;
pub use guard::is_public;
pub use http::HttpClient;
pub use proxy::{NoProxy, Proxies, ProxyServer};
pub use smtp::Smtp;
pub use tls::certificates;

use rustls::pki_types::CertificateDer;
use signet_base::Ports;
use std::sync::Arc;

/// What an installation says of its network.
#[derive(Debug, Clone, Default)]
pub struct OutboundSettings {
    /// Authorities that are trusted beside the system's.
    pub authorities: Vec<CertificateDer<'static>>,
    pub proxies: Proxies,
}

/// Installs mail, HTTP and connections in the ports.
pub fn with_outbound(ports: Ports, settings: OutboundSettings) -> Ports {
    let network = Network::new(tls::Tls::new(settings.authorities.clone()));
    let http = Arc::new(HttpClient::new(network.clone(), settings.proxies));
    let smtp = Smtp::new(ports.clock.clone(), ports.random.clone(), http.clone());
    let smtp = smtp.with_authorities(settings.authorities);
    ports.with_mail(Arc::new(smtp)).with_http(http).with_dialer(Arc::new(network))
}
