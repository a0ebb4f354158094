//! Request bodies that come back: what a handler left unread is read away, so that the connection can be kept.
use axum::body::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Time for the rest of a body to arrive.
const PATIENCE: Duration = Duration::from_secs(2);

type Slot = Arc<Mutex<Option<Incoming>>>;

/// A body on loan to the handlers.
pub struct Lent {
    body: Option<Incoming>,
    back: Slot,
}
/// Where it comes back to.
pub struct Rest(Slot);

/// Lends a body.
pub fn lend(body: Incoming) -> (Lent, Rest) {
    let slot = Slot::default();
    (Lent { body: Some(body), back: slot.clone() }, Rest(slot))
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;
    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
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
    /// Reads what is left, up to `limit` bytes. False: there is more, and the connection cannot be used again.
    pub async fn discard(&self, limit: usize) -> bool {
        let Some(mut body) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else { return true };
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
