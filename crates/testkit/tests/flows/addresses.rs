//! Redirects into flows and out of them.
use crate::site::{each_site, password};
use http::StatusCode;
use signet_base::{Uuid, json};
use signet_core::setup;

#[tokio::test(flavor = "multi_thread")]
async fn configure_links_lead_to_the_flow_of_the_stage() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        let stage =
            site.find("authentik_stages_password.passwordstage", "default-authentication-password").pk;
        let plain =
            site.find("authentik_stages_user_login.userloginstage", "default-authentication-login").pk;
        let flow = site.flow("default-password-change");
        let address = format!("/flows/-/configure/{stage}/");
        // A stranger signs in first and comes back, query and all.
        let stranger = site.browser().get(&format!("{address}?next=/if/user/")).await;
        let back = format!("/flows/-/default/authentication/?next={}%3Fnext%3D%2Fif%2Fuser%2F", address);
        assert_eq!((stranger.status, stranger.location()), (StatusCode::FOUND, back.as_str()));
        let alice = site.browser().signed_in("alice").await;
        // The library gives the token that answers of a signed-in person carry.
        assert!(alice.is_signed_in().await);
        let answer = alice.get(&format!("{address}?next=/if/user/")).await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::FOUND, "/if/flow/default-password-change/?next=/if/user/")
        );
        assert_eq!(alice.challenge("default-password-change").await.component(), "ak-stage-prompt");
        let new = "a new phrase for Alice 7";
        let end = alice
            .step(
                "default-password-change",
                &json!({"component": "ak-stage-prompt", "password": new, "password_repeat": new}),
            )
            .await;
        assert_eq!(
            (end.component(), end.json()["to"].as_str()),
            ("xak-flow-redirect".into(), Some("/if/user/")),
            "{}",
            end.body
        );
        assert_eq!(site.browser().log_in("alice", new).await.component(), "xak-flow-redirect");
        assert_ne!(site.browser().log_in("alice", &password("alice")).await.component(), "xak-flow-redirect");
        for wrong in [plain, flow, Uuid::from_u128(7)] {
            assert_eq!(
                alice.get(&format!("/flows/-/configure/{wrong}/")).await.status,
                StatusCode::NOT_FOUND,
                "{wrong}"
            );
        }
        for junk in ["x", "%00", "..%2f"] {
            assert_eq!(
                alice.get(&format!("/flows/-/configure/{junk}/")).await.status,
                StatusCode::NOT_FOUND,
                "{junk}"
            );
        }
        // Stages that people set up for themselves, with the links.
        let listed = alice.get("/api/v3/stages/all/user_settings/").await.json();
        let own = listed.as_array().unwrap().iter().find(|s| s["object_uid"] == stage.to_string()).unwrap();
        assert_eq!(
            (&own["component"], &own["configure_url"]),
            (&json!("ak-user-settings-password"), &json!(address))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn default_flows_are_the_brands_and_keep_the_query() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let stranger = site.browser();
        for (designation, flow) in
            [("authentication", "default-authentication-flow"), ("invalidation", "default-invalidation-flow")]
        {
            let answer = stranger.get(&format!("/flows/-/default/{designation}/?next=%2Fx&a=b")).await;
            assert_eq!(
                (answer.status, answer.location()),
                (StatusCode::FOUND, format!("/if/flow/{flow}/?next=%2Fx&a=b").as_str())
            );
        }
        for none in ["recovery", "unenrollment", "nothing", "authorization", "%00"] {
            assert_eq!(
                stranger.get(&format!("/flows/-/default/{none}/")).await.status,
                StatusCode::NOT_FOUND,
                "{none}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_drops_the_run_and_stays_here() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        const LOGIN: &str = "default-authentication-flow";
        let browser = site.browser();
        browser.challenge(LOGIN).await;
        browser.step(LOGIN, &json!({"component": "ak-stage-identification", "uid_field": "nobody"})).await;
        assert_eq!(browser.challenge(LOGIN).await.component(), "ak-stage-password");
        for (next, to) in [
            ("", "/flows/-/default/invalidation/"),
            ("?next=/if/user/", "/if/user/"),
            ("?next=https://evil.test/", "/flows/-/default/invalidation/"),
            ("?next=//evil.test", "/flows/-/default/invalidation/"),
        ] {
            let answer = browser.get(&format!("/flows/-/cancel/{next}")).await;
            assert_eq!((answer.status, answer.location()), (StatusCode::FOUND, to), "{next}");
        }
        assert_eq!(browser.challenge(LOGIN).await.component(), "ak-stage-identification");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_shows_a_run_to_administrators_without_its_secrets() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        site.user("root", &[site.admins().await]).await;
        const FLOW: &str = "default-password-change";
        let path = format!("/api/v3/flows/executor/{FLOW}/?query=inspector%3Davailable");
        let inspector = format!("/api/v3/flows/inspector/{FLOW}/");
        let (alice, root) = (site.browser().signed_in("alice").await, site.browser().signed_in("root").await);
        assert_eq!(root.get(&inspector).await.status, StatusCode::NOT_FOUND, "no run yet");
        for browser in [&alice, &root] {
            assert!(browser.is_signed_in().await);
            assert_eq!(browser.get(&path).await.component(), "ak-stage-prompt");
        }
        assert_eq!(alice.get(&inspector).await.status, StatusCode::NOT_FOUND);
        assert_eq!(
            root.get("/api/v3/flows/inspector/default-authentication-flow/").await.status,
            StatusCode::NOT_FOUND
        );
        let seen = root.get(&inspector).await.json();
        assert_eq!(
            (&seen["is_completed"], &seen["current_plan"]["plan_context"]["pending_user"]["username"]),
            (&json!(false), &json!("root")),
            "{seen}"
        );
        assert_eq!(
            seen["current_plan"]["next_planned_stage"]["stage_obj"]["name"], "default-password-change-write",
            "{seen}"
        );
        // The wrong confirmation leaves the typed text nowhere; the right one ends the run.
        let typed = "what root types here 9";
        root.json(
            http::Method::POST,
            &path,
            &json!({"component": "ak-stage-prompt", "password": typed, "password_repeat": typed}),
        )
        .await;
        let seen = root.get(&inspector).await;
        assert!(!seen.body.contains(typed), "{}", seen.body);
        for _ in 0..5 {
            if root.get(&path).await.component() == "xak-flow-redirect" {
                break;
            }
        }
        let seen = root.get(&inspector).await;
        let json = seen.json();
        assert!(
            json["is_completed"] == true
                && json["plans"].as_array().unwrap().len() >= 2
                && !seen.body.contains(typed),
            "{}",
            seen.body
        );
    })
    .await;
}
