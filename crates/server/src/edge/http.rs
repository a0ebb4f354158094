//! HTTP on the connections of a listener.
use super::client;
use super::date;
use super::health::{self, Scrape};
use super::request::RequestHandler;
use async_trait::async_trait;
use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use signet_core::listener::{Activity, Connection, StreamHandler, Upgrades, stopped};
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

/// Time for a request head to arrive, and idle timeout of kept-alive connections.
const HEAD: Duration = Duration::from_secs(30);

/// What a listener serves.
#[derive(Clone)]
pub enum Serve {
    /// All routes.
    Routes(Arc<RequestHandler>),
    /// `/metrics` only.
    Metrics(Arc<Scrape>),
}

pub struct Http {
    serve: Serve,
    builder: auto::Builder<TokioExecutor>,
}

impl Http {
    pub fn new(serve: Serve) -> Arc<Self> {
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
        Arc::new(Self { serve, builder })
    }
}

#[async_trait]
impl StreamHandler for Http {
    async fn serve(&self, connection: Connection) {
        let Connection { peer, secure, stream, activity, mut stop, .. } = connection;
        let upgrades = Upgrades::default();
        let service = service(
            self.serve.clone(),
            client::Connection { peer, secure },
            activity.clone(),
            upgrades.clone(),
        );
        let mut served = pin!(self.builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = stopped(&mut stop) => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
        // A WebSocket keeps the place of its connection, and watches its client itself.
        activity.work();
        upgrades.over().await;
    }
    fn alpn(&self) -> &'static [&'static [u8]] {
        &[b"h2", b"http/1.1"]
    }
}

type Service = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

fn service(
    serve: Serve,
    connection: client::Connection,
    live: Arc<Activity>,
    upgrades: Upgrades,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = Service,
> + Clone {
    service_fn(move |mut request: Request<Incoming>| {
        let (serve, live) = (serve.clone(), live.clone());
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(upgrades.clone());
        }
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
            // An answer that is passed on may have one.
            response.headers_mut().entry(header::DATE).or_insert_with(|| date::header(now));
            live.rest(response.body().size_hint().lower());
            Ok(response)
        }) as Service
    })
}
