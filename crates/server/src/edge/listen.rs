//! Listeners: binding, connections, shutdown.
use super::client::Connection;
use super::connections::{ConnectionSlot, ConnectionState, Connections};
use super::date;
use super::health::{self, Scrape};
use super::request::RequestHandler;
use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use signet_base::{Error, Result};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// Time for a request head to arrive, and idle timeout of kept-alive connections.
const HEAD: Duration = Duration::from_secs(30);
/// Timeout of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for running requests to finish after the stop signal.
const DRAIN: Duration = Duration::from_secs(20);

/// Binds one address. `variable` names the setting in error messages.
pub async fn bind(address: SocketAddr, variable: &str) -> Result<TcpListener> {
    let listener = match TcpListener::bind(address).await {
        // On a machine without IPv6, bind all IPv4 addresses.
        Err(e) if address.ip() == Ipv6Addr::UNSPECIFIED && no_ipv6(&e) => {
            TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()))).await
        }
        other => other,
    };
    listener.map_err(|e| {
        let why = match e.kind() {
            io::ErrorKind::AddrInUse => "another program listens there already".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)".to_owned()
            }
            _ => e.to_string(),
        };
        Error::unavailable(format!("cannot listen on {address}: {why}. Change {variable}."))
    })
}

/// EAFNOSUPPORT has no `ErrorKind`.
fn no_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97)
}

/// What a listener serves.
#[derive(Clone)]
pub enum Serve {
    /// All routes.
    Routes(Arc<RequestHandler>),
    /// `/metrics` only.
    Metrics(Arc<Scrape>),
}

/// Accepts connections until `stop`, then waits for running requests.
pub async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    serve: Serve,
    connections: Arc<Connections>,
    mut stop: watch::Receiver<bool>,
) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 * 1024)
        .keep_alive(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(32 * 1024)
        .keep_alive_interval(Duration::from_secs(60))
        .max_concurrent_streams(200);
    let builder = Arc::new(builder);
    let graceful = GracefulShutdown::new();
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
            _ = stop.changed() => break,
        };
        let Some(place) = connections.admit(peer.ip()) else { continue };
        let live = place.live.clone();
        let _ = stream.set_nodelay(true);
        let (serve, builder, watcher) = (serve.clone(), builder.clone(), graceful.watcher());
        match tls.clone() {
            None => {
                let connection = builder
                    .serve_connection(
                        TokioIo::new(stream),
                        service(serve, Connection { peer, secure: false }, live),
                    )
                    .into_owned();
                let watched = watcher.watch(connection);
                tokio::spawn(ended(watched, place));
            }
            Some(acceptor) => {
                tokio::spawn(async move {
                    let shaken = tokio::select! {
                        shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)) => shaken,
                        () = live.over() => return,
                    };
                    let Ok(Ok(stream)) = shaken else {
                        tracing::debug!(%peer, "a TLS handshake failed");
                        return;
                    };
                    let connection = builder
                        .serve_connection(
                            TokioIo::new(stream),
                            service(serve, Connection { peer, secure: true }, live),
                        )
                        .into_owned();
                    ended(watcher.watch(connection), place).await;
                });
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in {} s and are cut off", DRAIN.as_secs());
    }
}

/// Runs a connection until it ends or is told to close.
async fn ended<E: std::fmt::Display>(
    connection: impl Future<Output = std::result::Result<(), E>>,
    place: ConnectionSlot,
) {
    tokio::select! {
        ended = connection => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = place.live.over() => {}
    }
}

type Service =
    std::pin::Pin<Box<dyn Future<Output = std::result::Result<Response<Body>, Infallible>> + Send>>;

fn service(
    serve: Serve,
    connection: Connection,
    live: Arc<ConnectionState>,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = Service,
> + Clone {
    service_fn(move |request: Request<Incoming>| {
        let (serve, live) = (serve.clone(), live.clone());
        Box::pin(async move {
            let now = match &serve {
                Serve::Routes(handler) => handler.core.now(),
                Serve::Metrics(scrape) => scrape.now(),
            };
            live.work();
            let mut response = match serve {
                Serve::Routes(handler) => handler.answer(connection, &live, request).await,
                Serve::Metrics(scrape) => match request.uri().path() {
                    "/metrics" | "/metrics/" => health::page(scrape.text().await),
                    _ => {
                        let mut response = Response::new(Body::empty());
                        *response.status_mut() = StatusCode::NOT_FOUND;
                        response
                    }
                },
            };
            response.headers_mut().insert(header::DATE, date::header(now));
            live.rest(response.body().size_hint().lower());
            Ok(response)
        }) as Service
    })
}
