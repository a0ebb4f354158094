//! Bodies of unknown length, as they are passed on by slices that stand before another server.
use axum::BoxError;
use axum::body::{Body, Bytes};
use http::Response;
use hyper::body::Body as _;
use hyper::body::{Frame, Incoming, SizeHint};
use signet_core::listener::Activity;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// Longest pause between two parts of a request's body.
const PAUSE: Duration = Duration::from_secs(60);

/// A request's body without a limit.
pub struct StreamedRequest {
    body: Incoming,
    pause: Option<Pin<Box<Sleep>>>,
}

impl StreamedRequest {
    pub fn new(body: Incoming) -> Self {
        Self { body, pause: None }
    }
}

impl hyper::body::Body for StreamedRequest {
    type Data = Bytes;
    type Error = BoxError;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.pause = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
        match pause.as_mut().poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into()))),
        }
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body of unknown length. While its source is waited for, its connection is not idle; what was sent has to be
/// received as any other response.
pub struct StreamedResponse {
    body: Body,
    live: Arc<Activity>,
    waits: bool,
}

impl StreamedResponse {
    /// Watches the body, if its length is not known.
    pub fn watch(response: Response<Body>, live: &Arc<Activity>) -> Response<Body> {
        if response.body().size_hint().upper().is_some() {
            return response;
        }
        response.map(|body| Body::new(Self { body, live: live.clone(), waits: false }))
    }
}

impl Drop for StreamedResponse {
    fn drop(&mut self) {
        if self.waits {
            self.live.rest(0);
        }
    }
}

impl hyper::body::Body for StreamedResponse {
    type Data = Bytes;
    type Error = axum::Error;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if !std::mem::replace(&mut self.waits, polled.is_pending()) {
            self.live.work();
        }
        if let Poll::Ready(frame) = &polled {
            let part = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
            self.live.rest(part.map_or(0, Bytes::len) as u64);
        }
        polled
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    struct Parts(mpsc::Receiver<Bytes>);
    impl hyper::body::Body for Parts {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            self.0.poll_recv(context).map(|part| part.map(|part| Ok(Frame::data(part))))
        }
    }

    #[tokio::test]
    async fn core_stream_a_connection_is_idle_only_while_the_client_is_waited_for() {
        let live = Arc::new(Activity::new(Duration::from_secs(60)));
        let (source, parts) = mpsc::channel(1);
        let response = StreamedResponse::watch(Response::new(Body::new(Parts(parts))), &live);
        let mut body = response.into_body();
        let mut poll = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(live.silence().is_some(), "nothing was asked for yet");
        assert!(poll().is_pending() && poll().is_pending());
        assert!(live.silence().is_none(), "the source is waited for");
        source.send("part".into()).await.unwrap();
        assert!(poll().is_ready());
        assert!(live.silence().is_some(), "the client has to receive it");
        assert!(poll().is_pending() && live.silence().is_none());
        drop(body);
        assert!(live.silence().is_some(), "it is over");
    }
}
