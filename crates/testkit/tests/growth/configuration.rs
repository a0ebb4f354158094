//! Writes and lists with thousands of applications.
use crate::median;
use signet_base::{Json, Map, Uuid, json};
use signet_core::Core;
use signet_model::{Lookup, check};
use signet_store::groups::{self, Group};
use signet_store::{Author, Write, users};
use signet_testkit::{App, DbKind};

struct NoRows;
impl Lookup for NoRows {
    fn user_exists(&self, _: i64) -> bool {
        false
    }
    fn group_exists(&self, _: Uuid) -> bool {
        false
    }
}

fn create(core: &Core, model: &str, pk: Option<Uuid>, sent: &Json, more: &[(&str, Json)]) -> Write {
    let def = core.registry.find(model).unwrap();
    let config = core.config();
    let change = check(def, sent.as_object().unwrap(), None, false, &config, &NoRows, &core.ports).unwrap();
    let mut data: Map = change.data;
    data.extend(more.iter().map(|(field, value)| ((*field).to_owned(), value.clone())));
    Write::Create { def, pk, data, secrets: change.secrets }
}

/// Applications from a number to another, each with a provider and a binding; every second one is the group's.
async fn applications(core: &Core, numbers: std::ops::Range<usize>, group: Uuid) {
    let config = core.config();
    let flow = |slug: &str| config.find::<signet_core::models::Flow>("slug", slug).unwrap().0.pk;
    let (authorization, invalidation) =
        (flow("default-provider-authorization-implicit-consent"), flow("default-provider-invalidation-flow"));
    let numbers: Vec<usize> = numbers.collect();
    for part in numbers.chunks(1000) {
        let mut writes = Vec::new();
        for (n, number) in part.iter().enumerate() {
            let provider = json!({
                "name": format!("provider {number}"), "authorization_flow": authorization,
                "invalidation_flow": invalidation, "redirect_uris": [],
            });
            writes.push(create(core, "authentik_providers_oauth2.oauth2provider", None, &provider, &[]));
            let application =
                json!({"name": format!("Application {number}"), "slug": format!("app-{number}")});
            let (pk, its) = (core.ports.uuid(), json!(-1 - i64::try_from(n).unwrap()));
            writes.push(create(
                core,
                "authentik_core.application",
                Some(pk),
                &application,
                &[("provider", its)],
            ));
            let whose = if number % 2 == 0 { group } else { Uuid::from_u128(1) };
            let def = core.registry.find("authentik_policies.policybinding").unwrap();
            let default = |f: &signet_model::FieldDef| f.default.map_or(Json::Null, |of| of(&core.ports));
            let mut data: Map = def.fields.iter().map(|f| (f.name.to_owned(), default(f))).collect();
            data.insert("target".into(), json!(pk));
            data.insert("group".into(), json!(whose));
            data.insert("order".into(), json!(0));
            writes.push(Write::Create { def, pk: None, data, secrets: Default::default() });
        }
        core.objects.apply(writes, &Author::system()).await.unwrap();
    }
}

pub async fn grows_by_what_changes() {
    let app = App::start(DbKind::Sqlite).await;
    let group = Group::new(&app.core.ports, "half");
    groups::insert(&app.core.db, &group, &[], &[]).await.unwrap();
    let person = app.user("grace", "not used").await;
    users::join_group(&app.core.db, person.id, group.id).await.unwrap();
    let mut figures = Vec::new();
    let mut done = 0;
    for count in [50, 5000] {
        applications(&app.core, done..count, group.id).await;
        done = count;
        let (admin, own) = (app.admin().await, app.with_token(person.id).await);
        let (admin, own) = (&tokio::sync::Mutex::new(admin), &tokio::sync::Mutex::new(own));
        let round = &std::sync::atomic::AtomicUsize::new(0);
        let write = median(21, || async move {
            let round = round.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let body = json!({"meta_description": format!("{count} {round}")});
            let said = admin.lock().await.patch("/api/v3/core/applications/app-7/", body).await;
            assert_eq!(said.status, 200, "{}", said.text());
        })
        .await;
        let mine = median(11, || async move {
            let said = own.lock().await.get("/api/v3/core/applications/?page_size=100").await.json();
            assert_eq!(said["pagination"]["count"], count / 2, "{said}");
            assert_eq!(said["results"].as_array().unwrap().len(), (count / 2).min(100));
        })
        .await;
        let providers = median(11, || async move {
            let said = admin.lock().await.get("/api/v3/providers/all/?page_size=20").await.json();
            assert_eq!(said["pagination"]["count"], count);
        })
        .await;
        figures.push((count, write, mine, providers));
    }
    println!("applications, one write, my applications, providers (ms): {figures:?}");
    let [(_, few_write, ..), (_, write, mine, providers)] = figures[..] else { unreachable!() };
    // Before, each write indexed everything anew: 64 ms with optimised code. These bounds are for code without.
    assert!(write < 3.0 * few_write + 5.0 && write < 40.0, "one write: {figures:?}");
    assert!(mine < 120.0 && providers < 60.0, "lists: {figures:?}");
    app.stop().await;
}
