//! HTTP over a loopback socket, with and without TLS.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use signet_base::outbound::{ClientCertificate, Http, HttpRequest, TlsOptions, Trust};
use signet_base::{Error, Ports, Secret};
use signet_outbound::{HttpClient, OutboundSettings};
use signet_testnet::{Authority, Identity, Site};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one request and returns what it received.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &str) -> String {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let n = stream.read(&mut buffer).await.unwrap_or(0);
        seen.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let length = text
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .and_then(|t| t.split("\r\n").next()?.parse::<usize>().ok())
            .unwrap_or(0);
        if n == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length) {
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
            return text;
        }
    }
}
async fn server(answer: &'static str) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, tokio::spawn(async move { exchange(listener.accept().await.unwrap().0, answer).await }))
}

#[tokio::test]
async fn a_request_is_sent_and_its_answer_read() {
    let (port, seen) = server("HTTP/1.1 302 Found\r\nLocation: http://elsewhere.test/\r\nX-Two: a\r\nContent-Length: 5\r\n\r\nhello").await;
    let request = HttpRequest::new("POST", format!("http://127.0.0.1:{port}/a/b?c=d"))
        .header("x-one", "1")
        .body("text/plain", "body");
    let answer = HttpClient::default().send(request).await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (302, b"hello".as_slice()),
        "redirects are not followed"
    );
    assert!(answer.headers.contains(&("x-two".into(), "a".into())));
    let seen = seen.await.unwrap();
    assert!(
        seen.starts_with("POST /a/b?c=d HTTP/1.1\r\n")
            && seen.contains(&format!("host: 127.0.0.1:{port}\r\n"))
            && seen.contains("x-one: 1\r\n")
            && seen.ends_with("body"),
        "{seen}"
    );
}

#[tokio::test]
async fn long_late_and_missing_answers_are_errors() {
    let (port, _) =
        server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789").await;
    let small =
        HttpRequest { max_response: 50, ..HttpRequest::new("GET", format!("http://127.0.0.1:{port}/")) };
    assert!(matches!(HttpClient::default().send(small).await, Err(Error::Unavailable(_))));
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/?secret=s3cret", silent.local_addr().unwrap().port());
    let hurried = HttpRequest { timeout: Duration::from_millis(100), ..HttpRequest::new("GET", &*url) };
    match HttpClient::default().send(hurried).await {
        Err(Error::Unavailable(why)) => {
            assert!(why.to_string().contains("127.0.0.1") && !why.to_string().contains("s3cret"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    drop(silent);
    assert!(matches!(
        HttpClient::default().send(HttpRequest::new("GET", url)).await,
        Err(Error::Unavailable(_))
    ));
}

#[tokio::test]
async fn addresses_inside_are_refused_where_asked() {
    for url in [
        "http://127.0.0.1:1/",
        "http://localhost:1/",
        "http://[::1]:1/",
        "http://[::ffff:a00:1]/",
        "http://169.254.169.254/latest/",
    ] {
        let request = HttpRequest { public_only: true, ..HttpRequest::new("GET", url) };
        match HttpClient::default().send(request).await {
            Err(Error::Unavailable(why)) => {
                assert!(why.to_string().contains("not on the public internet"), "{url}: {why}")
            }
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn requests_that_make_no_sense_are_named() {
    for (field, request) in [
        ("url", HttpRequest::new("GET", "ftp://a.test/")),
        ("url", HttpRequest::new("GET", "file:///etc/passwd")),
        ("url", HttpRequest::new("GET", "nonsense")),
        ("url", HttpRequest::new("GET", "http://user:pw@a.test/")),
        ("method", HttpRequest::new("G T", "http://a.test/")),
        ("headers", HttpRequest::new("GET", "http://a.test/").header("a b", "c")),
        ("headers", HttpRequest::new("GET", "http://a.test/").header("a", "c\r\nd: e")),
    ] {
        match HttpClient::default().send(request).await {
            Err(Error::Invalid(fields)) => assert!(fields.contains(field), "{fields:?}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

fn client(settings: OutboundSettings) -> Arc<dyn Http> {
    signet_outbound::with_outbound(Ports::system(), settings).http
}
/// A client that trusts an authority beside the system's.
fn trusting(authority: &Authority) -> Arc<dyn Http> {
    client(OutboundSettings { authorities: vec![authority.der()], ..OutboundSettings::default() })
}
async fn status(client: &dyn Http, request: HttpRequest) -> Result<u16, String> {
    match client.send(request).await {
        Ok(answer) => Ok(answer.status),
        Err(Error::Unavailable(why)) => Err(why.to_string()),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_a_trusted_certificate_of_the_right_name_is_believed() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let site = Site::tls(ours.server(&ours.issue(&["localhost"]), false), "ok").await;
    let get = |host: &str| HttpRequest::new("GET", format!("https://{host}:{}/", site.port));
    assert_eq!(status(&*trusting(&ours), get("localhost")).await, Ok(200));
    assert!(status(&*trusting(&ours), get("127.0.0.1")).await.is_err(), "another name");
    assert!(status(&*trusting(&theirs), get("localhost")).await.is_err(), "another issuer");
    assert!(status(&HttpClient::default(), get("localhost")).await.is_err(), "the system's alone");
    // For one request: this authority and no other, or nobody's word.
    let with = |trust| HttpRequest { tls: TlsOptions { trust, client: None }, ..get("localhost") };
    assert_eq!(status(&HttpClient::default(), with(Trust::Certificates(ours.pem()))).await, Ok(200));
    assert!(status(&*trusting(&ours), with(Trust::Certificates(theirs.pem()))).await.is_err());
    assert_eq!(status(&HttpClient::default(), with(Trust::Anyone)).await, Ok(200));
    // The next request without options is verified again.
    assert!(status(&HttpClient::default(), get("localhost")).await.is_err());
    for broken in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        let sent = HttpClient::default().send(with(Trust::Certificates(broken.into()))).await;
        assert!(matches!(sent, Err(Error::Invalid(f)) if f.contains("certificate")), "{broken}");
    }
}

#[tokio::test]
async fn outbound_a_servers_own_certificate_can_be_pinned() {
    let (authority, own) = (Authority::new(), Identity::self_signed(&["localhost"]));
    let site = Site::tls(authority.server(&own, false), "ok").await;
    let get = |host: &str, pem: &str| HttpRequest {
        tls: TlsOptions { trust: Trust::Certificates(pem.to_owned()), client: None },
        ..HttpRequest::new("GET", format!("https://{host}:{}/", site.port))
    };
    let client = HttpClient::default();
    assert_eq!(status(&client, get("localhost", &own.certificate)).await, Ok(200));
    assert!(status(&client, get("127.0.0.1", &own.certificate)).await.is_err(), "another name");
    let other = Identity::self_signed(&["localhost"]);
    assert!(status(&client, get("localhost", &other.certificate)).await.is_err(), "another certificate");
}

#[tokio::test]
async fn outbound_a_client_certificate_is_shown_to_who_asks_for_it() {
    let (authority, theirs) = (Authority::new(), Authority::new());
    let site = Site::tls(authority.server(&authority.issue(&["localhost"]), true), "ok").await;
    let client = trusting(&authority);
    let get = |identity: Option<&Identity>| {
        let certificate = identity.map(|identity| ClientCertificate {
            certificate: identity.certificate.clone(),
            key: Secret::new(identity.key.as_str()),
        });
        let tls = TlsOptions { client: certificate, ..TlsOptions::default() };
        HttpRequest { tls, ..HttpRequest::new("GET", format!("https://localhost:{}/", site.port)) }
    };
    assert!(status(&*client, get(None)).await.is_err(), "without one");
    let foreign = theirs.issue(&["signet"]);
    assert!(status(&*client, get(Some(&foreign))).await.is_err(), "of another authority");
    let own = authority.issue(&["signet"]);
    assert_eq!(status(&*client, get(Some(&own))).await, Ok(200));
    assert!(site.visits().iter().all(|visit| visit.certificate));
    let mut mixed = authority.issue(&["signet"]);
    mixed.key.clone_from(&foreign.key);
    assert!(matches!(client.send(get(Some(&mixed))).await, Err(Error::Invalid(f)) if f.contains("key")));
}
