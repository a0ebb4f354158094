//! Listeners: what a protocol declares to be reachable by TCP, TLS or UDP. The server binds the addresses, limits and
//! counts connections, reads the PROXY protocol of trusted proxies, presents certificates and passes the stop signal on.
use crate::Core;
use async_trait::async_trait;
use signet_base::Result;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// A listener, in the registration line of its slice.
pub trait Listener: Send + Sync {
    /// In logs and metrics: `ldap`.
    fn name(&self) -> &'static str;
    /// The setting with the addresses, without prefix: `LISTEN__LDAP`.
    fn setting(&self) -> &'static str;
    /// What is bound before the server is opened.
    fn transport(&self) -> Transport {
        Transport::Stream
    }
    /// Called once, when the server starts.
    fn protocol(&self, core: &Arc<Core>) -> Result<Protocol>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Stream,
    Datagram,
}

/// The protocol below, and what handles it.
#[derive(Clone)]
pub enum Protocol {
    Tcp(Arc<dyn StreamHandler>),
    Tls(Arc<dyn StreamHandler>),
    Udp(Arc<dyn DatagramHandler>),
}

#[async_trait]
pub trait StreamHandler: Send + Sync {
    /// Serves one connection until it ends. After [`Connection::stopped`] it finishes what it is doing within
    /// 20 s; what is left then is cut off.
    async fn serve(&self, connection: Connection);
    /// How long the client may say nothing.
    fn idle(&self) -> Duration {
        Duration::from_secs(60)
    }
    /// Protocols that TLS offers (ALPN, RFC 7301).
    fn alpn(&self) -> &'static [&'static [u8]] {
        &[]
    }
}

#[async_trait]
pub trait DatagramHandler: Send + Sync {
    /// The answer to a datagram; `None`: silence. At most [`DATAGRAMS`] are answered at once, others are dropped.
    async fn answer(&self, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>>;
}

/// Datagrams of one listener that are answered at once.
pub const DATAGRAMS: usize = 512;
/// Longest datagram in bytes (RFC 2865 §3).
pub const DATAGRAM: usize = 4096;

/// Bytes in both directions.
pub type Stream = Box<dyn signet_base::outbound::Stream>;

/// A connection that was accepted.
pub struct Connection {
    /// The client: the socket's address, or what a trusted proxy says by the PROXY protocol.
    pub peer: SocketAddr,
    /// Whether the stream is TLS.
    pub secure: bool,
    pub stream: Stream,
    pub activity: Arc<Activity>,
    pub stop: watch::Receiver<bool>,
    /// For protocols that turn to TLS within the connection.
    pub tls: Option<Arc<dyn StartTls>>,
}

impl Connection {
    /// Resolves when the server stops.
    pub async fn stopped(&mut self) {
        stopped(&mut self.stop).await;
    }
    /// Turns the stream to TLS. What was read before and not handled must be thrown away: it came unprotected.
    pub async fn start_tls(&mut self) -> io::Result<()> {
        let tls = self.tls.take().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = tls.accept(plain).await?;
        self.secure = true;
        Ok(())
    }
}

/// Resolves when the stop signal was given.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What an HTTP connection was upgraded to (WebSockets): it keeps the place of the connection while it is open.
#[derive(Clone)]
pub struct Upgrades(Arc<watch::Sender<usize>>);

/// One upgrade; ends on drop.
pub struct Upgraded(Upgrades);

impl Upgrades {
    pub fn hold(&self) -> Upgraded {
        self.0.send_modify(|open| *open += 1);
        Upgraded(self.clone())
    }
    /// Resolves when none is open.
    pub async fn over(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open == 0).await;
    }
}
impl Default for Upgrades {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}
impl Drop for Upgraded {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}

/// The server's side of a TLS handshake.
#[async_trait]
pub trait StartTls: Send + Sync {
    async fn accept(&self, plain: Stream) -> io::Result<Stream>;
}

/// Minimum transfer rate of clients.
pub const MIN_BYTES_PER_SECOND: u64 = 16 * 1024;

/// Whether a connection works or waits for its client. One that waits for too long is closed; so is the one that has
/// waited longest if there is no room for another.
pub struct Activity {
    idle: Duration,
    state: Mutex<State>,
    close: Notify,
}
struct State {
    /// Number of requests in progress.
    working: usize,
    /// Since when the client has been idle.
    silent: Instant,
}

impl Activity {
    pub fn new(idle: Duration) -> Self {
        Self { idle, state: Mutex::new(State { working: 0, silent: Instant::now() }), close: Notify::new() }
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The server starts working on a request.
    pub fn work(&self) {
        self.state().working += 1;
    }
    /// The server waits for the client; `bytes` are on their way to it.
    pub fn rest(&self, bytes: u64) {
        let mut state = self.state();
        state.working = state.working.saturating_sub(1);
        state.silent = Instant::now() + Duration::from_secs(bytes.min(1 << 32) / MIN_BYTES_PER_SECOND);
    }
    /// How long the client has been idle; `None` while the server works.
    pub fn silence(&self) -> Option<Duration> {
        let state = self.state();
        (state.working == 0).then(|| state.silent.elapsed())
    }
    /// Tells the connection to close.
    pub fn close(&self) {
        self.close.notify_one();
    }
    /// Resolves when the connection has to close.
    pub async fn over(&self) {
        loop {
            let wait = self.silence().map_or(self.idle, |silence| self.idle.saturating_sub(silence));
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.close.notified() => return,
            }
        }
    }
}
