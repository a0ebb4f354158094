//! Further examples of the kinds of the red team's findings.
use crate::app::{App, text};
use crate::links::{confirm, go, link, recovery};
use crate::site::{Browser, Site, each_site, each_site_with, password};
use http::{Method, StatusCode};
use signet_base::{Json, json};
use signet_store::{roles, users};
use signet_testkit::MailSink;
use std::time::Duration;

const LOGIN: &str = "default-authentication-flow";
const NEW: &str = "a brand new password 7";

async fn change_address(site: &Site, user: i64, email: &str) {
    let path = format!("/api/v3/core/users/{user}/");
    let set = site.admin().await.json(Method::PATCH, &path, &json!({"email": email})).await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_03_a_confirmed_link_ends_with_the_address_that_it_was_sent_to() {
    let sink = MailSink::start(Duration::ZERO).await;
    let port = sink.port.to_string();
    let sink = &sink;
    each_site_with(&[("AUTHENTIK_EMAIL__HOST", "127.0.0.1"), ("AUTHENTIK_EMAIL__PORT", &port)], |site| async move {
        recovery(&site).await;
        let alice = site.user("alice", &[]).await;
        let confirmed = async || {
            let asking = site.browser();
            go(&asking, "recover", "", None).await;
            go(&asking, "recover", "", Some(json!({"component": "ak-stage-identification", "uid_field": "alice"}))).await;
            let query = link(&sink.next().await.expect("a letter"));
            let browser = site.browser();
            assert_eq!(confirm(&browser, "recover", &query).await.component(), "ak-stage-prompt");
            (browser, query)
        };
        let (intruder, query) = confirmed().await;
        change_address(&site, alice, "alice@elsewhere.test").await;
        let sent = json!({"component": "ak-stage-prompt", "password": "of an intruder 7"});
        let end = go(&intruder, "recover", &query, Some(sent)).await;
        assert_eq!(end.component(), "ak-stage-access-denied", "{}", end.body);
        assert!(!intruder.is_signed_in().await);
        assert_eq!(site.browser().log_in("alice", &password("alice")).await.component(), "xak-flow-redirect");
        // Other capitals are the same address, and what the run itself writes does not end it.
        let (owner, query) = confirmed().await;
        change_address(&site, alice, "Alice@Elsewhere.test").await;
        let field = json!({"name": "r-email", "field_key": "email", "label": "E", "type": "email", "required": true});
        let field = site.create("authentik_stages_prompt.prompt", field).await;
        let form = site.find("authentik_stages_prompt.promptstage", "r-form");
        let mut fields = form.data["fields"].as_array().unwrap().clone();
        fields.push(json!(field.pk));
        let path = format!("/api/v3/stages/prompt/stages/{}/", form.pk);
        let set = site.admin().await.json(Method::PATCH, &path, &json!({"fields": fields})).await;
        assert_eq!(set.status, StatusCode::OK, "{}", set.body);
        let sent = json!({"component": "ak-stage-prompt", "password": NEW, "email": "alice@third.test"});
        let end = go(&owner, "recover", &query, Some(sent)).await;
        assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        assert!(owner.is_signed_in().await);
        assert_eq!(users::by_id(&site.core.db, alice).await.unwrap().unwrap().email, "alice@third.test");
    })
    .await;
}

/// The challenge at the password, and the answer to one.
async fn attempt(site: &Site, name: &str, secret: &str) -> (Json, Json) {
    let browser = site.browser();
    browser.challenge(LOGIN).await;
    let who = json!({"component": "ak-stage-identification", "uid_field": name});
    let shown = browser.step(LOGIN, &who).await.json();
    let sent = json!({"component": "ak-stage-password", "password": secret});
    (shown, browser.step(LOGIN, &sent).await.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_15_counted_attempts_do_not_tell_whose_an_address_is() {
    each_site_with(
        &[("AUTHENTIK_THROTTLE__PASSWORDS", "0"), ("AUTHENTIK_THROTTLE__PROOF_OF_WORK", "0")],
        |site| async move {
            site.user("alice", &[]).await;
            site.user("bob", &[]).await;
            for _ in 0..5 {
                attempt(&site, "alice", "wrong").await;
            }
            let (_, closed) = attempt(&site, "alice", &password("alice")).await;
            assert_eq!(closed["component"], "ak-stage-access-denied", "{closed}");
            // Her address is not closed, but no password is judged there; others' are told the same.
            for (name, secret) in [
                ("alice@example.test", password("alice")),
                ("alice@example.test", "wrong".into()),
                ("bob@example.test", "wrong".into()),
                ("nobody@example.test", "wrong".into()),
            ] {
                let (_, answer) = attempt(&site, name, &secret).await;
                assert_eq!(
                    answer["response_errors"]["password"][0]["string"], "Invalid password",
                    "{name}: {answer}"
                );
            }
            assert_eq!(
                attempt(&site, "bob@example.test", &password("bob")).await.1["component"],
                "xak-flow-redirect"
            );
            // Each name has its own limit.
            for name in ["alice@example.test", "nobody@example.test"] {
                let mut last = Json::Null;
                for _ in 0..5 {
                    last = attempt(&site, name, "wrong").await.1;
                }
                assert_eq!(last["component"], "ak-stage-access-denied", "{name}: {last}");
            }
            site.clock.advance_secs(301);
            assert_eq!(
                attempt(&site, "alice@example.test", &password("alice")).await.1["component"],
                "xak-flow-redirect"
            );
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_15_a_proof_of_work_does_not_tell_whose_an_address_is() {
    each_site_with(
        &[("AUTHENTIK_THROTTLE__PASSWORDS", "0"), ("AUTHENTIK_THROTTLE__PROOF_OF_WORK", "5")],
        |site| async move {
            site.user("alice", &[]).await;
            for _ in 0..5 {
                attempt(&site, "alice", "wrong").await;
            }
            assert!(attempt(&site, "alice", "wrong").await.0["proof_of_work"].is_object());
            for name in ["alice@example.test", "nobody@example.test"] {
                assert!(attempt(&site, name, "wrong").await.0["proof_of_work"].is_null(), "{name}");
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_05_a_session_that_an_expression_deletes_takes_its_tokens_along() {
    each_site(|site| async move {
        site.user("alice", &[]).await;
        site.user("bob", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let (alice, bob) = (site.browser().signed_in("alice").await, site.browser().signed_in("bob").await);
        let (hers, his) = (app.tokens(&alice).await, app.tokens(&bob).await);
        let delete = "from authentik.core.models import AuthenticatedSession\nAuthenticatedSession.objects.filter(user__username='alice').delete()\nreturn True";
        let other = App::new(&site, "other", json!({})).await;
        site.bind(other.application.pbm().unwrap(), delete).await;
        other.code(&bob, &[]).await;
        assert!(!alice.is_signed_in().await && bob.is_signed_in().await);
        assert_eq!(app.userinfo(text(&hers, "access_token")).await, StatusCode::UNAUTHORIZED);
        assert!(!app.is_active(text(&hers, "access_token")).await);
        assert!(app.is_active(text(&his, "access_token")).await);
    })
    .await;
}

/// A delegate with these permissions.
async fn delegate(site: &Site, name: &str, permissions: &[(&str, &str)]) -> Browser {
    let role = site.create("authentik_rbac.role", json!({"name": name})).await.pk;
    let user = site.user(name, &[]).await;
    site.core.db.batch(roles::give_user_batch(user, role)).await.unwrap();
    for (permission, model) in permissions {
        site.core.db.batch(roles::grant_batch(role, permission, model, &roles::Target::All)).await.unwrap();
    }
    site.api(user).await
}

#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_the_order_of_a_family_tells_nothing_of_hidden_members() {
    each_site(|site| async move {
        for (name, host) in [("mail a", "zz.test"), ("mail b", "aa.test")] {
            site.create("authentik_stages_email.emailstage", json!({"name": name, "host": host})).await;
        }
        let order = async |who: &Browser, by: &str| {
            let all = who.get(&format!("/api/v3/stages/all/?search=mail&ordering={by}")).await.json();
            let names =
                all["results"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned());
            names.filter(|name| ["mail a", "mail b"].contains(&name.as_str())).collect::<Vec<_>>()
        };
        let viewer =
            delegate(&site, "viewer", &[("authentik_flows.view_stage", "authentik_flows.stage")]).await;
        assert_eq!(order(&viewer, "name").await, ["mail a", "mail b"]);
        assert_eq!(order(&viewer, "-name").await, ["mail b", "mail a"]);
        // By what the list does not show: as if nothing was asked for.
        for by in ["host", "-host"] {
            assert_eq!(order(&viewer, by).await, order(&viewer, "").await, "{by}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_an_outposts_account_is_not_made_by_a_type() {
    each_site(|site| async move {
        let (view, add, change) =
            ("authentik_core.view_user", "authentik_core.add_user", "authentik_core.change_user");
        let helper =
            delegate(&site, "helper", &[view, add, change].map(|p| (p, "authentik_core.user"))).await;
        let made = |kind: &str| json!({"username": format!("a {kind}"), "name": "a", "type": kind});
        for who in [&helper, &site.admin().await] {
            let refused =
                who.json(Method::POST, "/api/v3/core/users/", &made("internal_service_account")).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.body);
            assert_eq!(
                refused.json()["type"][0],
                json!("Setting a user to internal service account is not allowed.")
            );
        }
        let program = helper.json(Method::POST, "/api/v3/core/users/", &made("service_account")).await;
        assert_eq!(program.status, StatusCode::CREATED, "{}", program.body);
        let path = format!("/api/v3/core/users/{}/", program.json()["pk"]);
        let outpost = json!({"type": "internal_service_account"});
        assert_eq!(helper.json(Method::PATCH, &path, &outpost).await.status, StatusCode::FORBIDDEN);
        assert_eq!(
            helper.json(Method::PATCH, &path, &json!({"type": "external"})).await.status,
            StatusCode::OK
        );
        assert_eq!(site.admin().await.json(Method::PATCH, &path, &outpost).await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fuzz_long_words_and_far_times_are_answered() {
    each_site(|site| async move {
        let admin = site.admin().await;
        let long = "x!".repeat(27_000);
        for list in [
            "core/users/?search=",
            "events/events/?search=",
            "core/users/paths/?search=",
            "core/users/?path_startswith=",
            "core/tokens/?search=",
            "events/events/?brand_name=",
        ] {
            let answer = admin.get(&format!("/api/v3/{list}{long}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{list}: {}", answer.body);
            let found = answer.json();
            let none = found["paths"] == json!([]) || found["results"] == json!([]);
            assert!(none, "{list}: {}", answer.body);
        }
        // What cannot be written again is refused, not kept as another time.
        let path = "/api/v3/stages/invitation/invitations/";
        for (n, far) in ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"].into_iter().enumerate() {
            let refused =
                admin.json(Method::POST, path, &json!({"name": format!("far-{n}"), "expires": far})).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.body);
            assert!(refused.json()["expires"].is_array(), "{}", refused.body);
        }
        for (n, edge) in ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"].into_iter().enumerate() {
            let made =
                admin.json(Method::POST, path, &json!({"name": format!("edge-{n}"), "expires": edge})).await;
            assert_eq!(
                (made.status, &made.json()["expires"]),
                (StatusCode::CREATED, &json!(edge)),
                "{}",
                made.body
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn races_limits_and_rules_hold_against_calls_at_the_same_moment() {
    each_site(|site| async move {
        let (one, two) = (site.admin().await, site.admin().await);
        for n in 0..12 {
            let mut made = Vec::new();
            for name in ["a", "b"] {
                let answer = one
                    .json(Method::POST, "/api/v3/core/groups/", &json!({"name": format!("{name}{n}")}))
                    .await;
                made.push(answer.json()["pk"].as_str().unwrap().to_owned());
            }
            let path = |n: usize| format!("/api/v3/core/groups/{}/", made[n]);
            let (first, second) = (json!({"parents": [made[1]]}), json!({"parents": [made[0]]}));
            let (a, b) = (path(0), path(1));
            let (first, second) =
                tokio::join!(one.json(Method::PATCH, &a, &first), two.json(Method::PATCH, &b, &second));
            let mut both = [first.status, second.status];
            both.sort();
            assert_eq!(both, [StatusCode::OK, StatusCode::BAD_REQUEST], "{} {}", first.body, second.body);
            let refused = if first.status == StatusCode::OK { second } else { first };
            assert_eq!(refused.json()["parents"][0], "A group cannot be its own ancestor.");
        }
        let path = |brand: &Json| format!("/api/v3/core/brands/{}/", brand["brand_uuid"].as_str().unwrap());
        let defaults = async || {
            one.get("/api/v3/core/brands/?default=true&page_size=100").await.json()["results"]
                .as_array()
                .unwrap()
                .clone()
        };
        for n in 0..8 {
            for brand in defaults().await {
                assert_eq!(
                    one.json(Method::PATCH, &path(&brand), &json!({"default": false})).await.status,
                    StatusCode::OK
                );
            }
            let sent = |name: &str| json!({"domain": format!("{name}{n}.test"), "default": true});
            let (a, b) = (sent("a"), sent("b"));
            let (a, b) = tokio::join!(
                one.json(Method::POST, "/api/v3/core/brands/", &a),
                two.json(Method::POST, "/api/v3/core/brands/", &b)
            );
            let mut both = [a.status, b.status];
            both.sort();
            assert_eq!(both, [StatusCode::CREATED, StatusCode::BAD_REQUEST], "{} {}", a.body, b.body);
            let refused = if a.status == StatusCode::CREATED { b } else { a };
            assert_eq!(refused.json()["non_field_errors"][0], "Only a single brand can be set as default.");
            assert_eq!(defaults().await.len(), 1);
        }
        // A person without rights has a hundred tokens and not one more.
        let id = site.user("alice", &[]).await;
        let mut callers = Vec::new();
        for _ in 0..4 {
            callers.push(site.api(id).await);
        }
        let many = callers.iter().enumerate().map(|(c, caller)| async move {
            for n in 0..30 {
                let sent = json!({"identifier": format!("t-{c}-{n}")});
                let made = caller.json(Method::POST, "/api/v3/core/tokens/", &sent).await;
                assert!(
                    matches!(made.status, StatusCode::CREATED | StatusCode::BAD_REQUEST),
                    "{}",
                    made.body
                );
            }
        });
        let mut many = many.collect::<Vec<_>>().into_iter();
        let (a, b, c, d) =
            (many.next().unwrap(), many.next().unwrap(), many.next().unwrap(), many.next().unwrap());
        tokio::join!(a, b, c, d);
        let all = callers[0].get("/api/v3/core/tokens/").await.json();
        assert_eq!(all["pagination"]["count"], 100, "{}", all["pagination"]);
    })
    .await;
}

/// Of two changes of different members at the same moment neither undoes the other's.
#[tokio::test(flavor = "multi_thread")]
async fn races_a_change_does_not_undo_another() {
    each_site(|site| async move {
        let (one, two) = (site.admin().await, site.admin().await);
        let kinds = [
            (
                "/api/v3/core/groups/",
                "name",
                "pk",
                json!({"is_superuser": true}),
                json!({"attributes": {"a": 1}}),
            ),
            (
                "/api/v3/core/tokens/",
                "identifier",
                "identifier",
                json!({"description": "x"}),
                json!({"expiring": false}),
            ),
            (
                "/api/v3/stages/invitation/invitations/",
                "name",
                "pk",
                json!({"single_use": true}),
                json!({"fixed_data": {"a": 1}}),
            ),
        ];
        for (path, name, key, first, second) in &kinds {
            for n in 0..12 {
                let made = one.json(Method::POST, path, &json!({*name: format!("n{n}")})).await;
                assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
                let path = format!("{path}{}/", made.json()[*key].as_str().unwrap());
                let (a, b) = tokio::join!(
                    one.json(Method::PATCH, &path, first),
                    two.json(Method::PATCH, &path, second)
                );
                assert_eq!([a.status, b.status], [StatusCode::OK; 2], "{} {}", a.body, b.body);
                let now = one.get(&path).await.json();
                for (member, value) in first.as_object().unwrap().iter().chain(second.as_object().unwrap()) {
                    assert_eq!(&now[member], value, "{path} {member}: {now}");
                }
            }
        }
    })
    .await;
}
