//! Passkeys: their set-up, and signing in with nothing else.

use crate::keys::{ORIGIN, code, deactivate, identification, key, login, of_class, password, validate};
use crate::site::Site;
use signet_base::{Json, Uuid, json};
use signet_model::Model;
use signet_stages::authenticator_webauthn::AuthenticatorWebAuthnStage;
use signet_store::devices;
use signet_webauthn::b64;
use signet_webauthn::soft::{ResponseOverrides, SoftKey};

#[tokio::test]
async fn a_passkey_alone_signs_its_owner_in() {
    let site = Site::new().await;
    let mfa =
        validate(&site, json!({"device_classes": ["webauthn"], "webauthn_user_verification": "required"}))
            .await;
    let none = validate(&site, json!({"name": "codes", "device_classes": ["totp"]})).await;
    let last = login(&site).await;
    site.flow("passkey", "authentication", &[mfa, last]).await;
    site.flow("codes", "authentication", &[none, last]).await;
    assert!(site.browser().get("codes").await.is_denied());
    let (ada, gone) = (site.person("ada", "").await, site.person("gone", "").await);
    let (mut own, _) = site.passkey(ada, |_| {}).await;
    let (mut theirs, _) = site.passkey(gone, |_| {}).await;
    let (mut unconfirmed, _) = site.passkey(ada, |d| d.confirmed = false).await;
    deactivate(&site, gone).await;
    let mut browser = site.browser();
    let mut open = of_class(browser.get("passkey").await.json(), "webauthn").clone();
    assert_eq!(open["allowCredentials"], json!([]));
    assert_eq!(browser.post("passkey", json!({})).await.error("non_field_errors"), "Empty response");
    assert!(browser.post("passkey", code("123456")).await.error("code").starts_with("Invalid Token."));
    let mut stolen = SoftKey::create(
        &json!({"rp": {"id": "id.example.test"}, "user": {"id": b64(site.core.uid(ada).as_bytes())}}),
        ORIGIN,
        &ResponseOverrides::default(),
    )
    .unwrap()
    .0;
    for (key_of, why) in
        [(&mut theirs, "inactive"), (&mut unconfirmed, "unconfirmed"), (&mut stolen, "unknown")]
    {
        let seen = browser
            .post("passkey", key(key_of.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap()))
            .await;
        assert_eq!(seen.error("webauthn"), "Invalid device", "{why}");
        open = of_class(seen.json(), "webauthn").clone();
    }
    // A handle of somebody else, or none.
    for handle in [site.core.uid(gone).into_bytes(), Vec::new()] {
        let mut lying = own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap();
        lying["response"]["userHandle"] = json!(b64(&handle));
        let seen = browser.post("passkey", key(lying)).await;
        assert_eq!(seen.error("webauthn"), "Invalid device");
        open = of_class(seen.json(), "webauthn").clone();
    }
    assert!(browser.who().await.is_none());
    assert!(
        browser
            .post("passkey", key(own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap()))
            .await
            .is_done()
    );
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
    let session = browser.session().await;
    let how = session.authentication().unwrap();
    assert_eq!(
        (how.method.as_str(), how.method_args["mfa_devices"].as_array().unwrap().len()),
        ("auth_webauthn_pwl", 1)
    );
    assert_eq!(how.method_args["device"]["name"], json!("Key"));
}

#[tokio::test]
async fn the_name_field_takes_a_passkey_and_no_second_factor_is_asked_again() {
    let site = Site::new().await;
    let mfa = validate(&site, json!({"webauthn_user_verification": "required"})).await;
    let first = identification(&site, json!({"webauthn_stage": mfa})).await;
    site.flow("login", "authentication", &[first, mfa, login(&site).await]).await;
    let ada = site.person("ada", "").await;
    let (mut own, _) = site.passkey(ada, |_| {}).await;
    let mut browser = site.browser();
    let open = browser.get("login").await.json()["passkey_challenge"].clone();
    assert_eq!(open["allowCredentials"], json!([]));
    let answer = own
        .get(
            &open,
            ORIGIN,
            &ResponseOverrides { origin: Some("https://evil.test".into()), ..ResponseOverrides::default() },
        )
        .unwrap();
    let seen =
        browser.post("login", json!({"component": "ak-stage-identification", "passkey": answer})).await;
    assert_eq!(seen.error("passkey"), "Invalid passkey");
    let open = seen.json()["passkey_challenge"].clone();
    for junk in [json!({}), json!("x"), json!([])] {
        assert!(
            !browser
                .post("login", json!({"component": "ak-stage-identification", "passkey": junk}))
                .await
                .error("passkey")
                .is_empty()
        );
    }
    let answer = own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap();
    let seen =
        browser.post("login", json!({"component": "ak-stage-identification", "passkey": answer})).await;
    assert_eq!(seen.error("passkey"), "Invalid passkey", "a try that was wrong has used it up");
    let open = seen.json()["passkey_challenge"].clone();
    let answer = own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap();
    let seen =
        browser.post("login", json!({"component": "ak-stage-identification", "passkey": answer})).await;
    assert!(seen.is_done(), "{seen:?}");
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
}

/// The set-up stage.
#[tokio::test]
async fn a_passkey_is_set_up_by_its_owner_once() {
    let site = Site::new().await;
    let set_up = site
        .make(
            AuthenticatorWebAuthnStage::DEF,
            json!({"name": "passkeys", "max_attempts": 3, "resident_key_requirement": "required"}),
        )
        .await;
    site.flow(
        "set-up",
        "stage_configuration",
        &[identification(&site, json!({})).await, password(&site).await, set_up],
    )
    .await;
    site.flow("bare", "stage_configuration", &[set_up]).await;
    assert!(site.browser().get("bare").await.is_denied());
    let (ada, grace) = (site.person("ada", "pw").await, site.person("grace", "pw").await);
    let start = async |who: &str| {
        let mut browser = site.browser();
        browser.get("set-up").await;
        browser.post("set-up", json!({"component": "ak-stage-identification", "uid_field": who})).await;
        let seen = browser.post("set-up", json!({"component": "ak-stage-password", "password": "pw"})).await;
        (browser, seen)
    };
    let response =
        |answer: &Json| json!({"component": "ak-stage-authenticator-webauthn", "response": answer});
    let (mut browser, seen) = start("ada").await;
    let options = seen.json()["registration"].clone();
    assert_eq!(
        (&options["rp"]["id"], &options["user"]["name"], &options["attestation"]),
        (&json!("id.example.test"), &json!("ada"), &json!("none"))
    );
    assert_eq!(options["user"]["id"], json!(b64(site.core.uid(ada).as_bytes())));
    assert_eq!(
        browser
            .post("set-up", json!({"component": "ak-stage-authenticator-webauthn"}))
            .await
            .error("response"),
        "This field is required."
    );
    let (_, lie) = SoftKey::create(
        &options,
        ORIGIN,
        &ResponseOverrides { origin: Some("https://evil.test".into()), ..ResponseOverrides::default() },
    )
    .unwrap();
    let seen = browser.post("set-up", response(&lie)).await;
    assert!(seen.error("response").starts_with("The passkey could not be set up."));
    let fresh = seen.json()["registration"].clone();
    let (_, old) = SoftKey::create(&options, ORIGIN, &ResponseOverrides::default()).unwrap();
    assert!(
        !browser.post("set-up", response(&old)).await.error("response").is_empty(),
        "an answer to the challenge before"
    );
    assert!(browser.post("set-up", response(&json!({}))).await.is_denied(), "the third failure");
    assert_ne!(fresh["challenge"], options["challenge"]);
    assert!(devices::of_user(&site.core.db, ada, None).await.unwrap().is_empty());
    let (mut browser, seen) = start("ada").await;
    let options = seen.json()["registration"].clone();
    let (made, answer) = SoftKey::create(
        &options,
        ORIGIN,
        &ResponseOverrides { transports: vec!["usb".into()], packed: true, ..ResponseOverrides::default() },
    )
    .unwrap();
    assert!(browser.post("set-up", response(&answer)).await.is_done());
    let device = devices::of_user(&site.core.db, ada, None).await.unwrap().remove(0);
    assert_eq!(
        (device.name.as_str(), device.confirmed, &device.data["transports"], device.text("attestation")),
        ("WebAuthn Device", true, &json!(["usb"]), "self")
    );
    // The next time the key is named, so that its authenticator refuses; and nobody else can have it.
    let (mut browser, seen) = start("grace").await;
    let options = seen.json()["registration"].clone();
    assert_eq!(options["excludeCredentials"], json!([]));
    let answer = made.register(&options, ORIGIN, &ResponseOverrides::default()).unwrap();
    assert_eq!(
        browser.post("set-up", response(&answer)).await.error("response"),
        "This device is registered already."
    );
    let (_, seen) = start("ada").await;
    assert_eq!(
        seen.json()["registration"]["excludeCredentials"],
        json!([{"id": b64(&made.id), "type": "public-key", "transports": ["usb"]}])
    );
    assert!(devices::of_user(&site.core.db, grace, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_allowed_models_and_verified_people_set_up_a_key() {
    let site = Site::new().await;
    let model = Uuid::parse_str("ee882879-721c-4913-9775-3dfcce97072a").unwrap();
    let set_up = site
        .make(
            AuthenticatorWebAuthnStage::DEF,
            json!({"name": "passkeys", "device_type_restrictions": [model], "user_verification": "required"}),
        )
        .await;
    site.flow(
        "set-up",
        "stage_configuration",
        &[identification(&site, json!({})).await, password(&site).await, set_up],
    )
    .await;
    let ada = site.person("ada", "pw").await;
    let mut browser = site.browser();
    browser.get("set-up").await;
    browser.post("set-up", json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
    let mut seen = browser.post("set-up", json!({"component": "ak-stage-password", "password": "pw"})).await;
    assert_eq!(seen.json()["registration"]["attestation"], json!("direct"));
    for (aaguid, flags, fits) in [
        (Uuid::nil(), 0x05, false),
        (Uuid::from_u128(9), 0x05, false),
        (model, 0x01, false),
        (model, 0x05, true),
    ] {
        let options = seen.json()["registration"].clone();
        let (mut made, _) = SoftKey::create(&options, ORIGIN, &ResponseOverrides::default()).unwrap();
        made.aaguid = *aaguid.as_bytes();
        made.flags = flags;
        let answer = made.register(&options, ORIGIN, &ResponseOverrides::default()).unwrap();
        seen = browser
            .post("set-up", json!({"component": "ak-stage-authenticator-webauthn", "response": answer}))
            .await;
        assert_eq!(seen.is_done(), fits, "{aaguid} {flags}");
    }
    let device = devices::of_user(&site.core.db, ada, None).await.unwrap().remove(0);
    assert_eq!(
        (device.name.as_str(), device.text("aaguid")),
        ("YubiKey 5 Series", model.to_string().as_str())
    );
}

/// Finding 9: a key that was found says by itself neither the name nor the password, and is no second factor
/// beside itself.
#[tokio::test]
async fn redteam_09_a_found_key_is_not_enough() {
    let site = Site::new().await;
    let mfa = validate(
        &site,
        json!({"webauthn_user_verification": "preferred", "device_classes": ["webauthn", "static"]}),
    )
    .await;
    let first = identification(&site, json!({"webauthn_stage": mfa})).await;
    let last = login(&site).await;
    site.flow("login", "authentication", &[first, mfa, last]).await;
    site.flow("passkey", "authentication", &[mfa, last]).await;
    let ada = site.person("ada", "").await;
    let (mut own, _) = site.passkey(ada, |_| {}).await;
    let (found, held) = (
        ResponseOverrides { flags: Some(0x01), ..ResponseOverrides::default() },
        ResponseOverrides { flags: Some(0x05), ..ResponseOverrides::default() },
    );
    let mut browser = site.browser();
    let open = browser.get("login").await.json()["passkey_challenge"].clone();
    assert_eq!(open["userVerification"], "required", "whatever the stage asks of a second factor");
    let at_name = |answer: Json| json!({"component": "ak-stage-identification", "passkey": answer});
    let seen = browser.post("login", at_name(own.get(&open, ORIGIN, &found).unwrap())).await;
    assert_eq!(seen.error("passkey"), "Invalid passkey");
    let open = seen.json()["passkey_challenge"].clone();
    assert!(browser.post("login", at_name(own.get(&open, ORIGIN, &held).unwrap())).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
    // The same where the stage comes first and nobody is named.
    let mut browser = site.browser();
    let open = of_class(browser.get("passkey").await.json(), "webauthn").clone();
    assert_eq!(open["userVerification"], "required");
    assert_eq!(
        browser.post("passkey", key(own.get(&open, ORIGIN, &found).unwrap())).await.error("webauthn"),
        "Assertion failed"
    );
    assert!(browser.who().await.is_none());
    // Where an administrator says expressly that no check is wanted, the key is one factor; a second stage
    // asks for another.
    let bare = validate(&site, json!({"name": "bare", "webauthn_user_verification": "discouraged"})).await;
    site.flow("one", "authentication", &[bare, last]).await;
    site.flow("two", "authentication", &[bare, mfa, last]).await;
    for (slug, done) in [("one", true), ("two", false)] {
        let mut browser = site.browser();
        let open = of_class(browser.get(slug).await.json(), "webauthn").clone();
        let seen = browser.post(slug, key(own.get(&open, ORIGIN, &found).unwrap())).await;
        assert_eq!(
            (seen.is_done(), seen.is_denied(), browser.who().await.is_some()),
            (done, !done, done),
            "{slug} {seen:?}"
        );
    }
    site.codes(ada, &["paper"]).await;
    let mut browser = site.browser();
    let open = of_class(browser.get("two").await.json(), "webauthn").clone();
    let seen = browser.post("two", key(own.get(&open, ORIGIN, &found).unwrap())).await;
    let offered: Vec<&Json> =
        seen.json()["device_challenges"].as_array().unwrap().iter().map(|d| &d["device_class"]).collect();
    assert_eq!(offered, [&json!("static")]);
    assert!(browser.post("two", code("paper")).await.is_done());
}
