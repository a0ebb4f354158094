//! Signing out at an application's request.
use crate::fixture::{Fixture, SECRET};
use signet_base::{json, query};
use signet_core::flow::Reply;
use signet_jose::{Encoder, SigningKey};
use signet_store::testdb::each_database;
use std::sync::Arc;

const BYE: &str = "https://app.example/bye";

fn address(params: &[(&str, &str)]) -> String {
    format!("/application/o/app/end-session/?{}", query::build(params.iter().copied()))
}

#[tokio::test]
async fn a_person_is_sent_on_after_signing_out_and_the_session_s_tokens_end() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid").await;
        let hint = t["id_token"].as_str().unwrap();
        w.clock.advance_secs(7200);
        let fresh = w.tokens(&cookie, "openid").await;
        let begun = w
            .send(
                "GET",
                &address(&[("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s t")]),
                &[("cookie", &cookie)],
                "",
            )
            .await;
        assert_eq!((begun.status.as_u16(), begun.location()), (302, "/if/flow/sign-out/"));
        let mut session = w.session(&cookie).await;
        let Reply::Away(to) = w.flow(&mut session, "sign-out", None).await else { panic!("not sent on") };
        assert_eq!(to, format!("{BYE}?state=s%20t"));
        assert_eq!(w.userinfo(&fresh["access_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn without_a_place_to_go_the_person_is_told_what_is_open() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        assert_eq!(
            w.send("POST", "/application/o/app/end-session/", &[("cookie", &cookie)], "").await.status,
            303
        );
        let mut session = w.session(&cookie).await;
        let Reply::Challenge(shown) = w.flow(&mut session, "sign-out", None).await else { panic!("sent on") };
        assert_eq!(
            (&shown["component"], &shown["application_name"]),
            (&json!("ak-stage-session-end"), &json!("App"))
        );
        assert_eq!(
            (&shown["invalidation_flow_url"], &shown["application_launch_url"]),
            (&json!("/if/flow/sign-out/"), &json!("https://app.example"))
        );
        assert_eq!(w.send("GET", "/application/o/nope/end-session/", &[], "").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn bad_requests_to_sign_out_lead_nowhere() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid").await;
        let hint = t["id_token"].as_str().unwrap();
        let forged = Encoder::new(Arc::new(SigningKey::hs256(SECRET).unwrap()), "JWT")
            .encode(&json!({"iss": "https://id.example/application/o/app/", "aud": "app", "sub": w.ann.uid}))
            .unwrap();
        let foreign = {
            let code = w.authorize(&cookie, &[("client_id", "other")]).await.param("code").unwrap();
            let t = w
                .token_as(
                    Some(("other", SECRET)),
                    &[
                        ("grant_type", "authorization_code"),
                        ("code", &code),
                        ("redirect_uri", crate::fixture::CB),
                    ],
                )
                .await
                .json();
            t["id_token"].as_str().unwrap().to_owned()
        };
        for case in [
            vec![("id_token_hint", "bad")],
            vec![("id_token_hint", forged.as_str())],
            vec![("id_token_hint", foreign.as_str())],
            vec![("post_logout_redirect_uri", BYE)],
            vec![("post_logout_redirect_uri", "https://evil.test/")],
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.test/")],
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://app.example/cb")],
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://app.example/BYE")],
            vec![("id_token_hint", hint), ("client_id", "other")],
        ] {
            let answer = w.send("GET", &address(&case), &[("cookie", &cookie)], "").await;
            assert_eq!((answer.status.as_u16(), answer.location()), (400, ""), "{case:?}");
        }
        // Somebody else's ID token does not sign this person out.
        let ben = w.sign_in(&w.ben().await).await;
        assert_eq!(
            w.send("GET", &address(&[("id_token_hint", hint)]), &[("cookie", &ben)], "").await.status,
            400
        );
    })
    .await;
}
