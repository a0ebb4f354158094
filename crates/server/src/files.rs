//! Stored files over HTTP: `/files/<usage>/public/<name>?token=…`. Whoever has the URL may read the file until the
//! token expires.
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use hyper::body::{Body as HttpBody, Bytes, Frame};
use signet_base::Error;
use signet_base::query;
use signet_base::storage::{FileName, Storage, StoredFile};
use signet_core::Core;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

pub fn router(core: &Arc<Core>) -> Router {
    let of = |usage: &str, store: &Arc<dyn Storage>| {
        Router::new().route(&format!("/files/{usage}/public/{{*name}}"), get(serve)).with_state(store.clone())
    };
    of("media", &core.ports.media).merge(of("reports", &core.ports.reports))
}

async fn serve(
    State(store): State<Arc<dyn Storage>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let token = request.uri().query().and_then(|all| query::value(all, "token")).unwrap_or_default();
    let Some(name) = FileName::parse(&name).ok().filter(|name| store.admits(name, &token)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match store.get(&name).await {
        Ok(file) => answer(&name, file),
        Err(Error::NotFound) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, file = %name, "a stored file cannot be read");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Types that a browser may show. Anything else is saved, since it could be a document of this origin.
const SHOWN: [&str; 7] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
];

fn answer(name: &FileName, file: StoredFile) -> Response {
    let kind = name.content_type();
    let shown = SHOWN.contains(&kind);
    let mut response = Response::new(Body::new(Content { file: file.content, left: file.size }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, file.size.into());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // The URL changes when a third of its validity is over.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=300"));
    // A drawing (SVG) that is opened by itself runs no script and loads nothing.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
        ),
    );
    if !shown {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    response
}

/// Bytes that are read at a time.
const PART: usize = 64 * 1024;

/// A file as a body. One that has become shorter breaks the response off.
struct Content {
    file: Box<dyn AsyncRead + Send + Unpin>,
    left: u64,
}
impl HttpBody for Content {
    type Data = Bytes;
    type Error = io::Error;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut part = vec![0; usize::try_from(self.left).unwrap_or(PART).min(PART)];
        let mut buffer = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut self.file).poll_read(context, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        self.left -= read as u64;
        part.truncate(read);
        Poll::Ready(Some(Ok(Frame::data(part.into()))))
    }
    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.left)
    }
    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}
