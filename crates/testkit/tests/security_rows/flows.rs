//! Flows: who may run them, whom they change, what an answer can skip.
use crate::site::{Browser, Site, each_site, password};
use http::{Method, StatusCode};
use signet_base::{Json, json, query};
use signet_core::flow::{Executor, PendingUser, Reply, keys, plan};
use signet_core::{Client, WebSession, setup};
use signet_store::{groups, users};
use std::sync::Arc;

const LOGIN: &str = "default-authentication-flow";
const SETTINGS: &str = "default-user-settings-flow";

/// Every field that a shipped stage could ask for, and some that none does.
fn everything(component: &str) -> Json {
    json!({
        "component": component, "uid_field": "mallory", "username": "mallory", "name": "Mallory", "email": "mallory@example.com",
        "password": "correct horse battery", "password_repeat": "correct horse battery", "attributes.settings.locale": "en",
        "is_superuser": true, "is_active": true, "pk": 1, "groups": ["authentik Admins"], "remember_me": true, "token": "", "code": "123456",
        "user_backend": "x", "pending_user": {"id": 1, "username": "akadmin"},
    })
}

/// Answers whatever is asked until the flow ends; the last component.
pub async fn push_through(browser: &Browser, slug: &str) -> String {
    let mut answer = browser.challenge(slug).await;
    for _ in 0..12 {
        let component = answer.component();
        if component == "ak-stage-access-denied" || component == "xak-flow-redirect" {
            return component;
        }
        let mut sent = everything(&component);
        sent["token"] = answer.json().get("token").cloned().unwrap_or_default();
        answer = browser.step(slug, &sent).await;
    }
    answer.component()
}

pub fn slugs(site: &Site) -> Vec<String> {
    let def = site.core.registry.find("authentik_flows.flow").unwrap();
    site.core.config().of(def).map(|f| f.text("slug").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_no_shipped_flow_gives_a_stranger_an_account() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let before = site.count_users().await;
        assert!(slugs(&site).len() >= 7, "{:?}", slugs(&site));
        for slug in slugs(&site) {
            let stranger = site.browser();
            let end = push_through(&stranger, &slug).await;
            assert!(!stranger.is_signed_in().await, "{slug}: {end}");
            // Answers without a question, one after the other.
            let blind = site.browser();
            for component in [
                "ak-stage-identification",
                "ak-stage-password",
                "ak-stage-prompt",
                "ak-stage-user-write",
                "ak-stage-user-login",
                "",
            ] {
                for _ in 0..3 {
                    blind.answer(&slug, &everything(component)).await;
                }
            }
            assert!(!blind.is_signed_in().await, "{slug}");
            assert_eq!(site.count_users().await, before, "{slug}");
        }
        assert!(users::by_username(&site.core.db, "mallory").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_02_settings_change_the_own_account_only() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let (alice, bob) = (site.user("alice", &[]).await, site.user("bob", &[]).await);
        let before = site.count_users().await;
        let browser = site.browser().signed_in("alice").await;
        let untouched = users::by_id(&site.core.db, bob).await.unwrap().unwrap();
        // The library gives the token that answers of a signed-in person carry.
        assert!(browser.is_signed_in().await);
        for name in ["bob", "alice2", "mallory"] {
            for first in [true, false] {
                if first {
                    browser.challenge(SETTINGS).await;
                }
                for _ in 0..3 {
                    let mut sent = everything("ak-stage-prompt");
                    sent["username"] = json!(name);
                    sent["pk"] = json!(bob);
                    sent["pending_user"] = json!({"id": bob, "username": "bob"});
                    browser.step(SETTINGS, &sent).await;
                }
            }
        }
        // What the flow is for works: so the tries above did reach it.
        browser.challenge(SETTINGS).await;
        let own = json!({"component": "ak-stage-prompt", "username": "alice", "name": "Alice A.", "email": "alice@example.test", "attributes.settings.locale": "en"});
        let end = browser.step(SETTINGS, &own).await;
        assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        assert_eq!(users::by_id(&site.core.db, alice).await.unwrap().unwrap().name, "Alice A.");
        assert_eq!(site.count_users().await, before);
        let bob = users::by_id(&site.core.db, bob).await.unwrap().unwrap();
        assert_eq!((bob.username, bob.name, bob.email, bob.password), (untouched.username, untouched.name, untouched.email, untouched.password));
        let alice = users::by_id(&site.core.db, alice).await.unwrap().unwrap();
        assert!(groups::effective_groups(&site.core.db, alice.id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_04_a_restored_run_stays_with_its_person() {
    each_site(|site| async move {
        let (alice, bob) = (site.user("alice", &[]).await, site.user("bob", &[]).await);
        let core = &site.core;
        let client = Client::internal();
        // The stages of a recovery: who is it, and then a sign-in without a password.
        site.flow_of(
            "recover",
            &[("default-authentication-identification", None), ("default-authentication-login", None)],
        )
        .await;
        let flow = Executor::flow(core, "recover").unwrap();
        for name in ["bob", "akadmin", "nobody", "", "alice"] {
            let pending = PendingUser {
                id: Some(alice),
                username: "alice".into(),
                name: String::new(),
                email: String::new(),
            };
            let mut context = signet_core::flow::Context::default();
            context.set(&keys::PENDING_USER, pending);
            context.set(&keys::IS_RESTORED, json!("token"));
            let made = plan::plan(core, &client, &flow, None, context, false)
                .await
                .unwrap()
                .map_err(|_| ())
                .unwrap();
            let mut session = WebSession::anonymous();
            let mut run = Executor { core, client: &client, session: &mut session, query: "" };
            run.start(made);
            let sent = json!({"component": "ak-stage-identification", "uid_field": name});
            let mut reply = run.post(&flow, sent.as_object().unwrap()).await.unwrap();
            for _ in 0..5 {
                let pending =
                    run.session.state.plan.as_ref().and_then(|p| p.context.get(&keys::PENDING_USER));
                assert!(pending.is_none_or(|p| p.id == Some(alice)), "{name}");
                if !matches!(reply, Reply::Again) {
                    break;
                }
                reply = run.get(&flow).await.unwrap();
            }
            assert!(session.principal().is_none_or(|p| p.user.id == alice && p.user.id != bob), "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_06_known_and_unknown_names_look_alike() {
    each_site(|site| async move {
        site.user("known", &[]).await;
        let gone = site.user("leave", &[]).await;
        let mut user = users::by_id(&site.core.db, gone).await.unwrap().unwrap();
        user.is_active = false;
        users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
        let mut all = Vec::new();
        let mut times = Vec::new();
        for name in ["known", "nobdy", "leave"] {
            let browser = site.browser();
            browser.challenge(LOGIN).await;
            let who = browser
                .step(LOGIN, &json!({"component": "ak-stage-identification", "uid_field": name}))
                .await;
            let mut best = std::time::Duration::MAX;
            let mut wrong = None;
            for _ in 0..4 {
                let start = std::time::Instant::now();
                let answer =
                    browser.step(LOGIN, &json!({"component": "ak-stage-password", "password": "no"})).await;
                best = best.min(start.elapsed());
                wrong = Some(answer);
            }
            let wrong = wrong.unwrap();
            assert_eq!(wrong.component(), "ak-stage-password", "{}", wrong.body);
            // The name that was typed comes back, its picture follows from it.
            let plain = |text: &str| {
                let mut json: Json = serde_json::from_str(&text.replace(name, "*")).unwrap();
                json.as_object_mut().unwrap().remove("pending_user_avatar");
                json.to_string()
            };
            all.push((who.status, plain(&who.body), wrong.status, plain(&wrong.body)));
            times.push(best);
            // Also a password that would be right signs an inactive account in as little.
            if name != "known" {
                browser
                    .step(LOGIN, &json!({"component": "ak-stage-password", "password": password(name)}))
                    .await;
                assert!(!browser.is_signed_in().await);
            }
        }
        assert_eq!(all[0], all[1]);
        assert_eq!(all[0], all[2]);
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*most < *least * 6, "{times:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_07_the_first_run_happens_once() {
    each_site(|site| async move {
        const FLOW: &str = "initial-setup";
        let (first, second) = (site.browser(), site.browser());
        for browser in [&first, &second] {
            assert_eq!(browser.challenge(FLOW).await.component(), "ak-stage-prompt");
        }
        let sent = json!({"component": "ak-stage-prompt", "email": "root@example.com", "password": "correct horse battery", "password_repeat": "correct horse battery"});
        let end = first.step(FLOW, &sent).await;
        assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        assert!(first.is_signed_in().await);
        // Who had begun at the same time comes too late.
        let late = second
            .step(FLOW, &json!({"component": "ak-stage-prompt", "email": "evil@example.com", "password": "something quite else", "password_repeat": "something quite else"}))
            .await;
        assert_eq!(late.component(), "ak-stage-access-denied", "{}", late.body);
        assert!(!second.is_signed_in().await);
        let admin = users::by_username(&site.core.db, "akadmin").await.unwrap().unwrap();
        assert_eq!(admin.email, "root@example.com");
        assert_eq!(site.browser().challenge(FLOW).await.component(), "ak-stage-access-denied");
        users::delete(&site.core.db, admin.id).await.unwrap();
        groups::delete(&site.core.db, site.admins().await).await.unwrap();
        signet_blueprints::apply_defaults(&site.core).await.unwrap();
        let stranger = site.browser();
        assert_eq!(stranger.challenge(FLOW).await.component(), "ak-stage-access-denied");
        for _ in 0..3 {
            stranger.step(FLOW, &sent).await;
        }
        assert!(!stranger.is_signed_in().await);
        assert!(users::by_username(&site.core.db, "akadmin").await.unwrap().is_none_or(|u| u.password.starts_with('!')));
    })
    .await;
}

const BROKEN: [&str; 3] =
    ["return 1 / 0", "return request.user.nothing_of_this_name", "while True:\n    pass"];

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_policy_that_fails_denies() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        site.create("authentik_stages_deny.denystage", json!({"name": "stop"})).await;
        site.create("authentik_stages_dummy.dummystage", json!({"name": "ask"})).await;
        for (n, broken) in BROKEN.iter().enumerate() {
            // On the flow: nobody runs it.
            let slug = format!("guarded-{n}");
            let flow = site.flow_of(&slug, &[("ask", None)]).await;
            let pbm = site.core.config().get(flow).unwrap().pbm().unwrap();
            site.bind(pbm, broken).await;
            assert_eq!(
                site.browser().challenge(&slug).await.component(),
                "ak-stage-access-denied",
                "{broken}"
            );
            // On a stage: the stage is not left out as if the policy had said so.
            let slug = format!("stages-{n}");
            site.flow_of(&slug, &[("stop", Some(broken)), ("ask", None)]).await;
            let browser = site.browser();
            let shown = browser.challenge(&slug).await;
            assert_eq!(shown.component(), "ak-stage-access-denied", "{broken}: {}", shown.body);
        }
        // The twin: the same flows with policies that answer.
        let flow =
            site.flow_of("whole", &[("stop", Some("return False")), ("ask", Some("return True"))]).await;
        site.bind(site.core.config().get(flow).unwrap().pbm().unwrap(), "return True").await;
        assert_eq!(site.browser().challenge("whole").await.component(), "ak-stage-dummy");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_policy_cannot_be_passed_by_answering_unasked() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.create("authentik_stages_dummy.dummystage", json!({"name": "one"})).await;
        site.create("authentik_stages_dummy.dummystage", json!({"name": "last"})).await;
        site.create(
            "authentik_stages_user_write.userwritestage",
            json!({"name": "writes", "user_creation_mode": "always_create"}),
        )
        .await;
        site.flow_of("skips", &[("one", None), ("writes", Some("return False")), ("last", None)]).await;
        let before = site.count_users().await;
        let browser = site.browser();
        browser.challenge("skips").await;
        for _ in 0..4 {
            browser.answer("skips", &json!({"component": "ak-stage-dummy"})).await;
        }
        assert_eq!(site.count_users().await, before, "the stage ran although its policy leaves it out");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_no_stage_is_passed_by_an_answer_to_something_else() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        let wrong = [json!({}), json!({"component": null}), json!({"component": "ak-stage-nothing"}), json!({"component": ""}), json!({"component": ["ak-stage-password"]})];
        for sent in &wrong {
            let browser = site.browser();
            browser.challenge(LOGIN).await;
            for _ in 0..4 {
                let answer = browser.step(LOGIN, sent).await;
                assert_eq!(answer.component(), "ak-stage-identification", "{sent}: {}", answer.body);
            }
            browser.step(LOGIN, &json!({"component": "ak-stage-identification", "uid_field": "alice"})).await;
            for _ in 0..4 {
                let answer = browser.step(LOGIN, sent).await;
                assert_eq!(answer.component(), "ak-stage-password", "{sent}: {}", answer.body);
            }
            // The answer to the stage before, once more.
            let answer = browser.step(LOGIN, &json!({"component": "ak-stage-identification", "uid_field": "alice", "password": password("alice")})).await;
            assert_eq!(answer.component(), "ak-stage-password", "{}", answer.body);
            assert!(!browser.is_signed_in().await);
        }
        // Bodies that are no answer at all.
        let browser = site.browser();
        browser.challenge(LOGIN).await;
        let address = format!("/api/v3/flows/executor/{LOGIN}/?query=");
        for (kind, body) in [("application/json", "[]"), ("application/json", "{"), ("application/json", "\"x\""), ("text/plain", "\u{0}"), ("", "")] {
            let answer = browser.send(Method::POST, &address, kind, body.to_owned()).await;
            let refused = answer.status == StatusCode::BAD_REQUEST || ["ak-stage-identification", "ak-stage-flow-error"].contains(&answer.component().as_str());
            assert!(refused, "{kind} {body:?}: {}", answer.body);
        }
        // Fields without a type, or of another one, are no answer either: the run stays where it is.
        let alice = json!({"component": "ak-stage-identification", "uid_field": "alice"}).to_string();
        for kind in ["", "text/plain", "application/x-www-form-urlencoded"] {
            for body in ["component=ak-stage-identification&uid_field=alice", alice.as_str()] {
                browser.send(Method::POST, &address, kind, body.to_owned()).await;
                assert_eq!(browser.challenge(LOGIN).await.component(), "ak-stage-identification", "{kind} {body}");
            }
        }
        browser.send(Method::POST, &address, "application/json", alice).await;
        assert_eq!(browser.challenge(LOGIN).await.component(), "ak-stage-password");
        let long = json!({"component": "ak-stage-identification", "uid_field": "x".repeat(1 << 20)}).to_string();
        assert_eq!(browser.send(Method::POST, &address, "application/json", long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    })
    .await;
}

/// Parts of addresses and names that would run as script where a page forgot to escape.
const MARKUP: [&str; 5] = [
    "\"><script>alert(1)</script>",
    "'onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title><svg onload=alert(1)>",
    "{{7*7}}${7*7}",
];

#[tokio::test(flavor = "multi_thread")]
async fn row_32_nothing_of_a_request_becomes_markup() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        for evil in MARKUP {
            let e = query::encode(evil);
            let addresses = [
                format!("/if/flow/{LOGIN}/?next={e}&state={e}&redirect_uri={e}"),
                format!("/if/flow/{e}/"),
                format!("/if/user/?q={e}"),
                format!(
                    "/application/o/authorize/?client_id={e}&redirect_uri={e}&state={e}&response_type=code"
                ),
                format!("/application/launch/{e}/"),
                format!("/flows/-/default/authentication/?next={e}"),
                format!("/recovery/use-token/{e}/"),
            ];
            for address in &addresses {
                page_is_clean(&site.browser().get(address).await, evil, address);
            }
            // What was typed comes back in the page after an error.
            let browser = site.browser();
            let page = browser.get(&format!("/if/flow/{LOGIN}/")).await;
            let csrf = between(&page.body, "name=\"csrf\" value=\"", "\"");
            let address = format!("/if/flow/{LOGIN}/");
            let answer = browser
                .form(
                    &address,
                    &[("csrf", &csrf), ("component", "ak-stage-identification"), ("uid_field", evil)],
                )
                .await;
            page_is_clean(&answer, evil, "identification");
            page_is_clean(&browser.get(&address).await, evil, "password");
        }
    })
    .await;
}

fn between(text: &str, start: &str, end: &str) -> String {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    rest.split_once(end).unwrap().0.to_owned()
}

pub fn page_is_clean(answer: &crate::site::TestResponse, evil: &str, address: &str) {
    if answer.status.is_redirection() {
        let to = answer.location();
        assert!(to.starts_with('/') && !to.starts_with("//"), "{address}: {to}");
        return;
    }
    assert!(!answer.body.contains(evil) || !evil.contains(['<', '"']), "{address}: {}", answer.body);
    assert!(
        !answer.body.contains("href=\"javascript:") && !answer.body.contains("action=\"javascript:"),
        "{address}"
    );
    let policy = answer
        .headers
        .get("content-security-policy")
        .unwrap_or_else(|| panic!("{address}: no policy"))
        .to_str()
        .unwrap();
    assert!(!policy.contains("unsafe-inline") && !policy.contains("unsafe-eval"), "{policy}");
}

/// Used by the other files.
pub async fn finished(site: &Arc<Site>) {
    setup::finish(&site.core).await.unwrap();
}
