//! Bytes on the socket.
use super::{PATIENCE, Run, start};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CORPUS: &str = include_str!("corpus/raw.txt");

#[tokio::test(flavor = "multi_thread")]
async fn bytes_on_the_socket() {
    let app = start().await;
    let saved: Vec<Vec<u8>> = CORPUS.lines().filter(|line| !line.is_empty()).map(unescape).collect();
    let mut run = Run::new();
    let mut next = 0;
    while next < saved.len() || !run.is_over() {
        let bytes = if next < saved.len() {
            saved[next].clone()
        } else {
            let mut bytes = run.dice.pick(&saved).clone();
            // Several requests on one connection.
            if run.dice.one_in(4) {
                bytes.extend_from_slice(run.dice.pick::<Vec<u8>>(&saved));
            }
            run.dice.spoil(&mut bytes);
            bytes
        };
        next += 1;
        let said = String::from_utf8_lossy(&bytes).escape_debug().to_string();
        let answers = timeout(PATIENCE, exchange(app.address, &bytes))
            .await
            .unwrap_or_else(|_| panic!("the connection stays: {said}"));
        if answers.is_empty() {
            run.judge(0, &said);
        }
        for status in answers {
            run.judge(status, &said);
        }
    }
    run.end(app, "bytes").await;
}

/// Sends bytes and closes this direction; the statuses of what comes back. Whoever is refused may not be read
/// to the end.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    let text = String::from_utf8_lossy(&got);
    let statuses =
        text.match_indices("HTTP/1.").filter(|(at, _)| *at == 0 || text.as_bytes()[at - 1] == b'\n');
    statuses.filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect()
}

/// `\r`, `\n`, `\\` and `\xNN`.
fn unescape(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let mut skip = 1;
        match after.as_bytes().first() {
            Some(b'r') => out.push(b'\r'),
            Some(b'n') => out.push(b'\n'),
            Some(b'x') => {
                out.push(u8::from_str_radix(&after[1..3], 16).unwrap());
                skip = 3;
            }
            _ => out.push(b'\\'),
        }
        rest = after.get(skip..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
