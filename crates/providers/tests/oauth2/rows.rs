//! What was found from outside, each named after its entry.
use crate::fixture::{CB, Fixture, SECRET, basic, claims, create};
use signet_base::{Json, json, query};
use signet_core::flow::{Reply, keys};
use signet_model::Model;
use signet_providers::oauth2::{OAuth2Provider, ScopeMapping};
use signet_store::testdb::each_database;

async fn ask(w: &Fixture, path: &str, token: &Json) -> Json {
    let header = basic(("app", SECRET));
    w.send(
        "POST",
        &format!("/application/o/{path}/"),
        &[("authorization", &header)],
        &query::build([("token", token.as_str().unwrap())]),
    )
    .await
    .json()
}

#[tokio::test]
async fn wire_w16_a_refresh_token_tells_as_much_as_its_id_token() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid email offline_access").await;
        let access = ask(&w, "introspect", &t["access_token"]).await;
        let refresh = ask(&w, "introspect", &t["refresh_token"]).await;
        for name in ["email", "sub", "iss", "aud", "acr", "auth_time"] {
            assert_eq!(
                (&refresh[name], refresh[name].is_null()),
                (&access[name], false),
                "{name}: {refresh}"
            );
        }
        assert_eq!(
            refresh["at_hash"],
            signet_jose::half_hash(signet_jose::Algorithm::Es256, t["access_token"].as_str().unwrap())
        );
        assert!(
            refresh["jti"].as_str().is_some_and(|jti| !jti.is_empty()) && refresh["jti"] != access["jti"],
            "{refresh}"
        );
        // As in the ID token: nothing of the person where claims do not belong there.
        w.set(json!({"include_claims_in_id_token": false})).await;
        let bare = ask(&w, "introspect", &t["refresh_token"]).await;
        assert!(bare["email"].is_null() && bare["active"] == true, "{bare}");
    })
    .await;
}

#[tokio::test]
async fn wire_w19_errors_go_back_in_the_asked_mode() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        // Refused before anybody is known, without a session, and by a policy.
        for (who, other, code) in [
            ("", ("prompt", "none"), "login_required"),
            (cookie.as_str(), ("request", "x"), "request_not_supported"),
            (cookie.as_str(), ("max_age", "x"), "invalid_request"),
        ] {
            let (name, value) = other;
            let plain = w.authorize(who, &[other]).await;
            assert!(
                plain.location().starts_with(&format!("{CB}?error={code}&")),
                "{name}={value}: {}",
                plain.location()
            );
            let fragment = w.authorize(who, &[other, ("response_mode", "fragment")]).await;
            assert!(
                fragment.location().starts_with(&format!("{CB}#error={code}&")),
                "{}",
                fragment.location()
            );
            let form = w.authorize(who, &[other, ("response_mode", "form_post")]).await;
            assert_eq!((form.status.as_u16(), form.location()), (200, ""), "{}", form.text);
            for part in [
                format!("action=\"{CB}\""),
                "name=\"error\"".into(),
                format!("value=\"{code}\""),
                "name=\"state\" value=\"st\"".into(),
                "name=\"iss\"".into(),
            ] {
                assert!(form.text.contains(&part), "{part} is not in {}", form.text);
            }
            assert!(
                form.header("content-security-policy").contains("form-action 'self' https://app.example"),
                "{}",
                form.header("content-security-policy")
            );
        }
        // Not sharing: a link cannot post, so that it leads back here, and here a form does.
        w.authorize(&cookie, &[("response_mode", "form_post"), ("prompt", "consent")]).await;
        let session = w.session(&cookie).await;
        let decline = session.state.plan.as_ref().and_then(|p| p.context.get(&keys::DECLINE_URL)).unwrap();
        let form = w.send("GET", &decline, &[("cookie", &cookie)], "").await;
        assert!(
            form.status == 200
                && form.text.contains("value=\"access_denied\"")
                && form.text.contains(&format!("action=\"{CB}\"")),
            "{decline}: {}",
            form.text
        );
        // An address that is not registered gets neither.
        let nowhere = w
            .authorize(&cookie, &[("redirect_uri", "https://evil.test/"), ("response_mode", "form_post")])
            .await;
        assert!(nowhere.status == 400 && !nowhere.text.contains("evil.test"));
    })
    .await;
}

#[tokio::test]
async fn redteam_30_answers_say_who_gives_them() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let issuer = "https://id.example/application/o/app/";
        assert_eq!(w.authorize(&cookie, &[]).await.param("iss").as_deref(), Some(issuer));
        assert_eq!(w.authorize("", &[("prompt", "none")]).await.param("iss").as_deref(), Some(issuer));
        let document =
            w.send("GET", "/application/o/app/.well-known/openid-configuration", &[], "").await.json();
        assert_eq!(
            (&document["issuer"], &document["authorization_response_iss_parameter_supported"]),
            (&json!(issuer), &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn redteam_30_a_hint_names_whom_the_answer_is_about() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid").await;
        let hint = t["id_token"].as_str().unwrap();
        w.clock.advance_secs(7200);
        assert!(
            w.authorize(&cookie, &[("id_token_hint", hint), ("prompt", "none")])
                .await
                .param("code")
                .is_some(),
            "also an expired one"
        );
        assert!(w.authorize(&cookie, &[("id_token_hint", hint)]).await.param("code").is_some());
        let ben = w.sign_in(&w.ben().await).await;
        assert_eq!(
            w.authorize(&ben, &[("id_token_hint", hint), ("prompt", "none")]).await.error(),
            "login_required"
        );
        assert_eq!(
            w.authorize(&ben, &[("id_token_hint", "nonsense"), ("prompt", "none")]).await.error(),
            "login_required"
        );
        // With a person there: they are asked to sign in, once; who stays somebody else gets no code.
        let asked = w.authorize(&ben, &[("id_token_hint", hint)]).await;
        assert!(asked.location().starts_with("/if/flow/sign-in/?"), "{}", asked.location());
        assert_eq!(w.authorize(&ben, &[("id_token_hint", hint)]).await.error(), "login_required");
        assert!(w.authorize(&ben, &[("id_token_hint", "nonsense")]).await.param("code").is_some());
    })
    .await;
}

#[tokio::test]
async fn field_27_one_secret_may_be_sent_both_ways() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let t = w.token(&[("grant_type", "client_credentials"), ("scope", "openid")]).await.json();
        let token = t["access_token"].as_str().unwrap();
        let post = |path: &'static str,
                    header: (&'static str, &'static str),
                    body: Vec<(&'static str, String)>| {
            let w = &w;
            async move {
                let header = basic(header);
                let body = query::build(body.iter().map(|(n, v)| (*n, v.as_str())));
                w.send("POST", &format!("/application/o/{path}/"), &[("authorization", &header)], &body).await
            }
        };
        let with = |path: &str, secret: &str| {
            let mut body = vec![("client_id", "app".to_owned()), ("client_secret", secret.to_owned())];
            body.extend(if path == "token" {
                vec![("grant_type", "client_credentials".to_owned())]
            } else {
                vec![("token", token.to_owned())]
            });
            body
        };
        for path in ["token", "introspect", "revoke"] {
            for header in [("app", SECRET), ("app", "")] {
                let answer = post(path, header, with(path, SECRET)).await;
                assert_eq!(answer.status, 200, "{path} {header:?}: {}", answer.text);
            }
            let differ = post(path, ("app", SECRET), with(path, "another")).await;
            assert_eq!((differ.status.as_u16(), differ.error().as_str()), (400, "invalid_request"), "{path}");
            for wrong in [("app", "wrong"), ("app", "")] {
                let answer = post(path, wrong, with(path, "wrong")).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.error().as_str()),
                    (401, "invalid_client"),
                    "{path} {wrong:?}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn field_08_a_mapping_knows_grant_and_provider() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let mut scopes = w.scopes.clone();
        for (name, text) in [
            ("a", "return {'a': ' '.join(sorted(token.scope))}"),
            ("b", "t = request.context.get('token')\nreturn {'b': ' '.join(t.scope) if t else 'no token'}"),
            ("c", "return {'c': request.context['provider'].name, 'd': token.provider.name, 'e': token.user.username}"),
            ("f", "return {'f': token.expires > token.auth_time, 'g': provider.name}"),
        ] {
            scopes.push(create(&w.core, ScopeMapping::DEF, json!({"name": format!("m-{name}"), "scope_name": "extra", "expression": text})).await.unwrap().pk);
        }
        w.set(json!({"property_mappings": scopes})).await;
        let cookie = w.sign_in(&w.ann).await;
        let t = w.tokens(&cookie, "openid extra").await;
        let id = claims(&t["id_token"]);
        for (name, value) in
            [("a", json!("extra openid")), ("b", json!("openid extra")), ("c", json!("app")), ("d", json!("app")), ("e", json!("ann")), ("f", json!(true)), ("g", json!("app"))]
        {
            assert_eq!(id[name], value, "{name}: {id}");
        }
        let seen = w.userinfo(&t["access_token"]).await.json();
        assert_eq!((&seen["a"], &seen["c"]), (&json!("extra openid"), &json!("app")), "{seen}");
    })
    .await;
}

#[tokio::test]
async fn redteam_23_a_key_for_hs256_has_32_octets_and_no_token_passes_a_browser_by_default() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let flow = |name: &str| w.provider.data[name].clone();
        let sent = |secret: &str, key: Json| {
            json!({"name": format!("n{}", secret.len()), "authorization_flow": flow("authorization_flow"), "invalidation_flow": flow("invalidation_flow"), "redirect_uris": [], "client_secret": secret, "signing_key": key})
        };
        for short in ["x", &"x".repeat(31)] {
            let refused = create(&w.core, OAuth2Provider::DEF, sent(short, Json::Null)).await.err().unwrap();
            assert!(refused["client_secret"][0].as_str().unwrap().contains("32"), "{refused}");
        }
        create(&w.core, OAuth2Provider::DEF, sent("y", flow("signing_key"))).await.unwrap();
        let made = create(&w.core, OAuth2Provider::DEF, sent(&"x".repeat(32), Json::Null)).await.unwrap();
        assert_eq!(made.data["grant_types"], json!(["authorization_code", "refresh_token", "client_credentials"]));
    })
    .await;
}

#[tokio::test]
async fn wire_w13_to_sign_out_somebody_must_be_signed_in() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let answer = w.send("GET", "/application/o/app/end-session/?state=x", &[], "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.location()),
            (302, "/flows/-/default/authentication/?next=/application/o/app/end-session/%3Fstate%3Dx")
        );
        let answer = w.send("POST", "/application/o/app/end-session/", &[], "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.location()),
            (303, "/flows/-/default/authentication/?next=/application/o/app/end-session/")
        );
        let cookie = w.sign_in(&w.ann).await;
        assert_eq!(
            w.send("GET", "/application/o/app/end-session/", &[("cookie", &cookie)], "").await.location(),
            "/if/flow/sign-out/"
        );
    })
    .await;
}

#[tokio::test]
async fn wire_w12_the_end_of_a_session_names_the_application() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let flow = w.core.config().find::<signet_core::models::Flow>("slug", "sign-out").unwrap().0.clone();
        let change = signet_model::check(
            flow.def,
            json!({"title": "You've logged out of %(app)s."}).as_object().unwrap(),
            Some(&flow),
            true,
            &w.core.config(),
            &crate::fixture::EveryRow,
            &w.core.ports,
        )
        .unwrap();
        let write = signet_store::Write::Update {
            pk: flow.pk,
            version: None,
            data: change.data,
            secrets: change.secrets,
        };
        w.core.objects.apply(vec![write], &signet_store::Author::system()).await.unwrap();
        let cookie = w.sign_in(&w.ann).await;
        w.send("GET", "/application/o/app/end-session/", &[("cookie", &cookie)], "").await;
        let mut session = w.session(&cookie).await;
        let Reply::Challenge(shown) = w.flow(&mut session, "sign-out", None).await else { panic!("sent on") };
        assert_eq!(shown["flow_info"]["title"], "You've logged out of App.");
    })
    .await;
}

/// Each pattern is compiled with each write: their number is limited, by a refusal that says so.
#[tokio::test]
async fn a_provider_has_a_limited_number_of_patterns() {
    each_database(|db| async move {
        let w = Fixture::new(db).await;
        let uris = |mode: &str, count: usize| {
            let one = |n: usize| json!({"matching_mode": mode, "url": format!("https://app{n}.example/cb")});
            (0..count).map(one).collect::<Vec<Json>>()
        };
        let sent = |name: &str, uris: Vec<Json>| {
            let flow = |field: &str| w.provider.data[field].clone();
            json!({"name": name, "authorization_flow": flow("authorization_flow"), "invalidation_flow": flow("invalidation_flow"),
                "signing_key": flow("signing_key"), "redirect_uris": uris})
        };
        for (mode, count, fits) in
            [("regex", 200, true), ("regex", 201, false), ("regex", 5000, false), ("strict", 2000, true), ("strict", 2001, false)]
        {
            let made = create(&w.core, OAuth2Provider::DEF, sent(&format!("{mode}-{count}"), uris(mode, count))).await;
            assert_eq!(made.is_ok(), fits, "{mode} {count}");
            if let Err(why) = made {
                assert!(why["redirect_uris"][0].as_str().unwrap().contains("at most 2000 addresses"), "{why}");
            }
        }
    })
    .await;
}
