//! Letters that strangers cause.
use super::{count, from, start};
use signet_blueprints::{Source, apply, shipped};
use signet_core::directory::Author;
use signet_store::DbKind;
use signet_testkit::{App, MailSink, json};
use std::time::Duration;

const ENROL: &str = "enrollment-email-verification";

async fn site(kind: DbKind, sink: &MailSink) -> App {
    let app = start(
        kind,
        &[
            ("EMAIL__HOST", "127.0.0.1"),
            ("EMAIL__PORT", &sink.port.to_string()),
            ("WEB__BASE_URL", "http://id.test"),
        ],
    )
    .await;
    let text = shipped("example/flow-enrollment-email-verification.yaml").unwrap();
    apply(&app.core, &Source::new("enrolment", text), &Author::system())
        .await
        .map_err(|e| e.to_string())
        .unwrap();
    app
}
/// Enrols somebody; the last challenge.
async fn enrol(app: &App, ip: &str, username: &str, name: &str, email: &str) -> signet_base::Json {
    let mut browser = from(app, ip);
    let mut shown = browser.challenge(ENROL, "").await;
    for _ in 0..4 {
        if shown["component"] != "ak-stage-prompt" {
            break;
        }
        let sent = json!({"component": "ak-stage-prompt", "username": username, "password": "Correct-Horse-9", "password_repeat": "Correct-Horse-9", "name": name, "email": email});
        shown = browser.answer(ENROL, "", sent).await;
        if shown.get("response_errors").is_some() {
            break;
        }
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_19_letters_of_strangers_have_nothing_of_theirs_in_them_and_one_recipient_gets_few() {
    let sink = MailSink::start(Duration::ZERO).await;
    let app = site(DbKind::Sqlite, &sink).await;
    let forged = "there,\n\nyour account was locked. Unlock it at https://evil.example/unlock";
    let refused = enrol(&app, "198.51.100.1", "mallory", forged, "anybody@bank.test").await;
    assert_ne!(refused["component"], "ak-stage-email", "{refused}");
    assert_eq!(
        enrol(&app, "198.51.100.1", "mallory", "Unlock it at https://evil.example", "anybody@bank.test")
            .await["component"],
        "ak-stage-email"
    );
    let letter = sink.next().await.expect("a letter");
    assert!(
        letter.contains("http://id.test/if/flow/")
            && !letter.contains("evil.example")
            && !letter.contains("mallory"),
        "{letter}"
    );
    for n in 0..8 {
        enrol(&app, &format!("198.51.100.{n}"), &format!("m{n}"), "M", "Anybody@bank.test").await;
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(sink.take().len(), 2, "three an hour");
    enrol(&app, "198.51.100.99", "else", "E", "else@bank.test").await;
    assert!(sink.next().await.is_some());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_19_accounts_that_nobody_confirms_go_and_others_stay() {
    signet_testkit::each_database(|kind| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        let app = site(kind, &sink).await;
        enrol(&app, "198.51.100.1", "mallory", "M", "m@bank.test").await;
        enrol(&app, "198.51.100.1", "seen", "S", "s@bank.test").await;
        let mut admin = app.admin().await;
        assert_eq!(
            admin
                .post("/api/v3/core/users/", json!({"username": "kept", "name": "K", "is_active": false}))
                .await
                .status,
            201
        );
        app.clock.advance_secs(60);
        // Somebody looked after this one: it is theirs to decide.
        let id = signet_store::users::by_username(&app.core.db, "seen").await.unwrap().unwrap().id;
        assert_eq!(
            admin.patch(&format!("/api/v3/core/users/{id}/"), json!({"name": "Seen"})).await.status,
            200
        );
        let inactive = "SELECT count(*) FROM users WHERE is_active = 0";
        let before = count(&app, inactive).await;
        signet_server::housekeeping::sweep(&app.core).await.unwrap();
        assert_eq!(count(&app, inactive).await, before);
        app.clock.advance_secs(7 * 86_400);
        signet_server::housekeeping::sweep(&app.core).await.unwrap();
        assert_eq!(count(&app, inactive).await, before - 1);
        assert!(signet_store::users::by_username(&app.core.db, "mallory").await.unwrap().is_none());
        app.stop().await;
    })
    .await;
}
