//! What callers are told of what they may do, and of what they may not see.
use crate::rbac::{all, make, members, text};
use crate::roles::Delegate;
use crate::support::{App, PLAIN};
use signet_base::{Json, json};
use signet_store::testdb::{each_database, sqlite};

#[tokio::test]
async fn rbac_the_document_and_options_say_what_each_operation_needs_and_whether_the_caller_has_it() {
    let app = App::start(sqlite().await).await;
    let delegate = Delegate::new(&app).await;
    let [seen, hidden] = [
        make(&app, "/core/users/", json!({"username": "seen", "name": "s"})).await["pk"].clone(),
        make(&app, "/core/users/", json!({"username": "hidden", "name": "h"})).await["pk"].clone(),
    ];
    let on = |name: &str, key: &Json| (name.to_owned(), Some(text(key)));
    delegate
        .holds(
            &app,
            &[
                on("authentik_core.view_user", &seen),
                on("authentik_core.reset_user_password", &seen),
                on("authentik_core.delete_user", &hidden),
            ],
        )
        .await;
    let options = async |key: Option<&str>, path: &str| {
        app.call(key, "OPTIONS", &format!("{path}?operations=true"), None).await
    };
    // As clients of the wire know it, unless they ask.
    let plain = app.call(Some(crate::support::ADMIN), "OPTIONS", "/core/users/", None).await.body;
    assert!(plain.get("operations").is_none() && plain["actions"]["POST"].is_object(), "{plain}");
    let allowed = |body: &Json| -> Vec<String> {
        let all = body["operations"].as_array().unwrap().iter();
        all.filter(|one| one["allowed"] == true).map(|one| text(&one["operation_id"])).collect()
    };
    // On the object that is seen: what is held there, and no more.
    let told = options(Some(PLAIN), &format!("/core/users/{seen}/")).await;
    assert_eq!(told.status, 200, "{}", told.body);
    for operation in ["core_users_retrieve", "core_users_used_by_list", "core_users_set_password_create"] {
        assert!(
            allowed(&told.body).contains(&operation.to_owned()),
            "{operation}: {:?}",
            allowed(&told.body)
        );
    }
    for operation in ["core_users_update", "core_users_destroy", "core_users_impersonate_create"] {
        assert!(!allowed(&told.body).contains(&operation.to_owned()), "{operation}");
    }
    // What is allowed can be called, and the rest cannot.
    for one in told.body["operations"].as_array().unwrap() {
        let (method, path) = (text(&one["method"]), text(&one["path"]).replace("{id}", &text(&seen)));
        if one["path"].as_str().unwrap().contains("{id}") {
            let sent = (method != "GET" && method != "DELETE").then(|| json!({}));
            let status = app.call(Some(PLAIN), &method, &path, sent).await.status;
            assert_eq!(one["allowed"] == false, status == 403, "{method} {path}: {status}");
        }
    }
    // Hidden is missing here too, and a stranger is told nothing.
    assert_eq!(options(Some(PLAIN), &format!("/core/users/{hidden}/")).await.status, 404);
    assert_eq!(options(Some(PLAIN), "/core/users/999/").await.status, 404);
    assert_eq!(options(None, &format!("/core/users/{seen}/")).await.status, 403);
    // Of a list.
    let list = options(Some(PLAIN), "/core/users/").await.body;
    assert!(
        allowed(&list).contains(&"core_users_list".to_owned())
            && !allowed(&list).contains(&"core_users_create".to_owned()),
        "{list}"
    );
    let create = list["operations"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["operation_id"] == "core_users_create")
        .unwrap();
    assert_eq!(
        (&create["rule"], &create["permissions"]),
        (&json!("model"), &json!(["authentik_core.add_user"]))
    );
    let admin = options(Some(crate::support::ADMIN), &format!("/core/users/{hidden}/")).await.body;
    assert_eq!(allowed(&admin).len(), admin["operations"].as_array().unwrap().len());
    // One's own needs nothing.
    let mine = options(Some(PLAIN), "/core/tokens/plain-token/").await.body;
    assert!(allowed(&mine).contains(&"core_tokens_destroy".to_owned()), "{mine}");
    assert!(!allowed(&mine).contains(&"core_tokens_set_key_create".to_owned()));
    // The document says the same of every operation.
    let document = app.admin("GET", "/schema/?format=json", Json::Null).await.body;
    let of = |path: &str, verb: &str| document["paths"][path][verb]["x-permissions"].clone();
    assert_eq!(
        of("/core/users/{id}/set_password/", "post"),
        json!({"rule": "named", "permissions": ["authentik_core.view_user", "authentik_core.reset_user_password"]})
    );
    assert_eq!(of("/core/users/me/", "get"), json!({"rule": "signed_in", "permissions": []}));
    assert_eq!(
        of("/core/tokens/", "get"),
        json!({"rule": "own", "permissions": ["authentik_core.view_token"]})
    );
    let table = signet_api::table(&app.core.registry, Vec::new(), 0);
    for action in
        table.routes().iter().flat_map(|route| &route.actions).filter(|action| !action.path.is_empty())
    {
        let told = of(&format!("/{}/", action.path), &action.method.as_str().to_ascii_lowercase());
        assert_eq!(told["permissions"], json!(action.needs()), "{} {}", action.method, action.path);
    }
}

#[tokio::test]
async fn rbac_rows_and_objects_show_nothing_of_others_that_are_hidden() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let delegate = Delegate::new(&app).await;
        let role = make(&app, "/rbac/roles/", json!({"name": "secret role"})).await["pk"].clone();
        let hidden = make(
            &app,
            "/core/users/",
            json!({"username": "hidden-user", "name": "Hidden Person", "email": "hidden@x.test"}),
        )
        .await["pk"]
            .clone();
        let seen = make(&app, "/core/users/", json!({"username": "seen-user", "name": "s", "roles": [role]}))
            .await["pk"]
            .clone();
        let parent = make(&app, "/core/groups/", json!({"name": "secret parent"})).await["pk"].clone();
        let group = make(
            &app,
            "/core/groups/",
            json!({"name": "team", "users": [hidden, seen], "roles": [role], "parents": [parent]}),
        )
        .await["pk"]
            .clone();
        make(&app, "/core/tokens/", json!({"identifier": "hidden-token", "user": hidden})).await;
        make(&app, "/core/tokens/", json!({"identifier": "seen-token", "user": seen})).await;
        let flow = make(
            &app,
            "/flows/instances/",
            json!({"name": "secret flow", "slug": "secret-flow", "title": "t", "designation": "enrollment"}),
        )
        .await["pk"]
            .clone();
        let stage = make(&app, "/stages/deny/", json!({"name": "secret stage"})).await["pk"].clone();
        let binding = make(&app, "/flows/bindings/", json!({"target": flow, "stage": stage, "order": 0}))
            .await["pk"]
            .clone();
        make(&app, "/policies/bindings/", json!({"target": flow, "user": hidden, "order": 0})).await;
        make(&app, "/policies/bindings/", json!({"target": flow, "group": group, "order": 1})).await;
        make(
            &app,
            "/stages/invitation/invitations/",
            json!({"name": "i", "flow": flow, "expires": "2099-01-01T00:00:00Z"}),
        )
        .await;
        let on = |name: &str, key: &Json| (name.to_owned(), Some(text(key)));
        let mut held = all(&[
            "authentik_core.view_token",
            "authentik_core.change_group",
            "authentik_policies.view_policybinding",
            "authentik_flows.view_flowstagebinding",
            "authentik_stages_invitation.view_invitation",
        ]);
        held.extend([on("authentik_core.view_user", &seen), on("authentik_core.view_group", &group)]);
        delegate.holds(&app, &held).await;
        let get = async |path: &str| {
            let answer = app.plain("GET", path, Json::Null).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            answer.body
        };
        // Nested in others: keys at most.
        let (group_key, seen_key) = (text(&group), text(&seen));
        for path in [
            format!("/core/groups/{group_key}/?include_parents=true&include_inherited_roles=true"),
            format!("/core/users/{seen_key}/"),
            "/core/users/".into(),
            "/core/groups/?include_parents=true".into(),
            "/core/tokens/".into(),
            "/policies/bindings/".into(),
            "/flows/bindings/".into(),
            format!("/flows/bindings/{}/", text(&binding)),
            "/stages/invitation/invitations/".into(),
        ] {
            let told = get(&path).await.to_string();
            for word in ["secret", "hidden-user", "Hidden Person", "hidden@x.test", "akadmin"] {
                assert!(!told.contains(word), "{path} tells {word}: {told}");
            }
        }
        let team = get(&format!("/core/groups/{group_key}/")).await;
        assert_eq!(team["users"], json!([hidden, seen]));
        assert_eq!(team["users_obj"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&team["users_obj"][0]["username"], &team["roles_obj"]),
            (&json!("seen-user"), &json!([]))
        );
        let tokens = get("/core/tokens/?ordering=identifier").await;
        assert_eq!(
            members(&tokens, "identifier"),
            ["admin-token", "hidden-token", "plain-token", "seen-token"]
        );
        assert_eq!(
            (&tokens["results"][1]["user_obj"]["pk"], &tokens["results"][3]["user_obj"]["username"]),
            (&hidden, &json!("seen-user"))
        );
        // An administrator is shown all of it.
        let whole = app
            .admin("GET", &format!("/core/groups/{group_key}/?include_parents=true"), Json::Null)
            .await
            .body;
        assert!(
            whole["parents_obj"].to_string().contains("secret parent")
                && whole["users_obj"].as_array().unwrap().len() == 2
        );
        // Filters, search and order by what is hidden find and tell nothing; the twin finds.
        let count = async |path: String| get(&path).await["pagination"]["count"].clone();
        for (nothing, found) in [
            (
                format!("/core/users/?groups_by_pk={}", text(&parent)),
                format!("/core/users/?groups_by_pk={group_key}"),
            ),
            (
                "/core/users/?groups_by_name=secret parent".replace(' ', "%20"),
                "/core/users/?groups_by_name=team".into(),
            ),
            (
                "/core/groups/?members_by_username=hidden-user".into(),
                "/core/groups/?members_by_username=seen-user".into(),
            ),
            (format!("/core/groups/?members_by_pk={hidden}"), format!("/core/groups/?members_by_pk={seen}")),
            (
                "/core/tokens/?user__username=hidden-user".into(),
                "/core/tokens/?user__username=seen-user".into(),
            ),
            ("/core/tokens/?search=hidden-user".into(), "/core/tokens/?search=seen-token".into()),
        ] {
            assert_eq!(
                (count(nothing.clone()).await, count(found.clone()).await),
                (json!(0), json!(1)),
                "{nothing} {found}"
            );
        }
        assert_eq!(count("/core/users/?roles_by_name=secret%20role".into()).await, json!(0));
        let by_name = members(&get("/core/tokens/?ordering=user__username").await, "user");
        let mut by_number = by_name.clone();
        by_number.sort_by_key(|id| id.parse::<i64>().unwrap());
        assert_eq!(by_name, by_number, "the order tells no names");
        // What is written: hidden members stay, and none is added.
        let patch = async |users: Json| {
            app.plain("PATCH", &format!("/core/groups/{group_key}/"), json!({"users": users})).await
        };
        let same = patch(json!([hidden, seen])).await;
        assert_eq!(same.status, 200, "{}", same.body);
        let more = patch(json!([hidden, seen, app.admin])).await;
        assert!(more.status == 400 && more.body.get("users").is_some(), "{}", more.body);
    })
    .await;
}
