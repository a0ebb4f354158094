//! Requests by way of a proxy, and connections of other protocols.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use signet_base::outbound::{Http, HttpRequest, TlsOptions};
use signet_base::{Error, Ports};
use signet_outbound::{NoProxy, OutboundSettings, Proxies, ProxyServer};
use signet_testnet::{Authority, Site, TestProxy};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn ports(proxy: &TestProxy, user: &str, authority: &Authority, direct: &str) -> Ports {
    let server = ProxyServer::parse(&format!("http://{user}127.0.0.1:{}", proxy.port)).unwrap();
    let proxies = Proxies { https: Some(server.clone()), http: Some(server), direct: NoProxy::parse(direct) };
    let settings = OutboundSettings { authorities: vec![authority.der()], proxies };
    signet_outbound::with_outbound(Ports::system(), settings)
}
async fn get(http: &Arc<dyn Http>, url: &str, public_only: bool) -> Result<String, String> {
    let sent = http.send(HttpRequest { public_only, ..HttpRequest::new("GET", url) }).await;
    match sent {
        Ok(answer) => Ok(String::from_utf8(answer.body).unwrap()),
        Err(Error::Unavailable(why)) => Err(why.to_string()),
        Err(other) => panic!("{other:?}"),
    }
}

/// `Basic` of `ada:p@ss`.
const AUTHORIZATION: &str = "Basic YWRhOnBAc3M=";

#[tokio::test]
async fn outbound_https_goes_through_a_tunnel_and_http_to_the_proxy() {
    let authority = Authority::new();
    let secure = Site::tls(authority.server(&authority.issue(&["service.test"]), false), "secure").await;
    let plain = Site::plain("plain").await;
    let targets = [("service.test:443", secure.port), ("service.test:8080", plain.port)];
    let proxy = TestProxy::start(&targets, Some(AUTHORIZATION)).await;
    let http = ports(&proxy, "ada:p%40ss@", &authority, "").http;
    assert_eq!(get(&http, "https://service.test/a?b=c", false).await, Ok("secure".into()));
    assert_eq!(proxy.seen(), ["CONNECT service.test:443"]);
    let visit = &secure.visits()[0];
    assert_eq!((visit.target.as_str(), visit.header("host")), ("/a?b=c", "service.test"));
    assert_eq!(visit.header("proxy-authorization"), "", "the password of the proxy stays there");
    assert_eq!(get(&http, "http://service.test:8080/d", false).await, Ok("plain".into()));
    assert_eq!(proxy.seen(), ["GET http://service.test:8080/d"]);
    // The certificate is verified through the tunnel.
    let stranger = ports(&proxy, "ada:p%40ss@", &Authority::new(), "").http;
    assert!(get(&stranger, "https://service.test/", false).await.is_err());
    // Refusals name the proxy, and no password.
    let wrong = ports(&proxy, "ada:hidden@", &authority, "").http;
    let said = get(&wrong, "https://service.test/", false).await.unwrap_err();
    assert!(said.contains("407") && !said.contains("hidden"), "{said}");
    let said = get(&http, "https://elsewhere.test/", false).await.unwrap_err();
    assert!(said.contains("the proxy 127.0.0.1") && said.contains("403"), "{said}");
}

#[tokio::test]
async fn outbound_excepted_hosts_and_this_machine_are_asked_without_the_proxy() {
    let (authority, site) = (Authority::new(), Site::plain("direct").await);
    let proxy = TestProxy::start(&[], None).await;
    let http = ports(&proxy, "", &authority, "*.lan").http;
    let url = format!("http://127.0.0.1:{}/", site.port);
    assert_eq!(get(&http, &url, false).await, Ok("direct".into()));
    assert!(get(&http, "http://nobody.lan/", false).await.is_err(), "no such host");
    assert!(proxy.seen().is_empty());
    assert!(get(&http, "http://nobody.test/", false).await.unwrap_or_default().is_empty());
    assert_eq!(proxy.seen(), ["GET http://nobody.test/"]);
}

#[tokio::test]
async fn outbound_the_guard_against_internal_addresses_holds_through_a_proxy() {
    let authority = Authority::new();
    let secure = Site::tls(authority.server(&authority.issue(&["1.1.1.1"]), false), "public").await;
    let inner = Site::plain("internal").await;
    let targets = [
        ("1.1.1.1:443", secure.port),
        ("100.64.0.1:80", inner.port),
        ("169.254.169.254:80", inner.port),
        ("127.0.0.1:80", inner.port),
    ];
    let proxy = TestProxy::start(&targets, None).await;
    let http = ports(&proxy, "", &authority, "").http;
    assert_eq!(get(&http, "https://1.1.1.1/", true).await, Ok("public".into()));
    assert_eq!(proxy.seen(), ["CONNECT 1.1.1.1:443"]);
    for url in
        ["http://100.64.0.1/", "http://169.254.169.254/latest/", "https://localhost/", "http://127.0.0.1/"]
    {
        let said = get(&http, url, true).await.unwrap_err();
        assert!(said.contains("not on the public internet"), "{url}: {said}");
    }
    // A name is resolved here, never by the proxy.
    assert!(get(&http, "https://service.invalid/", true).await.is_err());
    assert!(proxy.seen().is_empty(), "the proxy is not asked");
    assert_eq!(
        get(&http, "http://100.64.0.1/", false).await,
        Ok("internal".into()),
        "an administrator's address"
    );
}

#[tokio::test]
async fn outbound_other_protocols_dial_and_change_to_tls() {
    let authority = Authority::new();
    let site = Site::tls(authority.server(&authority.issue(&["localhost"]), false), "ok").await;
    let proxy = TestProxy::start(&[], None).await;
    let dialer = ports(&proxy, "", &authority, "").dialer;
    let wait = Duration::from_secs(10);
    let tcp = dialer.connect("localhost", site.port, wait, false).await.unwrap();
    let mut tls = dialer.secure(tcp, "localhost", &TlsOptions::default(), wait).await.unwrap();
    tls.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(b"ok"));
    let tcp = dialer.connect("localhost", site.port, wait, false).await.unwrap();
    let other = dialer.secure(tcp, "other.test", &TlsOptions::default(), wait).await;
    assert!(matches!(other, Err(Error::Unavailable(_))), "another name");
    let inner = dialer.connect("127.0.0.1", site.port, wait, true).await;
    assert!(matches!(inner, Err(Error::Unavailable(why)) if why.to_string().contains("public")));
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let tcp = dialer.connect("127.0.0.1", port, wait, false).await.unwrap();
    let late = dialer.secure(tcp, "localhost", &TlsOptions::default(), Duration::from_millis(50)).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "nobody speaks");
    assert!(proxy.seen().is_empty());
}
