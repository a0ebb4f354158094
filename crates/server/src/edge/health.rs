//! Liveness, readiness and metrics.
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use signet_base::Timestamp;
use signet_core::Core;
use signet_store::kv;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Timeout of the database check.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Minimum interval between counts of sessions.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// Minimum interval between write checks.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// The metrics, with values that are queried periodically.
pub struct Scrape {
    core: Arc<Core>,
    counted: Mutex<Option<Instant>>,
}

impl Scrape {
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, counted: Mutex::new(None) }
    }
    pub fn now(&self) -> Timestamp {
        self.core.now()
    }
    /// The Prometheus text format.
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
            match tokio::time::timeout(
                PATIENCE,
                signet_store::sessions::count_active(&self.core.db, self.core.now()),
            )
            .await
            {
                Ok(Ok(count)) => drop(self.core.metrics.active_sessions.set(count)),
                // The last count is kept: a scrape must not fail because the database is unavailable.
                Ok(Err(_)) | Err(_) => tracing::debug!("sessions could not be counted"),
            }
            match tokio::time::timeout(PATIENCE, self.core.metrics.jobs.count(&self.core)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => tracing::debug!("jobs could not be counted"),
            }
        }
        self.core.metrics.render()
    }
}

pub fn router(core: Arc<Core>) -> Router {
    let scrape = Arc::new(Scrape::new(core.clone()));
    Router::new()
        .route("/-/health/live/", get(|| async { empty(StatusCode::OK) }))
        .route(
            "/-/health/ready/",
            get(ready).with_state(Arc::new(Readiness { core, written: tokio::sync::Mutex::default() })),
        )
        .route("/-/metrics/", get(metrics).with_state(scrape))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// Readiness, evaluated at each request except for the write check.
struct Readiness {
    core: Arc<Core>,
    /// Time and result of the last write check. The lock is held during the check, so concurrent probes write
    /// once.
    written: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Whether the database responds, belongs to this installation, and can be written.
    async fn judge(&self) -> signet_base::Result<bool> {
        let core = &self.core;
        if core.stopping.load(Ordering::Relaxed) {
            return Ok(false);
        }
        core.db.ping().await?;
        if !kv::is_install(&core.db, core.install_id()).await? {
            return Ok(false);
        }
        let mut written = self.written.lock().await;
        if let Some((at, worked)) = *written
            && at.elapsed() < WRITE_EVERY
        {
            return Ok(worked);
        }
        // Counts as failed until it is done, also if the caller stops waiting.
        *written = Some((Instant::now(), false));
        let worked = kv::probe(&core.db, &core.ports).await.is_ok();
        *written = Some((Instant::now(), worked));
        Ok(worked)
    }
}

/// 503 within two seconds if the database is unavailable, another installation's, or not writable.
async fn ready(State(readiness): State<Arc<Readiness>>) -> Response {
    match tokio::time::timeout(PATIENCE, readiness.judge()).await {
        Ok(Ok(true)) => empty(StatusCode::OK),
        _ => empty(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The metrics contain no personal data; anyone who reaches the server may read them, as on the metrics
/// listener.
async fn metrics(State(scrape): State<Arc<Scrape>>) -> Response {
    page(scrape.text().await)
}

/// The response on both listeners.
pub fn page(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=1.0.0; charset=utf-8"));
    response
}
