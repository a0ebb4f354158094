//! What events say (authentik-features §9.1).
use signet_base::{Json, json};
use signet_store::devices::{self, Device, DeviceKind};
use signet_testkit::{App, Browser, DbKind, each_database};
use std::time::Duration;

const LOGIN: &str = "default-authentication-flow";

/// The newest event of an action: some are written a moment after the answer.
async fn event(admin: &mut Browser, query: &str) -> Json {
    for _ in 0..200 {
        let found = admin.get(&format!("/api/v3/events/events/?{query}")).await.json()["results"][0].clone();
        if found.is_object() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no event for {query}");
}

fn is_object(value: &Json, model: &str) -> bool {
    let members: Vec<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let is_key = match &value["pk"] {
        Json::Number(_) => true,
        Json::String(pk) => !pk.is_empty() && !pk.contains('-'),
        _ => false,
    };
    ["app", "model_name", "name", "pk"].iter().all(|name| members.contains(name))
        && value["model_name"] == model
        && is_key
}

#[tokio::test]
async fn wire_w4_a_wrong_second_factor_names_person_stage_and_device() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let ada = app.user("ada", "Engine-1843").await;
        let mut device = Device::new(&app.core.ports, DeviceKind::Static, ada.id, "Static Token");
        device.confirmed = true;
        devices::insert(&app.core.db, &device).await.unwrap();
        let mut browser = app.browser();
        browser.challenge(LOGIN, "").await;
        for answer in [
            json!({"component": "ak-stage-identification", "uid_field": "ada"}),
            json!({"component": "ak-stage-password", "password": "Engine-1843"}),
        ] {
            browser.answer(LOGIN, "", answer).await;
        }
        let wrong = json!({"component": "ak-stage-authenticator-validate", "code": "wrong-code"});
        let shown = browser.answer(LOGIN, "", wrong).await;
        assert!(shown["response_errors"]["code"].is_array(), "{shown}");
        let mut admin = app.admin().await;
        let event = event(&mut admin, "action=login_failed").await;
        assert_eq!(event["user"], json!({"pk": ada.id, "username": "ada", "email": "ada@example.test"}));
        let context = &event["context"];
        assert!(is_object(&context["stage"], "authenticatorvalidatestage"), "{event}");
        assert_eq!(
            (&context["auth_method_args"], &context["username"]),
            (&json!({"device_class": "static"}), &json!("ada"))
        );
        assert!(context.get("password").is_none() && event["app"] == "authentik.events.signals", "{event}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn wire_w3_events_have_the_members_of_the_contract() {
    let app = App::start(DbKind::Sqlite).await;
    let ada = app.user("ada", "Engine-1843").await;
    let mut admin = app.admin().await;
    let group = admin.post("/api/v3/core/groups/", json!({"name": "w3"})).await.json();
    // Clients look for the key without hyphens, numbers as they are. Groups of the default objects have events too.
    let hex = group["pk"].as_str().unwrap().replace('-', "");
    let query = format!("action=model_created&context_model_name=group&context_model_pk={hex}");
    let made = event(&mut admin, &query).await;
    assert!(is_object(&made["context"]["model"], "group"), "{made}");
    assert_eq!(made["context"]["model"]["pk"], json!(hex));
    let path = format!("/api/v3/core/users/{}/", ada.id);
    assert_eq!(admin.patch(&path, json!({"name": "Ada"})).await.status, 200);
    let changed = event(&mut admin, &format!("action=model_updated&context_model_pk={}", ada.id)).await;
    assert_eq!(changed["context"]["model"]["pk"], json!(ada.id));
    assert_eq!(changed["app"], "authentik.events.middleware");
    // A stranger is told apart from everybody else.
    let mut stranger = app.browser();
    stranger.challenge(LOGIN, "").await;
    let typed = json!({"component": "ak-stage-identification", "uid_field": "nobody"});
    stranger.answer(LOGIN, "", typed).await;
    stranger.answer(LOGIN, "", json!({"component": "ak-stage-password", "password": "x"})).await;
    let failed = event(&mut admin, "action=login_failed&username=AnonymousUser").await;
    assert_eq!(failed["user"]["is_anonymous"], true);
    assert!(is_object(&failed["context"]["stage"], "passwordstage"), "{failed}");
    // What somebody writes by hand says what they say, and keys of other things in it stay as they are.
    let own = json!({"action": "custom_w3", "app": "authentik_mine", "context": {"device": {"pk": "7", "name": "lamp"}}});
    assert_eq!(admin.post("/api/v3/events/events/", own).await.status, 201);
    let own = event(&mut admin, "action=custom_w3").await;
    assert_eq!((&own["app"], &own["context"]["device"]["pk"]), (&json!("authentik_mine"), &json!("7")));
    // W7: the filter that the document names.
    for (device, found) in [("7", 1), ("8", 0)] {
        let list = admin.get(&format!("/api/v3/events/events/?context_device={device}")).await.json();
        assert_eq!(list["pagination"]["count"], found, "{device}");
    }
    app.stop().await;
}
