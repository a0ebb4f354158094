//! `/rbac/`: the catalogue, giving and taking permissions, whose roles are, initial permissions.
use crate::roles::Delegate;
use crate::support::{App, PLAIN};
use signet_base::{Json, json};
use signet_core::permission::{catalogue, explain};
use signet_store::testdb::{each_database, sqlite};
use signet_store::users;

pub async fn make(app: &App, path: &str, sent: Json) -> Json {
    let made = app.admin("POST", path, sent).await;
    assert!(matches!(made.status, 200 | 201), "{path}: {}", made.body);
    made.body
}
pub fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
async fn get(app: &App, path: &str) -> Json {
    let answer = app.admin("GET", path, Json::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}
pub fn members(list: &Json, name: &str) -> Vec<String> {
    list["results"].as_array().unwrap().iter().map(|one| text(&one[name])).collect()
}
pub fn all(names: &[&str]) -> Vec<(String, Option<String>)> {
    names.iter().map(|name| ((*name).to_owned(), None)).collect()
}

#[tokio::test]
async fn rbac_permissions_are_listed_by_name_app_and_model() {
    let app = App::start(sqlite().await).await;
    let one = get(&app, "/rbac/permissions/?codename=view_user").await["results"][0].clone();
    let id = catalogue::id("authentik_core.view_user");
    assert_eq!(
        one,
        json!({
            "id": id, "name": "Can view User", "codename": "view_user", "model": "user", "app_label": "authentik_core",
            "app_label_verbose": "authentik Core", "model_verbose": "User",
        })
    );
    assert_eq!(get(&app, &format!("/rbac/permissions/{id}/")).await, one);
    for missing in ["0", "x", "99999999999"] {
        assert_eq!(app.admin("GET", &format!("/rbac/permissions/{missing}/"), Json::Null).await.status, 404);
    }
    let of_model = "/rbac/permissions/?content_type__app_label=authentik_core&content_type__model=token";
    assert_eq!(
        members(&get(&app, &format!("{of_model}&ordering=codename")).await, "codename"),
        ["add_token", "change_token", "delete_token", "set_token_key", "view_token", "view_token_key"]
    );
    let first = get(&app, "/rbac/permissions/?ordering=-codename&page_size=1").await;
    assert_eq!(members(&first, "codename"), ["view_workerstatus"]);
    let found = get(&app, "/rbac/permissions/?search=impersonate").await;
    assert_eq!(members(&found, "codename"), ["impersonate"]);
    // The catalogue is no secret; what a hidden role may do is one.
    let role = text(&make(&app, "/rbac/roles/", json!({"name": "helpdesk"})).await["pk"]);
    make(
        &app,
        &format!("/rbac/permissions/assigned_by_roles/{role}/assign/"),
        json!({"permissions": ["authentik_core.impersonate"]}),
    )
    .await;
    let of_role = format!("/rbac/permissions/?role={role}");
    assert_eq!(members(&get(&app, &of_role).await, "codename"), ["impersonate"]);
    assert_eq!(app.plain("GET", &of_role, Json::Null).await.body["pagination"]["count"], 0);
    assert!(app.plain("GET", "/rbac/permissions/", Json::Null).await.status == 200);
    assert_eq!(app.call(None, "GET", "/rbac/permissions/", None).await.status, 403);
}

#[tokio::test]
async fn rbac_permissions_are_given_to_roles_and_taken() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let role = text(&make(&app, "/rbac/roles/", json!({"name": "helpdesk"})).await["pk"]);
        let flow = make(&app, "/flows/instances/", json!({"name": "f", "slug": "f", "title": "f", "designation": "authentication"})).await;
        let stage = make(&app, "/stages/deny/", json!({"name": "deny"})).await;
        let (assign, unassign) = (
            format!("/rbac/permissions/assigned_by_roles/{role}/assign/"),
            format!("/rbac/permissions/assigned_by_roles/{role}/unassign/"),
        );
        // On all; a bare code name where the model says the app.
        let ids = make(&app, &assign, json!({"permissions": ["authentik_core.view_user", "authentik_core.reset_user_password"]})).await;
        assert_eq!(ids.as_array().unwrap().len(), 2, "{ids}");
        assert!(ids[0]["id"].is_string());
        make(&app, &assign, json!({"permissions": ["view_group"], "model": "authentik_core.group"})).await;
        // On one object: a row, an object, an object by its family's permission.
        let (user, flow, stage) = (app.plain.to_string(), text(&flow["pk"]), text(&stage["pk"]));
        for (permission, model, key) in [
            ("authentik_core.change_user", "authentik_core.user", &user),
            ("change_flow", "authentik_flows.flow", &flow),
            ("view_stage", "authentik_stages_deny.denystage", &stage),
        ] {
            let sent = json!({"permissions": [permission], "model": model, "object_pk": key});
            let (made, again) = (make(&app, &assign, sent.clone()).await, make(&app, &assign, sent).await);
            assert_eq!((made.as_array().unwrap().len(), &made), (1, &again), "{permission}");
        }
        let of_users = get(&app, &format!("/rbac/permissions/assigned_by_roles/?model=authentik_core.user&object_pk={user}")).await;
        let one = &of_users["results"][0];
        assert_eq!((&one["role_pk"], &one["name"]), (&json!(role), &json!("helpdesk")));
        let codes = |list: &Json| list.as_array().unwrap().iter().map(|p| text(&p["codename"])).collect::<Vec<_>>();
        assert_eq!(codes(&one["model_permissions"]), ["view_user", "reset_user_password"]);
        assert_eq!(codes(&one["object_permissions"]), ["change_user"]);
        assert_eq!(one["object_permissions"][0]["object_pk"], json!(user));
        let held = get(&app, &format!("/rbac/permissions/roles/?uuid={role}")).await;
        assert_eq!(members(&held, "codename"), ["change_user", "change_flow", "view_stage"]);
        assert_eq!(members(&held, "object_description"), ["plain", "f", "deny"]);
        assert_eq!(held["results"][0]["model_verbose"], "User");
        let found = get(&app, "/rbac/permissions/roles/?search=change_flow").await;
        assert_eq!(members(&found, "codename"), ["change_flow"]);
        // What is no permission on it, or is about nothing.
        for (sent, field) in [
            (json!({}), "permissions"),
            (json!({"permissions": ["authentik_core.be_root"]}), "permissions"),
            (json!({"permissions": ["view_user"]}), "permissions"),
            (json!({"permissions": ["authentik_core.view_user"], "object_pk": user}), "model"),
            (json!({"permissions": ["authentik_core.view_user"], "model": "authentik_core.root"}), "model"),
            (json!({"permissions": ["authentik_core.view_user"], "model": "authentik_core.group", "object_pk": app.admins.id}), "permissions"),
            (json!({"permissions": ["authentik_core.view_user"], "model": "authentik_core.user", "object_pk": "999"}), "object_pk"),
            (json!({"permissions": ["authentik_core.view_user"], "model": "authentik_core.user", "object_pk": "x"}), "object_pk"),
        ] {
            let refused = app.admin("POST", &assign, sent.clone()).await;
            assert!(refused.status == 400 && refused.body.get(field).is_some(), "{sent}: {}", refused.body);
        }
        for (query, field) in [("", "model"), ("?model=authentik_core.root", "model")] {
            let refused = app.admin("GET", &format!("/rbac/permissions/assigned_by_roles/{query}"), Json::Null).await;
            assert!(refused.status == 400 && refused.body.get(field).is_some(), "{query}: {}", refused.body);
        }
        // Taken: what is not held is no error.
        for sent in [
            json!({"permissions": ["authentik_core.change_user"], "model": "authentik_core.user", "object_pk": user}),
            json!({"permissions": ["authentik_core.view_user", "authentik_core.impersonate"]}),
            json!({}),
        ] {
            let gone = app.admin("PATCH", &unassign, sent).await;
            assert_eq!(gone.status, 204, "{}", gone.body);
        }
        let held = get(&app, &format!("/rbac/permissions/roles/?uuid={role}")).await;
        assert_eq!(members(&held, "codename"), ["change_flow", "view_stage"]);
        let all = get(&app, &format!("/rbac/permissions/?role={role}&ordering=codename")).await;
        assert_eq!(members(&all, "codename"), ["reset_user_password", "view_group"]);
        // What is deleted takes its permissions along.
        app.admin("DELETE", "/flows/instances/f/", Json::Null).await;
        app.admin("DELETE", &format!("/stages/deny/{stage}/"), Json::Null).await;
        assert_eq!(get(&app, "/rbac/permissions/roles/").await["pagination"]["count"], 0);
    })
    .await;
}

#[tokio::test]
async fn rbac_delegates_assign_what_they_hold_on_what_they_see() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let delegate = Delegate::new(&app).await;
        let [seen, hidden] = [
            text(&make(&app, "/rbac/roles/", json!({"name": "seen"})).await["pk"]),
            text(&make(&app, "/rbac/roles/", json!({"name": "hidden"})).await["pk"]),
        ];
        let on = |name: &str, key: &str| (name.to_owned(), Some(key.to_owned()));
        let mut held = all(&["authentik_core.view_group", "authentik_core.change_group"]);
        held.extend([
            on("authentik_rbac.view_role", &seen),
            on("authentik_rbac.assign_role_permissions", &seen),
            on("authentik_rbac.assign_role_permissions", &hidden),
            on("authentik_core.view_user", &app.plain.to_string()),
        ]);
        delegate.holds(&app, &held).await;
        let at = |role: &str| format!("/rbac/permissions/assigned_by_roles/{role}/assign/");
        let assign = async |role: &str, sent: Json| app.plain("POST", &at(role), sent).await.status;
        let group = app.admins.id.to_string();
        let give = |name: &str| json!({"permissions": [name]});
        let give_on = |name: &str, model: &str, key: &str| json!({"permissions": [name], "model": model, "object_pk": key});
        assert_eq!(assign(&seen, give("authentik_core.change_group")).await, 200);
        assert_eq!(assign(&seen, give_on("authentik_core.change_group", "authentik_core.group", &group)).await, 200);
        assert_eq!(assign(&seen, give_on("authentik_core.view_user", "authentik_core.user", &app.plain.to_string())).await, 200);
        // Not held, held on one object only, an object that is hidden, a role that is hidden.
        assert_eq!(assign(&seen, give("authentik_core.delete_group")).await, 403);
        assert_eq!(assign(&seen, give("authentik_core.view_user")).await, 403);
        assert_eq!(assign(&seen, give_on("authentik_core.view_user", "authentik_core.user", &app.admin.to_string())).await, 400);
        assert_eq!(assign(&hidden, give("authentik_core.change_group")).await, 404);
        // To take is another permission.
        let unassign = at(&seen).replace("/assign/", "/unassign/");
        assert_eq!(app.plain("PATCH", &unassign, give("authentik_core.change_group")).await.status, 403);
        // Lists show the role that is seen, and name no hidden object.
        make(&app, &at(&hidden), give("authentik_core.view_group")).await;
        make(&app, &at(&seen), give_on("authentik_core.view_user", "authentik_core.user", &app.admin.to_string())).await;
        let list = app.plain("GET", "/rbac/permissions/assigned_by_roles/?model=authentik_core.group", Json::Null).await.body;
        assert_eq!(members(&list, "name"), ["seen"]);
        let held = app.plain("GET", "/rbac/permissions/roles/", Json::Null).await.body;
        assert_eq!(members(&held, "object_description"), ["authentik Admins", "plain", "null"], "{held}");
        let other = app.plain("GET", &format!("/rbac/permissions/roles/?uuid={hidden}"), Json::Null).await.body;
        assert_eq!(other["pagination"]["count"], 0);
    })
    .await;
}

#[tokio::test]
async fn rbac_users_have_permissions_of_their_own_as_in_2024() {
    let app = App::start(sqlite().await).await;
    let kim = make(&app, "/core/users/", json!({"username": "kim", "name": "Kim"})).await;
    let of = |action: &str| format!("/rbac/permissions/assigned_by_users/{}/{action}/", kim["pk"]);
    let group = app.admins.id.to_string();
    let sent = json!({"permissions": ["authentik_core.view_group"], "model": "authentik_core.group", "object_pk": group});
    assert_eq!(make(&app, &of("assign"), sent.clone()).await.as_array().unwrap().len(), 1);
    make(&app, &of("assign"), json!({"permissions": ["authentik_core.view_token"]})).await;
    let list = get(
        &app,
        &format!("/rbac/permissions/assigned_by_users/?model=authentik_core.group&object_pk={group}"),
    )
    .await;
    assert_eq!(members(&list, "username"), ["kim"]);
    assert_eq!(list["results"][0]["permissions"][0]["codename"], "view_group");
    let held = get(&app, &format!("/rbac/permissions/users/?user_id={}", kim["pk"])).await;
    assert_eq!(members(&held, "object_description"), ["authentik Admins"]);
    let roles = get(&app, &format!("/rbac/roles/?users={}", kim["pk"])).await;
    assert_eq!(members(&roles, "name"), [format!("ak-managed-role--user-{}", kim["pk"])]);
    assert_eq!(app.admin("PATCH", &of("unassign"), sent).await.status, 204);
    assert_eq!(
        get(&app, &format!("/rbac/permissions/users/?user_id={}", kim["pk"])).await["pagination"]["count"],
        0
    );
    assert_eq!(app.admin("GET", "/rbac/permissions/users/", Json::Null).await.status, 400);
    // Nobody gives an account that may more than they.
    let delegate = Delegate::new(&app).await;
    delegate.holds(&app, &all(&["authentik_core.view_user", "authentik_rbac.assign_role_permissions"])).await;
    let up = format!("/rbac/permissions/assigned_by_users/{}/assign/", app.admin);
    let sent = json!({"permissions": ["authentik_core.view_user"]});
    assert_eq!(app.plain("POST", &up, sent.clone()).await.status, 403);
    assert_eq!(
        app.plain("POST", &format!("/rbac/permissions/assigned_by_users/{}/assign/", app.plain), sent)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn rbac_roles_are_given_and_listed_by_whose_they_are() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let [own, above, managed] = [
            text(&make(&app, "/rbac/roles/", json!({"name": "own"})).await["pk"]),
            text(&make(&app, "/rbac/roles/", json!({"name": "above"})).await["pk"]),
            text(&make(&app, "/rbac/roles/", json!({"name": "managed"})).await["pk"]),
        ];
        let kim = make(&app, "/core/users/", json!({"username": "kim", "name": "Kim"})).await["pk"].clone();
        let parent =
            make(&app, "/core/groups/", json!({"name": "parent", "roles": [above]})).await["pk"].clone();
        let child =
            make(&app, "/core/groups/", json!({"name": "child", "parents": [parent], "users": [kim]})).await
                ["pk"]
                .clone();
        let add = format!("/rbac/roles/{own}/add_user/");
        for _ in 0..2 {
            assert_eq!(app.admin("POST", &add, json!({"pk": kim})).await.status, 204);
        }
        let events = get(&app, "/events/events/?action=model_updated&ordering=-created").await;
        assert!(
            events["results"].to_string().contains(&own.replace('-', ""))
                || events["results"].to_string().contains(&own),
            "{events}"
        );
        let names = async |query: &str| {
            members(&get(&app, &format!("/rbac/roles/?ordering=name&{query}")).await, "name")
        };
        let (kim_key, child_key, parent_key) = (text(&kim), text(&child), text(&parent));
        assert_eq!(names(&format!("users={kim_key}")).await, ["own"]);
        assert_eq!(names(&format!("users={kim_key}&inherited=true")).await, ["above", "own"]);
        assert_eq!(names(&format!("groups={parent_key}")).await, ["above"]);
        assert_eq!(names(&format!("groups={child_key}")).await, Vec::<String>::new());
        assert_eq!(names(&format!("groups={child_key}&inherited=true")).await, ["above"]);
        assert_eq!(names("managed__isnull=true").await, ["above", "managed", "own"]);
        assert_eq!(names("name=own").await, ["own"]);
        for query in ["users=x", "groups=x"] {
            assert_eq!(
                app.admin("GET", &format!("/rbac/roles/?{query}"), Json::Null).await.status,
                400,
                "{query}"
            );
        }
        assert!(names("users=999").await.is_empty());
        let used = get(&app, &format!("/rbac/roles/{own}/used_by/")).await;
        assert_eq!(
            (used[0]["model_name"].as_str(), used[0]["name"].as_str()),
            (Some("user"), Some("kim")),
            "{used}"
        );
        let used = get(&app, &format!("/rbac/roles/{above}/used_by/")).await;
        assert_eq!(used[0]["name"], "Group parent");
        assert_eq!(app.admin("POST", &add, json!({"pk": 999})).await.status, 404);
        assert_eq!(app.admin("POST", &add, json!({})).await.status, 400);
        // A delegate: the user must be seen, the role be theirs to give.
        let delegate = Delegate::new(&app).await;
        delegate.holds(&app, &all(&["authentik_rbac.view_role", "authentik_rbac.change_role"])).await;
        let status = app.plain("POST", &add, json!({"pk": kim})).await.status;
        assert_eq!(status, 404, "who is not seen is not there");
        let refused = app.plain("GET", &format!("/rbac/roles/?users={kim_key}"), Json::Null).await;
        assert_eq!(refused.status, 400, "{}", refused.body);
        delegate
            .holds(
                &app,
                &all(&["authentik_rbac.view_role", "authentik_rbac.change_role", "authentik_core.view_user"]),
            )
            .await;
        assert_eq!(app.plain("POST", &add, json!({"pk": kim})).await.status, 204);
        let admin = app.plain("POST", &add, json!({"pk": app.admin})).await;
        assert_eq!(admin.status, 403, "{}", admin.body);
        make(
            &app,
            &format!("/rbac/permissions/assigned_by_roles/{managed}/assign/"),
            json!({"permissions": ["authentik_events.view_event"]}),
        )
        .await;
        let strong =
            app.plain("POST", &format!("/rbac/roles/{managed}/add_user/"), json!({"pk": app.plain})).await;
        assert_eq!(strong.status, 403, "{}", strong.body);
        assert_eq!(
            app.plain("POST", &add.replace("/add_user/", "/remove_user/"), json!({"pk": kim})).await.status,
            204
        );
        assert_eq!(names(&format!("users={kim_key}")).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn rbac_initial_permissions_are_numbers_and_count_for_what_members_create() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let role = text(&make(&app, "/rbac/roles/", json!({"name": "creators"})).await["pk"]);
        assert_eq!(
            app.admin("POST", &format!("/rbac/roles/{role}/add_user/"), json!({"pk": app.plain}))
                .await
                .status,
            204
        );
        let ids: Vec<i64> = [
            "authentik_core.view_application",
            "authentik_core.change_application",
            "authentik_flows.view_stage",
        ]
        .map(catalogue::id)
        .to_vec();
        let made = make(
            &app,
            "/rbac/initial_permissions/",
            json!({"name": "own", "role": role, "permissions": ids}),
        )
        .await;
        assert_eq!(made["permissions"], json!(ids));
        assert_eq!(made["permissions_obj"][1]["codename"], "change_application");
        let path = format!("/rbac/initial_permissions/{}/", made["pk"]);
        assert!(made["pk"].is_i64());
        assert_eq!(members(&get(&app, "/rbac/initial_permissions/?name=own").await, "name"), ["own"]);
        let unknown = app.admin("PATCH", &path, json!({"permissions": [5]})).await;
        assert!(unknown.status == 400 && unknown.body.get("permissions").is_some(), "{}", unknown.body);
        let add = format!("/rbac/permissions/assigned_by_roles/{role}/assign/");
        make(
            &app,
            &add,
            json!({"permissions": ["authentik_core.add_application", "authentik_stages_deny.add_denystage"]}),
        )
        .await;
        // What is made is theirs to see and change; what others made is not.
        make(&app, "/core/applications/", json!({"name": "other", "slug": "other"})).await;
        let mine = app.plain("POST", "/core/applications/", json!({"name": "mine", "slug": "mine"})).await;
        assert_eq!(mine.status, 201, "{}", mine.body);
        assert_eq!(
            app.plain("PATCH", "/core/applications/mine/", json!({"name": "still mine"})).await.status,
            200
        );
        assert_eq!(app.plain("PATCH", "/core/applications/other/", json!({"name": "x"})).await.status, 404);
        assert_eq!(app.plain("DELETE", "/core/applications/mine/", Json::Null).await.status, 403);
        // By the permission of the family.
        let stage = app.plain("POST", "/stages/deny/", json!({"name": "mine"})).await;
        assert_eq!(stage.status, 201, "{}", stage.body);
        let stages = app.plain("GET", "/stages/all/", Json::Null).await.body;
        assert_eq!(members(&stages, "name"), ["mine"]);
        assert_eq!(app.admin("DELETE", &path, Json::Null).await.status, 204);
        app.plain("POST", "/core/applications/", json!({"name": "later", "slug": "later"})).await;
        assert_eq!(app.plain("PATCH", "/core/applications/later/", json!({"name": "x"})).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn rbac_explain_names_the_role_the_group_and_what_is_missing() {
    let app = App::start(sqlite().await).await;
    let role = text(&make(&app, "/rbac/roles/", json!({"name": "helpdesk"})).await["pk"]);
    let assign = format!("/rbac/permissions/assigned_by_roles/{role}/assign/");
    let view = "authentik_core.view_user";
    make(
        &app,
        &assign,
        json!({"permissions": [view], "model": "authentik_core.user", "object_pk": app.admin.to_string()}),
    )
    .await;
    let parent = make(&app, "/core/groups/", json!({"name": "staff", "roles": [role]})).await["pk"].clone();
    let plain = users::by_id(&app.core.db, app.plain).await.unwrap().unwrap();
    let ask = async |permission: &str, object: Option<&str>| {
        explain::explain(&app.core, &plain, permission, object).await.unwrap()
    };
    let none = ask(view, None).await;
    assert!(!none.holds() && none.roles.is_empty() && none.elsewhere.is_empty(), "{none:?}");
    make(&app, "/core/groups/", json!({"name": "desk", "parents": [parent], "users": [app.plain]})).await;
    let key = app.admin.to_string();
    let one = ask(view, Some(&key)).await;
    assert!(one.holds() && one.sees);
    assert!(
        one.to_text().contains(&format!("+ role helpdesk on object {key}, by group desk, below staff")),
        "{}",
        one.to_text()
    );
    let everywhere = ask(view, None).await;
    assert!(!everywhere.holds() && everywhere.other_objects == 1, "{everywhere:?}");
    assert!(everywhere.to_text().contains("held on 1 other objects only"), "{}", everywhere.to_text());
    // To change is not to see.
    make(&app, &assign, json!({"permissions": ["authentik_core.change_user"]})).await;
    let hidden = ask("authentik_core.change_user", Some(&app.plain.to_string())).await;
    assert!(hidden.holds() && !hidden.sees && hidden.to_text().contains("hidden"), "{}", hidden.to_text());
    let admin = users::by_id(&app.core.db, app.admin).await.unwrap().unwrap();
    let all = explain::explain(&app.core, &admin, view, None).await.unwrap();
    assert!(all.to_text().contains("+ superuser, by group authentik Admins"), "{}", all.to_text());
    assert!(explain::explain(&app.core, &plain, "authentik_core.be_root", None).await.is_err());
    // The same as what counts.
    assert_eq!(app.call(Some(PLAIN), "GET", &format!("/core/users/{key}/"), None).await.status, 200);
}
