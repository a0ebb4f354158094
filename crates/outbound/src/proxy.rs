//! Proxies of outbound HTTP, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name them.
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::outbound::Stream;
use signet_base::{Error, Result, Secret};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::{Host, Url};

/// The proxies of an installation.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// For `https` URLs.
    pub https: Option<ProxyServer>,
    /// For `http` URLs.
    pub http: Option<ProxyServer>,
    /// Hosts that are asked without a proxy.
    pub direct: NoProxy,
}

impl Proxies {
    /// The proxy for a URL.
    pub(crate) fn of(&self, url: &Url) -> Option<&ProxyServer> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.direct.covers(url))
    }
}

/// A proxy.
#[derive(Debug, Clone)]
pub struct ProxyServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// TLS to the proxy itself.
    pub(crate) secure: bool,
    /// Value of `Proxy-Authorization`; empty for none.
    pub(crate) authorization: Secret,
}

impl ProxyServer {
    /// Parses `http://[name:password@]host[:port]`; the scheme may be missing.
    ///
    /// # Errors
    /// What was expected. The text may contain a password, so it is not repeated.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "The value is not the address of a proxy as http://[name:password@]host:port.";
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|_| WRONG)?;
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err("Only http and https proxies are supported."),
        };
        let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|_| plain).ok_or(WRONG)?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().ok_or(WRONG)?;
        let decode =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(|t| t.into_owned());
        let name = decode(url.username()).map_err(|_| WRONG)?;
        let password = decode(url.password().unwrap_or_default()).map_err(|_| WRONG)?;
        let authorization = if name.is_empty() && password.is_empty() {
            String::new()
        } else {
            format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
        };
        Ok(Self { host, port, secure, authorization: Secret::new(authorization) })
    }
}

/// Most bytes of a proxy's answer to `CONNECT`.
const MAX_HEAD: usize = 8 * 1024;

/// Opens a tunnel to `target` (`host:port`) through a connection to a proxy (RFC 9110 §9.3.6).
pub(crate) async fn tunnel(stream: &mut Box<dyn Stream>, proxy: &ProxyServer, target: &str) -> Result<()> {
    let gone = |why: &dyn std::fmt::Display| Error::unavailable(format!("the proxy {}: {why}", proxy.host));
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if !proxy.authorization.is_empty() {
        request.push_str(&format!("Proxy-Authorization: {}\r\n", proxy.authorization.reveal()));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(|e| gone(&e))?;
    stream.flush().await.map_err(|e| gone(&e))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows belongs to the other side of the tunnel.
        let byte = stream.read_u8().await.map_err(|e| gone(&e))?;
        head.push(byte);
        if head.len() > MAX_HEAD {
            return Err(gone(&"its answer is too long"));
        }
    }
    let line = String::from_utf8_lossy(&head);
    let mut words = line.split_ascii_whitespace();
    let version = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    match words.next().and_then(|status| status.parse::<u16>().ok()).filter(|_| version) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(gone(&"it asks for a name and a password, or for others (407)")),
        Some(status) => Err(gone(&format_args!("it refuses the connection ({status})"))),
        None => Err(gone(&"it does not speak HTTP")),
    }
}

/// Hosts without a proxy: names (with the names below them), addresses, networks, each with an optional port; `*` for
/// all. Loopback hosts never have one.
#[derive(Debug, Clone, Default)]
pub struct NoProxy {
    all: bool,
    entries: Vec<(Direct, Option<u16>)>,
}
#[derive(Debug, Clone, PartialEq)]
enum Direct {
    Name(String),
    Network(IpAddr, u8),
}

impl NoProxy {
    pub fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        let all = entries.clone().any(|entry| entry == "*");
        Self { all, entries: entries.map(entry).collect() }
    }
    fn covers(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let (name, address) = match host {
            Host::Domain(name) => (Some(name.trim_end_matches('.').to_ascii_lowercase()), None),
            Host::Ipv4(ip) => (None, Some(IpAddr::V4(ip))),
            Host::Ipv6(ip) => (None, Some(IpAddr::V6(ip))),
        };
        let local = name.as_deref().is_some_and(|n| n == "localhost" || n.ends_with(".localhost"));
        if self.all || local || address.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        let port = url.port_or_known_default();
        self.entries.iter().filter(|(_, only)| only.is_none() || *only == port).any(
            |(direct, _)| match direct {
                Direct::Name(suffix) => name.as_deref().is_some_and(|name| {
                    name.strip_suffix(suffix.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }),
                Direct::Network(network, prefix) => address.is_some_and(|ip| within(ip, *network, *prefix)),
            },
        )
    }
}

fn entry(text: &str) -> (Direct, Option<u16>) {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, p.parse::<u8>().ok()));
    if let Ok(ip) = address.trim_matches(['[', ']']).parse::<IpAddr>() {
        let widest = if ip.is_ipv4() { 32 } else { 128 };
        return (Direct::Network(ip, prefix.unwrap_or(widest).min(widest)), None);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (text, None),
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => (Direct::Network(ip, if ip.is_ipv4() { 32 } else { 128 }), port),
        Err(_) => {
            let name = host.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
            (Direct::Name(name), port)
        }
    }
}

fn within(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
        IpAddr::V6(v6) => (v6.to_bits(), false),
    };
    let ((a, v4), (b, of_v4)) = (bits(ip), bits(network));
    v4 == of_v4 && (prefix == 0 || (a ^ b) >> (128 - u32::from(prefix)) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outbound_proxies_are_read_with_name_and_password_and_others_are_refused() {
        let of = |text: &str| ProxyServer::parse(text).map(|p| (p.host, p.port, p.secure));
        assert_eq!(of("http://proxy.test:3128/"), Ok(("proxy.test".into(), 3128, false)));
        assert_eq!(of("proxy.test:8080"), Ok(("proxy.test".into(), 8080, false)));
        assert_eq!(of("https://[::1]"), Ok(("::1".into(), 443, true)));
        let named = ProxyServer::parse("http://ada:p%40ss@proxy.test").unwrap();
        assert_eq!(named.authorization.reveal(), "Basic YWRhOnBAc3M=");
        assert!(!format!("{named:?}").contains("YWRh"));
        for bad in ["socks5://proxy.test:1080", "http://", "http://proxy.test/path", "http://a b"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn outbound_hosts_without_a_proxy_are_known() {
        let list =
            NoProxy::parse("example.test, .corp.test *.lan,10.0.0.0/8,fd00::/8,192.0.2.7,api.test:8443");
        let covers = |url: &str| list.covers(&Url::parse(url).unwrap());
        for direct in [
            "https://example.test/",
            "https://a.b.EXAMPLE.test./",
            "https://corp.test/",
            "https://x.corp.test/",
            "https://printer.lan/",
            "https://10.1.2.3/",
            "https://[fd12::1]/",
            "http://192.0.2.7:81/",
            "https://api.test:8443/",
            "http://localhost:1/",
            "http://127.0.0.9/",
            "http://[::1]/",
        ] {
            assert!(covers(direct), "{direct}");
        }
        for proxied in [
            "https://evilexample.test/",
            "https://example.test.evil.test/",
            "https://11.1.2.3/",
            "https://192.0.2.8/",
            "https://api.test/",
        ] {
            assert!(!covers(proxied), "{proxied}");
        }
        assert!(NoProxy::parse("*").covers(&Url::parse("https://any.test/").unwrap()));
        assert!(!NoProxy::parse("").covers(&Url::parse("https://any.test/").unwrap()));
    }
}
