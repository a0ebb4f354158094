//! What events say about calls of the API: by which token they came, and which were refused.
use crate::app::{App, text};
use crate::flows::finished;
use crate::site::{Site, each_site};
use crate::writer::{newest, told};
use http::{Method, StatusCode};
use signet_base::{Json, json};
use signet_store::events::Event;

async fn refusals(site: &Site) -> Vec<Event> {
    site.core.db.flush().await.unwrap();
    let sql =
        "SELECT id FROM event WHERE action = 'policy_execution' AND app = 'authentik.api' ORDER BY number";
    let mut all = Vec::new();
    for row in site.core.db.query(sql, Vec::new()).await.unwrap() {
        all.extend(signet_store::events::by_id(&site.core.db, row.uuid(0).unwrap()).await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn core_objects_events_name_the_token_of_a_call() {
    each_site(|site| async move {
        let ada = site.user("ada", &[site.admins().await]).await;
        let by_token = site.api(ada).await;
        let body =
            |slug: &str| json!({"name": slug, "slug": slug, "title": slug, "designation": "authentication"});
        let made = by_token.json(Method::POST, "/api/v3/flows/instances/", &body("a")).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let token = newest(&site, "model_created", "flow").await["context"]["token"].clone();
        assert_eq!((&token["app"], &token["model_name"]), (&json!("authentik_core"), &json!("token")));
        assert!(token["name"].as_str().unwrap().starts_with("test-") && token["pk"].is_string(), "{token}");
        let team = by_token.json(Method::POST, "/api/v3/core/groups/", &json!({"name": "team"})).await;
        assert_eq!(team.status, StatusCode::CREATED, "{}", team.body);
        assert_eq!(newest(&site, "model_created", "group").await["context"]["token"], token, "rows as well");

        let browser = site.browser().signed_in("ada").await;
        let csrf = browser.cookie("authentik_csrf").await.unwrap();
        let browser = browser.header("X-authentik-CSRF", &csrf);
        let made = browser.json(Method::POST, "/api/v3/flows/instances/", &body("b")).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let event = newest(&site, "model_created", "flow").await;
        assert_eq!(
            (&event["context"]["model"]["name"], &event["context"]["token"]),
            (&json!("b"), &Json::Null)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_objects_events_name_the_access_token_of_a_call() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("ada", &[site.admins().await]).await;
        let api = site.find(
            "authentik_providers_oauth2.scopemapping",
            "goauthentik.io/providers/oauth2/scope-authentik_api",
        );
        let openid = site
            .find("authentik_providers_oauth2.scopemapping", "goauthentik.io/providers/oauth2/scope-openid");
        let app = App::new(&site, "robot", json!({"property_mappings": [api.pk, openid.pk]})).await;
        let browser = site.browser().signed_in("ada").await;
        let code = app.code(&browser, &[("scope", "openid goauthentik.io/api")]).await;
        let tokens = app.redeem(&code, &[]).await.json();
        let program =
            site.browser().header("authorization", &format!("Bearer {}", text(&tokens, "access_token")));
        let made = program.json(Method::POST, "/api/v3/core/groups/", &json!({"name": "team"})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let event = newest(&site, "model_created", "group").await;
        let token = &event["context"]["token"];
        assert_eq!(event["user"]["username"], "ada");
        assert_eq!(
            (&token["app"], &token["model_name"], &token["name"], &token["client_id"]),
            (&json!("authentik_providers_oauth2"), &json!("accesstoken"), &json!("robot"), &json!("robot")),
            "{event}"
        );
        // A call by the browser's session names none.
        let csrf = browser.cookie("authentik_csrf").await.unwrap();
        let made = browser
            .header("X-authentik-CSRF", &csrf)
            .json(Method::POST, "/api/v3/core/groups/", &json!({"name": "other"}))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        assert_eq!(newest(&site, "model_created", "group").await["context"]["token"], Json::Null);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guide_g14_a_refused_call_leaves_an_event() {
    each_site(|site| async move {
        let ada = site.user("ada", &[]).await;
        let client = site.api(ada).await;
        let mut request = String::new();
        for _ in 0..5 {
            let refused = client
                .json(Method::POST, "/api/v3/core/users/", &json!({"username": "x", "name": "x"}))
                .await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
            if request.is_empty() {
                refused.headers["x-authentik-id"].to_str().unwrap().clone_into(&mut request);
            }
        }
        let events = refusals(&site).await;
        assert_eq!(events.len(), 1, "one a minute");
        let said = Json::Object(events[0].context.clone());
        assert_eq!((&said["target"], &said["passing"]), (&json!("POST core/users"), &json!(false)));
        assert_eq!(said["message"], "You do not have permission to perform this action.");
        assert_eq!(
            (&events[0].user["username"], &said["token"]["model_name"]),
            (&json!("ada"), &json!("token"))
        );
        // An administrator finds it by the request.
        let admin = site.admin().await;
        let found = admin.get(&format!("/api/v3/policies/explain/{request}/")).await;
        assert_eq!(found.json()["events"][0]["context"]["target"], "POST core/users", "{}", found.body);
        // The others of the minute are told together.
        site.clock.advance_secs(61);
        site.core.tell_repeats().await;
        let told_together = refusals(&site).await.pop().unwrap();
        assert_eq!(told_together.context["count"], 4);

        // Another call, and somebody else, are other events. So is a right that is not the caller's to give.
        let before = refusals(&site).await.len();
        let bea = site.user("bea", &[]).await;
        let other = site.api(bea).await;
        for (client, path) in [(&client, "/api/v3/flows/instances/"), (&other, "/api/v3/core/users/")] {
            assert_eq!(client.json(Method::POST, path, &json!({})).await.status, StatusCode::FORBIDDEN);
        }
        let events = refusals(&site).await;
        assert_eq!(events.len(), before + 2);
        assert_eq!(events.last().unwrap().user["username"], "bea");
        // Strangers lack a credential, not a permission; what is allowed is not refused.
        let stranger = site.browser().json(Method::POST, "/api/v3/core/users/", &json!({})).await;
        assert_eq!(stranger.status, StatusCode::FORBIDDEN);
        let made =
            admin.json(Method::POST, "/api/v3/core/users/", &json!({"username": "kim", "name": "Kim"})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        assert_eq!(refusals(&site).await.len(), before + 2);
        assert!(told(&site, "policy_execution", "user").await.is_empty());
    })
    .await;
}
