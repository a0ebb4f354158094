//! Whether the server lives and can work, and its counters.
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use signet_core::Core;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest wait for the database before it counts as gone.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Sessions are counted at most this often.
const COUNT_EVERY: Duration = Duration::from_secs(15);

/// Counters, with what has to be looked up now and then.
pub struct Scrape {
    core: Arc<Core>,
    counted: Mutex<Option<Instant>>,
}

impl Scrape {
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, counted: Mutex::new(None) }
    }
    /// The text for Prometheus.
    pub async fn text(&self) -> String {
        let due = {
            let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
            let due = counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
            if due {
                *counted = Some(Instant::now());
            }
            due
        };
        if due {
            match tokio::time::timeout(PATIENCE, signet_store::sessions::count_active(&self.core.db, self.core.now())).await {
                Ok(Ok(count)) => drop(self.core.metrics.active_sessions.set(count)),
                // The last count stays: a scrape must not fail because the database is away.
                Ok(Err(_)) | Err(_) => tracing::debug!("sessions could not be counted"),
            }
        }
        self.core.metrics.render()
    }
}

pub fn router(core: Arc<Core>) -> Router {
    let scrape = Arc::new(Scrape::new(core.clone()));
    Router::new()
        .route("/-/health/live/", get(|| async { empty(StatusCode::OK) }))
        .route("/-/health/ready/", get(ready).with_state(core.clone()))
        .route("/-/metrics/", get(metrics).with_state(scrape))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// 503 within two seconds when the database is gone.
async fn ready(State(core): State<Arc<Core>>) -> Response {
    match tokio::time::timeout(PATIENCE, core.db.ping()).await {
        Ok(Ok(())) => empty(StatusCode::OK),
        _ => empty(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The counters. They name nobody: whoever reaches the server may read them, as on the metrics listener.
async fn metrics(State(scrape): State<Arc<Scrape>>) -> Response {
    page(scrape.text().await)
}

/// The answer of both listeners.
pub fn page(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=1.0.0; charset=utf-8"));
    response
}
