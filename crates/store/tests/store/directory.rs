//! Users, groups, tokens, sessions, consents, events.
use crate::{at, ports, vault};
use signet_base::{Conflict, Error, Map, Timestamp, Uuid, json};
use signet_model::FilterOp;
use signet_store::consents::{self, Consent};
use signet_store::epoch;
use signet_store::events::{self, Event};
use signet_store::groups::{self, Group, GroupQuery};
use signet_store::sessions::{self, Session};
use signet_store::table::Record;
use signet_store::testdb::each_database;
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User, UserQuery};
use signet_store::{Db, ListQuery, Page};

fn map(json: signet_base::Json) -> Map {
    json.as_object().cloned().unwrap()
}
fn user(name: &str) -> User {
    User {
        name: format!("{name} Example"),
        email: format!("{name}@Example.org"),
        ..User::new(&ports(), name)
    }
}
async fn add(db: &Db, name: &str) -> i64 {
    users::insert(db, &user(name), &[]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_changed_and_removed() {
    each_database(|db| async move {
        let id = add(&db, "Ada").await;
        assert!(id > 0);
        let ada = users::by_username(&db, "  aDA ").await.unwrap().unwrap();
        assert_eq!((ada.id, ada.username.as_str()), (id, "Ada"));
        assert_eq!(users::by_uuid(&db, ada.uuid).await.unwrap().unwrap().id, id);
        assert_eq!(users::by_email(&db, "ada@example.ORG").await.unwrap().unwrap().id, id);
        // Nobody can say who is meant by a shared or empty address.
        users::insert(&db, &User { email: "ADA@example.org".into(), ..user("twin") }, &[]).await.unwrap();
        assert!(users::by_email(&db, "ada@example.org").await.unwrap().is_none());
        assert!(users::by_email(&db, " ").await.unwrap().is_none());
        // Redteam 16: who never confirmed the address takes nothing from who has it.
        let twin = users::by_username(&db, "twin").await.unwrap().unwrap();
        users::update(&db, &User { is_active: false, ..twin.clone() }, None, None, ports().now()).await.unwrap();
        assert_eq!(users::by_email(&db, "ada@example.org").await.unwrap().unwrap().id, id);
        users::update(&db, &twin, None, None, ports().now()).await.unwrap();
        assert!(matches!(users::insert(&db, &user("ADA"), &[]).await, Err(Error::Conflict(Conflict::Unique(index))) if index == "users.username_key"));

        let changed = User { name: "Countess".into(), is_active: false, ..ada.clone() };
        users::update(&db, &changed, Some(ada.updated), None, ports().now()).await.unwrap();
        assert!(matches!(users::update(&db, &changed, Some(ada.updated), None, ports().now()).await, Err(Error::Conflict(Conflict::Stale))));
        let missing = User { id: 999_999, ..user("nobody") };
        assert!(matches!(users::update(&db, &missing, None, None, at(1)).await, Err(Error::NotFound)));
        users::set_password(&db, id, "hash1", at(50)).await.unwrap();
        users::rehash(&db, id, "not the one", "hash2").await.unwrap();
        // Deactivated, and a new password since: the epoch was raised twice, and nobody signs in.
        let raised = users::by_id(&db, id).await.unwrap().unwrap();
        assert_eq!(raised.epoch, ada.epoch + 2);
        assert!(epoch::has_changed(&db.batch(users::touch_last_login(id, raised.epoch, at(60))).await.unwrap_err()), "not active");
        users::update(&db, &User { is_active: true, ..raised.clone() }, None, None, at(55)).await.unwrap();
        assert!(epoch::has_changed(&db.batch(users::touch_last_login(id, ada.epoch, at(60))).await.unwrap_err()), "proven before");
        db.batch(users::touch_last_login(id, raised.epoch, at(60))).await.unwrap();
        let now = users::by_id(&db, id).await.unwrap().unwrap();
        assert_eq!((now.name.as_str(), now.password.as_str(), now.password_changed, now.last_login), ("Countess", "hash1", at(50), Some(at(60))));
        assert!(!format!("{now:?}").contains("hash1"));

        users::delete(&db, id).await.unwrap();
        assert!(matches!(users::delete(&db, id).await, Err(Error::NotFound)));
        assert!(users::by_id(&db, id).await.unwrap().is_none());
        // A number is never given twice.
        let last = add(&db, "x").await;
        users::delete(&db, last).await.unwrap();
        assert!(add(&db, "y").await > last);
    })
    .await;
}

fn names(list: &(Vec<User>, u64)) -> Vec<&str> {
    list.0.iter().map(|u| u.username.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_users_are_filtered_sorted_and_paged() {
    each_database(|db| async move {
        let admins = Group { is_superuser: true, ..Group::new(&ports(), "admins") };
        let staff = Group::new(&ports(), "staff");
        groups::insert(&db, &admins, &[], &[]).await.unwrap();
        groups::insert(&db, &staff, &[admins.id], &[]).await.unwrap();
        for (i, name) in ["alice", "bob", "carol", "Émile", "e_ve"].into_iter().enumerate() {
            let u = User {
                path: if i < 2 { "users/north".into() } else { "users".into() },
                user_type: if i == 4 { "service_account".into() } else { "internal".into() },
                is_active: i != 2,
                attributes: map(json!({"room": {"floor": i}, "tags": ["a"]})),
                joined: at(1000 + i64::try_from(i).unwrap()),
                ..user(name)
            };
            users::insert(&db, &u, if i == 1 { std::slice::from_ref(&staff.id) } else { &[] }).await.unwrap();
        }
        let q = UserQuery::default;
        async fn list(db: &Db, q: UserQuery) -> (Vec<User>, u64) {
            users::list(db, &q).await.unwrap()
        }
        assert_eq!(list(&db, q()).await.1, 5);
        assert_eq!(
            names(&list(&db, ListQuery { search: "ÉMI".into(), ..ListQuery::default() }.into()).await),
            ["Émile"]
        );
        assert_eq!(
            names(&list(&db, ListQuery { search: "e_v".into(), ..ListQuery::default() }.into()).await),
            ["e_ve"],
            "wildcards are letters"
        );
        assert_eq!(
            list(&db, ListQuery { search: "example a".into(), ..ListQuery::default() }.into()).await.1,
            5
        );
        assert_eq!(names(&list(&db, ListQuery::default().equal("username", "BOB").into()).await), ["bob"]);
        assert_eq!(
            names(&list(&db, ListQuery::default().equal("email", "bob@example.org").into()).await),
            ["bob"]
        );
        assert_eq!(names(&list(&db, ListQuery::default().equal("is_active", false).into()).await), ["carol"]);
        assert_eq!(
            names(&list(&db, UserQuery { is_superuser: Some(true), ..Default::default() }).await),
            ["bob"],
            "by an ancestor"
        );
        assert_eq!(list(&db, UserQuery { is_superuser: Some(false), ..Default::default() }).await.1, 4);
        assert_eq!(
            names(&list(&db, ListQuery::default().any("type", ["service_account", "external"]).into()).await),
            ["e_ve"]
        );
        assert_eq!(list(&db, ListQuery::default().equal("path", "users").into()).await.1, 3);
        assert_eq!(
            list(&db, UserQuery { path_startswith: Some("users/n".into()), ..Default::default() }).await.1,
            2
        );
        assert_eq!(
            names(&list(&db, UserQuery { groups_by_pk: vec![staff.id], ..Default::default() }).await),
            ["bob"]
        );
        assert_eq!(
            names(
                &list(
                    &db,
                    UserQuery {
                        groups_by_name: vec!["staff".into(), "x".into(), "y".into()],
                        ..Default::default()
                    }
                )
                .await
            ),
            ["bob"]
        );
        assert_eq!(
            names(
                &list(
                    &db,
                    UserQuery { attributes: Some(map(json!({"room__floor__gte": 3}))), ..Default::default() }
                )
                .await
            ),
            ["e_ve", "Émile"]
        );
        assert_eq!(
            list(
                &db,
                UserQuery { attributes: Some(map(json!({"room": {"floor": 9}}))), ..Default::default() }
            )
            .await
            .1,
            0
        );
        assert_eq!(
            names(
                &list(
                    &db,
                    ListQuery::default().narrow("date_joined__gt", FilterOp::Greater, at(1003)).into()
                )
                .await
            ),
            ["e_ve"]
        );
        assert_eq!(
            list(&db, ListQuery::default().narrow("last_login__isnull", FilterOp::IsNull, true).into())
                .await
                .1,
            5
        );
        assert_eq!(list(&db, ListQuery { only: Some(vec![]), ..ListQuery::default() }.into()).await.1, 0);
        let page =
            |ordering: &str, page, size| Page { ordering: ordering.into(), page, size, ..Page::default() };
        let second =
            list(&db, ListQuery { page: page("-date_joined", 2, 2), ..ListQuery::default() }.into()).await;
        assert_eq!((names(&second), second.1), (vec!["carol", "bob"], 5));
        assert_eq!(
            list(&db, ListQuery { page: page("last_login", 9, 2), ..ListQuery::default() }.into())
                .await
                .0
                .len(),
            0
        );
        assert_eq!(users::paths(&db, "").await.unwrap(), ["users", "users/north"]);
        assert_eq!(users::paths(&db, "nor").await.unwrap(), ["users/north"]);
        let all = list(&db, q()).await.0;
        let ids: Vec<i64> = all.iter().map(|u| u.id).collect();
        assert_eq!(
            users::by_ids(&db, &[ids[2], 0, ids[0]]).await.unwrap().iter().map(|u| u.id).collect::<Vec<_>>(),
            [ids[2], ids[0]]
        );
        assert_eq!(groups::is_superuser(&db, &ids).await.unwrap().len(), 1);
        assert_eq!(groups::count_superusers(&db).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_inherit_along_several_parents() {
    each_database(|db| async move {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| Group::new(&ports(), name));
        let (ann, ben) = (add(&db, "ann").await, add(&db, "ben").await);
        groups::insert(&db, &a, &[], &[]).await.unwrap();
        groups::insert(&db, &b, &[], &[]).await.unwrap();
        groups::insert(&db, &c, &[a.id, b.id], &[]).await.unwrap();
        groups::insert(&db, &d, &[c.id], &[ann, ben]).await.unwrap();
        assert!(matches!(groups::insert(&db, &Group::new(&ports(), "a"), &[], &[]).await, Err(Error::Conflict(Conflict::Unique(index))) if index == "user_group.name"));
        assert!(matches!(groups::insert(&db, &Group::new(&ports(), "z"), &[Uuid::nil()], &[]).await, Err(Error::Conflict(Conflict::ForeignKey))));
        assert!(groups::by_name(&db, "z").await.unwrap().is_none());
        let effective: Vec<String> = groups::effective_groups(&db, ann).await.unwrap().into_iter().map(|g| g.name).collect();
        assert_eq!(effective, ["a", "b", "c", "d"]);
        assert_eq!(groups::direct_groups(&db, ann).await.unwrap().len(), 1);
        assert_eq!(groups::ancestors(&db, &[d.id]).await.unwrap(), [a.id, b.id, c.id].into());
        assert_eq!(groups::descendants(&db, &[a.id]).await.unwrap(), [c.id, d.id].into());
        let parents = groups::parents_of_many(&db, &[c.id, d.id]).await.unwrap();
        assert_eq!((parents[&c.id].len(), parents[&d.id].len()), (2, 1));
        assert_eq!(groups::children_of_many(&db, &[a.id]).await.unwrap()[&a.id][0].id, c.id);
        assert_eq!(groups::members_of_many(&db, &[d.id], 9).await.unwrap()[&d.id].len(), 2);
        assert_eq!(groups::member_ids_of_many(&db, &[d.id]).await.unwrap()[&d.id], [ann, ben]);
        assert_eq!(groups::direct_groups_of_many(&db, &[ann, ben]).await.unwrap()[&ben][0].id, d.id);
        // A circle, which callers refuse, does not hang the queries.
        groups::update(&db, &a, Some(&[d.id]), None, at(9)).await.unwrap();
        assert!(groups::ancestors(&db, &[a.id]).await.unwrap().contains(&a.id));
        groups::update(&db, &a, Some(&[]), Some(&[ann]), at(9)).await.unwrap();
        let q = |q: GroupQuery| {
            let db = db.clone();
            async move { groups::list(&db, &q).await.unwrap().0.into_iter().map(|g| g.name).collect::<Vec<_>>() }
        };
        assert_eq!(q(GroupQuery { members_by_pk: vec![ann], ..Default::default() }).await, ["a", "d"]);
        assert_eq!(q(GroupQuery { members_by_username: vec!["BEN".into()], ..Default::default() }).await, ["d"]);
        assert_eq!(q(ListQuery { search: "C".into(), ..ListQuery::default() }.into()).await, ["c"]);
        assert_eq!(q(ListQuery::default().equal("is_superuser", true).into()).await, [""; 0]);
        let rich = Group { attributes: map(json!({"team": "x"})), is_superuser: true, ..b.clone() };
        groups::update(&db, &rich, None, None, at(9)).await.unwrap();
        assert_eq!(q(GroupQuery { attributes: Some(map(json!({"team__in": ["x", "y"]}))), ..Default::default() }).await, ["b"]);
        assert_eq!(groups::is_superuser(&db, &[ann, ben]).await.unwrap(), [ann, ben].into());
        // `b` gives it, and `c` and `d` below it; not `a`, the other parent.
        let all = [a.id, b.id, c.id, d.id, Uuid::nil()];
        assert_eq!(groups::superuser_groups(&db, &all).await.unwrap(), [b.id, c.id, d.id].into());
        let of_many = groups::effective_groups_of_many(&db, &[ann, ben, 0]).await.unwrap();
        for (person, groups) in &of_many {
            let one = groups::effective_groups(&db, *person).await.unwrap();
            assert_eq!(groups.iter().map(|g| g.id).collect::<Vec<_>>(), one.iter().map(|g| g.id).collect::<Vec<_>>());
        }
        assert_eq!(of_many.len(), 2);
        assert_eq!(groups::many(&db, &[c.id, Uuid::nil(), a.id]).await.unwrap().len(), 2);
        users::leave_group(&db, ben, d.id).await.unwrap();
        users::join_group(&db, ann, d.id).await.unwrap();
        assert!(groups::effective_groups(&db, ben).await.unwrap().is_empty());
        groups::delete(&db, c.id).await.unwrap();
        assert_eq!(groups::effective_groups(&db, ann).await.unwrap().len(), 2);
        assert!(matches!(groups::delete(&db, c.id).await, Err(Error::NotFound)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_found_by_key_and_stored_sealed() {
    each_database(|db| async move {
        let (v, owner, other) = (vault(), add(&db, "owner").await, add(&db, "other").await);
        let token = Token { expires: Some(at(100)), expiring: true, ..Token::new(ports().uuid(), "one", "api", owner, at(1)) };
        tokens::insert(&db, &v, &token, &"the-key".into()).await.unwrap();
        assert!(
            matches!(tokens::insert(&db, &v, &Token::new(ports().uuid(), "one", "api", owner, at(1)), &"k2".into()).await, Err(Error::Conflict(Conflict::Unique(index))) if index == "token.identifier")
        );
        let found = tokens::by_key(&db, &v, "the-key").await.unwrap().unwrap();
        assert_eq!((found.id, found.key(&v).unwrap().reveal()), (token.id, "the-key"));
        assert!(!found.is_expired(at(99)) && found.is_expired(at(100)));
        assert!(tokens::by_key(&db, &v, "the-kez").await.unwrap().is_none());
        let stored = db.query_one("SELECT key_sealed, key_digest FROM token", vec![]).await.unwrap().unwrap();
        assert!(!stored.text(0).unwrap().contains("the-key") && !stored.text(1).unwrap().contains("the-key"));

        let second = Token { description: "for Robots".into(), ..Token::new(ports().uuid(), "two", "app_password", other, at(2)) };
        tokens::insert(&db, &v, &second, &"key-two".into()).await.unwrap();
        // A sealed key of one row does not open in another.
        db.execute("UPDATE token SET key_sealed = (SELECT key_sealed FROM token WHERE identifier = 'one') WHERE identifier = 'two'", vec![]).await.unwrap();
        assert!(tokens::by_identifier(&db, "two").await.unwrap().unwrap().key(&v).is_err());
        db.batch(tokens::set_key_batch(&v, second.id, &"key-three".into()).unwrap()).await.unwrap();
        assert!(tokens::by_key(&db, &v, "key-two").await.unwrap().is_none());
        assert_eq!(tokens::by_key(&db, &v, "key-three").await.unwrap().unwrap().id, second.id);

        let q = |q: ListQuery| {
            let db = db.clone();
            async move { signet_store::list::<Token>(&db, &q).await.unwrap().0.into_iter().map(|t| t.identifier).collect::<Vec<_>>() }
        };
        assert_eq!(q(ListQuery { owner: Some(owner), ..ListQuery::default() }).await, ["one"]);
        assert_eq!(q(ListQuery { search: "robots".into(), ..ListQuery::default() }).await, ["two"]);
        assert_eq!(q(ListQuery::default().equal("user__username", "OTHER").equal("intent", "app_password")).await, ["two"]);
        assert_eq!(q(ListQuery::default().any("intent", ["api", "recovery"]).equal("expiring", true)).await, ["one"]);

        // Several nodes rotate an expired token: one does it.
        assert_eq!(tokens::expired_api_tokens(&db, at(100), 10).await.unwrap().len(), 1);
        let rotated = |key: &str| db.batch(tokens::rotate_batch(&v, &found, &key.into(), Some(at(900))).unwrap());
        rotated("fresh").await.unwrap();
        assert!(matches!(rotated("later").await, Err(Error::Conflict(Conflict::Rotated))));
        tokens::update(&db, &Token { expires: Some(at(50)), expiring: true, ..second.clone() }).await.unwrap();
        signet_store::sweep(&db, Token::TABLE, at(60), 10).await.unwrap();
        assert!(tokens::by_identifier(&db, "two").await.unwrap().is_none());
        assert!(matches!(tokens::update(&db, &second).await, Err(Error::NotFound)));
        users::delete(&db, owner).await.unwrap();
        assert!(tokens::by_key(&db, &v, "fresh").await.unwrap().is_none(), "tokens go with their user");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_live_rotate_and_end() {
    each_database(|db| async move {
        let id = add(&db, "sam").await;
        let anonymous = Session {
            data: json!({"plan": [1, 2]}),
            ..Session::new("digest-1", ports().uuid(), at(10), at(500))
        };
        sessions::put(&db, &anonymous, false).await.unwrap();
        assert_eq!(sessions::get(&db, "digest-1").await.unwrap().unwrap().data, json!({"plan": [1, 2]}));
        let signed_in = Session {
            id: "digest-2".into(),
            uuid: ports().uuid(),
            user_id: Some(id),
            auth: json!({"amr": ["pwd"]}),
            ip: "192.0.2.1".into(),
            ..anonymous.clone()
        };
        let rotate = async || {
            sessions::rotate(&db, "digest-1", 0, &signed_in, signet_store::Batch::new()).await.unwrap()
        };
        assert_eq!(rotate().await, sessions::Written::Done);
        assert_eq!(rotate().await, sessions::Written::Gone, "the old key is gone");
        assert!(sessions::get(&db, "digest-1").await.unwrap().is_none());
        sessions::note_use_behind(&db, "digest-2", at(21), at(600), "192.0.2.2", "Browser").await.unwrap();
        db.flush().await.unwrap();
        let now = sessions::by_uuid(&db, signed_in.uuid).await.unwrap().unwrap();
        assert_eq!(
            (now.ip.as_str(), now.last_used, now.expires, now.user_id),
            ("192.0.2.2", at(21), at(600), Some(id))
        );
        assert!(!now.is_expired(at(599)) && now.is_expired(at(600)));
        assert!(Session { absolute_expires: Some(at(30)), ..now.clone() }.is_expired(at(30)));
        let second =
            Session { user_id: Some(id), ..Session::new("digest-3", ports().uuid(), at(30), at(900)) };
        sessions::put(&db, &second, true).await.unwrap();
        assert_eq!(sessions::count_active(&db, at(100)).await.unwrap(), 2);
        let listed = sessions::list(
            &db,
            &ListQuery { owner: Some(id), ..ListQuery::default() }.equal("session__last_ip", "192.0.2.2"),
            None,
        )
        .await
        .unwrap();
        assert_eq!((listed.1, listed.0[0].uuid), (1, signed_in.uuid));
        sessions::delete_for_user(&db, id, Some(second.uuid)).await.unwrap();
        assert!(
            sessions::get(&db, "digest-2").await.unwrap().is_none()
                && sessions::get(&db, "digest-3").await.unwrap().is_some()
        );
        // A late request does not bring an ended session back.
        assert_eq!(sessions::update(&db, &now, true).await.unwrap(), sessions::Written::Gone);
        sessions::delete_expired(&db, at(900), 10).await.unwrap();
        assert!(sessions::get(&db, "digest-3").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_and_events_are_kept_and_listed() {
    each_database(|db| async move {
        let (id, app) = (add(&db, "kim").await, ports().uuid());
        let consent = Consent { id: 0, user_id: id, application: app, permissions: "openid email".into(), expires: Some(at(50)), created: at(1) };
        let first = consents::put(&db, &consent).await.unwrap();
        let again = consents::put(&db, &Consent { permissions: "openid".into(), expires: None, ..consent.clone() }).await.unwrap();
        assert_eq!(first, again);
        let now = consents::get(&db, id, app).await.unwrap().unwrap();
        assert_eq!((now.permissions.as_str(), now.is_expired(Timestamp(i64::MAX))), ("openid", false));
        assert_eq!(signet_store::list::<Consent>(&db, &ListQuery { owner: Some(id), search: "kim".into(), ..ListQuery::default() }).await.unwrap().1, 1);
        assert_eq!(signet_store::list::<Consent>(&db, &ListQuery::default().equal("application", ports().uuid())).await.unwrap().1, 0);
        db.batch(consents::delete_batch(first)).await.unwrap();
        assert!(consents::by_id(&db, first).await.unwrap().is_none());

        let event = |action: &str, name: &str, secs| Event {
            id: ports().uuid(),
            user: map(json!({"pk": 1, "username": name})),
            action: action.into(),
            app: "signet.flows".into(),
            context: map(json!({"model": {"app": "authentik_core", "model_name": "user", "pk": 7}, "authorized_application": {"pk": "abc"}})),
            client_ip: Some("192.0.2.9".into()),
            brand: Map::new(),
            created: at(secs),
            expires: Some(at(secs + 100)),
        };
        events::insert(&db, &[event("login", "kim", 1), event("logout", "kim", 2), event("login", "lee", 3)], true).await.unwrap();
        let q = |q: ListQuery| {
            let db = db.clone();
            async move { events::list(&db, &q, None).await.unwrap().0.into_iter().map(|e| e.created.secs()).collect::<Vec<_>>() }
        };
        assert_eq!(q(ListQuery::default()).await, [3, 2, 1], "newest first");
        assert_eq!(q(ListQuery::default().equal("action", "login").equal("username", "kim")).await, [1]);
        assert_eq!(
            q(ListQuery::default().equal("context_model_pk", "7").equal("context_authorized_app", "abc").equal("client_ip", "192.0.2.9")).await.len(),
            3
        );
        assert_eq!(q(ListQuery { search: "LEE".into(), ..ListQuery::default() }).await, [3]);
        signet_store::sweep(&db, events::EventRow::TABLE, at(102), 10).await.unwrap();
        assert_eq!(q(ListQuery { page: Page { ordering: "created".into(), ..Page::default() }, ..ListQuery::default() }).await, [3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_upn_through_every_change() {
    each_database(|db| async move {
        let mut ada = User::new(&ports(), "ada");
        ada.attributes.insert("upn".into(), "Ada@Corp.test".into());
        ada.id = users::insert(&db, &ada, &[]).await.unwrap();
        assert_eq!(users::by_upn(&db, " ada@corp.TEST").await.unwrap().unwrap().id, ada.id);
        ada.attributes.insert("upn".into(), "a.b@corp.test".into());
        users::update(&db, &ada, None, None, at(5)).await.unwrap();
        assert!(users::by_upn(&db, "ada@corp.test").await.unwrap().is_none());
        assert!(users::by_upn(&db, "a.b@corp.test").await.unwrap().is_some());
        let mut bob = User::new(&ports(), "bob");
        bob.attributes = ada.attributes.clone();
        bob.id = users::insert(&db, &bob, &[]).await.unwrap();
        assert!(users::by_upn(&db, "a.b@corp.test").await.unwrap().is_none(), "nobody can say who is meant");
        bob.attributes.remove("upn");
        users::update(&db, &bob, None, None, at(6)).await.unwrap();
        assert_eq!(users::by_upn(&db, "a.b@corp.test").await.unwrap().unwrap().id, ada.id);
        assert!(users::by_upn(&db, "").await.unwrap().is_none());
        users::delete(&db, ada.id).await.unwrap();
        assert!(users::by_upn(&db, "a.b@corp.test").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_sessions_stay_whoever_makes_room_at_the_same_moment() {
    each_database(|db| async move {
        let (id, other) = (add(&db, "sam").await, add(&db, "tim").await);
        for n in 0..8i64 {
            let session = Session {
                user_id: Some(if n == 0 { other } else { id }),
                ..Session::new(format!("s{n}"), ports().uuid(), at(n), at(500))
            };
            sessions::put(&db, &session, true).await.unwrap();
        }
        // One that is over does not count.
        sessions::put(
            &db,
            &Session { user_id: Some(id), ..Session::new("over", ports().uuid(), at(90), at(91)) },
            true,
        )
        .await
        .unwrap();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { sessions::keep_newest(&db, id, 3, at(100)).await.unwrap().len() })
            })
            .collect();
        let mut ended = 0;
        for task in tasks {
            ended += task.await.unwrap();
        }
        assert_eq!(ended, 4, "each session ends once");
        let left: Vec<String> = sessions::of_user(&db, id)
            .await
            .unwrap()
            .into_iter()
            .filter(|s| !s.is_expired(at(100)))
            .map(|s| s.id)
            .collect();
        assert!(
            left.len() == 3 && ["s5", "s6", "s7"].iter().all(|s| left.iter().any(|l| l == s)),
            "{left:?}"
        );
        assert_eq!(sessions::of_user(&db, other).await.unwrap().len(), 1);
    })
    .await;
}
