//! Sign-in without a browser.
use crate::fixture::{Fixture, SECRET, claims};
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::{Secret, Timestamp, json};
use signet_store::testdb::each_database;
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User};

async fn app_password(w: &Fixture, intent: &str, key: &str, expires: Option<i64>) {
    let token = Token {
        expires: expires.map(Timestamp::from_secs),
        expiring: expires.is_some(),
        ..Token::new(w.core.ports.uuid(), key, intent, w.ann.user.id, w.core.now())
    };
    tokens::insert(&w.core.db, &w.core.vault, &token, &Secret::new(key)).await.unwrap();
}

#[tokio::test]
async fn a_client_signs_in_as_its_own_account() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let t = w
            .token(&[
                ("grant_type", "client_credentials"),
                ("scope", "openid profile email bogus offline_access"),
            ])
            .await
            .json();
        assert_eq!(t["scope"], "openid profile email");
        let access = claims(&t["access_token"]);
        assert_eq!(
            (&access["preferred_username"], &access["azp"]),
            (&json!("ak-app-client_credentials"), &json!("app"))
        );
        assert!(
            access.get("amr").is_none() && access.get("sid").is_none() && t.get("refresh_token").is_none()
        );
        let form = w
            .token_as(
                None,
                &[("grant_type", "client_credentials"), ("client_id", "app"), ("client_secret", SECRET)],
            )
            .await
            .json();
        assert_eq!((&form["scope"], claims(&form["access_token"]).get("email")), (&json!(""), None));
        assert_eq!(claims(&form["access_token"])["sub"], access["sub"]);
        let wrong = w.token_as(Some(("app", "wrong")), &[("grant_type", "client_credentials")]).await;
        assert_eq!((wrong.status.as_u16(), wrong.error().as_str()), (401, "invalid_client"));
        let assertion = w
            .token_as(
                None,
                &[
                    ("grant_type", "client_credentials"),
                    ("client_id", "app"),
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                    ("client_assertion", "a.b.c"),
                ],
            )
            .await;
        assert_eq!(assertion.error(), "invalid_client");
        w.set(json!({"grant_types": ["authorization_code"]})).await;
        assert_eq!(w.token(&[("grant_type", "client_credentials")]).await.error(), "unauthorized_client");
        w.set(json!({"grant_types": ["client_credentials"], "client_type": "public"})).await;
        assert_eq!(w.token(&[("grant_type", "client_credentials")]).await.error(), "unauthorized_client");
        assert_eq!(
            w.token_as(None, &[("grant_type", "client_credentials"), ("client_id", "app")]).await.error(),
            "unauthorized_client"
        );
    })
    .await;
}

#[tokio::test]
async fn nobody_can_sit_on_the_name_of_a_service_account() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        users::insert(&w.core.db, &User::new(&w.core.ports, "ak-app-client_credentials"), &[]).await.unwrap();
        assert_eq!(w.token(&[("grant_type", "client_credentials")]).await.error(), "invalid_grant");
    })
    .await;
}

#[tokio::test]
async fn an_app_password_stands_for_its_person() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        app_password(&w, "app_password", "app-key", None).await;
        app_password(&w, "api", "api-key", None).await;
        app_password(&w, "app_password", "old-key", Some(1_800_000_001)).await;
        let ask = |username: &'static str, password: &'static str, grant: &'static str| {
            let w = &w;
            async move {
                w.token(&[
                    ("grant_type", grant),
                    ("username", username),
                    ("password", password),
                    ("scope", "openid"),
                ])
                .await
            }
        };
        for grant in ["password", "client_credentials"] {
            let t = ask("ann", "app-key", grant).await.json();
            assert_eq!(
                (&t["scope"], &claims(&t["access_token"])["sub"]),
                (&json!("openid"), &json!(w.ann.uid))
            );
        }
        assert_eq!(ask("ann", "old-key", "password").await.status, 200);
        w.clock.advance_secs(1);
        for (username, password) in [
            ("ben", "app-key"),
            ("ann", "api-key"),
            ("ann", "old-key"),
            ("ann", "nope"),
            ("nobody", "app-key"),
        ] {
            let answer = ask(username, password, "password").await;
            assert_eq!(
                (answer.status.as_u16(), answer.error().as_str()),
                (400, "invalid_grant"),
                "{username} {password}"
            );
        }
        // Without a client secret the person proves enough; a wrong one is still wrong.
        let bare = w
            .token_as(
                None,
                &[
                    ("grant_type", "client_credentials"),
                    ("client_id", "app"),
                    ("username", "ann"),
                    ("password", "app-key"),
                ],
            )
            .await;
        assert_eq!(bare.status, 200);
        let wrong = w
            .token_as(
                Some(("app", "wrong")),
                &[("grant_type", "password"), ("username", "ann"), ("password", "app-key")],
            )
            .await;
        assert_eq!(wrong.error(), "invalid_client");
        let packed = STANDARD.encode("ann:app-key");
        let t = w
            .token_as(
                None,
                &[("grant_type", "client_credentials"), ("client_id", "app"), ("client_secret", &packed)],
            )
            .await
            .json();
        assert_eq!(claims(&t["access_token"])["sub"], w.ann.uid);
        let packed = STANDARD.encode("ann:nope");
        assert_eq!(
            w.token_as(
                None,
                &[("grant_type", "client_credentials"), ("client_id", "app"), ("client_secret", &packed)]
            )
            .await
            .error(),
            "invalid_grant"
        );
        w.only(w.ben().await.user.id).await;
        assert_eq!(ask("ann", "app-key", "password").await.error(), "invalid_grant");
        w.deactivate(&w.ann).await;
        assert_eq!(ask("ann", "app-key", "password").await.error(), "invalid_grant");
    })
    .await;
}
