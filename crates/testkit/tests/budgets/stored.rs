//! What strangers leave in the database.
use super::{count, from, start};
use signet_testkit::{App, each_database, json};
use std::time::Duration;

const LOGIN: &str = "default-authentication-flow";
const SESSIONS: &str = "SELECT count(*) FROM session";

/// What is written behind is written.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(900)).await;
}
async fn refusals(app: &App) -> i64 {
    settled().await;
    count(app, "SELECT count(*) FROM event WHERE action = 'policy_execution'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_refusals_of_strangers_are_one_event_a_minute_with_their_count() {
    each_database(|kind| async move {
        let app = start(kind, &[]).await;
        for ip in ["198.51.100.7", "198.51.100.8"] {
            for _ in 0..150 {
                let refused = from(&app, ip).challenge("default-user-settings-flow", "").await;
                assert_eq!(refused["component"], "ak-stage-access-denied", "{refused}");
            }
        }
        assert_eq!(refusals(&app).await, 2, "one for each address");
        app.clock.advance_secs(61);
        app.core.tell_repeats().await;
        assert_eq!(refusals(&app).await, 4);
        let told = count(&app, "SELECT count(*) FROM event WHERE context LIKE '%\"count\":149%'").await;
        assert_eq!(told, 2);
        // The next minute has its own.
        from(&app, "198.51.100.7").challenge("default-user-settings-flow", "").await;
        assert_eq!(refusals(&app).await, 5);
        // Of people who are signed in every refusal is written.
        app.user("ada", "Correct-Horse-9").await;
        let mut ada = app.login("ada", "Correct-Horse-9").await;
        for _ in 0..3 {
            ada.challenge("initial-setup", "").await;
        }
        assert_eq!(refusals(&app).await, 8);
        assert!(
            app.browser()
                .get("/-/metrics/")
                .await
                .text()
                .contains("authentik_throttled_total{kind=\"event\"} 298")
        );
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_scale_a2_looking_at_a_flow_stores_nothing_and_an_answer_does() {
    each_database(|kind| async move {
        let app = start(kind, &[]).await;
        app.user("ada", "Correct-Horse-9").await;
        for _ in 0..100 {
            assert_eq!(
                app.browser().challenge(LOGIN, "next=%2Fx").await["component"],
                "ak-stage-identification"
            );
            assert_eq!(app.browser().get(&format!("/if/flow/{LOGIN}/?next=%2Fx")).await.status, 200);
        }
        settled().await;
        assert_eq!(count(&app, SESSIONS).await, 0);
        // The page's form works without anything stored.
        let mut page = app.browser();
        let shown = page.get(&format!("/if/flow/{LOGIN}/?next=%2Fapi%2Fv3%2Froot%2Fconfig%2F")).await.text();
        let csrf =
            shown.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let posted = page
            .form(
                &format!("/if/flow/{LOGIN}/?next=%2Fapi%2Fv3%2Froot%2Fconfig%2F"),
                &[("csrf", &csrf), ("component", "ak-stage-identification"), ("uid_field", "ada")],
            )
            .await;
        assert_eq!(posted.status, 303);
        settled().await;
        assert_eq!(count(&app, SESSIONS).await, 1);
        let next = page
            .answer(LOGIN, "", json!({"component": "ak-stage-password", "password": "Correct-Horse-9"}))
            .await;
        assert_eq!(
            (&next["component"], &next["to"]),
            (&json!("xak-flow-redirect"), &json!("/api/v3/root/config/"))
        );
        // A form of another session is not taken.
        let mut other = app.browser();
        other.get(&format!("/if/flow/{LOGIN}/")).await;
        let foreign = other
            .form(
                &format!("/if/flow/{LOGIN}/"),
                &[("csrf", &csrf), ("component", "ak-stage-identification"), ("uid_field", "ada")],
            )
            .await;
        assert_eq!(foreign.status, 303);
        assert_eq!(other.challenge(LOGIN, "").await["component"], "ak-stage-identification");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_long_queries_are_refused_and_only_what_flows_use_is_kept() {
    let app = start(signet_store::DbKind::Sqlite, &[]).await;
    let long = "x".repeat(60_000);
    for path in [
        format!("/if/flow/{LOGIN}/?a={long}"),
        format!("/if/flow/{LOGIN}/?next=%2F{}", &long[..3000]),
        format!("/api/v3/flows/executor/{LOGIN}/?query=next%3D%2F{}", &long[..3000]),
    ] {
        assert_eq!(app.browser().get(&path).await.status, 414, "{}", &path[..80]);
    }
    app.user("ada", "password of ada").await;
    let mut browser = app.browser();
    let query = format!("next=%2Ffine&a={}&flow_tokens=1", &long[..4000]);
    browser.challenge(LOGIN, &query).await;
    browser.answer(LOGIN, &query, json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
    settled().await;
    // What is stored is sealed: its length tells that the rest was left out, and where the sign-in leads what
    // was kept.
    assert_eq!(count(&app, "SELECT count(*) FROM session").await, 1);
    assert_eq!(count(&app, "SELECT max(length(data)) FROM session").await / 4000, 0);
    let end = browser
        .answer(LOGIN, &query, json!({"component": "ak-stage-password", "password": "password of ada"}))
        .await;
    assert_eq!(end["to"], "/fine", "{end}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_sessions_of_strangers_have_a_budget_and_people_who_sign_in_use_none_of_it() {
    each_database(|kind| async move {
        let app = start(kind, &[("THROTTLE__SESSIONS", "5/hour")]).await;
        app.user("ada", "Correct-Horse-9").await;
        let office = "198.51.100.7";
        for _ in 0..12 {
            assert_eq!(
                from(&app, office).login("ada", "Correct-Horse-9").await["component"],
                "xak-flow-redirect"
            );
        }
        let path = format!("/api/v3/flows/executor/{LOGIN}/?query=");
        let name = || json!({"component": "ak-stage-identification", "uid_field": "ada"});
        for _ in 0..5 {
            assert_eq!(from(&app, office).post(&path, name()).await.status, 302);
        }
        let refused = from(&app, office).post(&path, name()).await;
        assert_eq!(refused.status, 429);
        assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 720);
        assert_eq!(from(&app, "198.51.100.8").post(&path, name()).await.status, 302);
        app.clock.advance_secs(721);
        assert_eq!(from(&app, office).post(&path, name()).await.status, 302);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_what_events_and_sessions_keep_of_headers_is_short() {
    let app = start(signet_store::DbKind::Sqlite, &[]).await;
    let mut browser = app.browser();
    browser.headers.push(("user-agent".into(), "A".repeat(4000)));
    browser
        .get(&format!("/api/v3/flows/executor/default-user-settings-flow/?query={}", "b".repeat(1000)))
        .await;
    settled().await;
    let agents =
        count(&app, "SELECT max(length(context)) FROM event WHERE action = 'policy_execution'").await;
    assert!(agents < 1500, "{agents}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_the_throttle_default_limits_requests_of_strangers_to_api_and_executor() {
    let app = start(signet_store::DbKind::Sqlite, &[("THROTTLE__DEFAULT", "6/minute")]).await;
    app.user("ada", "Correct-Horse-9").await;
    let mut ada = app.login("ada", "Correct-Horse-9").await;
    let office = "198.51.100.7";
    for n in 0..10 {
        let path = if n % 2 == 0 {
            "/api/v3/root/config/"
        } else {
            "/api/v3/flows/executor/default-authentication-flow/?query="
        };
        let answer = from(&app, office).get(path).await;
        assert_eq!(answer.status == 429, n >= 6, "{n}: {}", answer.text());
        assert!(n < 6 || (1..=10).contains(&answer.header("retry-after").parse().unwrap()));
    }
    assert_eq!(from(&app, "198.51.100.8").get("/api/v3/root/config/").await.status, 200);
    for _ in 0..10 {
        assert_eq!(ada.get("/api/v3/core/users/me/").await.status, 200);
    }
    app.clock.advance_secs(11);
    assert_eq!(from(&app, office).get("/api/v3/root/config/").await.status, 200);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_06_authorization_requests_of_strangers_have_the_budget_of_sessions() {
    each_database(|kind| async move {
        let app = start(kind, &[("THROTTLE__SESSIONS", "5/hour")]).await;
        let mut admin = app.admin().await;
        let mut flows = Vec::new();
        for slug in ["default-provider-authorization-implicit-consent", "default-provider-invalidation-flow"] {
            flows.push(admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone());
        }
        let provider = json!({"name": "app", "client_id": "app", "authorization_flow": flows[0], "invalidation_flow": flows[1],
            "redirect_uris": [{"matching_mode": "strict", "url": "https://app.test/cb"}]});
        let made = admin.post("/api/v3/providers/oauth2/", provider).await.json();
        admin.post("/api/v3/core/applications/", json!({"name": "app", "slug": "app", "provider": made["pk"]})).await;
        let path = "/application/o/authorize/?client_id=app&response_type=code&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&scope=openid";
        let mut refused = 0;
        for n in 0..20 {
            let answer = from(&app, "198.51.100.7").get(&format!("{path}&state={n}")).await;
            assert!(answer.status == 302 || answer.status == 429, "{n}: {}", answer.text());
            refused += usize::from(answer.status == 429);
        }
        settled().await;
        let rows = count(&app, SESSIONS).await;
        assert!(rows <= 5 && (refused == 15 || rows == 0), "{rows} rows, {refused} refused");
        assert_eq!(from(&app, "198.51.100.8").get(path).await.status, 302);
        app.stop().await;
    })
    .await;
}
