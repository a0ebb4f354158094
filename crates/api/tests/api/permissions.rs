//! Every route, tried by a stranger, by a plain user and by a superuser.
use crate::support::{ADMIN, App, PLAIN};
use http::Method;
use signet_base::{Json, json};
use signet_rest::Permission;
use signet_store::testdb::{each_database, sqlite};

/// The key of an object that is not the plain user's, where the list of a path has one.
async fn foreign_key(app: &App, path: &str) -> Option<String> {
    let (before, rest) = path.split_once('{')?;
    let name = rest.split('}').next()?;
    // These lists are of permissions, by a model that they ask for.
    let before = match before {
        "rbac/permissions/assigned_by_roles/" => "rbac/roles/",
        "rbac/permissions/assigned_by_users/" => "core/users/",
        other => other,
    };
    let list = app.admin("GET", &format!("/{before}?page_size=100"), Json::Null).await.body;
    let foreign = |one: &&Json| {
        one.get("user").is_none_or(|user| user == &json!(app.admin) || user["pk"] == json!(app.admin))
            && one["pk"] != json!(app.plain)
    };
    let one = list["results"].as_array()?.iter().find(foreign)?;
    let key = [name, "pk", "identifier", "slug"].iter().find_map(|n| one.get(*n))?;
    Some(key.as_str().map_or_else(|| key.to_string(), str::to_owned))
}

/// Rows that only a run of a flow, a protocol or a job makes: security_rows tries them over a whole server.
const WITHOUT_OBJECTS: [&str; 12] = [
    "authenticators/",
    "core/user_consent/",
    "oauth2/",
    "policies/",
    "propertymappings/",
    "providers/",
    "rbac/initial_permissions/",
    "schemas/",
    "sources/",
    "stages/",
    "tasks/",
    "admin/",
];

#[tokio::test]
async fn every_route_is_refused_to_whom_it_does_not_belong() {
    let app = App::start(sqlite().await).await;
    let table = signet_api::table(&app.core.registry, Vec::new(), 0);
    for (path, sent) in [
        ("/stages/deny/", json!({"name": "deny"})),
        (
            "/flows/instances/",
            json!({"name": "f", "slug": "f", "title": "f", "designation": "authentication"}),
        ),
        ("/core/applications/", json!({"name": "a", "slug": "a"})),
        ("/core/brands/", json!({"domain": "brand.test"})),
    ] {
        let made = app.admin("POST", path, sent).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
    }
    crate::roles::fill(&app).await;
    app.browser(app.admin).await;
    let (mut tried, mut matched, mut missed) = (0, 0, Vec::new());
    for route in table.routes() {
        let path: Vec<&str> = route
            .path
            .split('/')
            .map(|s| if s.starts_with('{') { "00000000-0000-0000-0000-0000000000ff" } else { s })
            .collect();
        let path = if route.path.is_empty() { "/".to_owned() } else { format!("/{}/", path.join("/")) };
        for action in &route.actions {
            let body = (action.method != Method::GET && action.method != Method::DELETE).then(|| json!({}));
            let mut seen = Vec::new();
            for key in [None, Some(PLAIN), Some(ADMIN)] {
                let answer = app.call(key, action.method.as_str(), &path, body.clone()).await;
                assert!(answer.status < 500, "{} {path}: {} {}", action.method, answer.status, answer.body);
                seen.push(answer.status == 403);
            }
            let expected = match action.permission {
                Permission::Anyone => [false, false, false],
                Permission::SignedIn | Permission::Own(_) => [true, false, false],
                Permission::Model(_) | Permission::Named(_) => [true, true, false],
            };
            assert_eq!(seen, expected, "{} {path}: {:?}", action.method, action.permission);
            tried += 1;
        }
        // A key that is somebody's: a refusal, and no miss.
        if let Some(key) = foreign_key(&app, &route.path).await {
            let path: Vec<&str> =
                route.path.split('/').map(|s| if s.starts_with('{') { key.as_str() } else { s }).collect();
            let path = format!("/{}/", path.join("/"));
            for action in &route.actions {
                let body =
                    (action.method != Method::GET && action.method != Method::DELETE).then(|| json!({}));
                let of = [
                    app.call(None, action.method.as_str(), &path, body.clone()).await.status,
                    app.call(Some(PLAIN), action.method.as_str(), &path, body).await.status,
                ];
                let fine = match action.permission {
                    Permission::Model(_) | Permission::Named(_) => of == [403, 403],
                    // What is not one's own is not there.
                    Permission::Own(_) => of[0] == 403 && matches!(of[1], 403 | 404),
                    Permission::SignedIn => of[0] == 403,
                    Permission::Anyone => true,
                };
                assert!(fine, "{} {path}: {of:?}", action.method);
            }
            // It is there for whom it belongs to.
            if route.path.ends_with('}') && route.action(&Method::GET).is_some() {
                assert_eq!(app.admin("GET", &path, Json::Null).await.status, 200, "{path}");
                matched += 1;
            }
        } else if route.path.contains('{') {
            missed.push(route.path.clone());
        }
        // A verb that nobody declared is no way in either.
        let answer = app.call(None, "PATCH", &path, Some(json!({}))).await;
        assert!(matches!(answer.status, 403 | 405), "PATCH {path}: {}", answer.status);
    }
    assert!(tried > 200 && matched > 12, "{tried} {matched}");
    // A refusal is told from a miss wherever there can be an object of somebody else.
    missed.retain(|path| !WITHOUT_OBJECTS.iter().any(|known| path.starts_with(known)));
    assert!(missed.is_empty(), "{missed:?}");
}

#[tokio::test]
async fn credentials_are_judged_as_recorded() {
    let app = App::start(sqlite().await).await;
    app.token("app", "app_password", app.plain, "app-password-0123456789").await;
    for key in ["no-such-token", "app-password-0123456789"] {
        for path in ["/core/users/", "/root/config/", "/core/users/me/"] {
            let answer = app.call(Some(key), "GET", path, None).await;
            assert_eq!(
                (answer.status, &answer.body),
                (403, &json!({"detail": "Token invalid/expired"})),
                "{path}"
            );
        }
    }
    for header in ["Bearer", "Bearer ", "Basic YTpi"] {
        assert_eq!(app.send("GET", "/core/users/", &[("authorization", header)], "").await.status, 403);
        assert_eq!(app.send("GET", "/root/config/", &[("authorization", header)], "").await.status, 200);
    }
    app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"is_active": false})).await;
    assert_eq!(app.plain("GET", "/core/users/me/", Json::Null).await.status, 403);
}

#[tokio::test]
async fn a_browser_session_needs_its_form_token_to_write() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let (cookie, csrf) = app.browser(app.plain).await;
        let body = || json!({"identifier": "mine", "intent": "app_password"}).to_string();
        assert_eq!(
            app.send("GET", "/core/users/me/", &[("cookie", &cookie)], "").await.body["user"]["username"],
            "plain"
        );
        let base = [("cookie", cookie.as_str()), ("content-type", "application/json")];
        for extra in [
            &[][..],
            &[("x-authentik-csrf", "wrong")],
            &[("x-authentik-csrf", csrf.as_str()), ("origin", "http://evil.test")],
            &[("x-authentik-csrf", csrf.as_str()), ("referer", "http://id.test.evil/")],
        ] {
            let answer = app.send("POST", "/core/tokens/", &[&base, extra].concat(), body()).await;
            assert_eq!(
                (answer.status, answer.body["detail"].as_str().unwrap().starts_with("CSRF Failed")),
                (403, true),
                "{extra:?}"
            );
        }
        let fine = app
            .send(
                "POST",
                "/core/tokens/",
                &[&base[..], &[("x-authentik-csrf", csrf.as_str()), ("referer", "http://id.test/if/user/")]]
                    .concat(),
                body(),
            )
            .await;
        assert_eq!(fine.status, 201, "{}", fine.body);
        // The session is listed, is the current one, and ends by its id.
        let list = app.send("GET", "/core/authenticated_sessions/", &[("cookie", &cookie)], "").await.body;
        assert_eq!((&list["pagination"]["count"], &list["results"][0]["current"]), (&json!(1), &json!(true)));
        let path = format!("/core/authenticated_sessions/{}/", list["results"][0]["uuid"].as_str().unwrap());
        app.token("other", "api", app.admin, "another-key-0123456789").await;
        assert_eq!(
            app.send("DELETE", &path, &[("cookie", &cookie), ("x-authentik-csrf", &csrf)], "").await.status,
            204
        );
        assert_eq!(app.send("GET", "/core/users/me/", &[("cookie", &cookie)], "").await.status, 403);
    })
    .await;
}
