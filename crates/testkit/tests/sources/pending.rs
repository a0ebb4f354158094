//! Requests that wait for an answer: used once, by the browser that began them.
use signet_base::{Error, Span, json};
use signet_core::pending_request::{self, BoundTo, PendingRequest, Purpose};
use signet_core::{Client, Core};
use signet_testkit::{App, Setup, each_database};
use std::sync::Arc;

const KIND: &str = "test.source";

/// A stranger whose browser has this cookie.
fn stranger(pending: &str) -> Client {
    Client { ip: "192.0.2.7".parse().unwrap(), pending: pending.into(), ..Client::internal() }
}
fn request(target: &str) -> PendingRequest {
    PendingRequest { purpose: Purpose::SignIn, target: target.into(), content: json!({"nonce": "n"}) }
}
/// The key, and the browser's cookie from now on.
async fn begin(core: &Arc<Core>, cookie: &str, target: &str) -> (String, String) {
    let key = pending_request::key(core);
    let life = Span::from_secs(600);
    let set =
        pending_request::store(core, &stranger(cookie), KIND, BoundTo::Browser, life, &key, &request(target))
            .await
            .unwrap();
    let value = |set: String| set.split(['=', ';']).nth(1).unwrap().to_owned();
    let cookies = set.map_or_else(|| cookie.to_owned(), value);
    (key.reveal().to_owned(), cookies)
}
async fn take(core: &Arc<Core>, kind: &str, cookies: &str, key: &str) -> Option<PendingRequest> {
    pending_request::take(core, &stranger(cookies), kind, key).await.unwrap()
}

#[tokio::test]
async fn core_pending_a_request_is_taken_once_by_its_browser_in_time() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let core = &app.core;
        // Two tabs of one browser, and another browser.
        let (first, ada) = begin(core, "", "/a").await;
        let (second, same) = begin(core, &ada, "/b").await;
        let (third, bob) = begin(core, "not ours", "/c").await;
        assert!(ada == same && bob != ada && ada.len() == 40);
        assert_eq!(take(core, KIND, &bob, &first).await, None, "another browser");
        assert_eq!(take(core, KIND, "", &first).await, None, "no browser");
        assert_eq!(take(core, "test.other", &ada, &first).await, None, "another protocol");
        assert_eq!(take(core, KIND, &ada, &first).await, Some(request("/a")), "none of them used it up");
        assert_eq!(take(core, KIND, &ada, &first).await, None, "once");
        assert_eq!(take(core, KIND, &ada, &second).await, Some(request("/b")), "the other tab's is its own");
        assert_eq!(take(core, KIND, &ada, &"x".repeat(40)).await, None);
        app.clock.advance_secs(601);
        assert_eq!(take(core, KIND, &bob, &third).await, None, "over");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_pending_of_calls_at_the_same_moment_one_gets_it() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let (key, cookies) = begin(&app.core, "", "/a").await;
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (core, key, cookies) = (app.core.clone(), key.clone(), cookies.clone());
                tokio::spawn(async move { take(&core, KIND, &cookies, &key).await })
            })
            .collect();
        let mut got = 0;
        for call in calls {
            got += usize::from(call.await.unwrap().is_some());
        }
        assert_eq!(got, 1);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_pending_a_message_needs_its_key_alone() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let (core, key) = (&app.core, pending_request::key(&app.core));
        let message = PendingRequest { purpose: Purpose::Message, ..request("") };
        let life = Span::from_secs(60);
        let set = pending_request::store(core, &stranger(""), KIND, BoundTo::Key, life, &key, &message)
            .await
            .unwrap();
        assert_eq!(set, None, "the cookie of the browser's other requests stays");
        assert_eq!(take(core, KIND, "", key.reveal()).await, Some(message));
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_pending_a_stranger_has_a_budget_and_gets_it_back() {
    let setup =
        Setup::new(signet_testkit::DbKind::Sqlite).await.with("AUTHENTIK_THROTTLE__SESSIONS", "20/hour");
    let app = setup.start().await.unwrap();
    let core = &app.core;
    for _ in 0..50 {
        let (key, cookies) = begin(core, "", "/").await;
        assert!(take(core, KIND, &cookies, &key).await.is_some());
    }
    let mut kept = 0;
    let refused = loop {
        let key = pending_request::key(core);
        let life = Span::from_secs(60);
        match pending_request::store(core, &stranger(""), KIND, BoundTo::Browser, life, &key, &request("/"))
            .await
        {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept <= 20);
    };
    assert!(matches!(refused, Error::TooMany { .. }) && kept > 0, "{kept}: {refused}");
    let huge = PendingRequest { content: json!("x".repeat(300_000)), ..request("/") };
    let key = pending_request::key(core);
    let refused =
        pending_request::store(core, &Client::internal(), KIND, BoundTo::Key, Span::DAY, &key, &huge).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    app.stop().await;
}

#[tokio::test]
async fn core_pending_one_browser_has_a_bounded_number() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let (oldest, cookies) = begin(&app.core, "", "/0").await;
        let mut keys = Vec::new();
        for n in 1..=16 {
            app.clock.advance_secs(1);
            keys.push(begin(&app.core, &cookies, &format!("/{n}")).await.0);
        }
        assert_eq!(take(&app.core, KIND, &cookies, &oldest).await, None, "the oldest went");
        for key in keys {
            assert!(take(&app.core, KIND, &cookies, &key).await.is_some());
        }
        app.stop().await;
    })
    .await;
}
