//! An action that takes a file: `/api/v3/admin/file/`.
use http::Method;
use signet_testkit::{App, Browser, TestResponse, each_database, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

async fn upload(browser: &mut Browser, name: Option<&str>, bytes: &[u8]) -> TestResponse {
    let mut body = Vec::new();
    if let Some(name) = name {
        body.extend(
            format!("--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n").bytes(),
        );
    }
    body.extend(b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"own.png\"\r\n\r\n");
    body.extend(bytes);
    body.extend(b"\r\n--x--\r\n");
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    browser.send(Method::POST, "/api/v3/admin/file/", &kind, body).await
}

#[tokio::test]
async fn core_upload_an_icon_is_stored_shown_and_removed() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let made = upload(&mut admin, Some("icons/wiki.png"), PNG).await;
        assert_eq!(made.status, 204, "{}", made.text());
        assert_eq!(upload(&mut admin, None, PNG).await.status, 204, "by the name of the client's file");
        let list = admin.get("/api/v3/admin/file/?usage=media").await.json();
        assert_eq!(list[0]["name"], "icons/wiki.png", "{list}");
        assert_eq!((&list[0]["mime_type"], &list[1]["name"]), (&json!("image/png"), &json!("own.png")));
        let wiki = json!({"name": "Wiki", "slug": "wiki", "meta_icon": "icons/wiki.png", "meta_launch_url": "https://wiki.test/"});
        let made = admin.post("/api/v3/core/applications/", wiki).await.json();
        let url = made["meta_icon_url"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let shown = app.browser().get(&url).await;
        assert_eq!((shown.status.as_u16(), shown.header("content-type"), &shown.body[..]), (200, "image/png", PNG));
        app.user("ada", "Correct-Horse-9").await;
        let page = app.login("ada", "Correct-Horse-9").await.get("/if/user/").await.text();
        assert!(page.contains("/files/media/public/icons/wiki.png?token="), "the library shows it");
        let used = admin.get("/api/v3/admin/file/used_by/?name=icons/wiki.png").await.json();
        assert_eq!((&used[0]["model_name"], &used[0]["name"]), (&json!("application"), &json!("Wiki")), "{used}");
        // A source shows it wherever sources are shown.
        let source = json!({"name": "Up", "slug": "up", "provider_type": "openidconnect", "consumer_key": "k", "consumer_secret": "s", "oidc_well_known_url": "https://up.test/.well-known/openid-configuration", "icon": "icons/wiki.png"});
        let made = admin.post("/api/v3/sources/oauth/", source).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let all = admin.get("/api/v3/sources/all/").await.json();
        let offered = admin.get("/api/v3/sources/all/user_settings/").await.json();
        for shown in [&made.json(), &all["results"][0], &offered[0]] {
            let url = shown["icon_url"].as_str().unwrap_or_else(|| panic!("{shown}"));
            assert_eq!(app.browser().get(url).await.status, 200, "{url}");
        }
        assert_eq!(admin.delete("/api/v3/admin/file/?name=icons/wiki.png").await.status, 204);
        assert_eq!(app.browser().get(&url).await.status, 404);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_upload_refuses_what_it_cannot_take() {
    let app = App::start(signet_testkit::DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    assert_eq!(upload(&mut admin, Some("a.png"), PNG).await.status, 204);
    for (name, bytes, field) in
        [(Some("a.png"), PNG.to_vec(), "name"), (Some("../a.png"), PNG.to_vec(), "name")]
    {
        let refused = upload(&mut admin, name, &bytes).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert!(refused.json().get(field).is_some(), "{}", refused.text());
    }
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let none = admin.send(Method::POST, "/api/v3/admin/file/", &kind, "--x--\r\n").await;
    assert_eq!((none.status.as_u16(), none.json().get("file").is_some()), (400, true), "{}", none.text());
    assert_eq!(admin.post("/api/v3/admin/file/", json!({})).await.status, 415);
    // More than other actions take, and not more than the store does.
    let most = app.core.ports.media.max_size();
    assert!(most > 1 << 20);
    let large = upload(&mut admin, Some("large.png"), &vec![b'x'; (1 << 20) + 1]).await;
    assert_eq!(large.status, 204, "{}", large.text());
    let larger = upload(&mut admin, Some("larger.png"), &vec![b'x'; most + 1]).await;
    assert!([400, 413].contains(&larger.status.as_u16()), "{}", larger.text());
    // Who may not has nothing read.
    app.user("ada", "Correct-Horse-9").await;
    let mut ada = app.login("ada", "Correct-Horse-9").await;
    for refused in
        [upload(&mut ada, Some("b.png"), PNG).await, upload(&mut app.browser(), Some("b.png"), PNG).await]
    {
        assert_eq!(refused.status, 403, "{}", refused.text());
    }
    assert_eq!(ada.get("/api/v3/admin/file/").await.status, 403);
    app.stop().await;
}
