//! Invitations, redirects, captchas and deletion of an account.

use crate::site::{Browser, Seen, Site};
use signet_base::{Json, Map, Uuid, json};
use signet_core::models::FlowStageBinding;
use signet_model::Model;
use signet_stages::captcha::CaptchaStage;
use signet_stages::dummy::DummyStage;
use signet_stages::identification::IdentificationStage;
use signet_stages::invitation::InvitationStage;
use signet_stages::password::PasswordStage;
use signet_stages::prompt::{Prompt, PromptStage};
use signet_stages::redirect::RedirectStage;
use signet_stages::user_delete::UserDeleteStage;
use signet_stages::user_login::UserLoginStage;
use signet_stages::user_write::UserWriteStage;
use signet_store::invitations::{self, Invitation};
use signet_store::users;

/// invitation → form → write → sign in
async fn enrolment(site: &Site, slug: &str, open: bool) -> Uuid {
    let gate = site
        .make(
            InvitationStage::DEF,
            json!({"name": format!("{slug}-gate"), "continue_flow_without_invitation": open}),
        )
        .await;
    let mut fields = Vec::new();
    for (key, kind) in [("username", "username"), ("email", "email")] {
        fields.push(site.make(Prompt::DEF, json!({"name": format!("{slug}-{key}"), "field_key": key, "label": key, "type": kind, "required": true})).await);
    }
    let form = site.make(PromptStage::DEF, json!({"name": format!("{slug}-form"), "fields": fields})).await;
    let write = site
        .make(
            UserWriteStage::DEF,
            json!({"name": format!("{slug}-write"), "user_creation_mode": "always_create"}),
        )
        .await;
    let login = site.make(UserLoginStage::DEF, json!({"name": format!("{slug}-login")})).await;
    site.flow(slug, "enrollment", &[gate, form, write, login]).await
}
async fn invite(site: &Site, flow: Option<Uuid>, single_use: bool, fixed: Json) -> Uuid {
    let now = site.core.now();
    let id = site.core.ports.uuid();
    let fixed_data: Map = fixed.as_object().unwrap().clone();
    let made = Invitation {
        id,
        name: "inv".into(),
        flow,
        fixed_data,
        single_use,
        created_by: None,
        created: now,
        expires: Some(now.plus_secs(60)),
        claimed: false,
    };
    invitations::insert(&site.core.db, &site.core.vault, &made).await.unwrap();
    id
}
fn filled(name: &str) -> Json {
    json!({"component": "ak-stage-prompt", "username": name, "email": format!("{name}@typed.test")})
}
async fn open<'a>(site: &'a Site, slug: &str, query: &str) -> (Browser<'a>, Seen) {
    let mut browser = site.browser();
    browser.query = query.to_owned();
    let seen = browser.get(slug).await;
    (browser, seen)
}

#[tokio::test]
async fn row_03_an_invitation_opens_its_own_flow_only() {
    let site = Site::new().await;
    let flows = [
        ("a", enrolment(&site, "a", false).await),
        ("b", enrolment(&site, "b", false).await),
        ("c", enrolment(&site, "c", false).await),
    ];
    for (own, pk) in flows {
        let id = invite(&site, Some(pk), false, json!({})).await;
        for (slug, _) in flows {
            for query in [format!("itoken={id}"), format!("token={id}")] {
                let (_, seen) = open(&site, slug, &query).await;
                assert_eq!(!seen.is_denied(), slug == own, "{own} at {slug}: {seen:?}");
            }
        }
    }
    for bad in
        ["", "itoken=", "itoken=x", "itoken=00000000-0000-0000-0000-000000000000", "itoken=%27%20OR%201%3D1"]
    {
        let (_, seen) = open(&site, "a", bad).await;
        assert!(seen.is_denied(), "{bad}");
    }
    // One without a flow opens each.
    let any = invite(&site, None, false, json!({})).await;
    assert_eq!(open(&site, "b", &format!("itoken={any}")).await.1.component(), "ak-stage-prompt");
}

#[tokio::test]
async fn an_invitation_works_once_and_its_data_cannot_be_typed_over() {
    let site = Site::new().await;
    let flow = enrolment(&site, "join", false).await;
    let id = invite(
        &site,
        Some(flow),
        true,
        json!({"email": "fixed@example.test", "name": "From The Invitation"}),
    )
    .await;
    let query = format!("itoken={id}");
    // Looking does not use it up.
    for _ in 0..3 {
        assert_eq!(open(&site, "join", &query).await.1.component(), "ak-stage-prompt");
    }
    let (mut late, _) = open(&site, "join", &query).await;
    let (mut first, seen) = open(&site, "join", &query).await;
    assert_eq!(seen.component(), "ak-stage-prompt");
    assert!(first.post("join", filled("ada")).await.is_done());
    let ada = users::by_username(&site.core.db, "ada").await.unwrap().unwrap();
    assert_eq!((ada.email.as_str(), ada.name.as_str()), ("fixed@example.test", "From The Invitation"));
    assert_eq!(first.who().await.as_deref(), Some("ada"));
    // A run that began before is too late, and makes no account.
    assert!(late.post("join", filled("bob")).await.is_denied());
    assert!(users::by_username(&site.core.db, "bob").await.unwrap().is_none());
    assert!(open(&site, "join", &query).await.1.is_denied());
    let events = signet_store::events::list(
        &site.core.db,
        &signet_store::ListQuery::default().equal("action", "invitation_used"),
        None,
    )
    .await
    .unwrap();
    assert_eq!(events.1, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_with_one_invitation_one_gets_an_account() {
    let site = Site::new().await;
    let flow = enrolment(&site, "join", false).await;
    let id = invite(&site, Some(flow), true, json!({})).await;
    let before = site.people().await;
    let mut browsers = Vec::new();
    for _ in 0..12 {
        browsers.push(open(&site, "join", &format!("itoken={id}")).await.0);
    }
    let answers: Vec<_> = browsers
        .iter_mut()
        .enumerate()
        .map(|(n, browser)| Box::pin(async move { browser.post("join", filled(&format!("user{n}"))).await }))
        .collect();
    let seen = crate::site::together(answers).await;
    assert_eq!(seen.iter().filter(|s| s.is_done()).count(), 1, "{seen:?}");
    assert_eq!(site.people().await, before + 1);
}

#[tokio::test]
async fn a_write_that_fails_gives_the_invitation_back() {
    let site = Site::new().await;
    let flow = enrolment(&site, "join", false).await;
    let id = invite(&site, Some(flow), true, json!({"username": "taken"})).await;
    site.person("taken", "").await;
    let (mut browser, _) = open(&site, "join", &format!("itoken={id}")).await;
    assert!(browser.post("join", filled("free")).await.is_denied());
    assert!(!invitations::by_id(&site.core.db, &site.core.vault, id).await.unwrap().unwrap().claimed);
}

#[tokio::test]
async fn an_invitation_without_a_write_is_used_up_at_the_end() {
    let site = Site::new().await;
    let gate = site.make(InvitationStage::DEF, json!({"name": "gate"})).await;
    let wait = site.make(DummyStage::DEF, json!({"name": "wait"})).await;
    let flow = site.flow("look", "enrollment", &[gate, wait]).await;
    let id = invite(&site, Some(flow), true, json!({})).await;
    let (mut one, _) = open(&site, "look", &format!("itoken={id}")).await;
    let (mut two, seen) = open(&site, "look", &format!("itoken={id}")).await;
    assert_eq!(seen.component(), "ak-stage-dummy");
    assert!(one.post("look", json!({"component": "ak-stage-dummy"})).await.is_done());
    assert!(two.post("look", json!({"component": "ak-stage-dummy"})).await.is_denied());
    assert!(invitations::by_id(&site.core.db, &site.core.vault, id).await.unwrap().is_none());
}

#[tokio::test]
async fn row_23_an_invitation_ends_in_its_second() {
    let site = Site::new().await;
    let flow = enrolment(&site, "join", false).await;
    enrolment(&site, "open", true).await;
    let id = invite(&site, Some(flow), false, json!({})).await;
    let query = format!("itoken={id}");
    site.clock.advance_secs(59);
    let (mut slow, seen) = open(&site, "join", &query).await;
    assert_eq!(seen.component(), "ak-stage-prompt");
    site.clock.advance_secs(1);
    // Nobody has swept; it is over all the same, also for a run that began in time.
    assert!(invitations::by_id(&site.core.db, &site.core.vault, id).await.unwrap().is_some());
    assert!(open(&site, "join", &query).await.1.is_denied());
    assert!(slow.post("join", filled("late")).await.is_denied());
    assert!(users::by_username(&site.core.db, "late").await.unwrap().is_none());
    // A flow that is open to everybody goes on without it.
    assert_eq!(open(&site, "open", &query).await.1.component(), "ak-stage-prompt");
}

#[tokio::test]
async fn redirects_lead_out_or_into_another_flow() {
    let site = Site::new().await;
    let out = site
        .make(
            RedirectStage::DEF,
            json!({"name": "out", "mode": "static", "target_static": "https://elsewhere.test/x"}),
        )
        .await;
    site.flow("out", "authentication", &[out]).await;
    assert!(matches!(site.browser().get("out").await, Seen::Done(to) if to == "https://elsewhere.test/x"));
    let wait = site.make(DummyStage::DEF, json!({"name": "wait"})).await;
    let next = site.flow("next", "authentication", &[wait]).await;
    let into =
        site.make(RedirectStage::DEF, json!({"name": "into", "mode": "flow", "target_flow": next})).await;
    site.flow("into", "authentication", &[into]).await;
    let mut browser = site.browser();
    assert!(matches!(browser.get("into").await, Seen::Done(to) if to == "/if/flow/next/"));
    assert_eq!(browser.get("next").await.component(), "ak-stage-dummy");
    // A policy names the target; one that a browser would run is refused.
    let targets = [
        ("https://b.test/", true),
        ("ak-flow://next", true),
        ("javascript:alert(1)", false),
        ("ak-flow://none", false),
        ("//evil.test", false),
    ];
    for (n, (target, ok)) in targets.into_iter().enumerate() {
        let slug = format!("p{n}");
        let policy = site
            .make(
                crate::site::FixedPolicy::DEF,
                json!({"name": slug, "sets": {"redirect_stage_target": target}}),
            )
            .await;
        let flow = site.flow(&slug, "authentication", &[]).await;
        let binding = site
            .make(
                FlowStageBinding::DEF,
                json!({"target": flow, "stage": out, "order": 0, "evaluate_on_plan": true}),
            )
            .await;
        let pbm = site.core.config().get(binding).unwrap().pbm().unwrap();
        site.make(
            signet_core::models::PolicyBinding::DEF,
            json!({"target": pbm, "policy": policy, "order": 0}),
        )
        .await;
        let seen = site.browser().get(&slug).await;
        assert_eq!(matches!(&seen, Seen::Done(_)), ok, "{target}: {seen:?}");
        assert!(ok || seen.is_denied());
    }
}

#[tokio::test]
async fn a_captcha_is_judged_by_its_service_and_no_answer_is_a_no() {
    let site = Site::new().await;
    let stage = site.make(CaptchaStage::DEF, json!({"name": "c", "public_key": "pub", "private_key": "priv", "api_url": "https://c.test/verify"})).await;
    site.flow("captcha", "authentication", &[stage]).await;
    let mut browser = site.browser();
    let seen = browser.get("captcha").await;
    assert_eq!(
        (&seen.json()["site_key"], &seen.json()["interactive"], seen.component()),
        (&json!("pub"), &json!(false), "ak-stage-captcha")
    );
    assert!(!seen.json().to_string().contains("priv"));
    let proof = json!({"component": "ak-stage-captcha", "token": "t&x=1"});
    for sent in [
        json!({}),
        json!({"component": "ak-stage-captcha"}),
        json!({"component": "ak-stage-captcha", "token": ""}),
        json!({"component": "ak-stage-dummy", "token": "t"}),
    ] {
        assert_eq!(browser.post("captcha", sent).await.error("token"), "This field is required.");
    }
    assert!(site.http.requests().is_empty(), "nobody is asked about nothing");
    // Nobody answers; an error; no JSON; a no; a score out of range.
    assert!(browser.post("captcha", proof.clone()).await.error("token").starts_with("Invalid captcha"));
    for (status, body) in [
        (500, r#"{"success":true}"#),
        (200, "yes"),
        (200, r#"{"success":false}"#),
        (200, r#"{"success":true,"score":0.1}"#),
    ] {
        site.http.answer(status, body);
        assert!(
            browser.post("captcha", proof.clone()).await.error("token").starts_with("Invalid captcha"),
            "{body}"
        );
    }
    site.http.requests();
    site.http.answer(200, r#"{"success":true,"score":0.9}"#);
    assert!(browser.post("captcha", proof).await.is_done());
    let asked = site.http.requests().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.url.as_str()), ("POST", "https://c.test/verify"));
    assert_eq!(String::from_utf8(asked.body).unwrap(), "secret=priv&response=t%26x%3D1&remoteip=127.0.0.1");
}

/// Signed in by name and password.
async fn signed_in<'a>(site: &'a Site, name: &str) -> Browser<'a> {
    let mut browser = site.browser();
    browser.get("login").await;
    browser.post("login", json!({"uid_field": name})).await;
    assert!(
        browser.post("login", json!({"component": "ak-stage-password", "password": "pw"})).await.is_done()
    );
    browser
}

#[tokio::test]
async fn people_delete_their_own_account_after_a_question() {
    let site = Site::new().await;
    let who = site.make(IdentificationStage::DEF, json!({"name": "who", "user_fields": ["username"]})).await;
    let password = site
        .make(PasswordStage::DEF, json!({"name": "pw", "backends": ["authentik.core.auth.InbuiltBackend"]}))
        .await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    site.flow("login", "authentication", &[who, password, login]).await;
    let delete = site.make(UserDeleteStage::DEF, json!({"name": "delete"})).await;
    site.flow("leave", "unenrollment", &[delete]).await;
    site.flow("named", "unenrollment", &[who, delete]).await;
    let ada = site.person("ada", "pw").await;
    let bob = site.person("bob", "pw").await;
    // Strangers, and people who only name somebody, delete nobody.
    assert!(site.browser().get("leave").await.is_denied());
    for mut browser in [site.browser(), signed_in(&site, "bob").await] {
        browser.get("named").await;
        assert!(browser.post("named", json!({"uid_field": "ada"})).await.is_denied());
    }
    // Opening the address asks; only the answer to the question deletes.
    let mut browser = signed_in(&site, "ada").await;
    let other = signed_in(&site, "ada").await;
    let seen = browser.get("leave").await;
    assert_eq!(seen.component(), "ak-stage-consent");
    for sent in [
        json!({}),
        json!({"component": "ak-stage-consent"}),
        json!({"component": "ak-stage-consent", "token": "x"}),
    ] {
        assert_eq!(browser.post("leave", sent).await.component(), "ak-stage-consent");
    }
    assert!(users::by_id(&site.core.db, ada).await.unwrap().is_some());
    let seen = browser.get("leave").await;
    assert!(
        browser
            .post("leave", json!({"component": "ak-stage-consent", "token": seen.json()["token"]}))
            .await
            .is_done()
    );
    assert!(
        users::by_id(&site.core.db, ada).await.unwrap().is_none()
            && users::by_id(&site.core.db, bob).await.unwrap().is_some()
    );
    assert!(browser.who().await.is_none() && other.who().await.is_none());
    let events = signet_store::events::list(
        &site.core.db,
        &signet_store::ListQuery::default().equal("action", "model_deleted"),
        None,
    )
    .await
    .unwrap();
    assert_eq!(events.1, 1);
}
