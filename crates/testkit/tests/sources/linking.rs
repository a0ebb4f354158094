//! Connecting and disconnecting one's own account, over the settings page and the API; a source within a flow.
use crate::up::{START, Up, follow};
use http::StatusCode;
use signet_base::{Json, json};
use signet_store::{source_connections, users};
use signet_testkit::{App, Browser, each_database};

const SETTINGS: &str = "/if/user/security/";
const PASSWORD: &str = "Engine-1843";

fn remote(sub: &str) -> Json {
    json!({"sub": sub, "preferred_username": format!("up-{sub}"), "email": format!("{sub}@up.test"), "email_verified": true})
}
async fn csrf(browser: &mut Browser) -> String {
    let page = browser.get(SETTINGS).await.text();
    page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}
/// Posts the form that connects the account: the address of the answer.
async fn connect(up: &Up, browser: &mut Browser, claims: Json) -> String {
    let csrf = csrf(browser).await;
    let page = browser.form(START, &[("csrf", &csrf)]).await;
    assert_eq!(page.status, StatusCode::OK, "{} {}", page.status, page.text());
    let text = page.text();
    let at = text.find(&format!("{}/authorize?", up.server.url)).unwrap_or_else(|| panic!("{text}"));
    let to = text[at..].split('"').next().unwrap().replace("&amp;", "&");
    format!("/source/oauth/callback/up/?{}", up.server.agree(&to, claims))
}

#[tokio::test]
async fn federation_k6_linking_is_asked_for_by_a_form_and_nothing_else() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        let (db, ada) = (up.app.core.db.clone(), up.app.user("ada", PASSWORD).await);
        let mut browser = up.app.login("ada", PASSWORD).await;
        assert!(browser.get(SETTINGS).await.text().contains("Not connected"));
        // A login that somebody else makes her browser open: the question whether to go on as another account.
        let page = up.visit(&mut browser, remote("1")).await;
        assert!(page.text().contains("You are signed in as ada"), "{}", page.text());
        assert!(source_connections::of_user(&db, ada.id).await.unwrap().is_empty());
        // No token, a wrong one.
        for token in ["", "wrong"] {
            assert_eq!(browser.form(START, &[("csrf", token)]).await.status, StatusCode::SEE_OTHER);
        }
        let answer = connect(&up, &mut browser, remote("2")).await;
        // Another session does not finish it, even hers.
        let mut other = up.app.login("ada", PASSWORD).await;
        other.cookies.insert("authentik_pending".into(), browser.cookies["authentik_pending"].clone());
        assert_eq!(follow(&mut other, &answer).await.status, StatusCode::FORBIDDEN);
        assert!(source_connections::of_user(&db, ada.id).await.unwrap().is_empty());
        let answer = connect(&up, &mut browser, remote("2")).await;
        let page = follow(&mut browser, &answer).await;
        assert!(page.text().contains("Connected since"), "{}", page.text());
        // The same again is no fault; signing in by it works.
        let answer = connect(&up, &mut browser, remote("2")).await;
        assert_eq!(follow(&mut browser, &answer).await.status, StatusCode::OK);
        let mut fresh = up.app.browser();
        up.visit(&mut fresh, remote("2")).await;
        assert_eq!(up.who(&mut fresh).await.as_deref(), Some("ada"));
        // A second account of the source, and the account of somebody else.
        let answer = connect(&up, &mut browser, remote("3")).await;
        assert_eq!(follow(&mut browser, &answer).await.status, StatusCode::FORBIDDEN);
        up.app.user("bob", PASSWORD).await;
        let mut bob = up.app.login("bob", PASSWORD).await;
        let answer = connect(&up, &mut bob, remote("2")).await;
        let page = follow(&mut bob, &answer).await;
        assert!(page.status == StatusCode::FORBIDDEN && !page.text().contains("ada"));
        // Long after the sign-in it is asked for again.
        up.app.clock.advance_secs(20 * 60);
        let token = csrf(&mut bob).await;
        let late = bob.form(START, &[("csrf", &token)]).await;
        assert!(late.location().starts_with("/flows/-/default/authentication/"), "{}", late.location());
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_connection_ends_by_its_owner_and_by_nobody_else() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let db = up.app.core.db.clone();
        let (ada, _) = (up.app.user("ada", PASSWORD).await, up.app.user("bob", PASSWORD).await);
        let mut browser = up.app.login("ada", PASSWORD).await;
        let answer = connect(&up, &mut browser, remote("2")).await;
        follow(&mut browser, &answer).await;
        let id = source_connections::of_user(&db, ada.id).await.unwrap()[0].id.to_string();
        let mut bob = up.app.login("bob", PASSWORD).await;
        let token = csrf(&mut bob).await;
        let form = [("csrf", token.as_str()), ("act", "disconnect"), ("id", &id)];
        assert_eq!(bob.form(SETTINGS, &form).await.status, StatusCode::NOT_FOUND);
        let path = format!("/api/v3/sources/user_connections/all/{id}/");
        assert_eq!(bob.delete(&path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(
            bob.get("/api/v3/sources/user_connections/oauth/").await.json()["pagination"]["count"],
            json!(0)
        );
        let own = browser.get("/api/v3/sources/user_connections/oauth/?source__slug=up").await.json();
        assert_eq!(own["results"][0]["identifier"], json!("2"), "{own}");
        assert_eq!(own["results"][0]["source_obj"]["slug"], json!("up"), "{own}");
        assert!(own["results"][0].get("access_token").is_none());
        let refused = browser.patch(&path, json!({"identifier": "9"})).await;
        assert_eq!(
            refused.status,
            StatusCode::FORBIDDEN,
            "her own, but what the source calls her is not hers to say"
        );
        let token = csrf(&mut browser).await;
        let form = [("csrf", token.as_str()), ("act", "disconnect"), ("id", &id)];
        assert_eq!(browser.form(SETTINGS, &form).await.status, StatusCode::SEE_OTHER);
        assert!(source_connections::of_user(&db, ada.id).await.unwrap().is_empty());
        // By the API: an administrator sees all, changes and ends.
        let answer = connect(&up, &mut browser, remote("2")).await;
        follow(&mut browser, &answer).await;
        let id = source_connections::of_user(&db, ada.id).await.unwrap()[0].id;
        let path = format!("/api/v3/sources/user_connections/oauth/{id}/");
        assert_eq!(up.admin.patch(&path, json!({"identifier": "4"})).await.json()["identifier"], json!("4"));
        let events =
            up.admin.get("/api/v3/events/events/?action=model_updated&ordering=-created").await.json();
        // Jobs of the start may write events of other models meanwhile.
        let of_connections =
            |event: &&Json| event["context"]["model"]["model_name"] == "usersourceconnection";
        let event = events["results"].as_array().unwrap().iter().find(of_connections);
        let diff = json!({"identifier": {"previous_value": "2", "new_value": "4"}});
        assert_eq!(event.map(|event| &event["context"]["diff"]), Some(&diff), "{events}");
        assert_eq!(
            up.admin.patch(&path, json!({"user": 1})).await.json()["user"],
            json!(ada.id),
            "read-only"
        );
        let mut fresh = up.app.browser();
        up.visit(&mut fresh, remote("4")).await;
        assert_eq!(up.who(&mut fresh).await.as_deref(), Some("ada"));
        assert_eq!(browser.delete(&path).await.status, StatusCode::NO_CONTENT);
        let offered = browser.get("/api/v3/sources/all/user_settings/").await.json();
        assert_eq!(offered[0]["title"], json!("The up"), "{offered}");
        assert_eq!(browser.get("/api/v3/sources/oauth/source_types/").await.status, StatusCode::FORBIDDEN);
        let types = up.admin.get("/api/v3/sources/oauth/source_types/").await.json();
        assert_eq!(types[0]["name"], json!("openidconnect"));
        let shown = up.admin.get("/api/v3/sources/oauth/up/").await.json();
        assert!(shown.get("consumer_secret").is_none() && shown["callback_url"].is_string(), "{shown}");
        let moved = up
            .admin
            .patch("/api/v3/sources/oauth/up/", json!({"access_token_url": "https://evil.test/t"}))
            .await;
        assert!(
            moved.status == StatusCode::BAD_REQUEST && moved.json()["consumer_secret"].is_array(),
            "{}",
            moved.text()
        );
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_flow_goes_on_where_the_source_stage_stood() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let source = up.admin.get("/api/v3/sources/oauth/up/").await.json()["pk"].clone();
        let made = up.admin.post("/api/v3/stages/source/", json!({"name": "by up", "source": source})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let flow = json!({"name": "a", "title": "a", "slug": "by-up", "designation": "authentication"});
        let flow = up.admin.post("/api/v3/flows/instances/", flow).await.json()["pk"].clone();
        let login = up.admin.get("/api/v3/stages/user_login/?name=default-authentication-login").await.json();
        for (order, stage) in [(0, made.json()["pk"].clone()), (1, login["results"][0]["pk"].clone())] {
            let bound = json!({"target": flow, "stage": stage, "order": order});
            assert_eq!(up.admin.post("/api/v3/flows/bindings/", bound).await.status, StatusCode::CREATED);
        }
        up.app.user("ada", PASSWORD).await;
        let mut ada = up.app.login("ada", PASSWORD).await;
        let answer = connect(&up, &mut ada, remote("2")).await;
        follow(&mut ada, &answer).await;
        let mut browser = up.app.browser();
        let start = browser.get("/if/flow/by-up/?next=%2Fif%2Fuser%2F%3Fa%3D1").await;
        let to = start.location().to_owned();
        assert!(to.starts_with(&up.server.url), "{} {}", start.status, start.text());
        // An empty answer passes nothing (GHSA-xp7f-xjjx-gwm8).
        let mut other = up.app.browser();
        let reply = other.post("/api/v3/flows/executor/by-up/?query=", json!({})).await;
        assert!(!reply.text().contains("xak-flow-redirect\",\"to\":\"/\""), "{}", reply.text());
        assert_eq!(up.who(&mut other).await, None);
        // Somebody whom the source does not know here.
        let answer = format!("/source/oauth/callback/up/?{}", up.server.agree(&to, remote("9")));
        assert_eq!(follow(&mut browser, &answer).await.status, StatusCode::FORBIDDEN);
        let start = browser.get("/if/flow/by-up/?next=%2Fif%2Fuser%2F%3Fa%3D1").await;
        let answer = format!("/source/oauth/callback/up/?{}", up.server.agree(start.location(), remote("2")));
        let page = follow(&mut browser, &answer).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"), "{} {}", page.status, page.text());
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_email_proof_is_cleared_with_the_address_and_set_by_administrators() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let db = up.app.core.db.clone();
        let ada = up.person("ada", true).await;
        let by = async || users::by_id(&db, ada.id).await.unwrap().unwrap().email_verified_by;
        assert_eq!(by().await, "mail");
        let path = format!("/api/v3/core/users/{}/", ada.id);
        up.admin.patch(&path, json!({"name": "Ada"})).await;
        assert_eq!(by().await, "mail");
        up.admin.patch(&path, json!({"email": "new@example.test"})).await;
        assert_eq!(by().await, "administrator");
        let before = users::by_id(&db, ada.id).await.unwrap().unwrap();
        let after = users::User { email: "own@example.test".into(), ..before.clone() };
        use signet_core::directory::{self, Author, UserChange};
        directory::commit(&up.app.core, &Author::system(), UserChange::update(&before, after)).await.unwrap();
        assert_eq!(by().await, "");
        up.app.stop().await;
    })
    .await;
}
