//! Answers that come twice, too early, too late, at once, or that belong to something else.
use crate::site::{Site, each_site};
use http::StatusCode;
use signet_base::{Json, json};
use signet_core::setup;
use std::sync::Arc;

const ONE: &str = "one-then-two";

async fn two_steps(site: &Arc<Site>) {
    setup::finish(&site.core).await.unwrap();
    for name in ["first", "second"] {
        let field = site
            .create(
                "authentik_stages_prompt.prompt",
                json!({"name": name, "field_key": name, "label": name, "type": "text", "required": true}),
            )
            .await
            .pk;
        site.create("authentik_stages_prompt.promptstage", json!({"name": name, "fields": [field]})).await;
    }
    site.create("authentik_stages_dummy.dummystage", json!({"name": "end"})).await;
    site.flow_of(ONE, &[("first", None), ("second", None), ("end", None)]).await;
}
fn field(challenge: &Json) -> &str {
    challenge["fields"][0]["field_key"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_for_the_stage_that_is_open() {
    each_site(|site| async move {
        two_steps(&site).await;
        let browser = site.browser();
        // Too early: for a later stage, or for one that this flow does not have.
        for sent in [
            json!({"component": "ak-stage-dummy"}),
            json!({"component": "ak-stage-password", "password": "x"}),
            json!({"component": "ak-stage-prompt", "second": "x"}),
            json!({}),
        ] {
            let seen = browser.step(ONE, &sent).await.json();
            assert!(field(&seen) == "first" && seen["response_errors"].is_object(), "{sent}: {seen}");
        }
        let right = json!({"component": "ak-stage-prompt", "first": "x"});
        assert_eq!(field(&browser.step(ONE, &right).await.json()), "second");
        // Once more: it is no answer to what is open now.
        for _ in 0..3 {
            let seen = browser.step(ONE, &right).await.json();
            assert!(field(&seen) == "second" && seen["response_errors"].is_object(), "{seen}");
        }
        assert_eq!(
            browser.step(ONE, &json!({"component": "ak-stage-prompt", "second": "x"})).await.component(),
            "ak-stage-dummy"
        );
        assert_eq!(
            browser.step(ONE, &json!({"component": "ak-stage-dummy"})).await.component(),
            "xak-flow-redirect"
        );
        // The run is over: answers begin a new one, at its beginning.
        assert_eq!(field(&browser.step(ONE, &json!({"component": "ak-stage-dummy"})).await.json()), "first");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_flows_run_waits_and_is_not_continued() {
    each_site(|site| async move {
        two_steps(&site).await;
        site.flow_of("other", &[("end", None)]).await;
        let browser = site.browser();
        browser.step(ONE, &json!({"component": "ak-stage-prompt", "first": "x"})).await;
        // The answer that is right in the other flow ends that one, and this one goes on where it was.
        assert_eq!(
            browser.step("other", &json!({"component": "ak-stage-dummy"})).await.component(),
            "xak-flow-redirect"
        );
        assert_eq!(field(&browser.challenge(ONE).await.json()), "second");
        // Another browser knows nothing of the run.
        assert_eq!(
            field(
                &site
                    .browser()
                    .step(ONE, &json!({"component": "ak-stage-prompt", "second": "x"}))
                    .await
                    .json()
            ),
            "first"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answer_at_once_makes_one_account() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let field = site
            .create(
                "authentik_stages_prompt.prompt",
                json!({"name": "u", "field_key": "username", "label": "u", "type": "username"}),
            )
            .await
            .pk;
        site.create("authentik_stages_prompt.promptstage", json!({"name": "who", "fields": [field]})).await;
        site.create(
            "authentik_stages_user_write.userwritestage",
            json!({"name": "make", "user_creation_mode": "always_create"}),
        )
        .await;
        site.flow_of("enrol", &[("who", None), ("make", None)]).await;
        let before = site.count_users().await;
        let browser = site.browser();
        browser.challenge("enrol").await;
        let cookie = browser.cookie("authentik_session").await.unwrap();
        let mut tries = Vec::new();
        for _ in 0..8 {
            let same = site.browser().header("cookie", &format!("authentik_session={cookie}"));
            tries.push(tokio::spawn(async move {
                same.step("enrol", &json!({"component": "ak-stage-prompt", "username": "twin"})).await.status
            }));
        }
        for one in tries {
            let status = one.await.unwrap();
            assert!(
                status == StatusCode::OK || status.is_redirection() || status.is_client_error(),
                "{status}"
            );
        }
        assert!(site.count_users().await <= before + 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_json_and_errors_name_the_field() {
    each_site(|site| async move {
        two_steps(&site).await;
        let browser = site.browser();
        browser.challenge(ONE).await;
        let address = format!("/api/v3/flows/executor/{ONE}/?query=");
        let form = browser.form(&address, &[("component", "ak-stage-prompt"), ("first", "x")]).await;
        assert_eq!(form.component(), "ak-stage-flow-error", "{}", form.body);
        assert_eq!(field(&browser.challenge(ONE).await.json()), "first");
        for sent in [
            json!({"component": "ak-stage-prompt"}),
            json!({"component": "ak-stage-prompt", "first": ""}),
            json!({"component": "ak-stage-prompt", "first": null}),
        ] {
            let seen = browser.step(ONE, &sent).await.json();
            assert!(seen["response_errors"]["first"][0]["string"].is_string(), "{sent}: {seen}");
        }
        for (body, status) in [
            ("[]", StatusCode::BAD_REQUEST),
            ("{", StatusCode::BAD_REQUEST),
            ("\u{0}", StatusCode::BAD_REQUEST),
        ] {
            assert_eq!(
                browser.send(http::Method::POST, &address, "application/json", body.to_owned()).await.status,
                status,
                "{body:?}"
            );
        }
        for slug in ["no-such-flow", "%00", "..", "a%2fb"] {
            assert_eq!(
                browser.get(&format!("/api/v3/flows/executor/{slug}/?query=")).await.status,
                StatusCode::NOT_FOUND,
                "{slug}"
            );
        }
    })
    .await;
}
