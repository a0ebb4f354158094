//! The first run is closed to strangers.
use signet_core::setup;
use signet_testkit::{App, Browser, Json, each_database, json};

const FLOW: &str = "initial-setup";
const CODE: &str = "setup_code";
const PASSWORD: &str = "Correct-Horse-9";

fn stranger(app: &App, address: &str) -> Browser {
    let mut browser = app.browser();
    browser.headers.push(("x-forwarded-for".into(), address.into()));
    browser
}
fn keys(challenge: &Json) -> Vec<&str> {
    challenge["fields"]
        .as_array()
        .map(|all| all.iter().filter_map(|f| f["field_key"].as_str()).collect())
        .unwrap_or_default()
}
async fn give(browser: &mut Browser, code: &str) -> Json {
    browser.answer(FLOW, "", json!({"component": "ak-stage-prompt", CODE: code})).await
}
async fn choose(browser: &mut Browser) -> Json {
    browser.answer(FLOW, "", json!({"component": "ak-stage-prompt", "email": "root@example.test", "password": PASSWORD, "password_repeat": PASSWORD})).await
}
async fn code(app: &App) -> String {
    setup::code(&app.core).await.unwrap().expect("a code").reveal().to_owned()
}

#[tokio::test]
async fn redteam_21_strangers_are_asked_for_the_code_of_the_log() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut thief = stranger(&app, "203.0.113.9");
        let first = thief.challenge(FLOW, "").await;
        assert_eq!(
            (first["component"].as_str(), keys(&first).contains(&CODE), keys(&first).contains(&"password")),
            (Some("ak-stage-prompt"), true, false),
            "{first}"
        );
        // The password without the code, a wrong code, an empty one.
        assert_eq!(keys(&choose(&mut thief).await), ["setup_code_where", CODE]);
        for wrong in ["AAAAA-BBBBB-CCCCC", " ", ""] {
            assert!(give(&mut thief, wrong).await["response_errors"][CODE].is_array(), "{wrong}");
        }
        assert_eq!(thief.get("/api/v3/core/users/me/").await.status, 403);
        // A run that was begun on the machine is asked all the same when it goes on elsewhere.
        let mut local = app.browser();
        assert!(keys(&local.challenge(FLOW, "").await).contains(&"password"));
        let mut elsewhere = local.clone();
        elsewhere.headers.push(("forwarded".into(), "for=203.0.113.9".into()));
        assert!(keys(&choose(&mut elsewhere).await).contains(&CODE));
        // The page says where the code is.
        let page = stranger(&app, "203.0.113.10").get("/if/flow/initial-setup/").await.text();
        assert!(page.contains("signet setup_code") && page.contains("docker compose exec"), "{page}");
        // The right one, as people type it.
        let right = code(&app).await;
        let mut owner = stranger(&app, "203.0.113.11");
        owner.challenge(FLOW, "").await;
        let next = give(&mut owner, &right.to_lowercase().replace('-', " ")).await;
        assert!(keys(&next).contains(&"password"), "{next}");
        assert_eq!(choose(&mut owner).await["component"], "xak-flow-redirect");
        assert_eq!(owner.get("/api/v3/core/users/me/").await.json()["user"]["username"], "akadmin");
        // Over for good, for whoever has the code too.
        assert!(setup::code(&app.core).await.unwrap().is_none());
        let mut late = stranger(&app, "203.0.113.12");
        assert_eq!(late.challenge(FLOW, "").await["component"], "ak-stage-access-denied");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn redteam_21_tries_are_limited_for_each_network() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let right = code(&app).await;
        for n in 0..10 {
            let mut thief = stranger(&app, "203.0.113.9");
            thief.challenge(FLOW, "").await;
            assert!(give(&mut thief, &format!("WRONG-{n}")).await["response_errors"][CODE].is_array());
        }
        let mut thief = stranger(&app, "203.0.113.9");
        thief.challenge(FLOW, "").await;
        let said = give(&mut thief, &right).await;
        assert!(
            said["response_errors"][CODE][0]["string"].as_str().is_some_and(|s| s.contains("Too many tries")),
            "{said}"
        );
        // The owner is elsewhere, and five minutes later all is well there too.
        let mut owner = stranger(&app, "198.51.100.7");
        owner.challenge(FLOW, "").await;
        assert!(keys(&give(&mut owner, &right).await).contains(&"password"));
        app.clock.advance_secs(301);
        assert!(keys(&give(&mut thief, &right).await).contains(&"password"));
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn redteam_21_every_node_asks_for_the_same_code() {
    let one = App::start(signet_testkit::DbKind::Postgres).await;
    let other = one.setup.clone().start().await.unwrap();
    let right = code(&one).await;
    assert_eq!(code(&other).await, right);
    let mut owner = stranger(&other, "203.0.113.11");
    owner.challenge(FLOW, "").await;
    assert!(keys(&give(&mut owner, &right).await).contains(&"password"));
    assert_eq!(choose(&mut owner).await["component"], "xak-flow-redirect");
    assert_eq!(
        stranger(&one, "203.0.113.12").challenge(FLOW, "").await["component"],
        "ak-stage-access-denied"
    );
    other.halt().await;
    one.stop().await;
}
