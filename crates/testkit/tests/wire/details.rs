//! What people may change about themselves.
use signet_base::{Json, json};
use signet_store::users;
use signet_testkit::{App, Browser, DbKind, Setup, each_database};

const FLOW: &str = "default-user-settings-flow";

/// Sends the person's details with one of them changed. What the flow says against it; none: it is saved.
async fn change(app: &App, browser: &mut Browser, id: i64, field: &str, value: &str) -> Option<String> {
    let user = users::by_id(&app.core.db, id).await.unwrap().unwrap();
    let mut sent = json!({"component": "ak-stage-prompt", "username": user.username, "name": user.name, "email": user.email, "attributes.settings.locale": ""});
    sent[field] = json!(value);
    browser.challenge(FLOW, "").await;
    let answer = browser.answer(FLOW, "", sent).await;
    let saved = users::by_id(&app.core.db, id).await.unwrap().unwrap();
    let kept = [("username", &saved.username), ("name", &saved.name), ("email", &saved.email)];
    let is_saved = kept.iter().any(|(name, kept)| *name == field && *kept == value);
    let said = answer["response_errors"]["non_field_errors"][0]["string"].as_str().map(str::to_owned);
    assert_eq!(said.is_none(), is_saved, "{field}: {answer}");
    said
}

async fn person(app: &App) -> (i64, Browser) {
    signet_core::setup::finish(&app.core).await.unwrap();
    let ada = app.user("ada", "Engine-1843").await;
    (ada.id, app.login("ada", "Engine-1843").await)
}

#[tokio::test]
async fn guide_g08_the_settings_say_what_people_may_change() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let (ada, mut browser) = person(&app).await;
        let mut admin = app.admin().await;
        assert_eq!(change(&app, &mut browser, ada, "name", "Ada Lovelace").await, None);
        let no_email = change(&app, &mut browser, ada, "email", "ada@new.test").await;
        assert_eq!(no_email.as_deref(), Some("Your e-mail address cannot be changed here. Ask an administrator."));
        let no_name = change(&app, &mut browser, ada, "username", "countess").await;
        assert_eq!(no_name.as_deref(), Some("Your username cannot be changed here. Ask an administrator."));
        let settings = json!({"default_user_change_name": false, "default_user_change_email": true, "default_user_change_username": true});
        assert_eq!(admin.patch("/api/v3/admin/settings/", settings).await.status, 200);
        assert!(change(&app, &mut browser, ada, "name", "Ada").await.is_some());
        assert_eq!(change(&app, &mut browser, ada, "email", "ada@new.test").await, None);
        assert_eq!(change(&app, &mut browser, ada, "username", "countess").await, None);
        // What an account or a group says goes before, both ways.
        let own = |email: bool, name: bool| json!({"attributes": {"goauthentik.io/user/can-change-email": email, "goauthentik.io/user/can-change-name": name}});
        let path = format!("/api/v3/core/users/{ada}/");
        assert_eq!(admin.patch(&path, own(false, true)).await.status, 200);
        assert!(change(&app, &mut browser, ada, "email", "ada@third.test").await.is_some());
        assert_eq!(change(&app, &mut browser, ada, "name", "Ada King").await, None);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn guide_g08_a_variable_goes_before_the_setting() {
    let setup = Setup::new(DbKind::Sqlite)
        .await
        .with("AUTHENTIK_DEFAULT_USER_CHANGE_EMAIL", "true")
        .with("AUTHENTIK_DEFAULT_USER_CHANGE_NAME", "false")
        .with("AUTHENTIK_EVENT_RETENTION", "days=7")
        .with("AUTHENTIK_FOOTER_LINKS", r#"[{"name": "Help", "href": "https://help.test/"}]"#);
    let app = setup.start().await.unwrap();
    let (ada, mut browser) = person(&app).await;
    assert_eq!(change(&app, &mut browser, ada, "email", "ada@new.test").await, None);
    assert!(change(&app, &mut browser, ada, "name", "Ada Lovelace").await.is_some());
    let mut admin = app.admin().await;
    let holds = admin.get("/api/v3/admin/settings/").await.json();
    assert_eq!(
        (&holds["default_user_change_email"], &holds["event_retention"]),
        (&json!(true), &json!("days=7"))
    );
    assert!(
        app.browser()
            .get("/if/flow/default-authentication-flow/")
            .await
            .text()
            .contains("https://help.test/")
    );
    // Another value is refused by the variable's name; what it says may be sent, and so may the rest.
    let refused = admin.patch("/api/v3/admin/settings/", json!({"default_user_change_email": false})).await;
    assert_eq!(refused.status, 400);
    let said: &Json = &refused.json()["default_user_change_email"];
    assert!(
        said[0].as_str().is_some_and(|text| text.contains("AUTHENTIK_DEFAULT_USER_CHANGE_EMAIL")),
        "{said}"
    );
    let fine = json!({"default_user_change_email": true, "default_user_change_username": true});
    assert_eq!(admin.patch("/api/v3/admin/settings/", fine).await.status, 200);
    assert_eq!(change(&app, &mut browser, ada, "username", "countess").await, None);
    app.stop().await;
}
