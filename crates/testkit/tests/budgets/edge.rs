//! Connections and bodies that wait for nothing.
use super::start;
use hyper_util::rt::{TokioExecutor, TokioIo};
use signet_store::DbKind;
use signet_testkit::json;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn redteam_07_a_body_that_does_not_come_is_answered_after_its_time() {
    let app = start(DbKind::Sqlite, &[]).await;
    let mut admin = app.admin().await;
    admin.post("/api/v3/core/tokens/", json!({"identifier": "slow", "intent": "api"})).await;
    let token = admin.get("/api/v3/core/tokens/slow/view_key/").await.json()["key"].clone();
    let token = format!("Authorization: Bearer {}\r\n", token.as_str().unwrap());
    let head = |path: &str, more: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\na"
        )
    };
    // The body of somebody who may not call is not waited for.
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(head("/api/v3/core/users/", "").as_bytes()).await.unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    assert_eq!(line, *b"HTTP/1.1 403");
    let began = Instant::now();
    let mut all = Vec::new();
    for (path, more) in [
        ("/application/o/token/", ""),
        ("/api/v3/core/users/", token.as_str()),
        ("/api/v3/flows/executor/default-authentication-flow/", ""),
        ("/if/flow/default-authentication-flow/", ""),
    ] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let head = head(path, more);
        stream.write_all(head.as_bytes()).await.unwrap();
        all.push(tokio::spawn(async move {
            // A byte now and then does not help.
            for _ in 0..4 {
                tokio::time::sleep(Duration::from_secs(5)).await;
                let _ = stream.write_all(b"a").await;
            }
            let mut text = String::new();
            let _ = stream.read_to_string(&mut text).await;
            text
        }));
    }
    for one in all {
        let text = one.await.unwrap();
        assert!(
            text.starts_with("HTTP/1.1 408") && text.to_lowercase().contains("connection: close"),
            "{text}"
        );
    }
    assert!(
        began.elapsed() > Duration::from_secs(25) && began.elapsed() < Duration::from_secs(50),
        "{:?}",
        began.elapsed()
    );
    app.stop().await;
}

/// A body of which nothing ever comes.
struct Nothing;
impl hyper::body::Body for Nothing {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_07_a_stream_of_http_2_without_data_is_answered_after_its_time() {
    let app = start(DbKind::Sqlite, &[]).await;
    let stream = TcpStream::connect(app.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        || http::Request::post(format!("http://{}/application/o/token/", app.address)).body(Nothing).unwrap();
    let (one, two) = (sender.send_request(request()), sender.clone().send_request(request()));
    let began = Instant::now();
    for answer in [one.await.unwrap(), two.await.unwrap()] {
        assert_eq!(answer.status(), 408);
    }
    assert!(began.elapsed() < Duration::from_secs(45));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_07_a_body_that_comes_at_a_fair_pace_is_taken() {
    let app = start(DbKind::Sqlite, &[]).await;
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    let body = json!({"component": "ak-stage-identification", "uid_field": "ada"}).to_string();
    let head = format!(
        "POST /api/v3/flows/executor/default-authentication-flow/?query= HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in body.as_bytes().chunks(20) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream.write_all(part).await.unwrap();
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 302"), "{text}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_07_connections_of_one_address_have_a_limit_and_the_most_silent_goes_first() {
    let app = start(
        DbKind::Sqlite,
        &[("THROTTLE__CONNECTIONS", "8"), ("LISTEN__TRUSTED_PROXY_CIDRS", "192.0.2.0/24")],
    )
    .await;
    let mut idle = Vec::new();
    for _ in 0..30 {
        idle.push(TcpStream::connect(app.address).await.unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..10 {
        assert_eq!(app.browser().get("/-/health/live/").await.status, 200);
    }
    let closed = |stream: &TcpStream| matches!(stream.try_read(&mut [0; 8]), Ok(0));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let gone = idle.iter().filter(|s| closed(s)).count();
    assert!(gone >= 22 && closed(&idle[0]), "{gone}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_07_a_connection_that_is_silent_for_a_minute_is_closed_and_one_that_is_used_stays() {
    let app = start(DbKind::Sqlite, &[]).await;
    let ask = async |stream: &mut TcpStream| {
        stream.write_all(b"GET /-/health/live/ HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        stream.read(&mut [0; 4096]).await.unwrap()
    };
    let (mut silent, mut used) =
        (TcpStream::connect(app.address).await.unwrap(), TcpStream::connect(app.address).await.unwrap());
    assert!(ask(&mut silent).await > 0);
    let began = Instant::now();
    let closed = tokio::spawn(async move {
        // A head that never comes is no use either: the time-out for heads is shorter.
        let read = silent.read(&mut [0; 16]).await;
        (read.unwrap_or_default(), began.elapsed())
    });
    for _ in 0..4 {
        assert!(ask(&mut used).await > 0);
        tokio::time::sleep(Duration::from_secs(18)).await;
    }
    assert!(ask(&mut used).await > 0, "after more than a minute");
    let (read, after) = closed.await.unwrap();
    assert!(read == 0 && after > Duration::from_secs(25) && after < Duration::from_secs(70), "{after:?}");
    app.stop().await;
}
