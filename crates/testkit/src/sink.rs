//! A mail server that stores what it receives.
use crate::inbox::Inbox;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// SMTP on a loopback socket. Every message is accepted.
pub struct MailSink {
    pub port: u16,
    kept: Inbox<String>,
}

impl MailSink {
    /// Starts a server that answers each command after `pause`.
    pub async fn start(pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Inbox::<String>::default();
        let all = kept.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, all.clone(), pause));
            }
        });
        Self { port, kept }
    }
    /// Removes and returns the messages so far, with line endings and encoding decoded.
    pub fn take(&self) -> Vec<String> {
        self.kept.take()
    }
    /// The next message; `None` after two seconds.
    pub async fn next(&self) -> Option<String> {
        self.kept.next().await
    }
}

async fn serve(stream: TcpStream, kept: Inbox<String>, pause: Duration) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut message: Option<String> = None;
    let mut answer = "220 sink\r\n";
    loop {
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        loop {
            let Ok(Some(line)) = lines.next_line().await else { return };
            match &mut message {
                Some(text) if line == "." => {
                    kept.push(plain(text));
                    message = None;
                    answer = "250 taken\r\n";
                    break;
                }
                Some(text) => {
                    text.push_str(line.strip_prefix("..").map_or(line.as_str(), |_| &line[1..]));
                    text.push('\n');
                }
                None => {
                    tokio::time::sleep(pause).await;
                    let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
                    answer = match word.as_str() {
                        "DATA" => {
                            message = Some(String::new());
                            "354 go on\r\n"
                        }
                        "QUIT" => "221 bye\r\n",
                        _ => "250 ok\r\n",
                    };
                    break;
                }
            }
        }
    }
}

/// Decodes quoted-printable (RFC 2045 §6.7), as far as this server's messages use it.
fn plain(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut out = Vec::with_capacity(joined.len());
    let bytes = joined.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let code = joined
            .get(i + 1..i + 3)
            .filter(|_| bytes[i] == b'=')
            .and_then(|c| u8::from_str_radix(c, 16).ok());
        match code {
            Some(byte) if joined[i + 1..i + 3].chars().all(|c| !c.is_ascii_lowercase()) => {
                out.push(byte);
                i += 3;
            }
            _ => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
