//! What lies in files and tables gives nobody a way in.
use signet_base::{Json, query};
use signet_blueprints::{Source, apply, shipped};
use signet_core::directory::Author;
use signet_core::setup;
use signet_store::DbKind;
use signet_testkit::{App, Browser, MailSink, Setup, each_database, json};
use std::time::Duration;

const PASSWORD: &str = "typed-at-the-sign-in-by-ada-1";
const PROMPTED: &str = "typed-into-a-form-by-eve-2";
const CLIENT_SECRET: &str = "the-secret-of-the-wiki-which-is-long-enough-3";
const SMTP_PASSWORD: &str = "the-password-of-a-mail-stage-4";
const BACK: &str = "https://wiki.example.com/callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-everybody-0123456789";

/// Everything that is kept: every row of every table, and where there is one every file of the database.
async fn kept(app: &App) -> Vec<(String, String)> {
    let db = &app.core.db;
    db.flush().await.unwrap();
    let tables = match app.setup.options().database {
        signet_server::config::Database::Sqlite(_) => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        }
        signet_server::config::Database::Postgres(_) => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        }
    };
    let mut all = Vec::new();
    for table in db.scan(tables, vec![]).await.unwrap() {
        let name = table.text(0).unwrap();
        for row in db.scan(&format!("SELECT * FROM {name}"), vec![]).await.unwrap() {
            let columns = (0..row.len()).map(|i| row.text(i).unwrap_or_default());
            all.push((format!("table {name}"), columns.collect::<Vec<_>>().join("\n")));
        }
    }
    for entry in std::fs::read_dir(app.setup.options().data_dir).into_iter().flatten().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        all.push((
            format!("file {}", entry.file_name().display()),
            String::from_utf8_lossy(&bytes).into_owned(),
        ));
    }
    all
}

/// The first link of a mail: path with query.
fn link(mail: &str) -> String {
    let at = mail.find("/if/flow/").unwrap_or_else(|| panic!("no link in {mail}"));
    mail[at..].chars().take_while(|c| !c.is_whitespace() && !matches!(c, '"' | '<' | ')')).collect()
}

async fn application(app: &App) {
    let text = format!(
        "version: 1\nentries:\n\
        - {{model: authentik_providers_oauth2.oauth2provider, id: p, identifiers: {{name: Wiki}}, attrs: {{client_id: wiki, client_secret: {CLIENT_SECRET}, \
          redirect_uris: [{{matching_mode: strict, url: '{BACK}'}}], \
          authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-implicit-consent]], \
          invalidation_flow: !Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]], \
          property_mappings: [!Find [authentik_providers_oauth2.scopemapping, [managed, goauthentik.io/providers/oauth2/scope-offline_access]]]}}}}\n\
        - {{model: authentik_core.application, identifiers: {{slug: wiki}}, attrs: {{name: Wiki, provider: !KeyOf p}}}}\n\
        - {{model: authentik_stages_email.emailstage, identifiers: {{name: own-server}}, attrs: {{use_global_settings: false, password: {SMTP_PASSWORD}}}}}\n"
    );
    apply(&app.core, &Source::new("wiki", &text), &Author::system()).await.unwrap();
}

/// A code and its tokens.
async fn tokens(browser: &mut Browser) -> Vec<(&'static str, String)> {
    let challenge = signet_jose::pkce_s256(VERIFIER);
    let asked = [
        ("response_type", "code"),
        ("client_id", "wiki"),
        ("redirect_uri", BACK),
        ("scope", "openid offline_access"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let mut at = format!("/application/o/authorize/?{}", query::build(asked));
    for _ in 0..5 {
        at = browser.get(&at).await.location().to_owned();
        if at.starts_with(BACK) {
            break;
        }
    }
    let code =
        query::value(at.split_once('?').unwrap_or_else(|| panic!("no way back: {at}")).1, "code").unwrap();
    let sent = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", BACK),
        ("client_id", "wiki"),
        ("client_secret", CLIENT_SECRET),
        ("code_verifier", VERIFIER),
    ];
    let answer = browser.form("/application/o/token/", &sent).await.json();
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}")).to_owned();
    vec![
        ("a code", code),
        ("an access token", text("access_token")),
        ("a refresh token", text("refresh_token")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_11_no_file_and_no_table_holds_a_secret_in_the_clear() {
    each_database(|kind| async move {
        let sink = MailSink::start(Duration::ZERO).await;
        let setup = Setup::new(kind).await.with("AUTHENTIK_EMAIL__HOST", "127.0.0.1").with("AUTHENTIK_EMAIL__PORT", &sink.port.to_string());
        let app = setup.with("AUTHENTIK_WEB__BASE_URL", "https://id.example.test").start().await.unwrap();
        let mut known: Vec<(&str, String)> = vec![
            ("a password", PASSWORD.into()),
            ("a typed password", PROMPTED.into()),
            ("a client secret", CLIENT_SECRET.into()),
            ("a mail password", SMTP_PASSWORD.into()),
            ("the secret key", "the secret key of tests, which no installation uses".into()),
        ];
        known.push(("the set-up code", setup::code(&app.core).await.unwrap().unwrap().reveal().to_owned()));
        setup::finish(&app.core).await.unwrap();
        for name in ["example/flow-enrollment-invitation.yaml", "example/flow-recovery-email.yaml"] {
            apply(&app.core, &Source::new(name, shipped(name).unwrap()), &Author::system()).await.unwrap();
        }
        application(&app).await;

        // Somebody signs in, gets tokens of an application, and an API key.
        app.user("ada", PASSWORD).await;
        let mut ada = app.login("ada", PASSWORD).await;
        known.extend(tokens(&mut ada).await);
        known.extend(ada.cookies.get("authentik_session").map(|cookie| ("a session cookie", cookie.clone())));
        let mut admin = app.admin().await;
        let made = admin.post("/api/v3/core/tokens/", json!({"identifier": "robot", "intent": "api"})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let key = admin.get("/api/v3/core/tokens/robot/view_key/").await.json();
        known.push(("an API key", key["key"].as_str().unwrap().to_owned()));

        // An invitation, taken up as far as the second form.
        let made = admin.post("/api/v3/stages/invitation/invitations/", json!({"name": "guest", "single_use": false})).await.json();
        let invitation = made["pk"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let (mut eve, itoken) = (app.browser(), format!("itoken={invitation}"));
        known.push(("an invitation", invitation.clone()));
        // The stage that takes the invitation asks nothing.
        eve.challenge("enrollment-invitation", &itoken).await;
        let first = eve.challenge("enrollment-invitation", &itoken).await;
        assert_eq!(first["component"], "ak-stage-prompt", "{first}");
        let sent = json!({"component": "ak-stage-prompt", "username": "eve", "password": PROMPTED, "password_repeat": PROMPTED});
        let second = eve.answer("enrollment-invitation", &itoken, sent).await;
        assert!(second["component"] == "ak-stage-prompt" && second["response_errors"] == Json::Null, "{second}");

        // A link by mail, opened and not used: programs that scan mails do that.
        let mut lost = app.browser();
        lost.challenge("default-recovery-flow", "").await;
        lost.answer("default-recovery-flow", "", json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
        let path = link(&sink.next().await.expect("a mail"));
        let flow_token = query::value(path.split_once('?').unwrap().1, "flow_token").unwrap();
        known.push(("the key of a link", flow_token.clone()));
        let mut scanner = app.browser();
        assert_eq!(scanner.get(&path).await.status, 200, "{path}");

        // Sessions of strangers are written a moment later.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let all = kept(&app).await;
        // What is looked through is what there is.
        assert!(all.iter().any(|(_, text)| text.contains("ada@example.test")) && all.iter().any(|(place, _)| place == "table session"));
        assert_eq!(kind == DbKind::Sqlite, all.iter().any(|(place, text)| place.starts_with("file signet.sqlite") && text.contains("ada@example.test")));
        let private = "PRIVATE KEY".to_owned();
        for (what, secret) in known.iter().chain([&("a private key", private)]) {
            for (place, text) in &all {
                // The key file is the one place for the key that it is made of; here a variable gave another.
                assert!(!text.contains(secret.as_str()), "{what} is in {place}");
            }
        }

        // And all of it still works.
        let mut eve_now = eve.clone();
        let done = eve_now.answer("enrollment-invitation", &itoken, json!({"component": "ak-stage-prompt", "name": "Eve", "email": "eve@example.test"})).await;
        assert_eq!(done["component"], "xak-flow-redirect", "{done}");
        let inner = format!("flow_token={flow_token}");
        let question = scanner.challenge("default-recovery-flow", &inner).await;
        assert_eq!(question["component"], "ak-stage-consent", "{question}");
        let next = scanner.answer("default-recovery-flow", &inner, json!({"component": "ak-stage-consent", "token": question["token"]})).await;
        assert_eq!(next["component"], "ak-stage-prompt", "{next}");
        app.stop().await;
    })
    .await;
}
