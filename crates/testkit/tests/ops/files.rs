//! Stored files over HTTP.
use signet_base::storage::FileName;
use signet_testkit::{App, DbKind};

fn name(text: &str) -> FileName {
    FileName::parse(text).unwrap()
}

#[tokio::test]
async fn storage_a_signed_url_shows_its_file_and_no_other() {
    let app = App::start(DbKind::Sqlite).await;
    let media = app.core.ports.media.clone();
    let drawing = name("icons/app.svg");
    media.put(&drawing, b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), false).await.unwrap();
    media.put(&name("page.html"), b"<script>alert(1)</script>".to_vec(), false).await.unwrap();
    let mut browser = app.browser();
    let url = media.url(&drawing, None);
    let answer = browser.get(&url).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/svg+xml"));
    assert_eq!(answer.header("content-length"), "41");
    assert!(answer.header("content-security-policy").contains("sandbox"), "a drawing runs no script");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-disposition"), "", "a picture is shown");
    assert_eq!(answer.text(), "<svg xmlns='http://www.w3.org/2000/svg'/>");
    // What is no picture is saved, not shown.
    let page = browser.get(&media.url(&name("page.html"), None)).await;
    assert_eq!((page.status.as_u16(), page.header("content-disposition")), (200, "attachment"));
    assert!(page.header("content-security-policy").contains("sandbox"));
    let (path, token) = url.split_once('?').unwrap();
    for refused in [
        path.to_owned(),
        format!("{path}?token="),
        format!("/files/media/public/page.html?{token}"),
        format!("/files/reports/public/icons/app.svg?{token}"),
        format!("/files/media/public/icons/../icons/app.svg?{token}"),
        format!("/files/media/public/icons/%2e%2e/icons/app.svg?{token}"),
        format!("/files/media/other/icons/app.svg?{token}"),
        "/files/media/public/".to_owned(),
        "/files/".to_owned(),
        "/files/media/public/..%2f..%2fsecret_key?token=x".to_owned(),
        media.url(&name("missing.png"), None),
    ] {
        assert_eq!(browser.get(&refused).await.status, 404, "{refused}");
    }
    app.clock.advance_secs(900);
    assert_eq!(browser.get(&url).await.status, 404, "expired");
    assert_eq!(browser.get(&media.url(&drawing, None)).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn storage_a_large_file_arrives_whole() {
    let app = App::start(DbKind::Sqlite).await;
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let file = name("export.csv");
    app.core.ports.reports.put(&file, content.clone(), false).await.unwrap();
    let answer = app.browser().get(&app.core.ports.reports.url(&file, None)).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-disposition")), (200, "attachment"));
    assert!(answer.body == content);
    app.stop().await;
}
