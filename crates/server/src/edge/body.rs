//! Request bodies on loan: the rest that a handler did not read is drained, so that the connection can be
//! reused. A body must arrive within a time that grows with its size.
use axum::BoxError;
use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use signet_core::listener::{Activity, MIN_BYTES_PER_SECOND};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Time for the rest of a body to arrive.
const PATIENCE: Duration = Duration::from_secs(2);

/// Base time for a body to arrive; [`MIN_BYTES_PER_SECOND`] adds to it.
const ARRIVAL: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Slot {
    body: Mutex<Option<Incoming>>,
    late: AtomicBool,
}

/// The body that handlers get.
pub struct BodyLoan {
    body: Option<Incoming>,
    back: Arc<Slot>,
    live: Arc<Activity>,
    began: Instant,
    received: u64,
    /// Runs while the server waits for the client.
    patience: Option<Pin<Box<Sleep>>>,
}
/// The place to which the body returns.
pub struct Rest(Arc<Slot>);

/// The body did not arrive in time.
#[derive(Debug)]
struct BodyTimeout;
impl std::fmt::Display for BodyTimeout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the body did not arrive in time")
    }
}
impl std::error::Error for BodyTimeout {}

/// Wraps the body of a request on this connection.
pub fn lend(body: Incoming, live: Arc<Activity>) -> (BodyLoan, Rest) {
    let slot = Arc::<Slot>::default();
    (
        BodyLoan {
            body: Some(body),
            back: slot.clone(),
            live,
            began: Instant::now(),
            received: 0,
            patience: None,
        },
        Rest(slot),
    )
}

impl BodyLoan {
    /// Waits for the client until the deadline.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let patience = match &mut self.patience {
            Some(patience) => patience,
            None => {
                self.live.rest(0);
                let end = self.began + ARRIVAL + Duration::from_secs(self.received / MIN_BYTES_PER_SECOND);
                self.patience.insert(Box::pin(tokio::time::sleep_until(end.into())))
            }
        };
        patience.as_mut().poll(context)
    }
    fn go_on(&mut self) {
        if self.patience.take().is_some() {
            self.live.work();
        }
    }
}

impl Drop for BodyLoan {
    fn drop(&mut self) {
        self.go_on();
        *self.back.body.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl Body for BodyLoan {
    type Data = Bytes;
    type Error = BoxError;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.go_on();
                let bytes = frame
                    .as_ref()
                    .and_then(|f| f.as_ref().ok())
                    .and_then(Frame::data_ref)
                    .map_or(0, Bytes::len);
                self.received += bytes as u64;
                Poll::Ready(frame.map(|f| f.map_err(Into::into)))
            }
            Poll::Pending => match self.wait(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    self.go_on();
                    self.back.late.store(true, Ordering::Relaxed);
                    Poll::Ready(Some(Err(BodyTimeout.into())))
                }
            },
        }
    }
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Rest {
    /// Whether the body missed its deadline.
    pub fn is_late(&self) -> bool {
        self.0.late.load(Ordering::Relaxed)
    }
    /// Drains up to `limit` bytes. `false`: more is left, so the connection cannot be reused.
    pub async fn discard(&self, limit: usize) -> bool {
        let Some(mut body) = self.0.body.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        let reading = async {
            let mut left = limit;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(rest) => left = rest,
                    None => return false,
                }
            }
            true
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or(false)
    }
}
