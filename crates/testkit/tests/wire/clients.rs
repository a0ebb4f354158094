//! Requests as clients and scripts send them.
use signet_base::{Json, json};
use signet_testkit::{App, DbKind, each_database};

#[tokio::test]
async fn wire_w2_every_list_of_types_has_the_members_of_its_component() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    for path in [
        "stages/all/types",
        "policies/all/types",
        "providers/all/types",
        "propertymappings/all/types",
        "sources/all/types",
        "events/events/actions",
        "stages/email/templates",
    ] {
        let answer = admin.get(&format!("/api/v3/{path}/")).await;
        assert_eq!(answer.status, 200, "{path}");
        for row in answer.json().as_array().unwrap() {
            for member in ["name", "description", "component", "model_name"] {
                assert!(row[member].is_string(), "{path}: {member}: {row}");
            }
            for member in ["requires_enterprise", "deprecated"] {
                assert!(row[member].is_boolean(), "{path}: {member}: {row}");
            }
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn wire_w3_w4_events_name_brand_person_and_stage() {
    let app = App::start(DbKind::Sqlite).await;
    let ada = app.user("ada", "Correct-Horse-9").await;
    let mut browser = app.browser();
    browser.challenge("default-authentication-flow", "").await;
    browser
        .answer(
            "default-authentication-flow",
            "",
            json!({"component": "ak-stage-identification", "uid_field": "ada"}),
        )
        .await;
    browser
        .answer(
            "default-authentication-flow",
            "",
            json!({"component": "ak-stage-password", "password": "wrong"}),
        )
        .await;
    let mut admin = app.admin().await;
    let mut event = Json::Null;
    for _ in 0..100 {
        event = admin.get("/api/v3/events/events/?action=login_failed").await.json()["results"][0].clone();
        if event.is_object() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(event["user"]["pk"], json!(ada.id), "{event}");
    let stage = &event["context"]["stage"];
    assert_eq!(
        (&stage["app"], &stage["model_name"], &stage["name"]),
        (
            &json!("authentik_stages_password"),
            &json!("passwordstage"),
            &json!("default-authentication-password")
        )
    );
    assert!(stage["pk"].is_string());
    let brand = &event["brand"];
    assert_eq!(
        (&brand["app"], &brand["model_name"], &brand["name"]),
        (&json!("authentik_brands"), &json!("brand"), &json!("Default brand")),
        "{event}"
    );
    assert!(brand["pk"].as_str().unwrap().len() == 32);
    app.stop().await;
}

#[tokio::test]
async fn wire_w10_a_choice_that_fits_no_device_says_so() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let made = |answer: signet_testkit::TestResponse| {
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let ident = made(
        admin
            .post(
                "/api/v3/stages/identification/",
                json!({"name": "w10-i", "user_fields": ["username"], "pretend_user_exists": true}),
            )
            .await,
    );
    let check = made(admin.post("/api/v3/stages/authenticator/validate/", json!({"name": "w10-v", "device_classes": ["webauthn", "totp"], "not_configured_action": "deny"})).await);
    let flow = made(
        admin
            .post(
                "/api/v3/flows/instances/",
                json!({"name": "w10", "slug": "w10", "title": "w10", "designation": "authentication"}),
            )
            .await,
    );
    for (order, stage) in [ident, check].iter().enumerate() {
        made(
            admin
                .post(
                    "/api/v3/flows/bindings/",
                    json!({"target": flow["pk"], "stage": stage["pk"], "order": order}),
                )
                .await,
        );
    }
    let mut browser = app.browser();
    browser.challenge("w10", "").await;
    let shown = browser
        .answer("w10", "", json!({"component": "ak-stage-identification", "uid_field": "nobody"}))
        .await;
    assert_eq!(shown["component"], "ak-stage-authenticator-validate", "{shown}");
    for (choice, taken) in [
        (json!({"device_class": "totp", "device_uid": "7"}), false),
        (json!({"device_class": "webauthn", "device_uid": "4711"}), false),
        (json!({"device_class": "nonsense"}), false),
        (json!({"device_class": "webauthn", "device_uid": "-1"}), true),
    ] {
        let seen = browser
            .answer(
                "w10",
                "",
                json!({"component": "ak-stage-authenticator-validate", "selected_challenge": choice}),
            )
            .await;
        assert_eq!(seen["response_errors"]["selected_challenge"].is_array(), !taken, "{choice}: {seen}");
    }
    app.stop().await;
}

#[tokio::test]
async fn wire_w24_duo_hosts_may_have_a_scheme_and_read_back_as_written() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    for (n, host) in
        ["api-1.duosecurity.com", "https://api-1.duosecurity.com", "https://api-1.duosecurity.com/"]
            .iter()
            .enumerate()
    {
        let body =
            json!({"name": format!("duo-{n}"), "client_id": "c", "client_secret": "s", "api_hostname": host});
        let answer = admin.post("/api/v3/stages/authenticator/duo/", body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["api_hostname"]),
            (201, &json!(host)),
            "{}",
            answer.text()
        );
    }
    for host in ["", "a b", "https://", "evil.test/path?", "user@evil.test"] {
        let answer = admin
            .post(
                "/api/v3/stages/authenticator/duo/",
                json!({"name": "duo-x", "client_id": "c", "client_secret": "s", "api_hostname": host}),
            )
            .await;
        assert_eq!(answer.status, 400, "{host}");
    }
    app.stop().await;
}

#[tokio::test]
async fn wire_w28_sentences_that_clients_match() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let missing = "00000000-0000-4000-8000-000000000000";
    for (path, class) in [
        ("stages/user_write", "UserWriteStage"),
        ("stages/authenticator/totp", "AuthenticatorTOTPStage"),
        ("stages/all", "Stage"),
        ("policies/event_matcher", "EventMatcherPolicy"),
        ("propertymappings/provider/scope", "ScopeMapping"),
        ("propertymappings/all", "PropertyMapping"),
        ("crypto/certificatekeypairs", "CertificateKeyPair"),
        ("flows/bindings", "FlowStageBinding"),
        ("core/groups", "Group"),
    ] {
        let answer = admin.get(&format!("/api/v3/{path}/{missing}/")).await;
        assert_eq!(answer.json()["detail"], format!("No {class} matches the given query."), "{path}");
    }
    for (path, body, field, said) in [
        ("stages/dummy", json!({"name": "twice"}), "name", "stage with this name already exists."),
        (
            "policies/dummy",
            json!({"name": "twice", "wait_min": 1, "wait_max": 2}),
            "name",
            "Policy with this name already exists.",
        ),
        (
            "propertymappings/provider/scope",
            json!({"name": "twice", "scope_name": "x", "expression": "return {}"}),
            "name",
            "Property Mapping with this name already exists.",
        ),
        (
            "flows/instances",
            json!({"name": "t", "slug": "twice", "title": "t", "designation": "authentication"}),
            "slug",
            "Flow with this slug already exists.",
        ),
        ("core/groups", json!({"name": "twice"}), "name", "Group with this name already exists."),
    ] {
        assert_eq!(admin.post(&format!("/api/v3/{path}/"), body.clone()).await.status, 201, "{path}");
        assert_eq!(
            admin.post(&format!("/api/v3/{path}/"), body).await.json()[field],
            json!([said]),
            "{path}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn field_32_fields_of_one_order_stand_as_the_stage_lists_them() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let mut prompts = Vec::new();
        for (name, key, type_) in [("z", "username", "username"), ("a", "password", "password"), ("m", "name", "text")] {
            let made =
                admin.post("/api/v3/stages/prompt/prompts/", json!({"name": name, "field_key": key, "label": key, "type": type_, "required": true, "order": 0})).await.json();
            prompts.push(made["pk"].clone());
        }
        let stage = admin.post("/api/v3/stages/prompt/stages/", json!({"name": "f32", "fields": prompts})).await.json();
        let flow = admin.post("/api/v3/flows/instances/", json!({"name": "f32", "slug": "f32", "title": "f", "designation": "enrollment"})).await.json();
        admin.post("/api/v3/flows/bindings/", json!({"target": flow["pk"], "stage": stage["pk"], "order": 0})).await;
        let shown = app.browser().challenge("f32", "").await;
        let keys: Vec<&str> = shown["fields"].as_array().unwrap().iter().map(|f| f["field_key"].as_str().unwrap()).collect();
        assert_eq!(keys, ["username", "password", "name"]);
        // Bindings of one order: the older goes first.
        let flow = admin.post("/api/v3/flows/instances/", json!({"name": "f32-b", "slug": "f32-b", "title": "f", "designation": "authentication"})).await.json();
        for n in 0..5 {
            app.clock.advance_secs(1);
            let stage = admin.post("/api/v3/stages/deny/", json!({"name": format!("f32-{n}"), "deny_message": format!("no {n}")})).await.json();
            admin.post("/api/v3/flows/bindings/", json!({"target": flow["pk"], "stage": stage["pk"], "order": 7})).await;
        }
        let shown = app.browser().challenge("f32-b", "").await;
        assert_eq!(shown["error_message"], "no 0", "{shown}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn field_33_parameters_in_the_query_as_older_clients_send_them() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let ada = app.user("ada", "Correct-Horse-9").await;
    admin.patch(&format!("/api/v3/core/users/{}/", ada.id), json!({"email": "ada@corp.test"})).await;
    let stage =
        admin.post("/api/v3/stages/email/", json!({"name": "f33", "use_global_settings": true})).await.json();
    let pk = stage["pk"].as_str().unwrap().to_owned();
    let flow = admin
        .post(
            "/api/v3/flows/instances/",
            json!({"name": "f33", "slug": "f33", "title": "f", "designation": "recovery"}),
        )
        .await
        .json()["pk"]
        .clone();
    admin.post("/api/v3/flows/bindings/", json!({"target": flow, "stage": pk, "order": 0})).await;
    let brand = admin.get("/api/v3/core/brands/").await.json()["results"][0]["brand_uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        admin.patch(&format!("/api/v3/core/brands/{brand}/"), json!({"flow_recovery": flow})).await.status,
        200
    );
    let path = format!("/api/v3/core/users/{}/recovery_email/", ada.id);
    for (query, body, status) in [
        (format!("?email_stage={pk}"), json!({}), 204),
        (format!("?email_stage={pk}&token_duration=minutes%3D5"), json!({}), 204),
        (String::new(), json!({"email_stage": pk}), 204),
        (String::new(), json!({}), 400),
        ("?email_stage=nonsense".to_owned(), json!({}), 400),
        (format!("?email_stage={pk}&token_duration=nonsense"), json!({}), 400),
    ] {
        let answer = admin.post(&format!("{path}{query}"), body).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text());
    }
    app.stop().await;
}

/// The guide's scripts: a health check without a credential, and a letter to a new person.
#[tokio::test]
async fn wire_the_guides_scripts_are_answered() {
    let sink = signet_testkit::MailSink::start(std::time::Duration::ZERO).await;
    let setup = signet_testkit::Setup::new(DbKind::Sqlite)
        .await
        .with("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
        .with("AUTHENTIK_EMAIL__PORT", &sink.port.to_string());
    let app = setup.start().await.unwrap();
    assert_eq!(app.browser().get("/api/v3/outposts/").await.status, 200);
    let mut admin = app.admin().await;
    let ada = admin
        .post("/api/v3/core/users/", json!({"username": "ada", "name": "Ada", "email": "ada@corp.test"}))
        .await
        .json();
    let path = "/api/v3/stages/email/send/";
    assert_eq!(admin.post(path, json!({"user": ada["pk"], "template": "welcome"})).await.status, 204);
    let letter = sink.next().await.unwrap();
    assert!(letter.contains("To: ada@corp.test") && letter.contains("Your username is ada"), "{letter}");
    for (body, status) in [
        (json!({"user": 4711, "template": "welcome"}), 404),
        (json!({"template": "welcome"}), 400),
        (json!({"user": ada["pk"]}), 400),
        (json!({"user": ada["pk"], "template": "../welcome"}), 400),
        (json!({"user": "x", "template": "welcome"}), 400),
    ] {
        let answer = admin.post(path, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
    }
    for body in [json!({}), json!({"user": "x", "template": "nope"})] {
        let answer = admin.post(path, body.clone()).await.json();
        assert!(answer["user"].is_array() && answer["template"].is_array(), "each is named: {body} {answer}");
    }
    assert_eq!(app.browser().post(path, json!({"user": ada["pk"], "template": "welcome"})).await.status, 403);
    app.stop().await;
}

/// Clients before 2024.8 and the guide's scripts tell challenges apart by `type`; the contract of today has
/// none.
#[tokio::test]
async fn guide_g07_challenges_have_a_type() {
    let app = App::start(DbKind::Sqlite).await;
    for (agent, kind) in [
        ("Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.19041", json!("native")),
        ("Mozilla/5.0 (Linux; x64) PowerShell/7.4.1", json!("native")),
        ("OpenAPI-Generator/2024.2.2/python", json!("native")),
        ("OpenAPI-Generator/2026.8.5/python", Json::Null),
    ] {
        let path = "/api/v3/flows/executor/default-authentication-flow/?query=";
        let shown = app.browser().send(http::Method::GET, path, &[("user-agent", agent)], "").await.json();
        assert_eq!(
            (&shown["type"], &shown["component"]),
            (&kind, &json!("ak-stage-identification")),
            "{agent}"
        );
    }
    app.stop().await;
}

/// A setting of the stage says how far the clock of an app may be off.
#[tokio::test]
async fn guide_g16_drift_and_g15_allowed_devices_are_settings() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    for (drift, shown) in [(1, Json::Null), (0, json!(0)), (3, json!(3))] {
        let made = admin
            .post(
                "/api/v3/stages/authenticator/totp/",
                json!({"name": format!("drift-{drift}"), "digits": "6", "drift": drift}),
            )
            .await;
        assert_eq!((made.status.as_u16(), &made.json()["drift"]), (201, &shown), "{}", made.text());
    }
    for bad in [-1, 11] {
        assert_eq!(
            admin
                .post("/api/v3/stages/authenticator/totp/", json!({"name": "d", "digits": "6", "drift": bad}))
                .await
                .status,
            400
        );
    }
    let made = admin
        .post(
            "/api/v3/stages/authenticator/webauthn/",
            json!({"name": "w", "allowed_devices": ["usb", "nfc", "ble", "internal"]}),
        )
        .await;
    assert_eq!(
        (made.status.as_u16(), &made.json()["allowed_devices"]),
        (201, &json!(["usb", "nfc", "ble", "internal"])),
        "{}",
        made.text()
    );
    assert_eq!(
        admin
            .post(
                "/api/v3/stages/authenticator/webauthn/",
                json!({"name": "x", "allowed_devices": ["pigeon"]})
            )
            .await
            .status,
        400
    );
    app.stop().await;
}

#[tokio::test]
async fn guide_g06_and_a_body_that_is_wrong_in_several_ways() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let made = admin.post("/api/v3/core/users/", json!({"username": "csv", "first_name": "C", "last_name": "Sv", "groups": ["", " ", "authentik Admins"]})).await;
    assert_eq!(
        (made.status.as_u16(), made.json()["groups"].as_array().map(Vec::len)),
        (201, Some(1)),
        "{}",
        made.text()
    );
    let wrong = admin
        .post(
            "/api/v3/core/users/",
            json!({"username": "csv", "name": "x", "email": "nonsense", "groups": ["nobody"]}),
        )
        .await;
    assert_eq!(wrong.status, 400);
    for field in ["username", "email", "groups"] {
        assert!(wrong.json()[field].is_array(), "{field}: {}", wrong.text());
    }
    app.stop().await;
}

/// A plain person's tokens tell nothing about other people, have an end, and stand in nobody's way.
#[tokio::test]
async fn redteam_25_tokens_of_plain_people() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let ada = app.user("ada", "Correct-Horse-9").await;
        let other = app.user("bob", "Correct-Horse-9").await;
        let mut browser = app.with_token(ada.id).await;
        for (n, user) in [other.id, 4711, ada.id].into_iter().enumerate() {
            let made = browser
                .post(
                    "/api/v3/core/tokens/",
                    json!({"identifier": format!("mine-{n}"), "intent": "api", "user": user}),
                )
                .await;
            assert_eq!(
                (made.status.as_u16(), &made.json()["user"]),
                (201, &json!(ada.id)),
                "{}",
                made.text()
            );
        }
        let refused = browser
            .post(
                "/api/v3/core/tokens/",
                json!({"identifier": "service-account-grafana-password", "intent": "api"}),
            )
            .await;
        assert!(refused.status == 400 && refused.json()["identifier"].is_array(), "{}", refused.text());
        assert_eq!(
            browser
                .patch("/api/v3/core/tokens/mine-0/", json!({"identifier": "Service-Account-x"}))
                .await
                .status,
            400
        );
        // Even one that was there before keeps no account from being made.
        assert_eq!(
            admin
                .post(
                    "/api/v3/core/tokens/",
                    json!({"identifier": "service-account-grafana-password", "intent": "api"})
                )
                .await
                .status,
            201
        );
        let made = admin.post("/api/v3/core/users/service_account/", json!({"name": "grafana"})).await;
        assert_eq!(made.status, 200, "{}", made.text());
        for n in 3..99 {
            assert_eq!(
                browser
                    .post("/api/v3/core/tokens/", json!({"identifier": format!("mine-{n}"), "intent": "api"}))
                    .await
                    .status,
                201,
                "{n}"
            );
        }
        let refused =
            browser.post("/api/v3/core/tokens/", json!({"identifier": "one-more", "intent": "api"})).await;
        assert!(refused.status == 400 && refused.json()["non_field_errors"].is_array(), "{}", refused.text());
        app.stop().await;
    })
    .await;
}

/// The shipped sign-in flow shows what was typed, whoever it belongs to.
#[tokio::test]
async fn redteam_15_the_shipped_flow_names_nobody() {
    let app = App::start(DbKind::Sqlite).await;
    let ada = app.user("JDoe7", "Correct-Horse-9").await;
    app.admin()
        .await
        .patch(
            &format!("/api/v3/core/users/{}/", ada.id),
            json!({"email": "jane.doe@corp.test", "name": "Jane"}),
        )
        .await;
    for typed in ["jane.doe@corp.test", "JDOE7", "nobody@corp.test"] {
        let mut browser = app.browser();
        browser.challenge("default-authentication-flow", "").await;
        let shown = browser
            .answer(
                "default-authentication-flow",
                "",
                json!({"component": "ak-stage-identification", "uid_field": typed}),
            )
            .await;
        assert_eq!(
            (&shown["component"], &shown["pending_user"]),
            (&json!("ak-stage-password"), &json!(typed.to_lowercase())),
            "{shown}"
        );
        assert!(!shown.to_string().contains("JDoe7"), "{shown}");
    }
    // A stage that names the account it found is told of when the server starts.
    let tells = || signet_core::brand::tell_accounts(&app.core.config());
    assert!(tells().is_empty());
    let mut admin = app.admin().await;
    let path = "/api/v3/stages/identification/";
    let list = admin.get(&format!("{path}?name=default-authentication-identification")).await.json();
    let stage = format!("{path}{}/", list["results"][0]["pk"].as_str().unwrap());
    let fields = json!(["email", "username"]);
    for (sent, told) in [
        (json!({"user_fields": fields, "show_matched_user": true}), true),
        (json!({"user_fields": fields, "pretend_user_exists": false}), false),
    ] {
        assert_eq!(admin.patch(&stage, sent).await.status, 200);
        assert_eq!(tells() == ["default-authentication-identification"], told);
    }
    app.stop().await;
}
