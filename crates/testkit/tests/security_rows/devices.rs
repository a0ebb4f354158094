//! Row 44 and row 36 for second factors: who sets one up, and where its codes go. Over HTTP, on both
//! databases.
use crate::site::{Site, each_site, password};
use http::Method;
use signet_base::{Json, json};
use signet_store::devices;
use signet_testkit::MailSink;
use std::time::Duration;

async fn ways(site: &Site, stage: &str) {
    site.create(
        "authentik_stages_identification.identificationstage",
        json!({"name": "d-who", "user_fields": ["username"]}),
    )
    .await;
    site.create(
        "authentik_stages_password.passwordstage",
        json!({"name": "d-password", "backends": ["authentik.core.auth.InbuiltBackend"]}),
    )
    .await;
    site.flow_of("proven", &[("d-who", None), ("d-password", None), (stage, None)]).await;
    site.flow_of("unproven", &[("d-who", None), (stage, None)]).await;
}
fn name(name: &str) -> Json {
    json!({"component": "ak-stage-identification", "uid_field": name})
}

#[tokio::test(flavor = "multi_thread")]
async fn row_44_a_code_goes_to_the_address_of_the_account() {
    each_site(|site| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        site.create(
            "authentik_stages_authenticator_email.authenticatoremailstage",
            json!({"name": "d-mail", "host": "127.0.0.1", "port": sink.port}),
        )
        .await;
        ways(&site, "d-mail").await;
        let alice = site.user("alice", &[]).await;
        let browser = site.browser();
        browser.challenge("proven").await;
        browser.step("proven", &name("alice")).await;
        let seen = browser
            .step("proven", &json!({"component": "ak-stage-password", "password": password("alice")}))
            .await;
        assert_eq!(
            (seen.component().as_str(), &seen.json()["email_required"]),
            ("ak-stage-authenticator-email", &json!(false)),
            "{}",
            seen.body
        );
        browser
            .step("proven", &json!({"component": "ak-stage-authenticator-email", "email": "eve@evil.test"}))
            .await;
        let letters = sink.take();
        assert_eq!(letters.len(), 2);
        let fine = |l: &String| l.contains("alice@example.test") && !l.contains("evil.test");
        assert!(letters.iter().all(fine), "{letters:?}");
        // Row 36: nothing but the code makes a device.
        for sent in [
            json!({}),
            json!({"component": "ak-stage-authenticator-email"}),
            json!({"code": "000000x"}),
            json!({"component": "ak-stage-dummy", "code": ""}),
        ] {
            assert_eq!(
                browser.step("proven", &sent).await.component(),
                "ak-stage-authenticator-email",
                "{sent}"
            );
        }
        assert!(devices::of_user(&site.core.db, alice, None).await.unwrap().is_empty());
        // A name alone sets nothing up, and no letter leaves.
        let browser = site.browser();
        browser.challenge("unproven").await;
        assert_eq!(browser.step("unproven", &name("alice")).await.component(), "ak-stage-access-denied");
        assert!(sink.take().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_changes_the_devices_of_others() {
    each_site(|site| async move {
        let (alice, eve) = (site.user("alice", &[]).await, site.user("eve", &[]).await);
        let made = site
            .admin()
            .await
            .json(
                Method::POST,
                "/api/v3/authenticators/admin/static/",
                &json!({"name": "Codes", "user": alice}),
            )
            .await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.body);
        let one = format!("/api/v3/authenticators/static/{}/", made.json()["pk"]);
        let eve = site.api(eve).await;
        for (method, sent) in
            [(Method::GET, json!({})), (Method::PATCH, json!({"name": "x"})), (Method::DELETE, json!({}))]
        {
            assert_eq!(eve.json(method.clone(), &one, &sent).await.status.as_u16(), 404, "{method}");
        }
        assert_eq!(eve.get("/api/v3/authenticators/all/").await.json(), json!([]));
        assert_eq!(
            eve.get(&format!("/api/v3/authenticators/admin/all/?user={alice}")).await.json(),
            json!([])
        );
        assert_eq!(
            site.api(alice).await.get("/api/v3/authenticators/all/").await.json().as_array().unwrap().len(),
            1
        );
    })
    .await;
}
