//! The outside world of a test: this machine. A web server that keeps what it receives, and a client that reaches
//! nothing but loopback addresses.
use crate::inbox::Inbox;
use async_trait::async_trait;
use signet_base::outbound::{Http, HttpRequest, HttpResponse};
use signet_base::{Error, Json, Result};
use signet_outbound::HttpClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The server's own client, for loopback addresses only.
#[derive(Default)]
pub(crate) struct LoopbackClient(HttpClient);

#[async_trait]
impl Http for LoopbackClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        if request.url.starts_with("http://127.0.0.1:") {
            self.0.send(request).await
        } else {
            Err(Error::Unavailable("tests reach this machine only".into()))
        }
    }
}

/// A request as it arrived. Names of headers are in lower case.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}
impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// HTTP on a loopback socket. Every request is kept, and answered with a status and an empty object.
pub struct HttpSink {
    pub url: String,
    kept: Inbox<Received>,
    status: Arc<AtomicU16>,
}

impl HttpSink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (kept, status) = (Inbox::<Received>::default(), Arc::new(AtomicU16::new(200)));
        let (all, answer) = (kept.clone(), status.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (all, answer) = (all.clone(), answer.clone());
                tokio::spawn(async move {
                    if let Some(received) = read(&mut stream).await {
                        all.push(received);
                        let status = answer.load(Ordering::Relaxed);
                        let text = format!(
                            "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}"
                        );
                        let _ = stream.write_all(text.as_bytes()).await;
                    }
                });
            }
        });
        Self { url, kept, status }
    }
    /// Requests are answered with this status from now on.
    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }
    /// Removes and returns the requests so far.
    pub fn take(&self) -> Vec<Received> {
        self.kept.take()
    }
    /// The next request; `None` after two seconds.
    pub async fn next(&self) -> Option<Received> {
        self.kept.next().await
    }
}

pub(crate) async fn read(stream: &mut TcpStream) -> Option<Received> {
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while bytes.len() < end + 4 + length {
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
    }
    let body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
    Some(Received { method, path, headers, body })
}
