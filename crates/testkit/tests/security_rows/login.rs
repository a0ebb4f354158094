//! Names and passwords: what a crowd of attempts gets, what answers tell, where a sign-in leads.
use crate::site::{Browser, Site, TestResponse, each_site, password};
use http::{Method, StatusCode};
use signet_base::{Json, json, query};
use signet_core::setup;
use signet_store::users;
use std::sync::Arc;

const LOGIN: &str = "default-authentication-flow";

fn name(text: &str) -> Json {
    json!({"component": "ak-stage-identification", "uid_field": text})
}
fn secret(text: &str) -> Json {
    json!({"component": "ak-stage-password", "password": text})
}
async fn limit(site: &Site, limit: i64) {
    let stage = site.find("authentik_stages_password.passwordstage", "default-authentication-password").pk;
    let answer = site
        .admin()
        .await
        .json(
            Method::PATCH,
            &format!("/api/v3/stages/password/{stage}/"),
            &json!({"failed_attempts_before_cancel": limit}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}
/// A browser at the password stage.
async fn asked(site: &Site, who: &str) -> Browser {
    let browser = site.browser();
    browser.challenge(LOGIN).await;
    assert_eq!(browser.step(LOGIN, &name(who)).await.component(), "ak-stage-password");
    browser
}
/// What each of many browsers at once is answered; none where the server said that too many are waiting.
async fn crowd(site: &Arc<Site>, who: &str, text: &'static str, count: usize) -> Vec<Option<TestResponse>> {
    let mut browsers = Vec::new();
    for _ in 0..count {
        browsers.push(asked(site, who).await);
    }
    let tasks: Vec<_> = browsers
        .into_iter()
        .map(|b| tokio::spawn(async move { b.answer_in_a_crowd(LOGIN, &secret(text)).await }))
        .collect();
    let mut out = Vec::new();
    for task in tasks {
        out.push(task.await.unwrap());
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_wrong_passwords_at_once_only_the_limit_is_judged() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        limit(&site, 4).await;
        for who in ["alice", "nobody"] {
            let before = site.core.metrics.failed_logins.get();
            let answers = crowd(&site, who, "wrong", 100).await;
            assert_eq!(site.core.metrics.failed_logins.get() - before, 4, "{who}: judged");
            let wrong = answers.iter().flatten().filter(|a| a.component() == "ak-stage-password").count();
            let refused =
                answers.iter().flatten().filter(|a| a.component() == "ak-stage-access-denied").count();
            let waiting = answers.iter().filter(|a| a.is_none()).count();
            assert_eq!(
                (wrong, refused + waiting),
                (3, 97),
                "{who}: the last of the four ends its run as well"
            );
            // Now the right one is not looked at either, whichever way the account is named; another name of hers does
            // not tell that it is hers.
            for (typed, end) in [(who, "ak-stage-access-denied"), ("ALICE@example.test", "ak-stage-password")]
            {
                let late = asked(&site, typed).await;
                assert_eq!(late.step(LOGIN, &secret("password of alice")).await.component(), end, "{typed}");
                assert!(!late.is_signed_in().await);
            }
        }
        // The window ends by itself.
        site.clock.advance_secs(301);
        assert!(site.browser().signed_in("alice").await.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_at_once_are_not_taken_for_an_attack() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        limit(&site, 2).await;
        let answers = crowd(&site, "alice", "password of alice", 12).await;
        assert!(
            answers.iter().flatten().filter(|a| a.component() == "xak-flow-redirect").count() == 12,
            "{answers:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_lock_people_out_of_browsers_they_have_used() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        let own = site.browser().signed_in("alice").await.cookie("authentik_device").await.unwrap();
        for _ in 0..6 {
            asked(&site, "alice").await.step(LOGIN, &secret("wrong")).await;
        }
        assert_eq!(
            asked(&site, "alice").await.step(LOGIN, &secret("password of alice")).await.component(),
            "ak-stage-access-denied"
        );
        let known =
            site.browser().header("cookie", &format!("authentik_device={own}")).signed_in("alice").await;
        assert!(known.is_signed_in().await);
        // The key of another person's browser opens no second count.
        site.user("mallory", &[]).await;
        let theirs = site.browser().signed_in("mallory").await.cookie("authentik_device").await.unwrap();
        let attacker = site.browser().header("cookie", &format!("authentik_device={theirs}"));
        attacker.challenge(LOGIN).await;
        attacker.step(LOGIN, &name("alice")).await;
        assert_eq!(
            attacker.step(LOGIN, &secret("password of alice")).await.component(),
            "ak-stage-access-denied"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_without_an_available_backend_says_so_to_everybody_alike() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        let stage = site.find("authentik_stages_password.passwordstage", "default-authentication-password").pk;
        let change = json!({"backends": ["authentik.sources.ldap.auth.LDAPBackend", "authentik.sources.kerberos.auth.KerberosBackend"]});
        let answer = site.admin().await.json(Method::PATCH, &format!("/api/v3/stages/password/{stage}/"), &change).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let mut texts = Vec::new();
        for who in ["alice", "nobody"] {
            let end = asked(&site, who).await.step(LOGIN, &secret("password of alice")).await;
            assert_eq!(end.component(), "ak-stage-access-denied", "{}", end.body);
            texts.push(end.json()["error_message"].clone());
        }
        assert!(texts[0] == texts[1] && texts[0].as_str().unwrap().contains("not possible here"), "{texts:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_submit_signs_in_once_and_a_replay_starts_anew() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let alice = site.user("alice", &[]).await;
        let browser = Arc::new(asked(&site, "alice").await);
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let browser = browser.clone();
                tokio::spawn(async move { browser.answer(LOGIN, &secret("password of alice")).await.status })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap().as_u16() < 500);
        }
        browser.challenge(LOGIN).await;
        assert!(browser.is_signed_in().await);
        assert_eq!(signet_store::sessions::of_user(&site.core.db, alice).await.unwrap().len(), 1);
        // The same answers in another browser, without the questions.
        let replay = site.browser();
        for _ in 0..3 {
            assert_eq!(
                replay.step(LOGIN, &secret("password of alice")).await.component(),
                "ak-stage-identification"
            );
        }
        assert!(!replay.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_leads_nowhere_else() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        let evil = [
            "https://evil.test/",
            "//evil.test/",
            "/\\evil.test/",
            "\\\\evil.test",
            "javascript:alert(1)",
            "https:evil.test",
            "/%09/evil.test",
            "\thttps://evil.test",
            "data:text/html,x",
            "http://id.test@evil.test/",
        ];
        for next in evil {
            let (browser, inner) = (site.browser(), query::build([("next", next)]));
            let address = format!("/api/v3/flows/executor/{LOGIN}/?query={}", query::encode(&inner));
            browser.get(&address).await;
            browser.json(Method::POST, &address, &name("alice")).await;
            browser.get(&address).await;
            browser.json(Method::POST, &address, &secret("password of alice")).await;
            let mut end = browser.get(&address).await;
            while end.status == StatusCode::FOUND {
                end = browser.get(&address).await;
            }
            let to = end.json()["to"].as_str().unwrap_or("/").to_owned();
            assert!(
                to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\") && !to.contains('\t'),
                "{next}: {}",
                end.body
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions_and_keeps_this_one() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let alice = site.user("alice", &[]).await;
        let (here, there) = (site.browser().signed_in("alice").await, site.browser().signed_in("alice").await);
        assert!(here.is_signed_in().await && there.is_signed_in().await);
        const FLOW: &str = "default-password-change";
        assert_eq!(here.challenge(FLOW).await.component(), "ak-stage-prompt");
        let sent = json!({"component": "ak-stage-prompt", "password": "another long secret 7", "password_repeat": "another long secret 7"});
        let end = here.step(FLOW, &sent).await;
        assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        assert!(here.is_signed_in().await && !there.is_signed_in().await);
        let user = users::by_id(&site.core.db, alice).await.unwrap().unwrap();
        assert!(site.core.hasher.verify(Some(&user.password), &"another long secret 7".into()).await.unwrap());
        assert_eq!(site.browser().log_in("alice", &password("alice")).await.component(), "ak-stage-password");
    })
    .await;
}
