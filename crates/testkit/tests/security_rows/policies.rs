//! Policies over the wire: who cannot be asked refuses, headers of strangers count for nothing, a refusal is
//! explained to administrators only.
use crate::site::{Site, each_site, each_site_with, password};
use http::{Method, StatusCode};
use signet_base::json;
use signet_core::setup;
use signet_store::known_devices;

/// A flow with a stage that asks, guarded by a policy.
async fn guarded(
    site: &Site,
    slug: &str,
    model: &str,
    settings: signet_base::Json,
    binding: signet_base::Json,
) {
    let stage = format!("ask-{slug}");
    site.create("authentik_stages_dummy.dummystage", json!({"name": stage})).await;
    let flow = site.flow_of(slug, &[(&stage, None)]).await;
    let mut settings = settings;
    settings["name"] = json!(slug);
    let policy = site.create(model, settings).await;
    let mut binding = binding;
    binding["policy"] = json!(policy.pk);
    binding["target"] = json!(site.core.config().get(flow).unwrap().pbm().unwrap());
    binding["order"] = json!(0);
    site.create("authentik_policies.policybinding", binding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_policy_without_an_answer_denies() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        // Too slow, and turned round.
        let slow = json!({"result": true, "wait_min": 60, "wait_max": 60});
        guarded(&site, "slow", "authentik_policies_dummy.dummypolicy", slow.clone(), json!({"timeout": 1}))
            .await;
        guarded(
            &site,
            "slow-not",
            "authentik_policies_dummy.dummypolicy",
            slow,
            json!({"timeout": 1, "negate": true}),
        )
        .await;
        // Places that nobody knows: there is no database in this installation.
        let abroad = json!({"countries": ["DE"]});
        guarded(&site, "abroad", "authentik_policies_geoip.geoippolicy", abroad.clone(), json!({})).await;
        guarded(&site, "abroad-not", "authentik_policies_geoip.geoippolicy", abroad, json!({"negate": true}))
            .await;
        for slug in ["slow", "slow-not", "abroad", "abroad-not"] {
            let shown = site.browser().challenge(slug).await;
            assert_eq!(shown.component(), "ak-stage-access-denied", "{slug}: {}", shown.body);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_05_a_forwarding_header_of_a_stranger_opens_no_network_policy() {
    // Nobody near is a trusted proxy here.
    each_site_with(&[("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "192.0.2.1/32")], |site| async move {
        setup::finish(&site.core).await.unwrap();
        guarded(
            &site,
            "inside",
            "signet_policies_network.networkpolicy",
            json!({"networks": ["203.0.113.0/24"]}),
            json!({}),
        )
        .await;
        guarded(
            &site,
            "here",
            "signet_policies_network.networkpolicy",
            json!({"networks": ["127.0.0.0/8"]}),
            json!({}),
        )
        .await;
        for header in [
            "x-forwarded-for",
            "x-real-ip",
            "forwarded",
            "true-client-ip",
            "cf-connecting-ip",
            "x-authentik-remote-ip",
        ] {
            let browser = site
                .browser()
                .header(header, if header == "forwarded" { "for=203.0.113.7" } else { "203.0.113.7" });
            assert_eq!(browser.challenge("inside").await.component(), "ak-stage-access-denied", "{header}");
            assert_eq!(browser.challenge("here").await.component(), "ak-stage-dummy", "{header}");
        }
    })
    .await;
    // Behind a trusted proxy, what cannot be read is the proxy itself, and no reason to leave a policy out.
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        guarded(
            &site,
            "inside",
            "signet_policies_network.networkpolicy",
            json!({"networks": ["203.0.113.0/24"]}),
            json!({}),
        )
        .await;
        for (header, shown) in [
            ("203.0.113.7", "ak-stage-dummy"),
            ("203.0.113.7, x", "ak-stage-access-denied"),
            ("junk", "ak-stage-access-denied"),
            ("203.0.113.7, 198.51.100.1", "ak-stage-access-denied"),
        ] {
            let browser = site.browser().header("x-forwarded-for", header);
            assert_eq!(browser.challenge("inside").await.component(), shown, "{header}");
        }
    })
    .await;
}

/// By default a near proxy names the address of a client and not the host. Where proxies are listed, a host
/// that is ours counts.
#[tokio::test(flavor = "multi_thread")]
async fn row_05_a_forwarded_host_counts_from_listed_proxies_and_only_when_it_is_ours() {
    for listed in [false, true] {
        let all =
            [("AUTHENTIK_DOMAIN", "id.corp.test"), ("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "127.0.0.0/8")];
        each_site_with(&all[..if listed { 2 } else { 1 }], |site| async move {
            setup::finish(&site.core).await.unwrap();
            site.create("authentik_brands.brand", json!({"domain": "other.test"})).await;
            crate::app::App::new(&site, "app", json!({})).await;
            let document = async |host: &str| {
                site.browser()
                    .header("x-forwarded-host", host)
                    .get("/application/o/app/.well-known/openid-configuration")
                    .await
            };
            let (evil, ours) = (document("evil.test").await, document("other.test").await);
            assert!(!evil.body.contains("//evil.test"), "{}", evil.body);
            if listed {
                assert_eq!(
                    (evil.status, ours.json()["issuer"].as_str()),
                    (StatusCode::MISDIRECTED_REQUEST, Some("https://other.test/application/o/app/")),
                    "{}",
                    evil.body
                );
            } else {
                let own = format!("http://{}/application/o/app/", site.browser().host().await);
                for answer in [evil, ours] {
                    assert_eq!(
                        (answer.status, answer.json()["issuer"].as_str()),
                        (StatusCode::OK, Some(own.as_str())),
                        "{}",
                        answer.body
                    );
                }
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_24_asking_and_explaining_need_the_right_to_change_and_change_nothing() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let alice = site.user("alice", &[]).await;
        let expiry = site
            .create("authentik_policies_expiry.passwordexpirypolicy", json!({"name": "old", "days": 0}))
            .await;
        let told = site
            .create(
                "authentik_policies_expression.expressionpolicy",
                json!({"name": "told", "expression": "ak_create_event('seen')\nreturn True"}),
            )
            .await;
        let application =
            site.create("authentik_core.application", json!({"name": "Wiki", "slug": "wiki"})).await;
        site.create(
            "authentik_policies.policybinding",
            json!({"policy": expiry.pk, "target": application.pk, "order": 0}),
        )
        .await;
        let question = json!({"user": alice, "application": "wiki"});
        let test = |pk| format!("/api/v3/policies/all/{pk}/test/");
        // Plain people and strangers.
        for browser in [site.api(alice).await, site.browser()] {
            assert_eq!(
                browser.json(Method::POST, "/api/v3/policies/explain/", &question).await.status,
                StatusCode::FORBIDDEN
            );
            assert_eq!(browser.get("/api/v3/policies/explain/x/").await.status, StatusCode::FORBIDDEN);
            assert_eq!(
                browser.json(Method::POST, &test(expiry.pk), &json!({"user": alice})).await.status,
                StatusCode::FORBIDDEN
            );
            assert_eq!(
                browser.get("/api/v3/policies/reputation/scores/").await.status,
                StatusCode::FORBIDDEN
            );
        }
        let admin = site.admin().await;
        let explained = admin.json(Method::POST, "/api/v3/policies/explain/", &question).await;
        assert_eq!(
            (explained.status, &explained.json()["passing"]),
            (StatusCode::OK, &json!(false)),
            "{}",
            explained.body
        );
        assert_eq!(
            admin.json(Method::POST, &test(expiry.pk), &json!({"user": alice})).await.json()["passing"],
            json!(false)
        );
        assert_eq!(
            admin.json(Method::POST, &test(told.pk), &json!({"user": alice})).await.status,
            StatusCode::OK
        );
        assert!(site.browser().signed_in("alice").await.is_signed_in().await, "the password is still good");
        let events = admin.get("/api/v3/events/events/?action=custom_seen").await.json();
        assert_eq!(events["pagination"]["count"], json!(0), "trying out leaves no event");
        // Bad input.
        for wrong in [
            json!({}),
            json!({"application": "wiki", "flow": "x"}),
            json!({"application": "none"}),
            json!({"flow": 5}),
            json!({"application": "wiki", "user": 9_999_999}),
            json!({"application": "wiki", "client_ip": "300.1.1.1"}),
            json!({"application": "wiki", "at": "soon"}),
            json!({"application": "wiki", "context": []}),
        ] {
            assert_eq!(
                admin.json(Method::POST, "/api/v3/policies/explain/", &wrong).await.status,
                StatusCode::BAD_REQUEST,
                "{wrong}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_a_request_that_opens_its_explanation() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        guarded(
            &site,
            "closed",
            "signet_policies_network.networkpolicy",
            json!({"networks": ["203.0.113.0/24"]}),
            json!({}),
        )
        .await;
        let shown = site.browser().challenge("closed").await;
        let id = shown.headers.get("x-authentik-id").unwrap().to_str().unwrap().to_owned();
        let admin = site.admin().await;
        let found = admin.get(&format!("/api/v3/policies/explain/{id}/")).await.json();
        let decision = &found["events"][0]["context"]["decisions"][0];
        assert_eq!(
            (&decision["name"], &decision["bindings"][0]["name"], &decision["bindings"][0]["passing"]),
            (&json!("closed"), &json!("closed"), &json!(false)),
            "{found}"
        );
        // A stage that refuses, with the policy that put it there.
        site.create("authentik_stages_deny.denystage", json!({"name": "stop"})).await;
        site.flow_of("stopped", &[("stop", Some("return not request.user.is_active"))]).await;
        let shown = site.browser().challenge("stopped").await;
        let id = shown.headers.get("x-authentik-id").unwrap().to_str().unwrap().to_owned();
        let found = admin.get(&format!("/api/v3/policies/explain/{id}/")).await.json();
        assert_eq!(found["events"][0]["context"]["decisions"][0]["name"], json!("stop"), "{found}");
        assert_eq!(admin.get("/api/v3/policies/explain/nothing/").await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_sign_ins_cost_reputation_and_a_score_can_be_forgotten() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let alice = site.user("alice", &[]).await;
        for _ in 0..2 {
            site.browser().log_in("Alice", "wrong").await;
        }
        let admin = site.admin().await;
        let scores = admin.get("/api/v3/policies/reputation/scores/?identifier=alice").await.json();
        let score = &scores["results"][0];
        assert_eq!(
            (&score["ip"], score["score"].as_i64().unwrap() < 0),
            (&json!("127.0.0.1"), true),
            "{scores}"
        );
        let one = format!("/api/v3/policies/reputation/scores/{}/", score["pk"].as_str().unwrap());
        assert_eq!(admin.get(&one).await.json()["identifier"], json!("alice"));
        assert_eq!(admin.send(Method::DELETE, &one, "", String::new()).await.status, StatusCode::NO_CONTENT);
        assert_eq!(admin.get(&one).await.status, StatusCode::NOT_FOUND);
        // A sign-in makes the browser a known one.
        assert!(known_devices::of_user(&site.core.db, alice).await.unwrap().is_empty());
        assert_eq!(site.browser().log_in("alice", &password("alice")).await.component(), "xak-flow-redirect");
        assert_eq!(known_devices::of_user(&site.core.db, alice).await.unwrap().len(), 1);
    })
    .await;
}

/// A binding that is over lets nobody in, and is not there for everybody either: as at applications.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_bound_and_over_opens_neither_a_flow_nor_a_stage() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        for name in ["always", "sometimes"] {
            site.create("authentik_stages_dummy.dummystage", json!({"name": name})).await;
        }
        let alice = site.user("alice", &[]).await;
        site.user("bob", &[]).await;
        let (alice_at, bob_at) =
            (site.browser().signed_in("alice").await, site.browser().signed_in("bob").await);
        // Of the flow, and of its first stage.
        let guarded = site.flow_of("timed", &[("always", None)]).await;
        let staged = site.flow_of("staged", &[("sometimes", None), ("always", None)]).await;
        let config = site.core.config();
        let first = signet_core::models::flow_bindings(&config, staged).into_iter().next().unwrap().clone();
        let mut bound = Vec::new();
        for pbm in [config.get(guarded).unwrap().pbm().unwrap(), first.pbm().unwrap()] {
            let sent = json!({"target": pbm, "user": alice, "order": 0});
            let binding = site.create("authentik_policies.policybinding", sent).await;
            set(&site, &binding, "expires", json!(site.core.now().plus_secs(60))).await;
            bound.push(binding.pk);
        }
        let seen = async |browser: &crate::site::Browser, slug: &str| {
            // Each look begins anew.
            browser.get(&format!("/flows/-/cancel/?x={slug}")).await;
            let shown = browser.challenge(slug).await.json();
            format!("{} {}", shown["component"].as_str().unwrap(), shown["name"].as_str().unwrap_or_default())
        };
        const DENIED: &str = "ak-stage-access-denied ";
        let timed = [seen(&alice_at, "timed").await, seen(&bob_at, "timed").await];
        assert_eq!(timed, ["ak-stage-dummy always", DENIED]);
        let staged = [seen(&alice_at, "staged").await, seen(&bob_at, "staged").await];
        assert_eq!(staged, ["ak-stage-dummy sometimes", "ak-stage-dummy always"]);
        site.clock.advance_secs(60);
        for browser in [&alice_at, &bob_at] {
            assert_eq!(seen(browser, "timed").await, DENIED);
            assert_eq!(seen(browser, "staged").await, "ak-stage-dummy always");
        }
        // The twin: without a binding that is enabled both are everybody's.
        for pk in bound {
            let binding = site.core.config().get(pk).unwrap().clone();
            set(&site, &binding, "enabled", json!(false)).await;
        }
        for browser in [&alice_at, &bob_at] {
            assert_eq!(seen(browser, "timed").await, "ak-stage-dummy always");
            assert_eq!(seen(browser, "staged").await, "ak-stage-dummy sometimes");
        }
    })
    .await;
}

/// Sets a member that the API does not have.
async fn set(site: &Site, object: &signet_model::Object, member: &str, value: signet_base::Json) {
    let mut data = object.data.clone();
    data.insert(member.to_owned(), value);
    let secrets = object.secrets.clone();
    let write = signet_store::Write::Update { pk: object.pk, version: None, data, secrets };
    site.core.objects.apply(vec![write], &signet_store::Author::system()).await.unwrap();
}
