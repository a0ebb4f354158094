//! Mail that anonymous requests cause.
use super::{count, from, start};
use signet_blueprints::{Source, apply, shipped};
use signet_core::directory::Author;
use signet_server::jobs::clean_accounts;
use signet_store::DbKind;
use signet_store::users;
use signet_testkit::{App, Browser, MailSink, each_database, json};
use std::time::Duration;

const ENROL: &str = "enrollment-email-verification";

async fn site(kind: DbKind, sink: &MailSink) -> App {
    site_with(kind, sink, "example/flow-enrollment-email-verification.yaml").await
}
async fn site_with(kind: DbKind, sink: &MailSink, example: &str) -> App {
    let app = start(
        kind,
        &[
            ("EMAIL__HOST", "127.0.0.1"),
            ("EMAIL__PORT", &sink.port.to_string()),
            ("WEB__BASE_URL", "http://id.test"),
        ],
    )
    .await;
    apply(&app.core, &Source::new("example", shipped(example).unwrap()), &Author::system())
        .await
        .map_err(|e| e.to_string())
        .unwrap();
    app
}
/// Enrols somebody; the last challenge.
async fn enrol(app: &App, ip: &str, username: &str, name: &str, email: &str) -> signet_base::Json {
    enrol_by(&mut from(app, ip), ENROL, username, name, email).await
}
async fn enrol_by(
    browser: &mut Browser,
    flow: &str,
    username: &str,
    name: &str,
    email: &str,
) -> signet_base::Json {
    let mut shown = browser.challenge(flow, "").await;
    for _ in 0..4 {
        if shown["component"] != "ak-stage-prompt" {
            break;
        }
        let sent = json!({"component": "ak-stage-prompt", "username": username, "password": "Correct-Horse-9", "password_repeat": "Correct-Horse-9", "name": name, "email": email});
        shown = browser.answer(flow, "", sent).await;
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
    each_database(|kind| async move {
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
        let id = users::by_username(&app.core.db, "seen").await.unwrap().unwrap().id;
        assert_eq!(
            admin.patch(&format!("/api/v3/core/users/{id}/"), json!({"name": "Seen"})).await.status,
            200
        );
        let inactive = "SELECT count(*) FROM users WHERE is_active = 0";
        let before = count(&app, inactive).await;
        clean_accounts::clean(&app.core).await.unwrap();
        assert_eq!(count(&app, inactive).await, before);
        app.clock.advance_secs(7 * 86_400);
        clean_accounts::clean(&app.core).await.unwrap();
        assert_eq!(count(&app, inactive).await, before - 1);
        assert!(users::by_username(&app.core.db, "mallory").await.unwrap().is_none());
        app.stop().await;
    })
    .await;
}

/// What is the same for every name and address.
fn plain(shown: &signet_base::Json, names: [&str; 2]) -> String {
    names.iter().fold(shown.to_string(), |text, name| text.replace(name, "*"))
}
async fn email_of(app: &App, username: &str) -> String {
    users::by_username(&app.core.db, username).await.unwrap().unwrap().email
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_16_an_enrolment_does_not_tell_whose_an_address_is_and_takes_nothing_from_its_owner() {
    each_database(|kind| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        let app = site(kind, &sink).await;
        app.user("alice", "Correct-Horse-9").await;
        let free = enrol(&app, "198.51.100.1", "mallory1", "M", "nobodys@example.test").await;
        assert!(sink.next().await.unwrap().contains("flow_token="));
        let taken = enrol(&app, "198.51.100.2", "mallory2", "M", "Alice@Example.test").await;
        assert_eq!(free["component"], "ak-stage-email");
        assert_eq!(
            plain(&free, ["mallory1", "nobodys@example.test"]),
            plain(&taken, ["mallory2", "Alice@Example.test"])
        );
        let told = sink.next().await.expect("a letter to the owner");
        assert!(
            told.to_lowercase().contains("to: <alice@example.test>")
                || told.to_lowercase().contains("alice@example.test"),
            "{told}"
        );
        assert!(
            !told.contains("flow_token=") && !told.contains("mallory") && told.contains("http://id.test"),
            "{told}"
        );
        // Asked again, nothing more comes, and the answer is still the same; the user names are both taken now.
        for (name, address) in [("mallory1", "nobodys@example.test"), ("mallory2", "alice@example.test")] {
            let again = enrol(&app, "198.51.100.3", name, "M", address).await;
            assert_eq!(again["response_errors"]["username"][0]["string"], "Username is already taken.");
        }
        enrol(&app, "198.51.100.3", "mallory3", "M", "alice@example.test").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(sink.take().len(), 0, "the owner is told once an hour");
        assert_eq!(
            (email_of(&app, "mallory1").await, email_of(&app, "mallory2").await),
            ("nobodys@example.test".into(), String::new())
        );
        assert_eq!(
            users::by_email(&app.core.db, "alice@example.test").await.unwrap().unwrap().username,
            "alice"
        );
        assert_eq!(
            app.browser().login("alice@example.test", "Correct-Horse-9").await["component"],
            "xak-flow-redirect"
        );
        let events = "SELECT count(*) FROM event WHERE action = 'suspicious_request'";
        assert!(count(&app, events).await >= 2);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_16_without_a_letter_the_account_is_made_without_the_address() {
    let sink = MailSink::start(Duration::ZERO).await;
    let app = site_with(DbKind::Sqlite, &sink, "example/flow-enrollment-2-stage.yaml").await;
    app.user("alice", "Correct-Horse-9").await;
    let flow = "default-enrollment-flow";
    let (mut one, mut two) = (app.browser(), app.browser());
    let free = enrol_by(&mut one, flow, "mallory1", "M", "free@example.test").await;
    let taken = enrol_by(&mut two, flow, "mallory2", "M", "alice@example.test").await;
    assert_eq!((&free["component"], &free), (&json!("xak-flow-redirect"), &taken));
    assert!(sink.next().await.unwrap().contains("alice@example.test"));
    assert_eq!(
        (email_of(&app, "mallory1").await, email_of(&app, "mallory2").await),
        ("free@example.test".into(), String::new())
    );
    assert_eq!(users::by_email(&app.core.db, "alice@example.test").await.unwrap().unwrap().username, "alice");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_16_the_settings_page_does_not_tell_whose_an_address_is() {
    each_database(|kind| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        let app = site(kind, &sink).await;
        assert_eq!(app.admin().await.patch("/api/v3/admin/settings/", json!({"default_user_change_email": true})).await.status, 200);
        for name in ["alice", "mallory", "eve"] {
            app.user(name, "Correct-Horse-9").await;
        }
        let mut answers = Vec::new();
        for (name, address) in [("mallory", "alice@example.test"), ("eve", "free@example.test")] {
            let mut browser = app.login(name, "Correct-Horse-9").await;
            let shown = browser.challenge("default-user-settings-flow", "").await;
            assert_eq!(shown["component"], "ak-stage-prompt", "{shown}");
            let sent = json!({"component": "ak-stage-prompt", "username": name, "name": "New name", "email": address, "attributes.settings.locale": ""});
            answers.push(browser.answer("default-user-settings-flow", "", sent).await);
            assert_eq!(browser.get("/api/v3/core/users/me/").await.json()["user"]["name"], "New name");
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!((email_of(&app, "mallory").await, email_of(&app, "eve").await), ("mallory@example.test".into(), "free@example.test".into()));
        assert!(sink.next().await.unwrap().contains("alice@example.test"));
        assert_eq!(users::by_email(&app.core.db, "alice@example.test").await.unwrap().unwrap().username, "alice");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_19_strangers_do_not_use_up_the_letters_of_a_person() {
    each_database(|kind| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        let app = site_with(kind, &sink, "example/flow-recovery-email.yaml").await;
        app.user("victim", "Correct-Horse-9").await;
        let mut own = app.login("victim", "Correct-Horse-9").await;
        own.cookies.remove("authentik_session");
        let flow = "default-recovery-flow";
        let ask = async |browser: &mut Browser, name: &str| {
            browser.answer(flow, "", json!({"component": "ak-stage-identification", "uid_field": name})).await
        };
        // Strangers get three, and are then told when they may ask again; for a name that nobody has alike.
        for name in ["victim", "nobody"] {
            for n in 0..5 {
                let shown = ask(&mut from(&app, &format!("198.51.100.{n}")), name).await;
                let refused = shown["component"] == "ak-stage-access-denied";
                assert_eq!(refused, n > 2, "{name} {n}: {shown}");
                assert!(
                    !refused || shown["error_message"].as_str().unwrap().contains("Try again in 60 minutes"),
                    "{shown}"
                );
            }
        }
        // By another of her names nothing more comes either, and nobody learns that it is hers.
        assert_eq!(
            ask(&mut from(&app, "198.51.100.4"), "victim@example.test").await["component"],
            "ak-stage-email"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(sink.take().len(), 3);
        // In the own browser, and by an administrator, there are others.
        assert_eq!(ask(&mut own, "victim").await["component"], "ak-stage-email");
        assert!(sink.next().await.expect("a letter").contains("flow_token="));
        app.clock.advance_secs(3601);
        assert_eq!(ask(&mut from(&app, "198.51.100.1"), "victim").await["component"], "ak-stage-email");
        assert!(sink.next().await.is_some());
        app.stop().await;
    })
    .await;
}
