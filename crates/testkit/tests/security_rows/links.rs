//! Links by mail and invitations: rows 3, 4, 6 and 23, over HTTP, with a real mail server, on both databases.
use crate::site::{Browser, Site, TestResponse, each_site, each_site_with, password};
use http::{Method, StatusCode};
use signet_base::{Json, Uuid, json, query};
use signet_store::users;
use signet_testkit::MailSink;
use std::time::{Duration, Instant};

/// who → mail → new password → write → sign in, as the recovery flow of the brand.
pub async fn recovery(site: &Site) -> (Uuid, Uuid) {
    let who = json!({"name": "r-who", "user_fields": ["username", "email"], "show_matched_user": false});
    site.create("authentik_stages_identification.identificationstage", who).await;
    let mail = site
        .create(
            "authentik_stages_email.emailstage",
            json!({"name": "r-mail", "use_global_settings": true, "recovery_max_attempts": 100}),
        )
        .await;
    let field = json!({"name": "r-password", "field_key": "password", "label": "P", "type": "password", "required": true});
    let field = site.create("authentik_stages_prompt.prompt", field).await;
    site.create("authentik_stages_prompt.promptstage", json!({"name": "r-form", "fields": [field.pk]})).await;
    site.create(
        "authentik_stages_user_write.userwritestage",
        json!({"name": "r-write", "user_creation_mode": "never_create"}),
    )
    .await;
    site.create("authentik_stages_user_login.userloginstage", json!({"name": "r-login"})).await;
    let flow = site
        .flow_of(
            "recover",
            &[("r-who", None), ("r-mail", None), ("r-form", None), ("r-write", None), ("r-login", None)],
        )
        .await;
    let admin = site.admin().await;
    let brand = admin.get("/api/v3/core/brands/?default=true").await.json()["results"][0]["brand_uuid"]
        .as_str()
        .unwrap()
        .to_owned();
    let set = admin
        .json(Method::PATCH, &format!("/api/v3/core/brands/{brand}/"), &json!({"flow_recovery": flow}))
        .await;
    assert_eq!(set.status, StatusCode::OK, "{}", set.body);
    (flow, mail.pk)
}
fn address(slug: &str, inner: &str) -> String {
    format!("/api/v3/flows/executor/{slug}/?query={}", query::encode(inner))
}
/// A step with the query of the link, and what follows it.
pub async fn go(browser: &Browser, slug: &str, inner: &str, sent: Option<Json>) -> TestResponse {
    let at = address(slug, inner);
    let mut answer = match sent {
        Some(sent) => browser.json(Method::POST, &at, &sent).await,
        None => browser.get(&at).await,
    };
    for _ in 0..20 {
        if answer.status != StatusCode::FOUND {
            break;
        }
        answer = browser.get(&at).await;
    }
    answer
}
pub async fn confirm(browser: &Browser, slug: &str, inner: &str) -> TestResponse {
    let question = go(browser, slug, inner, None).await;
    assert_eq!(question.component(), "ak-stage-consent", "{}", question.body);
    go(
        browser,
        slug,
        inner,
        Some(json!({"component": "ak-stage-consent", "token": question.json()["token"]})),
    )
    .await
}
/// The query of the first link in a text.
pub fn link(text: &str) -> String {
    let at = text.find("/if/flow/").unwrap_or_else(|| panic!("no link in {text}"));
    let url: String =
        text[at..].chars().take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '<')).collect();
    url.split_once('?').unwrap().1.to_owned()
}
const NEW: &str = "a brand new password 7";

#[tokio::test(flavor = "multi_thread")]
async fn row_04_an_administrators_link_stays_with_its_person() {
    each_site(|site| async move {
        recovery(&site).await;
        let (alice, admin) = (site.user("alice", &[]).await, site.admin().await);
        site.user("victim", &[]).await;
        let one = format!("/api/v3/core/users/{alice}/recovery/");
        for (bad, field) in
            [(json!({"token_duration": "soon"}), "token_duration"), (json!({"token_duration": "seconds=0"}), "token_duration"), (json!({"token_duration": 5}), "token_duration")]
        {
            let answer = admin.json(Method::POST, &one, &bad).await;
            assert_eq!((answer.status, answer.json().get(field).is_some()), (StatusCode::BAD_REQUEST, true), "{}", answer.body);
        }
        let alices = site.api(alice).await;
        assert_eq!(alices.json(Method::POST, &one, &json!({})).await.status, StatusCode::FORBIDDEN);
        let old = link(admin.json(Method::POST, &one, &json!({})).await.json()["link"].as_str().unwrap());
        let made = admin.json(Method::POST, &one, &json!({"token_duration": "minutes=5"})).await.json();
        assert!(made["link"].as_str().unwrap().starts_with(&format!("http://{}/if/flow/recover/?flow_token=", admin.host().await)), "{made}");
        let query = link(made["link"].as_str().unwrap());
        // This server has no address of its own but its listener: what another host asks for is no link to
        // that host.
        let elsewhere = site.admin().await.at("evil.example").json(Method::POST, &one, &json!({})).await;
        assert_eq!((elsewhere.status, elsewhere.body.contains("evil.example")), (StatusCode::BAD_REQUEST, false), "{}", elsewhere.body);
        // A newer link ends the older one.
        assert_eq!(go(&site.browser(), "recover", &old, None).await.component(), "ak-stage-access-denied");
        // A stranger may look without using it up; whoever is signed in as somebody else may not use it.
        assert_eq!(go(&site.browser(), "recover", &query, None).await.component(), "ak-stage-consent");
        let victim = site.browser().signed_in("victim").await;
        assert_eq!(go(&victim, "recover", &query, None).await.component(), "ak-stage-access-denied");
        let browser = site.browser();
        let form = confirm(&browser, "recover", &query).await;
        assert_eq!(form.component(), "ak-stage-prompt", "who it is is known, and the address proven: {}", form.body);
        // Naming somebody else at this point, in any way, changes nobody else.
        for sent in [json!({"component": "ak-stage-identification", "uid_field": "victim"}), json!({"uid_field": "victim"})] {
            assert_eq!(go(&browser, "recover", &query, Some(sent)).await.component(), "ak-stage-prompt");
        }
        let end = go(&browser, "recover", &query, Some(json!({"component": "ak-stage-prompt", "password": NEW, "uid_field": "victim", "username": "victim"}))).await;
        assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        assert!(browser.is_signed_in().await);
        assert_eq!(browser.get("/api/v3/core/users/me/").await.json()["user"]["username"], json!("alice"));
        assert_eq!(site.browser().log_in("victim", &password("victim")).await.component(), "xak-flow-redirect");
        assert_eq!(site.browser().log_in("alice", NEW).await.component(), "xak-flow-redirect");
        // It is used up.
        let again = site.browser();
        assert_eq!(go(&again, "recover", &query, None).await.component(), "ak-stage-access-denied");
        assert!(!again.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_06_a_slow_mail_server_tells_nothing() {
    let sink = MailSink::start(Duration::from_millis(300)).await;
    let port = sink.port.to_string();
    let sink = &sink;
    each_site_with(&[("AUTHENTIK_EMAIL__HOST", "127.0.0.1"), ("AUTHENTIK_EMAIL__PORT", &port)], |site| async move {
        let (_, stage) = recovery(&site).await;
        let alice = site.user("alice", &[]).await;
        let mut seen = Vec::new();
        let begun = Instant::now();
        for name in ["alice", "nobody"] {
            let browser = site.browser();
            go(&browser, "recover", "", None).await;
            let screen = go(&browser, "recover", "", Some(json!({"component": "ak-stage-identification", "uid_field": name}))).await;
            assert_eq!(screen.component(), "ak-stage-email", "{}", screen.body);
            let again = go(&browser, "recover", "", Some(json!({"component": "ak-stage-email"}))).await;
            assert_eq!(again.json()["response_errors"]["non_field_errors"][0]["code"], json!("email-sent"));
            let mut shown = screen.json();
            shown.as_object_mut().unwrap().remove("pending_user_avatar");
            seen.push(shown.to_string().replace(name, "X"));
        }
        assert_eq!(seen[0], seen[1]);
        // One letter takes the server more than a second and a half.
        assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
        let mut letters = Vec::new();
        while letters.len() < 2 {
            letters.push(sink.next().await.expect("two letters for alice"));
        }
        assert!(letters.iter().all(|l| l.contains("alice@example.test")), "{letters:?}");
        let browser = site.browser();
        let query = link(&letters[1]);
        assert_eq!(confirm(&browser, "recover", &query).await.component(), "ak-stage-prompt");
        // The other letter's link ended with that.
        assert_eq!(go(&site.browser(), "recover", &link(&letters[0]), None).await.component(), "ak-stage-access-denied");
        // An administrator has one sent.
        let admin = site.admin().await;
        let one = format!("/api/v3/core/users/{alice}/recovery_email/");
        assert_eq!(admin.json(Method::POST, &one, &json!({})).await.json()["email_stage"][0], json!("This field is required."));
        let wrong = site.find("authentik_stages_identification.identificationstage", "r-who").pk;
        assert_eq!(admin.json(Method::POST, &one, &json!({"email_stage": wrong})).await.json()["non_field_errors"], json!("Email stage not found."));
        assert_eq!(admin.json(Method::POST, &one, &json!({"email_stage": stage})).await.status, StatusCode::NO_CONTENT);
        let mut letter = None;
        for _ in 0..5 {
            letter = sink.next().await;
            if letter.is_some() {
                break;
            }
        }
        assert_eq!(confirm(&site.browser(), "recover", &link(&letter.unwrap())).await.component(), "ak-stage-prompt");
    })
    .await;
    assert!(sink.take().is_empty(), "nobody else was written to");
}

/// invitation → form → write
pub async fn enrolment(site: &Site, slug: &str) -> Uuid {
    let name = |part: &str| format!("{slug}-{part}");
    site.create("authentik_stages_invitation.invitationstage", json!({"name": name("gate")})).await;
    let field = site.create("authentik_stages_prompt.prompt", json!({"name": name("field"), "field_key": "username", "label": "U", "type": "username", "required": true})).await;
    site.create("authentik_stages_prompt.promptstage", json!({"name": name("form"), "fields": [field.pk]}))
        .await;
    site.create(
        "authentik_stages_user_write.userwritestage",
        json!({"name": name("write"), "user_creation_mode": "always_create"}),
    )
    .await;
    site.flow_of(slug, &[(&name("gate"), None), (&name("form"), None), (&name("write"), None)]).await
}
pub const INVITATIONS: &str = "/api/v3/stages/invitation/invitations/";

#[tokio::test(flavor = "multi_thread")]
async fn rows_03_and_23_an_invitation_is_for_its_flow_its_time_and_one_person() {
    each_site(|site| async move {
        let admin = site.admin().await;
        let (a, b) = (enrolment(&site, "join-a").await, enrolment(&site, "join-b").await);
        for (bad, field) in [
            (json!({}), "name"),
            (json!({"name": "a b"}), "name"),
            (json!({"name": "x", "fixed_data": 5}), "fixed_data"),
            (json!({"name": "x", "expires": "never"}), "expires"),
            (json!({"name": "x", "flow": "00000000-0000-0000-0000-000000000000"}), "flow"),
            (json!({"name": "x", "single_use": "perhaps"}), "single_use"),
        ] {
            let answer = admin.json(Method::POST, INVITATIONS, &bad).await;
            assert_eq!((answer.status, answer.json().get(field).is_some()), (StatusCode::BAD_REQUEST, true), "{bad}: {}", answer.body);
        }
        let expires = site.core.now().plus_secs(600);
        let mut ids = Vec::new();
        for flow in [a, b] {
            let sent = json!({"name": "inv", "flow": flow, "expires": expires, "single_use": true, "fixed_data": {"name": "Invited"}});
            let made = admin.json(Method::POST, INVITATIONS, &sent).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
            assert_eq!((&made.json()["single_use"], &made.json()["created_by"]["username"]), (&json!(true), &json!("akadmin")), "{}", made.body);
            ids.push(made.json()["pk"].as_str().unwrap().to_owned());
        }
        assert_eq!(admin.get(&format!("{INVITATIONS}?flow__slug=join-a")).await.json()["results"].as_array().unwrap().len(), 1);
        // Neither strangers nor people without rights read them: they are keys.
        let bob = site.user("bob", &[]).await;
        for other in [site.browser(), site.api(bob).await] {
            assert_eq!(other.get(INVITATIONS).await.status, StatusCode::FORBIDDEN);
            assert_eq!(other.get(&format!("{INVITATIONS}{}/", ids[0])).await.status, StatusCode::FORBIDDEN);
        }
        for (slug, own) in [("join-a", 0), ("join-b", 1)] {
            for (n, id) in ids.iter().enumerate() {
                let seen = go(&site.browser(), slug, &format!("itoken={id}"), None).await;
                assert_eq!(seen.component() == "ak-stage-prompt", n == own, "{slug} {n}: {}", seen.body);
            }
        }
        // Twelve at once: one account.
        let before = site.count_users().await;
        let inner = format!("itoken={}", ids[0]);
        let mut browsers = Vec::new();
        for _ in 0..12 {
            let browser = site.browser();
            assert_eq!(go(&browser, "join-a", &inner, None).await.component(), "ak-stage-prompt");
            browsers.push(browser);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for (n, browser) in browsers.into_iter().enumerate() {
            let inner = inner.clone();
            tasks.spawn(async move { go(&browser, "join-a", &inner, Some(json!({"component": "ak-stage-prompt", "username": format!("guest{n}")}))).await.component() });
        }
        let ends = tasks.join_all().await;
        assert_eq!(ends.iter().filter(|c| *c == "xak-flow-redirect").count(), 1, "{ends:?}");
        assert_eq!(site.count_users().await, before + 1);
        assert_eq!(admin.get(&format!("{INVITATIONS}{}/", ids[0])).await.status, StatusCode::NOT_FOUND);
        // At its last second and after it, also for a run that began in time.
        let inner = format!("itoken={}", ids[1]);
        site.clock.advance_secs(599);
        let slow = site.browser();
        assert_eq!(go(&slow, "join-b", &inner, None).await.component(), "ak-stage-prompt");
        site.clock.advance_secs(1);
        assert_eq!(go(&site.browser(), "join-b", &inner, None).await.component(), "ak-stage-access-denied");
        assert_eq!(go(&slow, "join-b", &inner, Some(json!({"component": "ak-stage-prompt", "username": "late"}))).await.component(), "ak-stage-access-denied");
        assert!(users::by_username(&site.core.db, "late").await.unwrap().is_none());
        // A flow that goes takes its invitations along: they never become invitations to everything.
        assert_eq!(admin.send(Method::DELETE, "/api/v3/flows/instances/join-b/", "", String::new()).await.status, StatusCode::NO_CONTENT);
        assert_eq!(admin.get(&format!("{INVITATIONS}{}/", ids[1])).await.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invitations_are_sent_to_each_address_alone() {
    let sink = MailSink::start(Duration::ZERO).await;
    let port = sink.port.to_string();
    let sink = &sink;
    each_site_with(
        &[("AUTHENTIK_EMAIL__HOST", "127.0.0.1"), ("AUTHENTIK_EMAIL__PORT", &port)],
        |site| async move {
            let admin = site.admin().await;
            let flow = enrolment(&site, "join").await;
            let id = admin
                .json(Method::POST, INVITATIONS, &json!({"name": "inv", "flow": flow}))
                .await
                .json()["pk"]
                .as_str()
                .unwrap()
                .to_owned();
            let send = format!("{INVITATIONS}{id}/send_email/");
            for (bad, field) in [
                (json!({}), "email_addresses"),
                (json!({"email_addresses": []}), "email_addresses"),
                (json!({"email_addresses": ["nobody"]}), "email_addresses"),
                (json!({"email_addresses": ["a@b.test\r\nBcc: c@d.test"]}), "email_addresses"),
                (json!({"email_addresses": ["a@b.test"], "template": "no/such.html"}), "template"),
                (json!({"email_addresses": ["a@b.test"], "bcc_addresses": [5]}), "bcc_addresses"),
            ] {
                let answer = admin.json(Method::POST, &send, &bad).await;
                assert_eq!(
                    (answer.status, answer.json().get(field).is_some()),
                    (StatusCode::BAD_REQUEST, true),
                    "{bad}: {}",
                    answer.body
                );
            }
            let sent = admin
                .json(
                    Method::POST,
                    &send,
                    &json!({"email_addresses": ["one@example.test", "two@example.test"]}),
                )
                .await;
            assert_eq!(sent.status, StatusCode::NO_CONTENT, "{}", sent.body);
            for _ in 0..2 {
                let letter = sink.next().await.unwrap();
                assert!(
                    letter.contains("one@example.test") != letter.contains("two@example.test"),
                    "{letter}"
                );
                assert_eq!(
                    go(&site.browser(), "join", &link(&letter), None).await.component(),
                    "ak-stage-prompt"
                );
            }
        },
    )
    .await;
}
