//! When a server says that it can work.
use signet_testkit::{App, Browser, DbKind, Setup, each_database, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

async fn ready(browser: &mut Browser) -> u16 {
    let asked = Instant::now();
    let status = browser.get("/-/health/ready/").await.status.as_u16();
    assert!(asked.elapsed() < Duration::from_secs(2));
    status
}
fn files(app: &App) -> Vec<(PathBuf, PathBuf)> {
    let folder = app.setup.options().data_dir;
    ["signet.sqlite", "signet.sqlite-wal", "signet.sqlite-shm"]
        .iter()
        .map(|name| (folder.join(name), folder.join(format!("{name}.aside"))))
        .collect()
}

#[tokio::test]
async fn scale_b5_a_database_that_was_moved_away_is_not_made_anew() {
    let app = App::start(DbKind::Sqlite).await;
    let (mut browser, mut admin) = (app.browser(), app.admin().await);
    assert_eq!(ready(&mut browser).await, 200);
    for (path, aside) in files(&app) {
        std::fs::rename(path, aside).unwrap();
    }
    assert_eq!(ready(&mut browser).await, 503);
    for n in 0..20 {
        let made = admin.post("/api/v3/core/groups/", json!({"name": format!("lost-{n}")})).await;
        assert_eq!((made.status.as_u16(), made.header("retry-after")), (503, "2"), "{}", made.text());
    }
    assert!(!files(&app)[0].0.exists(), "nobody makes a new file");
    // Another file in its place is not it either.
    std::fs::write(&files(&app)[0].0, "").unwrap();
    assert_eq!(ready(&mut browser).await, 503);
    assert_eq!(admin.post("/api/v3/core/groups/", json!({"name": "lost"})).await.status, 503);
    for (path, aside) in files(&app) {
        std::fs::rename(aside, path).unwrap();
    }
    assert_eq!(ready(&mut browser).await, 200);
    assert_eq!(admin.post("/api/v3/core/groups/", json!({"name": "kept"})).await.status, 201);
    app.stop().await;
}

#[tokio::test]
async fn scale_b6_an_empty_database_or_that_of_another_installation_is_not_ready() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut browser = app.browser();
        assert_eq!(ready(&mut browser).await, 200);
        app.core.db.execute("UPDATE install SET id = 'another'", vec![]).await.unwrap();
        assert_eq!(ready(&mut browser).await, 503);
        app.core
            .db
            .execute(format!("UPDATE install SET id = '{}'", app.core.install_id()), vec![])
            .await
            .unwrap();
        assert_eq!(ready(&mut browser).await, 200);
        if kind == DbKind::Postgres {
            app.core.db.query("DROP SCHEMA public CASCADE", vec![]).await.unwrap();
            assert_eq!(ready(&mut browser).await, 503);
            // Looking at a flow needs nothing of the database. An answer does.
            let named = json!({"component": "ak-stage-identification", "uid_field": "akadmin"});
            let answer =
                browser.post("/api/v3/flows/executor/default-authentication-flow/?query=", named).await;
            assert_eq!(answer.status, 503, "{}", answer.text());
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn scale_b9_a_database_that_cannot_be_written_is_not_ready() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut browser = app.browser();
        assert_eq!(ready(&mut browser).await, 200);
        let (refuse, allow): (Vec<&str>, &str) = match kind {
            DbKind::Sqlite => (vec!["CREATE TRIGGER full_disk BEFORE INSERT ON kv BEGIN SELECT RAISE(FAIL, 'disk full'); END"], "DROP TRIGGER full_disk"),
            DbKind::Postgres => (
                vec![
                    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'disk full'; END $$",
                    "CREATE TRIGGER full_disk BEFORE INSERT ON kv FOR EACH ROW EXECUTE FUNCTION full_disk()",
                ],
                "DROP TRIGGER full_disk ON kv",
            ),
        };
        for sql in refuse {
            app.core.db.execute(sql, vec![]).await.unwrap();
        }
        // What was tried less than a second ago is believed.
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert_eq!(ready(&mut browser).await, 503);
        assert_eq!(browser.get("/-/health/live/").await.status, 200);
        app.core.db.execute(allow, vec![]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert_eq!(ready(&mut browser).await, 200);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let app = App::start(DbKind::Sqlite).await;
    app.core.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ready(&mut app.browser()).await, 503);
    assert_eq!(app.browser().get("/-/health/live/").await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn scale_b9_the_date_of_answers_follows_the_clock_in_both_directions() {
    let app = App::start(DbKind::Sqlite).await;
    let mut browser = app.browser();
    for (forward, date) in [
        (0, "Mon, 23 Nov 2026 12:00:00 GMT"),
        (86_400, "Tue, 24 Nov 2026 12:00:00 GMT"),
        (-172_800, "Sun, 22 Nov 2026 12:00:00 GMT"),
    ] {
        app.clock.advance_secs(forward);
        let answer = browser.get("/-/health/live/").await;
        assert_eq!((answer.header("date"), answer.headers.get_all("date").iter().count()), (date, 1));
    }
    assert_eq!(
        Browser::new(app.metrics).get("/metrics").await.header("date"),
        "Sun, 22 Nov 2026 12:00:00 GMT"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b7_a_database_whose_processes_stand_still_holds_no_request() {
    let Some(server) = signet_store::testdb::own_server().await else { return };
    let app = Setup::on(server.config()).await.start().await.unwrap();
    signet_core::setup::finish(&app.core).await.unwrap();
    app.user("ada", "Correct-Horse-9").await;
    let mut ada = app.login("ada", "Correct-Horse-9").await;
    assert_eq!(ada.get("/api/v3/core/users/me/").await.status, 200);
    server.stand_still(true);
    let asked = Instant::now();
    let waiting: Vec<_> = (0..12)
        .map(|n| {
            let mut browser = if n % 2 == 0 { ada.clone() } else { app.browser() };
            tokio::spawn(async move {
                let answer = match n % 2 {
                    0 => browser.get("/api/v3/core/users/me/").await,
                    _ => {
                        let name = json!({"component": "ak-stage-identification", "uid_field": "ada"});
                        browser.post("/api/v3/flows/executor/default-authentication-flow/?query=", name).await
                    }
                };
                (answer.status.as_u16(), answer.header("retry-after").to_owned())
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for one in waiting {
        let (status, retry) = one.await.unwrap();
        assert_eq!(status == 503, !retry.is_empty());
        statuses.push(status);
    }
    let took = asked.elapsed();
    assert_eq!(ready(&mut app.browser()).await, 503);
    server.stand_still(false);
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    for _ in 0..40 {
        if ada.get("/api/v3/core/users/me/").await.status == 200 {
            app.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the server does not come back");
}
