//! Documents for clients, scripts of other origins, and requests that no client should send.
use crate::fixture::{CB, Fixture, SECRET, basic, claims};
use signet_base::json;
use signet_jose::{Expect, JwkSet, jwt};
use signet_store::testdb::each_database;

const DISCOVERY: &str = "/application/o/app/.well-known/openid-configuration";

#[tokio::test]
async fn discovery_and_keys_say_what_is_true() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let answer = w.send("GET", DISCOVERY, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
        let d = answer.json();
        assert_eq!(
            (&d["issuer"], &d["jwks_uri"]),
            (
                &json!("https://id.example/application/o/app/"),
                &json!("https://id.example/application/o/app/jwks/")
            )
        );
        assert_eq!(d["id_token_signing_alg_values_supported"], json!(["ES256"]));
        assert_eq!(
            d["scopes_supported"],
            json!(["email", "goauthentik.io/api", "offline_access", "openid", "profile"])
        );
        for claim in ["sub", "email", "email_verified", "name", "groups", "preferred_username"] {
            assert!(d["claims_supported"].as_array().unwrap().contains(&json!(claim)), "{claim}");
        }
        let root = w.send("GET", "/.well-known/oauth-authorization-server/application/o/app/", &[], "").await;
        assert_eq!(root.json(), d);
        assert_eq!(
            w.send("GET", "/application/o/no-app/.well-known/openid-configuration", &[], "").await.status,
            404
        );
        assert_eq!(w.send("GET", "/application/o/app/", &[], "").await.location(), DISCOVERY);
        let register = w.send("POST", "/application/o/app/register/", &[], "").await;
        assert_eq!((register.status.as_u16(), register.header("allow")), (405, "GET, HEAD, OPTIONS"));

        let keys = w.send("GET", "/application/o/app/jwks/", &[], "").await;
        assert_eq!(keys.header("access-control-allow-origin"), "*");
        let set = JwkSet::from_json(keys.text.as_bytes()).unwrap();
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid").await;
        let id = t["id_token"].as_str().unwrap();
        jwt::verify(
            id,
            set.keys(),
            &Expect::new(1_800_000_000).iss("https://id.example/application/o/app/").aud("app"),
        )
        .unwrap();

        // The next picture of the configuration has its own documents.
        w.set(json!({"signing_key": null, "issuer_mode": "global", "property_mappings": [w.scopes[0]]}))
            .await;
        let d = w.send("GET", DISCOVERY, &[], "").await.json();
        assert_eq!(
            (&d["issuer"], &d["id_token_signing_alg_values_supported"], &d["scopes_supported"]),
            (&json!("https://id.example/"), &json!(["HS256"]), &json!(["openid"]))
        );
        assert_eq!(w.send("GET", "/application/o/app/jwks/", &[], "").await.json(), json!({}));
        let t = w.tokens(&cookie, "openid").await;
        let key = signet_jose::VerifyingKey::hs256(SECRET).unwrap();
        jwt::verify(
            t["id_token"].as_str().unwrap(),
            [&key],
            &Expect::new(1_800_000_000).iss("https://id.example/").aud("app"),
        )
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn subjects_and_claims_follow_the_settings() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        for (mode, sub) in [
            ("user_id", w.ann.user.id.to_string()),
            ("user_uuid", w.ann.user.uuid.to_string()),
            ("user_username", "ann".into()),
            ("user_email", "ann@example.test".into()),
            ("user_upn", w.ann.uid.clone()),
        ] {
            w.set(json!({"sub_mode": mode, "include_claims_in_id_token": false})).await;
            let t = w.tokens(&cookie, "openid email").await;
            assert_eq!(claims(&t["id_token"])["sub"], sub, "{mode}");
            assert!(
                claims(&t["id_token"]).get("email").is_none()
                    && claims(&t["access_token"]).get("email").is_none()
            );
            let info = w.userinfo(&t["access_token"]).await.json();
            assert_eq!((&info["sub"], &info["email"]), (&json!(sub), &json!("ann@example.test")));
        }
    })
    .await;
}

#[tokio::test]
async fn scripts_of_registered_origins_may_read() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let allowed = |origin: &'static str, path: &'static str, method: &'static str| {
            let w = &w;
            async move {
                w.send(
                    method,
                    path,
                    &[("origin", origin), ("access-control-request-headers", "authorization")],
                    "",
                )
                .await
                .header("access-control-allow-origin")
                .to_owned()
            }
        };
        assert_eq!(allowed("https://app.example", DISCOVERY, "GET").await, "https://app.example");
        for evil in ["https://evil.test", "https://app.example.evil", "http://app.example", "null"] {
            assert_eq!(allowed(evil, DISCOVERY, "GET").await, "", "{evil}");
        }
        let preflight = w
            .send(
                "OPTIONS",
                "/application/o/token/",
                &[("origin", "https://x.test"), ("access-control-request-headers", "authorization")],
                "",
            )
            .await;
        assert_eq!(
            (
                preflight.status.as_u16(),
                preflight.json(),
                preflight.header("access-control-allow-origin"),
                preflight.header("access-control-allow-headers")
            ),
            (200, json!({}), "https://x.test", "authorization")
        );
        let token = |origin: &'static str| {
            let w = &w;
            async move {
                w.send(
                    "POST",
                    "/application/o/token/",
                    &[("origin", origin), ("authorization", &basic(("app", SECRET)))],
                    "grant_type=client_credentials",
                )
                .await
                .header("access-control-allow-origin")
                .to_owned()
            }
        };
        assert_eq!(
            (token("https://app.example").await.as_str(), token("https://evil.test").await.as_str()),
            ("https://app.example", "")
        );
    })
    .await;
}

#[tokio::test]
async fn odd_requests_get_plain_refusals() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let header = basic(("app", SECRET));
        let auth = [("authorization", header.as_str())];
        let send = |body: String| {
            let (w, auth) = (&w, &auth);
            async move {
                let a = w.send("POST", "/application/o/token/", auth, &body).await;
                assert_eq!((a.header("cache-control"), a.header("pragma")), ("no-store", "no-cache"));
                assert!(a.json()["request_id"].is_string() && a.json()["error_description"].is_string());
                (a.status.as_u16(), a.error())
            }
        };
        let bad = |code: &str| (400, code.to_owned());
        assert_eq!(send(String::new()).await, bad("invalid_request"));
        assert_eq!(send("code=x".into()).await, bad("invalid_request"));
        assert_eq!(send("grant_type=bogus".into()).await, bad("unsupported_grant_type"));
        assert_eq!(
            send("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x".into()).await,
            bad("unsupported_grant_type")
        );
        assert_eq!(
            send("grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=x".into()).await,
            bad("invalid_grant")
        );
        assert_eq!(
            send("grant_type=authorization_code&grant_type=password".into()).await,
            bad("invalid_request")
        );
        assert_eq!(send("grant_type=authorization_code".into()).await, bad("invalid_request"));
        assert_eq!(
            send(format!("grant_type=authorization_code&code=x&redirect_uri={CB}")).await,
            bad("invalid_grant")
        );
        assert_eq!(
            send(format!("grant_type=client_credentials&scope={}", "x".repeat(1 << 20))).await,
            bad("invalid_request")
        );
        assert_eq!(
            send("grant_type=client_credentials&client_id=other".into()).await,
            bad("invalid_request")
        );
        assert_eq!(
            send("grant_type=client_credentials&client_secret=another".to_owned()).await,
            bad("invalid_request")
        );
        let json_body = w
            .send(
                "POST",
                "/application/o/token/",
                &[("content-type", "application/json")],
                "{\"grant_type\":\"client_credentials\"}",
            )
            .await;
        assert_eq!((json_body.status.as_u16(), json_body.error().as_str()), (400, "invalid_request"));
        for header in
            ["Basic", "Basic %%%", "Bearer x", "Basic YXBw", &basic(("app", "")), &basic(("nope", SECRET))]
        {
            let a = w
                .send(
                    "POST",
                    "/application/o/token/",
                    &[("authorization", header)],
                    "grant_type=client_credentials",
                )
                .await;
            assert_eq!((a.status.as_u16(), a.error().as_str()), (401, "invalid_client"), "{header}");
            assert!(a.header("www-authenticate").starts_with("Basic "));
        }
        let get = w.send("GET", "/application/o/token/", &[], "").await;
        assert_eq!(get.status, 405);
        for path in ["userinfo", "introspect", "revoke"] {
            let huge = w
                .send(
                    "POST",
                    &format!("/application/o/{path}/"),
                    &auth,
                    &format!("token={}", "x".repeat(1 << 20)),
                )
                .await;
            assert!(huge.status.is_client_error(), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn userinfo_wants_a_token_for_openid() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        for headers in [
            &[][..],
            &[("authorization", "Bearer bad")],
            &[("authorization", "Basic x")],
            &[("authorization", "Bearer a.b.c")],
        ] {
            let answer = w.send("GET", "/application/o/userinfo/", headers, "").await;
            assert_eq!(answer.status, 401);
            assert!(
                answer.header("www-authenticate").starts_with("Bearer error=\"invalid_token\"")
                    && answer.text.is_empty()
            );
        }
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "email").await;
        assert!(t.get("id_token").is_none());
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 403);
        let t = w.tokens(&cookie, "openid").await;
        let token = t["access_token"].as_str().unwrap();
        assert_eq!(
            w.send("POST", "/application/o/userinfo/", &[], &format!("access_token={token}")).await.status,
            200
        );
        assert_eq!(
            w.send("GET", &format!("/application/o/userinfo/?access_token={token}"), &[], "").await.status,
            200
        );
        w.deactivate(&w.ann).await;
        assert_eq!(w.userinfo(&t["access_token"]).await.status, 401);
    })
    .await;
}
