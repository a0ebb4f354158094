//! The authorization endpoint: where errors go, who must sign in, what a person must see.
use crate::fixture::{CB, Fixture, authorize_query, create};
use signet_base::{Json, json};
use signet_core::flow::{Reply, keys};
use signet_core::models::{Flow, PolicyBinding};
use signet_model::Model;
use signet_store::testdb::each_database;

#[tokio::test]
async fn a_wrong_client_or_address_is_a_page_and_never_a_redirect() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let long = format!("https://app.example/{}", "x".repeat(3000));
        for wrong in [
            ("client_id", "nope"),
            ("client_id", ""),
            ("redirect_uri", ""),
            ("redirect_uri", "https://evil.test/"),
            ("redirect_uri", "https://app.example/CB"),
            ("redirect_uri", "https://app.example/cb/"),
            ("redirect_uri", "https://app.example:443/cb"),
            ("redirect_uri", "https://user@app.example/cb"),
            ("redirect_uri", "https://app.example/x/%2e%2e/cb"),
            ("redirect_uri", "https://app.example/bye"),
            ("redirect_uri", "javascript:alert(1)"),
            ("redirect_uri", &long),
        ] {
            let answer = w.authorize(&cookie, &[wrong]).await;
            assert_eq!((answer.status.as_u16(), answer.location()), (400, ""), "{wrong:?}");
            assert!(answer.header("content-type").starts_with("text/html"));
        }
        let twice =
            format!("/application/o/authorize/?{}&redirect_uri=https://evil.test/", authorize_query(&[]));
        assert_eq!(w.send("GET", &twice, &[("cookie", &cookie)], "").await.status, 400);
        assert_eq!(w.send("GET", "/application/o/authorize/", &[("cookie", &cookie)], "").await.status, 404);
        let huge = authorize_query(&[("scope", &"x".repeat(1 << 20))]);
        let answer = w.send("POST", "/application/o/authorize/", &[("cookie", &cookie)], &huge).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (400, ""));
    })
    .await;
}

#[tokio::test]
async fn other_errors_go_back_to_the_application_with_its_state() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let s256 = "x".repeat(43);
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("response_type", "bogus")], "unsupported_response_type"),
            (&[("response_type", "")], "unsupported_response_type"),
            (&[("response_type", "token")], "unsupported_response_type"),
            (&[("response_type", "id_token"), ("nonce", "")], "invalid_request"),
            (&[("response_type", "id_token"), ("scope", "email")], "invalid_scope"),
            (&[("request", "x")], "request_not_supported"),
            (&[("request_uri", "https://x")], "request_uri_not_supported"),
            (&[("prompt", "none login")], "invalid_request"),
            (&[("max_age", "x")], "invalid_request"),
            (&[("max_age", "-1")], "invalid_request"),
            (&[("code_challenge", &s256)], "invalid_request"),
            (&[("code_challenge", &s256), ("code_challenge_method", "plain")], "invalid_request"),
            (&[("code_challenge", "short"), ("code_challenge_method", "S256")], "invalid_request"),
            (&[("code_challenge_method", "S256")], "invalid_request"),
        ];
        for (case, error) in cases {
            let answer = w.authorize(&cookie, case).await;
            assert!(answer.status == 302 && answer.location().starts_with(CB), "{case:?}");
            assert_eq!((answer.error().as_str(), answer.param("state").as_deref(), answer.param("code")), (*error, Some("st"), None), "{case:?}");
        }
        let twice = format!("/application/o/authorize/?{}&scope=email", authorize_query(&[]));
        assert_eq!(w.send("GET", &twice, &[("cookie", &cookie)], "").await.error(), "invalid_request");
        let method = w.authorize(&cookie, &[("code_challenge", "x"), ("code_challenge_method", "bogus")]).await;
        assert_eq!(method.param("error_description").as_deref(), Some("Unsupported challenge method bogus"));
        assert_eq!(w.authorize(&cookie, &[("response_type", "bogus")]).await.location(), format!("{CB}?error=unsupported_response_type&error_description=The%20authorization%20server%20does%20not%20support%20obtaining%20an%20authorization%20code%20using%20this%20method&state=st&iss=https%3A%2F%2Fid.example%2Fapplication%2Fo%2Fapp%2F"));
        w.set(json!({"grant_types": ["refresh_token"]})).await;
        assert_eq!(w.authorize(&cookie, &[]).await.error(), "unauthorized_client");
        w.set(json!({"grant_types": ["authorization_code"], "client_type": "public"})).await;
        assert_eq!(w.authorize(&cookie, &[]).await.error(), "invalid_request");
        assert!(w.authorize(&cookie, &[("code_challenge", &s256), ("code_challenge_method", "S256")]).await.param("code").is_some());
    })
    .await;
}

#[tokio::test]
async fn state_comes_back_even_when_there_was_none() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        assert_eq!(w.authorize(&cookie, &[("state", "")]).await.param("state").as_deref(), Some(""));
        assert_eq!(
            w.authorize(&cookie, &[("state", "a&b=c#d é")]).await.param("state").as_deref(),
            Some("a&b=c#d é")
        );
        let posted =
            w.send("POST", "/application/o/authorize/", &[("cookie", &cookie)], &authorize_query(&[])).await;
        assert!(posted.status == 303 && posted.param("code").is_some());
    })
    .await;
}

#[tokio::test]
async fn strangers_sign_in_first_and_come_back() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let answer = w.authorize("", &[]).await;
        assert_eq!(answer.status, 302);
        assert!(answer.location().starts_with("/if/flow/sign-in/?client_id=app&"), "{}", answer.location());
        assert_eq!(
            answer.param("next").as_deref(),
            Some(format!("/application/o/authorize/?{}", authorize_query(&[])).as_str())
        );
        assert_eq!(w.authorize("", &[("prompt", "none")]).await.error(), "login_required");
        // An address smuggled in beside is not followed.
        assert!(!w.authorize("", &[("next", "/evil")]).await.location().contains("evil"));
    })
    .await;
}

#[tokio::test]
async fn a_second_sign_in_is_asked_for_and_then_enough() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        for case in [[("prompt", "login")], [("max_age", "0")], [("max_age", "5")]] {
            let cookie = w.sign_in(&w.ann).await;
            w.clock.advance_secs(10);
            let asked = w.authorize(&cookie, &case).await;
            assert!(asked.location().starts_with("/if/flow/sign-in/"), "{case:?} {}", asked.location());
            // Asking twice does not help.
            assert!(
                w.authorize(&cookie, &case).await.location().starts_with("/if/flow/sign-in/"),
                "{case:?}"
            );
            w.clock.advance_secs(1);
            let mut session = w.session(&cookie).await;
            let cookie = w.sign_in_again(&mut session, &w.ann).await;
            assert!(w.authorize(&cookie, &case).await.param("code").is_some(), "{case:?}");
            if case[0].0 != "max_age" || case[0].1 == "0" {
                assert!(
                    w.authorize(&cookie, &case).await.location().starts_with("/if/flow/sign-in/"),
                    "{case:?}"
                );
            }
        }
        let cookie = w.sign_in(&w.ann).await;
        w.clock.advance_secs(10);
        assert_eq!(
            w.authorize(&cookie, &[("max_age", "5"), ("prompt", "none")]).await.error(),
            "login_required"
        );
        assert!(w.authorize(&cookie, &[("max_age", "3600")]).await.param("code").is_some());
    })
    .await;
}

#[tokio::test]
async fn front_channel_tokens_carry_hashes_and_travel_in_the_fragment() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let alg = signet_jose::Algorithm::Es256;
        let answer = w
            .authorize(&cookie, &[("response_type", "id_token token"), ("scope", "openid offline_access")])
            .await;
        assert!(answer.location().starts_with(&format!("{CB}#access_token=")));
        let (id, access) = (json!(answer.param("id_token").unwrap()), answer.param("access_token").unwrap());
        assert_eq!(crate::fixture::claims(&id)["at_hash"], signet_jose::half_hash(alg, &access));
        assert_eq!(
            (answer.param("token_type").as_deref(), answer.param("expires_in").as_deref()),
            (Some("Bearer"), Some("3600"))
        );
        assert_eq!(crate::fixture::claims(&json!(access))["scope"], "openid");
        assert_eq!(w.userinfo(&json!(access)).await.status, 200);
        let hybrid = w.authorize(&cookie, &[("response_type", "code id_token")]).await;
        let code = hybrid.param("code").unwrap();
        assert_eq!(
            crate::fixture::claims(&json!(hybrid.param("id_token").unwrap()))["c_hash"],
            signet_jose::half_hash(alg, &code)
        );
        assert_eq!(w.redeem(&code).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_form_and_a_second_consent_need_a_page() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let form = w.authorize(&cookie, &[("response_mode", "form_post")]).await;
        assert!(form.location().starts_with("/if/flow/authorize/?client_id=app"), "{}", form.location());
        let mut session = w.session(&cookie).await;
        let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else { panic!("no form") };
        assert_eq!((&shown["component"], &shown["url"]), (&json!("ak-stage-autosubmit"), &json!(CB)));
        let code = shown["attrs"]["code"].as_str().unwrap().to_owned();
        assert_eq!((&shown["attrs"]["state"], w.redeem(&code).await.status.as_u16()), (&json!("st"), 200));

        let asked = w.authorize(&cookie, &[("prompt", "consent"), ("scope", "openid email")]).await;
        assert!(asked.location().starts_with("/if/flow/authorize/?"));
        let mut session = w.session(&cookie).await;
        let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else { panic!("no consent") };
        assert_eq!((&shown["component"], &shown["permissions"]), (&json!("ak-stage-consent"), &json!([{"id": "email", "name": "Email address"}])));
        let decline = session.state.plan.as_ref().and_then(|p| p.context.get(&keys::DECLINE_URL)).unwrap();
        assert!(decline.starts_with(&format!("{CB}?error=access_denied&")) && decline.ends_with("&state=st&iss=https%3A%2F%2Fid.example%2Fapplication%2Fo%2Fapp%2F"), "{decline}");
        for wrong in [json!({}), json!({"token": "x"}), json!({"token": ""}), json!({"token": null})] {
            assert!(matches!(w.flow(&mut session, "authorize", Some(wrong)).await, Reply::Challenge(again) if again["component"] == "ak-stage-consent"));
        }
        let Reply::Away(to) = w.flow(&mut session, "authorize", Some(json!({"token": shown["token"]}))).await else { panic!("no answer") };
        assert!(to.starts_with(&format!("{CB}?code=")));
    })
    .await;
}

#[tokio::test]
async fn another_person_cannot_end_what_one_began() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        w.authorize(&cookie, &[("response_mode", "form_post")]).await;
        let mut session = w.session(&cookie).await;
        let ben = w.ben().await;
        w.sign_in_again(&mut session, &ben).await;
        // The request begins again, for the person who is there now.
        let Reply::Away(to) = w.flow(&mut session, "authorize", None).await else { panic!("an answer") };
        assert!(to.starts_with("/application/o/authorize/?") && !to.contains("code="), "{to}");
    })
    .await;
}

#[tokio::test]
async fn settings_that_change_meanwhile_count() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        w.authorize(&cookie, &[("response_mode", "form_post")]).await;
        w.set(json!({"redirect_uris": [{"matching_mode": "strict", "url": "https://elsewhere.example/"}]}))
            .await;
        let mut session = w.session(&cookie).await;
        let Reply::Challenge(shown) = w.flow(&mut session, "authorize", None).await else {
            panic!("an answer")
        };
        assert_eq!(shown["component"], "ak-stage-access-denied");
    })
    .await;
}

#[tokio::test]
async fn a_flow_that_is_not_for_the_person_gives_no_code() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let closed = create(
            &w.core,
            Flow::DEF,
            json!({"name": "closed", "slug": "closed", "title": "c", "designation": "authorization"}),
        )
        .await
        .unwrap();
        let pbm: Json = json!(closed.pbm());
        create(
            &w.core,
            PolicyBinding::DEF,
            json!({"target": pbm, "user": w.ben().await.user.id, "order": 0}),
        )
        .await
        .unwrap();
        w.set(json!({"authorization_flow": closed.pk})).await;
        assert_eq!(w.authorize(&cookie, &[]).await.status, 403);
        assert_eq!(w.authorize(&cookie, &[("prompt", "none")]).await.error(), "access_denied");
    })
    .await;
}
