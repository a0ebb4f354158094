//! What ends with an account's change: findings 3, 4, 5, 10, 12, 13 and 14 of the attack.
use crate::app::App;
use crate::links::{confirm, go, link, recovery};
use crate::site::{Browser, Site, each_site, each_site_with, password};
use http::{Method, StatusCode};
use signet_base::{Json, Secret, json};
use signet_blueprints::{EXAMPLES, Source, apply};
use signet_core::directory::Author;
use signet_server::jobs::clean_expired;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::sessions;
use signet_store::tokens::{self, Token};
use signet_store::users;
use signet_testkit::MailSink;
use std::time::Duration;

pub const LOGIN: &str = "default-authentication-flow";
pub const NEW: &str = "a new password of an administrator 7";

async fn patch(site: &Site, model: &str, name: &str, path: &str, change: Json) {
    let pk = site.find(model, name).pk;
    let answer = site.admin().await.json(Method::PATCH, &format!("/api/v3/{path}/{pk}/"), &change).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}
async fn ask_to_stay(site: &Site) {
    patch(
        site,
        "authentik_stages_user_login.userloginstage",
        "default-authentication-login",
        "stages/user_login",
        json!({"remember_me_offset": "days=1"}),
    )
    .await;
}
/// A sign-in that stops at the question after the password.
async fn parked(site: &Site, name: &str, password: &str) -> Browser {
    let browser = site.browser();
    let asked = browser.log_in(name, password).await;
    assert_eq!(asked.component(), "ak-stage-user-login", "{}", asked.body);
    browser
}
async fn go_on(browser: &Browser) -> String {
    browser.step(LOGIN, &json!({"component": "ak-stage-user-login", "remember_me": true})).await.component()
}
async fn set_password(site: &Site, user: i64, password: &str) {
    let set = site
        .admin()
        .await
        .json(
            Method::POST,
            &format!("/api/v3/core/users/{user}/set_password/"),
            &json!({"password": password}),
        )
        .await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.body);
}
async fn activate(site: &Site, user: i64, active: bool) {
    let set = site
        .admin()
        .await
        .json(Method::PATCH, &format!("/api/v3/core/users/{user}/"), &json!({"is_active": active}))
        .await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
}
pub async fn blueprint(site: &Site, text: &str) -> Result<(), String> {
    apply(&site.core, &Source::new("test.yaml", text), &Author::system())
        .await
        .map(drop)
        .map_err(|e| format!("{e:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_03_a_run_that_has_proven_somebody_ends_with_what_it_rests_on() {
    each_site(|site| async move {
        ask_to_stay(&site).await;
        let alice = site.user("alice", &[]).await;
        let old = password("alice");
        let own = parked(&site, "alice", &old).await;
        assert_eq!(go_on(&own).await, "xak-flow-redirect", "nothing has changed");
        for what in ["password", "deactivated", "ended", "factor", "blueprint"] {
            let waiting = parked(&site, "alice", &old).await;
            match what {
                // The very same password set anew is a new one.
                "password" => set_password(&site, alice, &old).await,
                "deactivated" => {
                    activate(&site, alice, false).await;
                    activate(&site, alice, true).await;
                }
                "ended" => {
                    let ended = site.admin().await.json(Method::DELETE, &format!("/api/v3/core/authenticated_sessions/bulk_delete/?user_pks={alice}"), &json!({})).await;
                    assert_eq!(ended.status, StatusCode::NO_CONTENT);
                }
                "factor" => {
                    let device = devices::insert(&site.core.db, &Device::new(&site.core.ports, DeviceKind::Totp, alice, "App")).await.unwrap();
                    let gone = site.admin().await.json(Method::DELETE, &format!("/api/v3/authenticators/admin/totp/{device}/"), &json!({})).await;
                    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
                }
                _ => {
                    let entry = |active: bool| {
                        format!("version: 1\nmetadata: {{name: x}}\nentries:\n- model: authentik_core.user\n  identifiers: {{username: alice}}\n  attrs: {{is_active: {active}}}\n")
                    };
                    blueprint(&site, &entry(false)).await.unwrap();
                    blueprint(&site, &entry(true)).await.unwrap();
                }
            }
            assert_eq!(go_on(&waiting).await, "ak-stage-identification", "{what}");
            assert!(!waiting.is_signed_in().await, "{what}");
            // The run that began anew goes its way.
            waiting.log_in("alice", &old).await;
            assert_eq!(go_on(&waiting).await, "xak-flow-redirect", "{what}");
        }
        // What somebody else's account goes through ends nothing here.
        let (bob, waiting) = (site.user("bob", &[]).await, parked(&site, "alice", &old).await);
        set_password(&site, bob, NEW).await;
        assert_eq!(go_on(&waiting).await, "xak-flow-redirect");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_03_a_link_that_was_confirmed_ends_with_a_new_password() {
    each_site(|site| async move {
        recovery(&site).await;
        let alice = site.user("alice", &[]).await;
        let confirmed = async || {
            let made = site
                .admin()
                .await
                .json(Method::POST, &format!("/api/v3/core/users/{alice}/recovery/"), &json!({}))
                .await
                .json();
            let address = link(made["link"].as_str().unwrap());
            let browser = site.browser();
            assert_eq!(confirm(&browser, "recover", &address).await.component(), "ak-stage-prompt");
            (browser, address)
        };
        // Where nothing has changed meanwhile, the new password counts.
        let (owner, address) = confirmed().await;
        let sent = json!({"component": "ak-stage-prompt", "password": "of the owner 7"});
        assert_ne!(go(&owner, "recover", &address, Some(sent)).await.component(), "ak-stage-access-denied");
        assert_eq!(site.browser().log_in("alice", "of the owner 7").await.component(), "xak-flow-redirect");
        let (intruder, address) = confirmed().await;
        set_password(&site, alice, NEW).await;
        let end = go(
            &intruder,
            "recover",
            &address,
            Some(json!({"component": "ak-stage-prompt", "password": "of an intruder 7"})),
        )
        .await;
        assert_eq!(end.component(), "ak-stage-access-denied", "{}", end.body);
        assert!(!intruder.is_signed_in().await);
        assert_eq!(site.browser().log_in("alice", NEW).await.component(), "xak-flow-redirect");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_04_opening_an_address_deletes_and_writes_nothing() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        site.create("authentik_stages_dummy.dummystage", json!({"name": "look"})).await;
        site.create("authentik_stages_user_delete.userdeletestage", json!({"name": "delete"})).await;
        site.create(
            "authentik_stages_user_write.userwritestage",
            json!({"name": "write", "user_creation_mode": "never_create"}),
        )
        .await;
        let no = Some("return False");
        site.flow_of("left-out", &[("look", no), ("delete", None)]).await;
        let browser = site.browser().signed_in("alice").await;
        browser.get("/if/user/").await;
        for _ in 0..2 {
            let page = browser.get("/if/flow/left-out/").await;
            assert!(
                page.status == StatusCode::OK && page.body.contains("Delete my account"),
                "{} {}",
                page.status,
                page.body
            );
            assert_eq!(browser.challenge("left-out").await.component(), "ak-stage-consent");
        }
        // Nothing of the kind is an answer.
        for wrong in [
            json!({}),
            json!({"component": "ak-stage-consent"}),
            json!({"component": "ak-stage-consent", "token": "x"}),
        ] {
            browser.step("left-out", &wrong).await;
        }
        assert!(users::by_id(&site.core.db, alice).await.unwrap().is_some() && browser.is_signed_in().await);
        // A write stage whose data comes from a policy asks as well.
        site.flow_of(
            "quiet",
            &[(
                "write",
                Some("context['flow_plan'].context['prompt_data'] = {'name': 'Written'}\nreturn True"),
            )],
        )
        .await;
        let asked = browser.challenge("quiet").await;
        assert_eq!(asked.component(), "ak-stage-consent", "{}", asked.body);
        let name = async || users::by_id(&site.core.db, alice).await.unwrap().unwrap().name;
        assert_eq!(name().await, "Person alice");
        browser
            .step("quiet", &json!({"component": "ak-stage-consent", "token": asked.json()["token"]}))
            .await;
        assert_eq!(name().await, "Written");
        // A form that was answered is question enough.
        site.flow_of("asked", &[("look", None), ("delete", None)]).await;
        assert_eq!(browser.challenge("asked").await.component(), "ak-stage-dummy");
        browser.step("asked", &json!({"component": "ak-stage-dummy"})).await;
        assert!(users::by_id(&site.core.db, alice).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_05_signing_out_and_a_new_password_take_tokens_back() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let text = |tokens: &Json, name: &str| tokens[name].as_str().unwrap().to_owned();
        let browser = site.browser().signed_in("alice").await;
        let first = app.tokens(&browser).await;
        let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
        assert!(app.is_active(&access).await && app.is_active(&refresh).await);
        let code = app.code(&browser, &[]).await;
        browser.challenge("default-invalidation-flow").await;
        assert!(!browser.is_signed_in().await);
        assert!(
            !app.is_active(&access).await && app.is_active(&refresh).await,
            "a refresh token was asked for to be used without the person"
        );
        assert_eq!(app.userinfo(&access).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.redeem(&code, &[]).await.status, StatusCode::BAD_REQUEST);
        site.clock.advance_secs(1);
        let renewed = app.refresh(&refresh).await;
        assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.body);
        let renewed = renewed.json();
        let (access, refresh) = (text(&renewed, "access_token"), text(&renewed, "refresh_token"));
        assert!(app.is_active(&access).await && app.is_active(&refresh).await);
        // The session is long gone: what it granted ends all the same.
        set_password(&site, alice, NEW).await;
        assert!(!app.is_active(&access).await && !app.is_active(&refresh).await);
        assert_eq!(
            (app.refresh(&refresh).await.status, app.userinfo(&access).await),
            (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED)
        );
        // The same where the session has ended by time.
        patch(
            &site,
            "authentik_stages_user_login.userloginstage",
            "default-authentication-login",
            "stages/user_login",
            json!({"session_duration": "minutes=2"}),
        )
        .await;
        let browser = site.browser();
        assert_eq!(browser.log_in("alice", NEW).await.component(), "xak-flow-redirect");
        let last = app.tokens(&browser).await;
        site.clock.advance_secs(130);
        clean_expired::sweep(&site.core).await.unwrap();
        assert!(sessions::of_user(&site.core.db, alice).await.unwrap().is_empty());
        assert!(
            !app.is_active(&text(&last, "access_token")).await
                && app.is_active(&text(&last, "refresh_token")).await
        );
        activate(&site, alice, false).await;
        activate(&site, alice, true).await;
        assert!(!app.is_active(&text(&last, "refresh_token")).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_10_an_account_that_was_deactivated_does_not_let_itself_in_again() {
    let sink = MailSink::start(Duration::ZERO).await;
    let port = sink.port.to_string();
    let sink = &sink;
    each_site_with(&[("AUTHENTIK_EMAIL__HOST", "127.0.0.1"), ("AUTHENTIK_EMAIL__PORT", &port)], |site| async move {
        const FLOW: &str = "enrollment-email-verification";
        let (_, text) = EXAMPLES.iter().find(|(name, _)| name.contains(FLOW)).unwrap();
        blueprint(&site, text).await.unwrap();
        let mail = async || {
            for _ in 0..300 {
                if let Some(letter) = sink.take().pop() {
                    return letter;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("no letter came")
        };
        let enrol = async |name: &str| {
            let browser = site.browser();
            browser.challenge(FLOW).await;
            browser.step(FLOW, &json!({"component": "ak-stage-prompt", "username": name, "password": NEW, "password_repeat": NEW})).await;
            let sent = browser.step(FLOW, &json!({"component": "ak-stage-prompt", "name": "M", "email": format!("{name}@example.test")})).await;
            assert_eq!(sent.component(), "ak-stage-email", "{}", sent.body);
            browser
        };
        let open = enrol("mallory").await;
        let address = link(&mail().await);
        let other = site.browser();
        assert_eq!(confirm(&other, FLOW, &address).await.component(), "xak-flow-redirect");
        let account = async |name: &str| users::by_username(&site.core.db, name).await.unwrap().unwrap();
        assert!(other.is_signed_in().await && account("mallory").await.is_active);
        // Whoever has not confirmed yet gets another letter, and its link counts.
        let waiting = enrol("walter").await;
        mail().await;
        assert_eq!(waiting.step(FLOW, &json!({"component": "ak-stage-email"})).await.component(), "ak-stage-email");
        assert_eq!(confirm(&site.browser(), FLOW, &link(&mail().await)).await.component(), "xak-flow-redirect");
        assert!(account("walter").await.is_active);
        activate(&site, account("mallory").await.id, false).await;
        assert!(!other.is_signed_in().await);
        let again = open.step(FLOW, &json!({"component": "ak-stage-email"})).await;
        assert_ne!(again.component(), "ak-stage-email", "{}", again.body);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(sink.take().is_empty() && !account("mallory").await.is_active);
        // Nor where the administrator was before the first link, whatever they changed.
        let open = enrol("trudy").await;
        let address = link(&mail().await);
        activate(&site, account("trudy").await.id, false).await;
        assert_eq!(go(&site.browser(), FLOW, &address, None).await.component(), "ak-stage-access-denied");
        open.step(FLOW, &json!({"component": "ak-stage-email"})).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(sink.take().is_empty() && !account("trudy").await.is_active);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_12_a_new_password_forgets_browsers_and_second_factors() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        patch(
            &site,
            "authentik_stages_authenticator_validate.authenticatorvalidatestage",
            "default-authentication-mfa-validation",
            "stages/authenticator/validate",
            json!({"last_auth_threshold": "days=30"}),
        )
        .await;
        let device = Device::new(&site.core.ports, DeviceKind::Static, alice, "Codes");
        let digests: Vec<String> =
            ["one", "two"].iter().map(|c| device.code_digest(&site.core.vault, c)).collect();
        devices::insert_with_codes(&site.core.db, &device, &digests).await.unwrap();
        let browser = site.browser();
        assert_eq!(
            browser.log_in("alice", &password("alice")).await.component(),
            "ak-stage-authenticator-validate"
        );
        assert_eq!(
            browser
                .step(LOGIN, &json!({"component": "ak-stage-authenticator-validate", "code": "one"}))
                .await
                .component(),
            "xak-flow-redirect"
        );
        let mut cookies = Vec::new();
        for name in ["authentik_mfa", "authentik_device"] {
            cookies.push(format!("{name}={}", browser.cookie(name).await.unwrap()));
        }
        let again = || site.browser().header("cookie", &cookies.join("; "));
        assert_eq!(
            again().log_in("alice", &password("alice")).await.component(),
            "xak-flow-redirect",
            "remembered"
        );
        set_password(&site, alice, NEW).await;
        let intruder = again();
        assert_eq!(
            intruder.log_in("alice", NEW).await.component(),
            "ak-stage-authenticator-validate",
            "asked again"
        );
        site.clock.advance_secs(60);
        assert_eq!(
            intruder
                .step(LOGIN, &json!({"component": "ak-stage-authenticator-validate", "code": "two"}))
                .await
                .component(),
            "xak-flow-redirect"
        );
        let events =
            site.admin().await.get("/api/v3/events/events/?action=login&ordering=-created").await.json();
        assert_eq!(events["results"][0]["context"]["auth_method_args"]["known_device"], false, "{events}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_13_a_blueprint_ends_what_it_takes_away() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let entry = |attrs: &str| format!("version: 1\nmetadata: {{name: x}}\nentries:\n- model: authentik_core.user\n  identifiers: {{username: alice}}\n  attrs: {attrs}\n");
        let mut secret = password("alice");
        for (attrs, ends) in [(vec!["{name: Other}"], false), (vec!["{password: another one of alice}"], true), (vec!["{is_active: false}", "{is_active: true}"], true)] {
            let browser = site.browser();
            assert_eq!(browser.log_in("alice", &secret).await.component(), "xak-flow-redirect");
            let tokens = app.tokens(&browser).await;
            for attrs in &attrs {
                blueprint(&site, &entry(attrs)).await.unwrap();
            }
            if attrs[0].contains("password") {
                secret = "another one of alice".to_owned();
            }
            assert_eq!(browser.is_signed_in().await, !ends, "{attrs:?}");
            assert_eq!(app.is_active(tokens["refresh_token"].as_str().unwrap()).await, !ends, "{attrs:?}");
            assert_eq!(sessions::of_user(&site.core.db, alice).await.unwrap().is_empty(), ends, "{attrs:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_14_a_recovery_key_is_asked_for_and_ends_with_the_account() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        let make = async || {
            let key = site.core.ports.alphanumeric(60);
            let mut token = Token::new(
                site.core.ports.uuid(),
                format!("recovery-{}", site.core.ports.hex(6)),
                "recovery",
                alice,
                site.core.now(),
            );
            (token.expiring, token.expires) = (true, Some(site.core.now().plus_secs(600)));
            tokens::insert(&site.core.db, &site.core.vault, &token, &Secret::new(key.as_str()))
                .await
                .unwrap();
            format!("/recovery/use-token/{key}/")
        };
        let csrf = |page: &str| {
            page.split_once("name=\"csrf\" value=\"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(token, _)| token.to_owned())
                .unwrap_or_else(|| panic!("{page}"))
        };
        let address = make().await;
        let (scanner, browser) = (site.browser(), site.browser());
        for _ in 0..2 {
            assert_eq!(scanner.get(&address).await.status, StatusCode::OK);
        }
        assert!(!scanner.is_signed_in().await, "looking uses nothing up");
        let page = browser.get(&address).await;
        assert_eq!(
            browser.form(&address, &[("csrf", "x")]).await.location(),
            address,
            "a form of another site is no answer"
        );
        let answer = browser.form(&address, &[("csrf", &csrf(&page.body))]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/if/user/"));
        assert!(browser.is_signed_in().await);
        assert_eq!(site.browser().get(&address).await.status, StatusCode::NOT_FOUND, "once");
        for what in ["deactivated", "password"] {
            let address = make().await;
            let browser = site.browser();
            let page = browser.get(&address).await;
            match what {
                "password" => set_password(&site, alice, NEW).await,
                _ => {
                    activate(&site, alice, false).await;
                    activate(&site, alice, true).await;
                }
            }
            assert_eq!(
                browser.form(&address, &[("csrf", &csrf(&page.body))]).await.status,
                StatusCode::NOT_FOUND,
                "{what}"
            );
            assert_eq!(
                (browser.get(&address).await.status, browser.is_signed_in().await),
                (StatusCode::NOT_FOUND, false),
                "{what}"
            );
        }
    })
    .await;
}
