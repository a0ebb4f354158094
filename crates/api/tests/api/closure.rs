//! Privilege closure: a delegated administrator gives nobody more than they hold themselves.
use crate::roles::Delegate;
use crate::support::{App, PLAIN};
use signet_base::{Error, Json, Uuid, json};
use signet_core::permission::{self, Right};
use signet_core::{Client, Principal, directory, models};
use signet_model::{Grants, Model, Secrets};
use signet_store::groups::{self, Group};
use signet_store::testdb::{each_database, sqlite};
use signet_store::users::{self, User};
use signet_store::{Author, ListQuery, Write, devices, roles, tokens};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a help desk may do; `view_event` is what it lacks.
const HELPDESK: &[&str] = &[
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
    "authentik_rbac.edit_system_settings",
    "authentik_stages_authenticator_static.view_staticdevice",
    "authentik_stages_authenticator_static.add_staticdevice",
    "authentik_stages_authenticator_static.delete_staticdevice",
];
const LACKS: &str = "authentik_events.view_event";

/// A delegated administrator among people who may less, as much, and more.
struct Office {
    app: App,
    delegate: Delegate,
    /// With [`LACKS`].
    strong_role: Uuid,
    strong_group: Uuid,
    /// Below the strong one.
    kid_group: Uuid,
    weak_group: Uuid,
    strong: i64,
    weak: i64,
}

async fn role(app: &App, name: &str) -> Uuid {
    let data = json!({"name": name, "managed": null}).as_object().unwrap().clone();
    let write = Write::Create { def: models::Role::DEF, pk: None, data, secrets: Secrets::new() };
    app.core.objects.apply(vec![write], &Author::system()).await.unwrap()[0].pk
}

impl Office {
    async fn new(app: App) -> Self {
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
    async fn status(&self, method: &str, path: &str, body: Json) -> u16 {
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

/// Random choices that come out the same for the same seed.
struct Dice(u64);
impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
    /// Some of them.
    fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        (0..self.below(3)).map(|_| self.pick(of)).collect()
    }
}

/// What must not change of somebody who may more than the delegate.
#[derive(Debug, Clone, PartialEq)]
struct Account {
    grants: Grants,
    state: String,
}
async fn accounts(app: &App) -> BTreeMap<i64, Account> {
    let (list, _) = users::list(&app.core.db, &ListQuery::first(10_000).into()).await.unwrap();
    let mut out = BTreeMap::new();
    for user in list {
        let owned: Vec<_> = tokens::of_user(&app.core.db, user.id, "api").await.unwrap();
        let factors = devices::of_user(&app.core.db, user.id, None).await.unwrap().len();
        let keys: Vec<String> =
            owned.iter().map(|t| format!("{} {:?} {}", t.identifier, t.expires, t.description)).collect();
        let state = format!(
            "{} {} {} {} {} {factors} {keys:?}",
            user.username, user.email, user.is_active, user.password, user.epoch
        );
        let grants = (*Principal::of(&app.core, user.clone()).await.unwrap().grants).clone();
        out.insert(user.id, Account { grants, state });
    }
    out
}

/// One random call of the delegate.
async fn call(office: &Office, dice: &mut Dice, known: &BTreeMap<i64, Account>) -> String {
    let app = &office.app;
    let people: Vec<i64> = known.keys().copied().collect();
    let (teams, _) = groups::list(&app.core.db, &ListQuery::first(10_000).into()).await.unwrap();
    let teams: Vec<Uuid> = teams.iter().map(|g| g.id).collect();
    let role_list: Vec<Uuid> = app.core.config().all::<models::Role>().map(|(o, _)| o.pk).collect();
    if role_list.is_empty() {
        return String::new();
    }
    let (user, team) = (dice.pick(&people), dice.pick(&teams));
    let name = format!("n{}", dice.below(1_000_000));
    let token = dice.pick(&["admin-token", "strong-token", "weak-token", "plain-token"]);
    let flag = dice.below(2) == 0;
    let (method, path, body) = match dice.below(17) {
        0 => ("PATCH", format!("/core/users/{user}/"), json!({"groups": dice.some(&teams)})),
        1 => ("PATCH", format!("/core/users/{user}/"), json!({"roles": dice.some(&role_list)})),
        2 => (
            "PATCH",
            format!("/core/users/{user}/"),
            json!({"email": format!("{name}@x.test"), "is_active": flag}),
        ),
        3 => (
            "POST",
            "/core/users/".into(),
            json!({"username": name, "name": "n", "groups": dice.some(&teams), "roles": dice.some(&role_list)}),
        ),
        4 => ("PATCH", format!("/core/groups/{team}/"), json!({"parents": dice.some(&teams)})),
        5 => ("PATCH", format!("/core/groups/{team}/"), json!({"users": dice.some(&people)})),
        6 => (
            "PATCH",
            format!("/core/groups/{team}/"),
            json!({"roles": dice.some(&role_list), "is_superuser": flag}),
        ),
        7 => (
            "POST",
            "/core/groups/".into(),
            json!({"name": name, "parents": dice.some(&teams), "users": dice.some(&people), "roles": dice.some(&role_list)}),
        ),
        8 => (
            "POST",
            format!("/core/groups/{team}/{}/", if flag { "add_user" } else { "remove_user" }),
            json!({"pk": user}),
        ),
        9 => (
            "POST",
            format!("/core/users/{user}/set_password/"),
            json!({"password": format!("Password of {name} 9")}),
        ),
        10 => ("POST", "/core/tokens/".into(), json!({"identifier": name, "user": user})),
        11 => ("POST", format!("/core/tokens/{token}/set_key/"), json!({"key": format!("key {name}")})),
        12 => ("PATCH", format!("/core/tokens/{token}/"), json!({"description": name})),
        13 => ("POST", "/authenticators/admin/static/".into(), json!({"name": name, "user": user})),
        14 if dice.below(4) == 0 => (
            "DELETE",
            if flag { format!("/core/users/{user}/") } else { format!("/core/groups/{team}/") },
            Json::Null,
        ),
        15 if dice.below(4) == 0 => ("DELETE", format!("/rbac/roles/{}/", dice.pick(&role_list)), Json::Null),
        14 | 15 => {
            ("POST", "/core/users/service_account/".into(), json!({"name": name, "create_group": flag}))
        }
        _ => {
            let Some(caller) = Principal::load(&app.core, app.plain).await.unwrap() else {
                return String::new();
            };
            let permission = dice.pick(&[HELPDESK[0], HELPDESK[3], LACKS, "authentik_flows.change_flow"]);
            let object = dice.pick(&[None, Some("1"), Some("5")]);
            let (to, list) = (dice.pick(&role_list), [permission.to_owned()]);
            let by = directory::Author::request(&Client::internal(), Some(&caller), "authentik.core.api");
            let answer = if flag {
                permission::assign(&app.core, &by, to, &list, object).await
            } else {
                permission::unassign(&app.core, &by, to, &list, object).await
            };
            return format!("assign {flag} {permission} {object:?}: {answer:?}");
        }
    };
    let status = office.status(method, &path, body.clone()).await;
    format!("{method} {path} {body}: {status}")
}

/// For `SIGNET_FUZZ_SECONDS` (3): sequences of calls by a delegated administrator, from `SIGNET_FUZZ_SEED` on.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "long runs set a time and a seed")]
async fn core_permissions_no_sequence_of_calls_leads_up() {
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let until = Instant::now() + Duration::from_secs(number("SIGNET_FUZZ_SECONDS", 3));
    let mut seed = number("SIGNET_FUZZ_SEED", 1);
    let (mut calls, mut done) = (0, 0);
    while Instant::now() < until {
        let office = Office::new(App::start(sqlite().await).await).await;
        let mut dice = Dice(seed);
        let first = accounts(&office.app).await;
        let limit = first[&office.app.plain].grants.clone();
        let mut story = Vec::new();
        for _ in 0..40 {
            let before = accounts(&office.app).await;
            let told = call(&office, &mut dice, &before).await;
            calls += 1;
            if !(told.ends_with("200")
                || told.ends_with("201")
                || told.ends_with("204")
                || told.ends_with("Ok(())"))
            {
                continue;
            }
            done += 1;
            story.push(told);
            for (id, now) in accounts(&office.app).await {
                let had = first.get(&id).map(|a| a.grants.clone()).unwrap_or_default();
                let mut most = limit.clone();
                most.extend(&had);
                assert!(most.covers(&now.grants), "seed {seed}: {id} has {:?} after {story:#?}", now.grants);
                // Whoever may more stays who they are.
                if let Some(was) = before.get(&id).filter(|was| !limit.covers(&was.grants)) {
                    assert_eq!(was.state, now.state, "seed {seed}: {id} after {story:#?}");
                }
            }
            let gone = first.iter().find(|(id, a)| !limit.covers(&a.grants) && !before.contains_key(id));
            assert!(gone.is_none(), "seed {seed}: {gone:?} was deleted");
            if !users::by_id(&office.app.core.db, office.app.plain)
                .await
                .unwrap()
                .is_some_and(|u| u.is_active)
            {
                break;
            }
        }
        seed += 1;
    }
    assert!(done > 20, "{done} of {calls} calls did something");
    // The test would see a way up.
    assert!(!Grants::default().covers(&Grants::everything()) && Right::Everything != Right::Account(1));
}
