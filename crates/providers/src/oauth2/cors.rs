//! CORS: scripts may read responses if their origin is that of one of the provider's exact redirect URIs.
use super::redirect::Matcher;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(header::ORIGIN).filter(|v| v.len() <= 512)
}

fn grant(response: &mut Response, headers: &HeaderMap, origin: &HeaderValue) {
    let out = response.headers_mut();
    out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    out.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    out.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        out.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
}

/// Adds the headers if the request's origin is allowed. `None`: unknown provider.
pub fn apply(mut response: Response, headers: &HeaderMap, matcher: Option<&Matcher>) -> Response {
    let Some(origin) = origin(headers) else { return response };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if origin.to_str().is_ok_and(|o| matcher.is_some_and(|m| m.allows_origin(o))) {
        grant(&mut response, headers, origin);
    }
    response
}

/// Responds to a preflight. It grants nothing: the actual response is readable by allowed origins only.
pub fn preflight(headers: &HeaderMap) -> Response {
    let mut response = (
        StatusCode::OK,
        [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")],
        axum::Json(signet_base::json!({})),
    )
        .into_response();
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin(headers) {
        grant(&mut response, headers, origin);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::super::model::{MatchingMode, RedirectUri, UriType};
    use super::*;
    fn asked(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
    }
    #[test]
    fn only_origins_of_exact_addresses_may_read() {
        let uri = RedirectUri {
            matching_mode: MatchingMode::Strict,
            url: "http://localhost:9/cb".into(),
            redirect_uri_type: UriType::Authorization,
        };
        let matcher = Matcher::new(&[uri]).unwrap();
        let allowed = |origin| {
            apply(StatusCode::OK.into_response(), &asked(origin), Some(&matcher))
                .headers()
                .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                .is_some()
        };
        assert!(allowed("http://localhost:9"));
        assert!(!allowed("http://evil.test") && !allowed("null") && !allowed("http://localhost:90"));
        assert!(
            apply(StatusCode::OK.into_response(), &asked("http://localhost:9"), None)
                .headers()
                .get(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                .is_none()
        );
    }
}
