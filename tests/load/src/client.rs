//! A small HTTP/1.1 client: one request at a time on a kept connection, redirects not followed. It is written
//! by hand because it shares the machine with the server: what the client burns, the server does not get.
use std::borrow::Cow;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What went wrong, in words.
pub type Result<T> = std::result::Result<T, String>;

const MAX_ANSWER: usize = 8 << 20;

/// One kept connection. It reconnects when the server has closed it while it was idle.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// A whole answer; it borrows the connection's buffer.
pub struct TestResponse<'a> {
    pub status: u16,
    /// The header lines, without the status line.
    pub head: Cow<'a, str>,
    pub body: Cow<'a, [u8]>,
}

impl TestResponse<'_> {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers(&self.head).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
    /// An error that shows the beginning of the answer.
    pub fn unexpected(&self, what: &str) -> String {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(240).collect();
        let place = self.header("location").map(|l| format!(" to {l}")).unwrap_or_default();
        format!("{what}: {}{place} {}", self.status, text.replace('\n', " "))
    }
}

/// Where a complete head ends and what it says about the body.
struct Frame {
    status: u16,
    /// Byte after the status line, and byte after the empty line.
    head: (usize, usize),
    length: Length,
    closes: bool,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Length {
    Known(usize),
    Chunked,
    UntilClose,
}

impl Connection {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: Vec::with_capacity(8192) }
    }

    /// Sends the request's bytes and reads the answer.
    pub async fn send(&mut self, request: &[u8]) -> Result<TestResponse<'_>> {
        let reused = self.stream.is_some();
        let frame = match self.exchange(request).await {
            Ok(frame) => frame,
            // Closed by the server between two requests: nothing of this one was read, so it is sent again.
            Err(_) if reused && self.buffer.is_empty() => {
                self.stream = None;
                self.exchange(request).await.inspect_err(|_| self.stream = None)?
            }
            Err(error) => {
                self.stream = None;
                return Err(error);
            }
        };
        if frame.closes {
            self.stream = None;
        }
        let body = &self.buffer[frame.head.1..];
        let body = if frame.length == Length::Chunked {
            Cow::Owned(unchunk(body).ok_or("a chunked body that does not parse")?)
        } else {
            Cow::Borrowed(body)
        };
        Ok(TestResponse {
            status: frame.status,
            head: String::from_utf8_lossy(&self.buffer[frame.head.0..frame.head.1]),
            body,
        })
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Frame> {
        self.buffer.clear();
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = connect(self.address).await?;
                self.stream.insert(stream)
            }
        };
        stream.write_all(request).await.map_err(|e| format!("writing: {e}"))?;
        let frame = loop {
            if let Some(frame) = parse(&self.buffer)? {
                break frame;
            }
            if stream.read_buf(&mut self.buffer).await.map_err(|e| format!("reading: {e}"))? == 0 {
                return Err("the connection was closed before an answer".into());
            }
        };
        loop {
            let body = &self.buffer[frame.head.1..];
            let (complete, beyond) = match frame.length {
                Length::Known(n) => (body.len() >= n, body.len() > n),
                Length::Chunked => (body.ends_with(b"0\r\n\r\n"), false),
                Length::UntilClose => (false, false),
            };
            if beyond || self.buffer.len() > MAX_ANSWER {
                return Err("more bytes than the answer announced".into());
            }
            if complete {
                return Ok(frame);
            }
            if stream.read_buf(&mut self.buffer).await.map_err(|e| format!("reading: {e}"))? == 0 {
                return if frame.length == Length::UntilClose {
                    Ok(frame)
                } else {
                    Err("the connection was closed inside an answer".into())
                };
            }
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the load tool is a client of loopback servers that it has started itself"
)]
async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.map_err(|e| format!("connecting: {e}"))?;
    stream.set_nodelay(true).map_err(|e| e.to_string())?;
    Ok(stream)
}

/// Name and value of each line of a head.
pub fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.split("\r\n").filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim()))
}

/// `None` while the head is not complete.
fn parse(bytes: &[u8]) -> Result<Option<Frame>> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is not text")?;
    let (line, rest) = text.split_once("\r\n").unwrap_or((text, ""));
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .ok_or_else(|| format!("no status line: {line}"))?;
    let mut length =
        if matches!(status, 100..=199 | 204 | 304) { Length::Known(0) } else { Length::UntilClose };
    let mut closes = false;
    for (name, value) in headers(rest) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Length::Known(value.parse().map_err(|_| format!("content-length {value}"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            length = Length::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(Frame {
        status,
        head: (line.len() + 2, end + 4),
        closes: closes || length == Length::UntilClose,
        length,
    }))
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    loop {
        let line = bytes.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..line]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        bytes = &bytes[line + 2..];
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size + 2..)?;
    }
}

/// A request's bytes. `body` is its content type and content.
pub fn request(
    method: &str,
    path: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: Option<(&str, &str)>,
) -> Vec<u8> {
    let mut out =
        format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\nuser-agent: signet-load\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    match body {
        Some((kind, text)) => {
            out.push_str(&format!("content-type: {kind}\r\ncontent-length: {}\r\n\r\n{text}", text.len()))
        }
        None => out.push_str("\r\n"),
    }
    out.into_bytes()
}

/// Cookies of one person. Paths and domains are not looked at: each jar belongs to one server.
#[derive(Default, Clone)]
pub struct Jar(Vec<(String, String)>);

impl Jar {
    /// Takes the `Set-Cookie` lines of a head.
    pub fn absorb(&mut self, head: &str) {
        for (_, line) in headers(head).filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let mut parts = line.split(';');
            let Some((name, value)) = parts.next().and_then(|p| p.split_once('=')) else { continue };
            let gone = parts.any(|p| {
                let p = p.trim().to_ascii_lowercase();
                p == "max-age=0" || (p.starts_with("expires=") && p.contains(" 1970 "))
            });
            self.0.retain(|(n, _)| n != name.trim());
            if !gone {
                self.0.push((name.trim().into(), value.trim().into()));
            }
        }
    }
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
    /// The value of a `Cookie` header; empty when there is none.
    pub fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }
}

/// Percent-encoding of everything but the unreserved characters (RFC 3986 §2.3).
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// One parameter of a query string, decoded.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let raw = query.split('&').filter_map(|p| p.split_once('=')).find(|(n, _)| *n == name)?.1;
    let (mut out, bytes) = (Vec::new(), raw.as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        let hex = raw
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(hex.unwrap_or(if bytes[at] == b'+' { b' ' } else { bytes[at] }));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap().is_none());
        let frame = parse(b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab")
            .unwrap()
            .unwrap();
        assert_eq!((frame.status, frame.length, frame.closes), (302, Length::Known(2), true));
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().length, Length::Known(0));
        assert!(parse(b"garbage\r\n\r\n").is_err());
        assert_eq!(unchunk(b"3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n").unwrap(), b"abcde");
        assert!(unchunk(b"9\r\nabc").is_none());
    }

    #[test]
    fn cookies_come_and_go() {
        let mut jar = Jar::default();
        jar.absorb("Set-Cookie: a=1; Path=/\r\nset-cookie: b=2; HttpOnly\r\n");
        jar.absorb("Set-Cookie: a=3\r\nSet-Cookie: b=; Max-Age=0\r\n");
        assert_eq!((jar.header().as_str(), jar.get("b")), ("a=3", None));
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parameter("a=1&code=x%2Fy+z%", "code").as_deref(), Some("x/y z%"));
        assert_eq!(parameter("a=1", "code"), None);
        assert_eq!(encode("a/b c~"), "a%2Fb%20c~");
    }
}
