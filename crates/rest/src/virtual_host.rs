//! HTTP that is not the server's own: hosts that belong to a slice, answers with headers of their own, and what the pages of
//! a route may.
use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use signet_core::page;
use signet_core::{Client, Core};
use signet_pages::PagePolicy;
use std::convert::Infallible;
use std::sync::Arc;

/// Hosts of a slice, in its registration line. A request for one reaches the slice before the server's routes, whatever its
/// path is, and whether or not the server knows the host.
pub trait VirtualHost: Send + Sync {
    /// In logs: `proxy`.
    fn name(&self) -> &'static str;
    /// Whether the request is for the slice. Asked for every request: it reads memory only. `client.host` is canonical, and
    /// respects forwarding headers of trusted proxies. The host of the server's own address is not asked for, so that nobody
    /// locks themselves out of it.
    fn serves(&self, core: &Core, client: &Client) -> bool;
    /// Answers the requests. The client is in their extensions.
    fn router(&self, core: &Arc<Core>) -> Router;
    /// Longest body in bytes. `None`: bodies are passed on as they arrive, with no limit but a pause of a minute.
    fn max_body(&self) -> Option<usize> {
        Some(crate::MAX_BODY)
    }
}

/// Mark of a response in its extensions: it has its own headers, as an answer of another server that is passed on. The server
/// adds none (security headers, request id, caching) but `Date` where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnHeaders;

/// What all pages of these routes may, those of errors too. What one answer needs beyond it goes into
/// [`page::PageContext::answer`].
pub fn with_page_policy<S>(routes: Router<S>, policy: PagePolicy) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let policy = Arc::new(policy);
    routes.route_layer(map_response(move |mut response: Response| {
        page::allow(&mut response, &policy);
        std::future::ready(Ok::<_, Infallible>(response))
    }))
}
