//! Lists narrowed by the query language, the same on both databases.
use crate::{at, ports};
use signet_base::akql::Query;
use signet_base::{Json, Map, json};
use signet_store::events::{self, Event};
use signet_store::groups::{self, Group};
use signet_store::testdb::each_database;
use signet_store::users::{self, User};
use signet_store::{Db, ListQuery, Page};

fn map(json: Json) -> Map {
    json.as_object().cloned().unwrap()
}
fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|| panic!("{text} is a query"))
}
async fn people(db: &Db, text: &str) -> Vec<String> {
    let wanted = query(text);
    assert!(users::understands(&wanted), "{text}");
    let (list, total) = users::list(db, &ListQuery { query: Some(wanted), ..ListQuery::default() }.into())
        .await
        .unwrap_or_else(|e| panic!("{text}: {e}"));
    assert_eq!(u64::try_from(list.len()).unwrap(), total, "{text}");
    list.into_iter().map(|u| u.username).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_columns_and_attributes() {
    each_database(|db| async move {
        for (name, active, attributes) in [
            ("Ada", true, json!({"room": {"floor": 1}, "team": "engines"})),
            ("bob", true, json!({"room": {"floor": 2}, "team": "Looms"})),
            ("carol_x", false, json!({"team": null})),
            ("dävid", true, json!({})),
        ] {
            let user = User {
                name: format!("{name} Example"),
                email: format!("{name}@Example.org"),
                is_active: active,
                attributes: map(attributes),
                ..User::new(&ports(), name)
            };
            users::insert(&db, &user, &[]).await.unwrap();
        }
        for (text, found) in [
            ("username = \"Ada\"", vec!["Ada"]),
            ("username = \"ada\"", vec![]),
            ("username != \"Ada\" and username != \"bob\"", vec!["carol_x", "dävid"]),
            ("username ~ \"A\"", vec!["Ada", "carol_x"]),
            ("username ~ \"_\"", vec!["carol_x"]),
            ("username ~ \"ÄV\"", vec!["dävid"]),
            ("username !~ \"a\"", vec!["bob", "dävid"]),
            ("username startswith \"A\"", vec!["Ada"]),
            ("username startswith \"a\"", vec![]),
            ("username startswith \"dä\"", vec!["dävid"]),
            ("username not endswith \"d\"", vec!["Ada", "bob", "carol_x"]),
            ("username endswith \"a longer text than any\"", vec![]),
            ("email in (\"bob@Example.org\", \"nobody\")", vec!["bob"]),
            ("email not in (\"bob@Example.org\") and is_active = True", vec!["Ada", "dävid"]),
            ("is_active = False", vec!["carol_x"]),
            ("is_active != False and name = \"bob Example\"", vec!["bob"]),
            ("is_active = None", vec![]),
            (
                "path = \"users\" and type = \"internal\" and username > \"b\" and username < \"c\"",
                vec!["bob"],
            ),
            ("attributes.team = \"engines\"", vec!["Ada"]),
            ("attributes.team ~ \"LOOM\"", vec!["bob"]),
            ("attributes.team = None", vec!["carol_x"]),
            ("attributes.team != \"engines\"", vec!["bob", "carol_x"]),
            ("attributes.room.floor >= 1", vec!["Ada", "bob"]),
            ("attributes.room.floor > 1 or is_active = False", vec!["bob", "carol_x"]),
            (
                "is_active = True and (attributes.room.floor in (1, 3) or username = \"dävid\")",
                vec!["Ada", "dävid"],
            ),
            ("attributes.none.such = 1", vec![]),
        ] {
            assert_eq!(people(&db, text).await, found, "{text}");
        }
        // Other filters, order and pages go on as without it.
        let page = Page { ordering: "-username".into(), page: 2, size: 1, ..Page::default() };
        let wanted =
            ListQuery { query: Some(query("attributes.team != \"x\"")), page, ..ListQuery::default() }
                .equal("is_active", true)
                .into();
        let (list, total) = users::list(&db, &wanted).await.unwrap();
        assert_eq!((list.len(), list[0].username.as_str(), total), (1, "Ada", 2));
        for text in [
            "nothing = \"x\"",
            "username = 1",
            "is_active = \"yes\"",
            "attributes = 1",
            "password = \"x\"",
            "uuid = \"x\"",
        ] {
            assert!(!users::understands(&query(text)), "{text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_found_by_columns_and_attributes() {
    each_database(|db| async move {
        for (name, superuser, attributes) in
            [("admins", true, json!({"a": [1, {"b": "x"}]})), ("staff", false, json!({"a": []}))]
        {
            groups::insert(
                &db,
                &Group { is_superuser: superuser, attributes: map(attributes), ..Group::new(&ports(), name) },
                &[],
                &[],
            )
            .await
            .unwrap();
        }
        for (text, found) in [
            ("is_superuser = True", vec!["admins"]),
            ("name ~ \"AF\"", vec!["staff"]),
            ("attributes.a.1.b = \"x\"", vec!["admins"]),
            ("name != \"x\" and attributes.a.0 != 2", vec!["admins"]),
        ] {
            let wanted = query(text);
            assert!(groups::understands(&wanted), "{text}");
            let (list, _) =
                groups::list(&db, &ListQuery { query: Some(wanted), ..ListQuery::default() }.into())
                    .await
                    .unwrap();
            assert_eq!(list.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), found, "{text}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_in_pieces_newest_first() {
    each_database(|db| async move {
        // More than one piece of those that are looked at together.
        let all: Vec<Event> = (0..4_500i64)
            .map(|n| Event {
                id: ports().uuid(),
                user: map(json!({"username": format!("user-{}", n % 7), "pk": n % 7})),
                action: if n % 2 == 0 { "login" } else { "logout" }.into(),
                app: "authentik.core".into(),
                context: map(json!({"geo": {"country": if n % 1_000 == 0 { "Germany" } else { "France" }}, "n": n, "text": "a \u{0} in it"})),
                client_ip: Some("192.0.2.1".into()),
                brand: map(json!({"name": "authentik-default"})),
                created: at(1_700_000_000 + n),
            expires: None,
            })
            .collect();
        for piece in all.chunks(500) {
            events::insert(&db, piece, false).await.unwrap();
        }
        let list = |text: &str, page: Page| {
            let (db, wanted) = (db.clone(), query(text));
            assert!(events::understands(&wanted), "{text}");
            async move {
                let (list, total) = events::list(&db, &ListQuery { query: Some(wanted), page, ..ListQuery::default() }, None).await.unwrap();
                (list.iter().map(|e| e.context["n"].as_i64().unwrap()).collect::<Vec<_>>(), total)
            }
        };
        assert_eq!(list("context.geo.country = \"Germany\"", Page::first(3)).await, (vec![4_000, 3_000, 2_000], 5));
        assert_eq!(list("context.geo.country = \"Germany\"", Page { page: 2, ..Page::first(3) }).await, (vec![1_000, 0], 5));
        assert_eq!(list("context.n in (5, 4499) and action = \"logout\"", Page::first(9)).await, (vec![4_499, 5], 2));
        assert_eq!(list("user.username = \"user-3\" and user.pk = 3 and context.n < 11", Page::first(9)).await, (vec![10, 3], 2));
        assert_eq!(list("created >= \"2023-11-14 22:13\" and created < \"2023-11-14 22:13:22\"", Page::first(9)).await, (vec![1, 0], 2));
        assert_eq!(list("brand.name ~ \"DEFAULT\" and client_ip = \"192.0.2.1\" and app endswith \"core\"", Page::first(1)).await, (vec![4_499], 4_500));
        let id = all[7].id;
        assert_eq!(list(&format!("event_uuid = \"{id}\""), Page::first(1)).await, (vec![7], 1));
    })
    .await;
}
