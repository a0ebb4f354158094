//! Rows beside the directory (sessions, consents, grants, scores, invitations): whoever changes or deletes one by hand leaves an
//! event in the same commit. What events of accounts tell follows from the declaration of the table.
use crate::app::App;
use crate::flows::finished;
use crate::site::{Browser, Site, each_site};
use crate::writer::{newest, told};
use http::{Method, StatusCode};
use signet_base::{Json, Span, json};
use signet_model::ColumnKind;
use signet_store::consents::{self, Consent};
use signet_store::reputation::{self, Limits, Reputation};
use signet_store::table::Record;
use signet_store::users::User;
use signet_store::{DbKind, events, roles};
use std::sync::Arc;

/// Lists, the member of a row that is its key, and the model that its events name.
const ROWS: [(&str, &str, &str); 7] = [
    ("oauth2/authorization_codes", "pk", "authorizationcode"),
    ("oauth2/access_tokens", "pk", "accesstoken"),
    ("oauth2/refresh_tokens", "pk", "refreshtoken"),
    ("core/user_consent", "pk", "userconsent"),
    ("core/authenticated_sessions", "uuid", "authenticatedsession"),
    ("policies/reputation/scores", "pk", "reputation"),
    ("stages/invitation/invitations", "pk", "invitation"),
];

/// One row of each.
async fn filled(site: &Arc<Site>) -> Browser {
    finished(site).await;
    let (core, now) = (&site.core, site.core.now());
    let alice = site.user("alice", &[]).await;
    let app = App::new(site, "app", json!({})).await;
    let browser = site.browser().signed_in("alice").await;
    app.tokens(&browser).await;
    app.code(&browser, &[]).await;
    let consent = Consent {
        id: 0,
        user_id: alice,
        application: app.application.pk,
        permissions: "openid".into(),
        expires: None,
        created: now,
    };
    consents::put(&core.db, &consent).await.unwrap();
    let score = Reputation {
        id: core.ports.uuid(),
        identifier: "alice".into(),
        ip: "192.0.2.1".into(),
        geo: Default::default(),
        asn: Default::default(),
        score: -1,
        updated: now,
        expires: Some(now.plus(Span::DAY)),
    };
    reputation::add_behind(&core.db, &score, Limits { lower: -5, upper: 5 }).await.unwrap();
    let admin = site.admin().await;
    let sent = json!({"name": "friends", "fixed_data": {"name": "x"}});
    let made = admin.json(Method::POST, "/api/v3/stages/invitation/invitations/", &sent).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    core.db.flush().await.unwrap();
    admin
}

/// While this holds no deletion can be told, on either database in words of a conflict.
async fn refuse_events(site: &Site, refuse: bool) {
    let db = &site.core.db;
    let statements: &[&str] = match (db.kind(), refuse) {
        (DbKind::Sqlite, true) => {
            &["CREATE TRIGGER refused BEFORE INSERT ON event WHEN new.action = 'model_deleted' \
            BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: event.id'); END"]
        }
        (DbKind::Sqlite, false) => &["DROP TRIGGER refused"],
        (DbKind::Postgres, true) => &[
            "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            RAISE EXCEPTION USING ERRCODE = 'unique_violation', CONSTRAINT = 'event__id'; END $$",
            "CREATE TRIGGER refused BEFORE INSERT ON event FOR EACH ROW WHEN (new.action = 'model_deleted') EXECUTE FUNCTION refused()",
        ],
        (DbKind::Postgres, false) => &["DROP TRIGGER refused ON event"],
    };
    for sql in statements {
        db.execute(*sql, vec![]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_a_row_that_is_deleted_by_hand_leaves_its_event() {
    each_site(|site| async move {
        let admin = filled(&site).await;
        for (path, key, model) in ROWS {
            let list = admin.get(&format!("/api/v3/{path}/")).await.json();
            let key =
                &list["results"].as_array().and_then(|all| all.last()).unwrap_or_else(|| panic!("{path}"))
                    [key];
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            let at = format!("/api/v3/{path}/{key}/");
            let gone = admin.json(Method::DELETE, &at, &json!({})).await;
            assert_eq!(gone.status, StatusCode::NO_CONTENT, "{at}: {}", gone.body);
            assert_eq!(admin.get(&at).await.status, StatusCode::NOT_FOUND, "{at}");
            let event = newest(&site, "model_deleted", model).await;
            assert_eq!(event["user"]["username"], "akadmin", "{event}");
            assert_eq!(event["app"], "authentik.events.middleware", "{event}");
            let named = &event["context"]["model"]["pk"];
            // An invitation is named by a digest: its key would admit the reader.
            let is_named =
                named.as_str().map_or_else(|| named.to_string(), str::to_owned) == key.replace('-', "");
            assert_eq!(is_named, model != "invitation", "{event}");
            assert_eq!(told(&site, "model_deleted", model).await.len(), 1);
            // What is gone is not deleted again.
            assert_eq!(
                admin.json(Method::DELETE, &at, &json!({})).await.status,
                StatusCode::NOT_FOUND,
                "{at}"
            );
            assert_eq!(told(&site, "model_deleted", model).await.len(), 1);
        }
    })
    .await;
}

/// The event is a part of the commit: what cannot be told is not done.
#[tokio::test(flavor = "multi_thread")]
async fn core_writer_a_row_stays_where_its_event_cannot_be_written() {
    each_site(|site| async move {
        let admin = filled(&site).await;
        let mut rows = Vec::new();
        for (path, key, _) in ROWS {
            let list = admin.get(&format!("/api/v3/{path}/")).await.json();
            let key = &list["results"].as_array().unwrap().last().unwrap()[key];
            let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            rows.push(format!("/api/v3/{path}/{key}/"));
        }
        refuse_events(&site, true).await;
        for at in &rows {
            let answer = admin.json(Method::DELETE, at, &json!({})).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{at}: {}", answer.body);
            assert_eq!(admin.get(at).await.status, StatusCode::OK, "{at}");
        }
        refuse_events(&site, false).await;
        for at in &rows {
            assert_eq!(
                admin.json(Method::DELETE, at, &json!({})).await.status,
                StatusCode::NO_CONTENT,
                "{at}"
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_all_sessions_of_people_end_in_one_commit_with_their_events() {
    each_site(|site| async move {
        finished(&site).await;
        let (alice, bob) = (site.user("alice", &[]).await, site.user("bob", &[]).await);
        let browsers = [
            site.browser().signed_in("alice").await,
            site.browser().signed_in("alice").await,
            site.browser().signed_in("bob").await,
        ];
        let kim = site.user("kim", &[]).await;
        let stays = site.browser().signed_in("kim").await;
        let admin = site.admin().await;
        let at = "/api/v3/core/authenticated_sessions/bulk_delete/";
        // Somebody who does not exist is no obstacle.
        let gone = admin
            .json(
                Method::DELETE,
                &format!("{at}?user_pks={alice}&user_pks=999999&user_pks={bob}"),
                &json!({}),
            )
            .await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
        for browser in &browsers {
            assert!(!browser.is_signed_in().await);
        }
        assert!(stays.is_signed_in().await, "{kim}");
        let events = told(&site, "model_deleted", "authenticatedsession").await;
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|event| event.user["username"] == "akadmin"));
        // A person ends the other sessions on the settings page: the own one stays and has no event.
        let other = site.browser().signed_in("kim").await;
        let page = stays.get("/if/user/security/").await.body;
        let csrf = page.split_once("name=\"csrf\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        let done = stays.form("/if/user/security/", &[("csrf", &csrf), ("act", "sign_out_others")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
        assert!(stays.is_signed_in().await && !other.is_signed_in().await);
        let events = told(&site, "model_deleted", "authenticatedsession").await;
        assert_eq!((events.len(), &events[0].user["username"]), (4, &json!("kim")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_an_invitation_tells_what_has_changed_and_keeps_its_key() {
    each_site(|site| async move {
        let admin = filled(&site).await;
        let path = "/api/v3/stages/invitation/invitations/";
        let key = admin.get(path).await.json()["results"][0]["pk"].as_str().unwrap().to_owned();
        let at = format!("{path}{key}/");
        let sent = json!({"name": "family", "fixed_data": {"name": "y", "password": "an offered password"}});
        let changed = admin.json(Method::PATCH, &at, &sent).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
        let event = newest(&site, "model_updated", "invitation").await;
        let diff = &event["context"]["diff"];
        assert_eq!(diff["name"], json!({"previous_value": "friends", "new_value": "family"}), "{event}");
        assert!(diff["fixed_data"].is_object() && diff.get("flow").is_none(), "{event}");
        // No event, and no permission, has the key or what is offered in secret.
        let role = site.create("authentik_rbac.role", json!({"name": "r"})).await.pk;
        let permission = "authentik_stages_invitation.view_invitation".to_owned();
        let author = signet_core::directory::Author::system();
        signet_core::permission::assign(&site.core, &author, role, &[permission], Some(&key)).await.unwrap();
        let plain = key.replace('-', "");
        let held = roles::permissions(&site.core.db, role).await.unwrap();
        assert!(held.len() == 1 && !held[0].object.is_empty() && !held[0].object.contains(&key), "{held:?}");
        let dora = site.user("dora", &[]).await;
        site.core.db.batch(roles::give_user_batch(dora, role)).await.unwrap();
        for row in site.core.db.query("SELECT id FROM event", vec![]).await.unwrap() {
            let event = events::by_id(&site.core.db, row.uuid(0).unwrap()).await.unwrap().unwrap();
            let mut context = event.context;
            context.remove("http_request");
            let text = Json::Object(context).to_string();
            assert!(
                !text.contains(&key) && !text.contains(&plain) && !text.contains("an offered password"),
                "{text}"
            );
        }
        // The permission works, and goes with the invitation.
        let program = site.api(dora).await;
        assert_eq!(program.get(&at).await.status, StatusCode::OK);
        assert_eq!(program.get(path).await.json()["pagination"]["count"], 1);
        let gone = admin.json(Method::DELETE, &at, &json!({})).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
        assert!(roles::permissions(&site.core.db, role).await.unwrap().is_empty());
    })
    .await;
}

/// A column that callers write needs no further place to be told.
#[tokio::test(flavor = "multi_thread")]
async fn core_rows_every_column_of_users_that_callers_write_is_told() {
    each_site(|site| async move {
        finished(&site).await;
        let alice = site.user("alice", &[]).await;
        let admin = site.admin().await;
        let columns: Vec<_> = User::TABLE
            .columns
            .iter()
            .filter(|c| !c.field.hidden && !c.field.read_only && !c.field.secret)
            .collect();
        let mut sent = json!({});
        for column in &columns {
            sent[column.field.name] = match (column.field.name, column.kind) {
                ("email", _) => json!("other@example.test"),
                ("type", _) => json!("external"),
                (_, ColumnKind::Flag) => json!(false),
                (_, ColumnKind::Json) => json!({"color": "red"}),
                (_, ColumnKind::Int) => json!(7),
                _ => json!("other"),
            };
        }
        let changed = admin.json(Method::PATCH, &format!("/api/v3/core/users/{alice}/"), &sent).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
        let diff = newest(&site, "model_updated", "user").await["context"]["diff"].clone();
        assert!(columns.len() >= 7);
        for column in &columns {
            let name = column.field.name;
            assert_eq!(diff[name]["new_value"], sent[name], "{name}: {diff}");
        }
        let told: Vec<&String> = diff.as_object().unwrap().keys().collect();
        assert_eq!(told.len(), columns.len(), "and nothing that nobody writes: {told:?}");
    })
    .await;
}

/// A token for a machine leaves the event of a sign-in. It is written behind, as the token is.
#[tokio::test(flavor = "multi_thread")]
async fn core_writer_machine_grants_leave_the_event_of_a_sign_in() {
    each_site(|site| async move {
        finished(&site).await;
        let app = App::new(&site, "app", json!({})).await;
        let sign_ins = async || {
            site.core.db.flush().await.unwrap();
            let sql = "SELECT id FROM event WHERE action = 'login' AND app = 'authentik.providers.oauth2' ORDER BY number";
            let mut all = Vec::new();
            for row in site.core.db.query(sql, vec![]).await.unwrap() {
                all.push(events::by_id(&site.core.db, row.uuid(0).unwrap()).await.unwrap().unwrap());
            }
            all
        };
        for (count, kind) in (1..).zip(["client_credentials", "password"]) {
            let answer = app.token(&[("grant_type", kind)]).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.body);
            let all = sign_ins().await;
            assert_eq!(all.len(), count, "{kind}");
            let event = all.last().unwrap();
            assert_eq!(event.user["username"], "ak-app-client_credentials", "{kind}");
            let provider = &event.context["auth_method_args"]["provider"];
            assert_eq!((&provider["model_name"], &provider["name"]), (&json!("oauth2provider"), &json!("app")), "{kind}");
        }
        // Who is refused has not signed in.
        let refused = site.browser().form("/application/o/token/", &[("client_id", "app"), ("client_secret", "wrong"), ("grant_type", "client_credentials")]).await;
        assert!(refused.status.is_client_error(), "{}", refused.body);
        assert_eq!(sign_ins().await.len(), 2);
    })
    .await;
}
