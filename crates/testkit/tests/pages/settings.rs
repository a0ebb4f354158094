//! The settings page: details, tokens and theme beside what the other tests see.
use super::{PASSWORD, SETTINGS, answer, csrf, finish_first_run, follow, site};
use http::StatusCode;
use signet_base::json;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::{ListQuery, tokens, users};
use signet_testkit::{App, Browser, DbKind, TestResponse, each_database};

const PROMPT: &str = "ak-stage-prompt";

async fn act(browser: &mut Browser, act: &str, fields: &[(&str, &str)]) -> TestResponse {
    let token = csrf(&browser.get(SETTINGS).await.text());
    let mut pairs = vec![("csrf", token.as_str()), ("act", act)];
    pairs.extend(fields);
    browser.form(SETTINGS, &pairs).await
}

#[tokio::test]
async fn pages_b20_details_are_changed_on_the_settings_page() {
    each_database(|kind| async move {
        let (app, mut admin, mut browser) = site(kind).await;
        let page = browser.get(SETTINGS).await.text();
        for said in [
            "href=\"#profile\"",
            "href=\"#tokens\"",
            "name=\"name\" type=\"text\" value=\"Person ada\"",
            "before-paint",
            "blocking=\"render\"",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        // One page: neither the menu nor the profile leads to another.
        assert!(!page.contains("Change your details") && !page.contains("Your details"), "{page}");
        assert!(!page.contains("autofocus"), "the page does not jump to a field: {page}");
        let fields = |name: &'static str, email: &'static str| {
            [("username", "ada"), ("name", name), ("email", email), ("attributes.settings.locale", "")]
        };
        // A refusal comes back to the form, with what was typed, once.
        let wrong = answer(&mut browser, SETTINGS, &page, PROMPT, &fields("Ada L.", "no-address")).await;
        assert_eq!((wrong.status, wrong.location()), (StatusCode::SEE_OTHER, SETTINGS));
        let page = browser.get(SETTINGS).await.text();
        assert!(
            page.contains("value=\"Ada L.\"")
                && page.contains("This is not an e-mail address.")
                && page.contains("aria-invalid=\"true\""),
            "{page}"
        );
        assert!(browser.get(SETTINGS).await.text().contains("value=\"Person ada\""));
        let page = browser.get(SETTINGS).await.text();
        let saved =
            answer(&mut browser, SETTINGS, &page, PROMPT, &fields("Ada Lovelace", "ada@example.test")).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
        let (page, at) = follow(&mut browser, saved.location()).await;
        assert!(
            at.starts_with(SETTINGS)
                && page.contains("Your details are saved.")
                && page.contains("value=\"Ada Lovelace\""),
            "{at}: {page}"
        );
        let ada = users::by_username(&app.core.db, "ada").await.unwrap().unwrap();
        assert_eq!(ada.name, "Ada Lovelace");
        // A flow that begins with something else is not started by looking: the profile links to it.
        let flow = admin.get("/api/v3/flows/instances/default-user-settings-flow/").await.json();
        let mail = admin.post("/api/v3/stages/dummy/", json!({"name": "b20-first"})).await.json();
        let bound = json!({"target": flow["pk"], "stage": mail["pk"], "order": -5});
        let bound = admin.post("/api/v3/flows/bindings/", bound).await;
        assert_eq!(bound.status, StatusCode::CREATED, "{}", bound.text());
        let page = browser.get(SETTINGS).await.text();
        assert!(page.contains("Change your details") && !page.contains("name=\"name\""), "{page}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_b20_tokens_are_created_shown_once_and_deleted() {
    each_database(|kind| async move {
        let (app, _, mut browser) = site(kind).await;
        let eve_id = app.user("eve", PASSWORD).await.id;
        let mut eve = app.login("eve", PASSWORD).await;
        assert!(browser.get(SETTINGS).await.text().contains("You have no tokens."));
        let made =
            act(&mut browser, "new_token", &[("token_name", "backup-nas"), ("token_intent", "api")]).await;
        assert_eq!(
            (made.status, made.location()),
            (StatusCode::SEE_OTHER, "/if/user/security/?done=token#tokens")
        );
        let page = browser.get("/if/user/security/?done=token").await.text();
        let token = tokens::by_identifier(&app.core.db, "backup-nas").await.unwrap().unwrap();
        let key = token.key(&app.core.vault).unwrap();
        assert!(page.contains("Copy your new token now.") && page.contains(key.reveal()), "{page}");
        assert!(token.expiring && token.expires.is_some() && token.intent == "api");
        // The key works, and is not shown again.
        let mut program = app.browser().bearer(key.reveal());
        assert_eq!(program.get("/api/v3/core/users/me/").await.json()["user"]["username"], "ada");
        let page = browser.get(SETTINGS).await.text();
        assert!(page.contains("backup-nas") && !page.contains(key.reveal()), "{page}");
        // A refusal says why, and keeps what was typed.
        for (name, said) in [
            ("backup-nas", "There is a token of this name."),
            ("two words", "Write a name of letters"),
            ("", "Write a name of letters"),
            ("Service-Account-x", "are kept"),
        ] {
            let refused =
                act(&mut eve, "new_token", &[("token_name", name), ("token_intent", "app_password")]).await;
            assert_eq!(refused.status, StatusCode::SEE_OTHER, "{}", refused.text());
            let to = refused.location().to_owned();
            let page = eve.get(&to).await.text();
            assert!(page.contains(said) && page.contains(&format!("value=\"{name}\"")), "{name}: {page}");
            assert!(page.contains("value=\"app_password\" checked"), "{page}");
        }
        let query = ListQuery { owner: Some(eve_id), ..ListQuery::first(1) };
        assert_eq!(signet_store::list::<tokens::Token>(&app.core.db, &query).await.unwrap().1, 0);
        // Nobody deletes what belongs to somebody else.
        let id = token.id.to_string();
        assert_eq!(act(&mut eve, "delete_token", &[("id", &id)]).await.status, StatusCode::NOT_FOUND);
        let deleted = act(&mut browser, "delete_token", &[("id", &id)]).await;
        assert_eq!(deleted.location(), "/if/user/security/?done=token_deleted");
        assert_eq!(program.get("/api/v3/core/users/me/").await.status, StatusCode::FORBIDDEN);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_b20_the_theme_is_kept_without_script() {
    let (app, _, mut browser) = site(DbKind::Sqlite).await;
    let kept = act(&mut browser, "theme", &[("theme", "dark")]).await;
    assert_eq!((kept.status, kept.location()), (StatusCode::SEE_OTHER, "/if/user/security/#theme"));
    let page = browser.get(SETTINGS).await.text();
    assert!(page.contains("<html lang=\"en\" dir=\"ltr\" data-theme=\"dark\""), "{page}");
    assert!(page.contains("data-theme-choice=\"dark\" aria-pressed=\"true\""), "{page}");
    assert_eq!(act(&mut browser, "theme", &[("theme", "x; Path=/")]).await.status, StatusCode::NOT_FOUND);
    app.stop().await;
}

#[tokio::test]
async fn pages_a7_recovery_codes_are_made_anew_from_their_row() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        finish_first_run(&app).await;
        let ada = app.user("ada", PASSWORD).await;
        let mut browser = app.login("ada", PASSWORD).await;
        let page = browser.get("/if/flow/default-user-settings-flow/").await.text();
        let before = browser.form(SETTINGS, &[("csrf", &csrf(&page)), ("act", "new_codes")]).await.status;
        assert_eq!(before, StatusCode::NOT_FOUND, "without codes there are none to replace");
        let old = devices::insert(
            &app.core.db,
            &Device::new(&app.core.ports, DeviceKind::Static, ada.id, "Static Token"),
        )
        .await
        .unwrap();
        let page = browser.get(SETTINGS).await.text();
        assert!(
            page.contains("Make new codes")
                && page.contains("stop working at once")
                && page.contains("only second step"),
            "{page}"
        );
        let answer = browser.form(SETTINGS, &[("csrf", &csrf(&page)), ("act", "new_codes")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(devices::get(&app.core.db, DeviceKind::Static, old).await.unwrap().is_none());
        let to = answer.location().to_owned();
        let (page, _) = follow(&mut browser, &to).await;
        assert!(page.contains("class=\"codes\"") && page.contains("Not now"), "{page}");
        app.stop().await;
    })
    .await;
}
