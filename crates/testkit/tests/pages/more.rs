//! Pages of the first run, of waiting, of devices, and with a menu.
use super::{
    PASSWORD, answer, application, authorize, bind_to_group, default_brand, example, finish_first_run,
    follow, site,
};
use http::{Method, StatusCode};
use signet_base::{Json, Map, Span, json};
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::events::{self, Event};
use signet_store::{groups, users};
use signet_testkit::{App, Browser, DbKind, each_database};

const IDENTIFICATION: &str = "ak-stage-identification";
const HTML: [(&str, &str); 1] = [("accept", "text/html")];

/// Posts the first run with this username; none: the field is left out. The administrator's name afterwards.
async fn first_run(kind: DbKind, username: Option<&str>) -> Vec<String> {
    let app = App::start(kind).await;
    let mut browser = app.browser();
    let shown = browser.challenge("initial-setup", "").await;
    let fields: Vec<&str> =
        shown["fields"].as_array().unwrap().iter().filter_map(|f| f["field_key"].as_str()).collect();
    assert_eq!(fields, ["oobe-header-text", "email", "username", "password", "password_repeat"]);
    let mut sent = json!({"component": "ak-stage-prompt", "email": "ops@corp.test", "password": "Engine-1843-x", "password_repeat": "Engine-1843-x"});
    if let Some(username) = username {
        sent["username"] = json!(username);
    }
    let last = browser.answer("initial-setup", "", sent).await;
    assert_eq!(last["component"], "xak-flow-redirect", "{last}");
    let me = browser.get("/api/v3/core/users/me/").await.json();
    assert_eq!(me["user"]["is_superuser"], true, "{me}");
    let mut found = Vec::new();
    for name in ["akadmin", "ops"] {
        if users::by_username(&app.core.db, name).await.unwrap().is_some() {
            found.push(name.to_owned());
        }
    }
    app.stop().await;
    found
}

#[tokio::test]
async fn pages_b13_the_first_administrator_has_the_name_that_was_typed() {
    each_database(|kind| async move {
        assert_eq!(first_run(kind, Some("ops")).await, ["ops"]);
        // Programs that know no such field, and whoever empties it.
        assert_eq!(first_run(kind, None).await, ["akadmin"]);
        assert_eq!(first_run(kind, Some("")).await, ["akadmin"]);
        assert_eq!(first_run(kind, Some("akadmin")).await, ["akadmin"]);
    })
    .await;
}

#[tokio::test]
async fn pages_b13_the_first_run_says_how_one_is_connected() {
    let app = App::start(DbKind::Sqlite).await;
    let page = app.browser().get("/if/flow/initial-setup/").await.text();
    assert!(page.contains("The connection stays on this machine."), "{page}");
    assert!(
        page.contains("name=\"username\"")
            && page.contains("value=\"akadmin\"")
            && !page.contains("(optional)")
    );
    // The strength of the password is shown beside what it needs.
    assert!(
        page.contains("data-strength=\"f-password\" data-least=\"8\"")
            && page.contains("At least 8 characters")
    );
    // TLS that ends at a proxy says nothing about this server's certificate.
    let mut behind = app.browser();
    behind.headers = vec![("x-forwarded-proto".into(), "https".into())];
    let (page, _) = follow(&mut behind, "/if/flow/initial-setup/").await;
    assert!(!page.contains("fingerprint") && !page.contains("not encrypted"), "{page}");
    app.stop().await;
}

#[tokio::test]
async fn pages_b11_a_letter_is_sent_again_after_a_rest() {
    let app = App::start(DbKind::Sqlite).await;
    finish_first_run(&app).await;
    example(&app, "recovery-email").await;
    let path = "/if/flow/default-recovery-flow/";
    // Nobody of this name: the page is the same.
    let mut browser = app.browser();
    let page = browser.get(path).await.text();
    answer(&mut browser, path, &page, IDENTIFICATION, &[("uid_field", "nobody")]).await;
    let page = browser.get(path).await.text();
    assert!(page.contains("Check your e-mail") && page.contains("data-wait=\"60\""), "{page}");
    app.clock.advance_secs(40);
    let page = browser.get(path).await.text();
    assert!(
        page.contains("data-wait=\"20\"") && page.contains("In a minute you can send it again"),
        "{page}"
    );
    app.clock.advance_secs(21);
    let page = browser.get(path).await.text();
    assert!(!page.contains("data-wait") && page.contains("then send it again"), "{page}");
    let again = answer(&mut browser, path, &page, "ak-stage-email", &[]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    let page = browser.get(path).await.text();
    assert!(page.contains("Sent again.") && page.contains("data-wait=\"60\""), "{page}");
    app.stop().await;
}

#[tokio::test]
async fn pages_b20_errors_and_the_api_browser_keep_the_menu() {
    let (app, _, mut browser) = site(DbKind::Sqlite).await;
    for path in ["/no-such", "/if/flow/no-such/", "/if/admin/", "/api/v3/"] {
        let answer = browser.send(Method::GET, path, &HTML, "").await;
        let page = answer.text();
        assert!(page.contains("Account menu of Person ada") && page.contains("Sign out"), "{path}: {page}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let stranger = app.browser().send(Method::GET, path, &HTML, "").await.text();
        assert!(!stranger.contains("Account menu"), "{path}");
    }
    app.stop().await;
}

/// Somebody was signed in to an application at this second.
fn opened(app: &App, username: &str, application: &Json, secs: i64) -> Event {
    let key = application["pk"].as_str().unwrap().replace('-', "");
    let context = json!({"authorized_application": {"app": "authentik_core", "model_name": "application", "pk": key, "name": ""}});
    Event {
        id: app.core.ports.uuid(),
        user: json!({"pk": 1, "username": username}).as_object().cloned().unwrap(),
        action: "authorize_application".into(),
        app: "authentik.providers.oauth2".into(),
        context: context.as_object().cloned().unwrap(),
        client_ip: None,
        brand: Map::new(),
        created: app.core.now().plus(Span::from_secs(secs)),
        expires: None,
    }
}

#[tokio::test]
async fn pages_b22_what_was_used_last_stands_in_front() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        finish_first_run(&app).await;
        let mut admin = app.admin().await;
        app.user("ada", PASSWORD).await;
        let mut browser = app.login("ada", PASSWORD).await;
        let mut made = Vec::new();
        for name in ["Alpha", "Beta", "Gamma", "Delta"] {
            let sent =
                json!({"name": name, "slug": name.to_lowercase(), "meta_launch_url": "https://app.test/"});
            made.push(admin.post("/api/v3/core/applications/", sent).await.json());
        }
        let log = [
            opened(&app, "ada", &made[1], 1),
            opened(&app, "ada", &made[2], 2),
            opened(&app, "eve", &made[3], 3),
        ];
        events::insert(&app.core.db, &log, true).await.unwrap();
        // A handful needs no help.
        assert!(!browser.get("/if/user/").await.text().contains("Recently used"));
        let sent = json!({"name": "Epsilon", "slug": "epsilon", "meta_launch_url": "https://app.test/"});
        admin.post("/api/v3/core/applications/", sent).await;
        let page = browser.get("/if/user/").await.text();
        let front = page.split("Recently used").nth(1).expect(&page).split("</section>").next().unwrap();
        let (gamma, beta) = (front.find("Gamma").expect(front), front.find("Beta").expect(front));
        assert!(gamma < beta && !front.contains("Delta") && !front.contains("Alpha"), "{front}");
        assert!(page.matches("Delta").count() >= 1);
        let searching = browser.get("/if/user/?q=beta").await.text();
        assert!(searching.contains("data-front=\"recent\" hidden"), "{searching}");
        app.stop().await;
    })
    .await;
}

/// Goes on to the second step by the pages; the page of it.
async fn second_step(browser: &mut Browser, path: &str) -> String {
    let page = browser.get(path).await.text();
    answer(browser, path, &page, IDENTIFICATION, &[("uid_field", "ada")]).await;
    let page = browser.get(path).await.text();
    if page.contains("ak-stage-password") {
        answer(browser, path, &page, "ak-stage-password", &[("password", PASSWORD)]).await;
    }
    browser.get(path).await.text()
}

#[tokio::test]
async fn pages_b23_a_second_step_names_devices_after_the_password() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        finish_first_run(&app).await;
        let ada = app.user("ada", PASSWORD).await;
        let new = |kind: DeviceKind, name: &str| Device { confirmed: true, ..Device::new(&app.core.ports, kind, ada.id, name) };
        let mut codes = new(DeviceKind::Static, "Static Token");
        codes.data.insert("codes".into(), json!(3));
        let digests = ["a", "b"].map(|code| codes.code_digest(&app.core.vault, code));
        devices::insert_with_codes(&app.core.db, &codes, &digests).await.unwrap();
        devices::insert(&app.core.db, &new(DeviceKind::Totp, "Phone in the kitchen")).await.unwrap();
        let page = second_step(&mut app.browser(), "/if/flow/default-authentication-flow/").await;
        for said in ["Phone in the kitchen", "2 of 3 left", "None of these work?"] {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(!page.contains("Static Token"));
        // A name alone is no proof: the devices are not named before there is one.
        let mut admin = app.admin().await;
        let identify = admin.post("/api/v3/stages/identification/", json!({"name": "b23-i", "user_fields": ["username"]})).await.json();
        let check = admin.post("/api/v3/stages/authenticator/validate/", json!({"name": "b23-v", "device_classes": ["totp", "static"], "not_configured_action": "deny"})).await.json();
        let flow = admin.post("/api/v3/flows/instances/", json!({"name": "b23", "slug": "b23", "title": "B23", "designation": "authentication"})).await.json();
        for (order, stage) in [identify, check].iter().enumerate() {
            let bound = admin.post("/api/v3/flows/bindings/", json!({"target": flow["pk"], "stage": stage["pk"], "order": order})).await;
            assert_eq!(bound.status, StatusCode::CREATED, "{}", bound.text());
        }
        let page = second_step(&mut app.browser(), "/if/flow/b23/").await;
        assert!(page.contains("ak-stage-authenticator-validate"), "{page}");
        assert!(!page.contains("kitchen") && !page.contains("of 3 left"), "{page}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_a12_access_is_asked_for_where_somebody_can_be_asked() {
    let (app, mut admin, mut browser) = site(DbKind::Sqlite).await;
    application(&mut admin, "payroll").await;
    bind_to_group(&mut admin, "payroll", "Finance", 0).await;
    let nobody = browser.get(&authorize("payroll")).await.text();
    assert!(!nobody.contains("Ask for access") && nobody.contains("Go to my applications"), "{nobody}");
    let brand = default_brand(&mut admin).await;
    for (help, href) in [
        ("help@corp.test", "mailto:help@corp.test?subject=Access%20to%20payroll&amp;body="),
        ("https://help.corp.test/new", "https://help.corp.test/new"),
    ] {
        let set = json!({"attributes": {"settings": {"help": help}}});
        assert_eq!(admin.patch(&brand, set).await.status, StatusCode::OK);
        let page = browser.get(&authorize("payroll")).await.text();
        let button = page.split("Ask for access").next().unwrap().rsplit("<a ").next().unwrap();
        assert!(button.contains("btn--primary") && button.contains(href), "{button}");
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_too_many_wrong_passwords_lead_to_the_recovery() {
    let app = App::start(DbKind::Sqlite).await;
    finish_first_run(&app).await;
    app.user("ada", PASSWORD).await;
    let path = "/if/flow/default-authentication-flow/?next=%2Fif%2Fuser%2F";
    let forgot = "Forgot your password?";
    for recovery in [false, true] {
        if recovery {
            example(&app, "recovery-email").await;
            let mut admin = app.admin().await;
            let flow = admin.get("/api/v3/flows/instances/default-recovery-flow/").await.json();
            let brand = default_brand(&mut admin).await;
            let sent = json!({"flow_recovery": flow["pk"]});
            assert_eq!(admin.patch(&brand, sent).await.status, StatusCode::OK);
        }
        let mut browser = app.browser();
        let page = browser.get(path).await.text();
        answer(&mut browser, path, &page, IDENTIFICATION, &[("uid_field", "ada")]).await;
        let mut page = browser.get(path).await.text();
        for _ in 0..8 {
            if page.contains("Too many tries") {
                break;
            }
            answer(&mut browser, path, &page, "ak-stage-password", &[("password", "wrong")]).await;
            page = browser.get(path).await.text();
        }
        assert!(page.contains("Too many tries"), "{page}");
        let link = "/if/flow/default-recovery-flow/?next=%2Fif%2Fuser%2F";
        assert_eq!((page.contains(forgot), page.contains(link)), (recovery, recovery), "{page}");
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_a12_a_refusal_names_groups_where_a_membership_would_help() {
    each_database(|kind| async move {
        let (app, mut admin, mut browser) = site(kind).await;
        application(&mut admin, "payroll").await;
        let path = "/api/v3/core/applications/payroll/";
        let target = admin.get(path).await.json()["pk"].clone();
        bind_to_group(&mut admin, "payroll", "Finance", 0).await;
        bind_to_group(&mut admin, "payroll", "Board & Co", 1).await;
        let page = browser.get(&authorize("payroll")).await.text();
        let both = "is limited to the groups <b class=\"strong\"><bdi>Finance</bdi></b> and <b class=\"strong\"><bdi>Board &amp; Co</bdi></b>, and your account is in none of them.";
        assert!(page.contains(both), "{page}");
        // Something else refuses as well: no group would help, so none is named, unless one binding is enough.
        let no = json!({"name": "never", "expression": "return False"});
        let policy = admin.post("/api/v3/policies/expression/", no).await.json()["pk"].clone();
        admin.post("/api/v3/policies/bindings/", json!({"target": target, "policy": policy, "order": 9})).await;
        for (mode, named) in [("all", false), ("any", true)] {
            admin.patch(path, json!({"policy_engine_mode": mode})).await;
            let page = browser.get("/application/launch/payroll/").await.text();
            assert_eq!((page.contains("Finance"), page.contains("Somebody who manages it")), (named, !named), "{mode}: {page}");
        }
        // Words of a policy say more than the name of a group.
        let no = json!({"name": "never", "expression": "ak_message('Only in office hours.')\nreturn False"});
        let of = format!("/api/v3/policies/expression/{}/", policy.as_str().unwrap());
        assert_eq!(admin.patch(&of, no).await.status, StatusCode::OK);
        let page = browser.get("/application/launch/payroll/").await.text();
        assert!(page.contains("Only in office hours.") && !page.contains("Finance"), "{page}");
        // A member is let in.
        let finance = groups::by_name(&app.core.db, "Finance").await.unwrap().unwrap();
        let ada = users::by_username(&app.core.db, "ada").await.unwrap().unwrap();
        users::join_group(&app.core.db, ada.id, finance.id).await.unwrap();
        let (page, _) = follow(&mut browser, &authorize("payroll")).await;
        assert!(page.contains("Share your details with <bdi>payroll</bdi>?"), "{page}");
        app.stop().await;
    })
    .await;
}
