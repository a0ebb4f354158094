//! What people see, over HTTP: what they stumbled over once, and what is there now.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
#[path = "pages/library.rs"]
mod library;
#[path = "pages/more.rs"]
mod more;
#[path = "pages/settings.rs"]
mod settings;

use http::{Method, StatusCode};
use signet_base::{Json, Uuid, json, query};
use signet_blueprints::{EXAMPLES, Source, apply};
use signet_core::directory::Author;
use signet_store::grants::{self, GrantToken, TokenKind};
use signet_store::users;
use signet_testkit::{App, Browser, DbKind, TestResponse, each_database};

const SETTINGS: &str = "/if/user/security/";
const PASSWORD: &str = "Engine-1843";

async fn finish_first_run(app: &App) {
    signet_core::setup::finish(&app.core).await.unwrap();
}

async fn example(app: &App, file: &str) {
    let (name, text) = EXAMPLES.iter().find(|(name, _)| name.contains(file)).unwrap();
    apply(&app.core, &Source::new(name, text), &Author::system()).await.unwrap();
}

/// A server after the first run, with the administrator's API and with ada, who is signed in.
async fn site(kind: DbKind) -> (App, Browser, Browser) {
    let app = App::start(kind).await;
    finish_first_run(&app).await;
    let admin = app.admin().await;
    app.user("ada", PASSWORD).await;
    let ada = app.login("ada", PASSWORD).await;
    (app, admin, ada)
}

/// Answers the form of a page.
async fn answer(
    browser: &mut Browser,
    path: &str,
    page: &str,
    component: &str,
    fields: &[(&str, &str)],
) -> TestResponse {
    let token = csrf(page);
    let mut pairs = vec![("csrf", token.as_str()), ("component", component)];
    pairs.extend(fields);
    browser.form(path, &pairs).await
}

/// The API's path of the default brand.
async fn default_brand(admin: &mut Browser) -> String {
    let brands = admin.get("/api/v3/core/brands/?default=true").await.json();
    format!("/api/v3/core/brands/{}/", brands["results"][0]["brand_uuid"].as_str().unwrap())
}

/// Binds an application to a new group, whose name is given.
async fn bind_to_group(admin: &mut Browser, application: &str, group: &str, order: u8) {
    let group = admin.post("/api/v3/core/groups/", json!({"name": group})).await.json()["pk"].clone();
    let path = format!("/api/v3/core/applications/{application}/");
    let target = admin.get(&path).await.json()["pk"].clone();
    let sent = json!({"target": target, "group": group, "order": order});
    let bound = admin.post("/api/v3/policies/bindings/", sent).await;
    assert_eq!(bound.status, StatusCode::CREATED, "{}", bound.text());
}

/// The value of the form's token on a page.
fn csrf(page: &str) -> String {
    let start = page.find("name=\"csrf\" value=\"").expect("a form") + "name=\"csrf\" value=\"".len();
    page[start..].split('"').next().unwrap().to_owned()
}

/// An application with its provider; people are asked for consent. The number of the provider.
async fn application(admin: &mut Browser, name: &str) -> i64 {
    let flow = |slug: &str| format!("/api/v3/flows/instances/{slug}/");
    let authorization =
        admin.get(&flow("default-provider-authorization-explicit-consent")).await.json()["pk"].clone();
    let invalidation = admin.get(&flow("default-provider-invalidation-flow")).await.json()["pk"].clone();
    let mappings = admin.get("/api/v3/propertymappings/provider/scope/?page_size=100").await.json();
    let mappings: Vec<Json> =
        mappings["results"].as_array().unwrap().iter().map(|m| m["pk"].clone()).collect();
    let provider = json!({"name": name, "client_id": name, "authorization_flow": authorization, "invalidation_flow": invalidation, "property_mappings": mappings,
        "redirect_uris": [{"matching_mode": "strict", "url": "https://app.test/cb"}]});
    let made = admin.post("/api/v3/providers/oauth2/", provider).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let number = made.json()["pk"].as_i64().unwrap();
    let made = admin
        .post(
            "/api/v3/core/applications/",
            json!({"name": name, "slug": name, "provider": number, "meta_publisher": "Acme"}),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    number
}

fn authorize(client: &str) -> String {
    let pairs = [
        ("client_id", client),
        ("response_type", "code"),
        ("redirect_uri", "https://app.test/cb"),
        ("scope", "openid profile email offline_access"),
        ("state", "s"),
    ];
    format!("/application/o/authorize/?{}", query::build(pairs))
}

/// Follows redirects on this host; the last answer and its address.
async fn follow(browser: &mut Browser, path: &str) -> (String, String) {
    let mut at = path.to_owned();
    for _ in 0..10 {
        let answer = browser.get(&at).await;
        if !answer.status.is_redirection() || !answer.location().starts_with('/') {
            return (answer.text(), at);
        }
        at = answer.location().to_owned();
    }
    panic!("{path} leads nowhere");
}

#[tokio::test]
async fn pages_a3_a6_b9_consent_is_drawn_for_an_application_and_can_be_withdrawn() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        finish_first_run(&app).await;
        let mut admin = app.admin().await;
        let provider = application(&mut admin, "grafana").await;
        let ada = app.user("ada", PASSWORD).await;
        let mut browser = app.login("ada", PASSWORD).await;
        let (page, at) = follow(&mut browser, &authorize("grafana")).await;
        for said in [
            "Share your details with <bdi>grafana</bdi>?",
            "Run by <bdi>Acme</bdi>",
            "ada@example.test",
            "Person ada · ada",
            "Not you?",
        ] {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert!(!page.contains("General Profile") && !page.contains("%(app)s"));
        // Being somebody else comes back to the application.
        let switch = page
            .split("<a class=\"tap\" href=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .replace("&amp;", "&");
        assert!(
            switch.starts_with("/flows/-/default/invalidation/?next=")
                && query::value(&switch, "next").is_none_or(|n| n.contains("authorize")),
            "{switch}"
        );
        // The same address without a run that knows the application: nothing is offered, and nothing is said
        // that is not so.
        let over = browser.get("/flows/-/cancel/?next=/if/user/").await;
        assert_eq!(over.location(), "/if/user/");
        let late = browser.get(at.split('?').next().unwrap()).await.text();
        assert!(
            late.contains("This sign-in is over")
                && !late.contains("%(app)s")
                && !late.contains("Share and continue"),
            "{late}"
        );
        // A key that an application keeps is shown, and ended; by nobody else.
        let now = app.core.now();
        let token = |user: i64| GrantToken {
            id: 0,
            kind: TokenKind::Refresh,
            digest: format!("digest-{user}"),
            provider,
            user_id: user,
            session: None,
            family: Uuid::from_u128(user as u128),
            scope: "openid profile offline_access".into(),
            data: json!({}),
            issued: now,
            expires: now.plus(signet_base::Span::from_secs(86_400)),
            revoked: false,
            epoch: 0,
        };
        let eve = app.user("eve", PASSWORD).await;
        grants::insert(&app.core.db, &[token(ada.id), token(eve.id)]).await.unwrap();
        let page = browser.get(SETTINGS).await.text();
        assert!(
            page.contains("also while you are away") && !page.contains("No application has access."),
            "{page}"
        );
        let id = page
            .split("name=\"act\" value=\"withdraw\"")
            .nth(1)
            .unwrap()
            .split("name=\"id\" value=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let mut bob = {
            app.user("bob", PASSWORD).await;
            app.login("bob", PASSWORD).await
        };
        let foreign = csrf(&bob.get("/if/flow/default-user-settings-flow/").await.text());
        assert_eq!(
            bob.form(SETTINGS, &[("csrf", &foreign), ("act", "withdraw"), ("id", &id)]).await.status,
            StatusCode::NOT_FOUND
        );
        let answer =
            browser.form(SETTINGS, &[("csrf", &csrf(&page)), ("act", "withdraw"), ("id", &id)]).await;
        assert_eq!(answer.location(), "/if/user/security/?done=withdrawn");
        assert!(browser.get(SETTINGS).await.text().contains("No application has access."));
        assert!(
            grants::by_digest(&app.core.db, &format!("digest-{}", ada.id))
                .await
                .unwrap()
                .is_none_or(|t| t.revoked)
        );
        assert!(
            grants::by_digest(&app.core.db, &format!("digest-{}", eve.id))
                .await
                .unwrap()
                .is_some_and(|t| !t.revoked)
        );
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_a12_every_door_says_the_same() {
    let (app, mut admin, mut browser) = site(DbKind::Sqlite).await;
    application(&mut admin, "payroll").await;
    bind_to_group(&mut admin, "payroll", "Finance", 0).await;
    for door in [authorize("payroll"), "/application/launch/payroll/".to_owned()] {
        let answer = browser.get(&door).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let page = answer.text();
        let reason = "<bdi>payroll</bdi> is limited to the group <b class=\"strong\"><bdi>Finance</bdi></b>, and your account is not in it.";
        for said in
            ["You can’t open <bdi>payroll</bdi>", reason, ">ada<", "Sign in as somebody else", "Request id"]
        {
            assert!(page.contains(said), "{door}: {said}: {page}");
        }
        assert!(!page.contains("403"), "{door}");
        let again = page
            .split("href=\"/flows/-/default/invalidation/?next=")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert!(again.starts_with("%2Fapplication%2F"), "{again}");
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_a12_who_is_not_signed_in_is_offered_what_helps() {
    let app = App::start(DbKind::Sqlite).await;
    finish_first_run(&app).await;
    example(&app, "recovery-email").await;
    example(&app, "enrollment-invitation").await;
    let mut stranger = app.browser();
    let gone = stranger.get("/if/flow/default-recovery-flow/?flow_token=none").await.text();
    assert!(
        gone.contains("This link does not work any more")
            && gone.contains("Send a new link")
            && !gone.contains("Go to my applications"),
        "{gone}"
    );
    let (page, _) = follow(&mut app.browser(), "/if/flow/default-enrollment-invitation/").await;
    assert!(!page.contains("Invalid invite"), "{page}");
    // Opened by hand, a flow without anything to do says so.
    let nothing = app.browser().get("/if/flow/default-provider-invalidation-flow/").await.text();
    assert!(!nothing.contains("Unknown error") && !nothing.contains("%(app)s"), "{nothing}");
    // The first run is over: the way on is to sign in.
    let over = app.browser().get("/if/flow/initial-setup/").await.text();
    assert!(
        over.contains("the first run is over")
            && over.contains("/flows/-/cancel/?next=%2Fflows%2F-%2Fdefault%2Fauthentication%2F"),
        "{over}"
    );
    // Recovery says what it does, and leads back.
    let first = app.browser().get("/if/flow/default-recovery-flow/").await.text();
    assert!(first.contains("We send you a link") && first.contains("Back to sign-in"), "{first}");
    app.stop().await;
}

#[tokio::test]
async fn pages_a9_guide_g12_a_brand_is_what_people_see() {
    let app = App::start(DbKind::Sqlite).await;
    finish_first_run(&app).await;
    let mut admin = app.admin().await;
    let path = default_brand(&mut admin).await;
    let set = json!({"branding_title": "Fernhill", "branding_default_flow_background": "/media/hill.jpg", "attributes": {"settings": {"locale": "ar", "help": "help@fernhill.example", "theme": {"brand": "#0f766e"}}}});
    assert_eq!(admin.patch(&path, set).await.status, StatusCode::OK);
    let page = app.browser().get("/if/flow/default-authentication-flow/").await.text();
    assert!(page.contains("Fernhill") && !page.contains("Signet"), "{page}");
    assert!(
        page.contains("<html lang=\"en\" dir=\"ltr\"")
            && page.contains("--flow-image:url(\"/media/hill.jpg\")")
            && !page.contains("rosette")
    );
    let challenge = app.browser().challenge("default-authentication-flow", "").await;
    assert_eq!(challenge["flow_info"]["background"], "/media/hill.jpg");
    // A colour that would be ignored is refused, by name.
    for wrong in [json!("red"), json!("rgb(1,2,3)"), json!(7)] {
        let refused =
            admin.patch(&path, json!({"attributes": {"settings": {"theme": {"brand": wrong}}}})).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.json()["attributes"].to_string().contains("settings.theme.brand"),
            "{}",
            refused.text()
        );
    }
    for fine in [json!("#abc"), json!("oklch(0.5 0.1 20)"), json!(""), Json::Null] {
        assert_eq!(
            admin.patch(&path, json!({"attributes": {"settings": {"theme": {"brand": fine}}}})).await.status,
            StatusCode::OK
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn pages_a10_b13_nobody_is_called_after_another_product() {
    let app = App::start(DbKind::Sqlite).await;
    // The first run says who is made, and where.
    let first = app.browser().get("/if/flow/initial-setup/").await.text();
    for said in [
        "Create the first administrator",
        "You sign in with it.",
        "At least 8 characters",
        "Create administrator",
        "name=\"username\" type=\"text\" value=\"akadmin\" autocomplete=\"username\"",
        "You are at <bdi>http://",
    ] {
        assert!(first.contains(said), "{said}: {first}");
    }
    let user = users::by_username(&app.core.db, "akadmin").await.unwrap().unwrap();
    assert_eq!(user.name, "Administrator");
    assert_eq!(app.core.settings.mail.sender.from, "signet@localhost");
    app.stop().await;
}

#[tokio::test]
async fn pages_a1_b3_b6_details_and_passwords_are_changed_and_said() {
    each_database(|kind| async move {
        let (app, _, mut browser) = site(kind).await;
        let details = format!("/if/flow/default-user-settings-flow/?next={SETTINGS}");
        let page = browser.get(&details).await.text();
        assert!(
            !page.contains("<select") && page.contains("name=\"attributes.settings.locale\" value=\"\""),
            "{page}"
        );
        assert!(
            page.contains("href=\"/flows/-/cancel/?next=%2Fif%2Fuser%2Fsecurity%2F\">Cancel")
                && page.contains(">Save<")
                && !page.contains("Not you?"),
            "{page}"
        );
        let fields = [
            ("username", "ada"),
            ("name", "Ada Lovelace"),
            ("email", "ada@example.test"),
            ("attributes.settings.locale", ""),
        ];
        let saved = answer(&mut browser, &details, &page, "ak-stage-prompt", &fields).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text());
        let (page, at) = follow(&mut browser, saved.location()).await;
        assert!(
            at.starts_with(SETTINGS)
                && page.contains("Your details are saved.")
                && page.contains("Ada Lovelace"),
            "{at}: {page}"
        );
        // The way that password managers look for.
        let known = browser.get("/.well-known/change-password").await;
        assert!(
            known.status == StatusCode::FOUND && known.location().starts_with("/flows/-/configure/"),
            "{}",
            known.location()
        );
        let (page, at) = follow(&mut browser, "/.well-known/change-password").await;
        assert!(
            page.contains("At least 8 characters, hard to guess.")
                && page.contains("autocomplete=\"username\" value=\"ada\""),
            "{page}"
        );
        let twice = |password: &'static str| [("password", password), ("password_repeat", password)];
        let weak = answer(&mut browser, &at, &page, "ak-stage-prompt", &twice("password")).await;
        assert_eq!((weak.status, weak.location()), (StatusCode::SEE_OTHER, at.as_str()));
        let weak = browser.get(&at).await.text();
        assert!(weak.contains("id=\"f-password-error\"") && !weak.contains("role=\"alert\""), "{weak}");
        let done =
            answer(&mut browser, &at, &weak, "ak-stage-prompt", &twice("Difference-Engine-1822")).await;
        let (page, at) = follow(&mut browser, done.location()).await;
        assert!(page.contains("Your new password is saved."), "{at}: {page}");
        // Signing out ends on a page that says so.
        let (page, at) = follow(&mut browser, "/flows/-/default/invalidation/").await;
        assert!(
            at == "/if/ended/signed-out/"
                && page.contains("You are signed out")
                && page.contains("Sign in again"),
            "{at}: {page}"
        );
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn pages_b15_b25_b29_addresses_that_people_and_programs_open() {
    let app = App::start(DbKind::Sqlite).await;
    finish_first_run(&app).await;
    let mut browser = app.browser();
    let html = [("accept", "text/html,application/xhtml+xml")];
    assert_eq!(
        browser.send(Method::GET, "/", &html, "").await.location(),
        "/if/flow/default-authentication-flow/?next=%2F"
    );
    assert_eq!(browser.get("/").await.location(), "/flows/-/default/authentication/?next=/");
    let missing = browser.send(Method::GET, "/no-such", &html, "").await;
    assert!(
        missing.status == StatusCode::NOT_FOUND
            && missing.text().contains("<title>Error: There is nothing at this address · Signet</title>"),
        "{}",
        missing.text()
    );
    // Clients of the wire look for the brand's title.
    assert!(browser.get("/no-such").await.text().contains("<title>Signet</title>"));
    let robots = browser.get("/robots.txt").await;
    assert!(robots.status == StatusCode::OK && robots.text().contains("Disallow: /"));
    let icon = browser.get("/favicon.ico").await.location().to_owned();
    assert_eq!(browser.get(&icon).await.status, StatusCode::OK, "{icon}");
    assert_eq!(browser.get("/.well-known/change-password").await.status, StatusCode::FOUND);
    assert!(browser.get("/if/ended/deleted/").await.text().contains("Your account is deleted"));
    assert_eq!(browser.get("/if/ended/nonsense/").await.status, StatusCode::NOT_FOUND);
    app.stop().await;
}

#[tokio::test]
async fn pages_b14_pages_without_secrets_are_packed_and_the_document_is_known_again() {
    let (app, _, mut browser) = site(DbKind::Sqlite).await;
    let gzip = [("accept-encoding", "gzip")];
    let schema = browser.send(Method::GET, "/api/v3/schema/?format=json", &gzip, "").await;
    assert!(
        schema.header("content-encoding") == "gzip" && schema.body.len() < 120_000,
        "{} bytes",
        schema.body.len()
    );
    let again = browser
        .send(Method::GET, "/api/v3/schema/?format=json", &[("if-none-match", schema.header("etag"))], "")
        .await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(browser.send(Method::GET, "/if/user/", &gzip, "").await.header("content-encoding"), "gzip");
    // What somebody else can write into a page must not be packed with what is secret in it.
    for mixed in ["/if/user/?q=x", SETTINGS, "/if/flow/default-user-settings-flow/"] {
        assert_eq!(
            browser.send(Method::GET, mixed, &gzip, "").await.header("content-encoding"),
            "",
            "{mixed}"
        );
    }
    app.stop().await;
}
