//! The listeners of docs/adding-a-slice.md: they say back what they are told.
use async_trait::async_trait;
use signet_base::Result;
use signet_core::Core;
use signet_core::listener::{Connection, DatagramHandler, Listener, Protocol, StreamHandler, Transport};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Lines over TCP. `WHO` asks for the client's address, `STARTTLS` turns to TLS, `WAIT` is answered at the stop.
pub struct EchoTcp;
/// The same behind TLS.
pub struct EchoTls;
/// Datagrams.
pub struct EchoUdp;

impl Listener for EchoTcp {
    fn name(&self) -> &'static str {
        "echo"
    }
    fn setting(&self) -> &'static str {
        "LISTEN__LDAP"
    }
    fn protocol(&self, _: &Arc<Core>) -> Result<Protocol> {
        Ok(Protocol::Tcp(Arc::new(Lines)))
    }
}
impl Listener for EchoTls {
    fn name(&self) -> &'static str {
        "echo-tls"
    }
    fn setting(&self) -> &'static str {
        "LISTEN__LDAPS"
    }
    fn protocol(&self, _: &Arc<Core>) -> Result<Protocol> {
        Ok(Protocol::Tls(Arc::new(Lines)))
    }
}
impl Listener for EchoUdp {
    fn name(&self) -> &'static str {
        "echo-udp"
    }
    fn setting(&self) -> &'static str {
        "LISTEN__RADIUS"
    }
    fn transport(&self) -> Transport {
        Transport::Datagram
    }
    fn protocol(&self, _: &Arc<Core>) -> Result<Protocol> {
        Ok(Protocol::Udp(Arc::new(Datagrams)))
    }
}

struct Datagrams;

#[async_trait]
impl DatagramHandler for Datagrams {
    async fn answer(&self, _: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        (datagram != b"silence").then(|| datagram.to_vec())
    }
}

/// Longest line in bytes.
const LINE: usize = 100;

struct Lines;

#[async_trait]
impl StreamHandler for Lines {
    async fn serve(&self, mut connection: Connection) {
        while let Ok(Some(line)) = read(&mut connection).await {
            connection.activity.work();
            let said = answer(&mut connection, &line).await;
            connection.activity.rest(0);
            if said.is_err() {
                return;
            }
        }
    }
    fn idle(&self) -> Duration {
        Duration::from_secs(3)
    }
}

/// The next line. `None`: the client has gone, or the server stops.
async fn read(connection: &mut Connection) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut stop = connection.stop.clone();
    while !line.ends_with(b"\n") && line.len() < LINE {
        let byte = tokio::select! {
            byte = connection.stream.read_u8() => byte?,
            () = signet_core::listener::stopped(&mut stop) => return Ok(None),
        };
        line.push(byte);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
}

async fn answer(connection: &mut Connection, line: &str) -> io::Result<()> {
    let answer = match line {
        "WHO" => format!("{} {}", connection.peer, connection.secure),
        "WAIT" => {
            connection.stream.write_all(b"waiting\n").await?;
            connection.stream.flush().await?;
            connection.stopped().await;
            "done".to_owned()
        }
        line => line.to_owned(),
    };
    connection.stream.write_all(format!("{answer}\n").as_bytes()).await?;
    connection.stream.flush().await?;
    if line == "STARTTLS" {
        connection.start_tls().await?;
    }
    Ok(())
}
