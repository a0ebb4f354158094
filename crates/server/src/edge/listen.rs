//! Listeners: binding, connections, shutdown.
use super::client::is_in;
use super::connections::Connections;
use super::tls::{HANDSHAKE, Tls};
use super::{proxy_protocol, udp};
use signet_base::{Error, Result};
use signet_core::Core;
use signet_core::listener::{Activity, Connection, Protocol, StartTls, Stream, StreamHandler, stopped};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

/// Time for running requests to finish after the stop signal.
const DRAIN: Duration = Duration::from_secs(20);

/// A bound address.
pub enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Socket {
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(socket) => socket.local_addr().ok(),
            Socket::Udp(socket) => socket.local_addr().ok(),
        }
    }
}

/// Binds TCP addresses. `variable` names the setting in error messages.
pub async fn bind_tcp(addresses: &[SocketAddr], variable: &str) -> Result<Vec<Socket>> {
    let mut all = Vec::with_capacity(addresses.len());
    for address in addresses {
        let bound = match TcpListener::bind(address).await {
            Err(e) if lacks_ipv6(address, &e) => TcpListener::bind(all_ipv4(address)).await,
            other => other,
        };
        all.push(Socket::Tcp(bound.map_err(|e| refused(address, variable, &e))?));
    }
    Ok(all)
}

/// The same for UDP.
pub async fn bind_udp(addresses: &[SocketAddr], variable: &str) -> Result<Vec<Socket>> {
    let mut all = Vec::with_capacity(addresses.len());
    for address in addresses {
        let bound = match UdpSocket::bind(address).await {
            Err(e) if lacks_ipv6(address, &e) => UdpSocket::bind(all_ipv4(address)).await,
            other => other,
        };
        all.push(Socket::Udp(bound.map_err(|e| refused(address, variable, &e))?));
    }
    Ok(all)
}

/// Whether all addresses were wanted on a machine without IPv6. EAFNOSUPPORT has no `ErrorKind`.
fn lacks_ipv6(address: &SocketAddr, error: &io::Error) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED
        && (matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
            || error.raw_os_error() == Some(97))
}
fn all_ipv4(address: &SocketAddr) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()))
}

fn refused(address: &SocketAddr, variable: &str, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there already".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)".to_owned()
        }
        _ => error.to_string(),
    };
    Error::unavailable(format!("cannot listen on {address}: {why}. Change {variable}."))
}

/// What all listeners of the process share.
#[derive(Clone)]
pub struct Shared {
    pub core: Arc<Core>,
    pub connections: Arc<Connections>,
    pub tls: Arc<Tls>,
    pub stop: watch::Receiver<bool>,
}

/// Serves a socket until `stop`, then waits for what is running.
pub async fn run(socket: Socket, name: &'static str, protocol: Protocol, shared: Shared) {
    match (socket, protocol) {
        (Socket::Udp(socket), Protocol::Udp(handler)) => {
            udp::run(socket, name, handler, shared.core, DRAIN, shared.stop).await;
        }
        (Socket::Tcp(socket), Protocol::Tcp(handler)) => accept(socket, name, handler, None, shared).await,
        (Socket::Tcp(socket), Protocol::Tls(handler)) => {
            let acceptor = shared.tls.acceptor(handler.alpn());
            accept(socket, name, handler, Some(acceptor), shared).await;
        }
        _ => tracing::error!(listener = name, "the socket and the protocol of a listener do not fit"),
    }
}

async fn accept(
    listener: TcpListener,
    name: &'static str,
    handler: Arc<dyn StreamHandler>,
    tls: Option<TlsAcceptor>,
    shared: Shared,
) {
    let mut stop = shared.stop.clone();
    // Each connection holds a sender: when all are gone, the receiver says so.
    let (running, mut ended) = mpsc::channel::<()>(1);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors or similar: wait instead of spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => break,
        };
        let activity = Arc::new(Activity::new(handler.idle()));
        let Some(place) = shared.connections.admit(peer.ip(), activity.clone()) else { continue };
        let _ = stream.set_nodelay(true);
        let (handler, tls, shared, running) = (handler.clone(), tls.clone(), shared.clone(), running.clone());
        tokio::spawn(async move {
            let _counted = shared.core.metrics.listeners.connection(name);
            tokio::select! {
                () = serve(stream, peer, &*handler, tls, activity.clone(), shared) => {}
                () = activity.over() => {}
            }
            drop((place, running));
        });
    }
    drop((listener, running));
    if tokio::time::timeout(DRAIN, ended.recv()).await.is_err() {
        tracing::warn!(
            listener = name,
            "some requests did not finish in {} s and are cut off",
            DRAIN.as_secs()
        );
    }
}

/// One connection, from its first byte.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    handler: &dyn StreamHandler,
    tls: Option<TlsAcceptor>,
    activity: Arc<Activity>,
    shared: Shared,
) {
    let mut stop = shared.stop.clone();
    let secure = tls.is_some();
    // Before the first request there is nothing to finish.
    let (stream, peer) = tokio::select! {
        begun = begin(stream, peer, tls, &shared) => match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::debug!(%peer, %error, "a connection ended before it began");
                return;
            }
        },
        () = stopped(&mut stop) => return,
    };
    let tls: Option<Arc<dyn StartTls>> = if secure { None } else { Some(shared.tls) };
    handler.serve(Connection { peer, secure, stream, activity, stop, tls }).await;
}

/// The PROXY header of trusted proxies, then the handshake.
async fn begin(
    mut stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: &Shared,
) -> io::Result<(Stream, SocketAddr)> {
    let trusted = is_in(peer.ip().to_canonical(), &shared.core.settings.trusted_proxies);
    let peer = if trusted { proxy_protocol::client(&mut stream, peer).await? } else { peer };
    match tls {
        None => Ok((Box::new(stream), peer)),
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(shaken) => Ok((Box::new(shaken?), peer)),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        },
    }
}
