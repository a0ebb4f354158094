//! The server's own addresses. Links in emails and stored objects contain the configured address or a brand's
//! host, never the `Host` of a request: a client must not choose where a link leads.
use crate::directory::Author;
use crate::models::Brand;
use crate::system::SystemSettings;
use crate::{Client, Core};
use http::{HeaderMap, header};
use signet_base::{Error, Result};
use signet_model::Snapshot;
use std::fmt;

/// An origin: scheme, host and port as browsers send it (RFC 6454 §6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    /// `host[:port]`, see [`canonical_host`].
    host: String,
}

impl Origin {
    /// Parses `https://host[:port]` with optional trailing slash.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        Some(Self { secure, host: canonical_host(rest.strip_suffix('/').unwrap_or(rest), secure)? })
    }
    /// The origin of a URL.
    pub fn of_page(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Self::parse(&format!("{scheme}://{}", &rest[..end]))
    }
    /// `https` with a host name, for settings that contain the host only.
    pub fn https(host: &str) -> Option<Self> {
        Some(Self { secure: true, host: canonical_host(host, true)? })
    }
    /// The host without its port.
    pub fn name(&self) -> &str {
        split_port(&self.host).0
    }
    /// The same scheme and port with another host name.
    fn at(&self, name: &str) -> Self {
        let host = split_port(&self.host).1.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        Self { secure: self.secure, host }
    }
}
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.host)
    }
}

/// Name and port of a canonical host.
pub(crate) fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (host, None),
    }
}

/// Lower case, without trailing dot and default port. `None` for an invalid host.
pub fn canonical_host(given: &str, secure: bool) -> Option<String> {
    let given = given.trim();
    if given.len() > 262 || given.contains('@') {
        return None;
    }
    let (name, port) = if given.starts_with('[') {
        let end = given.find(']')?;
        let rest = &given[end + 1..];
        (&given[..=end], if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else {
        given.split_once(':').map_or((given, None), |(n, p)| (n, Some(p)))
    };
    let port = match port {
        None | Some("") => None,
        Some(text) => Some(text.parse::<u16>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))?),
    };
    let mut name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let fine = match name.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !name.is_empty()
                && name.split('.').all(|l| {
                    !l.is_empty()
                        && l.len() <= 63
                        && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                })
        }
    };
    if !fine {
        return None;
    }
    if let Some(port) = port.filter(|port| *port != if secure { 443 } else { 80 }) {
        name.push(':');
        name.push_str(&port.to_string());
    }
    Some(name)
}

/// Names by which the machine addresses itself; remote requests do not use them.
fn is_loopback(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name == "localhost" || name.ends_with(".localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

/// The address from the settings, else the stored one, or the one taken from the first-run setup. `None`:
/// unknown.
pub fn base(core: &Core) -> Option<Origin> {
    core.settings.base_url.clone().or_else(|| Origin::parse(&core.system().base_url))
}

/// Whether a brand has exactly this domain.
fn is_brands_own(config: &Snapshot, name: &str) -> bool {
    config.all::<Brand>().any(|(_, b)| b.domain.eq_ignore_ascii_case(name))
}

/// Whether the request's host is allowed: the base URL's, one covered by a brand, or a local name. Without a
/// base URL all hosts are.
pub fn is_known(core: &Core, client: &Client) -> bool {
    let Some(base) = base(core) else { return true };
    let name = client.domain();
    let covered = |b: &Brand| {
        name.strip_suffix(b.domain.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.') || b.domain.starts_with('.'))
    };
    name == base.name()
        || is_loopback(name)
        || core.config().all::<Brand>().any(|(_, b)| !b.domain.is_empty() && covered(b))
}

/// Whether the request's host is that of the server's own address. Without a base URL none is.
pub fn is_own(core: &Core, client: &Client) -> bool {
    base(core).is_some_and(|base| base.name() == client.domain())
}

/// The address in responses to this request (issuer, endpoints, passkey origin): the request's host if it is
/// allowed, with scheme and port of the base URL.
pub fn of(core: &Core, client: &Client) -> String {
    let Some(base) = base(core) else { return client.base_url() };
    let name = client.domain();
    if is_loopback(name) {
        client.base_url()
    } else if name != base.name() && is_known(core, client) {
        base.at(name).to_string()
    } else {
        base.to_string()
    }
}

/// The address for emails and stored objects: the brand's own host, else the base URL.
///
/// # Errors
/// Without a base URL only the machine's own listeners have an address; for other hosts the error names the
/// setting.
pub fn public(core: &Core, client: &Client) -> Result<String> {
    let name = client.domain();
    match base(core) {
        Some(base) if name != base.name() && !is_loopback(name) && is_brands_own(&core.config(), name) => {
            Ok(base.at(name).to_string())
        }
        Some(base) => Ok(base.to_string()),
        None if is_loopback(name) && core.listens(client.secure, split_port(&client.host).1) => {
            Ok(client.base_url())
        }
        None => Err(Error::invalid(
            "non_field_errors",
            "The address of this server is not known, so that no link can be sent. Set AUTHENTIK_WEB__BASE_URL, or base_url in the system settings.",
        )),
    }
}

/// Stores the address of the first administrator's request, unless one is configured.
pub async fn take(core: &Core, client: &Client) -> Result<()> {
    if base(core).is_some() {
        return Ok(());
    }
    let address = client.base_url();
    tracing::info!(%address, "links lead to this address from now on; change it by AUTHENTIK_WEB__BASE_URL or in the system settings");
    let taken = |system: &SystemSettings| {
        // Another node may have been faster.
        let base_url = if system.base_url.is_empty() { address.clone() } else { system.base_url.clone() };
        Ok(SystemSettings { base_url, ..system.clone() })
    };
    core.set_system(&Author::system(), taken).await
}

/// Checks that a state-changing request comes from this server's pages: `Origin` must be allowed; without it,
/// `Sec-Fetch-Site` must not be another site. A request with neither comes from no browser.
///
/// # Errors
/// The message of the refusal.
pub fn is_from_us(core: &Core, client: &Client, headers: &HeaderMap) -> Result<(), &'static str> {
    const REFUSED: &str = "Origin checking failed.";
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if let Some(origin) = origins.next() {
        let fits =
            origin.to_str().is_ok_and(|text| is_own_origin(core, client, text)) && origins.next().is_none();
        return if fits { Ok(()) } else { Err(REFUSED) };
    }
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(REFUSED),
    }
}

/// Whether an `Origin` is this server's, or trusted by the settings.
pub fn is_own_origin(core: &Core, client: &Client, origin: &str) -> bool {
    origin == client.base_url()
        || origin == of(core, client)
        || core.settings.trusted_origins.iter().any(|trusted| trusted.to_string() == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        assert_eq!(canonical_host("EXAMPLE.test.:80", false).as_deref(), Some("example.test"));
        assert_eq!(canonical_host("example.test:443", false).as_deref(), Some("example.test:443"));
        assert_eq!(canonical_host("[::1]:9000", false).as_deref(), Some("[::1]:9000"));
        for bad in ["", "a b", "a/b", "a@b", "a..b", "[::1", "a:99999", "a:+1", "\u{e9}.test", "a:1:2"] {
            assert_eq!(canonical_host(bad, false), None, "{bad}");
        }
    }
    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let read = |text: &str| Origin::parse(text).map(|o| o.to_string());
        assert_eq!(read("HTTPS://Id.Test:443/").as_deref(), Some("https://id.test"));
        assert_eq!(read("http://127.0.0.1:9000").as_deref(), Some("http://127.0.0.1:9000"));
        for bad in [
            "",
            "id.test",
            "ftp://id.test",
            "https://",
            "https://id.test/path",
            "https://id.test?x",
            "https://u@id.test",
            "https://*.id.test",
            "https://a b",
            "null",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        let base = Origin::parse("https://id.test:8443").unwrap();
        assert_eq!(
            (base.name(), base.at("other.test").to_string().as_str()),
            ("id.test", "https://other.test:8443")
        );
        assert_eq!(Origin::parse("http://[::1]:9").unwrap().name(), "[::1]");
    }
    #[test]
    fn only_names_of_the_machine_itself_are_loopback() {
        for own in ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in
            ["localhost.evil.test", "127.0.0.1.evil.test", "evil.test", "192.0.2.1", "[::2]", "notlocalhost"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
