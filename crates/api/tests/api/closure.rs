//! Privilege closure: a delegated administrator gives nobody more than they hold themselves.
use crate::roles::Delegate;
use crate::support::{App, PLAIN};
use signet_base::{Error, Json, Uuid, json};
use signet_core::permission;
use signet_core::{Client, Principal, directory, models};
use signet_model::{Model, Secrets};
use signet_store::groups::{self, Group};
use signet_store::testdb::{each_database, sqlite};
use signet_store::users::{self, User};
use signet_store::{Author, Write, roles};

/// What a help desk may do; `view_event` is what it lacks.
pub const HELPDESK: &[&str] = &[
    "authentik_core.view_user",
    "authentik_core.add_user",
    "authentik_core.change_user",
    "authentik_core.delete_user",
    "authentik_core.reset_user_password",
    "authentik_core.impersonate",
    "authentik_core.view_group",
    "authentik_core.add_group",
    "authentik_core.change_group",
    "authentik_core.delete_group",
    "authentik_core.add_user_to_group",
    "authentik_core.remove_user_from_group",
    "authentik_core.enable_group_superuser",
    "authentik_core.disable_group_superuser",
    "authentik_core.view_token",
    "authentik_core.add_token",
    "authentik_core.change_token",
    "authentik_core.delete_token",
    "authentik_core.view_token_key",
    "authentik_core.set_token_key",
    "authentik_rbac.view_role",
    "authentik_rbac.add_role",
    "authentik_rbac.change_role",
    "authentik_rbac.delete_role",
    "authentik_rbac.assign_role_permissions",
    "authentik_rbac.unassign_role_permissions",
    "authentik_rbac.view_initialpermissions",
    "authentik_rbac.add_initialpermissions",
    "authentik_rbac.change_initialpermissions",
    "authentik_rbac.delete_initialpermissions",
    "authentik_rbac.edit_system_settings",
    "authentik_core.view_application",
    "authentik_core.add_application",
    "authentik_core.change_application",
    "authentik_flows.view_flow",
    "authentik_flows.add_flow",
    "authentik_flows.change_flow",
    "authentik_flows.delete_flow",
    "authentik_flows.view_flowstagebinding",
    "authentik_flows.add_flowstagebinding",
    "authentik_policies.view_policybinding",
    "authentik_policies.add_policybinding",
    "authentik_policies.delete_policybinding",
    "authentik_stages_deny.view_denystage",
    "authentik_stages_deny.add_denystage",
    "authentik_stages_invitation.view_invitation",
    "authentik_stages_invitation.add_invitation",
    "authentik_stages_authenticator_static.view_staticdevice",
    "authentik_stages_authenticator_static.add_staticdevice",
    "authentik_stages_authenticator_static.delete_staticdevice",
];
pub const LACKS: &str = "authentik_events.view_event";

/// A delegated administrator among people who may less, as much, and more.
pub struct Office {
    pub app: App,
    pub delegate: Delegate,
    /// With [`LACKS`].
    pub strong_role: Uuid,
    pub strong_group: Uuid,
    /// Below the strong one.
    pub kid_group: Uuid,
    pub weak_group: Uuid,
    pub strong: i64,
    pub weak: i64,
}

async fn role(app: &App, name: &str) -> Uuid {
    let data = json!({"name": name, "managed": null}).as_object().unwrap().clone();
    let write = Write::Create { def: models::Role::DEF, pk: None, data, secrets: Secrets::new() };
    app.core.objects.apply(vec![write], &Author::system()).await.unwrap()[0].pk
}

impl Office {
    pub async fn new(app: App) -> Self {
        let core = app.core.clone();
        let delegate = Delegate::new(&app).await;
        let held: Vec<_> = HELPDESK.iter().map(|p| ((*p).to_owned(), None)).collect();
        delegate.holds(&app, &held).await;
        let strong_role = role(&app, "auditors").await;
        core.db
            .batch(roles::grant_batch(strong_role, LACKS, "authentik_events.event", &roles::Target::All))
            .await
            .unwrap();
        let mut made = Vec::new();
        for (name, parents) in [("strong", vec![]), ("kid", vec![0]), ("weak", vec![])] {
            let group = Group::new(&core.ports, name);
            let parents: Vec<Uuid> = parents.into_iter().map(|n: usize| made[n]).collect();
            groups::insert(&core.db, &group, &parents, &[]).await.unwrap();
            made.push(group.id);
        }
        core.db.batch(roles::set_group_batch(made[0], &[strong_role])).await.unwrap();
        let strong = users::insert(&core.db, &User::new(&core.ports, "strong"), &[made[1]]).await.unwrap();
        let weak = users::insert(&core.db, &User::new(&core.ports, "weak"), &[made[2]]).await.unwrap();
        app.token("strong-token", "api", strong, "strong-key-0123456789-abcdefghij").await;
        app.token("weak-token", "api", weak, "weak-key-0123456789-abcdefghijkl").await;
        let [strong_group, kid_group, weak_group] = made[..] else { unreachable!() };
        Self { app, delegate, strong_role, strong_group, kid_group, weak_group, strong, weak }
    }
    pub async fn status(&self, method: &str, path: &str, body: Json) -> u16 {
        let answer = self.app.call(Some(PLAIN), method, path, (!body.is_null()).then_some(body)).await;
        assert!(answer.status < 500, "{method} {path}: {}", answer.body);
        answer.status
    }
}

#[tokio::test]
async fn core_permissions_nobody_gives_what_they_do_not_hold() {
    each_database(|db| async move {
        let office = Office::new(App::start(db).await).await;
        let Office { app, delegate, strong_role, strong_group, kid_group, weak_group, strong, weak } = &office;
        let (me, own) = (app.plain, delegate.role);
        let user = |id: i64| format!("/core/users/{id}/");
        let group = |id: &Uuid| format!("/core/groups/{id}/");
        // The call, refused; its twin, which gives nothing that the caller lacks.
        let mut calls: Vec<(&str, String, Json, String, Json)> = Vec::new();
        for target in [app.admins.id, *strong_group, *kid_group] {
            calls.push(("PATCH", user(me), json!({"groups": [target]}), user(me), json!({"groups": [weak_group]})));
            calls.push(("PATCH", user(*weak), json!({"groups": [target]}), user(*weak), json!({"groups": [weak_group]})));
            calls.push(("POST", "/core/users/".into(), json!({"username": "a", "name": "a", "groups": [target]}), "/core/users/".into(), json!({"username": format!("a{target}"), "name": "a", "groups": [weak_group]})));
            calls.push(("POST", "/core/groups/".into(), json!({"name": "x", "users": [me], "parents": [target]}), "/core/groups/".into(), json!({"name": format!("x{target}"), "users": [me], "parents": [weak_group]})));
            calls.push(("PATCH", group(weak_group), json!({"parents": [target]}), group(weak_group), json!({"parents": []})));
            calls.push(("PATCH", group(&target), json!({"users": [me]}), group(weak_group), json!({"users": [me, weak]})));
            calls.push(("DELETE", group(&target), Json::Null, String::new(), Json::Null));
            calls.push(("POST", format!("{}add_user/", group(&target)), json!({"pk": me}), format!("{}add_user/", group(weak_group)), json!({"pk": me})));
            calls.push(("POST", format!("{}remove_user/", group(&target)), json!({"pk": me}), format!("{}remove_user/", group(weak_group)), json!({"pk": me})));
        }
        calls.push(("PATCH", user(me), json!({"roles": [own, strong_role]}), user(me), json!({"roles": [own]})));
        calls.push(("PATCH", group(weak_group), json!({"roles": [strong_role]}), group(weak_group), json!({"roles": [own]})));
        calls.push(("POST", "/core/groups/".into(), json!({"name": "s", "is_superuser": true}), "/core/groups/".into(), json!({"name": "s", "roles": [own]})));
        calls.push(("PATCH", group(weak_group), json!({"is_superuser": true}), group(weak_group), json!({"is_superuser": false})));
        for target in [app.admin, *strong] {
            for (action, body) in [
                ("set_password/", json!({"password": "Correct horse battery 9"})),
                ("set_password_hash/", json!({"password": "pbkdf2_sha256$1000$c2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU="})),
            ] {
                calls.push(("POST", user(target) + action, body.clone(), user(*weak) + action, body));
            }
            calls.push(("PATCH", user(target), json!({"email": "me@x.test"}), user(*weak), json!({"email": "me@x.test"})));
            calls.push(("PATCH", user(target), json!({"is_active": false}), user(*weak), json!({"is_active": true})));
            calls.push(("POST", "/core/tokens/".into(), json!({"identifier": "t", "user": target}), "/core/tokens/".into(), json!({"identifier": format!("t{target}"), "user": weak})));
            calls.push(("POST", "/authenticators/admin/static/".into(), json!({"name": "d", "user": target}), "/authenticators/admin/static/".into(), json!({"name": "d", "user": weak})));
            calls.push(("DELETE", user(target), Json::Null, String::new(), Json::Null));
        }
        let of_role = |pk: &Uuid| format!("/rbac/roles/{pk}/");
        calls.push(("PATCH", of_role(strong_role), json!({"name": "mine"}), of_role(&own), json!({"name": "mine"})));
        calls.push(("DELETE", of_role(strong_role), Json::Null, String::new(), Json::Null));
        for token in ["admin-token", "strong-token"] {
            let of = |name: &str| format!("/core/tokens/{name}/");
            calls.push(("GET", of(token) + "view_key/", Json::Null, of("weak-token") + "view_key/", Json::Null));
            calls.push(("POST", of(token) + "set_key/", json!({"key": "chosen by somebody else"}), of("weak-token") + "set_key/", json!({"key": format!("chosen for {token}")})));
            calls.push(("PATCH", of(token), json!({"description": "x"}), of("weak-token"), json!({"description": "x"})));
        }
        let settings = || "/admin/settings/".to_owned();
        calls.push(("PATCH", settings(), json!({"base_url": "https://evil.test"}), settings(), json!({"gdpr_compliance": false})));
        for (method, path, body, twin_path, twin) in calls {
            let (refused, fine) = (office.status(method, &path, body.clone()).await, twin_path.is_empty());
            assert_eq!(refused, 403, "{method} {path} {body}");
            if !fine {
                let answer = app.call(Some(PLAIN), method, &twin_path, (!twin.is_null()).then(|| twin.clone())).await;
                assert!(answer.status < 300, "{method} {twin_path} {twin}: {} {}", answer.status, answer.body);
            }
        }
        // Permissions of a role, by the function that the interface over roles calls.
        let caller = Principal::load(&app.core, me).await.unwrap().unwrap();
        let by = directory::Author::request(&Client::internal(), Some(&caller), "authentik.core.api");
        let held = [HELPDESK[0].to_owned()];
        permission::assign(&app.core, &by, own, &held, None).await.unwrap();
        permission::assign(&app.core, &by, own, &held, Some("7")).await.unwrap();
        permission::unassign(&app.core, &by, own, &held, Some("7")).await.unwrap();
        for object in [None, Some("7")] {
            let lacks = permission::assign(&app.core, &by, own, &[LACKS.to_owned()], object).await;
            assert!(matches!(lacks, Err(Error::Denied(_))), "{lacks:?}");
        }
        let unknown = permission::assign(&app.core, &by, own, &["authentik_core.be_root".to_owned()], None).await;
        assert!(matches!(unknown, Err(Error::Invalid(_))), "{unknown:?}");
        // What was refused gave nothing.
        let now = Principal::load(&app.core, me).await.unwrap().unwrap();
        assert!(!now.is_superuser && !now.may(LACKS) && now.may(HELPDESK[0]));
    })
    .await;
}

#[tokio::test]
async fn core_permissions_me_tells_what_the_caller_may() {
    let app = App::start(sqlite().await).await;
    let delegate = Delegate::new(&app).await;
    let me = async |app: &App| app.plain("GET", "/core/users/me/", Json::Null).await.body["user"].clone();
    assert_eq!(me(&app).await["system_permissions"], json!([]));
    let held = [
        "authentik_rbac.edit_system_settings",
        "authentik_rbac.access_admin_interface",
        "authentik_core.view_user",
    ];
    delegate.holds(&app, &held.map(|p| (p.to_owned(), None))).await;
    let now = me(&app).await;
    assert_eq!(now["system_permissions"], json!(["access_admin_interface", "edit_system_settings"]));
    assert_eq!(
        (&now["roles"], &now["is_superuser"]),
        (&json!([{"name": "delegate", "pk": delegate.role}]), &json!(false))
    );
    let seen = app.plain("GET", &format!("/core/users/{}/", app.plain), Json::Null).await.body;
    assert_eq!(
        (&seen["roles"], &seen["roles_obj"]),
        (&json!([delegate.role]), &json!([{"pk": delegate.role, "name": "delegate"}]))
    );
    // By a group, and by its ancestors.
    let parent =
        app.admin("POST", "/core/groups/", json!({"name": "parent", "roles": [delegate.role]})).await.body;
    assert_eq!(parent["roles_obj"], json!([{"pk": delegate.role, "name": "delegate"}]), "{parent}");
    let child = app
        .admin(
            "POST",
            "/core/groups/",
            json!({"name": "child", "parents": [parent["pk"]], "users": [app.plain]}),
        )
        .await
        .body;
    let path = format!("/core/groups/{}/?include_inherited_roles=true", child["pk"].as_str().unwrap());
    assert_eq!(app.admin("GET", &path, Json::Null).await.body["inherited_roles_obj"], parent["roles_obj"]);
    app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"roles": []})).await;
    assert_eq!(me(&app).await["system_permissions"], now["system_permissions"]);
    let gone = app.admin("DELETE", &format!("/rbac/roles/{}/", delegate.role), Json::Null).await;
    assert_eq!(gone.status, 204, "{}", gone.body);
    assert_eq!(me(&app).await["system_permissions"], json!([]));
    let unknown =
        app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"roles": [delegate.role]})).await;
    assert_eq!((unknown.status, unknown.body.get("roles").is_some()), (400, true), "{}", unknown.body);
}

#[tokio::test]
async fn core_permissions_lists_tell_nothing_of_hidden_objects() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let delegate = Delegate::new(&app).await;
        let make = async |path: &str, sent: Json| app.admin("POST", path, sent).await.body;
        let flow = async |slug: &str| {
            make(
                "/flows/instances/",
                json!({"name": slug, "slug": slug, "title": "t", "designation": "authentication"}),
            )
            .await["pk"]
                .clone()
        };
        let (seen, hidden) = (flow("seen").await, flow("hidden").await);
        let stage = make("/stages/deny/", json!({"name": "deny"})).await["pk"].clone();
        let first =
            make("/flows/bindings/", json!({"target": hidden, "stage": stage, "order": 1})).await["pk"]
                .clone();
        let second =
            make("/flows/bindings/", json!({"target": seen, "stage": stage, "order": 2})).await["pk"].clone();
        let on =
            |permission: &str, key: &Json| (permission.to_owned(), Some(key.as_str().unwrap().to_owned()));
        let all = |permission: &str| (permission.to_owned(), None);
        let used_by = format!("/stages/deny/{}/used_by/", stage.as_str().unwrap());
        let names =
            |body: &Json| body.as_array().unwrap().iter().map(|e| e["pk"].clone()).collect::<Vec<_>>();
        delegate
            .holds(
                &app,
                &[
                    all("authentik_stages_deny.view_denystage"),
                    on("authentik_flows.view_flowstagebinding", &second),
                    on("authentik_flows.view_flow", &seen),
                ],
            )
            .await;
        let used = app.plain("GET", &used_by, Json::Null).await.body;
        assert_eq!(names(&used), std::slice::from_ref(&second), "{used}");
        let list = app.plain("GET", "/flows/bindings/", Json::Null).await.body;
        assert_eq!((&list["pagination"]["count"], &list["results"][0]["pk"]), (&json!(1), &second));
        // Both bindings, one flow: the other's name is found by nothing.
        delegate
            .holds(
                &app,
                &[
                    all("authentik_flows.view_flowstagebinding"),
                    on("authentik_flows.view_flow", &seen),
                    all("authentik_core.view_user"),
                    on("authentik_core.view_group", &json!(app.admins.id.to_string())),
                ],
            )
            .await;
        let count =
            async |path: &str| app.plain("GET", path, Json::Null).await.body["pagination"]["count"].clone();
        assert_eq!(count("/flows/bindings/").await, json!(2));
        let by = |flow: &Json| format!("/flows/bindings/?target={}", flow.as_str().unwrap());
        assert_eq!(app.plain("GET", &by(&seen), Json::Null).await.status, 200);
        let refused = app.plain("GET", &by(&hidden), Json::Null).await;
        let unknown = app.plain("GET", &by(&json!("00000000-0000-0000-0000-0000000000ff")), Json::Null).await;
        assert_eq!((refused.status, unknown.status), (400, 400));
        let ordered = app.plain("GET", "/flows/bindings/?ordering=target__slug", Json::Null).await.body;
        assert_eq!(ordered["results"][0]["pk"], first, "a hidden name is no name: {ordered}");
        let ordered = app.plain("GET", "/flows/bindings/?ordering=-target__slug", Json::Null).await.body;
        assert_eq!(ordered["results"][0]["pk"], second);
        assert_eq!(count("/flows/bindings/?search=hidden").await, json!(0));
        // Families: by the kind, or by the family.
        delegate.holds(&app, &[on("authentik_flows.view_stage", &stage)]).await;
        let all_stages = app.plain("GET", "/stages/all/", Json::Null).await.body;
        assert_eq!(all_stages["pagination"]["count"], json!(1), "{all_stages}");
        assert_eq!(app.plain("GET", "/stages/deny/", Json::Null).await.status, 403);
    })
    .await;
}
