//! `signet healthcheck`: for container runtimes.
use super::output::note;
use crate::config::Options;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// 0 if the server on this machine is ready.
pub fn run(options: &Options) -> ExitCode {
    let Some(address) = options.addresses("LISTEN__HTTP").first().copied() else { return ExitCode::FAILURE };
    match status(local(address)) {
        Ok(200..=299) => ExitCode::SUCCESS,
        Ok(code) => {
            note!("signet: the server answers {code}: it is not ready");
            ExitCode::FAILURE
        }
        Err(error) => {
            note!("signet: no answer on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The loopback address, for a server that listens on all addresses.
fn local(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip == IpAddr::V4(Ipv4Addr::UNSPECIFIED) || ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
        }
        _ => address,
    }
}

fn status(address: SocketAddr) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /-/health/ready/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 64];
    let mut length = 0;
    while length < 12 {
        match stream.read(&mut head[length..])? {
            0 => break,
            n => length += n,
        }
    }
    let text = String::from_utf8_lossy(&head[..length]);
    text.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| std::io::Error::other("that is no HTTP server"))
}
