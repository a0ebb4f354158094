//! Answers that do not hold let nobody in, and each has its twin that does.
use crate::up::{CALLBACK, START, Up, follow};
use http::StatusCode;
use signet_base::{Json, json, query};
use signet_testkit::{App, IdToken, OidcServer, each_database};

fn ada() -> Json {
    json!({"sub": "1", "preferred_username": "ada", "name": "Ada", "email": "ada@up.test", "email_verified": true})
}

#[tokio::test]
async fn federation_o4_only_a_whole_id_token_signs_somebody_in() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        type Twist = fn(&mut signet_base::Map);
        let twists: [(&str, Twist); 7] = [
            ("nonce", |claims| drop(claims.insert("nonce".into(), json!("another")))),
            ("issuer", |claims| drop(claims.insert("iss".into(), json!("https://evil.test")))),
            ("audience", |claims| drop(claims.insert("aud".into(), json!("another")))),
            ("audiences", |claims| drop(claims.insert("aud".into(), json!([OidcServer::CLIENT, "another"])))),
            ("expired", |claims| drop(claims.insert("exp".into(), json!(1_000_000)))),
            ("party", |claims| drop(claims.insert("azp".into(), json!("another")))),
            ("subject", |claims| drop(claims.remove("sub"))),
        ];
        for (name, twist) in twists {
            up.server.twist_id(twist);
            let mut browser = up.app.browser();
            let page = up.visit(&mut browser, ada()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{name}: {}", page.text());
            assert_eq!(up.who(&mut browser).await, None, "{name}");
        }
        up.server.straighten();
        for how in [IdToken::OtherKey, IdToken::Unsigned, IdToken::SharedSecret, IdToken::Missing] {
            up.server.sign(how);
            let mut browser = up.app.browser();
            let page = up.visit(&mut browser, ada()).await;
            assert_eq!((page.status, up.who(&mut browser).await), (StatusCode::FORBIDDEN, None), "{how:?}");
        }
        up.server.straighten();
        let mut browser = up.app.browser();
        let page = up.visit(&mut browser, ada()).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"), "{}", page.text());
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_o3_the_data_of_somebody_else_are_refused() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        for other in [json!("2"), json!(null)] {
            up.server.twist_info(move |claims| drop(claims.insert("sub".into(), other.clone())));
            let mut browser = up.app.browser();
            let page = up.visit(&mut browser, ada()).await;
            assert!(page.status == StatusCode::FORBIDDEN && page.text().contains("somebody else"));
            assert_eq!(up.who(&mut browser).await, None);
        }
        up.server.straighten();
        let mut browser = up.app.browser();
        up.visit(&mut browser, ada()).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_o1_an_answer_counts_once_and_in_the_browser_that_asked() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        let (mut attacker, mut victim) = (up.app.browser(), up.app.browser());
        let answer = up.go(&mut attacker, ada()).await;
        for browser in [&mut victim, &mut up.app.browser()] {
            let page = follow(browser, &answer).await;
            assert!(page.status == StatusCode::FORBIDDEN && page.text().contains("another browser"));
            assert_eq!(up.who(browser).await, None);
        }
        // The twin: the browser that asked; then the same answer once more.
        follow(&mut attacker, &answer).await;
        assert_eq!(up.who(&mut attacker).await.as_deref(), Some("ada"));
        let mut copy = attacker.clone();
        copy.cookies.remove("authentik_session");
        assert_eq!(follow(&mut copy, &answer).await.status, StatusCode::FORBIDDEN);
        assert_eq!(up.who(&mut copy).await, None);
        // Too late.
        let mut late = up.app.browser();
        let answer = up.go(&mut late, ada()).await;
        up.app.clock.advance_secs(16 * 60);
        assert_eq!(follow(&mut late, &answer).await.status, StatusCode::FORBIDDEN);
        // Without state, with a made-up one.
        for query in ["code=code-1", "code=code-1&state=abc", ""] {
            let page = late.get(&format!("{CALLBACK}?{query}")).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{query}");
        }
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_o13_an_answer_belongs_to_one_source() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        assert_eq!(up.create("other", json!({})).await.status, StatusCode::CREATED);
        let mut browser = up.app.browser();
        let answer = up.go(&mut browser, ada()).await;
        up.server.seen();
        let page = browser.get(&answer.replace("/up/", "/other/")).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        let answer = up.go(&mut browser, ada()).await;
        up.server.seen();
        for wrong in [
            answer.replace(&query::encode(&up.server.url), "https%3A%2F%2Fevil.test"),
            answer.split("&iss").next().unwrap().to_owned(),
        ] {
            let answer = if wrong.contains("evil") {
                wrong
            } else {
                up.go(&mut browser, ada()).await.split("&iss").next().unwrap().to_owned()
            };
            let page = browser.get(&answer).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{answer}");
        }
        assert!(!up.server.seen().iter().any(|call| call.contains("/token")), "the code went nowhere");
        up.visit(&mut browser, ada()).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_o2_who_cancels_reads_a_sentence_and_can_try_again() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        let mut browser = up.app.browser();
        let start = browser.get(&format!("{START}?next=%2Fif%2Fuser%2F%3Fa%3Db")).await;
        let key = query::value(start.location().split_once('?').unwrap().1, "state").unwrap();
        let issuer = query::encode(&up.server.url);
        let answer =
            format!("{CALLBACK}?error=access_denied&error_description=%3Cscript%3E&state={key}&iss={issuer}");
        let page = browser.get(&answer).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        let text = page.text();
        assert!(text.contains("You have not agreed at The up") && !text.contains("<script>&"), "{text}");
        assert!(text.contains("/flows/-/default/authentication/?next=%2Fif%2Fuser%2F%3Fa%3Db"), "{text}");
        assert!(browser.get(&answer).await.text().contains("is over"), "used up");
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_o8_new_keys_are_found_and_old_ones_stay_while_the_server_is_away() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        let mut browser = up.app.browser();
        up.visit(&mut browser, ada()).await;
        up.app.clock.advance_secs(120);
        up.server.rotate("two");
        up.server.seen();
        let mut browser = up.app.browser();
        up.visit(&mut browser, ada()).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        let calls = up.server.seen();
        assert_eq!(calls.iter().filter(|call| call.contains("/keys")).count(), 1, "{calls:?}");
        // Unknown keys one after the other: the keys are read once a minute.
        up.server.sign(IdToken::OtherKey);
        for _ in 0..3 {
            assert_eq!(up.visit(&mut up.app.browser(), ada()).await.status, StatusCode::FORBIDDEN);
        }
        assert!(up.server.seen().iter().filter(|call| call.contains("/keys")).count() <= 1);
        up.server.straighten();
        // What was published is old, and the server publishes nothing that can be used.
        up.app.clock.advance_secs(7200);
        up.server
            .twist_discovery(|document| drop(document.insert("issuer".into(), json!("https://evil.test"))));
        let mut browser = up.app.browser();
        up.visit(&mut browser, ada()).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        // Away altogether: a sentence, and a later try.
        up.server.go_down(true);
        let start = up.app.browser().get(START).await;
        assert_eq!(start.status, StatusCode::SEE_OTHER, "what is known is enough to go there");
        let answer = up.go(&mut browser, ada()).await;
        let page = browser.get(&answer).await;
        assert!(page.text().contains("cannot be reached"), "{}", page.text());
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_rule_7_a_source_that_is_off_is_off_at_every_door() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let mut browser = up.app.browser();
        let answer = up.go(&mut browser, ada()).await;
        up.set(json!({"enabled": false})).await;
        assert_eq!(browser.get(&answer).await.status, StatusCode::NOT_FOUND);
        assert_eq!(browser.get(START).await.status, StatusCode::NOT_FOUND);
        up.app.user("bob", "Engine-1843").await;
        let mut bob = up.app.login("bob", "Engine-1843").await;
        assert_eq!(bob.form(START, &[("csrf", "x")]).await.status, StatusCode::SEE_OTHER);
        up.set(json!({"enabled": true})).await;
        up.visit(&mut browser, ada()).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        up.app.stop().await;
    })
    .await;
}
