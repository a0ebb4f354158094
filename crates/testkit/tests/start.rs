//! How an installation begins, runs and ends.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
use signet_base::Error;
use signet_store::users;
use signet_testkit::{App, Browser, DbKind, Setup, each_database, json};
use std::time::{Duration, Instant};

const SETUP: &str = "initial-setup";

async fn set_up(browser: &mut Browser, password: &str) -> signet_testkit::Json {
    let first = browser.challenge(SETUP, "").await;
    if first["component"] != "ak-stage-prompt" {
        return first;
    }
    browser.answer(SETUP, "", json!({"component": "ak-stage-prompt", "email": "root@example.test", "password": password, "password_repeat": password})).await
}

#[tokio::test]
async fn the_first_run_works_once_and_never_again_whatever_is_deleted() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut browser = app.browser();
        assert_eq!(
            browser.get("/flows/-/default/authentication/").await.location(),
            "/if/flow/initial-setup/"
        );
        let weak = set_up(&mut browser, "short").await;
        assert!(weak["response_errors"]["non_field_errors"].is_array(), "{weak}");
        let done = set_up(&mut browser, "Correct-Horse-9").await;
        assert_eq!(done["component"], "xak-flow-redirect", "{done}");
        assert_eq!(browser.get("/api/v3/core/users/me/").await.json()["user"]["username"], "akadmin");
        assert_eq!(set_up(&mut app.browser(), "Other-Horse-10").await["component"], "ak-stage-access-denied");
        app.login("akadmin", "Correct-Horse-9").await;
        // Without its account the flow could make a new administrator: it must not.
        let admin = users::by_username(&app.core.db, "akadmin").await.unwrap().unwrap();
        users::delete(&app.core.db, admin.id).await.unwrap();
        assert_eq!(set_up(&mut app.browser(), "Other-Horse-10").await["component"], "ak-stage-access-denied");
        let app = app.restart().await;
        assert_eq!(set_up(&mut app.browser(), "Other-Horse-10").await["component"], "ak-stage-access-denied");
        assert!(users::by_username(&app.core.db, "akadmin").await.unwrap().is_none());
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn many_first_runs_at_once_give_one_administrator() {
    let app = App::start(DbKind::Sqlite).await;
    let mut browsers: Vec<Browser> = (0..8).map(|_| app.browser()).collect();
    for b in &mut browsers {
        b.challenge(SETUP, "").await;
    }
    let tries = browsers.into_iter().enumerate().map(|(n, mut b)| {
        tokio::spawn(async move {
            let password = format!("Correct-Horse-{n}");
            b.answer(SETUP, "", json!({"component": "ak-stage-prompt", "email": "r@example.test", "password": password, "password_repeat": password})).await;
            b.get("/api/v3/core/users/me/").await.status == 200
        })
    });
    let mut winners = 0;
    for t in tries.collect::<Vec<_>>() {
        winners += usize::from(t.await.unwrap());
    }
    assert_eq!(winners, 1);
    app.stop().await;
}

#[tokio::test]
async fn bootstrap_settings_count_on_the_first_start_only() {
    each_database(|kind| async move {
        let setup = Setup::new(kind)
            .await
            .with("AUTHENTIK_BOOTSTRAP_PASSWORD", "Boot-Strap-1")
            .with("AUTHENTIK_BOOTSTRAP_TOKEN", "a-token-of-the-first-start")
            .with("AUTHENTIK_BOOTSTRAP_EMAIL", "boot@example.test");
        let app = setup.start().await.unwrap();
        let mut admin = app.browser().bearer("a-token-of-the-first-start");
        assert_eq!(admin.get("/api/v3/core/users/me/").await.json()["user"]["email"], "boot@example.test");
        assert_eq!(set_up(&mut app.browser(), "Other-Horse-10").await["component"], "ak-stage-access-denied");
        app.login("akadmin", "Boot-Strap-1").await;
        let setup = app
            .halt()
            .await
            .with("AUTHENTIK_BOOTSTRAP_PASSWORD", "Boot-Strap-2")
            .with("AUTHENTIK_BOOTSTRAP_TOKEN", "another-token");
        let app = setup.start().await.unwrap();
        app.login("akadmin", "Boot-Strap-1").await;
        assert_eq!(app.browser().bearer("another-token").get("/api/v3/core/users/me/").await.status, 403);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_second_start_changes_nothing_and_the_key_pairs_are_made_once() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        // The RSA pair is made beside the server.
        let pairs = |body: signet_testkit::Json| {
            body["results"]
                .as_array()
                .map(|l| l.iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>())
                .unwrap()
        };
        let mut names = Vec::new();
        for _ in 0..600 {
            names = pairs(admin.get("/api/v3/crypto/certificatekeypairs/?has_key=true").await.json());
            if names.len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(names, ["authentik ES256 Signing Key", "authentik Self-signed Certificate"]);
        let rsa = admin
            .get("/api/v3/crypto/certificatekeypairs/?name=authentik+Self-signed+Certificate")
            .await
            .json();
        assert_eq!(
            admin
                .delete(&format!(
                    "/api/v3/crypto/certificatekeypairs/{}/",
                    rsa["results"][0]["pk"].as_str().unwrap()
                ))
                .await
                .status,
            204
        );
        let counter = app.core.config().counter;
        let app = app.restart().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(app.core.config().counter, counter);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn health_tells_of_a_lost_database_while_the_server_lives() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut browser = app.browser();
        assert_eq!(browser.get("/-/health/ready/").await.status, 200);
        app.core.db.close().await;
        let asked = Instant::now();
        assert_eq!(browser.get("/-/health/ready/").await.status, 503);
        assert!(asked.elapsed() < Duration::from_secs(2));
        assert_eq!(browser.get("/-/health/live/").await.status, 200);
        // Nothing else answers as if all were well.
        assert!(browser.get("/api/v3/core/users/").await.status.as_u16() >= 400);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn running_requests_finish_when_the_server_stops() {
    let app = App::start(DbKind::Sqlite).await;
    app.user("ada", "Correct-Horse-9").await;
    let mut browser = app.browser();
    browser.challenge("default-authentication-flow", "").await;
    browser
        .answer(
            "default-authentication-flow",
            "",
            json!({"component": "ak-stage-identification", "uid_field": "ada"}),
        )
        .await;
    // Checking a password takes a while; the server is told to stop meanwhile.
    let path = "/api/v3/flows/executor/default-authentication-flow/?query=";
    let address = app.address;
    let running = tokio::spawn(async move {
        browser
            .post(path, json!({"component": "ak-stage-password", "password": "Correct-Horse-9"}))
            .await
            .status
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let setup = app.halt().await;
    assert_eq!(running.await.unwrap(), 302);
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
    setup.remove();
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        app.core.db.execute("INSERT INTO schema_migration (number, name, checksum, applied, oldest) VALUES (9999, 'future', 'x', 0, '99.0.0')", vec![]).await.unwrap();
        let setup = app.halt().await;
        match setup.start().await.err() {
            Some(Error::Unavailable(why)) => assert!(why.to_string().contains("newer release"), "{why}"),
            other => panic!("{other:?}"),
        }
        setup.remove();
    })
    .await;
}

#[tokio::test]
async fn a_taken_port_is_refused_by_name_and_nothing_is_written() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setup = Setup::new(DbKind::Sqlite)
        .await
        .with("SIGNET_LISTEN__METRICS", &taken.local_addr().unwrap().to_string());
    let setup = setup.with("AUTHENTIK_LISTEN__METRICS", "");
    match setup.start().await.err() {
        Some(Error::Unavailable(why)) => {
            assert!(
                why.to_string().contains("SIGNET_LISTEN__METRICS")
                    && why.to_string().contains("another program"),
                "{why}"
            )
        }
        other => panic!("{other:?}"),
    }
    setup.remove();
}
