//! What an administrator sees before there is a console.
use signet_blueprints::{Source, apply};
use signet_core::directory::Author;
use signet_store::users;
use signet_testkit::{App, each_database};

/// The blueprint in a command, as a shell would pass it.
fn document(page: &str, nth: usize) -> String {
    let text = page.split("&lt;&lt;'END'").nth(nth).unwrap_or_else(|| panic!("no command {nth} in {page}"));
    text.split("\nEND").next().unwrap().trim_start().replace("&quot;", "\"").replace("&amp;", "&")
}

#[tokio::test]
async fn pages_a4_an_administrator_is_told_what_to_do_and_the_commands_do_it() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        app.administrator("root", "Correct-Horse-9").await;
        let mut admin = app.login("root", "Correct-Horse-9").await;
        for path in ["/if/user/", "/if/admin/"] {
            let page = admin.get(path).await.text();
            assert!(
                page.contains("First steps")
                    && page.contains("AUTHENTIK_WEB__BASE_URL")
                    && !page.contains("When an administrator gives you access"),
                "{page}"
            );
        }
        let page = admin.get("/if/admin/").await.text();
        for n in [1, 3] {
            let text = document(&page, n);
            apply(&app.core, &Source::new("page", &text), &Author::system())
                .await
                .unwrap_or_else(|e| panic!("{e}\n{text}"));
        }
        assert!(users::by_username(&app.core.db, "ada").await.unwrap().is_some());
        let library = admin.get("/if/user/").await.text();
        assert!(library.contains("Wiki") && !library.contains("First steps"), "{library}");
        let page = admin.get("/if/admin/").await.text();
        assert!(page.contains("2 of 3 done"), "{page}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_a4_people_without_applications_are_told_how_they_come() {
    let app = App::start(signet_testkit::DbKind::Sqlite).await;
    app.user("ada", "Correct-Horse-9").await;
    let mut ada = app.login("ada", "Correct-Horse-9").await;
    let page = ada.get("/if/user/").await.text();
    assert!(
        page.contains("When an administrator gives you access") && !page.contains("First steps"),
        "{page}"
    );
    assert_eq!(ada.get("/if/admin/").await.status, 403);
    app.stop().await;
}
