//! Hosts that belong to a slice, and what is passed on as it is. The slice stands before an application, as a proxy provider
//! does: docs/adding-a-slice.md.
use axum::Router;
use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode, header};
use http_body_util::BodyExt;
use signet_core::listener::Upgrades;
use signet_core::{Client, Core, page};
use signet_rest::{OwnHeaders, VirtualHost};
use signet_testkit::{App, DbKind, Setup, TestResponse};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Has `*.apps.test`, and says that it has the server's own host too.
struct Apps;

impl VirtualHost for Apps {
    fn name(&self) -> &'static str {
        "apps"
    }
    fn serves(&self, _: &Core, client: &Client) -> bool {
        client.domain().ends_with(".apps.test") || client.domain() == "id.test"
    }
    fn router(&self, core: &Arc<Core>) -> Router {
        Router::new()
            .route("/refused/", get(refused))
            .route("/panic/", get(panics))
            .route("/socket/", get(socket))
            .fallback(any(application))
            .with_state(core.clone())
    }
    fn max_body(&self) -> Option<usize> {
        None
    }
}

/// The application's own answer: who asked for what, and how long the body was.
async fn application(Extension(client): Extension<Arc<Client>>, request: Request) -> Response {
    let mut length = 0;
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, |data| data.len());
    }
    let mut response = Response::new(Body::from(format!("{} {path} {length}", client.host)));
    let headers = response.headers_mut();
    headers.insert("x-frame-options", "SAMEORIGIN".parse().unwrap());
    headers.insert(header::DATE, "Tue, 01 Dec 2026 00:00:00 GMT".parse().unwrap());
    headers.append(header::SET_COOKIE, "a=1".parse().unwrap());
    headers.append(header::SET_COOKIE, "b=2".parse().unwrap());
    response.extensions_mut().insert(OwnHeaders);
    response
}

/// A page of the server at the application's host.
async fn refused(
    axum::extract::State(core): axum::extract::State<Arc<Core>>,
    Extension(client): Extension<Arc<Client>>,
) -> Response {
    page::error(&core, &client, "", StatusCode::FORBIDDEN, "Not for you", "Ask somebody.").into_response()
}

async fn panics() -> Response {
    panic!("as an application may")
}

async fn socket(Extension(upgrades): Extension<Upgrades>, upgrade: WebSocketUpgrade) -> Response {
    let held = upgrades.hold();
    upgrade.on_upgrade(move |mut socket: WebSocket| async move {
        let _held = held;
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

async fn started() -> App {
    let setup = Setup::new(DbKind::Sqlite).await.hosting(&Apps);
    setup
        .with("AUTHENTIK_WEB__BASE_URL", "http://id.test")
        .with("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "127.0.0.0/8")
        .start()
        .await
        .unwrap()
}
async fn send(app: &App, method: Method, host: &str, path: &str, body: Vec<u8>) -> TestResponse {
    let mut browser = app.browser();
    browser.host = host.to_owned();
    browser.send(method, path, &[], body).await
}
async fn ask(app: &App, host: &str, path: &str) -> TestResponse {
    send(app, Method::GET, host, path, Vec::new()).await
}

#[tokio::test]
async fn core_host_a_request_for_the_host_of_a_slice_reaches_it_whatever_its_path_is() {
    let app = started().await;
    for (host, path) in [
        ("wiki.apps.test", "/"),
        ("wiki.apps.test", "/if/user/"),
        ("wiki.apps.test", "/api/v3/core/users/"),
        ("wiki.apps.test", "/-/health/live/"),
        ("wiki.apps.test", "/static/portal.js"),
    ] {
        let answer = ask(&app, host, path).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, format!("{host} {path} 0")),
            "{host}{path}"
        );
    }
    let spelled = ask(&app, "WIKI.Apps.test.:80", "/").await;
    assert_eq!(spelled.text(), "wiki.apps.test / 0", "one spelling of a host");
    let forwarded = [("x-forwarded-host", "chat.apps.test")];
    let answer = app.browser().send(Method::GET, "/a", &forwarded, "").await;
    assert_eq!(answer.text(), "chat.apps.test /a 0", "as a trusted proxy says");
    // All others are the server's: its own host, an unknown one, one that only looks alike.
    assert_eq!(ask(&app, "id.test", "/-/health/live/").await.text(), "");
    for host in ["apps.test.evil.test", "other.test"] {
        assert_eq!(ask(&app, host, "/if/user/").await.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    app.stop().await;
}

#[tokio::test]
async fn core_host_an_answer_that_is_passed_on_keeps_its_headers_and_gets_no_others() {
    let app = started().await;
    let answer = ask(&app, "wiki.apps.test", "/").await;
    let names: Vec<&str> = answer.headers.keys().map(header::HeaderName::as_str).collect();
    for name in [
        "content-security-policy",
        "referrer-policy",
        "x-authentik-id",
        "permissions-policy",
        "cache-control",
    ] {
        assert!(!names.contains(&name), "{names:?}");
    }
    assert_eq!(answer.header("x-frame-options"), "SAMEORIGIN");
    assert_eq!(answer.header("date"), "Tue, 01 Dec 2026 00:00:00 GMT");
    assert_eq!(answer.headers.get_all(header::SET_COOKIE).iter().count(), 2);
    // The slice's own pages are protected as all pages are; a panic is an answer too.
    let page = ask(&app, "wiki.apps.test", "/refused/").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{:?}", page.headers);
    assert!(page.headers.contains_key("x-authentik-id"));
    let panic = ask(&app, "wiki.apps.test", "/panic/").await;
    assert_eq!((panic.status, panic.header("x-frame-options")), (StatusCode::INTERNAL_SERVER_ERROR, "DENY"));
    app.stop().await;
}

#[tokio::test]
async fn core_host_long_bodies_stream_through_to_a_slice_and_to_nothing_else() {
    let app = started().await;
    let long = vec![b'x'; 3 << 20];
    let answer = send(&app, Method::POST, "wiki.apps.test", "/upload", long.clone()).await;
    assert_eq!(answer.text(), format!("wiki.apps.test /upload {}", 3 << 20));
    let refused = send(&app, Method::POST, "id.test", "/if/flow/default-authentication-flow/", long).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    app.stop().await;
}

#[tokio::test]
async fn core_host_a_web_socket_reaches_the_slice() {
    let app = started().await;
    let mut request = format!("ws://{}/socket/", app.address).into_client_request().unwrap();
    request.headers_mut().insert(header::HOST, "wiki.apps.test".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    socket.send("hello".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap().as_str(), "hello");
    drop(socket);
    app.stop().await;
}
