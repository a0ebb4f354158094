//! Back-channel logout: whoever signed in at an application is signed out there when the session is over, however it ends.
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use signet_base::{Json, json, query};
use signet_store::params;
use signet_testkit::{App, Browser, HttpSink, Received, Setup, each_database};
use std::time::Duration;

const PASSWORD: &str = "Engine-1843";
const CALLBACK: &str = "https://app.test/cb";

/// A server whose application `app` is told at the sink.
async fn site(setup: Setup, sink: &HttpSink) -> App {
    let setup = setup.with("AUTHENTIK_WORKER__SCHEDULER_INTERVAL", "seconds=1");
    let app = setup.start().await.unwrap();
    signet_core::setup::finish(&app.core).await.unwrap();
    application(&app, "app", &format!("{}/logout?of=app", sink.url)).await;
    app
}
async fn application(app: &App, name: &str, logout_uri: &str) {
    let mut admin = app.admin().await;
    let mut flows = Vec::new();
    for slug in ["default-provider-authorization-implicit-consent", "default-provider-invalidation-flow"] {
        flows.push(admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone());
    }
    let provider = json!({"name": name, "client_id": name, "client_secret": "s".repeat(40), "authorization_flow": flows[0], "invalidation_flow": flows[1],
        "redirect_uris": [{"matching_mode": "strict", "url": CALLBACK}], "logout_uri": logout_uri});
    let made = admin.post("/api/v3/providers/oauth2/", provider).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let sent = json!({"name": name, "slug": name, "provider": made.json()["pk"]});
    assert_eq!(admin.post("/api/v3/core/applications/", sent).await.status, StatusCode::CREATED);
}
fn claims(token: &str) -> Json {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}
/// The person opens the application; the claims of the ID token.
async fn open(app: &App, browser: &mut Browser, name: &str) -> Json {
    let pairs = [
        ("client_id", name),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("nonce", "n"),
    ];
    let to = browser
        .get(&format!("/application/o/authorize/?{}", query::build(pairs)))
        .await
        .location()
        .to_owned();
    let code = query::value(to.split_once('?').unwrap().1, "code").unwrap_or_else(|| panic!("{to}"));
    let secret = "s".repeat(40);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("client_id", name),
        ("client_secret", &secret),
    ];
    let tokens = app.browser().form("/application/o/token/", &form).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text());
    claims(tokens.json()["id_token"].as_str().unwrap())
}
/// The next message; `what` has led to it.
async fn next(sink: &HttpSink, what: &str) -> Received {
    for _ in 0..10 {
        if let Some(received) = sink.next().await {
            return received;
        }
    }
    panic!("nobody was told: {what}")
}
fn logout_token(received: &Received) -> String {
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/logout?of=app"));
    assert_eq!(received.header("content-type"), "application/x-www-form-urlencoded");
    query::value(&received.body, "logout_token").unwrap()
}
/// Waits until nothing is left to be told, and nothing more was.
async fn quiet(app: &App, sink: &HttpSink, what: &str) {
    for _ in 0..500 {
        let busy = app
            .core
            .db
            .query("SELECT id FROM job WHERE due IS NOT NULL AND kind LIKE '%signed_out'", params![])
            .await
            .unwrap();
        let left = app.core.db.query("SELECT id FROM session_participant", params![]).await.unwrap();
        if busy.is_empty() && left.is_empty() {
            let more = sink.take();
            assert!(more.is_empty(), "{what}: told twice: {more:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: something is left to be told")
}
async fn sign_out(browser: &mut Browser) {
    let to = browser.get("/flows/-/default/invalidation/").await.location().to_owned();
    for _ in 0..4 {
        let answer = browser.get(&to).await;
        if answer.location() != to {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authz_every_end_of_a_session_is_told_once() {
    each_database(|kind| async move {
        let sink = HttpSink::start().await;
        let app = site(Setup::new(kind).await, &sink).await;
        let mut admin = app.admin().await;
        for what in [
            "sign-out",
            "application",
            "administrator",
            "all",
            "deactivation",
            "password",
            "deletion",
            "another person",
            "expiry",
        ] {
            let name = format!("p-{}", what.replace(' ', "-"));
            let user = app.user(&name, PASSWORD).await;
            let mut browser = app.login(&name, PASSWORD).await;
            let id = open(&app, &mut browser, "app").await;
            // Again: it is still one that is told once.
            open(&app, &mut browser, "app").await;
            let own = format!("/api/v3/core/users/{}/", user.id);
            let status = match what {
                "sign-out" => {
                    sign_out(&mut browser).await;
                    StatusCode::OK
                }
                "application" => {
                    let to = browser.get("/application/o/app/end-session/").await.location().to_owned();
                    browser.get(&to).await.status
                }
                "administrator" => {
                    let found = admin
                        .get(&format!("/api/v3/core/authenticated_sessions/?user__username={name}"))
                        .await
                        .json();
                    let uuid = found["results"][0]["uuid"].as_str().unwrap().to_owned();
                    admin.delete(&format!("/api/v3/core/authenticated_sessions/{uuid}/")).await.status
                }
                "all" => {
                    admin
                        .delete(&format!(
                            "/api/v3/core/authenticated_sessions/bulk_delete/?user_pks={}",
                            user.id
                        ))
                        .await
                        .status
                }
                "deactivation" => admin.patch(&own, json!({"is_active": false})).await.status,
                "password" => {
                    admin
                        .post(&format!("{own}set_password/"), json!({"password": "Another-1843-one"}))
                        .await
                        .status
                }
                "deletion" => admin.delete(&own).await.status,
                "another person" => {
                    let other = app.user("somebody-else", PASSWORD).await;
                    assert_ne!(other.id, user.id);
                    assert_eq!(
                        browser.login("somebody-else", PASSWORD).await["component"],
                        "xak-flow-redirect"
                    );
                    StatusCode::OK
                }
                _ => {
                    app.clock.advance_secs(15 * 86_400);
                    StatusCode::OK
                }
            };
            assert!(status.is_success(), "{what}: {status}");
            let received = next(&sink, what).await;
            let token = logout_token(&received);
            let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            assert_eq!(serde_json::from_slice::<Json>(&header).unwrap()["typ"], "logout+jwt");
            let told = claims(&token);
            for claim in ["iss", "sub", "sid", "aud"] {
                assert_eq!(told[claim], id[claim], "{what}: {claim}");
            }
            assert_eq!(told["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
            assert!(told["jti"].is_string() && told.get("nonce").is_none(), "{told}");
            assert_eq!(told["exp"].as_i64().unwrap() - told["iat"].as_i64().unwrap(), 120);
            quiet(&app, &sink, what).await;
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authz_only_the_ended_session_is_told_also_after_its_tokens_have_expired() {
    each_database(|kind| async move {
        let sink = HttpSink::start().await;
        let app = site(Setup::new(kind).await, &sink).await;
        application(&app, "silent", "").await;
        app.user("ada", PASSWORD).await;
        let (mut phone, mut desk) = (app.login("ada", PASSWORD).await, app.login("ada", PASSWORD).await);
        let (at_phone, at_desk) = (open(&app, &mut phone, "app").await, open(&app, &mut desk, "app").await);
        open(&app, &mut desk, "silent").await;
        assert_ne!(at_phone["sid"], at_desk["sid"]);
        // The access tokens are over by then, the session is not.
        app.clock.advance_secs(2 * 3600);
        sign_out(&mut phone).await;
        let told = claims(&logout_token(&next(&sink, "the phone").await));
        assert_eq!(told["sid"], at_phone["sid"]);
        assert!(sink.take().is_empty());
        let left = app.core.db.query("SELECT provider FROM session_participant", params![]).await.unwrap();
        assert_eq!(left.len(), 1, "the desk at the application that is told");
        sign_out(&mut desk).await;
        assert_eq!(claims(&logout_token(&next(&sink, "the desk").await))["sid"], at_desk["sid"]);
        quiet(&app, &sink, "both").await;
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authz_a_message_that_is_not_taken_is_sent_again_with_the_same_id() {
    each_database(|kind| async move {
        let sink = HttpSink::start().await;
        let app = site(Setup::new(kind).await, &sink).await;
        let ada = app.user("ada", PASSWORD).await;
        let mut browser = app.login("ada", PASSWORD).await;
        open(&app, &mut browser, "app").await;
        sink.answer(503);
        sign_out(&mut browser).await;
        let first = claims(&logout_token(&next(&sink, "first").await));
        // A restart loses nothing.
        let app = app.restart().await;
        sink.answer(200);
        app.clock.advance_secs(4);
        let second = claims(&logout_token(&next(&sink, "second").await));
        assert_eq!(first["jti"], second["jti"]);
        quiet(&app, &sink, "again").await;
        // What is refused is not sent again, and administrators see it.
        let mut browser = app.login("ada", PASSWORD).await;
        open(&app, &mut browser, "app").await;
        sink.answer(400);
        app.admin().await.delete(&format!("/api/v3/core/authenticated_sessions/bulk_delete/?user_pks={}", ada.id)).await;
        next(&sink, "refused").await;
        quiet(&app, &sink, "refused").await;
        let row = app.core.db.query_one("SELECT state, log FROM job WHERE kind = 'signet.core.tasks.tell_signed_out' AND state = 'rejected'", params![]).await;
        let row = row.unwrap().expect("a job that was given up");
        assert!(row.text(1).unwrap().contains("The application answers 400"), "{}", row.text(1).unwrap());
        app.stop().await;
    })
    .await;
}
