//! Refresh tokens, and what else looks tokens up: introspection, revocation, our own API.
use crate::fixture::{Fixture, SECRET, basic, claims};
use signet_base::{Json, json};
use signet_providers::oauth2::bearer;
use signet_store::testdb::each_database;

async fn refresh(w: &Fixture, token: &Json, more: &[(&str, &str)]) -> crate::fixture::TestResponse {
    let mut all = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
    all.extend(more);
    w.token(&all).await
}

#[tokio::test]
async fn each_use_gives_a_new_token_and_a_second_use_ends_the_family() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let first = w.tokens(&cookie, "openid email offline_access").await;
        w.clock.advance_secs(100);
        let second = refresh(&w, &first["refresh_token"], &[]).await.json();
        let (old, new) = (claims(&first["id_token"]), claims(&second["id_token"]));
        assert_eq!(
            (&old["sub"], &old["auth_time"], &old["sid"]),
            (&new["sub"], &new["auth_time"], &new["sid"])
        );
        assert!(
            new.get("nonce").is_none()
                && new["iat"].as_i64() == Some(1_800_000_100)
                && second["refresh_token"] != first["refresh_token"]
        );
        let third = refresh(&w, &second["refresh_token"], &[]).await.json();
        assert_eq!(w.userinfo(&third["access_token"]).await.status, 200);
        // Stolen: the first one again.
        assert_eq!(refresh(&w, &first["refresh_token"], &[]).await.error(), "invalid_grant");
        assert_eq!(refresh(&w, &third["refresh_token"], &[]).await.error(), "invalid_grant");
        assert_eq!(w.userinfo(&third["access_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn scopes_shrink_but_never_grow() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let first = w.tokens(&cookie, "openid email offline_access").await;
        let more =
            refresh(&w, &first["refresh_token"], &[("scope", "openid goauthentik.io/api offline_access")])
                .await;
        assert_eq!((more.status.as_u16(), more.error().as_str()), (400, "invalid_scope"));
        let less = refresh(&w, &first["refresh_token"], &[("scope", "openid")]).await.json();
        assert_eq!(less["scope"], "openid");
        let whole = refresh(&w, &less["refresh_token"], &[]).await.json();
        assert_eq!(whole["scope"], "openid email offline_access");
        // What the provider lost is not given any more.
        w.set(json!({"property_mappings": [w.scopes[0], w.scopes[3]]})).await;
        assert_eq!(refresh(&w, &whole["refresh_token"], &[]).await.json()["scope"], "openid offline_access");
    })
    .await;
}

#[tokio::test]
async fn time_and_threshold_count() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        w.set(json!({"refresh_token_validity": "hours=10", "refresh_token_threshold": "hours=1", "access_token_validity": "minutes=1"})).await;
        let first = w.tokens(&cookie, "openid offline_access").await;
        let kept = refresh(&w, &first["refresh_token"], &[]).await.json();
        assert!(kept.get("refresh_token").is_none() && kept["access_token"].is_string());
        w.clock.advance_secs(60);
        assert_eq!(w.userinfo(&kept["access_token"]).await.status, 401);
        w.clock.advance_secs(9 * 3600);
        let renewed = refresh(&w, &first["refresh_token"], &[]).await.json();
        assert!(renewed["refresh_token"].is_string());
        w.clock.advance_secs(10 * 3600);
        assert_eq!(refresh(&w, &renewed["refresh_token"], &[]).await.error(), "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_client_or_kind_is_no_refresh_token() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid offline_access").await;
        let stolen = w
            .token_as(
                Some(("other", SECRET)),
                &[("grant_type", "refresh_token"), ("refresh_token", t["refresh_token"].as_str().unwrap())],
            )
            .await;
        assert_eq!(stolen.error(), "invalid_grant");
        assert_eq!(refresh(&w, &t["access_token"], &[]).await.error(), "invalid_grant");
        assert_eq!(refresh(&w, &json!("unknown"), &[]).await.error(), "invalid_grant");
        assert_eq!(w.token(&[("grant_type", "refresh_token")]).await.error(), "invalid_request");
        // Neither attempt did harm.
        assert_eq!(refresh(&w, &t["refresh_token"], &[]).await.status, 200);
    })
    .await;
}

async fn ask(
    w: &Fixture,
    path: &str,
    client: Option<(&str, &str)>,
    token: &Json,
) -> crate::fixture::TestResponse {
    let header = client.map(basic);
    let headers: Vec<(&str, &str)> = header.iter().map(|h| ("authorization", h.as_str())).collect();
    w.send(
        "POST",
        &format!("/application/o/{path}/"),
        &headers,
        &format!("token={}", token.as_str().unwrap()),
    )
    .await
}

#[tokio::test]
async fn introspection_answers_its_own_client_only() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid email offline_access").await;
        let own = Some(("app", SECRET));
        let access = ask(&w, "introspect", own, &t["access_token"]).await.json();
        assert_eq!(
            (&access["active"], &access["client_id"], &access["sub"], &access["email"]),
            (&json!(true), &json!("app"), &json!(w.ann.uid), &json!("ann@example.test"))
        );
        let refresh = ask(&w, "introspect", own, &t["refresh_token"]).await.json();
        assert_eq!(
            (&refresh["active"], &refresh["scope"]),
            (&json!(true), &json!("openid email offline_access"))
        );
        let inactive = json!({"active": false});
        for (client, token) in
            [(own, &t["id_token"]), (own, &json!("x")), (Some(("other", SECRET)), &t["access_token"])]
        {
            assert_eq!(ask(&w, "introspect", client, token).await.json(), inactive);
        }
        for client in [None, Some(("app", "wrong")), Some(("nope", "x"))] {
            let answer = ask(&w, "introspect", client, &t["access_token"]).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, "invalid_client"));
        }
        w.clock.advance_secs(3600);
        assert_eq!(ask(&w, "introspect", own, &t["access_token"]).await.json(), inactive);
        w.deactivate(&w.ann).await;
        assert_eq!(ask(&w, "introspect", own, &t["refresh_token"]).await.json(), inactive);
    })
    .await;
}

#[tokio::test]
async fn revocation_ends_tokens_of_its_own_client_only() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid offline_access").await;
        assert_eq!(ask(&w, "revoke", Some(("other", SECRET)), &t["access_token"]).await.status, 200);
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 200);
        for _ in 0..2 {
            assert_eq!(ask(&w, "revoke", Some(("app", SECRET)), &t["access_token"]).await.status, 200);
            assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
        }
        assert_eq!(ask(&w, "revoke", Some(("app", SECRET)), &json!("unknown")).await.status, 200);
        assert_eq!(ask(&w, "revoke", None, &t["access_token"]).await.status, 401);
        let next = refresh(&w, &t["refresh_token"], &[]).await.json();
        ask(&w, "revoke", Some(("app", SECRET)), &next["refresh_token"]).await;
        assert_eq!(w.userinfo(&next["access_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn our_api_takes_access_tokens_with_its_scope() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let with = w.tokens(&cookie, "openid goauthentik.io/api").await;
        let without = w.tokens(&cookie, "openid").await;
        let who = |t: Json| {
            let core = w.core.clone();
            async move { bearer(&core, t.as_str().unwrap()).await.unwrap().map(|p| p.user.id) }
        };
        assert_eq!(who(with["access_token"].clone()).await, Some(w.ann.user.id));
        assert_eq!(who(without["access_token"].clone()).await, None);
        assert_eq!(who(with["id_token"].clone()).await, None);
        // One flipped bit in the signature.
        let mut text = with["access_token"].as_str().unwrap().to_owned();
        let last = if text.ends_with('A') { 'Q' } else { 'A' };
        text.pop();
        text.push(last);
        assert_eq!(who(json!(text)).await, None);
        w.clock.advance_secs(3600);
        assert_eq!(who(with["access_token"].clone()).await, None);
    })
    .await;
}
