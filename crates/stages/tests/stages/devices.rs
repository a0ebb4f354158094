//! Setting second factors up, and their codes, over a core and a database.

use crate::site::{Browser, Site};
use signet_base::{Json, Map, Uuid, json, query};
use signet_core::flow::keys;
use signet_model::Model;
use signet_stages::authenticators::duo::AuthenticatorDuoStage;
use signet_stages::authenticators::email::AuthenticatorEmailStage;
use signet_stages::authenticators::otp::{Algorithm, Shape, from_base32};
use signet_stages::authenticators::sms::AuthenticatorSMSStage;
use signet_stages::authenticators::static_codes::AuthenticatorStaticStage;
use signet_stages::authenticators::totp::AuthenticatorTOTPStage;
use signet_stages::authenticators::{static_codes, totp};
use signet_store::devices::{self, Device, DeviceKind};

/// What a run knows of a person who has shown to be `user`.
fn proven(user: i64) -> Map {
    let mut seed = pending(user);
    seed.insert(keys::USER_BACKEND.0.into(), json!("test"));
    seed
}
fn pending(user: i64) -> Map {
    json!({keys::PENDING_USER.0: {"id": user, "username": "ada", "name": "Ada", "email": ""}})
        .as_object()
        .cloned()
        .unwrap()
}
/// A browser in a run that begins as the context says: the first stage is a dummy, so that there is something
/// to wait at.
async fn begin<'a>(site: &'a Site, seed: Map) -> Browser<'a> {
    let mut browser = site.browser();
    browser.seed = Some(seed);
    browser.get("setup").await;
    browser
}
async fn setup(site: &Site, stage: Uuid) {
    let dummy = site.make(signet_stages::dummy::DummyStage::DEF, json!({"name": "first"})).await;
    site.flow("setup", "stage_configuration", &[dummy, stage]).await;
}
fn next() -> Json {
    json!({"component": "ak-stage-dummy"})
}
async fn of(site: &Site, user: i64, kind: DeviceKind) -> Vec<Device> {
    devices::of_user(&site.core.db, user, Some(kind)).await.unwrap()
}
fn code_in(text: &str) -> String {
    let runs: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    (*runs.iter().find(|r| r.len() == 6).unwrap()).to_owned()
}

const SHAPE: Shape = Shape { algorithm: Algorithm::Sha1, digits: 6, period: 30, drift: 1 };

#[tokio::test]
async fn an_authenticator_app_is_set_up_by_a_right_code_that_then_is_used() {
    let site = Site::new().await;
    let ada = site.person("ada", "").await;
    setup(&site, site.make(AuthenticatorTOTPStage::DEF, json!({"name": "totp", "digits": "6"})).await).await;
    let mut browser = begin(&site, proven(ada)).await;
    let seen = browser.post("setup", next()).await;
    let url = seen.json()["config_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("otpauth://totp/Signet%3Aada?secret="), "{url}");
    // The secret stays while the stage is open.
    assert_eq!(browser.get("setup").await.json()["config_url"], json!(url));
    let key = from_base32(&query::value(url.split_once('?').unwrap().1, "secret").unwrap()).unwrap();
    let now = SHAPE.step(site.core.now());
    let right = SHAPE.code(&key, now);
    for (wrong, error) in [
        (json!({}), "This field is required."),
        (json!({"component": "ak-stage-authenticator-static", "code": right}), "This field is required."),
        (json!({"component": "ak-stage-authenticator-totp", "code": ""}), "This field may not be blank."),
        (
            json!({"component": "ak-stage-authenticator-totp", "code": SHAPE.code(&key, now + 2)}),
            "Code does not match",
        ),
        (
            json!({"component": "ak-stage-authenticator-totp", "code": SHAPE.code(&key, now - 2)}),
            "Code does not match",
        ),
    ] {
        assert_eq!(browser.post("setup", wrong.clone()).await.error("code"), error, "{wrong}");
    }
    assert!(of(&site, ada, DeviceKind::Totp).await.is_empty());
    assert!(
        browser
            .post("setup", json!({"component": "ak-stage-authenticator-totp", "code": right}))
            .await
            .is_done()
    );
    let device = of(&site, ada, DeviceKind::Totp).await.pop().unwrap();
    assert_eq!((device.name.as_str(), device.confirmed), ("TOTP Authenticator", true));
    assert!(device.sealed.starts_with("v1:"));

    // The code of the set-up signs nobody in; the next one does, once, also for fifty at the same moment.
    assert!(!totp::verify(&site.core, ada, &device, &right).await.unwrap());
    site.clock.advance_secs(30);
    let fresh = SHAPE.code(&key, now + 1);
    assert!(!totp::verify(&site.core, ada + 1, &device, &fresh).await.unwrap(), "another person's device");
    let unconfirmed = Device { confirmed: false, ..device.clone() };
    assert!(!totp::verify(&site.core, ada, &unconfirmed, &fresh).await.unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (core, device, code) = (site.core.clone(), device.clone(), fresh.clone());
            tokio::spawn(async move { totp::verify(&core, device.user_id, &device, &code).await.unwrap() })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += usize::from(task.await.unwrap());
    }
    assert_eq!(passed, 1);
}

#[tokio::test]
async fn nobody_sets_a_device_up_for_somebody_they_have_not_shown_to_be() {
    let site = Site::new().await;
    let ada = site.person("ada", "").await;
    setup(&site, site.make(AuthenticatorTOTPStage::DEF, json!({"name": "totp", "digits": "6"})).await).await;
    for seed in [Map::new(), pending(ada)] {
        let mut browser = begin(&site, seed).await;
        assert!(browser.post("setup", next()).await.is_denied());
    }
    assert!(of(&site, ada, DeviceKind::Totp).await.is_empty());
}

#[tokio::test]
async fn recovery_codes_are_shown_while_the_stage_is_open_and_work_once() {
    let site = Site::new().await;
    let ada = site.person("ada", "").await;
    setup(
        &site,
        site.make(
            AuthenticatorStaticStage::DEF,
            json!({"name": "static", "token_count": 3, "friendly_name": "Paper"}),
        )
        .await,
    )
    .await;
    let mut browser = begin(&site, proven(ada)).await;
    let codes = browser.post("setup", next()).await.json()["codes"].clone();
    assert_eq!(codes.as_array().unwrap().len(), 3);
    let again = browser.post("setup", json!({})).await;
    assert_eq!((&again.json()["codes"], again.error("component")), (&codes, "This field is required."));
    assert!(browser.post("setup", json!({"component": "ak-stage-authenticator-static"})).await.is_done());
    let device = of(&site, ada, DeviceKind::Static).await.pop().unwrap();
    assert_eq!(device.name, "Paper");
    let code = codes[0].as_str().unwrap().to_uppercase();
    for (code, right) in [("", false), ("nonsense", false), (code.as_str(), true), (code.as_str(), false)] {
        assert_eq!(static_codes::verify(&site.core, ada, &device, code).await.unwrap(), right, "{code}");
    }
    // Whoever has codes left is not given others, and not shown these.
    let mut browser = begin(&site, proven(ada)).await;
    assert!(browser.post("setup", next()).await.is_done());
    assert_eq!(of(&site, ada, DeviceKind::Static).await.len(), 1);
}

#[tokio::test]
async fn a_number_is_proven_by_the_code_that_was_sent_to_it() {
    let site = Site::new().await;
    let http = site.http.clone();
    let (ada, bob) = (site.person("ada", "").await, site.person("bob", "").await);
    let sent = json!({"name": "sms", "provider": "generic", "from_number": "Signet", "account_sid": "https://sms.test/", "auth": "t", "auth_type": "bearer"});
    setup(&site, site.make(AuthenticatorSMSStage::DEF, sent).await).await;
    let mut browser = begin(&site, proven(ada)).await;
    assert_eq!(browser.post("setup", next()).await.json()["phone_number_required"], json!(true));
    assert_eq!(browser.post("setup", json!({})).await.error("phone_number"), "This field is required.");
    assert!(
        browser.post("setup", json!({"code": "123456"})).await.error("phone_number").contains("required")
    );
    // The service is down: told so, and nothing goes on.
    assert!(
        browser
            .post("setup", json!({"phone_number": "+41 79 123 45 67"}))
            .await
            .error("phone_number")
            .contains("could not be sent")
    );
    http.answer(200, "{}");
    let seen = browser.post("setup", json!({"phone_number": "+41 79 123 45 67"})).await;
    assert_eq!(seen.json()["phone_number_required"], json!(false));
    let request = http.requests().pop().unwrap();
    let body: Json = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["To"], json!("+41791234567"));
    let code = code_in(body["Body"].as_str().unwrap());
    let wrong = if code == "000000" { "111111" } else { "000000" };
    assert_eq!(browser.post("setup", json!({"code": wrong})).await.error("code"), "Code does not match");
    assert!(browser.post("setup", json!({"code": code})).await.is_done());
    assert_eq!(of(&site, ada, DeviceKind::Sms).await[0].text("phone_number"), "+41791234567");
    // The same number again, by anybody.
    let mut browser = begin(&site, proven(bob)).await;
    browser.post("setup", next()).await;
    assert_eq!(
        browser.post("setup", json!({"phone_number": "+41791234567"})).await.error("phone_number"),
        "Invalid phone number"
    );
    // Wrong codes are counted: the right one comes too late.
    http.answer(200, "{}");
    browser.post("setup", json!({"phone_number": "+41791234568"})).await;
    let body: Json = serde_json::from_slice(&http.requests().pop().unwrap().body).unwrap();
    let code = code_in(body["Body"].as_str().unwrap());
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for _ in 0..10 {
        assert_eq!(browser.post("setup", json!({"code": wrong})).await.error("code"), "Code does not match");
    }
    assert!(browser.post("setup", json!({"code": code})).await.error("code").starts_with("Too many"));
    assert!(of(&site, bob, DeviceKind::Sms).await.is_empty());
}

#[tokio::test]
async fn a_code_by_mail_goes_to_the_address_of_the_account_only() {
    let site = Site::new().await;
    let mail = site.mail.clone();
    let ada = site.person("ada", "").await;
    setup(&site, site.make(AuthenticatorEmailStage::DEF, json!({"name": "mail"})).await).await;
    let mut browser = begin(&site, proven(ada)).await;
    let seen = browser.post("setup", next()).await;
    assert_eq!(
        (&seen.json()["email_required"], &seen.json()["email"]),
        (&json!(false), &json!("a***@e***.test"))
    );
    browser.get("setup").await;
    let letters = mail.take();
    assert_eq!(
        (letters.len(), letters[0].to.as_slice()),
        (1, ["ada@example.test".to_owned()].as_slice()),
        "looking again sends nothing"
    );
    // Row 44: an address in the request is not where codes go.
    browser.post("setup", json!({"email": "eve@evil.test"})).await;
    let letters = mail.take();
    assert_eq!(letters[0].to, ["ada@example.test"]);
    assert_eq!(browser.post("setup", json!({})).await.error("code"), "This field is required.");
    assert!(browser.post("setup", json!({"code": code_in(&letters[0].text)})).await.is_done());
    assert_eq!(of(&site, ada, DeviceKind::Email).await[0].text("email"), "ada@example.test");
    // Somebody without an address who is not signed in cannot name one.
    let bob = site.person("bob", "").await;
    let mut user = site.user(bob).await;
    user.email = String::new();
    signet_store::users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
    let mut browser = begin(&site, proven(bob)).await;
    assert!(browser.post("setup", next()).await.is_denied());
    assert!(mail.take().is_empty());
}

#[tokio::test]
async fn duo_is_believed_and_the_browser_is_not() {
    let site = Site::new().await;
    let http = site.http.clone();
    let ada = site.person("ada", "").await;
    setup(
        &site,
        site.make(
            AuthenticatorDuoStage::DEF,
            json!({"name": "duo", "client_id": "DI", "client_secret": "s", "api_hostname": "api.duo.test"}),
        )
        .await,
    )
    .await;
    let mut browser = begin(&site, proven(ada)).await;
    http.answer(200, r#"{"stat": "OK", "response": {"user_id": "DU1", "activation_barcode": "https://duo.test/qr", "activation_code": "duo://x"}}"#);
    assert_eq!(browser.post("setup", next()).await.json()["activation_code"], json!("duo://x"));
    http.answer(200, r#"{"stat": "OK", "response": "waiting"}"#);
    let answer = json!({"component": "ak-stage-authenticator-duo"});
    assert_eq!(
        browser.post("setup", answer.clone()).await.error("non_field_errors"),
        "Scan the code with the Duo app first."
    );
    assert_eq!(browser.post("setup", json!({})).await.error("component"), "This field is required.");
    http.answer(400, r#"{"stat": "FAIL", "message": "Invalid"}"#);
    assert!(
        browser
            .post("setup", answer.clone())
            .await
            .error("non_field_errors")
            .starts_with("Duo does not answer")
    );
    http.answer(200, r#"{"stat": "OK", "response": "success"}"#);
    assert!(browser.post("setup", answer).await.is_done());
    assert_eq!(of(&site, ada, DeviceKind::Duo).await[0].text("duo_user_id"), "DU1");
    let urls: Vec<String> = http.requests().into_iter().map(|r| r.url).collect();
    assert_eq!(urls[0], "https://api.duo.test/auth/v2/enroll");
}
