//! HTTP over a loopback socket, with and without TLS.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use signet_base::Error;
use signet_base::outbound::{Http, HttpRequest};
use signet_outbound::HttpClient;
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
    let answer = HttpClient::new().send(request).await.unwrap();
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
    assert!(matches!(HttpClient::new().send(small).await, Err(Error::Unavailable(_))));
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/?secret=s3cret", silent.local_addr().unwrap().port());
    let hurried = HttpRequest { timeout: Duration::from_millis(100), ..HttpRequest::new("GET", &*url) };
    match HttpClient::new().send(hurried).await {
        Err(Error::Unavailable(why)) => {
            assert!(why.contains("127.0.0.1") && !why.contains("s3cret"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    drop(silent);
    assert!(matches!(HttpClient::new().send(HttpRequest::new("GET", url)).await, Err(Error::Unavailable(_))));
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
        match HttpClient::new().send(request).await {
            Err(Error::Unavailable(why)) => {
                assert!(why.contains("not on the public internet"), "{url}: {why}")
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
        match HttpClient::new().send(request).await {
            Err(Error::Invalid(fields)) => assert!(fields.contains(field), "{fields:?}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn only_a_trusted_certificate_of_the_right_name_is_believed() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    exchange(tls, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                }
            });
        }
    });
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let trusting = HttpClient::with_roots(roots).unwrap();
    assert_eq!(
        trusting.send(HttpRequest::new("GET", format!("https://localhost:{port}/"))).await.unwrap().status,
        200
    );
    assert!(
        matches!(
            trusting.send(HttpRequest::new("GET", format!("https://127.0.0.1:{port}/"))).await,
            Err(Error::Unavailable(_))
        ),
        "another name"
    );
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(other.cert.der().clone()).unwrap();
    assert!(
        matches!(
            HttpClient::with_roots(roots)
                .unwrap()
                .send(HttpRequest::new("GET", format!("https://localhost:{port}/")))
                .await,
            Err(Error::Unavailable(_))
        ),
        "another issuer"
    );
}
