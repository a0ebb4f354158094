//! The host of a request decides nothing that leaves, other sites' pages change nothing, and programs of the
//! guide still work. Named after the entries of the lists of findings.
use crate::flows::finished;
use crate::links::{INVITATIONS, enrolment, go, link, recovery};
use crate::site::{Browser, Site, each_site, each_site_with, password};
use http::{Method, StatusCode};
use signet_base::{Json, json};
use signet_store::tokens;
use signet_store::users::{self, User};
use signet_testkit::MailSink;
use std::time::Duration;

const EXECUTOR: &str = "/api/v3/flows/executor/default-authentication-flow/?query=";

/// Somebody asks for alice's recovery mail; the last answer.
async fn ask_for_mail(browser: &Browser) -> StatusCode {
    let at = "/api/v3/flows/executor/recover/?query=";
    browser.get(at).await;
    browser
        .json(Method::POST, at, &json!({"component": "ak-stage-identification", "uid_field": "alice"}))
        .await;
    browser.get(at).await.status
}
fn address(letter: &str) -> String {
    let end = letter.find("/if/flow/").unwrap_or_else(|| panic!("no link in {letter}"));
    let start = letter[..end].rfind("http").unwrap();
    letter[start..end].to_owned()
}
async fn brand(site: &Site, domain: &str) {
    site.create("authentik_brands.brand", json!({"domain": domain, "flow_recovery": site.flow("recover")}))
        .await;
}
async fn letter(sink: &MailSink) -> String {
    for _ in 0..5 {
        if let Some(letter) = sink.next().await {
            return letter;
        }
    }
    panic!("no letter came")
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_01_without_an_address_no_link_follows_the_host() {
    let sink = MailSink::start(Duration::ZERO).await;
    let port = sink.port.to_string();
    let sink = &sink;
    each_site_with(
        &[("AUTHENTIK_EMAIL__HOST", "127.0.0.1"), ("AUTHENTIK_EMAIL__PORT", &port)],
        |site| async move {
            finished(&site).await;
            recovery(&site).await;
            let (alice, admin) = (site.user("alice", &[]).await, site.admin().await);
            for browser in [
                site.browser().at("evil.example"),
                site.browser().at("localhost:6666"),
                site.browser().header("x-forwarded-host", "evil2.example").at("evil.example"),
            ] {
                ask_for_mail(&browser).await;
            }
            let mut said = Json::Null;
            for _ in 0..100 {
                said = admin.get("/api/v3/events/events/?action=system_task_exception").await.json();
                if said["results"].as_array().is_some_and(|all| all.len() == 3) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(said["results"][0]["context"].to_string().contains("AUTHENTIK_WEB__BASE_URL"), "{said}");
            assert!(sink.take().is_empty(), "nothing was sent");
            let asked = site
                .admin()
                .await
                .at("evil.example")
                .json(Method::POST, &format!("/api/v3/core/users/{alice}/recovery/"), &json!({}))
                .await;
            assert_eq!(
                (asked.status, asked.body.contains("AUTHENTIK_WEB__BASE_URL")),
                (StatusCode::BAD_REQUEST, true),
                "{}",
                asked.body
            );
            // On the machine itself its own listener is an address. The three tries were counted: no more
            // than that an hour.
            site.clock.advance_secs(3600);
            let here = site.browser();
            ask_for_mail(&here).await;
            assert_eq!(address(&letter(sink).await), format!("http://{}", here.host().await));
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_01_links_lead_to_the_base_url_or_a_brands_own_host() {
    let sink = MailSink::start(Duration::ZERO).await;
    let port = sink.port.to_string();
    let sink = &sink;
    let variables = [
        ("AUTHENTIK_EMAIL__HOST", "127.0.0.1"),
        ("AUTHENTIK_EMAIL__PORT", port.as_str()),
        ("AUTHENTIK_WEB__BASE_URL", "https://id.corp.test/"),
    ];
    each_site_with(&variables, |site| async move {
        finished(&site).await;
        recovery(&site).await;
        let (alice, admin) = (site.user("alice", &[]).await, site.admin().await);
        brand(&site, "corp.test").await;
        for (host, expected) in [
            ("id.corp.test", "https://id.corp.test"),
            ("id.corp.test:6666", "https://id.corp.test"),
            ("corp.test:6666", "https://corp.test"),
            ("left-behind.corp.test", "https://id.corp.test"),
            ("a.b.c.corp.test:1", "https://id.corp.test"),
        ] {
            // A recipient gets few letters an hour that strangers cause.
            site.clock.advance_secs(3600);
            assert_eq!(
                ask_for_mail(&site.browser().at(host).header("x-forwarded-host", "evil2.example")).await,
                StatusCode::OK,
                "{host}"
            );
            let letter = letter(sink).await;
            assert_eq!(address(&letter), expected, "{host}");
            assert!(
                !letter.contains("evil") && !letter.contains("6666") && !letter.contains("left-behind"),
                "{letter}"
            );
            let made = site
                .admin()
                .await
                .at(host)
                .json(Method::POST, &format!("/api/v3/core/users/{alice}/recovery/"), &json!({}))
                .await
                .json();
            assert_eq!(address(made["link"].as_str().unwrap()), expected, "{host}");
        }
        // Another host gets no answer that could send one.
        assert_eq!(ask_for_mail(&site.browser().at("evil.example")).await, StatusCode::MISDIRECTED_REQUEST);
        // Invitations, and what a program with a key asks for by an internal name.
        let flow = enrolment(&site, "join").await;
        let id =
            admin.json(Method::POST, INVITATIONS, &json!({"name": "inv", "flow": flow})).await.json()["pk"]
                .as_str()
                .unwrap()
                .to_owned();
        let inside = site.admin().await.at("signet.namespace.svc:9000");
        assert_eq!(
            inside
                .json(
                    Method::POST,
                    &format!("{INVITATIONS}{id}/send_email/"),
                    &json!({"email_addresses": ["one@example.test"]})
                )
                .await
                .status,
            StatusCode::NO_CONTENT
        );
        assert_eq!(address(&letter(sink).await), "https://id.corp.test");
        assert!(link("https://id.corp.test/if/flow/x/?a=b").starts_with('a'));
        let started = inside.get("/api/v3/flows/instances/default-authentication-flow/execute/").await.json();
        assert!(started["link"].as_str().unwrap().starts_with("https://id.corp.test/if/flow/"), "{started}");
        assert_eq!(inside.get("/api/v3/admin/settings/").await.json()["base_url"], "https://id.corp.test");
    })
    .await;
    assert!(sink.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_01_a_host_that_is_not_ours_is_told_the_right_one() {
    each_site_with(&[("AUTHENTIK_DOMAIN", "id.corp.test")], |site| async move {
        finished(&site).await;
        site.create("authentik_brands.brand", json!({"domain": "other.test"})).await;
        let evil = || site.browser().at("evil.example");
        for path in [
            "/",
            "/if/flow/default-authentication-flow/",
            "/if/user/",
            "/application/o/authorize/?client_id=x",
            "/flows/-/default/authentication/",
            "/nothing/",
        ] {
            let answer = evil().header("accept", "text/html").get(path).await;
            assert_eq!(
                (answer.status, answer.body.contains("https://id.corp.test")),
                (StatusCode::MISDIRECTED_REQUEST, true),
                "{path}: {}",
                answer.body
            );
        }
        for path in ["/api/v3/root/config/", "/api/v3/core/brands/current/", EXECUTOR] {
            let answer = evil().get(path).await;
            assert_eq!(
                (
                    answer.status,
                    answer.json()["detail"].as_str().is_some_and(|d| d.contains("https://id.corp.test"))
                ),
                (StatusCode::MISDIRECTED_REQUEST, true),
                "{path}"
            );
        }
        let posted = evil()
            .json(Method::POST, EXECUTOR, &json!({"component": "ak-stage-identification", "uid_field": "x"}))
            .await;
        assert_eq!(posted.status, StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(
            evil().header("authorization", "Bearer x").get(EXECUTOR).await.status,
            StatusCode::MISDIRECTED_REQUEST,
            "a word is no key"
        );
        // Probes, metrics, keys; outposts by their key alone.
        for path in ["/-/health/live/", "/-/health/ready/", "/-/metrics/"] {
            assert_eq!(evil().get(path).await.status, StatusCode::OK, "{path}");
        }
        assert_eq!(
            site.admin().await.at("192.0.2.7:9000").get("/api/v3/core/users/").await.status,
            StatusCode::OK
        );
        assert_eq!(
            evil().header("authorization", "Bearer wrong").get("/api/v3/core/users/").await.status,
            StatusCode::FORBIDDEN
        );
        let machine = users::insert(
            &site.core.db,
            &User { user_type: "internal_service_account".into(), ..User::new(&site.core.ports, "outpost") },
            &[],
        )
        .await
        .unwrap();
        let key = site.core.ports.alphanumeric(60);
        let token =
            tokens::Token::new(site.core.ports.uuid(), "outpost-key", "api", machine, site.core.now());
        tokens::insert(&site.core.db, &site.core.vault, &token, &key.as_str().into()).await.unwrap();
        let outpost = |key: &str| site.browser().at("signet:9000").header("x-authentik-outpost-token", key);
        assert_eq!(
            outpost(&key).challenge("default-authentication-flow").await.component(),
            "ak-stage-identification"
        );
        assert_eq!(outpost("nonsense").get(EXECUTOR).await.status, StatusCode::MISDIRECTED_REQUEST);
        // Known: the address itself, brands and what they cover, the machine.
        for host in [
            "id.corp.test",
            "ID.corp.test.",
            "id.corp.test:9443",
            "other.test",
            "x.other.test",
            "localhost:9000",
            "127.0.0.1",
            "[::1]:9000",
        ] {
            assert_eq!(
                site.browser().at(host).get("/if/flow/default-authentication-flow/").await.status,
                StatusCode::OK,
                "{host}"
            );
        }
        assert_eq!(
            site.browser().at("evilother.test").get("/if/user/").await.status,
            StatusCode::MISDIRECTED_REQUEST
        );
        // What answers the request says its own host where that is known, with scheme and port of the
        // settings.
        let app = crate::app::App::new(&site, "app", json!({})).await;
        let document = |host: &'static str| {
            let (site, id) = (&site, &app.client_id);
            async move {
                site.browser()
                    .at(host)
                    .get(&format!("/application/o/{id}/.well-known/openid-configuration"))
                    .await
                    .json()["issuer"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
        };
        assert_eq!(document("id.corp.test:9443").await, "https://id.corp.test/application/o/app/");
        assert_eq!(document("other.test:1").await, "https://other.test/application/o/app/");
        assert_eq!(document("127.0.0.1:77").await, "http://127.0.0.1:77/application/o/app/");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_01_the_first_run_gives_the_address_once_and_people_may_change_it() {
    each_site(|site| async move {
        let admin = site.admin().await;
        assert_eq!(admin.get("/api/v3/admin/settings/").await.json()["base_url"], "");
        let first = site.browser().at("ID.first.test:8443");
        first.challenge("initial-setup").await;
        let code = signet_core::setup::code(&site.core).await.unwrap().unwrap();
        first.step("initial-setup", &json!({"component": "ak-stage-prompt", "setup_code": code.reveal()})).await;
        let sent = json!({"component": "ak-stage-prompt", "email": "root@example.test", "password": "Correct-Horse-9", "password_repeat": "Correct-Horse-9"});
        assert_eq!(first.step("initial-setup", &sent).await.component(), "xak-flow-redirect");
        assert_eq!(admin.get("/api/v3/admin/settings/").await.json()["base_url"], "http://id.first.test:8443");
        assert_eq!(admin.get("/api/v3/admin/system/").await.json()["base_url"], "http://id.first.test:8443");
        assert_eq!(site.browser().at("evil.example").get("/if/user/").await.status, StatusCode::MISDIRECTED_REQUEST);
        let set = |address: &str| {
            let sent = json!({"base_url": address});
            let admin = &admin;
            async move { admin.json(Method::PATCH, "/api/v3/admin/settings/", &sent).await }
        };
        for bad in ["id.next.test", "ftp://id.next.test", "https://id.next.test/path", "javascript:alert(1)", "https://a b"] {
            let answer = set(bad).await;
            assert_eq!((answer.status, answer.json()["base_url"].is_array()), (StatusCode::BAD_REQUEST, true), "{bad}");
        }
        assert_eq!(set("https://ID.next.test/").await.json()["base_url"], "https://id.next.test");
        assert_eq!(site.browser().at("id.next.test").get("/if/flow/default-authentication-flow/").await.status, StatusCode::OK);
        assert_eq!(site.browser().at("id.first.test:8443").get("/if/user/").await.status, StatusCode::MISDIRECTED_REQUEST);
    })
    .await;
    each_site_with(&[("AUTHENTIK_WEB__BASE_URL", "https://id.corp.test")], |site| async move {
        let admin = site.admin().await;
        let refused = admin
            .json(Method::PATCH, "/api/v3/admin/settings/", &json!({"base_url": "https://other.test"}))
            .await;
        assert_eq!(
            (refused.status, refused.body.contains("AUTHENTIK_WEB__BASE_URL")),
            (StatusCode::BAD_REQUEST, true),
            "{}",
            refused.body
        );
        assert_eq!(
            admin
                .json(Method::PATCH, "/api/v3/admin/settings/", &json!({"base_url": "https://id.corp.test"}))
                .await
                .status,
            StatusCode::OK
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_02_pages_of_other_sites_post_nothing_to_a_flow() {
    each_site_with(
        &[("AUTHENTIK_SECURITY__CSRF__TRUSTED_ORIGINS", "https://shell.test, http://other.test:8080")],
        |site| async move {
            finished(&site).await;
            site.user("alice", &[]).await;
            let answer = json!({"component": "ak-stage-identification", "uid_field": "alice"}).to_string();
            let begun = || async {
                let browser = site.browser();
                assert_eq!(
                    browser.challenge("default-authentication-flow").await.component(),
                    "ak-stage-identification"
                );
                browser
            };
            // Whether the answer was taken, and what was said.
            let taken = |browser: Browser, kind: &'static str, body: String| async move {
                let said = browser.send(Method::POST, EXECUTOR, kind, body).await;
                let next = browser.challenge("default-authentication-flow").await.component();
                (next == "ak-stage-password", said)
            };
            for (kind, body) in [
                ("", "component=ak-stage-identification&uid_field=alice".to_owned()),
                ("", answer.clone()),
                ("", String::new()),
                (
                    "application/x-www-form-urlencoded",
                    "component=ak-stage-identification&uid_field=alice".to_owned(),
                ),
                ("text/plain", answer.clone()),
                ("text/plain; charset=application/json", answer.clone()),
                ("application/jsonx", answer.clone()),
                ("multipart/form-data", answer.clone()),
            ] {
                let (passed, said) = taken(begun().await, kind, body).await;
                assert!(!passed && said.component() == "ak-stage-flow-error", "{kind}: {}", said.body);
                // Another type is answered as in the contract, none at all with a word why.
                assert_eq!(
                    said.json()["error"].as_str().is_some_and(|why| why.contains("application/json")),
                    kind.is_empty(),
                    "{kind}: {}",
                    said.body
                );
            }
            let own = format!("http://{}", site.browser().host().await);
            for (name, value) in [
                ("origin", "https://evil.test"),
                ("origin", "null"),
                ("origin", "https://shell.test.evil.test"),
                ("origin", "https://shell.test:8443"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-site", "something-new"),
            ] {
                let (passed, said) =
                    taken(begun().await.header(name, value), "application/json", answer.clone()).await;
                assert!(
                    !passed && said.component() == "ak-stage-flow-error" && said.json()["error"].is_string(),
                    "{name}: {value}: {}",
                    said.body
                );
            }
            for (name, value) in [
                ("x-nothing", "a program"),
                ("origin", own.as_str()),
                ("origin", "https://shell.test"),
                ("origin", "http://other.test:8080"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "none"),
            ] {
                for kind in ["application/json", "application/json; charset=utf-8"] {
                    assert!(
                        taken(begun().await.header(name, value), kind, answer.clone()).await.0,
                        "{name}: {value}"
                    );
                }
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wire_w20_the_token_comes_with_the_answer_that_signs_in() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let script = site.browser();
        assert_eq!(script.cookie("authentik_csrf").await, None);
        assert_eq!(script.log_in("alice", &password("alice")).await.component(), "xak-flow-redirect");
        assert!(script.cookie("authentik_csrf").await.is_some());
        // A second flow without opening any page: the test browser sends the token back.
        const SETTINGS: &str = "default-user-settings-flow";
        assert_eq!(script.challenge(SETTINGS).await.component(), "ak-stage-prompt");
        let sent = json!({"component": "ak-stage-prompt", "username": "alice", "name": "Alice", "email": "alice@example.test", "attributes.settings.locale": ""});
        let done = script.step(SETTINGS, &sent).await;
        assert_ne!(done.component(), "ak-stage-flow-error", "{}", done.body);
        let session = script.cookie("authentik_session").await.unwrap();
        let bare = site.browser().header("cookie", &format!("authentik_session={session}"));
        bare.challenge(SETTINGS).await;
        assert_eq!(bare.answer(SETTINGS, &sent).await.component(), "ak-stage-flow-error");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_27_guide_g11_another_site_signs_nobody_out_without_a_question() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        const FLOW: &str = "/if/flow/default-invalidation-flow/";
        for address in [FLOW, "/api/v3/flows/executor/default-invalidation-flow/?query="] {
            for from in ["cross-site", "same-site"] {
                let browser = site.browser().signed_in("alice").await;
                let session = browser.cookie("authentik_session").await.unwrap();
                let sent_here = browser.header("sec-fetch-site", from);
                let asked = sent_here.get(address).await;
                assert!(asked.status == StatusCode::OK && sent_here.is_signed_in().await, "{address} {from}");
                assert!(
                    address != FLOW || asked.body.contains("Another site asks to sign you out"),
                    "{}",
                    asked.body
                );
                // The person agrees, on our page.
                let agreed = site.browser().header("cookie", &format!("authentik_session={session}"));
                let page = agreed.get(FLOW).await;
                assert_eq!(
                    page.status,
                    StatusCode::SEE_OTHER,
                    "by themselves they are not asked: {}",
                    page.body
                );
                assert!(!agreed.is_signed_in().await);
            }
        }
        // The button of the question.
        let browser = site.browser().signed_in("alice").await.header("sec-fetch-site", "cross-site");
        let page = browser.get(FLOW).await.body;
        let token = page
            .split("name=\"csrf\" value=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap()
            .to_owned();
        browser.form(FLOW, &[("csrf", &token), ("component", "ak-stage-dummy")]).await;
        assert!(!browser.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_30_browsers_keep_nothing_and_stay_with_https() {
    each_site(|site| async move {
        finished(&site).await;
        let browser = || site.browser().header("sec-fetch-site", "same-origin");
        for path in [EXECUTOR, "/api/v3/root/config/", "/api/v3/core/users/me/"] {
            let answer = browser().get(path).await;
            assert_eq!(
                answer.headers.get("cache-control").map(|v| v.to_str().unwrap()),
                Some("no-store"),
                "{path}"
            );
        }
        let hsts = |answer: &crate::site::TestResponse| {
            answer.headers.get("strict-transport-security").map(|v| v.to_str().unwrap().to_owned())
        };
        let tls = site.browser().header("x-forwarded-proto", "https").at("id.corp.test");
        assert_eq!(hsts(&tls.get("/-/health/live/").await).as_deref(), Some("max-age=15552000"));
        assert_eq!(hsts(&site.browser().at("id.corp.test").get("/-/health/live/").await), None);
        assert_eq!(
            hsts(
                &site
                    .browser()
                    .header("x-forwarded-proto", "https")
                    .at("localhost")
                    .get("/-/health/live/")
                    .await
            ),
            None
        );
    })
    .await;
    each_site_with(&[("AUTHENTIK_WEB__HSTS", "0")], |site| async move {
        let answer = site
            .browser()
            .header("x-forwarded-proto", "https")
            .at("id.corp.test")
            .get("/-/health/live/")
            .await;
        assert!(answer.headers.get("strict-transport-security").is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_26_a_launch_address_is_judged_when_it_is_written() {
    each_site(|site| async move {
        let admin = site.admin().await;
        let sent = |n: usize, url: &str| json!({"name": format!("a{n}"), "slug": format!("a{n}"), "meta_launch_url": url});
        for (n, bad) in [
            "java\tscript:alert(1)",
            "javascript:alert(1)",
            " javascript:x",
            "blob:x",
            "view-source:x",
            "//evil.test",
            "/\\evil.test",
            "data:text/html,x",
            "file:///etc",
            "filesystem:x",
        ]
        .iter()
        .enumerate()
        {
            let answer = admin.json(Method::POST, "/api/v3/core/applications/", &sent(n, bad)).await;
            assert_eq!((answer.status, answer.json()["meta_launch_url"].is_array()), (StatusCode::BAD_REQUEST, true), "{bad:?}: {}", answer.body);
        }
        for (n, fine) in ["", "https://app.example.com/%(username)s", "/if/user/", "blank://blank", "ssh://host", "mailto:a@b.test"].iter().enumerate() {
            let answer = admin.json(Method::POST, "/api/v3/core/applications/", &sent(100 + n, fine)).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{fine:?}: {}", answer.body);
        }
    })
    .await;
}

/// The calls of the guide, lines 1042 and 1195 to 1270, as its scripts send them: no cookies, no origin, no
/// browser.
#[tokio::test(flavor = "multi_thread")]
async fn guide_g05_the_calls_of_the_guides_scripts_are_answered() {
    each_site_with(&[("AUTHENTIK_WEB__BASE_URL", "https://id.corp.test")], |site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        for host in ["id.corp.test", "localhost:9000"] {
            let call = || {
                site.browser()
                    .at(host)
                    .header("user-agent", "Mozilla/5.0 (Windows NT; en-US) WindowsPowerShell/5.1")
            };
            let flow = call().get("/api/v3/flows/executor/default-authentication-flow/").await;
            assert_eq!(
                (flow.status, flow.component()),
                (StatusCode::OK, "ak-stage-identification".to_owned())
            );
            // Each call of Invoke-RestMethod is a session of its own.
            let posted = call()
                .json(
                    Method::POST,
                    "/api/v3/flows/executor/default-authentication-flow/",
                    &json!({"uid_field": "alice"}),
                )
                .await;
            assert!(posted.status == StatusCode::FOUND || posted.status == StatusCode::OK, "{}", posted.body);
            assert!(
                posted.status == StatusCode::FOUND || posted.component() != "ak-stage-flow-error",
                "{}",
                posted.body
            );
            for path in ["/-/health/live/", "/-/health/ready/", "/-/metrics/", "/api/v3/outposts/"] {
                assert_eq!(call().get(path).await.status, StatusCode::OK, "{host} {path}");
            }
        }
        assert_eq!(site.browser().get("/api/v3/outposts/").await.json(), json!({"status": "reachable"}));
        assert!(site.admin().await.get("/api/v3/outposts/").await.json()["results"].is_array());
        assert_eq!(
            site.admin().await.at("id.corp.test").get("/api/v3/admin/version/").await.status,
            StatusCode::OK
        );
        // Nothing is looked up for a link that nobody asked for.
        let lost = site.browser().at("id.corp.test");
        assert_ne!(
            go(&lost, "default-authentication-flow", "flow_token=x", None).await.component(),
            "ak-stage-password"
        );
    })
    .await;
}
