//! The library: what a person chooses for it.
use super::{csrf, site};
use http::{Method, StatusCode};
use signet_base::{Json, json};
use signet_store::users;
use signet_testkit::{App, Browser, each_database};

const HOME: &str = "/if/user/";

async fn applications(admin: &mut Browser, count: usize) -> Vec<Json> {
    let mut made = Vec::new();
    for n in 0..count {
        let group = if n % 2 == 0 { "Work" } else { "Finance" };
        let sent = json!({"name": format!("App {n}"), "slug": format!("app-{n}"), "group": group, "meta_launch_url": "https://app.test/"});
        made.push(admin.post("/api/v3/core/applications/", sent).await.json()["pk"].clone());
    }
    made
}

async fn choose(browser: &mut Browser, name: &str, value: &str) -> StatusCode {
    let token = csrf(&browser.get(HOME).await.text());
    browser.form(HOME, &[("csrf", &token), (name, value)]).await.status
}

/// The section of the page with this id.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let start = page.find(&format!("id=\"{id}\"")).expect(page);
    page[start..].split("</section>").next().unwrap()
}

async fn stored(app: &App) -> Json {
    let ada = users::by_username(&app.core.db, "ada").await.unwrap().unwrap();
    json!(ada.attributes)
}

#[tokio::test]
async fn pages_b22_favourites_and_the_view_are_kept_for_the_person() {
    each_database(|kind| async move {
        let (app, mut admin, mut browser) = site(kind).await;
        let made = applications(&mut admin, 4).await;
        let key = |n: usize| made[n].as_str().unwrap().to_owned();
        let mut ada = users::by_username(&app.core.db, "ada").await.unwrap().unwrap();
        ada.attributes.insert("settings".into(), json!({"locale": "de"}));
        users::update(&app.core.db, &ada, None, None, app.core.now()).await.unwrap();
        let page = browser.get(HOME).await.text();
        assert!(page.contains("data-view=\"tiles\"") && !page.contains("class=\"lib\""), "{page}");
        assert!(section(&page, "favourites").contains("hidden"), "no favourites, no heading");
        assert_eq!(choose(&mut browser, "star", &key(2)).await, StatusCode::SEE_OTHER);
        assert_eq!(choose(&mut browser, "star", &key(1)).await, StatusCode::SEE_OTHER);
        assert_eq!(choose(&mut browser, "view", "list").await, StatusCode::SEE_OTHER);
        // In another browser too, in the order in which they were marked.
        let page = app.login("ada", super::PASSWORD).await.get(HOME).await.text();
        let front = section(&page, "favourites");
        assert!(
            front.find("App 2").expect(front) < front.find("App 1").expect(front) && !front.contains("App 3"),
            "{front}"
        );
        assert!(
            page.contains("data-view=\"list\"") && page.contains("value=\"list\" aria-pressed=\"true\""),
            "{page}"
        );
        assert!(section(&page, "group-0").contains("aria-pressed=\"true\""), "{page}");
        // Twice is once; what is marked no longer is gone; the rest of the settings stays.
        choose(&mut browser, "star", &key(1)).await;
        choose(&mut browser, "unstar", &key(2)).await;
        let expected = json!({"locale": "de", "library": {"view": "list", "favourites": [key(1)]}});
        assert_eq!(stored(&app).await["settings"], expected);
        // A search is about all tiles.
        let page = browser.get("/if/user/?q=App").await.text();
        assert!(page.contains("data-front=\"favourites\" hidden"), "{page}");
        // A script asks for no page.
        let token = csrf(&browser.get(HOME).await.text());
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")];
        let body = format!("csrf={token}&view=tiles");
        assert_eq!(browser.send(Method::POST, HOME, &headers, body).await.status, StatusCode::NO_CONTENT);
        // An application that is gone leaves the list with the next change.
        admin.delete("/api/v3/core/applications/app-1/").await;
        choose(&mut browser, "star", &key(3)).await;
        assert_eq!(stored(&app).await["settings"]["library"]["favourites"], json!([key(3)]));
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_b22_choices_are_the_persons_own_and_nonsense_is_refused() {
    each_database(|kind| async move {
        let (app, mut admin, mut browser) = site(kind).await;
        let made = applications(&mut admin, 1).await;
        let key = made[0].as_str().unwrap();
        for csrf in ["", "guess"] {
            let answer = browser.form(HOME, &[("csrf", csrf), ("star", key)]).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER);
        }
        assert!(stored(&app).await.get("settings").is_none());
        let stranger = app.browser().form(HOME, &[("star", key)]).await;
        assert!(
            stranger.location().starts_with("/flows/-/default/authentication/"),
            "{}",
            stranger.location()
        );
        let missing = app.core.ports.uuid().to_string();
        for (name, value) in [("star", "x"), ("star", missing.as_str()), ("view", "cube"), ("fly", "1")] {
            assert!(choose(&mut browser, name, value).await.is_client_error(), "{name} {value}");
        }
        // To take away what is not there is no error, and writes nothing.
        assert_eq!(choose(&mut browser, "unstar", &missing).await, StatusCode::SEE_OTHER);
        assert!(stored(&app).await.get("settings").is_none());
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_b22_many_applications_are_listed_by_group() {
    let (app, mut admin, mut browser) = site(signet_testkit::DbKind::Sqlite).await;
    applications(&mut admin, 16).await;
    let page = browser.get(HOME).await.text();
    let list = page.split("<nav class=\"sidenav\"").nth(1).expect(&page).split("</nav>").next().unwrap();
    assert!(
        list.contains("href=\"#group-1\"")
            && list.contains("<bdi>Work</bdi></span><span class=\"n\">8</span>"),
        "{list}"
    );
    assert!(page.contains("tiles tiles--s"), "{page}");
    app.stop().await;
}
