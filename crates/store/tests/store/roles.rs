//! Roles of people and groups, and how soon a change of them counts.
use crate::{ports, vault};
use signet_base::{Map, Uuid, json};
use signet_model::{Model, Registry, Secrets};
use signet_store::groups::{self, Group};
use signet_store::roles::Target;
use signet_store::testdb::{each_database, own_server};
use signet_store::users::{self, User};
use signet_store::{Author, Db, ListQuery, ObjectStore, Page, Write, people, roles};
use std::sync::Arc;
use std::time::Duration;

#[derive(Model, serde::Serialize, serde::Deserialize)]
#[model(app = "authentik_rbac", path = "rbac/roles", label = "Role")]
struct Role {
    name: String,
}

const VIEW: &str = "authentik_core.view_user";

async fn store(db: &Db) -> ObjectStore {
    let objects = ObjectStore::new(db.clone(), Arc::new(Registry::new([Role::DEF])), vault(), ports());
    objects.load().await.unwrap();
    objects
}
async fn role(objects: &ObjectStore, name: &str) -> Uuid {
    let data: Map = json!({"name": name}).as_object().unwrap().clone();
    let write = Write::Create { def: Role::DEF, pk: None, data, secrets: Secrets::new() };
    objects.apply(vec![write], &Author::system()).await.unwrap()[0].pk
}
async fn held(db: &Db, user: i64) -> roles::RoleGrants {
    (*people::by_id(db, user).await.unwrap().unwrap().held).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_a_role_counts_at_the_next_read_and_no_longer() {
    each_database(|db| async move {
        let objects = store(&db).await;
        let (helpdesk, above) = (role(&objects, "helpdesk").await, role(&objects, "above").await);
        let (parent, child) = (Group::new(&ports(), "parent"), Group::new(&ports(), "child"));
        groups::insert(&db, &parent, &[], &[]).await.unwrap();
        groups::insert(&db, &child, &[parent.id], &[]).await.unwrap();
        let ada = users::insert(&db, &User::new(&ports(), "ada"), &[child.id]).await.unwrap();
        assert!(held(&db, ada).await.roles.is_empty());
        // By the account, on one object.
        db.batch(roles::grant_batch(helpdesk, VIEW, "authentik_core.user", &Target::Row("7".into())))
            .await
            .unwrap();
        db.batch(roles::give_user_batch(ada, helpdesk)).await.unwrap();
        let now = held(&db, ada).await.grants;
        assert!(now.on(VIEW, "7") && !now.on(VIEW, "8") && !now.has(VIEW));
        // By an ancestor of the group, on all.
        db.batch(roles::grant_batch(above, VIEW, "authentik_core.user", &Target::All)).await.unwrap();
        db.batch(roles::set_group_batch(parent.id, &[above])).await.unwrap();
        assert!(held(&db, ada).await.grants.has(VIEW));
        assert_eq!(
            roles::of_groups(&db, &[child.id]).await.unwrap().roles.iter().collect::<Vec<_>>(),
            [&above]
        );
        assert_eq!(roles::of_user(&db, ada).await.unwrap().roles.len(), 2);
        // Twice is once.
        db.batch(roles::grant_batch(above, VIEW, "authentik_core.user", &Target::All)).await.unwrap();
        assert_eq!(roles::permissions(&db, above).await.unwrap().len(), 1);
        // Each way of withdrawing.
        db.batch(roles::withdraw_batch(above, VIEW, "")).await.unwrap();
        assert!(!held(&db, ada).await.grants.has(VIEW));
        db.batch(roles::grant_batch(above, VIEW, "authentik_core.user", &Target::All)).await.unwrap();
        groups::update(&db, &child, Some(&[]), None, ports().now()).await.unwrap();
        assert!(!held(&db, ada).await.grants.has(VIEW));
        db.batch(roles::take_user_batch(ada, helpdesk)).await.unwrap();
        assert!(held(&db, ada).await.roles.is_empty());
        db.batch(roles::set_user_batch(ada, &[helpdesk, above])).await.unwrap();
        assert!(held(&db, ada).await.grants.has(VIEW));
        objects.apply(vec![Write::Delete { pk: above }], &Author::system()).await.unwrap();
        assert!(!held(&db, ada).await.grants.has(VIEW));
        assert_eq!(held(&db, ada).await.roles.len(), 1);
        // What is gone is forgotten.
        let bob = users::insert(&db, &User::new(&ports(), "bob"), &[]).await.unwrap();
        db.batch(roles::grant_batch(helpdesk, VIEW, "authentik_core.user", &Target::Row(bob.to_string())))
            .await
            .unwrap();
        users::delete(&db, bob).await.unwrap();
        assert_eq!(roles::permissions(&db, helpdesk).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_a_withdrawn_role_counts_on_another_node_within_a_second() {
    let Some(server) = own_server().await else { return };
    let (here, there) = (
        Db::open_postgres(server.config()).await.unwrap(),
        Db::open_postgres(server.config()).await.unwrap(),
    );
    let helpdesk = role(&store(&here).await, "helpdesk").await;
    let ada = users::insert(&here, &User::new(&ports(), "ada"), &[]).await.unwrap();
    here.batch(roles::grant_batch(helpdesk, VIEW, "authentik_core.user", &Target::All)).await.unwrap();
    here.batch(roles::give_user_batch(ada, helpdesk)).await.unwrap();
    assert!(held(&there, ada).await.grants.has(VIEW));
    here.batch(roles::take_user_batch(ada, helpdesk)).await.unwrap();
    assert!(!held(&here, ada).await.grants.has(VIEW));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!held(&there, ada).await.grants.has(VIEW));
    here.close().await;
    there.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_a_scope_narrows_rows_and_their_count() {
    each_database(|db| async move {
        let mut ids = Vec::new();
        for n in 0..5 {
            ids.push(users::insert(&db, &User::new(&ports(), format!("user{n}")), &[]).await.unwrap());
        }
        let list = |scope: signet_model::Scope, query: Option<&str>| {
            let db = db.clone();
            let query = query.and_then(signet_base::akql::Query::parse);
            async move {
                let page = Page { scope, ..Page::default() };
                let q = ListQuery { query, page, ..ListQuery::default() }.into();
                let (page, total) = users::list(&db, &q).await.unwrap();
                (page.iter().map(|u| u.id).collect::<Vec<_>>(), total)
            }
        };
        use signet_model::Scope::{All, Only};
        assert_eq!(list(All, None).await, (ids.clone(), 5));
        let keys =
            vec![ids[1].to_string(), ids[3].to_string(), Uuid::nil().to_string(), "x' OR 1=1 --".into()];
        assert_eq!(list(Only(keys.clone()), None).await, (vec![ids[1], ids[3]], 2));
        assert_eq!(list(Only(keys), Some("username = \"user3\"")).await, (vec![ids[3]], 1));
        assert_eq!(list(Only(Vec::new()), None).await, (vec![], 0));
        // Keys of groups are UUIDs.
        let (a, b) = (Group::new(&ports(), "a"), Group::new(&ports(), "b"));
        for group in [&a, &b] {
            groups::insert(&db, group, &[], &[]).await.unwrap();
        }
        let page = Page { scope: Only(vec![b.id.to_string(), "7".into()]), ..Page::default() };
        let (found, total) =
            groups::list(&db, &ListQuery { page, ..ListQuery::default() }.into()).await.unwrap();
        assert_eq!((found.iter().map(|g| g.id).collect::<Vec<_>>(), total), (vec![b.id], 1));
    })
    .await;
}
