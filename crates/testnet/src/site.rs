//! A web site on loopback. Two of them, asked as `localhost` and as `127.0.0.1`, are two sites to a browser.
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived. Names of headers are in lower case.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    pub method: String,
    /// As it was sent: path and query, or a whole URL.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the client showed a certificate.
    pub certificate: bool,
}
impl Visit {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Answers every request; requests are kept.
pub struct Site {
    pub port: u16,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl Site {
    /// Without TLS, answering 200 and `text`.
    pub async fn plain(text: &'static str) -> Self {
        Self::start(None, move |_| (200, Vec::new(), text.as_bytes().to_vec())).await
    }
    /// With TLS, answering 200 and `text`.
    pub async fn tls(config: Arc<rustls::ServerConfig>, text: &'static str) -> Self {
        Self::start(Some(config), move |_| (200, Vec::new(), text.as_bytes().to_vec())).await
    }
    /// `answer` gives status, headers and body.
    pub async fn start<F>(config: Option<Arc<rustls::ServerConfig>>, answer: F) -> Self
    where
        F: Fn(&Visit) -> (u16, Vec<(&'static str, String)>, Vec<u8>) + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::<Mutex<Vec<Visit>>>::default();
        let (kept, answer) = (visits.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (kept, answer, config) = (kept.clone(), answer.clone(), config.clone());
                tokio::spawn(async move {
                    let respond = |visit: &Visit| {
                        kept.lock().unwrap().push(visit.clone());
                        answer(visit)
                    };
                    match config {
                        None => serve(tcp, false, respond).await,
                        Some(config) => {
                            let Ok(tls) = TlsAcceptor::from(config).accept(tcp).await else { return };
                            let certificate = tls.get_ref().1.peer_certificates().is_some();
                            serve(tls, certificate, respond).await;
                        }
                    }
                });
            }
        });
        Self { port, visits }
    }
    /// Removes and returns the requests so far.
    pub fn visits(&self) -> Vec<Visit> {
        std::mem::take(&mut *self.visits.lock().unwrap())
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    certificate: bool,
    respond: impl Fn(&Visit) -> (u16, Vec<(&'static str, String)>, Vec<u8>),
) {
    let Some(mut visit) = read(&mut stream).await else { return };
    visit.certificate = certificate;
    let (status, headers, body) = respond(&visit);
    let mut head = format!("HTTP/1.1 {status} Answer\r\nconnection: close\r\n");
    for (name, value) in &headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut all = head.into_bytes();
    if visit.method != "HEAD" {
        all.extend(body);
    }
    let _ = stream.write_all(&all).await;
    let _ = stream.shutdown().await;
}

/// One request; `None` when the connection ends before it does.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Visit> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).ok()?;
    let mut lines = text.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut visit = Visit { method, target, headers, ..Visit::default() };
    visit.body = vec![0; visit.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut visit.body).await.ok()?;
    Some(visit)
}
