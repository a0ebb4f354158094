//! What roles allow: each route to whom its permission names, each object to whom it is shown.
use crate::support::{App, PLAIN};
use http::Method;
use signet_base::{Json, Uuid, json};
use signet_core::permission::catalogue;
use signet_model::{Model, Secrets, Verb};
use signet_rest::{Action, Permission};
use signet_store::roles::Target;
use signet_store::testdb::{each_database, sqlite};
use signet_store::{Author, DbKind, Write, roles};

/// A role of the plain user, which each test fills anew.
pub struct Delegate {
    pub role: Uuid,
}
impl Delegate {
    pub async fn new(app: &App) -> Self {
        let data = json!({"name": "delegate", "managed": null}).as_object().unwrap().clone();
        let write =
            Write::Create { def: signet_core::models::Role::DEF, pk: None, data, secrets: Secrets::new() };
        let role = app.core.objects.apply(vec![write], &Author::system()).await.unwrap()[0].pk;
        app.core.db.batch(roles::give_user_batch(app.plain, role)).await.unwrap();
        Self { role }
    }
    /// These permissions and no others; each on one object, or on all.
    pub async fn holds(&self, app: &App, permissions: &[(String, Option<String>)]) {
        for old in roles::permissions(&app.core.db, self.role).await.unwrap() {
            let batch = roles::withdraw_batch(self.role, &old.permission, &old.object);
            app.core.db.batch(batch).await.unwrap();
        }
        for (permission, object) in permissions {
            let target =
                object.as_ref().map_or(Target::All, |key| Target::Row(stored_key(app, permission, key)));
            let batch = roles::grant_batch(self.role, permission, "", &target);
            app.core.db.batch(batch).await.unwrap();
        }
    }
}

/// As permissions name an object: by its key, but an invitation by the digest of it.
fn stored_key(app: &App, permission: &str, key: &str) -> String {
    match Uuid::parse_str(key) {
        Ok(id) if permission.starts_with("authentik_stages_invitation.") => {
            signet_store::invitations::digest(&app.core.vault, id)
        }
        _ => key.to_owned(),
    }
}

/// What a row asks for of somebody to whom nothing there belongs.
fn needs(action: &Action) -> Vec<String> {
    if matches!(action.permission, Permission::Own(_)) { Vec::new() } else { action.needs() }
}
fn body(action: &Action) -> Option<Json> {
    (!matches!(action.method, Method::GET | Method::DELETE)).then(|| json!({}))
}
fn address(path: &str, key: &str) -> String {
    let path: Vec<&str> = path.split('/').map(|s| if s.starts_with('{') { key } else { s }).collect();
    if path == [""] { "/".to_owned() } else { format!("/{}/", path.join("/")) }
}

#[tokio::test]
async fn core_permissions_each_route_has_one_and_opens_to_whoever_holds_it() {
    let app = App::start(sqlite().await).await;
    let delegate = Delegate::new(&app).await;
    let catalogue: Vec<String> = app.core.permissions.all().iter().map(|p| p.name()).collect();
    let table = signet_api::table(&app.core.registry, Vec::new(), 0);
    let mut tried = 0;
    for action in table.routes().iter().flat_map(|route| &route.actions) {
        let needs = needs(action);
        assert_eq!(
            needs.is_empty(),
            matches!(action.permission, Permission::Anyone | Permission::SignedIn | Permission::Own(_)),
            "{} {}",
            action.method,
            action.path
        );
        for need in &needs {
            // Kinds that this small registry does not have are in the whole server's.
            let elsewhere = need.contains("geoip") || need.starts_with("authentik_stages_prompt");
            assert!(elsewhere || catalogue.contains(need), "{need} is in no catalogue");
        }
        if needs.is_empty() {
            continue;
        }
        let path = address(&action.path, "00000000-0000-0000-0000-0000000000ff");
        for missing in 0..=needs.len() {
            let held: Vec<(String, Option<String>)> = needs
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != missing)
                .map(|(_, p)| (p.clone(), None))
                .collect();
            delegate.holds(&app, &held).await;
            let answer = app.call(Some(PLAIN), action.method.as_str(), &path, body(action)).await;
            let lacks = missing < needs.len();
            assert_eq!(
                answer.status == 403,
                lacks,
                "{} {path} with {held:?}: {}",
                action.method,
                answer.body
            );
            tried += 1;
        }
    }
    assert!(tried > 250, "{tried}");
}

#[tokio::test]
async fn core_permissions_hidden_objects_are_missing_and_shown_ones_are_not_changed() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let delegate = Delegate::new(&app).await;
        fill(&app).await;
        let table = signet_api::table(&app.core.registry, Vec::new(), 0);
        let (mut tried, mut lists) = (0, 0);
        for route in table.routes() {
            let Some((before, rest)) = route.path.split_once("/{") else { continue };
            let name = rest.split('}').next().unwrap();
            for action in &route.actions {
                // The export holds more than the flow, and asks for that too.
                if needs(action).is_empty() || route.path.ends_with("/export") {
                    continue;
                }
                // Two that are nobody's own: one is shown, one is hidden.
                let list = app
                    .admin("GET", &format!("/{before}/?page_size=100&superuser_full_list=true"), Json::Null)
                    .await;
                let keys: Vec<(String, String)> = list.body["results"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|one| {
                        ![json!(app.plain), json!(app.admin), json!(app.admins.id)].contains(&one["pk"])
                    })
                    .filter(|one| one["name"] != "delegate" && one["user"] != json!(app.admin))
                    .filter_map(|one| {
                        let text = |v: &Json| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                        let key = [name, "pk", "identifier", "slug"].iter().find_map(|n| one.get(*n))?;
                        Some((text(key), text(one.get("pk").or_else(|| one.get("brand_uuid"))?)))
                    })
                    .collect();
                let [(shown, shown_pk), (hidden, _), ..] = keys.as_slice() else { continue };
                let at = |key: &str| address(&route.path, key);
                let method = action.method.as_str();
                let view = Verb::View.on(&action.models[0]);
                let on = |permission: &str, key: &str| (permission.to_owned(), Some(key.to_owned()));
                // Everything on the one that is shown.
                let all: Vec<_> = needs(action).iter().map(|p| on(p, shown_pk)).collect();
                delegate.holds(&app, &all).await;
                let answer = app.call(Some(PLAIN), method, &at(hidden), body(action)).await;
                assert_eq!(answer.status, 404, "{method} {}: {}", at(hidden), answer.body);
                if needs(action) != [view.clone()] {
                    // To see it is not to change it.
                    let mut held = all.clone();
                    held.push(on(&view, hidden));
                    held.retain(|(p, _)| *p == view);
                    held.extend(needs(action).iter().filter(|p| **p != view).map(|p| on(p, hidden)));
                    held.retain(|(p, key)| *p == view || key.as_deref() != Some(shown_pk));
                    held.push(on(&view, shown_pk));
                    delegate.holds(&app, &held).await;
                    let answer = app.call(Some(PLAIN), method, &at(shown), body(action)).await;
                    assert_eq!(answer.status, 403, "{method} {}: {}", at(shown), answer.body);
                }
                if route.path.ends_with('}') && action.method == Method::GET {
                    let list = app
                        .plain(
                            "GET",
                            &format!("/{before}/?page_size=100&superuser_full_list=true"),
                            Json::Null,
                        )
                        .await;
                    let count = if before.starts_with("core/applications") {
                        1
                    } else {
                        list.body["results"].as_array().map_or(0, Vec::len)
                    };
                    assert_eq!((list.status, count), (200, 1), "{before}: {}", list.body);
                    lists += 1;
                }
                delegate.holds(&app, &all).await;
                let answer = app.call(Some(PLAIN), method, &at(shown), body(action)).await;
                assert!(
                    ![403, 404].contains(&answer.status),
                    "{method} {}: {} {}",
                    at(shown),
                    answer.status,
                    answer.body
                );
                tried += 1;
            }
        }
        assert!(tried > 70 && lists > 10, "{tried} {lists}");
    })
    .await;
}

/// Several of everything.
pub async fn fill(app: &App) {
    let make = async |path: &str, sent: Json| {
        let made = app.admin("POST", path, sent).await;
        assert!(matches!(made.status, 200 | 201), "{path}: {}", made.body);
        made.body
    };
    let mut flows = Vec::new();
    for n in 0..5 {
        let flow = make("/flows/instances/", json!({"name": format!("f{n}"), "slug": format!("f{n}"), "title": "f", "designation": "authentication"})).await;
        let stage = make("/stages/deny/", json!({"name": format!("deny{n}")})).await;
        make("/flows/bindings/", json!({"target": flow["pk"], "stage": stage["pk"], "order": n})).await;
        let application =
            make("/core/applications/", json!({"name": format!("a{n}"), "slug": format!("a{n}")})).await;
        make("/core/application_entitlements/", json!({"name": "e", "app": application["pk"]})).await;
        make("/core/brands/", json!({"domain": format!("brand{n}.test")})).await;
        make("/rbac/roles/", json!({"name": format!("r{n}")})).await;
        make(
            "/crypto/certificatekeypairs/generate/",
            json!({"common_name": format!("c{n}"), "validity_days": 5, "alg": "ed25519"}),
        )
        .await;
        let user = make("/core/users/", json!({"username": format!("u{n}"), "name": "u"})).await;
        make("/core/groups/", json!({"name": format!("g{n}")})).await;
        make("/policies/bindings/", json!({"target": application["pk"], "user": user["pk"], "order": n}))
            .await;
        make(
            "/stages/invitation/invitations/",
            json!({"name": format!("i{n}"), "flow": flow["pk"], "expires": "2099-01-01T00:00:00Z"}),
        )
        .await;
        make("/core/tokens/", json!({"identifier": format!("t{n}"), "user": user["pk"]})).await;
        make("/authenticators/admin/static/", json!({"name": format!("d{n}"), "user": user["pk"]})).await;
        flows.push(flow);
    }
}

/// Role with these initial permissions, which the plain user has beside the delegate's own.
async fn creators(app: &App, permissions: &[&str]) -> Uuid {
    let write = |def, data: Json| Write::Create {
        def,
        pk: None,
        data: data.as_object().unwrap().clone(),
        secrets: Secrets::new(),
    };
    let role = write(signet_core::models::Role::DEF, json!({"name": "creators", "managed": null}));
    let role = app.core.objects.apply(vec![role], &Author::system()).await.unwrap()[0].pk;
    let numbers: Vec<i64> = permissions.iter().map(|name| catalogue::id(name)).collect();
    let initial = json!({"name": "i", "role": role, "permissions": numbers});
    let initial = write(signet_core::models::InitialPermissions::DEF, initial);
    app.core.objects.apply(vec![initial], &Author::system()).await.unwrap();
    app.core.db.batch(roles::give_user_batch(app.plain, role)).await.unwrap();
    role
}

/// Path, body, and what the creator's role gets on the new object.
const CREATED: [(&str, &str, &str); 6] = [
    ("/core/users/", r#"{"username": "init", "name": "i"}"#, "authentik_core.change_user"),
    ("/core/groups/", r#"{"name": "init"}"#, "authentik_core.change_group"),
    ("/core/tokens/", r#"{"identifier": "init"}"#, "authentik_core.view_token_key"),
    ("/core/applications/", r#"{"name": "init", "slug": "init"}"#, "authentik_core.change_application"),
    ("/stages/deny/", r#"{"name": "init"}"#, "authentik_stages_deny.change_denystage"),
    (
        "/stages/invitation/invitations/",
        r#"{"name": "init", "expires": "2099-01-01T00:00:00Z"}"#,
        "authentik_stages_invitation.delete_invitation",
    ),
];

#[tokio::test]
async fn core_permissions_initial_ones_are_given_by_the_commit_that_creates_the_object() {
    each_database(|db| async move {
        let app = App::start(db.clone()).await;
        let delegate = Delegate::new(&app).await;
        let add = CREATED.map(|(_, _, permission)| {
            let (before, model) = permission.split_once('.').unwrap();
            let model = model.trim_end_matches("_key").rsplit_once('_').unwrap().1;
            (format!("{before}.add_{model}"), None)
        });
        delegate.holds(&app, &add).await;
        let names: Vec<&str> = CREATED.iter().map(|(_, _, permission)| *permission).collect();
        let role = creators(&app, &names).await;
        // A commit whose permissions cannot be written creates nothing.
        let (before, after) = match db.kind() {
            DbKind::Sqlite => (
                "CREATE TRIGGER refused BEFORE INSERT ON role_permission BEGIN SELECT RAISE(ABORT, 'refused'); END",
                "DROP TRIGGER refused",
            ),
            DbKind::Postgres => (
                "ALTER TABLE role_permission ADD CONSTRAINT refused CHECK (id < 0) NOT VALID",
                "ALTER TABLE role_permission DROP CONSTRAINT refused",
            ),
        };
        db.execute(before, vec![]).await.unwrap();
        for (path, body, _) in CREATED {
            let refused = app.plain("POST", path, serde_json::from_str(body).unwrap()).await;
            assert!(refused.status >= 400, "{path}: {}", refused.body);
            let all = app.admin("GET", &format!("{path}?search=init&superuser_full_list=true"), Json::Null).await;
            assert_eq!(all.body["pagination"]["count"], 0, "{path}: {}", all.body);
        }
        db.execute(after, vec![]).await.unwrap();
        // The same calls create each object with its permission.
        for (path, body, permission) in CREATED {
            let made = app.plain("POST", path, serde_json::from_str(body).unwrap()).await;
            assert_eq!(made.status, 201, "{path}: {}", made.body);
            let pk = &made.body["pk"];
            let pk = pk.as_str().map_or_else(|| pk.to_string(), str::to_owned);
            let pk = stored_key(&app, permission, &pk);
            let given = roles::permissions(&db, role).await.unwrap();
            assert!(given.iter().any(|p| p.permission == permission && p.object == pk), "{path} {pk}: {given:?}");
        }
        assert_eq!(roles::permissions(&db, role).await.unwrap().len(), CREATED.len());
    })
    .await;
}

#[tokio::test]
async fn core_permissions_users_are_listed_by_their_own_roles() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let make = async |path: &str, sent: Json| {
            let made = app.admin("POST", path, sent).await;
            assert_eq!(made.status, 201, "{path}: {}", made.body);
            made.body
        };
        let [one, two] = [
            make("/rbac/roles/", json!({"name": "one"})).await,
            make("/rbac/roles/", json!({"name": "two"})).await,
        ];
        let user = |name: &str, roles: Json| json!({"username": name, "name": name, "roles": roles});
        make("/core/users/", user("ann", json!([one["pk"]]))).await;
        make("/core/users/", user("bob", json!([one["pk"], two["pk"]]))).await;
        let carl = make("/core/users/", user("carl", json!([]))).await;
        // A role of a group is not the user's own.
        make("/core/groups/", json!({"name": "g", "users": [carl["pk"]], "roles": [one["pk"]]})).await;
        let (one, two) = (one["pk"].as_str().unwrap(), two["pk"].as_str().unwrap());
        let nobody = Uuid::from_u128(7).to_string();
        for (query, expected) in [
            (format!("roles_by_pk={one}"), &["ann", "bob"][..]),
            (format!("roles_by_pk={two}"), &["bob"]),
            (format!("roles_by_pk={two}&roles_by_pk={one}"), &["ann", "bob"]),
            (format!("roles_by_pk={nobody}"), &[]),
            ("roles_by_name=one".into(), &["ann", "bob"]),
            ("roles_by_name=two&roles_by_name=none".into(), &["bob"]),
            ("roles_by_name=none".into(), &[]),
            (format!("roles_by_name=one&roles_by_pk={two}"), &["bob"]),
            ("roles_by_name=&roles_by_pk=".into(), &["akadmin", "ann", "bob", "carl", "plain"]),
        ] {
            let list = app.admin("GET", &format!("/core/users/?ordering=username&{query}"), Json::Null).await;
            let names: Vec<&str> = list.body["results"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|u| u["username"].as_str())
                .collect();
            assert_eq!(names, expected, "{query}");
            assert_eq!(list.body["pagination"]["count"], expected.len(), "{query}");
        }
        let wrong = app.admin("GET", "/core/users/?roles_by_pk=bogus", Json::Null).await;
        assert!(wrong.status == 400 && wrong.body.get("roles_by_pk").is_some(), "{}", wrong.body);
    })
    .await;
}
