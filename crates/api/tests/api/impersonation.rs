//! Acting as somebody else by `/core/users/<id>/impersonate/`.
use crate::support::{ADMIN, App, PLAIN};
use signet_base::{Json, Span, json};
use signet_store::grants::{self, GrantToken, TokenKind};
use signet_store::testdb::{each_database, sqlite};
use signet_store::{ListQuery, events};
use signet_store::{groups, sessions, users};
use std::collections::HashMap;
use std::sync::Mutex;

/// Keeps its cookies as a browser does.
struct Browser<'a> {
    app: &'a App,
    jar: Mutex<HashMap<String, String>>,
}

impl<'a> Browser<'a> {
    async fn of(app: &'a App, user: i64) -> Self {
        let (cookies, csrf) = app.browser(user).await;
        let jar: HashMap<_, _> = cookies
            .split("; ")
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let me = Self { app, jar: Mutex::new(jar) };
        me.jar.lock().unwrap().insert("authentik_csrf".to_owned(), csrf);
        me
    }
    fn cookies(&self) -> String {
        self.jar
            .lock()
            .unwrap()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }
    async fn send(&self, method: &str, path: &str, body: Json) -> (u16, Json) {
        let (cookies, csrf) = (self.cookies(), self.jar.lock().unwrap()["authentik_csrf"].clone());
        let headers =
            [("cookie", cookies.as_str()), ("x-authentik-csrf", &csrf), ("content-type", "application/json")];
        let answer = self
            .app
            .send(method, path, &headers, if body.is_null() { String::new() } else { body.to_string() })
            .await;
        for cookie in answer.headers.get_all("set-cookie") {
            if let Some((name, value)) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=') {
                self.jar.lock().unwrap().insert(name.to_owned(), value.to_owned());
            }
        }
        (answer.status, answer.body)
    }
    async fn get(&self, path: &str) -> (u16, Json) {
        self.send("GET", path, Json::Null).await
    }
    async fn post(&self, path: &str, body: Json) -> (u16, Json) {
        self.send("POST", path, body).await
    }
    async fn act(&self, user: i64) -> (u16, Json) {
        self.post(&format!("/core/users/{user}/impersonate/"), json!({"reason": "help"})).await
    }
    async fn name(&self) -> String {
        self.get("/core/users/me/").await.1["user"]["username"].as_str().unwrap_or_default().to_owned()
    }
}

/// Who each event of an action names, and for whom it was.
async fn said(app: &App, action: &str) -> Vec<(Json, Json)> {
    let (list, _) =
        events::list(&app.core.db, &ListQuery::default().equal("action", action), None).await.unwrap();
    list.iter()
        .map(|e| {
            (
                e.user["username"].clone(),
                e.user.get("on_behalf_of").map_or(Json::Null, |p| p["username"].clone()),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_acts_as_somebody_and_stops() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let browser = Browser::of(&app, app.admin).await;
        assert_eq!(browser.act(app.plain).await, (204, Json::Null));
        let (status, me) = browser.get("/core/users/me/").await;
        assert_eq!(
            (status, &me["user"]["username"], &me["original"]["username"]),
            (200, &json!("plain"), &json!("akadmin"))
        );
        assert_eq!(
            (&me["user"]["is_superuser"], &me["original"]["is_superuser"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(browser.get("/core/users/").await.0, 403, "the rights are those of the other person");
        assert_eq!(said(&app, "impersonation_started").await, [(json!("akadmin"), json!("plain"))]);
        assert_eq!(
            browser.post("/core/tokens/", json!({"identifier": "mine", "intent": "api"})).await.0,
            201
        );
        assert_eq!(
            said(&app, "model_created").await[0],
            (json!("akadmin"), json!("plain")),
            "what is done is recorded under the own name"
        );

        // The session stays the administrator's.
        assert_eq!(sessions::of_user(&app.core.db, app.plain).await.unwrap().len(), 0);
        assert_eq!(sessions::of_user(&app.core.db, app.admin).await.unwrap().len(), 1);

        assert_eq!(browser.get("/core/users/impersonate_end/").await, (204, Json::Null));
        let (_, me) = browser.get("/core/users/me/").await;
        assert_eq!((&me["user"]["username"], me.get("original")), (&json!("akadmin"), None));
        assert_eq!(said(&app, "impersonation_ended").await, [(json!("akadmin"), Json::Null)]);
        assert_eq!(browser.get("/core/users/impersonate_end/").await.0, 204, "nothing to end is no error");
        assert_eq!(said(&app, "impersonation_ended").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn only_administrators_with_a_reason_a_session_and_another_active_account_may() {
    let app = App::start(sqlite().await).await;
    let browser = Browser::of(&app, app.admin).await;
    let path = format!("/core/users/{}/impersonate/", app.plain);
    assert_eq!(browser.post(&path, json!({})).await, (400, json!({"reason": "This field is required."})));
    assert_eq!(browser.post(&path, json!({"reason": " "})).await.0, 400);
    assert_eq!(browser.act(app.admin).await.0, 401, "oneself");
    assert_eq!(browser.act(987_654).await.0, 404);
    assert_eq!(
        app.call(Some(ADMIN), "POST", &path, Some(json!({"reason": "x"}))).await.status,
        400,
        "a token has no session"
    );
    assert_eq!(app.call(Some(PLAIN), "POST", &path, Some(json!({"reason": "x"}))).await.status, 403);
    assert_eq!(app.call(None, "POST", &path, Some(json!({"reason": "x"}))).await.status, 403);
    assert_eq!(Browser::of(&app, app.plain).await.act(app.admin).await.0, 403);
    let forged = app
        .send(
            "POST",
            &path,
            &[("cookie", &browser.cookies()), ("content-type", "application/json")],
            json!({"reason": "x"}).to_string(),
        )
        .await;
    assert_eq!(forged.status, 403, "without the token of the session");
    assert_eq!(
        app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"is_active": false})).await.status,
        200
    );
    assert_eq!(browser.act(app.plain).await.0, 400, "not active");
    assert_eq!(browser.name().await, "akadmin");
    assert!(said(&app, "impersonation_started").await.is_empty());
    assert_eq!(
        app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"is_active": true})).await.status,
        200
    );
    assert_eq!(app.admin("PATCH", "/admin/settings/", json!({"impersonation": false})).await.status, 200);
    assert_eq!(browser.act(app.plain).await.0, 401, "turned off");
    let calm = json!({"impersonation": true, "impersonation_require_reason": false});
    assert_eq!(app.admin("PATCH", "/admin/settings/", calm).await.status, 200);
    assert_eq!(browser.post(&path, json!({})).await.0, 204, "a reason is not asked for any more");
    assert_eq!(browser.act(app.plain).await.0, 403, "the other person may not");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_judged_with_every_request() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let browser = Browser::of(&app, app.admin).await;
        browser.act(app.plain).await;
        assert_eq!(browser.name().await, "plain");
        // The setting is turned off: the session is its owner's own.
        app.admin("PATCH", "/admin/settings/", json!({"impersonation": false})).await;
        assert_eq!(browser.name().await, "akadmin");
        app.admin("PATCH", "/admin/settings/", json!({"impersonation": true})).await;
        assert_eq!(browser.name().await, "plain");
        // The account is deactivated, then gone.
        app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"is_active": false})).await;
        assert_eq!(browser.name().await, "akadmin");
        app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"is_active": true})).await;
        assert_eq!(browser.name().await, "plain");
        // The administrator is none any more: they are themselves, and may not begin again.
        users::leave_group(&app.core.db, app.admin, app.admins.id).await.unwrap();
        assert_eq!(browser.name().await, "akadmin");
        assert_eq!(browser.act(app.plain).await.0, 403);
        users::join_group(&app.core.db, app.admin, app.admins.id).await.unwrap();
        users::delete(&app.core.db, app.plain).await.unwrap();
        assert_eq!(browser.name().await, "akadmin");
        // An administrator whose account ends takes the session along.
        let other =
            users::insert(&app.core.db, &users::User::new(&app.core.ports, "other"), &[app.admins.id])
                .await
                .unwrap();
        assert!(groups::is_superuser(&app.core.db, &[other]).await.unwrap().contains(&other));
        let theirs = Browser::of(&app, other).await;
        assert_eq!(theirs.act(app.admin).await.0, 204);
        assert_eq!(theirs.act(other).await.0, 400, "one after the other, not inside each other");
        app.admin("PATCH", &format!("/core/users/{other}/"), json!({"is_active": false})).await;
        assert_eq!(theirs.get("/core/users/me/").await.0, 403);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_granted_meanwhile_ends_with_it() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let grant = |session| {
            let now = app.core.now();
            let digest = app.core.ports.uuid().to_string();
            let family = app.core.ports.uuid();
            let (kind, expires) = (TokenKind::Refresh, now.plus(Span::DAY));
            GrantToken {
                id: 0,
                kind,
                digest,
                provider: 1,
                user_id: app.plain,
                session: Some(session),
                family,
                scope: "openid".into(),
                data: json!({}),
                issued: now,
                expires,
                revoked: false,
                epoch: 0,
            }
        };
        let alive = async |token: &GrantToken| {
            grants::by_digest(&app.core.db, &token.digest).await.unwrap().is_some_and(|found| !found.revoked)
        };
        // By stopping, by the end of the session from outside, and by the end of all of the administrator's
        // sessions.
        for end in ["stop", "delete", "end_all"] {
            let browser = Browser::of(&app, app.admin).await;
            let session = async || sessions::of_user(&app.core.db, app.admin).await.unwrap()[0].uuid;
            let before = session().await;
            let own = GrantToken { user_id: app.admin, ..grant(before) };
            grants::insert(&app.core.db, std::slice::from_ref(&own)).await.unwrap();
            browser.act(app.plain).await;
            let session = session().await;
            assert_ne!(session, before);
            let granted = grant(session);
            grants::insert(&app.core.db, std::slice::from_ref(&granted)).await.unwrap();
            assert!(alive(&granted).await, "{end}");
            match end {
                "stop" => assert_eq!(browser.get("/core/users/impersonate_end/").await.0, 204),
                "delete" => assert_eq!(
                    app.call(
                        Some(ADMIN),
                        "DELETE",
                        &format!("/core/authenticated_sessions/{session}/"),
                        None
                    )
                    .await
                    .status,
                    204
                ),
                _ => signet_core::session::end_all(&app.core, app.admin, None).await.unwrap(),
            }
            assert!(!alive(&granted).await, "{end}");
            assert!(alive(&own).await, "{end}: what the administrator was given before stays");
            sessions::delete_for_user(&app.core.db, app.admin, None).await.unwrap();
        }
    })
    .await;
}
