//! Configuration objects: versions, references, cascades, secrets, several nodes.
use crate::{ports, vault};
use serde::{Deserialize, Serialize};
use signet_base::{Conflict, Error, Json, Map, Secret, Timestamp, Uuid, Vault, json};
use signet_model::{Model, Object, Registry, Secrets};
use signet_store::bus::{Notice, Topic};
use signet_store::consents::{self, Consent};
use signet_store::objects::{row_used_by, used_by, writes_for_deleted_row};
use signet_store::testdb::each_database;
use signet_store::users::{self, User};
use signet_store::{Author, Batch, Db, ObjectStore, UsedByAction, Write};
use std::sync::Arc;

/// A box for tests.
#[derive(Model, Serialize, Deserialize)]
#[model(app = "t_app", name = "tbox", path = "t/box", base = Stage, label = "box")]
struct TBox {
    #[field(unique)]
    name: String,
    #[field(default = "", blank)]
    #[serde(skip_serializing)]
    key: Secret,
    /// Goes with its holder.
    #[field(refers = "authentik_flows.stage", on_delete = "cascade")]
    holder: Option<Uuid>,
    #[field(refers = "authentik_flows.stage", on_delete = "set_null")]
    friend: Option<Uuid>,
    #[field(refers = "authentik_flows.stage", on_delete = "cascade")]
    list: Vec<Uuid>,
    #[field(refers = "t_app.tprovider", on_delete = "set_null")]
    provider: Option<i64>,
    #[field(refers = "authentik_core.user", on_delete = "cascade")]
    user: Option<i64>,
    #[field(refers = "authentik_core.group", on_delete = "set_null")]
    group: Option<Uuid>,
}

/// A numbered kind.
#[derive(Model, Serialize, Deserialize)]
#[model(app = "t_app", name = "tprovider", path = "t/provider", base = Provider, label = "provider", numbered)]
struct TProvider {
    #[field(unique)]
    name: String,
}

/// An application.
#[derive(Model, Serialize, Deserialize)]
#[model(
    app = "authentik_core",
    name = "application",
    path = "core/applications",
    label = "application",
    bindable,
    unique_together("name", "slug")
)]
struct TApplication {
    name: String,
    #[field(unique)]
    slug: String,
}

/// A binding.
#[derive(Model, Serialize, Deserialize)]
#[model(app = "authentik_policies", name = "policybinding", path = "policies/bindings", label = "binding")]
struct TBinding {
    #[field(refers = "bindable", on_delete = "cascade")]
    target: Uuid,
    #[field(default = 0)]
    order: i64,
}

fn registry() -> Arc<Registry> {
    Arc::new(Registry::new([TBox::DEF, TProvider::DEF, TApplication::DEF, TBinding::DEF]))
}
async fn open(db: &Db) -> ObjectStore {
    let store = ObjectStore::new(db.clone(), registry(), vault(), ports());
    store.load().await.unwrap();
    store
}
fn map(json: Json) -> Map {
    json.as_object().cloned().unwrap()
}
fn data(name: &str, more: Json) -> Map {
    let mut all = map(
        json!({"name": name, "holder": null, "friend": null, "list": [], "provider": null, "user": null, "group": null}),
    );
    all.extend(map(more));
    all
}
fn a_box(name: &str, more: Json) -> Write {
    Write::Create {
        def: TBox::DEF,
        pk: None,
        data: data(name, more),
        secrets: Secrets::from([("key".to_owned(), Secret::new("hush hush"))]),
    }
}
fn me() -> Author {
    Author { user: Some(1), request_id: "req".into() }
}
async fn one(store: &ObjectStore, write: Write) -> Arc<Object> {
    store.apply(vec![write], &me()).await.unwrap().remove(0)
}
fn change(o: &Object, more: Json, version: Option<i64>) -> Write {
    let mut data = o.data.clone();
    data.extend(map(more));
    Write::Update { pk: o.pk, version, data, secrets: o.secrets.clone() }
}
async fn int(db: &Db, sql: &str) -> i64 {
    db.query_one(sql, vec![]).await.unwrap().unwrap().int(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_written_read_and_versioned() {
    each_database(|db| async move {
        let store = open(&db).await;
        let before = store.snapshot();
        let b = one(&store, a_box("one", json!({}))).await;
        assert_eq!((b.version, b.get::<TBox>().unwrap().key.reveal()), (1, "hush hush"));
        assert!(before.get(b.pk).is_none() && store.snapshot().get(b.pk).is_some());
        assert_eq!(store.snapshot().counter, before.counter + 1);
        let b2 = one(&store, change(&b, json!({"name": "two"}), Some(1))).await;
        assert_eq!((b2.version, b2.name(), b2.created), (2, "two", b.created));
        assert!(matches!(
            store.apply(vec![change(&b, json!({"name": "late"}), Some(1))], &me()).await,
            Err(Error::Conflict(Conflict::Stale))
        ));
        let b3 = one(&store, change(&b, json!({"name": "last wins"}), None)).await;
        assert_eq!(b3.version, 3);
        // Another node reads the same.
        let other = open(&db).await;
        let read = other.snapshot().get(b.pk).unwrap().clone();
        assert_eq!(
            (read.version, &read.data, read.secrets["key"].reveal(), read.updated),
            (3, &b3.data, "hush hush", b3.updated)
        );
        let history = store.history(b.pk).await.unwrap();
        assert_eq!(
            history.iter().map(|v| v.data["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["one", "two", "last wins"]
        );
        assert_eq!((history[0].actor, history[0].request_id.as_str()), (Some(1), "req"));
        let gone = one(&store, Write::Delete { pk: b.pk }).await;
        assert_eq!(gone.version, 3);
        assert!(
            store.snapshot().get(b.pk).is_none()
                && store.history(b.pk).await.unwrap().last().unwrap().deleted
        );
        assert!(matches!(store.apply(vec![Write::Delete { pk: b.pk }], &me()).await, Err(Error::NotFound)));
        // The same key can come back (import).
        let again = one(
            &store,
            Write::Create {
                def: TBox::DEF,
                pk: Some(b.pk),
                data: data("back", json!({})),
                secrets: b.secrets.clone(),
            },
        )
        .await;
        assert_eq!((again.pk, again.version), (b.pk, 1));
        other.refresh_if_stale().await.unwrap();
        assert_eq!(other.snapshot().get(b.pk).unwrap().name(), "back");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_to_their_place() {
    each_database(|db| async move {
        let store = open(&db).await;
        let (a, b) = (one(&store, a_box("a", json!({}))).await, one(&store, a_box("b", json!({}))).await);
        for table in ["object", "object_history"] {
            for row in db.query(&format!("SELECT data, secrets FROM {table}"), vec![]).await.unwrap() {
                assert!(!row.text(0).unwrap().contains("hush") && !row.text(0).unwrap().contains("key"));
                assert!(!row.text(1).unwrap().contains("hush") && row.text(1).unwrap().contains("v1:"));
            }
        }
        // With another secret key nothing opens, and nothing is left out silently.
        let strange = ObjectStore::new(
            db.clone(),
            registry(),
            Arc::new(Vault::new(&"other".into(), ports()).unwrap()),
            ports(),
        );
        assert!(strange.load().await.is_err());
        // A ciphertext of another row does not open either.
        db.execute(
            "UPDATE object SET secrets = (SELECT secrets FROM object WHERE pk = ?) WHERE pk = ?",
            vec![a.pk.into(), b.pk.into()],
        )
        .await
        .unwrap();
        let fresh = ObjectStore::new(db.clone(), registry(), vault(), ports());
        assert!(fresh.load().await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_do_what_used_by_says() {
    each_database(|db| async move {
        let store = open(&db).await;
        let root = one(&store, a_box("root", json!({}))).await;
        let id = root.pk.to_string();
        let child = one(&store, a_box("child", json!({"holder": id}))).await;
        let grandchild =
            one(&store, a_box("grandchild", json!({"holder": child.pk.to_string(), "friend": id}))).await;
        let friend = one(
            &store,
            a_box("friend", json!({"friend": id, "list": [child.pk.to_string(), grandchild.pk.to_string()]})),
        )
        .await;
        let mut shown: Vec<_> = used_by(&store.snapshot(), root.pk)
            .into_iter()
            .map(|u| (u.object.name().to_owned(), u.field, u.action))
            .collect();
        shown.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(
            shown,
            [
                ("child".to_owned(), "holder", UsedByAction::Cascade),
                ("friend".to_owned(), "friend", UsedByAction::SetNull),
                ("grandchild".to_owned(), "friend", UsedByAction::SetNull)
            ]
        );
        assert_eq!(
            used_by(&store.snapshot(), child.pk)
                .iter()
                .filter(|u| u.action == UsedByAction::CascadeMany)
                .count(),
            1
        );
        one(&store, Write::Delete { pk: root.pk }).await;
        let world = store.snapshot();
        assert_eq!(world.objects().count(), 1);
        let left = world.get(friend.pk).unwrap();
        assert_eq!((left.version, &left.data["friend"], &left.data["list"]), (2, &Json::Null, &json!([])));
        assert_eq!(left.secrets["key"].reveal(), "hush hush");
        assert_eq!(
            (
                int(&db, "SELECT count(*) FROM object").await,
                int(&db, "SELECT count(*) FROM object_reference").await
            ),
            (1, 0)
        );
        assert_eq!(int(&db, "SELECT count(*) FROM object_history WHERE deleted = 1").await, 3);
        assert_eq!(open(&db).await.snapshot().get(friend.pk).unwrap().data, left.data);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn references_by_number_by_binding_key_and_within_one_batch() {
    each_database(|db| async move {
        let store = open(&db).await;
        let p1 = one(
            &store,
            Write::Create {
                def: TProvider::DEF,
                pk: None,
                data: map(json!({"name": "p1"})),
                secrets: Secrets::new(),
            },
        )
        .await;
        let p2 = one(
            &store,
            Write::Create {
                def: TProvider::DEF,
                pk: None,
                data: map(json!({"name": "p2"})),
                secrets: Secrets::new(),
            },
        )
        .await;
        assert_eq!((p1.num, p2.num), (Some(1), Some(2)));
        let b = one(&store, a_box("b", json!({"provider": 2}))).await;
        one(&store, Write::Delete { pk: p2.pk }).await;
        assert!(store.snapshot().get(b.pk).unwrap().data["provider"].is_null());
        let p3 = one(
            &store,
            Write::Create {
                def: TProvider::DEF,
                pk: None,
                data: map(json!({"name": "p2"})),
                secrets: Secrets::new(),
            },
        )
        .await;
        assert_eq!(p3.num, Some(3), "numbers are never given twice");

        // An application and a binding to it, made together; the binding is written first.
        let pbm = ports().uuid().to_string();
        let app = Write::Create {
            def: TApplication::DEF,
            pk: None,
            data: map(json!({"name": "App", "slug": "app", "pbm_uuid": pbm})),
            secrets: Secrets::new(),
        };
        let binding = Write::Create {
            def: TBinding::DEF,
            pk: None,
            data: map(json!({"target": pbm, "order": 1})),
            secrets: Secrets::new(),
        };
        let made = store.apply(vec![binding, app], &me()).await.unwrap();
        let (binding, app) = (&made[0], &made[1]);
        assert_eq!(store.snapshot().bindings_of(app.pbm().unwrap())[0].pk, binding.pk);
        assert_eq!(
            int(&db, "SELECT count(*) FROM object_reference WHERE field = 'target' AND to_pk IS NOT NULL")
                .await,
            1
        );
        let user = users::insert(&db, &User::new(&ports(), "u"), &[]).await.unwrap();
        consents::put(
            &db,
            &Consent {
                id: 0,
                user_id: user,
                application: app.pk,
                permissions: String::new(),
                expires: None,
                created: Timestamp(1),
            },
        )
        .await
        .unwrap();
        one(&store, Write::Delete { pk: app.pk }).await;
        assert!(store.snapshot().get(binding.pk).is_none(), "bindings go with what they guard");
        assert!(consents::get(&db, user, app.pk).await.unwrap().is_none(), "and so do consents");

        let nowhere =
            store.apply(vec![a_box("x", json!({"friend": ports().uuid().to_string()}))], &me()).await;
        assert!(matches!(nowhere, Err(Error::Invalid(fields)) if fields.contains("friend")));
        let nowhere = store.apply(vec![a_box("x", json!({"provider": 2}))], &me()).await;
        assert!(matches!(nowhere, Err(Error::Invalid(fields)) if fields.contains("provider")));
        // Deleted and referred to within one batch: nothing happens at all.
        let b = store.snapshot().get(b.pk).unwrap().clone();
        let both = store
            .apply(vec![Write::Delete { pk: p3.pk }, change(&b, json!({"provider": 3}), None)], &me())
            .await;
        assert!(matches!(both, Err(Error::Invalid(_))) && store.snapshot().by_num(3).is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unique_values_hold_in_the_database_and_can_be_swapped() {
    each_database(|db| async move {
        let store = open(&db).await;
        let (a, b) = (one(&store, a_box("a", json!({}))).await, one(&store, a_box("b", json!({}))).await);
        assert!(matches!(store.apply(vec![a_box("a", json!({}))], &me()).await, Err(Error::Conflict(Conflict::Unique(index))) if index.starts_with("object_unique.")));
        assert_eq!(store.snapshot().objects().count(), 2);
        store.apply(vec![change(&a, json!({"name": "b"}), None), change(&b, json!({"name": "a"}), None)], &me()).await.unwrap();
        assert_eq!(store.snapshot().find::<TBox>("name", "a").unwrap().0.pk, b.pk);
        // Very long values do not break the index.
        let long = "ö".repeat(5000);
        one(&store, a_box(&long, json!({}))).await;
        assert!(matches!(store.apply(vec![a_box(&long, json!({}))], &me()).await, Err(Error::Conflict(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_go_take_their_references_along() {
    each_database(|db| async move {
        let store = open(&db).await;
        let user = users::insert(&db, &User::new(&ports(), "u"), &[]).await.unwrap();
        let group = ports().uuid();
        let bound = one(&store, a_box("bound", json!({"user": user}))).await;
        let grouped = one(
            &store,
            a_box("grouped", json!({"group": group.to_string(), "holder": bound.pk.to_string()})),
        )
        .await;
        let loose = one(&store, a_box("loose", json!({"group": group.to_string()}))).await;
        let world = store.snapshot();
        let key = format!("user:{user}");
        assert_eq!(row_used_by(&world, &key).len(), 1);
        store.apply(writes_for_deleted_row(&world, &group.to_string(), &ports()), &me()).await.unwrap();
        assert!(store.snapshot().get(loose.pk).unwrap().data["group"].is_null());
        // The user and what refers to them, in one transaction.
        store
            .apply_with(
                writes_for_deleted_row(&store.snapshot(), &key, &ports()),
                &me(),
                users::delete_batch(user),
                |_| Batch::new(),
            )
            .await
            .unwrap();
        let world = store.snapshot();
        assert!(
            world.get(bound.pk).is_none() && world.get(grouped.pk).is_none() && world.get(loose.pk).is_some()
        );
        assert!(users::by_id(&db, user).await.unwrap().is_none());
        let failed = store
            .apply_with(
                vec![change(world.get(loose.pk).unwrap(), json!({"name": "x"}), None)],
                &me(),
                users::delete_batch(user),
                |_| Batch::new(),
            )
            .await;
        assert!(
            matches!(failed, Err(Error::Conflict(_)))
                && store.snapshot().get(loose.pk).unwrap().name() == "loose"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_on_several_nodes_lose_nothing() {
    each_database(|db| async move {
        let nodes = [Arc::new(open(&db).await), Arc::new(open(&db).await)];
        let first = one(&nodes[0], a_box("shared", json!({}))).await;
        let tasks: Vec<_> = (0..24)
            .map(|i| {
                let (node, first) = (nodes[i % 2].clone(), first.clone());
                tokio::spawn(async move {
                    node.apply(vec![a_box(&format!("n{i}"), json!({}))], &me()).await.unwrap();
                    // Read, change, write by the version that was read; again when somebody was faster.
                    loop {
                        let now = node.refresh_if_stale().await.unwrap().get(first.pk).unwrap().clone();
                        let list =
                            [now.data["list"].as_array().unwrap().clone(), vec![json!(first.pk.to_string())]]
                                .concat();
                        match node
                            .apply(vec![change(&now, json!({"list": list}), Some(now.version))], &me())
                            .await
                        {
                            Ok(_) => break,
                            Err(Error::Conflict(why)) => assert_eq!(why, Conflict::Stale),
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        for node in &nodes {
            let world = node.refresh_if_stale().await.unwrap();
            assert_eq!((world.objects().count(), world.counter), (25, 49));
            assert_eq!(world.get(first.pk).unwrap().data["list"].as_array().unwrap().len(), 24);
        }
        let mut notices = db.bus().subscribe();
        one(&nodes[0], a_box("told", json!({}))).await;
        assert_eq!(notices.recv().await.unwrap(), Notice { topic: Topic::Config, payload: "50".into() });
        one(&nodes[0], Write::Delete { pk: first.pk }).await;
        assert!(nodes[1].refresh_if_stale().await.unwrap().get(first.pk).is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_and_fields_of_other_releases() {
    each_database(|db| async move {
        let store = open(&db).await;
        let b = one(&store, a_box("b", json!({}))).await;
        db.execute(
            "INSERT INTO object (pk, model, data, secrets, version, created, updated, counter) VALUES ('00000000-0000-4000-8000-000000000000', 'new.kind', '{}', '{}', 1, 1, 1, 1)",
            vec![],
        )
        .await
        .unwrap();
        db.execute("UPDATE object SET data = '{\"name\": \"old\", \"list\": []}' WHERE model = 't_app.tbox'", vec![]).await.unwrap();
        let world = open(&db).await.snapshot();
        assert_eq!(world.objects().count(), 1);
        assert!(world.get(b.pk).unwrap().data["friend"].is_null());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_no_stale_snapshot() {
    each_database(|db| async move {
        let store = open(&db).await;
        for i in 0..20 {
            let author = me();
            let work = store.apply(vec![a_box(&format!("n{i}"), json!({}))], &author);
            let _ = tokio::time::timeout(std::time::Duration::from_micros(i * 100), work).await;
        }
        // Waits for what is on its way.
        one(&store, a_box("last", json!({}))).await;
        let stored = int(&db, "SELECT count(*) FROM object").await;
        assert_eq!(store.snapshot().objects().count() as i64, stored);
        assert_eq!(store.snapshot().counter, int(&db, "SELECT value FROM config_counter").await);
    })
    .await;
}
