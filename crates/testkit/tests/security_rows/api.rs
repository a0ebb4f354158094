//! The API: what people without rights can read, write and become.
use crate::app::App;
use crate::flows::finished;
use crate::site::{Browser, Site, each_site};
use http::{Method, StatusCode};
use signet_base::{Json, Uuid, json};
use signet_rest::{Permission, Table};
use signet_store::tokens::{self, Token};
use signet_store::{groups, users};
use std::collections::BTreeSet;
use std::sync::Arc;

const SECRETS: [&str; 2] = ["secret-of-the-provider-that-is-long-enough", "key-of-the-administrator"];
/// What no answer shows to anybody.
const NEVER: &str = "secret-of-a-stage-";

fn table(site: &Site) -> Table {
    signet_server::wiring::table(&site.core)
}
/// Verb and path of every call that the document names: those of the families too, which the table here does
/// not know.
async fn documented(browser: &Browser) -> Vec<(Method, String)> {
    let document = browser.get("/api/v3/schema/?format=json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let verbs = |(path, item): (&String, &Json)| -> Vec<(Method, String)> {
        let path = path.trim_start_matches("/api/v3").trim_matches('/').to_owned();
        ["get", "post", "put", "patch", "delete"]
            .iter()
            .filter(|verb| item.get(**verb).is_some())
            .map(|verb| (verb.to_uppercase().parse().unwrap(), path.clone()))
            .collect()
    };
    paths.iter().flat_map(verbs).collect()
}

/// Every address, with each of the keys in the place of its variable part.
fn addresses(path: &str, keys: &[String]) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![format!("/api/v3/{path}{}", if path.is_empty() { "" } else { "/" })];
    };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    keys.iter().map(|key| format!("/api/v3/{before}{key}{after}/")).collect()
}

/// Keys that match: those of the objects that the list of a path shows to an administrator.
async fn matching(admin: &Browser, path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else { return Vec::new() };
    let name = rest.split('}').next().unwrap();
    let list = admin.get(&format!("/api/v3/{before}?page_size=200")).await;
    if list.status != StatusCode::OK {
        return Vec::new();
    }
    let list = list.json();
    let key = |one: &Json| {
        [name, "pk", "identifier", "slug", "uuid"]
            .iter()
            .find_map(|n| one.get(*n))
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
    };
    list["results"].as_array().into_iter().flatten().filter_map(key).collect()
}
/// The keys to try at a path: those that match, and where a list has none, every key that some route takes.
async fn keys_for(admin: &Browser, w: &Fixture, path: &str, most: usize) -> Vec<String> {
    let mut keys = matching(admin, path).await;
    keys.truncate(most);
    if keys.is_empty() { w.keys.clone() } else { keys }
}

/// A plain person, an administrator, an application of theirs; and every key that a route could take.
struct Fixture {
    alice: i64,
    admin: i64,
    team: Uuid,
    keys: Vec<String>,
}

async fn world(site: &Arc<Site>) -> Fixture {
    finished(site).await;
    let team = groups::Group::new(&site.core.ports, "team");
    groups::insert(&site.core.db, &team, &[], &[]).await.unwrap();
    let alice = site.user("alice", &[team.id]).await;
    let admin = users::by_username(&site.core.db, "akadmin").await.unwrap().unwrap().id;
    let app = App::new(site, "app", json!({"client_secret": SECRETS[0]})).await;
    let browser = site.browser().signed_in("alice").await;
    app.tokens(&browser).await;
    let token = Token::new(site.core.ports.uuid(), "admin-token", "api", admin, site.core.now());
    tokens::insert(&site.core.db, &site.core.vault, &token, &SECRETS[1].into()).await.unwrap();
    let mut keys = vec![
        alice.to_string(),
        admin.to_string(),
        team.id.to_string(),
        site.admins().await.to_string(),
        "app".into(),
        "admin-token".into(),
        "default-authentication-flow".into(),
        "1".into(),
        "2".into(),
    ];
    let provider = site.find("authentik_providers_oauth2.oauth2provider", "app");
    keys.push(provider.pk.to_string());
    for object in site.core.config().objects() {
        if [
            "authentik_flows.flowstagebinding",
            "authentik_brands.brand",
            "authentik_policies_expression.expressionpolicy",
        ]
        .iter()
        .any(|m| object.def.is(m))
        {
            keys.push(object.pk.to_string());
        }
    }
    Fixture { alice, admin, team: team.id, keys }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_an_own_token_cannot_be_made_somebody_elses() {
    each_site(|site| async move {
        let w = world(&site).await;
        let program = site.api(w.alice).await;
        let made = program.json(Method::POST, "/api/v3/core/tokens/", &json!({"identifier": "mine", "intent": "api", "user": w.admin, "managed": "x", "key": "chosen"})).await;
        let of = |name: &'static str| {
            let db = site.core.db.clone();
            async move { tokens::by_identifier(&db, name).await.unwrap() }
        };
        assert!(of("mine").await.is_none_or(|t| t.user_id == w.alice), "{}", made.body);
        program.json(Method::POST, "/api/v3/core/tokens/", &json!({"identifier": "mine", "intent": "api"})).await;
        assert_eq!(of("mine").await.map(|t| t.user_id), Some(w.alice));
        for method in [Method::PATCH, Method::PUT] {
            for body in [
                json!({"identifier": "mine", "user": w.admin}),
                json!({"identifier": "mine", "user_obj": {"pk": w.admin}}),
                json!({"identifier": "mine", "user_id": w.admin, "intent": "recovery"}),
                json!({"identifier": "admin-token"}),
            ] {
                program.json(method.clone(), "/api/v3/core/tokens/mine/", &body).await;
                assert_eq!(of("mine").await.map(|t| (t.user_id, t.managed)), Some((w.alice, None)), "{method} {body}");
            }
        }
        assert_eq!(of("admin-token").await.map(|t| t.user_id), Some(w.admin));
        let seen = program.get("/api/v3/core/tokens/admin-token/view_key/").await;
        assert!(seen.status == StatusCode::FORBIDDEN || seen.status == StatusCode::NOT_FOUND, "{}", seen.body);
    })
    .await;
}

/// Everything that could make somebody more than they are.
fn greedy(w: &Fixture) -> Json {
    json!({
        "name": "n", "slug": "n", "username": "n", "identifier": "n", "users": [w.alice], "users_obj": [w.alice], "groups": [w.team], "is_superuser": true, "is_active": true,
        "parent": w.team, "parents": [w.team], "children": [w.team], "user": w.admin, "pk": w.alice, "password": "Changed by somebody else 1", "roles": [], "intent": "api",
        "type": "internal", "path": "users", "attributes": {"goauthentik.io/user/can-change-username": true}, "expression": "return True", "reason": "x",
        "create_group": true, "token_duration": "days=365",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_13_29_and_42_no_call_makes_anybody_more_than_the_caller_is() {
    each_site(|site| async move {
        let w = world(&site).await;
        let program = site.api(w.alice).await;
        let stranger = site.browser();
        let admins = site.admins().await;
        // Nested groups: the parent of one's own group must not become the administrators'.
        let superusers = groups::count_superusers(&site.core.db).await.unwrap();
        let admin = users::by_id(&site.core.db, w.admin).await.unwrap().unwrap();
        // The RSA pair of the first start is made in the background and would count as a write.
        let pair = "authentik Self-signed Certificate";
        let made =
            || site.core.config().find::<signet_core::models::CertificateKeyPair>("name", pair).is_some();
        for _ in (0..400).take_while(|_| !made()) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (people, counter) = (site.count_users().await, site.core.config().counter);
        let mut body = greedy(&w);
        body["groups"] = json!([w.team, admins]);
        body["parents"] = json!([admins]);
        body["parent"] = json!(admins);
        let boss = site.admin().await;
        let (mut tried, mut matched) = (0, 0);
        for route in table(&site).routes() {
            let keys = keys_for(&boss, &w, &route.path, 4).await;
            // The keys are good ones: an administrator is shown what they are of.
            if route.path.ends_with('}') && route.action(&Method::GET).is_some() {
                for key in matching(&boss, &route.path).await.iter().take(4) {
                    let address = &addresses(&route.path, std::slice::from_ref(key))[0];
                    assert_eq!(boss.get(address).await.status, StatusCode::OK, "{address}");
                    matched += 1;
                }
            }
            for action in &route.actions {
                for address in addresses(&route.path, &keys) {
                    let answer = stranger.json(action.method.clone(), &address, &body).await;
                    assert!(
                        action.permission == Permission::Anyone || answer.status == StatusCode::FORBIDDEN,
                        "{} {address}: {}",
                        action.method,
                        answer.status
                    );
                    if matches!(action.permission, Permission::Model(_) | Permission::Named(_)) {
                        let answer = program.json(action.method.clone(), &address, &body).await;
                        assert_eq!(
                            answer.status,
                            StatusCode::FORBIDDEN,
                            "{} {address}: {}",
                            action.method,
                            answer.body
                        );
                    } else if action.method != Method::DELETE && action.method != Method::GET {
                        program.json(action.method.clone(), &address, &body).await;
                    }
                    tried += 1;
                }
            }
        }
        // Calls of families: all of them for superusers only, but for the one that judges by the run in the
        // caller's session.
        assert!(matched > 60, "{matched}");
        let by_session = |path: &str| path.starts_with("flows/") || path.ends_with("/enrollment_status");
        let known: BTreeSet<String> = table(&site).routes().iter().map(|r| r.path.clone()).collect();
        for (method, path) in documented(&site.admin().await).await {
            if !known.contains(&path) && !by_session(path.trim_end_matches('/')) {
                for address in addresses(&path, &keys_for(&boss, &w, &path, 4).await) {
                    for who in [&stranger, &program] {
                        let answer = who.json(method.clone(), &address, &body).await;
                        assert_eq!(
                            answer.status,
                            StatusCode::FORBIDDEN,
                            "{method} {address}: {}",
                            answer.body
                        );
                    }
                    tried += 1;
                }
            }
        }
        assert!(tried > 200, "{tried}");
        let after = users::by_id(&site.core.db, w.admin).await.unwrap().unwrap();
        assert_eq!(
            (after.password, after.username, after.is_active, after.email),
            (admin.password, admin.username, true, admin.email)
        );
        assert_eq!(groups::count_superusers(&site.core.db).await.unwrap(), superusers);
        assert!(!groups::is_superuser(&site.core.db, &[w.alice]).await.unwrap().contains(&w.alice));
        assert_eq!(
            (site.count_users().await, site.core.config().counter),
            (people, counter),
            "nothing was written"
        );
        // The twin: none of these calls is refused to an administrator for want of a right.
        for route in table(&site).routes() {
            let address = addresses(&route.path, &keys_for(&boss, &w, &route.path, 1).await).swap_remove(0);
            for action in route.actions.iter().filter(|action| action.method != Method::DELETE) {
                let status = boss.json(action.method.clone(), &address, &json!({})).await.status;
                assert_ne!(status, StatusCode::FORBIDDEN, "{} {address}", action.method);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_24_trying_an_expression_needs_the_right_to_change_it() {
    each_site(|site| async move {
        let w = world(&site).await;
        let (program, admin) = (site.api(w.alice).await, site.admin().await);
        let mut found = BTreeSet::new();
        for (method, path) in documented(&admin).await {
            let tries = ["test", "preview", "preview_user", "execute", "inspector"]
                .iter()
                .any(|word| path.ends_with(word))
                || path.contains("/preview_");
            if tries {
                for address in addresses(&path, &w.keys) {
                    assert_eq!(
                        program.json(method.clone(), &address, &json!({})).await.status,
                        StatusCode::FORBIDDEN,
                        "{method} {address}"
                    );
                }
                found.insert(path);
            }
        }
        for tried in [
            "policies/all/{policy_uuid}/test",
            "providers/oauth2/{id}/preview_user",
            "stages/prompt/prompts/preview",
        ] {
            assert!(found.contains(tried), "{found:?}");
        }
        // What is handed in cannot take the place of what a program relies on, and finds no way out.
        let policy = site
            .create(
                "authentik_policies_expression.expressionpolicy",
                json!({"name": "p", "expression": "return request.user.username == 'akadmin'"}),
            )
            .await;
        let address = format!("/api/v3/policies/all/{}/test/", policy.pk);
        for context in [
            json!({}),
            json!({"request": {"user": {"username": "akadmin"}}}),
            json!({"user": {"username": "akadmin"}}),
            json!({"regex_match": "x", "ak_message": 1, "__builtins__": {}}),
        ] {
            let sent = json!({"user": w.alice, "context": context});
            assert_eq!(program.json(Method::POST, &address, &sent).await.status, StatusCode::FORBIDDEN);
            let answer = admin.json(Method::POST, &address, &sent).await;
            assert!(
                answer.status == StatusCode::OK && answer.json()["passing"] == false
                    || answer.status == StatusCode::BAD_REQUEST,
                "{sent}: {}",
                answer.body
            );
        }
    })
    .await;
}

/// An object of every model that keeps a secret which nobody reads: its address, its name, its id.
async fn with_secrets(site: &Site) -> Vec<(String, String, Uuid)> {
    let secret = |n: usize| format!("{NEVER}{n}");
    let mut made = Vec::new();
    let mut kept = BTreeSet::new();
    for (model, path, sent) in [
        (
            "authentik_stages_email.emailstage",
            "stages/email",
            json!({"use_global_settings": false, "password": secret(1)}),
        ),
        (
            "authentik_stages_authenticator_email.authenticatoremailstage",
            "stages/authenticator/email",
            json!({"use_global_settings": false, "password": secret(2)}),
        ),
        (
            "authentik_stages_authenticator_sms.authenticatorsmsstage",
            "stages/authenticator/sms",
            json!({"provider": "generic", "from_number": "1", "account_sid": "https://sms.test/", "auth": secret(3), "auth_password": secret(4)}),
        ),
        (
            "authentik_stages_captcha.captchastage",
            "stages/captcha",
            json!({"public_key": "p", "private_key": secret(5)}),
        ),
        (
            "authentik_stages_authenticator_duo.authenticatorduostage",
            "stages/authenticator/duo",
            json!({"client_id": "c", "client_secret": secret(6), "api_hostname": "h.test", "admin_integration_key": "k", "admin_secret_key": secret(7)}),
        ),
        (
            "authentik_sources_oauth.oauthsource",
            "sources/oauth",
            json!({"slug": "secret", "provider_type": "openidconnect", "consumer_key": "k", "consumer_secret": secret(8), "oidc_well_known_url": "https://id.test/"}),
        ),
    ] {
        let (mut sent, name) = (sent, format!("secret {path}"));
        sent["name"] = json!(name);
        let slug = sent["slug"].as_str().map(str::to_owned);
        let pk = site.create(model, sent).await.pk;
        made.push((format!("/api/v3/{path}/{}/", slug.unwrap_or_else(|| pk.to_string())), name, pk));
        kept.insert(model.to_owned());
    }
    // A model that is added later with a secret belongs here.
    for (model, why) in [
        ("authentik_providers_oauth2.oauth2provider", "for superusers"),
        ("authentik_crypto.certificatekeypair", "an address of its own"),
    ] {
        assert!(site.core.registry.find(model).is_some(), "{why}");
        kept.insert(model.to_owned());
    }
    let with: BTreeSet<String> = site
        .core
        .registry
        .all()
        .iter()
        .filter(|def| def.fields.iter().any(|f| f.secret))
        .map(|def| def.full_name())
        .collect();
    assert!(with.is_subset(&kept) && with.len() >= 5, "{with:?}");
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_28_and_43_no_list_and_no_object_shows_a_secret() {
    each_site(|site| async move {
        let w = world(&site).await;
        let (program, admin) = (site.api(w.alice).await, site.admin().await);
        let hash = users::by_id(&site.core.db, w.alice).await.unwrap().unwrap().password;
        let stages = with_secrets(&site).await;
        let (mut shown, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let known: Vec<String> = table(&site)
            .routes()
            .iter()
            .filter(|r| r.action(&Method::GET).is_some())
            .map(|r| r.path.clone())
            .collect();
        let families: Vec<String> = documented(&admin)
            .await
            .into_iter()
            .filter(|(method, path)| *method == Method::GET && !known.contains(path))
            .map(|(_, path)| path)
            .collect();
        for path in known.iter().chain(&families) {
            for address in addresses(path, &keys_for(&admin, &w, path, 200).await) {
                for (who, browser) in [("alice", &program), ("admin", &admin)] {
                    let answer = browser.get(&address).await;
                    assert!(
                        !answer.body.contains(&hash) && !answer.body.contains("PRIVATE KEY")
                            || path.ends_with("view_private_key"),
                        "{who} {address}"
                    );
                    assert!(!answer.body.contains(NEVER), "{who} {address}: {}", answer.body);
                    if SECRETS.iter().any(|s| answer.body.contains(s)) {
                        assert_eq!(who, "admin", "{address}");
                        shown.insert(path.clone());
                    }
                    if answer.status == StatusCode::OK {
                        seen.extend(
                            stages.iter().filter(|(at, ..)| address == *at).map(|(at, ..)| (who, at.clone())),
                        );
                    }
                }
            }
        }
        // Each of them was looked at, by who may; nor does an answer to a change show it.
        for (at, name, pk) in &stages {
            assert!(seen.contains(&("admin", at.clone())) && !seen.contains(&("alice", at.clone())), "{at}");
            let mut sent = json!({"name": name});
            let object = site.core.config().get(*pk).unwrap().clone();
            for field in object.def.fields.iter().filter(|f| f.secret) {
                sent[field.name] = json!(format!("{NEVER}of-later"));
            }
            let changed = admin.json(Method::PATCH, at, &sent).await;
            assert!(
                changed.status == StatusCode::OK && !changed.body.contains(NEVER),
                "{at}: {}",
                changed.body
            );
        }
        // Nor do the events of these changes, which say that a secret has changed.
        let events = admin.get("/api/v3/events/events/?action=model_updated&page_size=200").await;
        assert!(events.body.contains("private_key") && !events.body.contains(NEVER), "{}", events.body);
        // On purpose: the address that shows an API key (and writes an event), and the provider itself, whose
        // secret an administrator copies into the application.
        let allowed = ["core/tokens/{identifier}/view_key", "providers/oauth2", "providers/oauth2/{id}"];
        assert!(shown.iter().all(|p| allowed.contains(&p.as_str())), "{shown:?}");
        assert!(
            shown.contains("core/tokens/{identifier}/view_key"),
            "the tries did reach secrets: {shown:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_a_session_ends_when_its_account_changes() {
    each_site(|site| async move {
        let w = world(&site).await;
        let admin = site.admin().await;
        let user = format!("/api/v3/core/users/{}/", w.alice);
        let browser = site.browser().signed_in("alice").await;
        // The password is set anew by somebody else.
        let set = admin
            .json(
                Method::POST,
                &format!("{user}set_password/"),
                &json!({"password": crate::site::password("alice")}),
            )
            .await;
        assert!(set.status.is_success(), "{}", set.body);
        assert!(!browser.is_signed_in().await, "new password");
        // The session is deleted.
        let browser = site.browser().signed_in("alice").await;
        let list = admin.get("/api/v3/core/authenticated_sessions/?user__username=alice").await.json();
        for session in list["results"].as_array().unwrap() {
            let gone = admin
                .json(
                    Method::DELETE,
                    &format!("/api/v3/core/authenticated_sessions/{}/", session["uuid"].as_str().unwrap()),
                    &json!({}),
                )
                .await;
            assert!(gone.status.is_success(), "{}", gone.body);
        }
        assert!(!browser.is_signed_in().await, "deleted session");
        // Out and in: what was signed in before stays out.
        let browser = site.browser().signed_in("alice").await;
        admin.json(Method::PATCH, &user, &json!({"is_active": false})).await;
        assert!(!browser.is_signed_in().await, "inactive");
        admin.json(Method::PATCH, &user, &json!({"is_active": true})).await;
        assert!(!browser.is_signed_in().await, "a session does not come back");
        // The account goes.
        let browser = site.browser().signed_in("alice").await;
        assert!(admin.json(Method::DELETE, &user, &json!({})).await.status.is_success());
        assert!(!browser.is_signed_in().await, "deleted account");
    })
    .await;
}
