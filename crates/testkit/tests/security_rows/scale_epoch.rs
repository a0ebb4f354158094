//! A1 and B9 of the scale findings: sign-ins at the very moment of a change, and the last administrator.
use crate::redteam_epoch::{LOGIN, NEW, blueprint};
use crate::site::{each_site, password};
use http::{Method, StatusCode};
use signet_base::{Json, Secret, json};
use signet_store::users::{self, User};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn scale_b9_nobody_takes_the_last_administrator_away() {
    each_site(|site| async move {
        let admin = users::by_username(&site.core.db, "akadmin").await.unwrap().unwrap();
        let one = format!("/api/v3/core/users/{}/", admin.id);
        let refused = site.admin().await.json(Method::PATCH, &one, &json!({"is_active": false})).await;
        assert!(refused.status == StatusCode::BAD_REQUEST && refused.json()["is_active"].is_array(), "{}", refused.body);
        for state in ["attrs: {is_active: false}", "state: absent", "attrs: {type: service_account}"] {
            let text = format!("version: 1\nmetadata: {{name: x}}\nentries:\n- model: authentik_core.user\n  identifiers: {{username: akadmin}}\n  {state}\n");
            let said = blueprint(&site, &text).await.unwrap_err();
            assert!(said.contains("last active administrator"), "{said}");
        }
        // By a flow: the write stage and the delete stage.
        users::set_password(&site.core.db, admin.id, &site.core.hasher.hash(Secret::new(password("akadmin"))).await.unwrap(), site.core.now()).await.unwrap();
        site.create("authentik_stages_user_delete.userdeletestage", json!({"name": "delete"})).await;
        site.create("authentik_stages_user_write.userwritestage", json!({"name": "write", "user_creation_mode": "never_create"})).await;
        site.flow_of("leave", &[("delete", None)]).await;
        site.flow_of("rest", &[("write", Some("context['flow_plan'].context['prompt_data'] = {'is_active': False}\nreturn True"))]).await;
        let browser = site.browser().signed_in("akadmin").await;
        browser.get("/if/user/").await;
        for flow in ["leave", "rest"] {
            let asked = browser.challenge(flow).await;
            let end = browser.step(flow, &json!({"component": "ak-stage-consent", "token": asked.json()["token"]})).await;
            assert_eq!(end.component(), "ak-stage-access-denied", "{flow} {}", end.body);
        }
        let there = users::by_id(&site.core.db, admin.id).await.unwrap().unwrap();
        assert!(there.is_active && browser.is_signed_in().await);
        // Where there is another one, only the own account is refused.
        let second = site.user("second", &[site.admins().await]).await;
        let own = site.admin().await.json(Method::PATCH, &one, &json!({"is_active": false})).await;
        assert_eq!(own.status, StatusCode::BAD_REQUEST, "{}", own.body);
        let other = site.api(second).await.json(Method::PATCH, &one, &json!({"is_active": false})).await;
        assert_eq!(other.status, StatusCode::OK, "{}", other.body);
    })
    .await;
}

/// Sign-ins with the old password all the time, while it is changed: none of them is good afterwards.
async fn storm(nodes: &[&signet_testkit::App], user: &User, rounds: usize) {
    for round in 0..rounds {
        let (old, new) = (format!("password {round} of alice"), format!("password {} of alice", round + 1));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let tasks: Vec<_> = (0..4)
            .map(|n| {
                let (mut browser, stop, old) = (nodes[n % nodes.len()].browser(), stop.clone(), old.clone());
                tokio::spawn(async move {
                    let mut jars = Vec::new();
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        browser.cookies.clear();
                        if browser.login("alice", &old).await["component"] == "xak-flow-redirect" {
                            jars.push(browser.clone());
                        }
                    }
                    jars
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(250)).await;
        // The storm may fill the queue in front of the hashes: whoever is told so comes again.
        let mut admin = nodes[0].admin().await;
        let mut set = StatusCode::SERVICE_UNAVAILABLE;
        while [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&set) {
            set = admin
                .post(&format!("/api/v3/core/users/{}/set_password/", user.id), json!({"password": new}))
                .await
                .status;
        }
        assert_eq!(set, StatusCode::NO_CONTENT);
        tokio::time::sleep(Duration::from_millis(150)).await;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let mut jars = Vec::new();
        for task in tasks {
            jars.extend(task.await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
        for mut browser in jars {
            assert_ne!(
                browser.get("/api/v3/core/users/me/").await.status,
                StatusCode::OK,
                "round {round}: a session of the old password is good"
            );
        }
        assert_eq!(nodes[0].browser().login("alice", &new).await["component"], "xak-flow-redirect");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_a1_no_session_of_the_old_password_is_good_after_a_change() {
    signet_testkit::each_database(|kind| async move {
        // The limit of wrong passwords would end the storm early.
        let app = signet_testkit::App::start(kind).await;
        let stage =
            app.core.config().objects().find(|o| o.name() == "default-authentication-password").unwrap().pk;
        app.admin()
            .await
            .patch(
                &format!("/api/v3/stages/password/{stage}/"),
                json!({"failed_attempts_before_cancel": 100_000}),
            )
            .await;
        let user = app.user("alice", "password 0 of alice").await;
        storm(&[&app], &user, 4).await;
        app.stop().await;
    })
    .await;
}

/// Two nodes need a database that both reach.
#[allow(clippy::disallowed_methods, reason = "the test run says by a variable that there is no PostgreSQL")]
#[tokio::test(flavor = "multi_thread")]
async fn scale_a1_nor_over_two_nodes() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let setup = signet_testkit::Setup::new(signet_testkit::DbKind::Postgres).await;
    let (one, two) = (setup.start().await.unwrap(), setup.start().await.unwrap());
    let stage =
        one.core.config().objects().find(|o| o.name() == "default-authentication-password").unwrap().pk;
    one.admin()
        .await
        .patch(
            &format!("/api/v3/stages/password/{stage}/"),
            json!({"failed_attempts_before_cancel": 100_000}),
        )
        .await;
    let login = one.core.config().objects().find(|o| o.name() == "default-authentication-login").unwrap().pk;
    let user = one.user("alice", "password 0 of alice").await;
    storm(&[&one, &two], &user, 4).await;
    // A run that waits at the one node ends with what happens at the other.
    one.admin()
        .await
        .patch(&format!("/api/v3/stages/user_login/{login}/"), json!({"remember_me_offset": "days=1"}))
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    for change in [json!({"password": NEW}), Json::Null] {
        let current = if change.is_null() { NEW } else { "password 4 of alice" };
        let mut waiting = two.browser();
        assert_eq!(waiting.login("alice", current).await["component"], "ak-stage-user-login");
        let mut admin = one.admin().await;
        let path = format!("/api/v3/core/users/{}/", user.id);
        if change.is_null() {
            for active in [false, true] {
                admin.patch(&path, json!({"is_active": active})).await;
            }
        } else {
            admin.post(&format!("{path}set_password/"), change).await;
        }
        // At once: the node may still hold what it has read of the account.
        let end =
            waiting.answer(LOGIN, "", json!({"component": "ak-stage-user-login", "remember_me": true})).await;
        assert_eq!(end["component"], "ak-stage-identification", "{end}");
        assert_ne!(waiting.get("/api/v3/core/users/me/").await.status, StatusCode::OK);
    }
    one.halt().await;
    two.stop().await;
}
