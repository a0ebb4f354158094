//! An HTTP proxy: tunnels by `CONNECT`, and plain requests with a whole URL.
use crate::site::read;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Knows a few targets and refuses others with 403. What it is asked for is kept.
pub struct TestProxy {
    pub port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// `targets`: ports on loopback by `host:port`. `authorization`: what clients have to send, if anything.
    pub async fn start(targets: &[(&str, u16)], authorization: Option<&'static str>) -> Self {
        let targets: Arc<HashMap<String, u16>> =
            Arc::new(targets.iter().map(|(target, port)| ((*target).to_owned(), *port)).collect());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let kept = seen.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, targets.clone(), authorization, kept.clone()));
            }
        });
        Self { port, seen }
    }
    /// Removes and returns what was asked: `CONNECT host:port`, `GET http://…`.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn serve(
    mut client: TcpStream,
    targets: Arc<HashMap<String, u16>>,
    authorization: Option<&'static str>,
    kept: Arc<Mutex<Vec<String>>>,
) {
    let Some(visit) = read(&mut client).await else { return };
    kept.lock().unwrap().push(format!("{} {}", visit.method, visit.target));
    let target = match visit.target.strip_prefix("http://") {
        Some(rest) => match rest.split('/').next().unwrap_or_default() {
            host if host.contains(':') => host.to_owned(),
            host => format!("{host}:80"),
        },
        None => visit.target.clone(),
    };
    let refusal = match targets.get(&target) {
        _ if authorization.is_some_and(|needed| visit.header("proxy-authorization") != needed) => Err(407),
        Some(port) => Ok(TcpStream::connect(("127.0.0.1", *port)).await),
        None => Err(403),
    };
    let mut server = match refusal {
        Ok(Ok(server)) => server,
        Ok(Err(_)) => return,
        Err(status) => {
            let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = client.write_all(answer.as_bytes()).await;
            return;
        }
    };
    if visit.method == "CONNECT" {
        let _ = client.write_all(b"HTTP/1.1 200 Established\r\nVia: test\r\n\r\n").await;
        let _ = copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let path = visit.target.splitn(4, '/').nth(3).unwrap_or_default();
    let request = format!("{} /{path} HTTP/1.1\r\nhost: {target}\r\nconnection: close\r\n\r\n", visit.method);
    let _ = server.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = server.read_to_end(&mut answer).await;
    let _ = client.write_all(&answer).await;
}
