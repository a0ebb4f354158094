//! Second factors over a core and a database: passkeys, codes, what is remembered, and everything that must
//! be refused.

use crate::keys::{
    ORIGIN, VALIDATE, code, deactivate, identification, key, login, of_class, password, validate, with,
};
use crate::site::{Browser, Seen, Site};
use signet_base::{Json, Uuid, json};
use signet_core::flow::PendingUser;
use signet_model::Model;
use signet_stages::authenticator_webauthn::AuthenticatorWebAuthnStage;
use signet_stages::authenticators::duo::AuthenticatorDuoStage;
use signet_stages::authenticators::email::AuthenticatorEmailStage;
use signet_stages::authenticators::sms::AuthenticatorSMSStage;
use signet_stages::authenticators::static_codes::AuthenticatorStaticStage;
use signet_stages::dummy::DummyStage;
use signet_stages::identification::IdentificationStage;
use signet_stages::password::PasswordStage;
use signet_store::devices::{self, DeviceKind};
use signet_webauthn::b64;
use signet_webauthn::soft::{ResponseOverrides, SoftKey};

/// Name, password, second factor, session.
async fn usual(site: &Site, extra: Json) -> Uuid {
    let mfa = validate(site, extra).await;
    let stages = [identification(site, json!({})).await, password(site).await, mfa, login(site).await];
    site.flow("login", "authentication", &stages).await;
    mfa
}
/// A browser that has given name and password, and what it sees then.
async fn halfway<'a>(site: &'a Site, who: &str) -> (Browser<'a>, Seen) {
    let mut browser = site.browser();
    browser.get("login").await;
    browser.post("login", json!({"component": "ak-stage-identification", "uid_field": who})).await;
    let seen = browser.post("login", json!({"component": "ak-stage-password", "password": "pw"})).await;
    (browser, seen)
}

#[tokio::test]
async fn any_code_of_any_device_passes_once() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    let ada = site.person("ada", "pw").await;
    let (app, paper) = (site.totp(ada, |_| {}).await, site.codes(ada, &["abcdefgh"]).await);
    let (mut browser, seen) = halfway(&site, "ada").await;
    assert_eq!(seen.component(), VALIDATE);
    let list = seen.json()["device_challenges"].as_array().unwrap();
    let said: Vec<(&Json, &Json, &Json)> =
        list.iter().map(|d| (&d["device_class"], &d["device_uid"], &d["challenge"])).collect();
    assert_eq!(
        said,
        [
            (&json!("static"), &json!(paper.to_string()), &json!({})),
            (&json!("totp"), &json!(app.to_string()), &json!({}))
        ]
    );
    assert_eq!(
        browser.post("login", json!({"component": VALIDATE})).await.error("non_field_errors"),
        "Empty response"
    );
    assert_eq!(browser.post("login", json!({})).await.error("non_field_errors"), "Empty response");
    assert!(browser.post("login", code("000000")).await.error("code").starts_with("Invalid Token."));
    assert!(browser.post("login", code("")).await.error("non_field_errors").starts_with("Empty"));
    // Chosen is the app; the code on paper passes all the same.
    let chosen = json!({"component": VALIDATE, "selected_challenge": {"device_class": "totp", "device_uid": app.to_string(), "challenge": {}, "last_used": null}});
    assert_eq!(browser.post("login", chosen).await.component(), VALIDATE);
    assert!(browser.who().await.is_none());
    assert!(browser.post("login", code("ABCD-efgh")).await.is_done());
    let session = browser.session().await;
    let how = session.authentication().unwrap();
    assert_eq!(
        (how.method.as_str(), how.method_args["mfa_devices"].as_array().unwrap().len()),
        ("password", 1)
    );
    // The same code again.
    let (mut browser, _) = halfway(&site, "ada").await;
    assert!(browser.post("login", code("abcdefgh")).await.error("code").starts_with("Invalid Token."));
    let fresh = site.totp_code(0);
    assert!(browser.post("login", code(&fresh)).await.is_done());
    let (mut browser, _) = halfway(&site, "ada").await;
    assert!(browser.post("login", code(&fresh)).await.error("code").starts_with("Invalid Token."));
    assert_eq!(site.core.metrics.failed_logins.get(), 3);
}

#[tokio::test]
async fn codes_of_others_and_of_devices_that_do_not_count_are_wrong() {
    let site = Site::new().await;
    usual(&site, json!({"device_classes": ["totp", "webauthn"]})).await;
    let (ada, grace) = (site.person("ada", "pw").await, site.person("grace", "pw").await);
    site.codes(grace, &["graces"]).await;
    site.codes(ada, &["adas"]).await;
    site.totp(grace, |d| d.confirmed = false).await;
    let (_, seen) = halfway(&site, "grace").await;
    assert!(seen.is_denied(), "an unconfirmed app and codes of another class: {seen:?}");
    site.passkey(ada, |_| {}).await;
    let (mut browser, seen) = halfway(&site, "ada").await;
    assert_eq!(seen.json()["device_challenges"].as_array().unwrap().len(), 1);
    for wrong in ["adas", "graces", &site.totp_code(0)] {
        assert!(browser.post("login", code(wrong)).await.error("code").starts_with("Invalid Token."));
    }
    for wrong in [json!([]), json!({}), json!(1.5), json!(true)] {
        assert!(
            browser.post("login", json!({"component": VALIDATE, "code": wrong})).await.error("code").len()
                > 5
        );
    }
    for wrong in [
        json!("x"),
        json!({"device_class": "totp", "device_uid": "1"}),
        json!({"device_class": "bogus"}),
        json!([]),
        json!({"device_uid": 7}),
    ] {
        let sent = json!({"component": VALIDATE, "selected_challenge": wrong});
        assert_eq!(
            browser.post("login", sent).await.error("selected_challenge"),
            "Invalid challenge selected."
        );
    }
    for wrong in [json!(1), json!("x"), json!(-1), json!(null)] {
        let seen = browser
            .post("login", json!({"component": VALIDATE, "duo": wrong, "selected_stage": Uuid::from_u128(3)}))
            .await;
        assert!(seen.json().get("response_errors").is_some());
    }
    assert!(browser.who().await.is_none());
}

/// A hundred wrong codes at the same moment: as many are judged as a minute allows. Then waiting helps, and a
/// right code starts the count anew.
#[tokio::test]
async fn parallel_guesses_do_not_get_more_tries() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    let ada = site.person("ada", "pw").await;
    site.totp(ada, |_| {}).await;
    let mut browsers = Vec::new();
    for _ in 0..20 {
        browsers.push(halfway(&site, "ada").await.0);
    }
    let before = site.core.metrics.failed_logins.get();
    let mut judged = 0;
    let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = usize> + '_>>> = Vec::new();
    for browser in &mut browsers {
        tasks.push(Box::pin(async move {
            let mut judged = 0;
            for _ in 0..5 {
                let seen = browser.post("login", code("000000")).await;
                match seen.json()["response_errors"]["code"][0]["code"].as_str().unwrap() {
                    "invalid" => judged += 1,
                    other => assert_eq!(other, "throttled"),
                }
            }
            judged
        }));
    }
    for each in together(tasks).await {
        judged += each;
    }
    assert_eq!((judged, site.core.metrics.failed_logins.get() - before), (5, 5));
    let browser = &mut browsers[0];
    assert!(
        browser
            .post("login", code(&site.totp_code(0)))
            .await
            .error("code")
            .starts_with("Too many wrong codes."),
        "a right code is not judged either"
    );
    site.clock.advance_secs(60);
    assert!(browser.post("login", code(&site.totp_code(0))).await.is_done());
    site.clock.advance_secs(60);
    let (mut browser, _) = halfway(&site, "ada").await;
    for _ in 0..5 {
        assert!(browser.post("login", code("000000")).await.error("code").starts_with("Invalid Token."));
    }
}
/// Drives futures that borrow, all at once.
async fn together<T>(mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut done = Vec::new();
    std::future::poll_fn(|cx| {
        tasks.retain_mut(|task| match task.as_mut().poll(cx) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn a_passkey_answers_its_own_challenge_once() {
    let site = Site::new().await;
    usual(&site, json!({"webauthn_hints": ["security-key"]})).await;
    let (ada, grace) = (site.person("ada", "pw").await, site.person("grace", "pw").await);
    let (mut own, id) = site.passkey(ada, |_| {}).await;
    let (mut foreign, _) = site.passkey(grace, |_| {}).await;
    let (mut browser, seen) = halfway(&site, "ada").await;
    let options = of_class(seen.json(), "webauthn").clone();
    assert_eq!(
        options["allowCredentials"],
        json!([{"id": b64(&own.id), "type": "public-key", "transports": ["internal"]}])
    );
    assert_eq!(
        (&options["rpId"], &options["hints"], &options["userVerification"]),
        (&json!("id.example.test"), &json!(["security-key"]), &json!("preferred"))
    );
    // Reloading shows the same challenge; any answer uses it up.
    let again = browser.get("login").await;
    assert_eq!(of_class(again.json(), "webauthn")["challenge"], options["challenge"]);
    let mut open = options.clone();
    let lies = [
        ResponseOverrides { origin: Some("https://evil.test".into()), ..ResponseOverrides::default() },
        ResponseOverrides {
            origin: Some("https://id.example.test:444".into()),
            ..ResponseOverrides::default()
        },
        ResponseOverrides { rp_id: Some("evil.test".into()), ..ResponseOverrides::default() },
        ResponseOverrides { kind: Some("webauthn.create".into()), ..ResponseOverrides::default() },
        ResponseOverrides { challenge: Some(vec![1; 32]), ..ResponseOverrides::default() },
        ResponseOverrides { cross_origin: true, ..ResponseOverrides::default() },
        ResponseOverrides { flags: Some(0), ..ResponseOverrides::default() },
    ];
    for lie in lies {
        let seen = browser.post("login", key(own.get(&open, ORIGIN, &lie).unwrap())).await;
        assert_eq!(seen.error("webauthn"), "Assertion failed");
        let next = of_class(seen.json(), "webauthn").clone();
        assert_ne!(next["challenge"], open["challenge"]);
        let seen =
            browser.post("login", key(own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap())).await;
        assert_eq!(seen.error("webauthn"), "Assertion failed", "the challenge before");
        open = of_class(seen.json(), "webauthn").clone();
    }
    let seen =
        browser.post("login", key(foreign.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap())).await;
    assert_eq!(seen.error("webauthn"), "Invalid device");
    let open = of_class(seen.json(), "webauthn").clone();
    // The challenge of another session.
    let (mut other, seen) = halfway(&site, "ada").await;
    let theirs = of_class(seen.json(), "webauthn").clone();
    let answer = own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap();
    assert_eq!(other.post("login", key(answer)).await.error("webauthn"), "Assertion failed");
    let answer = own.get(&theirs, ORIGIN, &ResponseOverrides::default()).unwrap();
    assert_eq!(
        other.post("login", key(answer)).await.error("webauthn"),
        "Assertion failed",
        "used up by the try before"
    );
    let answer = own.get(&open, ORIGIN, &ResponseOverrides::default()).unwrap();
    assert!(browser.post("login", key(answer.clone())).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
    assert!(site.device(DeviceKind::Webauthn, id).await.last_used.is_some());
    let (mut browser, _) = halfway(&site, "ada").await;
    assert_eq!(
        browser.post("login", key(answer)).await.error("webauthn"),
        "Assertion failed",
        "the answer of an earlier sign-in"
    );
    for junk in [json!({}), json!({"rawId": "x"}), json!({"rawId": "AQ", "response": {}})] {
        assert!(browser.post("login", key(junk)).await.json().get("response_errors").is_some());
    }
    assert_eq!(
        browser.post("login", json!({"component": VALIDATE, "webauthn": "junk"})).await.error("webauthn"),
        "Value must be valid JSON."
    );
}

#[tokio::test]
async fn a_challenge_ends_with_its_time() {
    let site = Site::new().await;
    usual(&site, json!({})).await;
    let ada = site.person("ada", "pw").await;
    let (mut own, _) = site.passkey(ada, |_| {}).await;
    let (mut browser, seen) = halfway(&site, "ada").await;
    let options = of_class(seen.json(), "webauthn").clone();
    site.clock.advance_secs(31 * 60);
    let seen =
        browser.post("login", key(own.get(&options, ORIGIN, &ResponseOverrides::default()).unwrap())).await;
    assert_eq!(seen.error("webauthn"), "Assertion failed");
}

#[tokio::test]
async fn a_copied_key_is_noticed_and_verification_can_be_required() {
    let site = Site::new().await;
    usual(&site, json!({"webauthn_user_verification": "required"})).await;
    let ada = site.person("ada", "pw").await;
    let (mut own, id) = site.passkey(ada, |_| {}).await;
    let (mut browser, seen) = halfway(&site, "ada").await;
    let options = of_class(seen.json(), "webauthn").clone();
    let touched = ResponseOverrides { flags: Some(0x01), ..ResponseOverrides::default() };
    let seen = browser.post("login", key(own.get(&options, ORIGIN, &touched).unwrap())).await;
    assert_eq!(seen.error("webauthn"), "Assertion failed");
    let options = of_class(seen.json(), "webauthn").clone();
    own.counter = Some(10);
    assert!(
        browser
            .post("login", key(own.get(&options, ORIGIN, &ResponseOverrides::default()).unwrap()))
            .await
            .is_done()
    );
    assert_eq!(site.device(DeviceKind::Webauthn, id).await.counter, 11);
    own.counter = Some(5);
    let (mut browser, seen) = halfway(&site, "ada").await;
    let options = of_class(seen.json(), "webauthn").clone();
    let seen =
        browser.post("login", key(own.get(&options, ORIGIN, &ResponseOverrides::default()).unwrap())).await;
    assert_eq!(seen.error("webauthn"), "Assertion failed");
    assert!(browser.who().await.is_none());
}

#[tokio::test]
async fn models_that_are_not_allowed_do_not_count() {
    let site = Site::new().await;
    let model = Uuid::from_u128(77);
    usual(&site, json!({"webauthn_allowed_device_types": [model], "device_classes": ["webauthn"]})).await;
    let (ada, grace) = (site.person("ada", "pw").await, site.person("grace", "pw").await);
    site.passkey(ada, |_| {}).await;
    assert!(halfway(&site, "ada").await.1.is_denied());
    let (mut other, _) = site.passkey(ada, |_| {}).await;
    let (mut allowed, _) = site.passkey(grace, |d| drop(d.data.insert("aaguid".into(), json!(model)))).await;
    let (mut browser, seen) = halfway(&site, "grace").await;
    let options = of_class(seen.json(), "webauthn").clone();
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);
    assert!(other.get(&options, ORIGIN, &ResponseOverrides::default()).is_some());
    assert!(
        browser
            .post("login", key(allowed.get(&options, ORIGIN, &ResponseOverrides::default()).unwrap()))
            .await
            .is_done()
    );
}

/// `last_auth_threshold`: this browser, this person, this stage, this device, for this time.
#[tokio::test]
async fn a_second_factor_is_remembered_where_and_as_long_as_the_stage_says() {
    let site = Site::new().await;
    let mfa = usual(&site, json!({"last_auth_threshold": "minutes=10"})).await;
    let (ada, grace) = (site.person("ada", "pw").await, site.person("grace", "pw").await);
    let app = site.totp(ada, |_| {}).await;
    site.totp(grace, |_| {}).await;
    let (mut browser, _) = halfway(&site, "ada").await;
    assert!(browser.post("login", code(&site.totp_code(0))).await.is_done());
    let cookie = browser.mfa.clone();
    assert!(cookie.len() > 100 && cookie.len() < 512);
    let tries = |who: &'static str, cookie: String| {
        let site = &site;
        async move {
            let mut browser = site.browser();
            browser.mfa = cookie;
            browser.get("login").await;
            browser.post("login", json!({"component": "ak-stage-identification", "uid_field": who})).await;
            browser.post("login", json!({"component": "ak-stage-password", "password": "pw"})).await
        }
    };
    assert!(tries("ada", cookie.clone()).await.is_done());
    assert_eq!(tries("grace", cookie.clone()).await.component(), VALIDATE, "another person");
    assert_eq!(tries("ada", String::new()).await.component(), VALIDATE, "another browser");
    let mut forged = cookie.clone();
    forged.replace_range(4..5, if &cookie[4..5] == "A" { "B" } else { "A" });
    for wrong in [forged, "x".into(), ".".into(), format!("{cookie}x")] {
        assert_eq!(tries("ada", wrong).await.component(), VALIDATE);
    }
    // Another stage of the same kind asks for itself.
    let second = validate(&site, json!({"name": "second", "last_auth_threshold": "minutes=10"})).await;
    assert_ne!(second, mfa);
    site.flow("other", "authentication", &[site.make(IdentificationStage::DEF, json!({"name": "i2", "user_fields": ["username"], "password_stage": site.make(PasswordStage::DEF, json!({"name": "p2", "backends": ["authentik.core.auth.InbuiltBackend"]})).await})).await, second]).await;
    let mut browser = site.browser();
    browser.mfa = cookie.clone();
    browser.get("other").await;
    assert_eq!(
        browser
            .post(
                "other",
                json!({"component": "ak-stage-identification", "uid_field": "ada", "password": "pw"})
            )
            .await
            .component(),
        VALIDATE
    );
    site.clock.advance_secs(600);
    assert_eq!(tries("ada", cookie.clone()).await.component(), VALIDATE, "too late");
    site.clock.advance_secs(-600);
    devices::delete(&site.core.db, app).await.unwrap();
    site.totp(ada, |_| {}).await;
    assert_eq!(tries("ada", cookie).await.component(), VALIDATE, "the device is gone");
}

#[tokio::test]
async fn people_without_a_device_are_let_through_refused_or_led_to_one() {
    let site = Site::new().await;
    let codes = site.make(AuthenticatorStaticStage::DEF, json!({"name": "codes"})).await;
    let passkeys = site.make(AuthenticatorWebAuthnStage::DEF, json!({"name": "passkeys"})).await;
    let (first, secret, last) =
        (identification(&site, json!({})).await, password(&site).await, login(&site).await);
    for (slug, extra) in [
        ("skip", json!({"not_configured_action": "skip"})),
        ("deny", json!({"not_configured_action": "deny"})),
        ("one", json!({"not_configured_action": "configure", "configuration_stages": [codes]})),
        ("many", json!({"not_configured_action": "configure", "configuration_stages": [codes, passkeys]})),
    ] {
        let mfa = validate(&site, with(json!({"name": slug}), extra)).await;
        site.flow(slug, "authentication", &[first, secret, mfa, last]).await;
    }
    site.person("ada", "pw").await;
    let to = async |slug: &str| {
        let mut browser = site.browser();
        browser.get(slug).await;
        browser.post(slug, json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
        let seen = browser.post(slug, json!({"component": "ak-stage-password", "password": "pw"})).await;
        (browser, seen)
    };
    assert!(to("skip").await.1.is_done());
    let (mut browser, seen) = to("deny").await;
    assert!(seen.is_denied());
    assert_eq!(browser.post("deny", code("000000")).await.component(), "ak-stage-identification");
    assert_eq!(to("one").await.1.component(), "ak-stage-authenticator-static");
    let (mut browser, seen) = to("many").await;
    assert_eq!(
        (seen.component(), seen.json()["configuration_stages"].as_array().unwrap().len()),
        (VALIDATE, 2)
    );
    assert_eq!(seen.json()["configuration_stages"][0]["name"], json!("codes"));
    for wrong in [
        json!({}),
        code("000000"),
        json!({"component": VALIDATE, "selected_stage": last}),
        json!({"component": VALIDATE, "selected_stage": "x"}),
    ] {
        assert!(!browser.post("many", wrong).await.error("selected_stage").is_empty());
    }
    let seen = browser.post("many", json!({"component": VALIDATE, "selected_stage": passkeys})).await;
    assert_eq!(seen.component(), "ak-stage-authenticator-webauthn");
    assert!(browser.who().await.is_none());
}

/// A name alone must not open the set-up of a device for that account, nor tell who has one.
#[tokio::test]
async fn before_the_proof_nothing_is_set_up_and_nothing_is_told() {
    let site = Site::new().await;
    let passkeys = site.make(AuthenticatorWebAuthnStage::DEF, json!({"name": "passkeys"})).await;
    let (first, last) = (identification(&site, json!({})).await, login(&site).await);
    let configure = validate(
        &site,
        json!({"name": "c", "not_configured_action": "configure", "configuration_stages": [passkeys]}),
    )
    .await;
    let deny = validate(&site, json!({"name": "d"})).await;
    let skip = validate(&site, json!({"name": "s", "not_configured_action": "skip"})).await;
    for (slug, mfa) in [("configure", configure), ("deny", deny), ("skip", skip)] {
        site.flow(slug, "authentication", &[first, mfa, last]).await;
    }
    let (ada, bare, gone) =
        (site.person("ada", "pw").await, site.person("bare", "pw").await, site.person("gone", "pw").await);
    let (mut own, _) = site.passkey(ada, |_| {}).await;
    site.passkey(gone, |_| {}).await;
    deactivate(&site, gone).await;
    for slug in ["configure", "skip"] {
        for who in ["bare", "gone", "nobody"] {
            let mut browser = site.browser();
            browser.get(slug).await;
            let seen =
                browser.post(slug, json!({"component": "ak-stage-identification", "uid_field": who})).await;
            assert!(seen.is_denied(), "{slug} {who} {seen:?}");
        }
    }
    assert!(devices::of_user(&site.core.db, bare, None).await.unwrap().is_empty());
    let mut shapes = Vec::new();
    for who in ["ada", "bare", "gone", "nobody"] {
        let mut browser = site.browser();
        browser.get("deny").await;
        let mut seen = browser
            .post("deny", json!({"component": "ak-stage-identification", "uid_field": who}))
            .await
            .json()
            .clone();
        let options = of_class(&seen, "webauthn").clone();
        let ids = options["allowCredentials"].as_array().unwrap();
        assert!(ids.len() == 1 && ids[0].get("transports").is_none());
        let strange = SoftKey::create(
            &json!({"rp": {"id": "id.example.test"}, "user": {"id": ""}}),
            ORIGIN,
            &ResponseOverrides::default(),
        )
        .unwrap()
        .0
        .get(&options, ORIGIN, &ResponseOverrides::default())
        .unwrap();
        let refusal = browser.post("deny", key(strange)).await;
        assert_eq!(refusal.error("webauthn"), "Invalid device");
        let wrong = browser.post("deny", code("000000")).await;
        for member in ["challenge", "allowCredentials"] {
            seen["device_challenges"][0]["challenge"][member] = Json::Null;
        }
        for member in ["pending_user", "pending_user_avatar"] {
            seen[member] = Json::Null;
        }
        shapes.push((seen, wrong.error("code").to_owned()));
    }
    assert!(shapes.windows(2).all(|w| w[0] == w[1]), "{shapes:#?}");
    // A key that has verified its holder is proof enough; one that was only touched is not.
    for (flags, signs_in) in [(0x05, true), (0x01, false)] {
        let mut browser = site.browser();
        browser.get("deny").await;
        let seen =
            browser.post("deny", json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
        let options = of_class(seen.json(), "webauthn").clone();
        let answer = own
            .get(&options, ORIGIN, &ResponseOverrides { flags: Some(flags), ..ResponseOverrides::default() })
            .unwrap();
        let seen = browser.post("deny", key(answer)).await;
        assert_eq!((seen.is_done(), browser.who().await.is_some()), (signs_in, signs_in));
    }
}

#[tokio::test]
async fn a_restored_plan_asks_for_the_keys_of_its_own_person() {
    let site = Site::new().await;
    let wait = site.make(DummyStage::DEF, json!({"name": "wait"})).await;
    let mfa = validate(&site, json!({})).await;
    site.flow("recover", "recovery", &[wait, mfa, login(&site).await]).await;
    let (ada, eve) = (site.person("ada", "pw").await, site.person("eve", "pw").await);
    site.passkey(ada, |_| {}).await;
    let (mut eves, _) = site.passkey(eve, |_| {}).await;
    site.codes(eve, &["evescode"]).await;
    let mut browser = site.browser();
    let pending =
        PendingUser { id: Some(ada), username: "ada".into(), name: String::new(), email: String::new() };
    browser.seed =
        Some(json!({"is_restored": "token", "pending_user": pending}).as_object().cloned().unwrap());
    browser.get("recover").await;
    let seen = browser.post("recover", json!({"component": "ak-stage-dummy"})).await;
    let options = of_class(seen.json(), "webauthn").clone();
    let answer = eves.get(&options, ORIGIN, &ResponseOverrides::default()).unwrap();
    assert_eq!(browser.post("recover", key(answer)).await.error("webauthn"), "Invalid device");
    assert!(browser.post("recover", code("evescode")).await.error("code").starts_with("Invalid Token."));
    assert!(browser.who().await.is_none());
}

/// A code goes out when its device is chosen, to the person's own device only, and Duo is asked once.
#[tokio::test]
async fn messages_leave_when_they_are_chosen_and_pushes_wait_for_their_answer() {
    let site = Site::new().await;
    usual(&site, json!({"device_classes": ["email", "sms", "duo"]})).await;
    let mail = site.make(AuthenticatorEmailStage::DEF, json!({"name": "mail"})).await;
    let sms =
        site.make(AuthenticatorSMSStage::DEF, json!({"name": "sms", "provider": "generic", "from_number": "+1", "account_sid": "https://sms.example.test/", "auth": "a"})).await;
    let duo = site.make(AuthenticatorDuoStage::DEF, json!({"name": "duo", "client_id": "DI", "client_secret": "s", "api_hostname": "api.example.test"})).await;
    let (ada, eve) = (site.person("ada", "pw").await, site.person("eve", "pw").await);
    let add = async |user: i64, kind: DeviceKind, data: Json| {
        let mut device = devices::Device::new(&site.core.ports, kind, user, kind.as_str());
        device.data = data.as_object().cloned().unwrap();
        devices::insert(&site.core.db, &device).await.unwrap()
    };
    let by_mail = add(ada, DeviceKind::Email, json!({"email": "ada@example.test", "stage": mail})).await;
    let by_sms = add(ada, DeviceKind::Sms, json!({"phone_number": "+41791234567", "stage": sms})).await;
    add(ada, DeviceKind::Sms, json!({"phone_number": "hash:abc", "stage": sms})).await;
    let push = add(ada, DeviceKind::Duo, json!({"duo_user_id": "DU1", "stage": duo})).await;
    let foreign = add(eve, DeviceKind::Email, json!({"email": "eve@example.test", "stage": mail})).await;
    let foreign_push = add(eve, DeviceKind::Duo, json!({"duo_user_id": "DU2", "stage": duo})).await;
    let (mut browser, seen) = halfway(&site, "ada").await;
    assert_eq!(
        (of_class(seen.json(), "email"), of_class(seen.json(), "sms")),
        (&json!({"email": "a***@e***.test"}), &json!({"phone_number": "+41…67"}))
    );
    assert!(site.mail.take().is_empty(), "nothing leaves before it is chosen");
    let choose = |class: &str, id: i64| json!({"component": VALIDATE, "selected_challenge": {"device_class": class, "device_uid": id.to_string()}});
    for wrong in [choose("email", foreign), choose("sms", by_mail), choose("email", 0)] {
        assert_eq!(
            browser.post("login", wrong).await.error("selected_challenge"),
            "Invalid challenge selected."
        );
    }
    assert!(site.mail.take().is_empty());
    let digits =
        |text: &str| text.split(|c: char| !c.is_ascii_digit()).find(|w| w.len() == 6).unwrap().to_owned();
    assert!(browser.post("login", choose("email", by_mail)).await.json().get("response_errors").is_none());
    let first = digits(&site.mail.take()[0].text);
    browser.post("login", choose("email", by_mail)).await;
    let second = digits(&site.mail.take()[0].text);
    assert!(
        browser.post("login", code(&first)).await.error("code").starts_with("Invalid Token."),
        "only the last code counts"
    );
    assert!(browser.post("login", code(&second)).await.is_done());
    // By SMS, first without a server that answers.
    let (mut browser, _) = halfway(&site, "ada").await;
    assert_eq!(
        browser.post("login", choose("sms", by_sms)).await.error("selected_challenge"),
        "The message could not be sent. Try again later."
    );
    site.http.requests();
    site.http.answer(200, "{}");
    browser.post("login", choose("sms", by_sms)).await;
    let sent: Json = serde_json::from_slice(&site.http.requests()[0].body).unwrap();
    assert_eq!(sent["To"], json!("+41791234567"));
    assert!(
        browser
            .post(
                "login",
                code(&digits(sent["Body"].as_str().unwrap_or(sent["Message"].as_str().unwrap_or_default())))
            )
            .await
            .is_done()
    );
    // Duo.
    let (mut browser, _) = halfway(&site, "ada").await;
    let ask = |id: i64| json!({"component": VALIDATE, "duo": id});
    assert_eq!(browser.post("login", ask(foreign_push)).await.error("duo"), "Invalid device");
    assert_eq!(browser.post("login", ask(by_mail)).await.error("duo"), "Invalid device");
    assert_eq!(browser.post("login", ask(push)).await.error("duo"), "Duo does not answer. Try again later.");
    site.http.answer(200, r#"{"stat": "OK", "response": {"result": "deny", "status": "deny"}}"#);
    assert!(browser.post("login", ask(push)).await.error("duo").starts_with("Duo denied"));
    assert!(browser.who().await.is_none());
    site.http.answer(200, r#"{"stat": "OK", "response": {"result": "allow", "status": "allow"}}"#);
    assert!(browser.post("login", ask(push)).await.is_done());
    // Nobody is flooded.
    let (mut browser, _) = halfway(&site, "eve").await;
    let mut left = 0;
    for _ in 0..12 {
        left += usize::from(
            browser.post("login", choose("email", foreign)).await.json().get("response_errors").is_none(),
        );
    }
    assert!((1..=5).contains(&left) && site.mail.take().len() == left);
}
