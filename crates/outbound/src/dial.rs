//! TCP and TLS connections, with the guard against internal addresses.
use crate::guard;
use crate::tls::Tls;
use async_trait::async_trait;
use rustls::pki_types::ServerName;
use signet_base::outbound::{Dialer, Stream, TlsOptions};
use signet_base::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub struct Network {
    tls: Arc<Tls>,
}

impl Network {
    pub(crate) fn new(tls: Tls) -> Self {
        Self { tls: Arc::new(tls) }
    }

    pub(crate) async fn tcp(&self, host: &str, port: u16, public_only: bool) -> Result<Box<dyn Stream>> {
        let mut last = Error::unavailable(format!("{host} has no address"));
        for address in addresses(host, port, public_only).await? {
            #[allow(clippy::disallowed_methods, reason = "the guarded client")]
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // Small messages in each direction; Nagle's algorithm would delay them.
                    let _ = stream.set_nodelay(true);
                    return Ok(Box::new(stream));
                }
                Err(error) => last = gone(host, error),
            }
        }
        Err(last)
    }

    /// `http`: the protocol is announced.
    pub(crate) async fn tls(
        &self,
        stream: Box<dyn Stream>,
        name: &str,
        options: &TlsOptions,
        http: bool,
    ) -> Result<Box<dyn Stream>> {
        let config = self.tls.config(options, http)?;
        let server = match name.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => ServerName::IpAddress(ip.into()),
            Err(_) => ServerName::try_from(name.to_owned()).map_err(|e| gone(name, e))?,
        };
        let connected = tokio_rustls::TlsConnector::from(config).connect(server, stream).await;
        Ok(Box::new(connected.map_err(|error| gone(name, error))?))
    }
}

#[async_trait]
impl Dialer for Network {
    async fn connect(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
        public_only: bool,
    ) -> Result<Box<dyn Stream>> {
        in_time(host, timeout, self.tcp(host, port, public_only)).await
    }
    async fn secure(
        &self,
        stream: Box<dyn Stream>,
        name: &str,
        tls: &TlsOptions,
        timeout: Duration,
    ) -> Result<Box<dyn Stream>> {
        in_time(name, timeout, self.tls(stream, name, tls, false)).await
    }
}

pub(crate) async fn in_time<T>(
    host: &str,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let late = || Error::unavailable(format!("{host} did not answer in {} ms", limit.as_millis()));
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}

/// The addresses of a host. Each one is checked, so a DNS name of an internal address is refused as well.
pub(crate) async fn addresses(host: &str, port: u16, public_only: bool) -> Result<Vec<SocketAddr>> {
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let mut all: Vec<SocketAddr> = match literal {
        Ok(ip) => vec![(ip, port).into()],
        Err(_) => tokio::net::lookup_host((host, port)).await.map_err(|e| gone(host, e))?.collect(),
    };
    if public_only && !all.is_empty() {
        all.retain(|address| guard::is_public(address.ip()));
        if all.is_empty() {
            return Err(Error::unavailable(format!("{host} is not on the public internet and is not asked")));
        }
    }
    Ok(all)
}

pub(crate) fn gone(host: &str, why: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("{host}: {why}"))
}
