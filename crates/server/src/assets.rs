//! The browser files, embedded in the binary. Files with a hashed name are cached by browsers indefinitely,
//! others are revalidated.
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use rust_embed::RustEmbed;
use signet_base::{Error, Result};
use signet_pages::Manifest;

/// URL of the files.
const BASE: &str = "/static/dist/";

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Files;

/// Logical names of the browser files.
pub fn manifest() -> Result<Manifest> {
    let file = Files::get("manifest.json").ok_or_else(|| {
        Error::internal("this binary was built without web/dist: build it with `make build`")
    })?;
    let text = std::str::from_utf8(&file.data).map_err(Error::internal)?;
    Manifest::parse(text, BASE).map_err(Error::internal)
}

pub fn router() -> Router {
    Router::new().route("/static/dist/{*path}", get(serve))
}

async fn serve(Path(path): Path<String>, headers: HeaderMap) -> Response {
    // Precompressed files are selected by `Accept-Encoding`, and cannot be requested by name.
    let found = if path.ends_with(".br") || path == "manifest.json" { None } else { Files::get(&path) };
    let Some(file) = found else { return StatusCode::NOT_FOUND.into_response() };
    let brotli = accepts_brotli(&headers).then(|| Files::get(&format!("{path}.br"))).flatten();
    let encoded = brotli.is_some();
    let chosen = brotli.unwrap_or(file);
    let hash = chosen.metadata.sha256_hash();
    let etag = format!("\"{}\"", signet_base::vault::hex(&hash[..16]));
    let mut response = Response::new(Body::empty());
    let fresh = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|t| t.trim().trim_start_matches("W/") == etag);
    if fresh {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = Body::from(match chosen.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        });
    }
    let out = response.headers_mut();
    let cache = if is_hashed(&path) { "public, max-age=31536000, immutable" } else { "public, no-cache" };
    out.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type(&path)));
    out.insert(header::CACHE_CONTROL, header::HeaderValue::from_static(cache));
    out.insert(header::VARY, header::HeaderValue::from_static("accept-encoding"));
    if let Ok(value) = etag.parse() {
        out.insert(header::ETAG, value);
    }
    if encoded {
        out.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("br"));
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|part| {
            let mut words = part.split(';').map(str::trim);
            words.next().is_some_and(|name| name.eq_ignore_ascii_case("br"))
                && !words.any(|w| w == "q=0" || w == "q=0.0")
        })
}

/// Whether the file name contains a content hash (`assets/flow-CjvDyu7h.js`).
fn is_hashed(path: &str) -> bool {
    let Some(name) = path.strip_prefix("assets/").filter(|n| !n.contains('/')) else { return false };
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    stem.rsplit_once('-').is_some_and(|(_, digest)| digest.len() >= 8)
        || stem.len() > 9 && stem.is_char_boundary(stem.len() - 9) && stem.as_bytes()[stem.len() - 9] == b'-'
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn only_names_with_a_digest_are_kept_for_ever() {
        assert!(
            is_hashed("assets/flow-CjvDyu7h.js")
                && is_hashed("assets/flow-style-DbrAsnqS.css")
                && is_hashed("assets/a-b-12-45678.js")
        );
        assert!(
            !is_hashed("assets/icons/icon.png")
                && !is_hashed("manifest.json")
                && !is_hashed("assets/plain.js")
        );
    }
    #[test]
    fn brotli_is_sent_only_to_those_who_take_it() {
        let headers = |text: &str| {
            [(header::ACCEPT_ENCODING, text.parse().unwrap())].into_iter().collect::<HeaderMap>()
        };
        assert!(
            accepts_brotli(&headers("gzip, br;q=0.9"))
                && !accepts_brotli(&headers("gzip, br;q=0"))
                && !accepts_brotli(&HeaderMap::new())
        );
    }
}
