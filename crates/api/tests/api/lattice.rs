//! Random sequences of calls by a delegated administrator: nobody gets more than the caller or they themselves had.
use crate::closure::{HELPDESK, LACKS, Office};
use crate::support::App;
use signet_base::{Json, Uuid, json};
use signet_core::permission::{Right, catalogue};
use signet_core::{Principal, models};
use signet_model::Grants;
use signet_store::testdb::sqlite;
use signet_store::{ListQuery, devices, groups, tokens, users};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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
    let (method, path, body) = match dice.below(29) {
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
        16..=18 => {
            let (to, action) = if dice.below(3) == 0 {
                (format!("users/{user}"), dice.below(2))
            } else {
                (format!("roles/{}", dice.pick(&role_list)), dice.below(2))
            };
            let permission = dice.pick(&[
                HELPDESK[0],
                HELPDESK[3],
                LACKS,
                "authentik_core.add_user_to_group",
                "authentik_blueprints.add_blueprintinstance",
            ]);
            let sent = match dice.below(3) {
                0 => {
                    json!({"permissions": [permission], "model": "authentik_core.user", "object_pk": user.to_string()})
                }
                _ => json!({"permissions": [permission]}),
            };
            if action == 0 {
                ("POST", format!("/rbac/permissions/assigned_by_{to}/assign/"), sent)
            } else {
                ("PATCH", format!("/rbac/permissions/assigned_by_{to}/unassign/"), sent)
            }
        }
        19 | 20 => (
            "POST",
            format!(
                "/rbac/roles/{}/{}/",
                dice.pick(&role_list),
                if flag { "add_user" } else { "remove_user" }
            ),
            json!({"pk": user}),
        ),
        21 => ("POST", "/rbac/roles/".into(), json!({"name": name})),
        22 => {
            let permission = dice.pick(&[
                HELPDESK[0],
                LACKS,
                "authentik_core.impersonate",
                "authentik_core.change_application",
            ]);
            let sent = json!({"name": name, "role": dice.pick(&role_list), "permissions": [catalogue::id(permission)]});
            ("POST", "/rbac/initial_permissions/".into(), sent)
        }
        23 => (
            "POST",
            "/core/applications/".into(),
            json!({"name": name, "slug": name, "policy_bindings": [{"user": user}]}),
        ),
        24 => (
            "POST",
            format!("/core/users/{user}/{}/", dice.pick(&["recovery", "impersonate"])),
            json!({"reason": "r"}),
        ),
        25 => ("GET", format!("/core/tokens/{token}/view_key/"), Json::Null),
        26 => (
            "POST",
            "/flows/instances/".into(),
            json!({"name": name, "slug": name, "title": "t", "designation": "enrollment", "authentication": "none"}),
        ),
        27 => (
            "POST",
            "/stages/invitation/invitations/".into(),
            json!({"name": name, "expires": "2099-01-01T00:00:00Z", "fixed_data": {"is_superuser": true, "groups": dice.some(&teams)}}),
        ),
        _ => (
            "PATCH",
            "/admin/settings/".into(),
            json!({"impersonation": flag, "base_url": "https://evil.test"}),
        ),
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
        for _ in 0..60 {
            let before = accounts(&office.app).await;
            let told = call(&office, &mut dice, &before).await;
            calls += 1;
            if !(told.ends_with("200") || told.ends_with("201") || told.ends_with("204")) {
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
