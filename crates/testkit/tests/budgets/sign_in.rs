//! Guessing passwords and codes.
use super::{count, from, start};
use signet_store::devices::{self, Device, DeviceKind};
use signet_testkit::{App, Browser, Json, MailSink, TestResponse, each_database, json};
use std::time::Duration;

const LOGIN: &str = "default-authentication-flow";
const VALIDATE: &str = "ak-stage-authenticator-validate";

/// The answer to a password.
pub async fn guess(browser: &mut Browser, name: &str, password: &str) -> TestResponse {
    let path = format!("/api/v3/flows/executor/{LOGIN}/?query=");
    assert_eq!(
        browser.post(&path, json!({"component": "ak-stage-identification", "uid_field": name})).await.status,
        302,
        "{name}"
    );
    browser.post(&path, json!({"component": "ak-stage-password", "password": password})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_17_one_address_cannot_try_passwords_over_many_accounts() {
    each_database(|kind| async move {
        // Without proofs of work, which come before: see `proof.rs`.
        let app = start(kind, &[("THROTTLE__PROOF_OF_WORK", "0")]).await;
        app.user("u57", "spring-2026-Password").await;
        let mut known = from(&app, "198.51.100.7");
        assert_eq!(known.login("u57", "spring-2026-Password").await["component"], "xak-flow-redirect");
        let mut refused = 0;
        for round in 0..2 {
            for who in 0..60 {
                let answer = guess(
                    &mut from(&app, "198.51.100.7"),
                    &format!("u{who}"),
                    if round == 1 { "spring-2026-Password" } else { "wrong" },
                )
                .await;
                refused += usize::from(answer.status == 429 && !answer.header("retry-after").is_empty());
            }
        }
        assert_eq!(refused, 90, "thirty are judged");
        // The right one is not looked at either, from there; others go on, and the person in the own browser.
        assert_eq!(guess(&mut from(&app, "198.51.100.7"), "u57", "spring-2026-Password").await.status, 429);
        assert_eq!(guess(&mut from(&app, "203.0.113.1"), "u57", "spring-2026-Password").await.status, 302);
        known.cookies.remove("authentik_session");
        assert_eq!(guess(&mut known, "u57", "spring-2026-Password").await.status, 302);
        assert!(
            app.browser()
                .get("/-/metrics/")
                .await
                .text()
                .contains("authentik_throttled_total{kind=\"password\"}")
        );
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_17_an_office_that_mistypes_is_not_shut_out_and_its_network_can_be_exempt() {
    let app = start(
        signet_store::DbKind::Sqlite,
        &[("THROTTLE__PASSWORDS", "6/hour"), ("THROTTLE__EXEMPT_NETWORKS", "192.0.2.0/24")],
    )
    .await;
    for n in 0..20 {
        let name = format!("person{n}");
        app.user(&name, "Correct-Horse-9").await;
        let mut browser = from(&app, "198.51.100.7");
        assert_eq!(guess(&mut browser, &name, "Correct-Horse-8").await.status, 200);
        assert_eq!(
            guess(&mut from(&app, "198.51.100.7"), &name, "Correct-Horse-9").await.status,
            302,
            "{name}"
        );
    }
    for n in 0..12 {
        assert_eq!(guess(&mut from(&app, "192.0.2.9"), &format!("person{n}"), "wrong").await.status, 200);
        let net = format!("2001:db8:0:1::{n}");
        let answer = guess(&mut from(&app, &net), &format!("other{n}"), "wrong").await;
        assert_eq!(answer.status == 429, n >= 6, "{n}: the /64 is one");
    }
    app.stop().await;
}

/// A person with recovery codes.
async fn paper(app: &App, name: &str, codes: &[&str]) {
    let user = app.user(name, "Correct-Horse-9").await;
    let device = Device::new(&app.core.ports, DeviceKind::Static, user.id, "Codes");
    let digests: Vec<String> = codes.iter().map(|c| device.code_digest(&app.core.vault, c)).collect();
    devices::insert_with_codes(&app.core.db, &device, &digests).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_22_wrong_codes_of_others_do_not_stop_a_person_in_the_own_browser() {
    each_database(|kind| async move {
        let app = start(kind, &[]).await;
        paper(&app, "bob", &["rightcode1", "rightcode2", "rightcode3"]).await;
        let code = |text: &str| json!({"component": VALIDATE, "code": text});
        let mut own = app.browser();
        assert_eq!(own.login("bob", "Correct-Horse-9").await["component"], VALIDATE);
        assert_eq!(own.answer(LOGIN, "", code("rightcode1")).await["component"], "xak-flow-redirect");
        let mut intruder = app.browser();
        assert_eq!(intruder.login("bob", "Correct-Horse-9").await["component"], VALIDATE);
        for _ in 0..8 {
            intruder.answer(LOGIN, "", code("wrong")).await;
        }
        // Another new browser has the same count: a new session gives no new tries.
        let mut again = app.browser();
        again.login("bob", "Correct-Horse-9").await;
        assert_eq!(again.answer(LOGIN, "", code("rightcode2")).await["component"], VALIDATE);
        own.cookies.remove("authentik_session");
        assert_eq!(own.login("bob", "Correct-Horse-9").await["component"], VALIDATE);
        assert_eq!(own.answer(LOGIN, "", code("rightcode2")).await["component"], "xak-flow-redirect");
        // There tries are counted as well.
        own.cookies.remove("authentik_session");
        own.login("bob", "Correct-Horse-9").await;
        for _ in 0..6 {
            own.answer(LOGIN, "", code("wrong")).await;
        }
        assert_eq!(own.answer(LOGIN, "", code("rightcode3")).await["component"], VALIDATE);
        app.stop().await;
    })
    .await;
}

/// So many browsers that have been asked for the password of this name.
async fn asked(app: &App, name: &str, count: usize) -> Vec<Browser> {
    let mut all = Vec::new();
    for n in 0..count {
        let mut browser = from(app, &format!("203.0.113.{n}"));
        let named = json!({"component": "ak-stage-identification", "uid_field": name});
        let path = format!("/api/v3/flows/executor/{LOGIN}/?query=");
        assert_eq!(browser.post(&path, named).await.status, 302);
        all.push(browser);
    }
    all
}
/// The answers to a password that all of them give at the same moment. Whoever is told to come again does so.
pub async fn at_once(browsers: Vec<Browser>, password: &'static str) -> Vec<TestResponse> {
    let tasks: Vec<_> = browsers
        .into_iter()
        .map(|mut browser| {
            tokio::spawn(async move {
                let path = format!("/api/v3/flows/executor/{LOGIN}/?query=");
                loop {
                    let body = json!({"component": "ak-stage-password", "password": password});
                    let answer = browser.post(&path, body).await;
                    if answer.status != 503 {
                        return answer;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap());
    }
    all
}
const JUDGED: &str = "SELECT count(*) FROM event WHERE action = 'login_failed'";

#[tokio::test(flavor = "multi_thread")]
async fn scale_b3_a_crowd_of_right_passwords_is_not_called_wrong_after_some_that_were() {
    each_database(|kind| async move {
        let app = start(kind, &[("THROTTLE__PROOF_OF_WORK", "0")]).await;
        app.user("grace", "Correct-Horse-9").await;
        for _ in 0..3 {
            assert_eq!(guess(&mut from(&app, "198.51.100.7"), "grace", "wrong").await.status, 200);
        }
        // Two more may be judged. While they are, the others are neither right nor wrong.
        for answer in at_once(asked(&app, "grace", 20).await, "Correct-Horse-9").await {
            assert_eq!(answer.status, 302, "{}", answer.text());
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b3_a_crowd_of_wrong_passwords_is_judged_up_to_the_limit() {
    each_database(|kind| async move {
        let app = start(kind, &[("THROTTLE__PROOF_OF_WORK", "0")]).await;
        app.user("grace", "Correct-Horse-9").await;
        for answer in at_once(asked(&app, "grace", 20).await, "wrong").await {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(count(&app, JUDGED).await, 5);
        let answer = guess(&mut from(&app, "198.51.100.7"), "grace", "Correct-Horse-9").await;
        assert!(
            answer.status == 200 && answer.text().contains("Too many wrong passwords"),
            "{}",
            answer.text()
        );
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_22_messages_that_others_ask_for_do_not_keep_a_persons_own_away() {
    each_database(|kind| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        let app = start(kind, &[("EMAIL__HOST", "127.0.0.1"), ("EMAIL__PORT", &sink.port.to_string())]).await;
        let bob = app.user("bob", "Correct-Horse-9").await;
        let mut own = app.browser();
        assert_eq!(own.login("bob", "Correct-Horse-9").await["component"], "xak-flow-redirect");
        let mut device = Device::new(&app.core.ports, DeviceKind::Email, bob.id, "Mail");
        device.data.insert("email".into(), json!(bob.email));
        let device = devices::insert(&app.core.db, &Device { confirmed: true, ..device }).await.unwrap();
        let pick = json!({"component": VALIDATE, "selected_challenge": {"device_class": "email", "device_uid": device.to_string()}});
        let mut intruder = app.browser();
        assert_eq!(intruder.login("bob", "Correct-Horse-9").await["component"], VALIDATE);
        let mut last = Json::Null;
        for _ in 0..6 {
            last = intruder.answer(LOGIN, "", pick.clone()).await;
        }
        assert!(last["response_errors"]["selected_challenge"].is_array(), "{last}");
        own.cookies.remove("authentik_session");
        assert_eq!(own.login("bob", "Correct-Horse-9").await["component"], VALIDATE);
        let sent = own.answer(LOGIN, "", pick.clone()).await;
        assert!(sent.get("response_errors").is_none(), "{sent}");
        // There messages are counted as well.
        for _ in 0..5 {
            last = own.answer(LOGIN, "", pick.clone()).await;
        }
        assert!(last["response_errors"]["selected_challenge"].is_array(), "{last}");
        app.stop().await;
    })
    .await;
}
