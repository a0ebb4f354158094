//! The client of a request: from the socket, and from forwarding headers of trusted proxies.
use http::{HeaderMap, HeaderValue, Uri, header};
use signet_base::Secret;
use signet_core::address::canonical_host;
use signet_core::client::Sent;
use signet_core::system::Settings;
use signet_core::{Client, pending_request, session};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Facts about a connection from the listener.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    pub peer: SocketAddr,
    pub secure: bool,
}

/// The host is missing or not a host name.
#[derive(Debug, PartialEq, Eq)]
pub struct BadHost;

/// Determines the client. Forwarding headers count from trusted networks only, `X-Forwarded-Host` from
/// explicitly configured ones only. A malformed header is ignored: the socket's address remains.
pub fn of(
    connection: Connection,
    method: &str,
    uri: &Uri,
    headers: &HeaderMap,
    settings: &Settings,
    request_id: String,
) -> Result<Client, BadHost> {
    let trusted = &settings.trusted_proxies;
    let peer = plain(connection.peer.ip());
    let from_proxy = is_in(peer, trusted);
    let mut ip = peer;
    let mut secure = connection.secure;
    let mut host = None;
    if from_proxy {
        ip = forwarded_for(headers, peer, trusted);
        match last(headers, "x-forwarded-proto").map(str::to_ascii_lowercase).as_deref() {
            Some("https") => secure = true,
            Some("http") => secure = false,
            _ => {}
        }
    }
    if is_in(peer, &settings.trusted_host_proxies) {
        host = last(headers, "x-forwarded-host").and_then(|h| canonical_host(h, secure));
    }
    let host = match host {
        Some(host) => host,
        None => {
            let given = uri
                .authority()
                .map(http::uri::Authority::as_str)
                .or_else(|| one(headers, header::HOST.as_str()))
                .ok_or(BadHost)?;
            canonical_host(given, secure).ok_or(BadHost)?
        }
    };
    let user_agent = headers.get(header::USER_AGENT).map(agent).unwrap_or_default();
    let cookies = headers.get(header::COOKIE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let short = |name| {
        session::cookie(cookies, name).filter(|value| value.len() <= 512).unwrap_or_default().to_owned()
    };
    let (device, mfa) = (short(session::DEVICE_COOKIE), short(session::MFA_COOKIE));
    let pending = short(pending_request::COOKIE);
    let sent = Arc::new(Sent::new(
        shown(headers),
        cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    ));
    let query = uri.query().unwrap_or_default().to_owned();
    let outpost_token = one(headers, "x-authentik-outpost-token").filter(|t| !t.is_empty()).map(Secret::new);
    let own_tls = connection.secure && !is_forwarded(headers);
    let local = is_local(peer, &host, headers);
    let from_elsewhere = matches!(
        headers.get("sec-fetch-site").map(HeaderValue::as_bytes),
        Some(b"cross-site" | b"same-site")
    );
    let browser = headers
        .get_all(http::header::ACCEPT)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .any(|v| v.contains("text/html"));
    Ok(Client {
        ip,
        host,
        secure,
        local,
        own_tls,
        user_agent,
        from_elsewhere,
        request_id,
        method: method.to_owned(),
        path: uri.path().to_owned(),
        query,
        browser,
        device,
        mfa,
        pending,
        outpost_token,
        sent,
        ..Client::internal()
    })
}

/// Whether a proxy says that it speaks for somebody else.
fn is_forwarded(headers: &HeaderMap) -> bool {
    const OF_PROXIES: [&str; 9] = [
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "fastly-client-ip",
        "x-original-forwarded-for",
    ];
    headers.keys().any(|name| name.as_str().starts_with("x-forwarded") || OF_PROXIES.contains(&name.as_str()))
}

/// See [`Client::local`].
fn is_local(peer: IpAddr, host: &str, headers: &HeaderMap) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let own = name == "localhost"
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| plain(ip).is_loopback());
    peer.is_loopback() && !is_forwarded(headers) && own
}

/// Headers for expressions; the last of repeated names counts.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .keys()
        .filter_map(|name| {
            Some((
                name.as_str().to_owned(),
                headers.get_all(name).iter().next_back()?.to_str().ok()?.to_owned(),
            ))
        })
        .collect()
}

/// Maximum length of a stored user agent in characters; it goes into each session and event.
const MAX_AGENT: usize = 255;

/// The printable part of the header, truncated.
fn agent(value: &HeaderValue) -> String {
    match value.to_str() {
        // Visible ASCII. Tabs are excluded.
        Ok(text) if text.len() <= MAX_AGENT && !text.contains('\t') => text.to_owned(),
        _ => String::from_utf8_lossy(value.as_bytes())
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_AGENT)
            .collect(),
    }
}

/// IPv4-mapped IPv6 addresses become IPv4 (`::ffff:192.0.2.1` is 192.0.2.1).
fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// The right-most address of the chain that is not a trusted proxy. Everything left of it may be forged.
fn forwarded_for(headers: &HeaderMap, peer: IpAddr, trusted: &[(IpAddr, u8)]) -> IpAddr {
    let mut chain: Vec<&str> = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        let Ok(text) = value.to_str() else { return peer };
        chain.extend(text.split(',').map(str::trim).filter(|p| !p.is_empty()));
    }
    let mut found = peer;
    for entry in chain.into_iter().rev() {
        let Some(ip) = address(entry) else { return found };
        found = ip;
        if !is_in(ip, trusted) {
            break;
        }
    }
    found
}

/// Parses an address with or without port, IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(plain)
}

/// Whether an address is in one of the networks.
pub fn is_in(ip: IpAddr, networks: &[(IpAddr, u8)]) -> bool {
    networks.iter().any(|(network, prefix)| match (ip, plain(*network)) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let prefix = u32::from(*prefix).min(32);
            (u32::from(a) ^ u32::from(n)).checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let prefix = u32::from(*prefix).min(128);
            (u128::from(a) ^ u128::from(n)).checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    })
}

/// The value of a header that occurs exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}
/// The last value: written by the nearest proxy.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    fn read_with(peer: &str, pairs: &[(&str, &str)], explicit: bool) -> Result<Client, BadHost> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let connection = Connection { peer: peer.parse().unwrap(), secure: false };
        let named = crate::config::networks("127.0.0.0/8,192.0.2.0/24,::1").unwrap();
        let settings = Settings {
            trusted_host_proxies: if explicit { named.clone() } else { Vec::new() },
            trusted_proxies: named,
            ..Settings::new(Secret::new("k"))
        };
        of(connection, "GET", &"/a?b=c".parse().unwrap(), &headers, &settings, "id".into())
    }
    fn read(peer: &str, pairs: &[(&str, &str)]) -> Result<Client, BadHost> {
        read_with(peer, pairs, true)
    }
    #[test]
    fn redteam_21_a_forwarded_host_counts_from_an_explicit_list_only() {
        let pairs = [
            ("host", "a.test"),
            ("x-forwarded-for", "198.51.100.9"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "b.test"),
        ];
        let c = read_with("127.0.0.1:5", &pairs, false).unwrap();
        assert_eq!((c.ip.to_string().as_str(), c.host.as_str(), c.secure), ("198.51.100.9", "a.test", true));
        assert_eq!(read_with("127.0.0.1:5", &pairs, true).unwrap().host, "b.test");
    }
    #[test]
    fn the_browser_says_whether_another_site_sent_it() {
        let told = |site: &str| {
            read("127.0.0.1:5", &[("host", "a.test"), ("sec-fetch-site", site)]).unwrap().from_elsewhere
        };
        assert!(told("cross-site") && told("same-site") && !told("same-origin") && !told("none"));
        assert!(!read("127.0.0.1:5", &[("host", "a.test")]).unwrap().from_elsewhere);
    }
    #[test]
    fn strangers_cannot_forward() {
        let c = read(
            "198.51.100.7:5",
            &[
                ("host", "A.test."),
                ("x-forwarded-for", "203.0.113.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.test"),
            ],
        )
        .unwrap();
        assert_eq!((c.ip.to_string().as_str(), c.host.as_str(), c.secure), ("198.51.100.7", "a.test", false));
    }
    #[test]
    fn the_right_most_stranger_of_the_chain_counts() {
        let c = read(
            "127.0.0.1:5",
            &[
                ("host", "a.test"),
                ("x-forwarded-for", "203.0.113.1, 198.51.100.9"),
                ("x-forwarded-for", "192.0.2.8"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "b.test:443"),
            ],
        )
        .unwrap();
        assert_eq!((c.ip.to_string().as_str(), c.host.as_str(), c.secure), ("198.51.100.9", "b.test", true));
    }
    #[test]
    fn junk_in_forwarding_headers_leaves_the_socket() {
        for junk in ["", ",", "unknown", "1.2.3.4.5", "203.0.113.1, \u{e9}", "'; drop", "[::1", "999.1.1.1"] {
            let c = read(
                "127.0.0.1:5",
                &[
                    ("host", "a.test"),
                    ("x-forwarded-for", junk),
                    ("x-forwarded-proto", junk),
                    ("x-forwarded-host", "a b, /"),
                ],
            )
            .unwrap();
            assert_eq!(c.ip.to_string(), "127.0.0.1", "{junk}");
            assert_eq!(c.host, "a.test");
        }
    }
    #[test]
    fn a_request_without_one_host_is_refused() {
        assert_eq!(read("127.0.0.1:5", &[]).err(), Some(BadHost));
        assert_eq!(read("127.0.0.1:5", &[("host", "a.test"), ("host", "b.test")]).err(), Some(BadHost));
    }
    #[test]
    fn redteam_21_only_callers_of_this_machine_are_local() {
        let local = |peer: &str, pairs: &[(&str, &str)]| read(peer, pairs).unwrap().local;
        for (peer, host) in [
            ("127.0.0.1:5", "localhost:9000"),
            ("127.0.0.1:5", "127.0.0.1"),
            ("[::1]:5", "[::1]:9000"),
            ("[::ffff:127.0.0.1]:5", "localhost"),
        ] {
            assert!(local(peer, &[("host", host)]), "{peer} {host}");
        }
        // From another host, through a local proxy, or from another site's page whose name resolves to this
        // host.
        assert!(!local("192.0.2.7:5", &[("host", "localhost")]));
        assert!(!local("127.0.0.1:5", &[("host", "id.example.test")]));
        assert!(!local("127.0.0.1:5", &[("host", "localhost.example.test")]));
        for name in ["x-forwarded-for", "x-forwarded-host", "forwarded", "via", "x-real-ip"] {
            assert!(!local("127.0.0.1:5", &[("host", "localhost"), (name, "127.0.0.1")]), "{name}");
        }
    }
    #[test]
    fn networks_cover_their_edges_and_mapped_addresses() {
        let nets = crate::config::networks("10.0.0.0/8,0.0.0.0/32,fe80::/10").unwrap();
        assert!(is_in("10.255.0.1".parse().unwrap(), &nets) && !is_in("11.0.0.1".parse().unwrap(), &nets));
        assert!(is_in("fe80::1".parse().unwrap(), &nets) && !is_in("fec0::1".parse().unwrap(), &nets));
        assert!(is_in(plain("::ffff:10.1.1.1".parse().unwrap()), &nets));
        assert!(is_in("1.2.3.4".parse().unwrap(), &crate::config::networks("0.0.0.0/0").unwrap()));
    }
}
