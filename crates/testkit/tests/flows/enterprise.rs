//! The enterprise sign-in: the second factor is for what is unusual, and only members pass, in working hours.
use crate::site::{Browser, Site, TestResponse, each_site, password};
use signet_base::{Json, json};
use signet_blueprints::{Source, apply, shipped};
use signet_core::directory::Author;
use signet_core::setup;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::{groups, users};
use std::sync::Arc;

const FLOW: &str = "enterprise-sso";
const FILE: &str = "example/flow-enterprise-sso.yaml";

async fn prepare(site: &Arc<Site>) {
    setup::finish(&site.core).await.unwrap();
    apply(&site.core, &Source::new(FILE, shipped(FILE).unwrap()), &Author::system()).await.unwrap();
    let members = groups::by_name(&site.core.db, "Enterprise SSO users").await.unwrap().unwrap().id;
    for (name, member, admin) in [("alice", true, false), ("mallory", false, false), ("root", true, true)] {
        let user = site.user(name, &[]).await;
        if member {
            users::join_group(&site.core.db, user, members).await.unwrap();
        }
        if admin {
            users::join_group(&site.core.db, user, site.admins().await).await.unwrap();
        }
        let device = Device::new(&site.core.ports, DeviceKind::Static, user, "codes");
        let digests: Vec<String> = (0..8).map(|n| device.code_digest(&site.core.vault, &code(n))).collect();
        devices::insert_with_codes(&site.core.db, &device, &digests).await.unwrap();
    }
}
fn code(n: usize) -> String {
    format!("abcdefgh234{}", ["a", "b", "c", "d", "e", "f", "g", "h"][n])
}

/// Name and password; what follows.
async fn begin(browser: &Browser, name: &str) -> TestResponse {
    browser.challenge(FLOW).await;
    browser.step(FLOW, &json!({"component": "ak-stage-identification", "uid_field": name})).await;
    browser.step(FLOW, &json!({"component": "ak-stage-password", "password": password(name)})).await
}
async fn second_factor(browser: &Browser, n: usize) -> TestResponse {
    browser.step(FLOW, &json!({"component": "ak-stage-authenticator-validate", "code": code(n)})).await
}
async fn sign_out(browser: &Browser) {
    browser.challenge("default-invalidation-flow").await;
    assert!(!browser.is_signed_in().await);
}
fn is_end(answer: &TestResponse) -> bool {
    answer.component() == "xak-flow-redirect"
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unusual_needs_a_second_factor() {
    each_site(|site| async move {
        prepare(&site).await;
        // A browser that nobody knows.
        let alice = site.browser();
        let asked = begin(&alice, "alice").await;
        assert_eq!(asked.component(), "ak-stage-authenticator-validate", "{}", asked.body);
        let end = second_factor(&alice, 1).await;
        assert!(is_end(&end) && alice.is_signed_in().await, "{}", end.body);
        sign_out(&alice).await;
        // The same browser, at work: nothing is unusual.
        let end = begin(&alice, "alice").await;
        assert!(is_end(&end) && alice.is_signed_in().await, "{}", end.body);
        sign_out(&alice).await;
        // The same browser somewhere else.
        let outside = alice.header("x-forwarded-for", "203.0.113.9");
        let asked = begin(&outside, "alice").await;
        assert_eq!(asked.component(), "ak-stage-authenticator-validate", "{}", asked.body);
        let wrong = outside
            .step(FLOW, &json!({"component": "ak-stage-authenticator-validate", "code": "000000"}))
            .await;
        assert!(
            wrong.json()["response_errors"].is_object() && !outside.is_signed_in().await,
            "{}",
            wrong.body
        );
        assert!(is_end(&second_factor(&outside, 2).await));
        // Administrators always.
        let root = site.browser();
        for n in 0..2 {
            assert_eq!(begin(&root, "root").await.component(), "ak-stage-authenticator-validate");
            let end = second_factor(&root, n).await;
            assert!(is_end(&end), "{}", end.body);
            sign_out(&root).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_pass_and_only_in_working_hours() {
    each_site(|site| async move {
        prepare(&site).await;
        let refused = |answer: &TestResponse| answer.component() == "ak-stage-access-denied";
        let mallory = site.browser();
        begin(&mallory, "mallory").await;
        let end = second_factor(&mallory, 0).await;
        assert!(refused(&end) && !mallory.is_signed_in().await, "{}", end.body);
        let message: Json = end.json()["error_message"].clone();
        assert!(message.as_str().unwrap().contains("Ask your administrator"), "{message}");
        // From Monday noon to the evening, and on to Saturday.
        for hours in [9, 5 * 24 - 9] {
            site.clock.advance_secs(hours * 3600);
            let alice = site.browser();
            begin(&alice, "alice").await;
            let end = second_factor(&alice, usize::from(hours > 9)).await;
            assert!(refused(&end) && !alice.is_signed_in().await, "{hours}: {}", end.body);
        }
        site.clock.advance_secs(2 * 24 * 3600);
        let alice = site.browser();
        begin(&alice, "alice").await;
        assert!(is_end(&second_factor(&alice, 3).await) && alice.is_signed_in().await);
    })
    .await;
}
