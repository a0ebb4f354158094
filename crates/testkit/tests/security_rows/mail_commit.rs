//! A mail and the run that sends it are one commit.
use crate::links::{go, link, recovery};
use crate::site::{Site, each_site_with};
use http::{Method, StatusCode};
use signet_base::json;
use signet_store::DbKind;
use signet_testkit::MailSink;
use std::time::Duration;

/// The database refuses to write sessions, or takes them again.
async fn refuse(site: &Site, refuses: bool) {
    let statements: &[&str] = match (site.core.db.kind(), refuses) {
        (DbKind::Sqlite, true) => &[
            "CREATE TRIGGER no_new BEFORE INSERT ON session BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "CREATE TRIGGER no_change BEFORE UPDATE ON session BEGIN SELECT RAISE(ABORT, 'refused'); END",
        ],
        (DbKind::Sqlite, false) => &["DROP TRIGGER no_new", "DROP TRIGGER no_change"],
        (DbKind::Postgres, true) => &["ALTER TABLE session ADD CONSTRAINT refused CHECK (id = '') NOT VALID"],
        (DbKind::Postgres, false) => &["ALTER TABLE session DROP CONSTRAINT refused"],
    };
    for statement in statements {
        site.core.db.execute(*statement, vec![]).await.unwrap();
    }
}

/// Jobs that make links, done or not.
async fn links_made(site: &Site) -> i64 {
    let kind = "signet.stages.email.tasks.deliver_link";
    let sql = "SELECT count(*) FROM job WHERE kind = ?";
    site.core.db.query_one(sql, vec![kind.into()]).await.unwrap().unwrap().int(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_a_mail_and_the_run_that_sends_it_are_kept_or_lost_together() {
    let sink = MailSink::start(Duration::ZERO).await;
    let port = sink.port.to_string();
    let sink = &sink;
    let settings = [("AUTHENTIK_EMAIL__HOST", "127.0.0.1"), ("AUTHENTIK_EMAIL__PORT", port.as_str())];
    each_site_with(&settings, |site| async move {
        recovery(&site).await;
        // A run that waits in memory (SQLite), and one that is stored.
        for (person, pause) in [("alice", Duration::ZERO), ("bob", Duration::from_millis(1200))] {
            site.user(person, &[]).await;
            let name = json!({"component": "ak-stage-identification", "uid_field": person});
            let browser = site.browser();
            go(&browser, "recover", "", None).await;
            tokio::time::sleep(pause).await;
            let before = links_made(&site).await;
            refuse(&site, true).await;
            let refused =
                browser.without_check(Method::POST, "/api/v3/flows/executor/recover/?query=", &name).await;
            assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", refused.body);
            assert!(refused.json()["request_id"].is_string(), "{}", refused.body);
            assert_eq!(links_made(&site).await, before, "no mail of a run that was not kept");
            refuse(&site, false).await;
            // The run is where it was, and goes on.
            let asked = go(&browser, "recover", "", None).await;
            assert_eq!(asked.component(), "ak-stage-identification", "{}", asked.body);
            let sent = go(&browser, "recover", "", Some(name.clone())).await;
            assert_eq!(
                (sent.status, sent.component().as_str()),
                (StatusCode::OK, "ak-stage-email"),
                "{}",
                sent.body
            );
            assert_eq!(links_made(&site).await, before + 1);
            assert!(link(&sink.next().await.unwrap()).contains("flow_token"));
            // Kept: the same page again sends nothing.
            assert_eq!(go(&browser, "recover", "", None).await.component(), "ak-stage-email");
            assert_eq!(links_made(&site).await, before + 1);
        }
    })
    .await;
}
