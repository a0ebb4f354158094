//! TCP, TLS and UDP of a slice: limits, the PROXY protocol, counts and the stop.
use crate::echo::{EchoTcp, EchoTls, EchoUdp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use signet_testkit::{App, Browser, DbKind, Setup};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn set_up() -> Setup {
    Setup::new(DbKind::Sqlite).await.listening(&EchoTcp).listening(&EchoTls).listening(&EchoUdp)
}
fn at(app: &App, name: &str) -> SocketAddr {
    app.listeners.iter().find(|(n, _)| *n == name).expect("a listener").1
}

async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), line: &str) -> String {
    stream.write_all(line.as_bytes()).await.unwrap();
    hear(stream).await
}
/// The next line; empty at the end.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        if byte == b'\n' {
            break;
        }
        line.push(byte);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Takes any certificate: who signed it is not what is tested.
#[derive(Debug)]
struct Any;
impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
pub async fn tls(stream: TcpStream) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Any)).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
}

#[tokio::test]
async fn core_listener_tcp_tls_and_starttls() {
    let app = set_up().await.start().await.unwrap();
    let mut plain = TcpStream::connect(at(&app, "echo")).await.unwrap();
    assert_eq!(ask(&mut plain, "hello\r\n").await, "hello");
    assert_eq!(ask(&mut plain, "WHO\n").await, format!("{} false", plain.local_addr().unwrap()));
    assert_eq!(ask(&mut plain, "STARTTLS\n").await, "STARTTLS");
    let mut secure = tls(plain).await;
    assert!(ask(&mut secure, "WHO\n").await.ends_with(" true"));
    let mut direct = tls(TcpStream::connect(at(&app, "echo-tls")).await.unwrap()).await;
    assert_eq!(ask(&mut direct, "hello\n").await, "hello");
    // Plain text there is no handshake.
    let mut wrong = TcpStream::connect(at(&app, "echo-tls")).await.unwrap();
    assert!(!ask(&mut wrong, "hello\r\n\r\n").await.contains("hello"));
    let counted = Browser::new(app.metrics).get("/metrics").await.text();
    for line in [
        "authentik_listener_connections_total{listener=\"echo\"} 1",
        "authentik_listener_open_connections{listener=\"echo\"} 1",
        "authentik_listener_connections_total{listener=\"echo-tls\"} 2",
    ] {
        assert!(counted.contains(line), "{line} is not in\n{counted}");
    }
    app.stop().await;
}

#[tokio::test]
async fn core_listener_udp_answers_each_datagram() {
    let app = set_up().await.start().await.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(at(&app, "echo-udp")).await.unwrap();
    let mut buffer = [0; 8192];
    // What is too long, and what the handler is silent about, gets no answer: the next one does.
    for (sent, answered) in
        [(vec![b'x'; 4096], true), (vec![b'x'; 4097], false), (b"silence".to_vec(), false)]
    {
        socket.send(&sent).await.unwrap();
        if answered {
            let length = socket.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], sent);
        }
    }
    socket.send(b"last").await.unwrap();
    let length = socket.recv(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..length], b"last");
    let counted = Browser::new(app.metrics).get("/metrics").await.text();
    assert!(counted.contains("authentik_listener_datagrams_total{listener=\"echo-udp\"} 4"), "{counted}");
    app.stop().await;
}

#[tokio::test]
async fn core_listener_a_trusted_proxy_says_whose_connection_it_is() {
    const HEADER: &str = "PROXY TCP4 192.0.2.7 127.0.0.1 5000 389\r\nWHO\n";
    let app = set_up().await.start().await.unwrap();
    let mut stream = TcpStream::connect(at(&app, "echo")).await.unwrap();
    assert_eq!(ask(&mut stream, HEADER).await, "192.0.2.7:5000 false");
    let mut broken = TcpStream::connect(at(&app, "echo")).await.unwrap();
    assert_eq!(ask(&mut broken, "PROXY TCP4 nobody\r\nWHO\n").await, "", "the connection ends");
    // HTTP too, behind its TLS as well as without.
    let mut http = TcpStream::connect(app.address).await.unwrap();
    let request = "GET /-/health/live/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let proxied = format!("PROXY TCP6 2001:db8::7 ::1 5000 443\r\n{request}");
    assert_eq!(ask(&mut http, &proxied).await.trim_end(), "HTTP/1.1 200 OK");
    app.stop().await;
    let strangers = set_up().await.with("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "192.0.2.0/24");
    let app = strangers.start().await.unwrap();
    let mut stream = TcpStream::connect(at(&app, "echo")).await.unwrap();
    assert!(ask(&mut stream, HEADER).await.starts_with("PROXY TCP4"), "it is a line as any other");
    app.stop().await;
}

#[tokio::test]
async fn core_listener_connections_have_a_limit_and_an_idle_time() {
    let setup = set_up().await.with("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "192.0.2.0/24");
    let app = setup.with("AUTHENTIK_THROTTLE__CONNECTIONS", "2").start().await.unwrap();
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(at(&app, "echo")).await.unwrap();
        assert_eq!(ask(&mut stream, "hello\n").await, "hello");
        open.push(stream);
    }
    assert_eq!(open[0].read(&mut [0]).await.unwrap(), 0, "the one that was idle longest made room");
    assert_eq!(ask(&mut open[2], "hello\n").await, "hello");
    assert_eq!(open[1].read(&mut [0]).await.unwrap(), 0, "nobody may say nothing for ever");
    app.stop().await;
}

#[tokio::test]
async fn core_listener_a_stop_lets_requests_finish() {
    let app = set_up().await.start().await.unwrap();
    let (echo, http) = (at(&app, "echo"), app.address);
    let mut working = TcpStream::connect(echo).await.unwrap();
    assert_eq!(ask(&mut working, "hello\n").await, "hello");
    assert_eq!(ask(&mut working, "WAIT\n").await, "waiting");
    // Idle ones, with and without a first byte, hold nothing up.
    let mut idle = [TcpStream::connect(echo).await.unwrap(), TcpStream::connect(http).await.unwrap()];
    assert_eq!(ask(&mut idle[0], "hello\n").await, "hello");
    let began = std::time::Instant::now();
    let stopping = tokio::spawn(app.stop());
    assert_eq!(hear(&mut working).await, "done");
    stopping.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(TcpStream::connect(echo).await.is_err());
    assert_eq!(idle[0].read(&mut [0]).await.unwrap_or(0), 0);
}
