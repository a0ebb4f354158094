//! What an administrator who acts as somebody else is granted.
use signet_base::{Json, query};
use signet_testkit::{App, Browser, each_database, json};

const CALLBACK: &str = "https://app.test/cb";

/// An application that asks for no consent; its client secret.
async fn application(app: &App) -> String {
    let mut admin = app.admin().await;
    let mut flows = Vec::new();
    for slug in ["default-provider-authorization-implicit-consent", "default-provider-invalidation-flow"] {
        flows.push(admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone());
    }
    let mappings = admin.get("/api/v3/propertymappings/provider/scope/?page_size=100").await.json();
    let mappings: Vec<Json> =
        mappings["results"].as_array().unwrap().iter().map(|m| m["pk"].clone()).collect();
    let provider = json!({"name": "app", "client_id": "app", "authorization_flow": flows[0], "invalidation_flow": flows[1], "property_mappings": mappings,
        "redirect_uris": [{"matching_mode": "strict", "url": CALLBACK}]});
    let made = admin.post("/api/v3/providers/oauth2/", provider).await.json();
    let application = json!({"name": "app", "slug": "app", "provider": made["pk"]});
    assert_eq!(admin.post("/api/v3/core/applications/", application).await.status, 201);
    made["client_secret"].as_str().unwrap().to_owned()
}

async fn code(browser: &mut Browser) -> String {
    let asked = [
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile offline_access"),
        ("state", "s"),
    ];
    let mut at = format!("/application/o/authorize/?{}", query::build(asked));
    for _ in 0..6 {
        let answer = browser.get(&at).await;
        at = answer.location().to_owned();
        if let Some(code) = query::value(at.split_once('?').map_or("", |(_, q)| q), "code") {
            return code;
        }
        assert!(at.starts_with('/'), "{}", answer.text());
    }
    panic!("no code: {at}")
}
async fn redeem(app: &App, secret: &str, grant: &[(&str, &str)]) -> (u16, Json) {
    let mut sent = vec![("client_id", "app"), ("client_secret", secret), ("redirect_uri", CALLBACK)];
    sent.extend(grant);
    let answer = app.browser().form("/application/o/token/", &sent).await;
    (answer.status.as_u16(), answer.json())
}
async fn name_at_userinfo(app: &App, token: &Json) -> String {
    let mut client = Browser::new(app.address).bearer(token.as_str().unwrap());
    client.get("/application/o/userinfo/").await.json()["preferred_username"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_an_impersonated_session_are_redeemed_for_the_person_and_end_with_it() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        signet_core::setup::finish(&app.core).await.unwrap();
        let secret = application(&app).await;
        app.administrator("root", "Correct-Horse-9").await;
        let ada = app.user("ada", "Correct-Horse-9").await;
        let mut browser = app.login("root", "Correct-Horse-9").await;
        let own = code(&mut browser).await;
        let act = format!("/api/v3/core/users/{}/impersonate/", ada.id);
        assert_eq!(browser.post(&act, json!({"reason": "help"})).await.status, 204);
        let (status, granted) = redeem(
            &app,
            &secret,
            &[("grant_type", "authorization_code"), ("code", &code(&mut browser).await)],
        )
        .await;
        assert_eq!(status, 200, "{granted}");
        assert_eq!(name_at_userinfo(&app, &granted["access_token"]).await, "ada");
        let refresh =
            [("grant_type", "refresh_token"), ("refresh_token", granted["refresh_token"].as_str().unwrap())];
        let (status, granted) = redeem(&app, &secret, &refresh).await;
        assert_eq!((status, name_at_userinfo(&app, &granted["access_token"]).await.as_str()), (200, "ada"));

        // What was not redeemed in time is not any more, and what was granted ends.
        let late = code(&mut browser).await;
        assert_eq!(browser.get("/api/v3/core/users/impersonate_end/").await.status, 204);
        let late = redeem(&app, &secret, &[("grant_type", "authorization_code"), ("code", &late)]).await;
        assert_eq!((late.0, &late.1["error"]), (400, &json!("invalid_grant")));
        assert_eq!(name_at_userinfo(&app, &granted["access_token"]).await, "");
        let refresh =
            [("grant_type", "refresh_token"), ("refresh_token", granted["refresh_token"].as_str().unwrap())];
        assert_eq!(redeem(&app, &secret, &refresh).await.0, 400);

        // The administrator's own code stays the administrator's, unless its session has ended.
        let (status, granted) = redeem(
            &app,
            &secret,
            &[("grant_type", "authorization_code"), ("code", &code(&mut browser).await)],
        )
        .await;
        assert_eq!((status, name_at_userinfo(&app, &granted["access_token"]).await.as_str()), (200, "root"));
        assert_eq!(
            redeem(&app, &secret, &[("grant_type", "authorization_code"), ("code", &own)]).await.0,
            400
        );

        // Acting is turned off, or the right to it is gone: the code is nobody's.
        assert_eq!(browser.post(&act, json!({"reason": "help"})).await.status, 204);
        let code = code(&mut browser).await;
        assert_eq!(
            app.admin().await.patch("/api/v3/admin/settings/", json!({"impersonation": false})).await.status,
            200
        );
        assert_eq!(
            redeem(&app, &secret, &[("grant_type", "authorization_code"), ("code", &code)]).await.0,
            400
        );
        app.stop().await;
    })
    .await;
}
