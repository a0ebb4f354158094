//! How a request ends without a code, and that its one answer can be read again.
use crate::fixture::{CB, Fixture};
use signet_base::json;
use signet_core::flow::{Reply, keys};
use signet_core::models::Flow;
use signet_store::params;
use signet_store::testdb::each_database;

async fn codes(w: &Fixture) -> i64 {
    let row = w.core.db.query_one("SELECT count(*) FROM oauth_code", params![]).await.unwrap().unwrap();
    row.int(0).unwrap()
}

#[tokio::test]
async fn authz_a_flow_that_refuses_tells_the_application() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let mut runs = Vec::new();
        for (mode, mark) in [("query", '?'), ("fragment", '#')] {
            let cookie = w.sign_in(&w.ben().await).await;
            w.authorize(&cookie, &[("prompt", "consent"), ("response_mode", mode)]).await;
            let mut session = w.session(&cookie).await;
            let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else {
                panic!("no consent")
            };
            runs.push((session, shown["token"].clone(), format!("{CB}{mark}error=access_denied&")));
        }
        w.only(w.ann.user.id).await;
        for (mut session, token, begins) in runs {
            for answer in [Some(json!({"token": token})), None, Some(json!({"token": "x"}))] {
                let Reply::Away(to) = w.flow(&mut session, "authorize", answer).await else {
                    panic!("no ending")
                };
                assert!(to.starts_with(&begins) && to.contains("state=st") && to.contains("&iss="), "{to}");
            }
        }
        assert_eq!(codes(&w).await, 0);
    })
    .await;
}

#[tokio::test]
async fn authz_a_flow_may_want_its_message_read_first() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let flow = w.core.config().find::<Flow>("slug", "authorize").unwrap().0.pk;
        w.change(flow, json!({"denied_action": "message"})).await;
        let cookie = w.sign_in(&w.ben().await).await;
        w.authorize(&cookie, &[("prompt", "consent")]).await;
        let mut session = w.session(&cookie).await;
        let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else {
            panic!("no consent")
        };
        w.only(w.ann.user.id).await;
        let end = w.flow(&mut session, "authorize", Some(json!({"token": shown["token"]}))).await;
        assert!(matches!(end, Reply::Challenge(end) if end["component"] == "ak-stage-access-denied"));
        let back = session.state.plan.as_ref().and_then(|plan| plan.context.get(&keys::DECLINE_URL)).unwrap();
        assert!(back.starts_with(&format!("{CB}?error=access_denied&")), "{back}");
        // At the endpoint itself the page has the same link.
        let page = w.authorize(&cookie, &[]).await;
        assert!(page.status == 403 && page.text.contains("Go back to <bdi>App</bdi>"), "{}", page.text);
        assert!(page.text.contains(&format!("href=\"{CB}?error=access_denied&amp;")), "{}", page.text);
    })
    .await;
}

#[tokio::test]
async fn authz_an_answer_is_read_again_until_its_code_is_used() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        for mode in ["query", "form_post"] {
            let before = codes(&w).await;
            let cookie = w.sign_in(&w.ann).await;
            w.authorize(&cookie, &[("prompt", "consent"), ("response_mode", mode)]).await;
            let mut session = w.session(&cookie).await;
            let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else {
                panic!("no consent")
            };
            let token = json!({"token": shown["token"]});
            let mut codes_seen = Vec::new();
            // Sent, sent twice, loaded again.
            for answer in [Some(token.clone()), Some(token), None, None] {
                codes_seen.push(match w.flow(&mut session, "authorize", answer).await {
                    Reply::Away(to) => {
                        signet_base::query::value(to.split_once('?').unwrap().1, "code").unwrap()
                    }
                    Reply::Challenge(form) => form["attrs"]["code"].as_str().unwrap().to_owned(),
                    other => panic!("{other:?}"),
                });
            }
            assert!(codes_seen.iter().all(|code| *code == codes_seen[0]), "{codes_seen:?}");
            assert_eq!(codes(&w).await, before + 1);
            let tokens = w.redeem(&codes_seen[0]).await.json();
            // Used: the request begins again, and nothing takes its tokens back.
            let Reply::Away(to) = w.flow(&mut session, "authorize", None).await else { panic!("no way on") };
            assert!(to.starts_with("/application/o/authorize/?") && !to.contains("code="), "{to}");
            assert_eq!(w.userinfo(&tokens["access_token"]).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn authz_an_answer_is_not_read_again_after_its_code_has_expired() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        w.authorize(&cookie, &[("response_mode", "form_post")]).await;
        let mut session = w.session(&cookie).await;
        assert!(matches!(w.flow(&mut session, "authorize", None).await, Reply::Challenge(form) if form["attrs"]["code"].is_string()));
        w.clock.advance_secs(61);
        let Reply::Away(to) = w.flow(&mut session, "authorize", None).await else { panic!("no way on") };
        assert!(to.starts_with("/application/o/authorize/?"), "{to}");
    })
    .await;
}
