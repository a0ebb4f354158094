//! Whose account somebody's is.
use crate::up::Up;
use http::StatusCode;
use signet_base::{Json, json};
use signet_store::{groups, source_connections, users};
use signet_testkit::{App, each_database};

fn remote(sub: &str, name: &str, proven: Json) -> Json {
    json!({"sub": sub, "preferred_username": name, "name": name, "email": format!("{name}@example.test"), "email_verified": proven})
}

#[tokio::test]
async fn a_newcomer_enrols_and_comes_back() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let mut first = up.app.browser();
        let page = up.visit(&mut first, remote("1", "ada", json!(true))).await;
        assert_eq!(up.who(&mut first).await.as_deref(), Some("ada"), "{}", page.text());
        let db = &up.app.core.db;
        let ada = users::by_username(db, "ada").await.unwrap().unwrap();
        assert_eq!(
            (ada.path.as_str(), ada.email.as_str()),
            ("goauthentik.io/sources/up", "ada@example.test")
        );
        assert_eq!(ada.attributes["goauthentik.io/user/sources"], json!(["The up"]));
        assert_eq!((ada.email_verified_by.as_str(), ada.email_verified_at.is_some()), ("source", true));
        let connections = source_connections::of_user(db, ada.id).await.unwrap();
        assert_eq!((connections.len(), connections[0].identifier.as_str()), (1, "1"));
        let kept = source_connections::opened(&up.app.core.vault, &connections[0]).unwrap();
        assert!(kept.access.reveal().starts_with("access-") && !connections[0].tokens.contains("access-"));
        // Renamed there: the same person.
        let mut second = up.app.browser();
        up.visit(&mut second, remote("1", "countess", json!(true))).await;
        assert_eq!(up.who(&mut second).await.as_deref(), Some("ada"));
        assert_eq!(users::by_username(db, "countess").await.unwrap().map(|u| u.id), None);
        let linked = up.admin.get("/api/v3/events/events/?action=source_linked").await.json();
        assert_eq!(linked["pagination"]["count"], json!(1));
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_k1_k2_an_address_links_only_where_both_sides_have_proven_it() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        up.set(json!({"user_matching_mode": "email_link"})).await;
        up.person("ada", true).await;
        up.person("bob", false).await;
        for (sub, name, proven) in [
            ("1", "ada", json!(false)),
            ("1", "ada", json!(null)),
            ("2", "bob", json!(true)),
            ("3", "ada", json!("TRUE")),
        ] {
            let mut browser = up.app.browser();
            let page = up.visit(&mut browser, remote(sub, name, proven.clone())).await;
            assert_eq!(
                (page.status, up.who(&mut browser).await),
                (StatusCode::FORBIDDEN, None),
                "{name} {proven}"
            );
        }
        let refusal = up.last_refusal().await;
        assert_eq!(refusal["matching_mode"], json!("email_link"), "{refusal}");
        assert!(refusal["claims"].as_array().unwrap().contains(&json!("email")), "{refusal}");
        let mut browser = up.app.browser();
        let page = up.visit(&mut browser, remote("1", "ada", json!("true"))).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"), "{}", page.text());
        // An administrator is linked by no match.
        up.app.administrator("root", "Engine-1843").await;
        up.set(json!({"user_matching_mode": "username_link"})).await;
        let page = up.visit(&mut up.app.browser(), remote("9", "root", json!(true))).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        up.app.user("carl", "Engine-1843").await;
        let mut browser = up.app.browser();
        up.visit(&mut browser, remote("8", "carl", json!(false))).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("carl"));
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn deny_modes_refuse_a_second_account_and_what_says_nothing() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        up.person("ada", true).await;
        for (mode, missing) in [("email_deny", "email"), ("username_deny", "preferred_username")] {
            up.set(json!({"user_matching_mode": mode})).await;
            let page = up.visit(&mut up.app.browser(), remote("1", "ada", json!(true))).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{mode}");
            up.app.clock.advance_secs(120);
            let mut nameless = remote("2", "new", json!(true));
            nameless.as_object_mut().unwrap().remove(missing);
            let page = up.visit(&mut up.app.browser(), nameless).await;
            assert!(page.status == StatusCode::FORBIDDEN && page.text().contains("does not say"), "{mode}");
            let refusal = up.last_refusal().await;
            assert!(refusal["missing"].is_string(), "{refusal}");
            let mut browser = up.app.browser();
            up.visit(&mut browser, remote(mode, mode, json!(true))).await;
            assert_eq!(up.who(&mut browser).await.as_deref(), Some(mode));
        }
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_that_is_switched_off_stays_out_and_policies_decide() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        up.visit(&mut up.app.browser(), remote("1", "ada", json!(true))).await;
        let ada = users::by_username(&up.app.core.db, "ada").await.unwrap().unwrap();
        let path = format!("/api/v3/core/users/{}/", ada.id);
        assert_eq!(up.admin.patch(&path, json!({"is_active": false})).await.status, StatusCode::OK);
        let mut browser = up.app.browser();
        let page = up.visit(&mut browser, remote("1", "ada", json!(true))).await;
        assert!(page.status == StatusCode::FORBIDDEN && page.text().contains("switched off"));
        assert_eq!(up.who(&mut browser).await, None);
        up.admin.patch(&path, json!({"is_active": true})).await;
        up.visit(&mut browser, remote("1", "ada", json!(true))).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_k5_one_identity_at_the_same_moment_is_one_account() {
    each_database(|kind| async move {
        let up = Up::start(App::start(kind).await).await;
        let mut waiting = Vec::new();
        for n in 0..4 {
            let mut browser = up.app.browser();
            let answer = up.go(&mut browser, remote("1", &format!("ada{n}"), json!(true))).await;
            waiting.push((browser, answer));
        }
        let calls: Vec<_> = waiting
            .into_iter()
            .map(|(mut browser, answer)| {
                tokio::spawn(async move { crate::up::follow(&mut browser, &answer).await.status })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        let known =
            source_connections::user_by_identifier(&up.app.core.db, source(&up), "1").await.unwrap().unwrap();
        assert!(users::by_id(&up.app.core.db, known.user_id).await.unwrap().is_some());
        // Whoever was second comes in as the first one from now on.
        let mut browser = up.app.browser();
        up.visit(&mut browser, remote("1", "ada9", json!(true))).await;
        let first = users::by_id(&up.app.core.db, known.user_id).await.unwrap().unwrap();
        assert_eq!(up.who(&mut browser).await, Some(first.username.clone()));
        up.app.stop().await;
    })
    .await;
}

fn source(up: &Up) -> signet_base::Uuid {
    let config = up.app.core.config();
    config.family(signet_model::Base::Source).find(|o| o.text("slug") == "up").unwrap().pk
}

#[tokio::test]
async fn federation_o14_groups_follow_and_only_those_that_the_source_gave_go() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let db = up.app.core.db.clone();
        up.set(json!({"group_matching_mode": "name_link"})).await;
        for name in ["hands", "crew"] {
            assert_eq!(
                up.admin.post("/api/v3/core/groups/", json!({"name": name})).await.status,
                StatusCode::CREATED
            );
        }
        let with = |groups: Json| {
            let mut claims = remote("1", "ada", json!(true));
            if !groups.is_null() {
                claims["groups"] = groups;
            }
            claims
        };
        up.visit(&mut up.app.browser(), with(json!(["crew", "new", {"id": 1}, "authentik Admins"]))).await;
        let ada = users::by_username(&db, "ada").await.unwrap().unwrap();
        let names = async || {
            let mut all: Vec<String> =
                groups::direct_groups(&db, ada.id).await.unwrap().into_iter().map(|g| g.name).collect();
            all.sort();
            all
        };
        assert_eq!(names().await, ["crew", "new"], "what gives superuser is left out");
        let told = up.admin.get("/api/v3/events/events/?action=configuration_error").await.json();
        assert!(told["pagination"]["count"].as_i64().unwrap() >= 2, "{told}");
        // Given by hand.
        let hands = groups::by_name(&db, "hands").await.unwrap().unwrap();
        users::join_group(&db, ada.id, hands.id).await.unwrap();
        for (groups, want) in [
            (json!(null), vec!["crew", "hands", "new"]),
            (json!(["hands", "crew"]), vec!["crew", "hands"]),
            (json!("crew"), vec!["crew", "hands"]),
            (json!([]), vec!["hands"]),
        ] {
            up.visit(&mut up.app.browser(), with(groups.clone())).await;
            assert_eq!(names().await, want, "{groups}");
        }
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn federation_o14_what_a_source_names_twice_is_one_group_and_too_many_are_told() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let mapping = json!({"name": "staff", "expression": "return {'name': 'Staff'} if group_id in ('a', 'b') else {}"});
        let made = up.admin.post("/api/v3/propertymappings/source/oauth/", mapping).await;
        up.set(json!({"group_property_mappings": [made.json()["pk"]]})).await;
        let with = |groups: Json| {
            let mut claims = remote("1", "ada", json!(true));
            claims["groups"] = groups;
            claims
        };
        let mut browser = up.app.browser();
        up.visit(&mut browser, with(json!(["a", "a", "b", "c", "c"]))).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("ada"));
        let db = up.app.core.db.clone();
        let ada = users::by_username(&db, "ada").await.unwrap().unwrap();
        let mut names: Vec<String> =
            groups::direct_groups(&db, ada.id).await.unwrap().into_iter().map(|g| g.name).collect();
        names.sort();
        assert_eq!(names, ["Staff", "c"]);
        let told = async |up: &mut Up, word: &str| {
            let events = up.admin.get("/api/v3/events/events/?action=configuration_error").await.json();
            events["results"].to_string().matches(word).count()
        };
        assert_eq!(told(&mut up, "Staff: a group with this name exists").await, 1);
        assert_eq!(told(&mut up, "too many").await, 0);
        // 500 are looked at.
        let many: Vec<String> = (0..501).map(|n| format!("g{n}")).collect();
        up.visit(&mut up.app.browser(), with(json!(many))).await;
        assert_eq!(groups::direct_groups(&db, ada.id).await.unwrap().len(), 500);
        assert_eq!(told(&mut up, "1 groups are too many: 500 are looked at").await, 1);
        up.app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn mappings_make_the_account_and_a_broken_one_lets_nobody_in() {
    each_database(|kind| async move {
        let mut up = Up::start(App::start(kind).await).await;
        let mut mapping = async |name: &str, text: &str| {
            let made = up.admin.post("/api/v3/propertymappings/source/oauth/", json!({"name": name, "expression": text})).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
            made.json()["pk"].clone()
        };
        let good = mapping("good", "return {'username': [info['sub'] + '-' + source.slug], 'name': None, 'attributes': {'team': oauth_userinfo['team'], 'who': client['client_id']}}").await;
        let bad = mapping("bad", "return {'username': info['nothing']}").await;
        up.set(json!({"user_property_mappings": [bad]})).await;
        let mut claims = remote("7", "ada", json!(true));
        claims["team"] = json!("blue");
        let page = up.visit(&mut up.app.browser(), claims.clone()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.text());
        up.set(json!({"user_property_mappings": [good]})).await;
        let mut browser = up.app.browser();
        up.visit(&mut browser, claims).await;
        assert_eq!(up.who(&mut browser).await.as_deref(), Some("7-up"));
        let made = users::by_username(&up.app.core.db, "7-up").await.unwrap().unwrap();
        assert_eq!((made.attributes["team"].clone(), made.attributes["who"].as_str()), (json!("blue"), Some("signet at this server")));
        up.app.stop().await;
    })
    .await;
}
