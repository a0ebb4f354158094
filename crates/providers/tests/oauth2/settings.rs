//! What settings are accepted, and the API's extra answers.
use crate::fixture::{Fixture, create};
use signet_base::{Json, json};
use signet_core::models::{Application, PolicyBinding};
use signet_core::provider::ProviderKind;
use signet_model::Model;
use signet_providers::oauth2::{OAuth2Provider, ScopeMapping, api};
use signet_store::testdb::each_database;

#[tokio::test]
async fn unusable_settings_are_refused_by_the_name_of_the_field() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let good =
            json!({"name": "n", "authorization_flow": w.provider.data["authorization_flow"], "invalidation_flow": w.provider.data["invalidation_flow"], "redirect_uris": []});
        let with = |name: &str, value: Json| {
            let mut sent = good.clone();
            sent[name] = value;
            sent
        };
        let made = create(&w.core, OAuth2Provider::DEF, good.clone()).await.unwrap();
        let settings = made.get::<OAuth2Provider>().unwrap();
        assert_eq!((settings.client_id.len(), settings.client_secret.reveal().len(), settings.grant_types.len(), settings.signing_key), (40, 128, 3, None));
        assert!(!made.data.contains_key("client_secret"));
        let uri = |mode: &str, url: &str| json!([{"matching_mode": mode, "url": url}]);
        for (field, value) in [
            ("redirect_uris", uri("strict", "javascript:alert(1)")),
            ("redirect_uris", uri("strict", "DATA:text/html,x")),
            ("redirect_uris", uri("strict", "https://a.example/#x")),
            ("redirect_uris", uri("regex", "(")),
            ("redirect_uris", uri("regex", "a)|(b")),
            ("redirect_uris", uri("bogus", "https://a.example/")),
            ("redirect_uris", json!("https://a.example/")),
            ("grant_types", json!(["bogus"])),
            ("sub_mode", json!("bogus")),
            ("client_type", json!("bogus")),
            ("client_id", json!("a:b")),
            ("client_id", json!("app")),
            ("client_secret", json!("")),
            ("access_code_validity", json!("bogus")),
            ("access_code_validity", json!("seconds=0")),
            ("access_token_validity", json!("seconds=0")),
            ("refresh_token_validity", json!("seconds=-5")),
            ("signing_key", json!("00000000-0000-0000-0000-000000000001")),
            ("encryption_key", w.provider.data["signing_key"].clone()),
            ("logout_uri", json!("a.example")),
            ("logout_uri", json!("https://a.example/#x")),
            ("authorization_flow", json!("00000000-0000-0000-0000-000000000001")),
            ("jwt_federation_providers", json!([4711])),
        ] {
            let mut sent = with(field, value.clone());
            sent["name"] = json!("another");
            let errors = create(&w.core, OAuth2Provider::DEF, sent).await.err().unwrap_or_else(|| panic!("{field} {value}"));
            assert!(errors.get(field).is_some(), "{field} {value}: {errors}");
        }
        let missing = create(&w.core, OAuth2Provider::DEF, json!({})).await.err().unwrap();
        let needed = json!(["This field is required."]);
        assert_eq!(missing, json!({"name": needed, "authorization_flow": needed, "invalidation_flow": needed, "redirect_uris": needed}));
        assert_eq!(
            create(&w.core, OAuth2Provider::DEF, {
                let mut sent = with("redirect_uris", uri("regex", "("));
                sent["name"] = json!("another");
                sent
            })
            .await
            .err()
            .unwrap()["redirect_uris"],
            json!(["Invalid Regex Pattern: ("])
        );
    })
    .await;
}

#[tokio::test]
async fn a_mapping_that_does_not_parse_is_refused_when_it_is_saved() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let errors = create(
            &w.core,
            ScopeMapping::DEF,
            json!({"name": "m", "scope_name": "m", "expression": "return ("}),
        )
        .await
        .err()
        .unwrap();
        assert!(errors.get("expression").is_some());
        for scope in ["a b", "a\"b", "é"] {
            let errors = create(
                &w.core,
                ScopeMapping::DEF,
                json!({"name": "m", "scope_name": scope, "expression": "return {}"}),
            )
            .await
            .err()
            .unwrap();
            assert!(errors.get("scope_name").is_some(), "{scope}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_mapping_that_fails_costs_its_own_claims_only() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let mut all = vec![json!(w.scopes[0]), json!(w.scopes[1])];
        for (name, text) in [
            ("broken", "return 1 / 0"),
            ("list", "return [1]"),
            ("none", "return None"),
            ("sly", "return {'iss': 'evil', 'exp': 1, 'nonce': 'x', 'extra': provider.name}"),
        ] {
            let made = create(
                &w.core,
                ScopeMapping::DEF,
                json!({"name": name, "scope_name": name, "expression": text}),
            )
            .await
            .unwrap();
            all.push(json!(made.pk));
        }
        w.set(json!({"property_mappings": all})).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid email broken list none sly").await;
        let claims = crate::fixture::claims(&t["id_token"]);
        assert_eq!((&claims["email"], &claims["extra"]), (&json!("ann@example.test"), &json!("app")));
        assert_eq!(
            (&claims["iss"], &claims["nonce"], &claims["exp"]),
            (&json!("https://id.example/application/o/app/"), &json!("no"), &json!(1_800_003_600))
        );
    })
    .await;
}

#[tokio::test]
async fn a_text_orders_tokens_only_for_people_who_may_use_the_application() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let text = "return {'inner': ak_create_jwt(request.user, 'other', ['openid', 'email', 'offline_access', 'unknown'], validity='minutes=2')}";
        let inner = create(&w.core, ScopeMapping::DEF, json!({"name": "inner", "scope_name": "inner", "expression": text})).await.unwrap();
        let text = "return {'raw': ak_create_jwt_raw('other', validity='minutes=5', sub='robot', exp=1, uid='v1:AAAA')}";
        let raw = create(&w.core, ScopeMapping::DEF, json!({"name": "raw", "scope_name": "raw", "expression": text})).await.unwrap();
        w.set(json!({"property_mappings": [w.scopes[0], inner.pk, raw.pk]})).await;
        let cookie = w.sign_in(&w.ann).await;
        let id = crate::fixture::claims(&w.tokens(&cookie, "openid inner raw").await["id_token"]);
        let claims = crate::fixture::claims(&id["inner"]);
        assert_eq!((&claims["aud"], &claims["scope"], &claims["exp"]), (&json!("other"), &json!("openid email"), &json!(1_800_000_120)));
        assert_eq!(w.userinfo(&id["inner"]).await.json()["email"], "ann@example.test");
        let claims = crate::fixture::claims(&id["raw"]);
        assert_eq!((&claims["sub"], &claims["exp"], &claims["iss"]), (&json!("robot"), &json!(1_800_000_300), &json!("https://id.example/application/o/other/")));
        // Nobody's access token: it was not made for a person, and the note of another one does not make it
        // one.
        assert!(claims.get("uid").is_none() && w.userinfo(&id["raw"]).await.status == 401);
        let other = w.core.config().find::<Application>("slug", "other").map(|(object, _)| object.clone()).unwrap();
        create(&w.core, PolicyBinding::DEF, json!({"target": other.pbm(), "user": w.ben().await.user.id, "order": 0})).await.unwrap();
        let id = crate::fixture::claims(&w.tokens(&cookie, "openid inner raw").await["id_token"]);
        assert!(id.get("inner").is_none() && id.get("raw").is_some(), "{id}");
    })
    .await;
}

#[tokio::test]
async fn setup_addresses_and_previews() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let client = w.client("GET", "/");
        let urls = api::setup_urls(&w.core, &w.provider, &client).await.unwrap();
        assert_eq!(urls["issuer"], "https://id.example/application/o/app/");
        assert_eq!(urls["logout"], "https://id.example/application/o/app/end-session/");
        let lone = create(
            &w.core,
            OAuth2Provider::DEF,
            json!({"name": "lone", "authorization_flow": w.provider.data["authorization_flow"], "invalidation_flow": w.provider.data["invalidation_flow"], "redirect_uris": []}),
        )
        .await
        .unwrap();
        let urls = api::setup_urls(&w.core, &lone, &client).await.unwrap();
        assert_eq!((&urls["issuer"], &urls["authorize"], urls.get("jwks")), (&Json::Null, &json!("https://id.example/application/o/authorize/"), None));
        let preview = api::preview_user(&w.core, &w.provider, &client, &w.ann, None).await.unwrap();
        assert_eq!((&preview["preview"]["sub"], &preview["preview"]["email"], &preview["preview"]["aud"]), (&json!(w.ann.uid), &json!("ann@example.test"), &json!("app")));
        let other = api::preview_user(&w.core, &w.provider, &client, &w.ann, Some(w.ben().await.user.id)).await.unwrap();
        assert_eq!(other["preview"]["preferred_username"], "ben");
        assert!(api::preview_user(&w.core, &w.provider, &client, &w.ann, Some(999_999)).await.is_err());
        let kind = w.core.families.provider(OAuth2Provider::DEF).unwrap();
        let kind: &dyn ProviderKind = kind.as_ref();
        assert_eq!(kind.launch_url(&w.provider, &w.core.config()).as_deref(), Some("https://app.example"));
    })
    .await;
}
