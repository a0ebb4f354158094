//! What arrives: text messages at a service, requests of expressions, letters.
use super::Fixture;
use super::flows::{events, flow, made};
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::{Json, json};
use signet_store::DbKind;
use signet_testkit::{App, Browser, HttpSink, MailSink, Setup, each_database};
use std::time::Duration;

const PASSWORD: &str = "a long password of Ada";
const NUMBER: &str = "+15550100199";

/// A flow that sets up text messages by a stage with these settings.
async fn messages(admin: &mut Browser, name: &str, settings: Json) {
    let mut stage = json!({"name": name, "provider": "generic", "from_number": "+1555", "auth": "user", "auth_password": "pass"});
    stage.as_object_mut().unwrap().extend(settings.as_object().cloned().unwrap_or_default());
    let stage = made(admin, "stages/authenticator/sms", stage).await;
    flow(admin, name, "stage_configuration", &[&stage]).await;
}
async fn mapping(admin: &mut Browser, name: &str, expression: &str) -> Json {
    let sent = json!({"name": name, "expression": expression});
    made(admin, "propertymappings/notification", sent).await["pk"].clone()
}
/// Asks for a message to the number.
async fn asked(person: &mut Browser, name: &str) -> Json {
    person.challenge(name, "").await;
    let answer = json!({"component": "ak-stage-authenticator-sms", "phone_number": NUMBER});
    person.answer(name, "", answer).await
}
async fn devices(admin: &mut Browser) -> usize {
    admin.get("/api/v3/authenticators/admin/sms/").await.json()["results"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn field_24_the_message_that_a_mapping_makes_arrives_and_a_failure_is_told() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, .. } = super::fixture(kind).await;
        app.user("lovelace", PASSWORD).await;
        let mut person = app.login("lovelace", PASSWORD).await;
        let service = HttpSink::start().await;
        let url = format!("{}/send?to=all", service.url);
        let mut sent = 0;
        for (name, text, auth) in [
            ("mapped", Some("return {'from': stage.from_number, 'to': device.phone_number, 'body': f'{token}', 'stage': stage.name, 'same': {True: 1}[device.token == token]}"), "basic"),
            ("plain", None, "bearer"),
        ] {
            let mut settings = json!({"account_sid": url, "auth_type": auth});
            if let Some(text) = text {
                settings["mapping"] = mapping(&mut admin, name, text).await;
            }
            messages(&mut admin, name, settings).await;
            let step = asked(&mut person, name).await;
            assert!(step["response_errors"].is_null(), "{step}");
            let got = service.next().await.expect("a message");
            let body = got.json();
            assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/send?to=all"));
            assert_eq!(got.header("content-type"), "application/json");
            let code = match text {
                Some(_) => {
                    assert_eq!(got.header("authorization"), format!("Basic {}", STANDARD.encode("user:pass")));
                    let code = body["body"].as_str().unwrap().to_owned();
                    assert_eq!(body, json!({"from": "+1555", "to": NUMBER, "body": code, "stage": name, "same": 1}));
                    code
                }
                None => {
                    assert_eq!(got.header("authorization"), "Bearer user");
                    assert_eq!((&body["From"], &body["To"]), (&json!("+1555"), &json!(NUMBER)));
                    assert_eq!(body["Body"], body["Message"]);
                    body["Body"].as_str().unwrap().split(' ').next().unwrap().to_owned()
                }
            };
            // Another code is refused, the one that arrived counts.
            let wrong = if code == "123456" { "654321" } else { "123456" };
            let answer = |code: &str| json!({"component": "ak-stage-authenticator-sms", "code": code});
            let step = person.answer(name, "", answer(wrong)).await;
            assert_eq!(step["component"], "ak-stage-authenticator-sms", "{step}");
            assert_eq!(devices(&mut admin).await, sent);
            let step = person.answer(name, "", answer(&code)).await;
            assert_eq!(step["component"], "xak-flow-redirect", "{step}");
            sent += 1;
            assert_eq!(devices(&mut admin).await, sent);
        }
        assert!(events(&mut admin, "property_mapping_exception").await.is_empty());
        // A mapping that fails sends nothing, and administrators are told.
        let failing = mapping(&mut admin, "fails", "return {'body': stage.nothing_like_this}").await;
        messages(&mut admin, "fails", json!({"account_sid": url, "mapping": failing})).await;
        let step = asked(&mut person, "fails").await;
        assert!(!step["response_errors"].is_null(), "{step}");
        assert!(service.take().is_empty());
        let told = events(&mut admin, "property_mapping_exception").await;
        assert!(told[0]["context"]["message"].as_str().unwrap().contains("nothing_like_this"), "{told:?}");
        // A service that refuses, and one that is not there.
        service.answer(500);
        messages(&mut admin, "refused", json!({"account_sid": url})).await;
        messages(&mut admin, "gone", json!({"account_sid": "http://127.0.0.1:9/"})).await;
        for (name, arrived) in [("refused", 1), ("gone", 0)] {
            let step = asked(&mut person, name).await;
            assert!(!step["response_errors"].is_null(), "{name}: {step}");
            assert_eq!(service.take().len(), arrived, "{name}");
        }
        assert_eq!(devices(&mut admin).await, sent);
        app.stop().await;
    })
    .await;
}

/// What a policy that reports to a web address says, for hosts that are open to expressions.
async fn reported(kind: DbKind, open: Option<&str>, url: &str) -> String {
    let mut setup = Setup::new(kind).await;
    if let Some(open) = open {
        setup = setup.with("AUTHENTIK_EXPRESSIONS__ALLOWED_HOSTS", open);
    }
    let app = setup.start().await.unwrap();
    let mut admin = app.admin().await;
    let text = format!(
        "from authentik.core.models import User\nanswer = requests.post('{url}/hook', json={{'user': request.user.username, 'keys': list({{1: 'a', True: 'b'}})}}, headers={{'X-Key': 'k'}}, timeout=5)\nak_message(str(answer.status_code))\nreturn answer.ok and answer.json() == {{}}"
    );
    let policy = made(&mut admin, "policies/expression", json!({"name": "hook", "expression": text})).await;
    let target = made(&mut admin, "core/applications", json!({"name": "a", "slug": "a"})).await;
    made(
        &mut admin,
        "policies/bindings",
        json!({"target": target["pk"], "policy": policy["pk"], "order": 0}),
    )
    .await;
    let ada = app.user("lovelace", PASSWORD).await;
    let path = format!("/api/v3/core/applications/a/check_access/?for_user={}", ada.id);
    let answer = admin.get(&path).await.json().to_string();
    let told: Vec<Json> = events(&mut admin, "policy_exception")
        .await
        .iter()
        .map(|e| e["context"]["message"].clone())
        .collect();
    app.stop().await;
    format!("{answer} {}", Json::from(told))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_an_expression_arrives_where_the_host_is_open() {
    each_database(|kind| async move {
        let service = HttpSink::start().await;
        let said = reported(kind, Some("127.0.0.1"), &service.url).await;
        assert!(said.contains("\"passing\":true"), "{said}");
        let got = service.next().await.expect("a request");
        assert_eq!((got.method.as_str(), got.path.as_str(), got.header("x-key")), ("POST", "/hook", "k"));
        assert_eq!(got.json(), json!({"user": "lovelace", "keys": [1]}));
        // Closed by default; `*` are hosts of the public internet, which this machine is not.
        let said = reported(kind, None, &service.url).await;
        assert!(said.contains("\"passing\":false") && said.contains("EXPRESSIONS__ALLOWED_HOSTS"), "{said}");
        let said = reported(kind, Some("*"), &service.url).await;
        assert!(said.contains("\"passing\":false") && said.contains("not on the public internet"), "{said}");
        assert!(service.take().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_by_mail_arrives_and_counts() {
    each_database(|kind| async move {
        let mails = MailSink::start(Duration::ZERO).await;
        let setup = Setup::new(kind)
            .await
            .with("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
            .with("AUTHENTIK_EMAIL__PORT", &mails.port.to_string());
        let app: App = setup.start().await.unwrap();
        let mut admin = app.admin().await;
        app.user("lovelace", PASSWORD).await;
        let stage = json!({"name": "codes", "use_global_settings": true, "subject": "Your code"});
        let stage = made(&mut admin, "stages/authenticator/email", stage).await;
        flow(&mut admin, "codes", "stage_configuration", &[&stage]).await;
        let mut person = app.login("lovelace", PASSWORD).await;
        let mut step = person.challenge("codes", "").await;
        if step["email_required"] == true {
            let answer = json!({"component": "ak-stage-authenticator-email", "email": "ada@example.test"});
            step = person.answer("codes", "", answer).await;
        }
        assert_eq!(step["component"], "ak-stage-authenticator-email", "{step}");
        let mail = mails.next().await.expect("a letter");
        assert!(mail.contains("Subject: Your code"), "{mail}");
        // Headers have numbers as well.
        let code = mail
            .split("class=\"code\"")
            .nth(1)
            .and_then(|rest| rest.split(['>', '<']).nth(1))
            .expect(&mail)
            .to_owned();
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{mail}");
        let answer = json!({"component": "ak-stage-authenticator-email", "code": code});
        let step = person.answer("codes", "", answer).await;
        assert_eq!(step["component"], "xak-flow-redirect", "{step}");
        app.stop().await;
    })
    .await;
}
