//! Host checks. Once the server's address is configured, pages requested under another host name get 421 with
//! the right one. Probes, metrics, requests with an API key and outposts may use internal host names.
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use signet_base::json;
use signet_core::flow::plan::is_outpost;
use signet_core::{Client, Core, address, page};

/// The response to a request for another host; `None` if the request is allowed.
pub async fn refusal(core: &Core, client: &Client, headers: &HeaderMap) -> Option<Response<Body>> {
    if address::is_known(core, client) || is_open(&client.path) || is_of_program(&client.path, headers) {
        return None;
    }
    if is_headless(&client.path) {
        match is_outpost(core, client).await {
            Ok(true) => return None,
            Ok(false) => {}
            Err(error) => return Some(page::failure(core, client, "", &error).map(Body::from)),
        }
    }
    tracing::debug!(request_id = %client.request_id, host = %client.host, "a host that is not ours");
    Some(misdirected(core, client))
}

/// Paths that respond under any host, because nothing there depends on it.
fn is_open(path: &str) -> bool {
    ["/-/", "/static/", "/ws/outpost/"].iter().any(|start| path.starts_with(start))
}

fn is_headless(path: &str) -> bool {
    path.starts_with("/api/v3/flows/executor/")
}

/// Whether it is an API request with a key. The API itself checks the key.
fn is_of_program(path: &str, headers: &HeaderMap) -> bool {
    let bearer = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| {
            text.split_once(' ')
                .is_some_and(|(scheme, key)| scheme.eq_ignore_ascii_case("bearer") && !key.trim().is_empty())
        })
    };
    let keyed = (path.starts_with("/api/v3/")
        && !path.starts_with("/api/v3/flows/executor/")
        && !path.starts_with("/api/v3/flows/inspector/"))
        || path == "/application/o/userinfo/";
    keyed && headers.get(header::AUTHORIZATION).is_some_and(bearer)
}

fn misdirected(core: &Core, client: &Client) -> Response<Body> {
    let base = address::base(core).map(|base| base.to_string()).unwrap_or_default();
    if client.path.starts_with("/api/") {
        let body = json!({"detail": format!("This server does not answer to that host. Use {base}.")});
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return response;
    }
    page::misdirected(core, client, &base).map(Body::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_open_the_api_and_nothing_else() {
        let with = |value: &'static str| {
            HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
        };
        assert!(
            is_of_program("/api/v3/core/users/", &with("Bearer x"))
                && is_of_program("/application/o/userinfo/", &with("bearer x"))
        );
        for path in [
            "/",
            "/if/flow/a/",
            "/api/v3/flows/executor/a/",
            "/api/v3/flows/inspector/a/",
            "/application/o/authorize/",
        ] {
            assert!(!is_of_program(path, &with("Bearer x")), "{path}");
        }
        assert!(
            !is_of_program("/api/v3/core/users/", &with("Bearer "))
                && !is_of_program("/api/v3/core/users/", &with("Basic eDp5"))
        );
        assert!(
            is_open("/-/health/live/")
                && is_open("/ws/outpost/a/")
                && !is_open("/ws/client/")
                && !is_open("/if/user/")
        );
    }
}
