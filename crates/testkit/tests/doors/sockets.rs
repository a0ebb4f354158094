//! `/ws/client/`: who may open it, and what ends it.
use futures_util::{SinkExt, StreamExt};
use http::Method;
use signet_testkit::{App, Browser, DbKind, Setup, each_database, json};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

const PASSWORD: &str = "Correct-Horse-9";
type Page = WebSocketStream<TcpStream>;

/// Opens a socket as a page of this browser does; the status where it is refused.
async fn open_from(browser: &Browser, address: SocketAddr, origin: Option<&str>) -> Result<Page, u16> {
    let mut request = format!("ws://{address}/ws/client/").into_client_request().unwrap();
    let jar: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    request.headers_mut().insert("cookie", jar.join("; ").parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((page, _)) => Ok(page),
        Err(Error::Http(refused)) => Err(refused.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}
async fn open(browser: &Browser, app: &App) -> Page {
    open_from(browser, app.address, Some(&format!("http://{}", app.address))).await.expect("a socket")
}
/// The code of the close frame.
async fn closed(mut page: Page) -> u16 {
    while let Some(message) = page.next().await {
        if let Ok(Message::Close(Some(frame))) = message {
            return frame.code.into();
        }
    }
    0
}
async fn session_of(browser: &mut Browser) -> String {
    let list = browser.get("/api/v3/core/authenticated_sessions/").await.json();
    let own = list["results"].as_array().unwrap().iter().find(|s| s["current"] == true).cloned();
    own.expect("a session")["uuid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn core_socket_is_for_signed_in_people_and_own_pages() {
    let app = App::start(DbKind::Sqlite).await;
    app.user("ada", PASSWORD).await;
    let ada = app.login("ada", PASSWORD).await;
    let own = format!("http://{}", app.address);
    assert_eq!(open_from(&app.browser(), app.address, Some(&own)).await.err(), Some(403), "a stranger");
    for other in ["http://other.test", "null", "https://127.0.0.1:1"] {
        assert_eq!(open_from(&ada, app.address, Some(other)).await.err(), Some(403), "{other}");
    }
    // A plain request is none for a socket.
    let plain = ada.clone().send(Method::GET, "/ws/client/", &[], "").await.status.as_u16();
    assert!((400..500).contains(&plain), "{plain}");
    let mut pages = Vec::new();
    for _ in 0..20 {
        pages.push(open(&ada, &app).await);
    }
    assert_eq!(
        open_from(&ada, app.address, Some(&own)).await.err(),
        Some(429),
        "a session has a number of them"
    );
    drop(pages);
    app.stop().await;
}

#[tokio::test]
async fn core_socket_takes_messages_to_the_page_and_little_from_it() {
    let app = App::start(DbKind::Sqlite).await;
    let user = app.user("ada", PASSWORD).await;
    let ada = app.login("ada", PASSWORD).await;
    let mut page = open(&ada, &app).await;
    app.core.sockets.tell(user.id, &json!({"message_type": "message", "message": "Hello"}));
    let text = page.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(text.contains("\"Hello\""), "{text}");
    page.send(Message::Ping(Default::default())).await.unwrap();
    assert!(matches!(page.next().await, Some(Ok(Message::Pong(_)))));
    // Whatever it says has no meaning, and is short.
    page.send(Message::text("{}")).await.unwrap();
    page.send(Message::text("x".repeat(5_000))).await.unwrap();
    while let Some(Ok(_)) = page.next().await {}
    assert_eq!(app.browser().get("/-/health/live/").await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn core_socket_ends_with_its_session() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let (ada, bob) = (app.user("ada", PASSWORD).await, app.user("bob", PASSWORD).await);
        let mut others = app.login("bob", PASSWORD).await;
        let other = open(&others, &app).await;
        // Ended by an administrator.
        let mut browser = app.login("ada", PASSWORD).await;
        let page = open(&browser, &app).await;
        let path = format!("/api/v3/core/authenticated_sessions/{}/", session_of(&mut browser).await);
        assert_eq!(admin.delete(&path).await.status, 204);
        assert_eq!(closed(page).await, 1008);
        // The epoch is raised: a new password.
        let browser = app.login("ada", PASSWORD).await;
        let page = open(&browser, &app).await;
        let path = format!("/api/v3/core/users/{}/set_password/", ada.id);
        assert_eq!(admin.post(&path, json!({"password": "Another-Horse-9"})).await.status, 204);
        assert_eq!(closed(page).await, 1008);
        // The account is deactivated.
        let browser = app.login("ada", "Another-Horse-9").await;
        let page = open(&browser, &app).await;
        let path = format!("/api/v3/core/users/{}/", ada.id);
        assert_eq!(admin.patch(&path, json!({"is_active": false})).await.status, 200);
        assert_eq!(closed(page).await, 1008);
        // Time.
        let page = open(&others, &app).await;
        assert_eq!(others.get("/api/v3/core/users/me/").await.json()["user"]["pk"], bob.id);
        app.clock.advance_secs(60 * 60 * 24 * 400);
        assert_eq!((closed(page).await, closed(other).await), (1008, 1008));
        while app.core.sockets.count() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_socket_ends_by_sign_out_at_another_node_and_goes_away_with_its_own() {
    let setup = Setup::new(DbKind::Postgres).await;
    let (one, two) = (setup.start().await.unwrap(), setup.start().await.unwrap());
    one.user("ada", PASSWORD).await;
    let ada = one.login("ada", PASSWORD).await;
    let page = open(&ada, &one).await;
    let mut there = ada.at(two.address);
    there.host = one.address.to_string();
    let path = format!("/api/v3/core/authenticated_sessions/{}/", session_of(&mut there).await);
    assert_eq!(there.delete(&path).await.status, 204);
    assert_eq!(closed(page).await, 1008);
    // At the stop of its node.
    let again = one.login("ada", PASSWORD).await;
    let page = open(&again, &one).await;
    let stopping = tokio::spawn(one.halt());
    assert_eq!(closed(page).await, 1001);
    stopping.await.unwrap();
    two.stop().await;
}
