//! The PROXY protocol (versions 1 and 2): a proxy that passes bytes on says whose connection it is. Read from trusted
//! networks only; a connection that does not begin with it is taken as it is.
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8; 6] = b"PROXY ";
/// Longest line of version 1, with its end.
const LINE: usize = 107;
/// Longest addresses and additions of version 2 that are read.
const REST: usize = 2048;
/// Pause before an incomplete beginning is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the PROXY protocol is malformed")
}

/// The client that the proxy names, else the proxy. Takes the header off the stream, and nothing else.
pub async fn client(stream: &mut TcpStream, proxy: SocketAddr) -> io::Result<SocketAddr> {
    let mut head = [0; SIGNATURE.len()];
    loop {
        let seen = stream.peek(&mut head).await?;
        let seen = &head[..seen];
        let begins = |of: &[u8]| seen.iter().zip(of).all(|(a, b)| a == b);
        if seen.is_empty() || !(begins(SIGNATURE) || begins(WORD)) {
            return Ok(proxy);
        }
        if seen.starts_with(WORD) {
            return Ok(line(stream).await?.unwrap_or(proxy));
        }
        if seen.starts_with(SIGNATURE) {
            return Ok(binary(stream).await?.unwrap_or(proxy));
        }
        // No more will come, and `peek` does not say so.
        if stream.ready(Interest::READABLE).await?.is_read_closed() {
            return Ok(proxy);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn line(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut text = Vec::with_capacity(LINE);
    while !text.ends_with(b"\r\n") {
        if text.len() == LINE {
            return Err(invalid());
        }
        text.push(stream.read_u8().await?);
    }
    read_line(std::str::from_utf8(&text).map_err(|_| invalid())?)
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 5000 443`
fn read_line(text: &str) -> io::Result<Option<SocketAddr>> {
    let words: Vec<&str> = text.trim_end_matches("\r\n").split(' ').collect();
    match words[..] {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", "TCP4" | "TCP6", source, target, port, own] => {
            let ip: IpAddr = source.parse().map_err(|_| invalid())?;
            let port: u16 = port.parse().map_err(|_| invalid())?;
            let whole = target.parse::<IpAddr>().is_ok_and(|target| target.is_ipv4() == ip.is_ipv4())
                && own.parse::<u16>().is_ok()
                && ip.is_ipv4() == (words[1] == "TCP4");
            if whole { Ok(Some(SocketAddr::new(ip, port))) } else { Err(invalid()) }
        }
        _ => Err(invalid()),
    }
}

async fn binary(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > REST {
        return Err(invalid());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    read_binary(head[12], head[13], &rest)
}

/// `command`: version and command; `family`: addresses and transport.
fn read_binary(command: u8, family: u8, rest: &[u8]) -> io::Result<Option<SocketAddr>> {
    let port = |at: usize| rest.get(at..at + 2).map(|p| u16::from_be_bytes([p[0], p[1]])).ok_or_else(invalid);
    match (command, family >> 4) {
        // The proxy itself, or a family that is not IP.
        (0x20, _) | (0x21, 0 | 3) => Ok(None),
        (0x21, 1) => {
            let ip: [u8; 4] = rest.get(..4).and_then(|b| b.try_into().ok()).ok_or_else(invalid)?;
            Ok(Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port(8)?)))
        }
        (0x21, 2) => {
            let ip: [u8; 16] = rest.get(..16).and_then(|b| b.try_into().ok()).ok_or_else(invalid)?;
            Ok(Some(SocketAddr::new(Ipv6Addr::from(ip).into(), port(32)?)))
        }
        _ => Err(invalid()),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a client of the test")]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    /// The client that is found when `sent` arrives and nothing more, with the bytes that are left.
    async fn found(sent: &[u8]) -> (SocketAddr, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, proxy) = listener.accept().await.unwrap();
        sender.write_all(sent).await.unwrap();
        sender.shutdown().await.unwrap();
        let client = tokio::time::timeout(Duration::from_secs(20), client(&mut stream, proxy)).await;
        let client = client.expect("a beginning that stays incomplete is no reason to wait").unwrap();
        let mut left = Vec::new();
        stream.read_to_end(&mut left).await.unwrap();
        (client, left)
    }

    #[tokio::test]
    async fn a_beginning_that_ends_is_no_header() {
        for sent in [&b"\r\n"[..], b"\r\n\r\n", b"PROX", b"P", b""] {
            let (client, left) = found(sent).await;
            assert_eq!((client.ip().is_loopback(), left), (true, sent.to_vec()));
        }
        let (client, left) = found(b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\nhello").await;
        assert_eq!((client.to_string(), left), ("192.0.2.1:5000".into(), b"hello".to_vec()));
    }

    #[test]
    fn lines_name_the_client() {
        let read = |text: &str| read_line(text).map(|found| found.map(|at| at.to_string()));
        assert_eq!(
            read("PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n").unwrap().as_deref(),
            Some("192.0.2.1:5000")
        );
        assert_eq!(
            read("PROXY TCP6 2001:db8::1 ::1 5000 443\r\n").unwrap().as_deref(),
            Some("[2001:db8::1]:5000")
        );
        assert_eq!(read("PROXY UNKNOWN\r\n").unwrap(), None);
        for wrong in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000\r\n",
            "PROXY TCP4 2001:db8::1 ::1 5000 443\r\n",
            "PROXY TCP4 192.0.2.1 ::1 5000 443\r\n",
            "PROXY TCP4 x 192.0.2.2 5000 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 70000 443\r\n",
            "PROXY \r\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_name_the_client() {
        let of = |command, family, rest: &[u8]| {
            read_binary(command, family, rest).map(|found| found.map(|at| at.to_string()))
        };
        let four = [192, 0, 2, 1, 192, 0, 2, 2, 0x13, 0x88, 1, 0xbb];
        assert_eq!(of(0x21, 0x11, &four).unwrap().as_deref(), Some("192.0.2.1:5000"));
        assert_eq!(of(0x20, 0, &[]).unwrap(), None);
        assert!(of(0x21, 0x11, &four[..8]).is_err() && of(0x31, 0x11, &four).is_err());
        assert!(of(0x21, 0x21, &four).is_err());
    }
}
