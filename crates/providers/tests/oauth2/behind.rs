//! Access tokens whose row is still queued, or was lost when the process was killed.
use crate::fixture::{Fixture, SECRET, basic};
use signet_base::{Json, json, query};
use signet_providers::oauth2::bearer;
use signet_store::grants::{self, TokenKind};
use signet_store::testdb::each_database;

/// What killing the process does at worst: no row that was not waited for is there.
async fn lose_rows(w: &Fixture) {
    w.core.db.flush().await.unwrap();
    w.core.db.execute("DELETE FROM oauth_token WHERE kind = 'access'", vec![]).await.unwrap();
    w.core.db.execute("DELETE FROM event", vec![]).await.unwrap();
}
async fn ask(w: &Fixture, path: &str, token: &str) -> Json {
    let header = basic(("app", SECRET));
    let answer = w.send("POST", path, &[("authorization", &header)], &query::build([("token", token)])).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_token_is_valid_before_and_without_its_row() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid email goauthentik.io/api offline_access").await;
        let token = t["access_token"].as_str().unwrap();
        let at_once =
            (w.userinfo(&t["access_token"]).await.json(), ask(&w, "/application/o/introspect/", token).await);
        w.core.db.flush().await.unwrap();
        let written =
            (w.userinfo(&t["access_token"]).await.json(), ask(&w, "/application/o/introspect/", token).await);
        lose_rows(&w).await;
        let lost =
            (w.userinfo(&t["access_token"]).await.json(), ask(&w, "/application/o/introspect/", token).await);
        assert_eq!((&at_once, &lost), (&written, &written));
        assert_eq!((&lost.0["nonce"], &lost.1["active"]), (&json!("no"), &json!(true)));
        assert_eq!(bearer(&w.core, token).await.unwrap().unwrap().user.id, w.ann.user.id);
        // The refresh token was waited for.
        let again = w
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", t["refresh_token"].as_str().unwrap()),
            ])
            .await;
        assert_eq!(again.status, 200, "{}", again.text);
        // Nothing but our own text, in its time, for a live account.
        let (head, signature) = token.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        for bad in [
            format!("{head}.{flipped}{}", &signature[1..]),
            format!("{head}."),
            head.to_owned(),
            t["id_token"].as_str().unwrap().to_owned(),
        ] {
            assert_eq!(w.userinfo(&json!(bad)).await.status, 401, "{bad}");
            assert_eq!(ask(&w, "/application/o/introspect/", &bad).await, json!({"active": false}));
        }
        w.deactivate(&w.ann).await;
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_token_without_a_row_ends_with_its_time() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let t = w.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await.json();
        lose_rows(&w).await;
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 200);
        w.clock.advance_secs(3600);
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn revoking_needs_no_row() {
    each_database(|db| async move {
        for lost in [false, true] {
            let w = Fixture::new(db.clone()).await;
            let t = w.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await.json();
            if lost {
                lose_rows(&w).await;
            }
            let token = t["access_token"].as_str().unwrap();
            ask(&w, "/application/o/revoke/", token).await;
            assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
            assert_eq!(ask(&w, "/application/o/introspect/", token).await, json!({"active": false}));
            return_to_start(&w).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_reused_code_takes_queued_and_lost_tokens_along() {
    each_database(|db| async move {
        for lost in [false, true] {
            let w = Fixture::new(db.clone()).await;
            let cookie = w.sign_in(&w.ann).await;
            let code = w.code(&cookie, &[]).await;
            let t = w.redeem(&code).await.json();
            if lost {
                lose_rows(&w).await;
            }
            assert_eq!(w.redeem(&code).await.error(), "invalid_grant");
            assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
            w.core.db.flush().await.unwrap();
            assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
            return_to_start(&w).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_whose_row_was_deleted_by_an_administrator_is_over() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let t = w.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await.json();
        let (rows, total) =
            grants::list(&w.core.db, TokenKind::Access, &signet_store::ListQuery::first(5), None)
                .await
                .unwrap();
        assert_eq!(total, 1, "lists see what is queued");
        w.core.db.batch(grants::delete_batch(rows[0].id)).await.unwrap();
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn the_client_could_make_hs256_tokens_itself_so_they_need_their_row() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        w.set(json!({"signing_key": null})).await;
        let t = w.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await.json();
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 200);
        lose_rows(&w).await;
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
    })
    .await;
}

/// Removes what the next fixture would meet again.
async fn return_to_start(w: &Fixture) {
    w.core.db.flush().await.unwrap();
    for table in [
        "object_reference",
        "object_unique",
        "object_history",
        "object",
        "oauth_token",
        "oauth_code",
        "session",
        "users",
    ] {
        w.core.db.execute(format!("DELETE FROM {table}"), vec![]).await.unwrap();
    }
}
