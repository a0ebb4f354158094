//! Authorization codes: once, by the right client, with the right proof, in time.
use crate::fixture::{CB, Fixture, SECRET, VERIFIER, claims};
use signet_base::json;
use signet_core::{Principal, WebSession};
use signet_jose::pkce_s256;
use signet_store::testdb::each_database;

#[tokio::test]
async fn a_code_becomes_tokens_that_say_who_signed_in() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid email profile offline_access bogus").await;
        assert_eq!((&t["token_type"], &t["expires_in"], &t["scope"]), (&json!("Bearer"), &json!(3600), &json!("openid email profile offline_access")));
        assert!(t["refresh_token"].as_str().is_some_and(|r| r.len() == 64));
        let (access, id) = (claims(&t["access_token"]), claims(&t["id_token"]));
        for token in [&access, &id] {
            assert_eq!(token["iss"], "https://id.example/application/o/app/");
            assert_eq!((&token["aud"], &token["nonce"], &token["amr"]), (&json!("app"), &json!("no"), &json!(["pwd"])));
            assert_eq!((&token["sub"], &token["email"], &token["groups"]), (&json!(w.ann.uid), &json!("ann@example.test"), &json!([])));
            assert_eq!((&token["iat"], &token["exp"], &token["auth_time"]), (&json!(1_800_000_000), &json!(1_800_003_600), &json!(1_800_000_000)));
            assert!(token["jti"].is_string() && token["sid"].as_str().is_some_and(|s| s.len() == 64));
        }
        assert_eq!((&access["azp"], &access["scope"]), (&json!("app"), &t["scope"]));
        assert!(access["uid"].is_string() && id.get("azp").is_none() && id.get("scope").is_none() && access["jti"] != id["jti"]);
        let info = w.userinfo(&t["access_token"]).await.json();
        assert_eq!(
            info,
            json!({"sub": w.ann.uid, "email": "ann@example.test", "email_verified": false, "name": "ann example", "preferred_username": "ann", "groups": [], "nonce": "no"})
        );
        // Only openid: no refresh token, no claims.
        let t = w.tokens(&cookie, "openid").await;
        assert!(t.get("refresh_token").is_none() && claims(&t["id_token"]).get("email").is_none());
        // An ID token is no access token.
        assert_eq!(w.userinfo(&t["id_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_code_that_is_used_again_takes_its_tokens_along() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let code = w.code(&cookie, &[("scope", "openid offline_access")]).await;
        let t = w.redeem(&code).await.json();
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 200);
        let again = w.redeem(&code).await;
        assert_eq!((again.status.as_u16(), again.error().as_str()), (400, "invalid_grant"));
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
        let refresh = t["refresh_token"].as_str().unwrap();
        assert_eq!(
            w.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await.error(),
            "invalid_grant"
        );
        let (events, _) = signet_store::events::list(
            &w.core.db,
            &signet_store::ListQuery::default().equal("action", "suspicious_request"),
            None,
        )
        .await
        .unwrap();
        assert!(!events.is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_many_exchanges_at_once_one_wins() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let code = w.code(&cookie, &[]).await;
        let tries: Vec<_> = (0..12).map(|_| w.redeem(&code)).collect();
        let mut won = 0;
        for answer in futures(tries).await {
            won += usize::from(answer.status == 200);
        }
        assert_eq!(won, 1);
    })
    .await;
}

/// Polls all to their ends together.
async fn futures<F: Future>(all: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    let mut out = Vec::new();
    std::future::poll_fn(move |cx| {
        all.retain_mut(|f| match f.as_mut().poll(cx) {
            std::task::Poll::Ready(v) => {
                out.push(v);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() {
            std::task::Poll::Ready(std::mem::take(&mut out))
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn the_verifier_must_fit() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let challenge = pkce_s256(VERIFIER);
        let code =
            w.code(&cookie, &[("code_challenge", &challenge), ("code_challenge_method", "S256")]).await;
        let with = |verifier: Option<&'static str>| {
            let mut all =
                vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CB)];
            all.extend(verifier.map(|v| ("code_verifier", v)));
            all
        };
        for wrong in [None, Some(""), Some("short"), Some("wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong")]
        {
            let answer = w.token(&with(wrong)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.error().as_str()),
                (400, "invalid_grant"),
                "{wrong:?}"
            );
        }
        assert_eq!(w.token(&with(Some(VERIFIER))).await.status, 200);
        // A verifier without a challenge is somebody else's code.
        let plain = w.code(&cookie, &[]).await;
        let answer = w
            .token(&[
                ("grant_type", "authorization_code"),
                ("code", &plain),
                ("redirect_uri", CB),
                ("code_verifier", VERIFIER),
            ])
            .await;
        assert_eq!(answer.error(), "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn a_code_is_bound_to_client_address_time_person_and_session() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let refused = |answer: crate::fixture::TestResponse| (answer.status.as_u16(), answer.error());
        let grant = (400, "invalid_grant".to_owned());
        let code = w.code(&cookie, &[]).await;
        let all = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CB)];
        assert_eq!(refused(w.token_as(Some(("other", SECRET)), &all).await), grant);
        for address in [
            "https://app.example/CB",
            "https://app.example/cb/",
            "https://app.example:443/cb",
            "https://u@app.example/cb",
            "https://app.example/%2e%2e/cb",
            "https://evil.test/",
            "",
        ] {
            let answer = w
                .token(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", address)])
                .await;
            assert_eq!(refused(answer), grant, "{address}");
        }
        assert_eq!(
            refused(w.token_as(Some(("app", "wrong")), &all).await),
            (401, "invalid_client".to_owned())
        );
        assert_eq!(refused(w.token_as(None, &all).await), (400, "invalid_client".to_owned()));
        w.clock.advance_secs(59);
        assert_eq!(w.token(&all).await.status, 200);
        let late = w.code(&cookie, &[]).await;
        w.clock.advance_secs(60);
        assert_eq!(refused(w.redeem(&late).await), grant);
        // The session ended.
        let ended = w.code(&cookie, &[]).await;
        let mut session: WebSession = w.session(&cookie).await;
        session.sign_out();
        session.save(&w.core, &w.client("GET", "/")).await.unwrap();
        assert_eq!(refused(w.redeem(&ended).await), grant);
        // The account was closed.
        let cookie = w.sign_in(&w.ann).await;
        let closed = w.code(&cookie, &[]).await;
        w.deactivate(&w.ann).await;
        assert_eq!(refused(w.redeem(&closed).await), grant);
        assert!(Principal::load(&w.core, w.ann.user.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn the_gate_is_asked_again_at_the_token_endpoint() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let code = w.code(&cookie, &[("scope", "openid offline_access")]).await;
        let t = w.tokens(&cookie, "openid offline_access").await;
        w.only(w.ben().await.user.id).await;
        assert_eq!(w.redeem(&code).await.error(), "invalid_grant");
        assert_eq!(
            w.token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", t["refresh_token"].as_str().unwrap())
            ])
            .await
            .error(),
            "invalid_grant"
        );
        assert_eq!(w.authorize(&cookie, &[]).await.status, 403);
        assert_eq!(w.authorize(&cookie, &[("prompt", "none")]).await.error(), "access_denied");
    })
    .await;
}
