//! Second factors: what the audits of authentik found, and the rows about stages, over HTTP on both
//! databases.
use crate::site::{Browser, Site, TestResponse, each_site, password};
use http::Method;
use signet_base::{Json, json};
use signet_core::setup;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::users;
use signet_webauthn::soft::{ResponseOverrides, SoftKey};
use signet_webauthn::{CreationOptions, Expect, b64, register};
use std::sync::Arc;

const LOGIN: &str = "default-authentication-flow";
const VALIDATE: &str = "ak-stage-authenticator-validate";

fn code(text: &str) -> Json {
    json!({"component": VALIDATE, "code": text})
}
fn key(answer: &Json) -> Json {
    json!({"component": VALIDATE, "webauthn": answer})
}
fn options_of(challenge: &Json) -> Json {
    let list = challenge["device_challenges"].as_array().unwrap_or_else(|| panic!("{challenge}"));
    list.iter()
        .find(|d| d["device_class"] == "webauthn")
        .map(|d| d["challenge"].clone())
        .unwrap_or_else(|| panic!("{challenge}"))
}
/// The origin of the browsers of a test, and the domain that their keys are for.
async fn origin(site: &Site) -> (String, String) {
    let host = site.browser().host().await;
    (format!("http://{host}"), host.rsplit_once(':').unwrap().0.to_owned())
}

/// Recovery codes of the person.
async fn paper(site: &Site, user: i64, codes: &[&str]) {
    let device = Device::new(&site.core.ports, DeviceKind::Static, user, "Codes");
    let digests: Vec<String> = codes.iter().map(|c| device.code_digest(&site.core.vault, c)).collect();
    devices::insert_with_codes(&site.core.db, &device, &digests).await.unwrap();
}
/// A passkey of the person.
async fn passkey(site: &Site, user: i64, (origin, rp): (&str, &str)) -> SoftKey {
    let handle = site.core.uid(user);
    let options = CreationOptions {
        challenge: &[1; 32],
        rp_id: rp,
        rp_name: "x",
        user_handle: handle.as_bytes(),
        user_name: "x",
        display_name: "x",
        timeout: 1,
        exclude: &[],
        attachment: None,
        resident_key: "required",
        user_verification: "required",
        attestation: "none",
        hints: &[],
    };
    let (key, answer) = SoftKey::create(&options.json(), origin, &ResponseOverrides::default()).unwrap();
    let made = register(&answer, &Expect { challenge: &[1; 32], origin, rp_id: rp, user_verification: true })
        .unwrap();
    let mut device = Device::new(&site.core.ports, DeviceKind::Webauthn, user, "Key");
    device.credential = Some(b64(&made.credential_id));
    device.counter = i64::from(made.counter);
    device.data.insert("public_key".into(), json!(b64(&made.public_key)));
    devices::insert(&site.core.db, &device).await.unwrap();
    key
}
/// A flow in which a passkey alone signs in, beside the default one.
async fn prepare(site: &Site) {
    setup::finish(&site.core).await.unwrap();
    site.create(
        "authentik_stages_authenticator_validate.authenticatorvalidatestage",
        json!({"name": "passkey first", "device_classes": ["webauthn"]}),
    )
    .await;
    site.flow_of("passkeys", &[("passkey first", None), ("default-authentication-login", None)]).await;
}
/// A browser that has given name and password, and what it sees then.
async fn halfway(site: &Site, who: &str) -> (Browser, TestResponse) {
    let browser = site.browser();
    let seen = browser.log_in(who, &password(who)).await;
    assert_eq!(seen.component(), VALIDATE, "{}", seen.body);
    (browser, seen)
}

/// IncludeSec 2025: codes could be guessed without an end, and requests at the same moment passed the limit.
#[tokio::test(flavor = "multi_thread")]
async fn audit_of_a_hundred_wrong_codes_at_once_five_are_judged() {
    each_site(|site| async move {
        prepare(&site).await;
        let alice = site.user("alice", &[]).await;
        paper(&site, alice, &["rightcode"]).await;
        let mut browsers = Vec::new();
        for _ in 0..100 {
            browsers.push(halfway(&site, "alice").await.0);
        }
        let before = site.core.metrics.failed_logins.get();
        let tasks: Vec<_> = browsers
            .into_iter()
            .map(|b| tokio::spawn(async move { b.step(LOGIN, &code("wrongcode")).await.json() }))
            .collect();
        let mut said = Vec::new();
        for task in tasks {
            said.push(task.await.unwrap()["response_errors"]["code"][0]["code"].as_str().unwrap().to_owned());
        }
        let judged = said.iter().filter(|c| *c == "invalid").count();
        assert_eq!((judged, said.len() - judged, site.core.metrics.failed_logins.get() - before), (5, 95, 5));
        let (browser, _) = halfway(&site, "alice").await;
        let refused = browser.step(LOGIN, &code("rightcode")).await.json();
        assert_eq!(refused["response_errors"]["code"][0]["code"], json!("throttled"));
        site.clock.advance_secs(60);
        assert_eq!(browser.step(LOGIN, &code("rightcode")).await.component(), "xak-flow-redirect");
        assert!(browser.is_signed_in().await);
    })
    .await;
}

/// Cure53 2023: the owner of a credential was not compared with the pending user.
#[tokio::test(flavor = "multi_thread")]
async fn audit_a_key_of_somebody_else_is_no_second_factor() {
    each_site(|site| async move {
        prepare(&site).await;
        let (origin, rp) = origin(&site).await;
        let (alice, eve) = (site.user("alice", &[]).await, site.user("eve", &[]).await);
        let mut own = passkey(&site, alice, (&origin, &rp)).await;
        let mut eves = passkey(&site, eve, (&origin, &rp)).await;
        paper(&site, eve, &["evescode"]).await;
        let (browser, seen) = halfway(&site, "alice").await;
        let answer = eves.get(&options_of(&seen.json()), &origin, &ResponseOverrides::default()).unwrap();
        let refused = browser.step(LOGIN, &key(&answer)).await.json();
        assert_eq!(refused["response_errors"]["webauthn"][0]["string"], json!("Invalid device"));
        let refused = browser.step(LOGIN, &code("evescode")).await.json();
        assert_eq!(refused["response_errors"]["code"][0]["code"], json!("invalid"));
        assert!(!browser.is_signed_in().await);
        // The key of alice under the handle of eve does not sign eve in either.
        let stranger = site.browser();
        let mut answer = own
            .get(
                &options_of(&stranger.challenge("passkeys").await.json()),
                &origin,
                &ResponseOverrides::default(),
            )
            .unwrap();
        answer["response"]["userHandle"] = json!(b64(site.core.uid(eve).as_bytes()));
        assert_eq!(stranger.step("passkeys", &key(&answer)).await.component(), VALIDATE);
        assert!(!stranger.is_signed_in().await);
        // The twin: the own key is.
        let (browser, seen) = halfway(&site, "alice").await;
        let answer = own.get(&options_of(&seen.json()), &origin, &ResponseOverrides::default()).unwrap();
        browser.step(LOGIN, &key(&answer)).await;
        assert!(browser.is_signed_in().await);
    })
    .await;
}

/// Cure53 2023: the challenge of one flow was good in another.
#[tokio::test(flavor = "multi_thread")]
async fn audit_a_challenge_is_for_its_session_and_flow_and_for_one_answer() {
    each_site(|site| async move {
        prepare(&site).await;
        let (origin, rp) = origin(&site).await;
        let alice = site.user("alice", &[]).await;
        let mut own = passkey(&site, alice, (&origin, &rp)).await;
        let (browser, seen) = halfway(&site, "alice").await;
        let of_login = options_of(&seen.json());
        // Another flow in the same browser, then another browser.
        let of_passkeys = options_of(&browser.challenge("passkeys").await.json());
        assert_ne!(of_login["challenge"], of_passkeys["challenge"]);
        for (stranger, options) in [(&browser, &of_login), (&site.browser(), &of_passkeys)] {
            stranger.challenge("passkeys").await;
            let answer = own.get(options, &origin, &ResponseOverrides::default()).unwrap();
            assert_eq!(stranger.step("passkeys", &key(&answer)).await.component(), VALIDATE);
            assert!(!stranger.is_signed_in().await);
        }
        let fresh = options_of(&browser.challenge("passkeys").await.json());
        let answer = own.get(&fresh, &origin, &ResponseOverrides::default()).unwrap();
        assert_eq!(browser.step("passkeys", &key(&answer)).await.component(), "xak-flow-redirect");
        assert!(browser.is_signed_in().await);
        for flow in ["passkeys", LOGIN] {
            let replay = site.browser();
            replay.challenge(flow).await;
            replay.step(flow, &key(&answer)).await;
            assert!(!replay.is_signed_in().await);
        }
    })
    .await;
}

/// Row 36 at the second factor: nothing but an answer of the person's own device goes on, however it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_second_factor_is_not_passed_by_anything_else() {
    each_site(|site| async move {
        prepare(&site).await;
        let (origin, rp) = origin(&site).await;
        let alice = site.user("alice", &[]).await;
        let mut own = passkey(&site, alice, (&origin, &rp)).await;
        paper(&site, alice, &["rightcode"]).await;
        let (browser, seen) = halfway(&site, "alice").await;
        let mut sent = vec![
            json!({}),
            json!({"component": "ak-stage-dummy", "code": "rightcode"}),
            json!({"component": "ak-stage-user-login", "remember_me": true}),
            json!({"component": "ak-stage-password", "password": password("alice")}),
            json!({"component": VALIDATE, "selected_stage": "00000000-0000-0000-0000-000000000000"}),
            json!({"component": VALIDATE, "duo": 1}),
            json!({"component": VALIDATE, "selected_challenge": {"device_class": "webauthn", "device_uid": "-1"}}),
        ];
        for wrong in [json!(null), json!(""), json!({}), json!([]), json!(true), json!(-1), json!({"id": "AQ", "rawId": "AQ", "type": "public-key", "response": {}})] {
            sent.push(json!({"component": VALIDATE, "webauthn": wrong}));
        }
        for wrong in &sent {
            let answer = browser.step(LOGIN, wrong).await;
            assert_eq!(answer.component(), VALIDATE, "{wrong}: {}", answer.body);
            assert!(!browser.is_signed_in().await);
        }
        drop(seen);
        // The same right answer ten times at once, in one session: it counts once.
        let options = options_of(&browser.challenge(LOGIN).await.json());
        let answer = key(&own.get(&options, &origin, &ResponseOverrides::default()).unwrap());
        let browser = Arc::new(browser);
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (browser, answer) = (browser.clone(), answer.clone());
                tokio::spawn(async move { browser.json(Method::POST, &format!("/api/v3/flows/executor/{LOGIN}/?query="), &answer).await.status })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let used = devices::of_user(&site.core.db, alice, Some(DeviceKind::Webauthn)).await.unwrap().remove(0);
        assert_eq!(used.counter, 2, "one use");
    })
    .await;
}

/// Row 21 for second factors: the account is looked at again when the answer comes.
#[tokio::test(flavor = "multi_thread")]
async fn row_21_an_inactive_account_is_not_signed_in_by_its_devices() {
    each_site(|site| async move {
        prepare(&site).await;
        let (origin, rp) = origin(&site).await;
        let alice = site.user("alice", &[]).await;
        let mut own = passkey(&site, alice, (&origin, &rp)).await;
        paper(&site, alice, &["rightcode"]).await;
        let (browser, seen) = halfway(&site, "alice").await;
        let stranger = site.browser();
        let first = options_of(&stranger.challenge("passkeys").await.json());
        let mut user = users::by_id(&site.core.db, alice).await.unwrap().unwrap();
        user.is_active = false;
        users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
        let answer =
            key(&own.get(&options_of(&seen.json()), &origin, &ResponseOverrides::default()).unwrap());
        for sent in [answer, code("rightcode")] {
            browser.step(LOGIN, &sent).await;
            assert!(!browser.is_signed_in().await);
        }
        let answer = key(&own.get(&first, &origin, &ResponseOverrides::default()).unwrap());
        assert_eq!(stranger.step("passkeys", &answer).await.component(), VALIDATE);
        assert!(!stranger.is_signed_in().await);
        // The twin: the devices of an active account do.
        let bea = site.user("bea", &[]).await;
        let mut of_bea = passkey(&site, bea, (&origin, &rp)).await;
        paper(&site, bea, &["beascode"]).await;
        let (browser, _) = halfway(&site, "bea").await;
        browser.step(LOGIN, &code("beascode")).await;
        assert!(browser.is_signed_in().await);
        let browser = site.browser();
        let options = options_of(&browser.challenge("passkeys").await.json());
        browser
            .step("passkeys", &key(&of_bea.get(&options, &origin, &ResponseOverrides::default()).unwrap()))
            .await;
        assert!(browser.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_20_flows_beside_the_one_with_two_factors_are_named_and_recovery_asks_for_the_second() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        for name in ["example/flow-login-2fa.yaml", "example/flow-recovery-email.yaml"] {
            let text = signet_blueprints::shipped(name).unwrap();
            signet_blueprints::apply(&site.core, &signet_blueprints::Source::new(name, text), &signet_core::directory::Author::system()).await.unwrap();
        }
        assert!(signet_core::brand::open_beside(&site.core.config()).is_empty(), "no brand asks everybody for a second factor yet");
        let admin = site.admin().await;
        let brand = admin.get("/api/v3/core/brands/?default=true").await.json()["results"][0]["brand_uuid"].as_str().unwrap().to_owned();
        let sent = json!({"flow_authentication": site.flow("login-2fa"), "flow_recovery": site.flow("default-recovery-flow")});
        assert_eq!(admin.json(Method::PATCH, &format!("/api/v3/core/brands/{brand}/"), &sent).await.status, 200);
        let open = signet_core::brand::open_beside(&site.core.config());
        assert!(open.len() == 1 && open[0].1.contains(&LOGIN.to_owned()) && !open[0].1.contains(&"login-2fa".to_owned()), "{open:?}");
        let closed = admin.json(Method::PATCH, &format!("/api/v3/flows/instances/{LOGIN}/"), &json!({"authentication": "require_redirect"})).await;
        assert_eq!(closed.status, 200, "{}", closed.body);
        assert!(signet_core::brand::open_beside(&site.core.config()).iter().all(|(_, flows)| !flows.contains(&LOGIN.to_owned())));
        // A link by mail is one factor: who has a second shows it before the password changes; who has none
        // goes on.
        for (name, expected) in [("alice", VALIDATE), ("bob", "ak-stage-prompt")] {
            let user = site.user(name, &[]).await;
            if name == "alice" {
                paper(&site, user, &["aaaa-bbbb"]).await;
            }
            let made = admin.json(Method::POST, &format!("/api/v3/core/users/{user}/recovery/"), &json!({})).await.json();
            let query = crate::links::link(made["link"].as_str().unwrap());
            let browser = site.browser();
            let question = crate::links::go(&browser, "default-recovery-flow", &query, None).await;
            let sent = json!({"component": "ak-stage-consent", "token": question.json()["token"]});
            assert_eq!(crate::links::go(&browser, "default-recovery-flow", &query, Some(sent)).await.component(), expected, "{name}");
        }
    })
    .await;
}
