//! Sessions: how long they last, where they hold, how many there are, who ends them.
use crate::app::{App, text};
use crate::site::{Browser, Site, each_site, each_site_with, password};
use http::{Method, StatusCode};
use signet_base::{Json, json};
use signet_store::sessions;
use signet_testkit::{DbKind, Setup};
use std::sync::Arc;

const LOGIN: &str = "default-authentication-flow";
const HOUR: i64 = 3600;

/// Changes the login stage of the default flow.
async fn login_stage(site: &Site, change: &Json) {
    let stage = site.find("authentik_stages_user_login.userloginstage", "default-authentication-login").pk;
    let answer =
        site.admin().await.json(Method::PATCH, &format!("/api/v3/stages/user_login/{stage}/"), change).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}
async fn alive(site: &Site, user: i64) -> usize {
    sessions::of_user(&site.core.db, user)
        .await
        .unwrap()
        .iter()
        .filter(|s| !s.is_expired(site.core.now()))
        .count()
}
/// How a browser's session cookie was set by its last sign-in.
async fn set_cookie(browser: &Browser, name: &str) -> String {
    let end = browser.log_in("alice", &password("alice")).await;
    let all: Vec<&str> = end.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).collect();
    all.iter().find(|c| c.starts_with(name)).unwrap_or_else(|| panic!("{all:?}")).to_string()
}

const TIMES: [(&str, &str); 3] = [
    ("AUTHENTIK_SESSION_SECURITY__TIMEOUT_IDLE", "hours=2"),
    ("AUTHENTIK_SESSION_SECURITY__TIMEOUT_ABSOLUTE", "hours=8"),
    ("AUTHENTIK_SESSION_SECURITY__REMEMBER_ME_DURATION", "days=30"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_not_used_and_when_it_is_old() {
    each_site_with(&TIMES, |site| async move {
        let alice = site.user("alice", &[]).await;
        login_stage(&site, &json!({"session_duration": "days=7"})).await;
        let (idle, used) = (site.browser().signed_in("alice").await, site.browser().signed_in("alice").await);
        for _ in 0..7 {
            site.clock.advance_secs(HOUR);
            assert!(used.is_signed_in().await);
            // What was used is written beside the requests.
            site.core.db.flush().await.unwrap();
        }
        assert!(!idle.is_signed_in().await, "not used for two hours");
        site.clock.advance_secs(HOUR - 1);
        assert!(used.is_signed_in().await);
        site.clock.advance_secs(1);
        assert!(!used.is_signed_in().await, "eight hours are over, however much it is used");
        assert_eq!(alive(&site, alice).await, 0);
        // A stage that allows less goes before the rule.
        login_stage(&site, &json!({"session_duration": "minutes=10"})).await;
        let short = site.browser().signed_in("alice").await;
        site.clock.advance_secs(600);
        assert!(!short.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staying_signed_in_is_a_choice_with_an_end_of_its_own() {
    each_site_with(&TIMES, |site| async move {
        site.user("alice", &[]).await;
        login_stage(&site, &json!({"session_duration": "hours=8", "remember_me_offset": "days=90"})).await;
        let (stays, leaves) = (site.browser(), site.browser());
        for (browser, remember) in [(&stays, true), (&leaves, false)] {
            let asked = browser.log_in("alice", &password("alice")).await;
            assert_eq!(asked.component(), "ak-stage-user-login", "{}", asked.body);
            assert!(!browser.is_signed_in().await, "the question is open");
            browser.challenge(LOGIN).await;
            for wrong in [
                json!({"component": "ak-stage-user-login"}),
                json!({"component": "ak-stage-password", "remember_me": true}),
                json!({"component": "ak-stage-user-login", "remember_me": "perhaps"}),
            ] {
                let again = browser.step(LOGIN, &wrong).await;
                assert!(
                    again.component() == "ak-stage-user-login"
                        && again.json()["response_errors"]["remember_me"].is_array(),
                    "{}",
                    again.body
                );
            }
            let end = browser
                .step(LOGIN, &json!({"component": "ak-stage-user-login", "remember_me": remember}))
                .await;
            assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        }
        site.clock.advance_secs(3 * HOUR);
        assert!(stays.is_signed_in().await && !leaves.is_signed_in().await);
        site.clock.advance_secs(30 * 24 * HOUR - 3 * HOUR - 1);
        assert!(stays.is_signed_in().await);
        site.clock.advance_secs(1);
        assert!(!stays.is_signed_in().await, "thirty days, whatever the stage allows");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_session_ends_when_there_are_too_many() {
    each_site_with(&[("AUTHENTIK_SESSION_SECURITY__CONCURRENT_SESSIONS", "3")], |site| async move {
        let (alice, bob) = (site.user("alice", &[]).await, site.user("bob", &[]).await);
        let other = site.browser().signed_in("bob").await;
        let mut all = Vec::new();
        for _ in 0..5 {
            site.clock.advance_secs(1);
            all.push(site.browser().signed_in("alice").await);
        }
        let mut signed_in = Vec::new();
        for browser in &all {
            signed_in.push(browser.is_signed_in().await);
        }
        assert_eq!(signed_in, [false, false, true, true, true]);
        assert!(other.is_signed_in().await && alive(&site, bob).await == 1);
        // Many at the same moment do not slip through together.
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let site = site.clone();
                tokio::spawn(async move { drop(site.browser().log_in("alice", &password("alice")).await) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(alive(&site, alice).await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_holds_for_the_address_it_began_at() {
    each_site_with(&[("AUTHENTIK_SESSION_SECURITY__IP_BINDING", "true")], |site| async move {
        site.user("alice", &[]).await;
        bound(&site).await;
    })
    .await;
    // The same by the stage: the network of these addresses is not known here, so that the address itself is
    // bound.
    for level in [
        json!({"network_binding": "bind_asn"}),
        json!({"geoip_binding": "bind_continent"}),
        json!({"network_binding": "bind_asn_network_ip"}),
    ] {
        let level = &level;
        each_site(|site| async move {
            site.user("alice", &[]).await;
            login_stage(&site, level).await;
            bound(&site).await;
        })
        .await;
    }
}
async fn bound(site: &Arc<Site>) {
    let home = site.browser().header("x-forwarded-for", "192.0.2.7").signed_in("alice").await;
    assert!(home.is_signed_in().await);
    let key = home.cookie("authentik_session").await.unwrap();
    let thief = site
        .browser()
        .header("x-forwarded-for", "198.51.100.9")
        .header("cookie", &format!("authentik_session={key}"));
    let sent_away = thief.get("/if/user/").await;
    assert!(
        sent_away.status == StatusCode::FOUND && sent_away.location().contains("next="),
        "{} {}",
        sent_away.status,
        sent_away.location()
    );
    let api = site
        .browser()
        .header("x-forwarded-for", "198.51.100.9")
        .header("cookie", &format!("authentik_session={key}"));
    assert_ne!(api.get("/api/v3/core/users/me/").await.status, StatusCode::OK);
    assert!(
        !home.is_signed_in().await,
        "whoever has the cookie elsewhere has ended the session for everybody"
    );
    let events = site.admin().await.get("/api/v3/events/events/?action=logout").await.json();
    assert_eq!(events["results"][0]["context"]["reason"], "ip", "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_gives_a_new_key_and_the_old_one_is_worth_nothing() {
    each_site(|site| async move {
        site.user("alice", &[]).await;
        let browser = site.browser();
        browser.challenge(LOGIN).await;
        let planted = browser.cookie("authentik_session").await.unwrap();
        let browser = browser.signed_in("alice").await;
        let own = browser.cookie("authentik_session").await.unwrap();
        assert!(own != planted && browser.is_signed_in().await);
        let attacker = site.browser().header("cookie", &format!("authentik_session={planted}"));
        assert!(!attacker.is_signed_in().await);
        // Somebody else in the same browser: again a new key, and the first session is over.
        site.user("bob", &[]).await;
        let first = site.browser().header("cookie", &format!("authentik_session={own}"));
        assert!(first.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_say_how_far_they_travel() {
    each_site(|site| async move {
        site.user("alice", &[]).await;
        let plain = set_cookie(&site.browser(), "authentik_session=").await;
        assert!(
            plain.contains("HttpOnly")
                && plain.contains("SameSite=Lax")
                && !plain.contains("Secure")
                && !plain.contains("Max-Age"),
            "{plain}"
        );
        let tls =
            set_cookie(&site.browser().header("x-forwarded-proto", "https"), "authentik_session=").await;
        assert!(tls.contains("HttpOnly") && tls.contains("SameSite=Lax; Secure"), "{tls}");
        let device = set_cookie(&site.browser(), "authentik_device=").await;
        assert!(device.contains("HttpOnly") && device.contains("Max-Age=2592000"), "{device}");
    })
    .await;
    each_site_with(&[("AUTHENTIK_SESSION_SECURITY__SAME_SITE", "None")], |site| async move {
        site.user("alice", &[]).await;
        let tls =
            set_cookie(&site.browser().header("x-forwarded-proto", "https"), "authentik_session=").await;
        assert!(tls.contains("SameSite=None; Secure"), "{tls}");
        // Browsers refuse None without Secure.
        assert!(set_cookie(&site.browser(), "authentik_session=").await.contains("SameSite=Lax"));
    })
    .await;
    each_site_with(
        &[
            ("AUTHENTIK_SESSION_SECURITY__SECURE_COOKIES", "true"),
            ("AUTHENTIK_SESSION_SECURITY__SAME_SITE", "Strict"),
        ],
        |site| async move {
            site.user("alice", &[]).await;
            let cookie = set_cookie(&site.browser(), "authentik_session=").await;
            assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict; Secure"), "{cookie}");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_see_and_end_their_own_sessions_only() {
    each_site(|site| async move {
        let (alice, bob) = (site.user("alice", &[]).await, site.user("bob", &[]).await);
        let (here, there) =
            (site.browser().signed_in("alice").await, site.browser().signed_in("alice").await);
        let other = site.browser().signed_in("bob").await;
        // The page sets the token that writing needs.
        assert!(here.is_signed_in().await && there.is_signed_in().await && other.is_signed_in().await);
        let list = here.get("/api/v3/core/authenticated_sessions/").await.json();
        let own: Vec<&Json> = list["results"].as_array().unwrap().iter().collect();
        assert_eq!(own.len(), 2, "{list}");
        assert!(
            own.iter().all(|s| s["user"] == alice)
                && own.iter().filter(|s| s["current"] == true).count() == 1
        );
        let foreign = sessions::of_user(&site.core.db, bob).await.unwrap()[0].uuid;
        for method in [Method::GET, Method::DELETE] {
            let answer = here
                .json(method, &format!("/api/v3/core/authenticated_sessions/{foreign}/"), &json!({}))
                .await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
        }
        let bulk = here
            .json(
                Method::DELETE,
                &format!("/api/v3/core/authenticated_sessions/bulk_delete/?user_pks={bob}"),
                &json!({}),
            )
            .await;
        assert_eq!(bulk.status, StatusCode::FORBIDDEN);
        let away = own.iter().find(|s| s["current"] == false).unwrap()["uuid"].as_str().unwrap();
        assert_eq!(
            here.json(Method::DELETE, &format!("/api/v3/core/authenticated_sessions/{away}/"), &json!({}))
                .await
                .status,
            StatusCode::NO_CONTENT
        );
        assert!(here.is_signed_in().await && !there.is_signed_in().await && other.is_signed_in().await);
        // A session that was ended while one of its requests ran does not come back by it.
        assert_eq!(alive(&site, alice).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_new_once() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        site.user("bob", &[]).await;
        let seen = async |n: usize| {
            let events =
                site.admin().await.get("/api/v3/events/events/?action=login&ordering=-created").await.json();
            let all: Vec<bool> = events["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["context"]["auth_method_args"]["known_device"].as_bool().unwrap())
                .collect();
            assert_eq!(all.len(), n, "{events}");
            all[0]
        };
        let browser = site.browser().signed_in("alice").await;
        assert!(!seen(1).await);
        site.clock.advance_secs(60);
        let device = browser.cookie("authentik_device").await.unwrap();
        let again =
            site.browser().header("cookie", &format!("authentik_device={device}")).signed_in("alice").await;
        assert!(seen(2).await);
        assert_eq!(again.cookie("authentik_device").await.unwrap(), device, "a known browser keeps its key");
        site.clock.advance_secs(60);
        // The same browser is new for somebody else, who gets a new key: one that was planted would not
        // become known.
        let bob =
            site.browser().header("cookie", &format!("authentik_device={device}")).signed_in("bob").await;
        assert!(!seen(3).await);
        assert_ne!(bob.cookie("authentik_device").await.unwrap(), device);
        assert_eq!(signet_store::known_devices::of_user(&site.core.db, alice).await.unwrap().len(), 1);
    })
    .await;
}

/// Two nodes need a database that both reach.
#[allow(clippy::disallowed_methods, reason = "the test run says by a variable that there is no PostgreSQL")]
#[tokio::test(flavor = "multi_thread")]
async fn row_19_a_session_that_ends_is_over_on_every_node() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let setup = Setup::new(DbKind::Postgres).await;
    let (one, two) = (setup.start().await.unwrap(), setup.start().await.unwrap());
    let user = one.user("alice", "pw").await;
    let mut here = one.login("alice", "pw").await;
    let mut there = two.browser();
    there.cookies = here.cookies.clone();
    assert_eq!(
        (here.get("/if/user/").await.status, there.get("/if/user/").await.status),
        (StatusCode::OK, StatusCode::OK)
    );
    // The owner ends it on the one node; the next request on the other is a stranger's.
    let list = here.get("/api/v3/core/authenticated_sessions/").await.json();
    let own = list["results"][0]["uuid"].as_str().unwrap();
    assert_eq!(
        here.delete(&format!("/api/v3/core/authenticated_sessions/{own}/")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(there.get("/if/user/").await.status, StatusCode::FOUND);
    // Attempts are counted over both nodes.
    for (n, node) in [&one, &two, &one, &two, &one].into_iter().enumerate() {
        let answer = node.browser().login("alice", "wrong").await;
        assert_eq!(answer["component"] == "ak-stage-access-denied", n == 4, "{answer}");
    }
    assert_eq!(two.browser().login("alice", "pw").await["component"], "ak-stage-access-denied");
    assert!(sessions::of_user(&two.core.db, user.id).await.unwrap().is_empty());
    one.halt().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_27_another_site_ends_no_application_without_a_question() {
    each_site(|site| async move {
        crate::flows::finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let end = "/application/o/app/end-session/";
        let follow = async |browser: &Browser, address: &str| {
            let mut answer = browser.get(address).await;
            while answer.location().starts_with('/') {
                answer = browser.get(answer.location()).await;
            }
            answer
        };
        // Without a hint whose session is meant: a question, and nothing has happened.
        let browser = site.browser().signed_in("alice").await;
        let tokens = app.tokens(&browser).await;
        let sent_here = browser.header("sec-fetch-site", "cross-site");
        let page = follow(&sent_here, end).await;
        assert!(page.body.contains("Another site asks to sign you out"), "{}", page.body);
        assert!(app.is_active(text(&tokens, "access_token")).await);
        let csrf =
            page.body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let agreed = sent_here
            .form(
                "/if/flow/default-provider-invalidation-flow/",
                &[("csrf", csrf), ("component", "ak-stage-dummy")],
            )
            .await;
        assert!(agreed.status.is_success() || agreed.status.is_redirection(), "{}", agreed.body);
        assert!(!app.is_active(text(&tokens, "access_token")).await);
        // An ID token of this session says that the person meant it.
        let browser = site.browser().signed_in("alice").await;
        let tokens = app.tokens(&browser).await;
        let sent_here = browser.header("sec-fetch-site", "cross-site");
        follow(&sent_here, &format!("{end}?id_token_hint={}", text(&tokens, "id_token"))).await;
        assert!(!app.is_active(text(&tokens, "access_token")).await);
        // So does a link of our own pages.
        let browser = site.browser().signed_in("alice").await;
        let tokens = app.tokens(&browser).await;
        follow(&browser, end).await;
        assert!(!app.is_active(text(&tokens, "access_token")).await);
    })
    .await;
}
