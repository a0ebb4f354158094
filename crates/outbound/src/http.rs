//! HTTP/1.1 client. Each request opens its own connection: requests are rare, and no idle connection can go
//! stale.
use crate::{guard, tls};
use ::http::{HeaderName, HeaderValue, Method, Request, header};
use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use signet_base::outbound::{Http, HttpRequest, HttpResponse};
use signet_base::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

/// The client. It follows no redirects, so a response cannot direct a request elsewhere.
#[derive(Default)]
pub struct HttpClient {
    /// `None`: the system's trust store.
    tls: Option<Arc<ClientConfig>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl HttpClient {
    pub fn new() -> Self {
        Self::default()
    }
    /// Trusts only these certificate authorities.
    pub fn with_roots(roots: RootCertStore) -> Result<Self> {
        Ok(Self { tls: Some(tls::with_roots(roots).map_err(Error::Unavailable)?) })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse> {
        let limit = request.max_response;
        let (url, message) = prepare(&request)?;
        let stream = self.connect(&url, request.public_only).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| gone(&url, e))?;
        let driver = Abort(tokio::spawn(async move {
            // An error of the connection also ends the request, which reports it.
            let _ = connection.await;
        }));
        let answer = sender.send_request(message).await.map_err(|e| gone(&url, e))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        let body = Limited::new(answer.into_body(), limit)
            .collect()
            .await
            .map_err(|e| gone(&url, e))?
            .to_bytes()
            .to_vec();
        drop(driver);
        Ok(HttpResponse { status, headers, body })
    }

    async fn connect(&self, url: &Url, public_only: bool) -> Result<Box<dyn Stream>> {
        let tcp = open(url, public_only).await?;
        // `TCP_NODELAY`: one small message in each direction; Nagle's algorithm would delay it.
        let _ = tcp.set_nodelay(true);
        if url.scheme() == "http" {
            return Ok(Box::new(tcp));
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).map_err(|e| gone(url, e))?,
            Some(Host::Ipv4(ip)) => ServerName::IpAddress(std::net::IpAddr::V4(ip).into()),
            Some(Host::Ipv6(ip)) => ServerName::IpAddress(std::net::IpAddr::V6(ip).into()),
            None => return Err(wrong("the address has no host")),
        };
        let config = match &self.tls {
            Some(config) => config.clone(),
            None => tls::config()?,
        };
        let tls =
            tokio_rustls::TlsConnector::from(config).connect(name, tcp).await.map_err(|e| gone(url, e))?;
        Ok(Box::new(tls))
    }
}

#[async_trait]
impl Http for HttpClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let (limit, host) = (request.timeout, host_of(&request.url));
        match tokio::time::timeout(limit, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Unavailable(format!("{host} did not answer in {} ms", limit.as_millis()))),
        }
    }
}

/// Ends the connection task when the exchange ends or is cancelled.
struct Abort(tokio::task::JoinHandle<()>);
impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Validates the URL and builds the request. Query strings may contain secrets, so errors name the host only.
fn prepare(request: &HttpRequest) -> Result<(Url, Request<Full<Bytes>>)> {
    let url = Url::parse(&request.url).map_err(wrong)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only http and https addresses are asked"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("an address with a name or password in it is not asked"));
    }
    let method: Method =
        request.method.parse().map_err(|_| Error::invalid("method", "This is no HTTP method."))?;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut message = Request::builder()
        .method(method)
        .uri(target)
        .body(Full::new(Bytes::copy_from_slice(&request.body)))
        .map_err(wrong)?;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err(wrong("the address has no host")),
    };
    let headers = message.headers_mut();
    headers.insert(header::HOST, HeaderValue::try_from(host).map_err(wrong)?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("signet"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &request.headers {
        let name = HeaderName::try_from(name.as_str())
            .map_err(|_| Error::invalid("headers", format!("{name:?} is no name of a header.")))?;
        let value = HeaderValue::try_from(value.as_str())
            .map_err(|_| Error::invalid("headers", format!("The value of {name} cannot be sent.")))?;
        headers.append(name, value);
    }
    Ok((url, message))
}

/// Connects to the first address of the host that accepts. Every resolved address is checked, so a DNS name
/// of an internal address is refused as well.
async fn open(url: &Url, public_only: bool) -> Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(443);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
        Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
        Some(Host::Domain(name)) => {
            tokio::net::lookup_host((name, port)).await.map_err(|e| gone(url, e))?.collect()
        }
        None => return Err(wrong("the address has no host")),
    };
    let mut last = Error::Unavailable(format!("{} has no address", host_of(url.as_str())));
    for address in addresses {
        if public_only && !guard::is_public(address.ip()) {
            last = Error::Unavailable(format!(
                "{} is not on the public internet and is not asked",
                host_of(url.as_str())
            ));
            continue;
        }
        #[allow(clippy::disallowed_methods, reason = "the guarded client")]
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = gone(url, error),
        }
    }
    Err(last)
}

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::invalid("url", why.to_string())
}
fn gone(url: &Url, why: impl std::fmt::Display) -> Error {
    Error::Unavailable(format!("{}: {why}", host_of(url.as_str())))
}
fn host_of(url: &str) -> String {
    Url::parse(url)
        .ok()
        .and_then(|u| u.host_str().map(str::to_owned))
        .unwrap_or_else(|| "the server".to_owned())
}
