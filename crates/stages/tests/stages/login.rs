//! Identification, password, second factor and login, over a core and a database.

use crate::site::{Seen, Site};
use signet_base::json;
use signet_base::{Json, Uuid};
use signet_core::flow::PendingUser;
use signet_model::Model;
use signet_stages::authenticator_validate::AuthenticatorValidateStage;
use signet_stages::deny::DenyStage;
use signet_stages::dummy::DummyStage;
use signet_stages::identification::IdentificationStage;
use signet_stages::password::PasswordStage;
use signet_stages::user_login::UserLoginStage;
use signet_stages::user_logout::UserLogoutStage;
use signet_store::{tokens, users};

const BACKENDS: [&str; 4] = [
    "authentik.sources.ldap.auth.LDAPBackend",
    "authentik.sources.kerberos.auth.KerberosBackend",
    "authentik.core.auth.InbuiltBackend",
    "authentik.core.auth.TokenBackend",
];

async fn password(site: &Site) -> Uuid {
    site.make(
        PasswordStage::DEF,
        json!({"name": "password", "backends": BACKENDS, "failed_attempts_before_cancel": 3}),
    )
    .await
}
async fn identification(site: &Site, extra: Json) -> Uuid {
    let mut sent = json!({"name": "identification", "user_fields": ["email", "username", "upn"]});
    sent.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    site.make(IdentificationStage::DEF, sent).await
}
/// The usual login flow.
async fn usual(site: &Site, extra: Json) {
    let mfa = site.make(AuthenticatorValidateStage::DEF, json!({"name": "mfa"})).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    let stages = [identification(site, extra).await, password(site).await, mfa, login];
    site.flow("login", "authentication", &stages).await;
}
fn name(text: &str) -> Json {
    json!({"component": "ak-stage-identification", "uid_field": text})
}
fn secret(text: &str) -> Json {
    json!({"component": "ak-stage-password", "password": text})
}

#[tokio::test]
async fn a_person_signs_in_by_name_address_or_attribute() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    let ada = site.person("ada", "pw").await;
    let mut user = site.user(ada).await;
    user.attributes.insert("upn".into(), json!("ada@corp"));
    users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
    for typed in ["ada", " ADA ", "Ada@Example.test", "ada@CORP"] {
        let mut browser = site.browser();
        browser.query = "next=%2Fif%2Fuser%2F".into();
        let seen = browser.get("login").await;
        assert_eq!(
            (seen.component(), &seen.json()["primary_action"], &seen.json()["passkey_challenge"]),
            ("ak-stage-identification", &json!("Log in"), &Json::Null)
        );
        let seen = browser.post("login", name(typed)).await;
        assert_eq!((seen.component(), &seen.json()["pending_user"]), ("ak-stage-password", &json!("ada")));
        assert_eq!(
            browser.post("login", json!({"component": "ak-stage-password"})).await.error("password"),
            "This field is required."
        );
        assert_eq!(browser.post("login", secret("nope")).await.error("password"), "Invalid password");
        assert!(browser.who().await.is_none());
        assert!(matches!(browser.post("login", secret("pw")).await, Seen::Done(to) if to == "/if/user/"));
        assert_eq!(browser.who().await.as_deref(), Some("ada"));
        let session = browser.session().await;
        assert_eq!(session.authentication().unwrap().method, "password");
    }
    assert!(site.user(ada).await.last_login.is_some());
    assert_eq!((site.core.metrics.logins.get(), site.core.metrics.failed_logins.get()), (4, 4));
}

#[tokio::test]
async fn an_unknown_name_and_an_inactive_account_look_like_everybody_else() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    site.person("known", "pw").await;
    let gone = site.person("gone", "pw").await;
    let mut user = site.user(gone).await;
    user.is_active = false;
    users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
    let mut answers = Vec::new();
    for typed in ["known", "gone", "none!"] {
        let mut browser = site.browser();
        browser.get("login").await;
        let mut seen =
            vec![browser.post("login", name(typed)).await, browser.post("login", secret("wrong")).await];
        if typed != "known" {
            // The right password of an inactive account is as wrong.
            seen.push(browser.post("login", secret("pw")).await);
            assert_eq!(seen[2].error("password"), "Invalid password");
        }
        assert!(browser.who().await.is_none());
        // The typed name and the picture with its initials are all that may differ.
        let mut texts: Vec<Json> = seen.iter().take(2).map(|s| s.json().clone()).collect();
        for text in &mut texts {
            assert_eq!(text["pending_user"], json!(typed));
            text["pending_user"] = Json::Null;
            text["pending_user_avatar"] = Json::Null;
        }
        answers.push(texts);
    }
    assert!(answers[0] == answers[1] && answers[1] == answers[2]);
}

#[tokio::test]
async fn too_many_wrong_passwords_end_the_run() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    site.person("ada", "pw").await;
    let mut browser = site.browser();
    browser.get("login").await;
    browser.post("login", name("ada")).await;
    assert_eq!(browser.post("login", secret("1")).await.error("password"), "Invalid password");
    assert_eq!(browser.post("login", secret("2")).await.error("password"), "Invalid password");
    assert!(browser.post("login", secret("3")).await.is_denied());
    // The next answer meets a fresh run, not the password stage.
    assert_eq!(browser.post("login", secret("pw")).await.component(), "ak-stage-identification");
}

#[tokio::test]
async fn empty_wrong_and_early_answers_never_advance() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    site.person("ada", "pw").await;
    let mut browser = site.browser();
    for sent in [
        json!({}),
        json!({"component": "bogus"}),
        name(""),
        secret("pw"),
        json!({"component": "ak-stage-user-login", "remember_me": true}),
    ] {
        assert_eq!(
            browser.post("login", sent).await.error("non_field_errors"),
            "No identification data provided."
        );
    }
    browser.post("login", name("ada")).await;
    for sent in [
        json!({}),
        name("ada"),
        json!({"component": "ak-stage-user-login"}),
        json!({"component": "ak-stage-authenticator-validate"}),
    ] {
        assert_eq!(browser.post("login", sent).await.error("password"), "This field is required.");
    }
    assert!(browser.who().await.is_none());
}

#[tokio::test]
async fn name_and_password_on_one_page_have_one_answer_for_all_mistakes() {
    let site = Site::new().await;
    let stage = password(&site).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    let one = identification(&site, json!({"password_stage": stage})).await;
    site.flow("login", "authentication", &[one, login]).await;
    site.person("ada", "pw").await;
    let mut browser = site.browser();
    assert_eq!(browser.get("login").await.json()["password_fields"], json!(true));
    let mut seen = Vec::new();
    for (who, text) in [("ada", "nope"), ("nobody", "nope"), ("nobody", "pw")] {
        let mut sent = name(who);
        sent["password"] = json!(text);
        let answer = browser.post("login", sent).await;
        assert_eq!(answer.error("non_field_errors"), "Failed to authenticate.");
        seen.push(answer.json().clone());
    }
    assert!(seen.windows(2).all(|w| w[0] == w[1]));
    assert_eq!(browser.post("login", name("ada")).await.error("password"), "This field is required.");
    let mut sent = name("ada");
    sent["password"] = json!("pw");
    assert!(browser.post("login", sent).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
}

#[tokio::test]
async fn app_passwords_work_until_they_expire_and_only_for_their_owner() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    let (ada, grace) = (site.person("ada", "").await, site.person("grace", "").await);
    let mut token =
        tokens::Token::new(site.core.ports.uuid(), "ada-app", "app_password", ada, site.core.now());
    token.expiring = true;
    token.expires = Some(site.core.now().plus_secs(60));
    tokens::insert(&site.core.db, &site.core.vault, &token, &"app-key".into()).await.unwrap();
    let api = tokens::Token::new(site.core.ports.uuid(), "grace-api", "api", grace, site.core.now());
    tokens::insert(&site.core.db, &site.core.vault, &api, &"api-key".into()).await.unwrap();
    for (who, key, fits) in [
        ("grace", "app-key", false),
        ("grace", "api-key", false),
        ("nobody", "app-key", false),
        ("ada", "app-key", true),
    ] {
        let mut browser = site.browser();
        browser.get("login").await;
        browser.post("login", name(who)).await;
        assert_eq!(browser.post("login", secret(key)).await.is_done(), fits, "{who} {key}");
        assert_eq!(browser.who().await.is_some(), fits);
        if fits {
            let session = browser.session().await;
            let how = session.authentication().unwrap();
            assert_eq!((how.method.as_str(), &how.method_args["identifier"]), ("token", &json!("ada-app")));
        }
    }
    site.clock.advance_secs(60);
    let mut browser = site.browser();
    browser.get("login").await;
    browser.post("login", name("ada")).await;
    assert_eq!(browser.post("login", secret("app-key")).await.error("password"), "Invalid password");
}

#[tokio::test]
async fn a_login_stage_without_proof_denies() {
    let site = Site::new().await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    let asks = site.make(UserLoginStage::DEF, json!({"name": "asks", "remember_me_offset": "days=1"})).await;
    let who = identification(&site, json!({})).await;
    site.flow("named", "authentication", &[who, login]).await;
    site.flow("asks", "authentication", &[who, asks]).await;
    site.flow("bare", "authentication", &[login]).await;
    site.flow("full", "authentication", &[who, password(&site).await, login]).await;
    site.person("ada", "pw").await;
    for flow in ["named", "asks"] {
        let mut browser = site.browser();
        browser.get(flow).await;
        assert!(browser.post(flow, name("ada")).await.is_denied(), "{flow}");
        assert!(
            browser
                .post(flow, json!({"component": "ak-stage-user-login", "remember_me": true}))
                .await
                .error("non_field_errors")
                .starts_with("No identification")
        );
        assert!(browser.who().await.is_none());
    }
    assert!(site.browser().get("bare").await.is_denied());
    // A session is no proof for a new one.
    let mut browser = site.browser();
    browser.get("full").await;
    browser.post("full", name("ada")).await;
    assert!(browser.post("full", secret("pw")).await.is_done());
    assert!(browser.get("bare").await.is_denied());
}

#[tokio::test]
async fn a_proof_does_not_move_to_a_second_name() {
    let site = Site::new().await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    let first = identification(&site, json!({})).await;
    let second = identification(&site, json!({"name": "second"})).await;
    site.flow("two", "authentication", &[first, password(&site).await, second, login]).await;
    site.person("ada", "pw").await;
    site.person("admin", "other").await;
    let mut browser = site.browser();
    browser.get("two").await;
    browser.post("two", name("ada")).await;
    assert_eq!(browser.post("two", secret("pw")).await.component(), "ak-stage-identification");
    assert!(browser.post("two", name("admin")).await.is_denied());
    assert!(browser.who().await.is_none());
}

#[tokio::test]
async fn a_restored_plan_stays_with_its_person() {
    let site = Site::new().await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    let wait = site.make(DummyStage::DEF, json!({"name": "wait"})).await;
    site.flow("recover", "recovery", &[wait, identification(&site, json!({})).await, login]).await;
    let ada = site.person("ada", "pw").await;
    site.person("admin", "pw").await;
    let pending =
        PendingUser { id: Some(ada), username: "ada".into(), name: String::new(), email: String::new() };
    let mut browser = site.browser();
    browser.seed =
        Some(json!({"is_restored": "token", "pending_user": pending}).as_object().cloned().unwrap());
    assert_eq!(browser.get("recover").await.component(), "ak-stage-dummy");
    // The identification stage asks nothing; what is posted meanwhile changes nobody.
    assert_eq!(browser.post("recover", name("admin")).await.error("component"), "This field is required.");
    assert!(
        browser.post("recover", json!({"component": "ak-stage-dummy", "uid_field": "admin"})).await.is_done()
    );
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
    // A restored plan that is about nobody yet vouches for nobody who is named later.
    let mut browser = site.browser();
    browser.seed = Some(json!({"is_restored": "token"}).as_object().cloned().unwrap());
    browser.get("recover").await;
    assert_eq!(
        browser.post("recover", json!({"component": "ak-stage-dummy"})).await.component(),
        "ak-stage-identification"
    );
    assert!(browser.post("recover", name("admin")).await.is_denied());
    assert!(browser.who().await.is_none());
}

#[tokio::test]
async fn staying_signed_in_is_asked_and_other_sessions_end() {
    let site = Site::new().await;
    let login = site
        .make(
            UserLoginStage::DEF,
            json!({"name": "login", "session_duration": "minutes=10", "remember_me_offset": "minutes=50", "terminate_other_sessions": true, "remember_device": "days=7"}),
        )
        .await;
    site.flow(
        "login",
        "authentication",
        &[identification(&site, json!({})).await, password(&site).await, login],
    )
    .await;
    site.person("ada", "pw").await;
    let mut browsers = Vec::new();
    for remember in [true, false] {
        let mut browser = site.browser();
        browser.get("login").await;
        browser.post("login", name("ada")).await;
        assert_eq!(browser.post("login", secret("pw")).await.component(), "ak-stage-user-login");
        assert_eq!(
            browser.post("login", json!({"component": "ak-stage-user-login"})).await.error("remember_me"),
            "This field is required."
        );
        assert!(
            browser
                .post("login", json!({"component": "ak-stage-user-login", "remember_me": remember}))
                .await
                .is_done()
        );
        assert_eq!(browser.who().await.as_deref(), Some("ada"));
        assert!(
            browser.set.iter().any(|c| c.starts_with("authentik_device=") && c.contains("Max-Age=604800"))
        );
        if remember {
            site.clock.advance_secs(30 * 60);
            assert!(browser.who().await.is_some());
        }
        browsers.push(browser);
    }
    assert!(browsers[0].who().await.is_none(), "the second sign-in ends the first");
    site.clock.advance_secs(10 * 60);
    assert!(browsers[1].who().await.is_none(), "ten minutes without staying signed in");
}

#[tokio::test]
async fn without_a_device_the_setting_decides() {
    let site = Site::new().await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    let (who, pw) = (identification(&site, json!({})).await, password(&site).await);
    let wait = site.make(DummyStage::DEF, json!({"name": "wait"})).await;
    let no = site.make(DenyStage::DEF, json!({"name": "no", "deny_message": "Closed."})).await;
    site.person("ada", "pw").await;
    let cases = [("deny", json!([])), ("configure", json!([wait])), ("configure", json!([wait, no]))];
    for (n, (action, stages)) in cases.into_iter().enumerate() {
        let mfa = site.make(AuthenticatorValidateStage::DEF, json!({"name": format!("mfa{n}"), "not_configured_action": action, "configuration_stages": stages})).await;
        let slug = format!("login{n}");
        site.flow(&slug, "authentication", &[who, pw, mfa, login]).await;
        let mut browser = site.browser();
        browser.get(&slug).await;
        browser.post(&slug, name("ada")).await;
        let seen = browser.post(&slug, secret("pw")).await;
        match n {
            0 => assert!(seen.is_denied()),
            1 => {
                assert_eq!(seen.component(), "ak-stage-dummy");
                assert!(browser.post(&slug, json!({"component": "ak-stage-dummy"})).await.is_done());
                assert!(browser.who().await.is_some());
            }
            _ => {
                assert_eq!(
                    (seen.component(), seen.json()["configuration_stages"].as_array().unwrap().len()),
                    ("ak-stage-authenticator-validate", 2)
                );
                let answer = |stage: Json| json!({"component": "ak-stage-authenticator-validate", "selected_stage": stage});
                assert_eq!(
                    browser.post(&slug, json!({})).await.error("selected_stage"),
                    "This field is required."
                );
                assert!(
                    browser
                        .post(&slug, answer(json!(login)))
                        .await
                        .error("selected_stage")
                        .starts_with("Invalid stage")
                );
                let seen = browser.post(&slug, answer(json!(no))).await;
                assert!(seen.is_denied() && seen.json()["error_message"] == "Closed.");
            }
        }
    }
    let mfa = site
        .make(AuthenticatorValidateStage::DEF, json!({"name": "alone", "device_classes": ["totp"]}))
        .await;
    // Nobody is known yet, and codes alone say nobody's name.
    site.flow("alone", "authentication", &[mfa]).await;
    assert!(site.browser().get("alone").await.is_denied());
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    let out = site.make(UserLogoutStage::DEF, json!({"name": "out"})).await;
    site.flow("out", "invalidation", &[out]).await;
    site.person("ada", "pw").await;
    let mut browser = site.browser();
    browser.get("login").await;
    browser.post("login", name("ada")).await;
    browser.post("login", secret("pw")).await;
    assert!(browser.who().await.is_some());
    assert!(browser.get("out").await.is_done());
    assert!(browser.who().await.is_none());
    assert!(site.browser().get("out").await.is_done(), "strangers may come too");
}

#[tokio::test]
async fn what_was_typed_can_stand_in_for_whom_it_matched() {
    let site = Site::new().await;
    usual(&site, json!({"show_matched_user": false})).await;
    site.person("ada", "pw").await;
    let mut seen = Vec::new();
    for typed in ["ada@example.test", "none@example.test"] {
        let mut browser = site.browser();
        browser.get("login").await;
        let mut answer = browser.post("login", name(typed)).await.json().clone();
        assert_eq!(answer["pending_user"], json!(typed));
        answer["pending_user"] = Json::Null;
        seen.push(answer);
    }
    assert_eq!(seen[0], seen[1]);
    // Where the stage says so, an unknown name is told.
    let told = identification(
        &site,
        json!({"name": "told", "pretend_user_exists": false, "case_insensitive_matching": false}),
    )
    .await;
    let other = site.make(PasswordStage::DEF, json!({"name": "other", "backends": BACKENDS})).await;
    site.flow("told", "authentication", &[told, other]).await;
    let mut browser = site.browser();
    assert_eq!(
        browser.post("told", name("nobody")).await.error("non_field_errors"),
        "Failed to authenticate."
    );
    assert_eq!(browser.post("told", name("ADA")).await.error("non_field_errors"), "Failed to authenticate.");
    assert_eq!(browser.post("told", name("ada")).await.component(), "ak-stage-password");
}
