//! HTTP/1.1 client. Each request opens its own connection: requests are rare, and no idle connection can go
//! stale.
use crate::dial::{Network, addresses, gone, in_time};
use crate::proxy::{Proxies, ProxyServer, tunnel};
use crate::tls::Tls;
use ::http::{HeaderName, HeaderValue, Method, Request, header};
use async_trait::async_trait;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use signet_base::outbound::{Http, HttpRequest, HttpResponse, Stream, TlsOptions};
use signet_base::{Error, Result};
use url::Url;

/// The client. It follows no redirects, so a response cannot direct a request elsewhere.
pub struct HttpClient {
    network: Network,
    proxies: Proxies,
}

impl Default for HttpClient {
    /// Trusts the system's authorities and uses no proxy.
    fn default() -> Self {
        Self::new(Network::new(Tls::new(Vec::new())), Proxies::default())
    }
}

impl HttpClient {
    pub fn new(network: Network, proxies: Proxies) -> Self {
        Self { network, proxies }
    }

    async fn exchange(&self, mut request: HttpRequest) -> Result<HttpResponse> {
        let limit = request.max_response;
        let (url, mut message) = prepare(&mut request)?;
        let stream = match self.proxies.of(&url) {
            None => self.network.tcp(host(&url)?, port(&url), request.public_only).await?,
            Some(proxy) => self.by_proxy(proxy, &url, &request, &mut message).await?,
        };
        let stream = match url.scheme() {
            "http" => stream,
            _ => self.network.tls(stream, host(&url)?, &request.tls, true).await?,
        };
        let name = host(&url)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| gone(name, e))?;
        let driver = Abort(tokio::spawn(async move {
            // An error of the connection also ends the request, which reports it.
            let _ = connection.await;
        }));
        let answer = sender.send_request(message).await.map_err(|e| gone(name, e))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        let body = Limited::new(answer.into_body(), limit).collect().await.map_err(|e| gone(name, e))?;
        drop(driver);
        Ok(HttpResponse { status, headers, body: body.to_bytes().to_vec() })
    }

    /// A connection to a proxy, which is to the server behind it where there is a tunnel. A request for public
    /// addresses only goes through a tunnel to an address that was resolved and checked here, so that the proxy
    /// resolves no name and the guard holds.
    async fn by_proxy(
        &self,
        proxy: &ProxyServer,
        url: &Url,
        request: &HttpRequest,
        message: &mut Request<Full<Bytes>>,
    ) -> Result<Box<dyn Stream>> {
        let (name, port) = (host(url)?, port(url));
        let target = if request.public_only {
            let checked = addresses(name, port, true).await?;
            checked.first().map(ToString::to_string).ok_or_else(|| gone(name, "it has no address"))?
        } else {
            format!("{name}:{port}")
        };
        let mut stream = self.network.tcp(&proxy.host, proxy.port, false).await?;
        if proxy.secure {
            stream = self.network.tls(stream, &proxy.host, &TlsOptions::default(), true).await?;
        }
        if url.scheme() == "https" || request.public_only {
            tunnel(&mut stream, proxy, &target).await?;
            return Ok(stream);
        }
        // The proxy reads the request itself (RFC 9112 §3.2.2).
        let mut whole = url.clone();
        whole.set_fragment(None);
        *message.uri_mut() = whole.as_str().parse().map_err(wrong)?;
        if !proxy.authorization.is_empty() {
            let value = HeaderValue::try_from(proxy.authorization.reveal()).map_err(wrong)?;
            message.headers_mut().insert(header::PROXY_AUTHORIZATION, value);
        }
        Ok(stream)
    }
}

#[async_trait]
impl Http for HttpClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let (limit, host) = (request.timeout, host_of(&request.url));
        in_time(&host, limit, self.exchange(request)).await
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
fn prepare(request: &mut HttpRequest) -> Result<(Url, Request<Full<Bytes>>)> {
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
        .body(Full::new(Bytes::from(std::mem::take(&mut request.body))))
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

fn host(url: &Url) -> Result<&str> {
    url.host_str().ok_or_else(|| wrong("the address has no host"))
}
fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or(443)
}
fn wrong(why: impl std::fmt::Display) -> Error {
    Error::invalid("url", why.to_string())
}
fn host_of(url: &str) -> String {
    Url::parse(url)
        .ok()
        .and_then(|u| u.host_str().map(str::to_owned))
        .unwrap_or_else(|| "the server".to_owned())
}
