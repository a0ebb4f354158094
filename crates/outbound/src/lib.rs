//! Outbound connections: mail by SMTP and HTTP requests. No other crate opens connections to other hosts;
//! they use the ports of `signet_base`.
mod guard;
mod http;
mod smtp;
mod tls;

pub use guard::is_public;
pub use http::HttpClient;
pub use smtp::Smtp;

use signet_base::Ports;
use std::sync::Arc;

/// Installs the SMTP and HTTP implementations in the ports.
pub fn with_outbound(ports: Ports) -> Ports {
    let smtp = Smtp::new(ports.clock.clone(), ports.random.clone());
    ports.with_mail(Arc::new(smtp)).with_http(Arc::new(HttpClient::new()))
}
