//! Rules of users, groups and tokens that go beyond their fields.
use crate::support::{ADMIN, App};
use signet_base::{Json, json};
use signet_store::testdb::each_database;

#[tokio::test]
async fn a_group_is_never_its_own_ancestor() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let mut pks = Vec::new();
        for name in ["a", "b", "c"] {
            let parents: Vec<Json> = pks.last().cloned().into_iter().collect();
            let made = app.admin("POST", "/core/groups/", json!({"name": name, "parents": parents})).await;
            assert_eq!(made.status, 201, "{}", made.body);
            pks.push(made.body["pk"].clone());
        }
        let first = format!("/core/groups/{}/", pks[0].as_str().unwrap());
        for parent in &pks {
            let answer = app.admin("PATCH", &first, json!({"parents": [parent]})).await;
            assert_eq!((answer.status, answer.body.get("parents").is_some()), (400, true), "{}", answer.body);
        }
        let read = app
            .admin("GET", &format!("{first}?include_children=true&include_users=false"), Json::Null)
            .await
            .body;
        assert_eq!(
            (&read["children_obj"][0]["name"], &read["users_obj"], &read["parents_obj"]),
            (&json!("b"), &Json::Null, &Json::Null)
        );
        // Rights come down from ancestors.
        assert_eq!(app.admin("PATCH", &first, json!({"parents": [app.admins.id]})).await.status, 200);
        assert_eq!(
            app.admin(
                "POST",
                &format!("/core/groups/{}/add_user/", pks[2].as_str().unwrap()),
                json!({"pk": app.plain})
            )
            .await
            .status,
            204
        );
        assert_eq!(app.plain("GET", "/core/users/me/", Json::Null).await.body["user"]["is_superuser"], true);
        assert_eq!(
            app.admin("POST", &format!("{first}add_user/"), json!({"pk": 99_999_999})).await.status,
            404
        );
    })
    .await;
}

#[tokio::test]
async fn tokens_belong_to_their_owners_and_end() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let own = app
            .plain(
                "POST",
                "/core/tokens/",
                json!({"identifier": "own", "intent": "app_password", "user": app.admin, "expiring": false}),
            )
            .await;
        assert_eq!(
            (own.status, &own.body["user"], &own.body["expiring"]),
            (201, &json!(app.plain), &json!(true)),
            "{}",
            own.body
        );
        let api = app
            .plain(
                "POST",
                "/core/tokens/",
                json!({"identifier": "own-api", "expires": "2099-01-01T00:00:00Z"}),
            )
            .await
            .body;
        assert!(!api["expires"].as_str().unwrap().starts_with("2099"), "{api}");
        let far = app
            .plain(
                "POST",
                "/core/tokens/",
                json!({"identifier": "far", "intent": "app_password", "expires": "2099-01-01T00:00:00Z"}),
            )
            .await;
        assert_eq!((far.status, far.body.get("expires").is_some()), (400, true), "{}", far.body);
        for (body, field) in [
            (json!({"identifier": "wd bad id"}), "identifier"),
            (json!({"identifier": "x", "intent": "recovery"}), "intent"),
            (json!({"identifier": "x", "intent": "verification"}), "intent"),
            (json!({"identifier": "x", "user": 99_999_999}), "user"),
            (json!({"identifier": "own"}), "identifier"),
        ] {
            let answer = app.admin("POST", "/core/tokens/", body).await;
            assert_eq!((answer.status, answer.body.get(field).is_some()), (400, true), "{}", answer.body);
        }
        // Others' tokens are not there; keys that an administrator made to last are not shown to their user.
        assert_eq!(app.plain("GET", "/core/tokens/admin-token/view_key/", Json::Null).await.status, 404);
        assert_eq!(app.plain("GET", "/core/tokens/plain-token/view_key/", Json::Null).await.status, 403);
        let key = app.plain("GET", "/core/tokens/own-api/view_key/", Json::Null).await.body["key"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            app.call(Some(&key), "GET", "/core/users/me/", None).await.body["user"]["username"],
            "plain"
        );
        assert_eq!(app.plain("POST", "/core/tokens/own-api/set_key/", json!({"key": "x"})).await.status, 403);
        assert_eq!(
            app.admin("POST", "/core/tokens/own-api/set_key/", json!({"key": ADMIN})).await.status,
            400
        );
        assert_eq!(
            app.admin("POST", "/core/tokens/own-api/set_key/", json!({"key": "fixed-key-0123456789"}))
                .await
                .status,
            204
        );
        assert_eq!(app.call(Some(&key), "GET", "/core/users/me/", None).await.status, 403);
        assert_eq!(app.admin("PATCH", "/core/tokens/own-api/", json!({"user": app.admin})).await.status, 400);
        assert_eq!(
            app.admin("PATCH", "/core/tokens/own-api/", json!({"description": "d"})).await.body["user"],
            json!(app.plain)
        );
        assert_eq!(app.plain("GET", "/core/tokens/", Json::Null).await.body["pagination"]["count"], 3);
        assert_eq!(app.plain("DELETE", "/core/tokens/own/", Json::Null).await.status, 204);
    })
    .await;
}

#[tokio::test]
async fn passwords_recovery_and_service_accounts() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let one = format!("/core/users/{}/", app.plain);
        let (cookie, _) = app.browser(app.plain).await;
        assert_eq!(app.admin("POST", &format!("{one}set_password/"), json!({})).await.body["password"][0], "This field is required.");
        assert_eq!(app.admin("POST", &format!("{one}set_password/"), json!({"password": "x".repeat(600)})).await.status, 400);
        let set = app.admin("POST", &format!("{one}set_password/"), json!({"password": "correct horse"})).await;
        assert_eq!((set.status, &set.headers["allow"]), (204, &"POST, OPTIONS".parse().unwrap()));
        // A session begun with the old password is over.
        assert_eq!(app.send("GET", "/core/users/me/", &[("cookie", &cookie)], "").await.status, 403);
        assert_eq!(app.admin("POST", &format!("{one}set_password_hash/"), json!({"password": "plain"})).await.status, 400);
        assert_eq!(app.admin("POST", &format!("{one}recovery/"), json!({})).await.body, json!({"non_field_errors": "No recovery flow set."}));
        assert_eq!(app.admin("POST", &format!("{one}impersonate/"), json!({})).await.body, json!({"reason": "This field is required."}));
        assert_eq!(app.admin("DELETE", &format!("/core/users/{}/", app.admin), Json::Null).await.status, 400);
        let made = app.admin("POST", "/core/users/service_account/", json!({"name": "sa", "create_group": true, "expiring": false})).await;
        assert_eq!((made.status, &made.body["username"], made.body["token"].as_str().unwrap().len()), (200, &json!("sa"), 60), "{}", made.body);
        let user = app.admin("GET", &format!("/core/users/{}/", made.body["user_pk"]), Json::Null).await.body;
        assert_eq!((&user["type"], &user["path"], &user["groups"][0]), (&json!("service_account"), &json!("goauthentik.io/service-accounts"), &made.body["group_pk"]));
        assert_eq!(app.admin("POST", "/core/users/service_account/", json!({"name": "sa"})).await.status, 400);
        let guide = json!({"username": "ada", "first_name": "Ada", "last_name": "Lovelace", "is_active": true, "groups": ["authentik Admins"]});
        let ada = app.admin("POST", "/core/users/", guide).await;
        assert_eq!((&ada.body["name"], &ada.body["is_superuser"]), (&json!("Ada Lovelace"), &json!(true)), "{}", ada.body);
        assert!(app.admin("GET", "/core/users/paths/", Json::Null).await.body["paths"].as_array().unwrap().contains(&json!("users")));
    })
    .await;
}

#[tokio::test]
async fn settings_are_judged_and_kept() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let bad = app
            .admin(
                "PATCH",
                "/admin/settings/",
                json!({"default_token_length": 0, "event_retention": "nonsense", "avatars": 5}),
            )
            .await;
        let names: Vec<&str> = bad.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            (bad.status, names),
            (400, vec!["event_retention", "default_token_length"]),
            "{}",
            bad.body
        );
        assert_eq!(
            app.admin("PUT", "/admin/settings/", json!({})).await.body,
            json!({"flags": ["This field is required."]})
        );
        assert_eq!(
            app.admin(
                "PATCH",
                "/admin/settings/",
                json!({"pagination_default_page_size": 1, "flags": {"flows_refresh_others": true}})
            )
            .await
            .status,
            200
        );
        assert_eq!(
            app.admin("GET", "/core/users/", Json::Null).await.body["results"].as_array().unwrap().len(),
            1
        );
        let flags = app.call(None, "GET", "/core/brands/current/", None).await.body["flags"].clone();
        assert_eq!(flags, json!({"flows_continuous_login": false, "flows_refresh_others": true}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_are_queries_where_they_can_be_and_words_otherwise() {
    each_database(|db| async move {
        let app = App::start(db).await;
        app.admin("PATCH", &format!("/core/users/{}/", app.plain), json!({"attributes": {"team": {"floor": 3}}})).await;
        let found = async |path: &str, search: &str| {
            let answer = app.admin("GET", &format!("{path}?search={}", signet_base::query::encode(search)), Json::Null).await;
            assert_eq!(answer.status, 200, "{search}");
            answer.body["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["username"].as_str().or(r["name"].as_str()).or(r["action"].as_str()).unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("/core/users/", "username startswith \"pl\" or username = \"akadmin\"").await, ["akadmin", "plain"]);
        assert_eq!(found("/core/users/", "attributes.team.floor > 2 and is_active = True").await, ["plain"]);
        assert_eq!(found("/core/users/", "plain").await, ["plain"], "words");
        assert!(found("/core/users/", "username ==== plain").await.is_empty(), "words that nobody has");
        assert!(found("/core/users/", "password = \"x\"").await.is_empty(), "not a member of the language");
        assert_eq!(found("/core/groups/", "is_superuser = True and name ~ \"ADMIN\"").await, ["authentik Admins"]);
        assert_eq!(found("/events/events/", "action = \"model_updated\" and context.model.name = \"plain\" and user.username = \"akadmin\"").await, ["model_updated"]);
        let help = app.admin("GET", "/events/events/", Json::Null).await.body;
        assert_eq!(help["autocomplete"]["models"]["authentik_events.event"]["context"]["relation"], "authentik_events.event_context");
    })
    .await;
}
