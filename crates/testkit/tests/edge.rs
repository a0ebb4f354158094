//! What every answer has, whoever asks.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
use http::Method;
use signet_testkit::{App, DbKind, json};

#[tokio::test]
async fn every_answer_says_how_long_it_took_and_cannot_be_sniffed_or_framed() {
    let app = App::start(DbKind::Sqlite).await;
    let mut browser = app.browser();
    for path in [
        "/",
        "/nothing-here/",
        "/api/v3/root/config/",
        "/api/v3/nothing/",
        "/if/flow/default-authentication-flow/",
        "/-/health/live/",
        "/static/dist/none.js",
    ] {
        let answer = browser.get(path).await;
        assert!(
            answer.header("x-response-time").ends_with("ms") && answer.header("x-authentik-id").len() == 32,
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            answer.header("content-security-policy").contains("frame-ancestors 'none'")
                || answer.header("x-frame-options") == "DENY",
            "{path}"
        );
        assert!(answer.status.as_u16() < 500, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn bodies_have_a_limit_and_hosts_a_form() {
    let app = App::start(DbKind::Sqlite).await;
    let mut browser = app.browser();
    let big = "x".repeat(1024 * 1024 + 1);
    for path in [
        "/api/v3/core/users/",
        "/application/o/token/",
        "/api/v3/flows/executor/default-authentication-flow/?query=",
    ] {
        let answer =
            browser.send(Method::POST, path, &[("content-type", "application/json")], big.clone()).await;
        assert_eq!(answer.status, 413, "{path}");
    }
    browser.host = "a b".into();
    assert_eq!(browser.get("/").await.status, 400);
    app.stop().await;
}

#[tokio::test]
async fn browser_files_are_cached_by_name_and_compressed() {
    let app = App::start(DbKind::Sqlite).await;
    let mut browser = app.browser();
    let page = browser.get("/if/flow/default-authentication-flow/").await.text();
    let start = page.find("/static/dist/assets/flow-").expect("a script or style");
    let path = page[start..].split('"').next().unwrap().to_owned();
    let plain = browser.get(&path).await;
    assert_eq!((plain.status.as_u16(), plain.header("content-encoding")), (200, ""));
    assert!(plain.header("cache-control").contains("immutable"));
    let packed = browser.send(Method::GET, &path, &[("accept-encoding", "gzip, br")], "").await;
    assert_eq!(packed.header("content-encoding"), "br");
    assert!(packed.body.len() < plain.body.len());
    let etag = packed.header("etag").to_owned();
    assert_eq!(
        browser
            .send(Method::GET, &path, &[("accept-encoding", "br"), ("if-none-match", &etag)], "")
            .await
            .status,
        304
    );
    assert_eq!(browser.get("/static/dist/assets/icons/icon.png").await.header("content-type"), "image/png");
    for bad in [
        "/static/dist/../Cargo.toml",
        "/static/dist/%2e%2e/Cargo.toml",
        "/static/dist/manifest.json.br",
        "/static/dist//etc/passwd",
    ] {
        assert_eq!(browser.get(bad).await.status, 404, "{bad}");
    }
    app.stop().await;
}

#[tokio::test]
async fn counters_are_served_on_both_listeners() {
    let app = App::start(DbKind::Sqlite).await;
    app.user("ada", "Correct-Horse-9").await;
    app.login("ada", "Correct-Horse-9").await;
    app.browser().login("ada", "wrong").await;
    let mut site = app.browser();
    let mut own = signet_testkit::Browser::new(app.metrics);
    for text in [site.get("/-/metrics/").await.text(), own.get("/metrics").await.text()] {
        for line in
            ["authentik_logins_total 1", "authentik_failed_logins_total 1", "authentik_active_sessions 1"]
        {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        for name in ["authentik_policy_executions_total", "authentik_flow_executions_total"] {
            assert!(text.contains(name), "{name}");
        }
    }
    assert_eq!(own.get("/api/v3/core/users/").await.status, 404);
    app.stop().await;
}

#[tokio::test]
async fn forwarding_headers_count_only_from_trusted_networks() {
    let app = signet_testkit::Setup::new(DbKind::Sqlite)
        .await
        .with("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "192.0.2.0/24")
        .start()
        .await
        .unwrap();
    let mut admin = app.admin().await;
    admin.headers =
        vec![("x-forwarded-host".into(), "evil.test".into()), ("x-forwarded-proto".into(), "https".into())];
    let made = admin.post("/api/v3/providers/oauth2/", json!({})).await;
    assert_eq!(made.status, 400);
    let link = admin.get("/api/v3/flows/instances/default-authentication-flow/execute/").await.json();
    assert_eq!(
        link["link"].as_str().map(|l| l.starts_with(&format!("http://{}/", app.address))),
        Some(true),
        "{link}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_end_the_connection() {
    use std::io::{Read, Write};
    let app = App::start(DbKind::Sqlite).await;
    let address = app.address;
    tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let answer = |stream: &mut std::net::TcpStream| {
            let (mut text, mut part) = (Vec::new(), [0; 4096]);
            loop {
                let n = stream.read(&mut part).unwrap();
                assert!(n > 0, "the connection was closed");
                text.extend_from_slice(&part[..n]);
                let seen = String::from_utf8_lossy(&text).into_owned();
                if let Some(end) = seen.find("\r\n\r\n") {
                    let length: usize = seen.to_lowercase().split("content-length: ").nth(1).and_then(|l| l.split("\r\n").next()?.parse().ok()).unwrap_or(0);
                    if text.len() >= end + 4 + length {
                        return seen;
                    }
                }
            }
        };
        for path in ["/no/such/path/", "/api/v3/no/such/path/", "/-/health/live/"] {
            // The body comes a moment after the head, as some clients send it.
            write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n").unwrap();
            std::thread::sleep(std::time::Duration::from_millis(30));
            stream.write_all(&[b' '; 20000]).unwrap();
            assert!(answer(&mut stream).starts_with("HTTP/1.1 4"), "{path}");
        }
        write!(stream, "GET /-/health/live/ HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        assert!(answer(&mut stream).starts_with("HTTP/1.1 200"));
    })
    .await
    .unwrap();
    app.stop().await;
}

#[tokio::test]
async fn the_api_browser_is_at_the_apis_own_address() {
    let app = App::start(DbKind::Sqlite).await;
    let page = app.browser().get("/api/v3/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    app.stop().await;
}

#[tokio::test]
async fn an_identification_stage_is_changed_only_with_what_it_asks_for() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let stage = admin
        .post("/api/v3/stages/identification/", json!({"name": "who", "user_fields": ["username"]}))
        .await
        .json();
    let one = format!("/api/v3/stages/identification/{}/", stage["pk"].as_str().unwrap());
    // As on the recorded wire: a partial change has to name user_fields or sources again.
    let refused = admin.patch(&one, json!({"show_matched_user": false})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["non_field_errors"][0].as_str().unwrap().starts_with("When no user fields"));
    let changed = admin.patch(&one, json!({"show_matched_user": false, "user_fields": ["username"]})).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["show_matched_user"]), (200, &json!(false)));
    app.stop().await;
}
