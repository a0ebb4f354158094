//! The life of one object of each kind, over HTTP, on both databases.
use crate::support::{ADMIN, App};
use signet_base::{Json, json};
use signet_store::testdb::each_database;

/// An object without the kind of its stage: the answer to a write of a flow binding names the base kind.
fn plain(body: &Json) -> Json {
    let mut body = body.clone();
    if let Some(stage) = body.get_mut("stage_obj").and_then(Json::as_object_mut) {
        stage.retain(|member, _| {
            !["component", "meta_model_name", "verbose_name", "verbose_name_plural"]
                .contains(&member.as_str())
        });
    }
    body
}

/// Create, refuse a duplicate, list, read, patch, put, refuse bad input, delete. Gives back the created
/// object.
async fn life(app: &App, path: &str, key: &str, body: Json, patch: Json, bad: Json, duplicate: bool) {
    let list = format!("/{path}/");
    let empty = app.admin("POST", &list, json!({})).await;
    assert_eq!(empty.status, 400, "{path}: {}", empty.body);
    let mut wrong = body.clone();
    wrong.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
    let field = bad.as_object().unwrap().keys().next().unwrap().clone();
    let refused = app.admin("POST", &list, wrong).await;
    assert_eq!((refused.status, refused.body.get(&field).is_some()), (400, true), "{path}: {}", refused.body);
    let made = app.admin("POST", &list, body.clone()).await;
    assert_eq!(made.status, 201, "{path}: {}", made.body);
    assert_eq!(made.headers["allow"], "GET, POST, HEAD, OPTIONS");
    if duplicate {
        assert_eq!(app.admin("POST", &list, body.clone()).await.status, 400, "{path}");
    }
    let key = match &made.body[key] {
        Json::String(s) => s.clone(),
        other => other.to_string(),
    };
    let one = format!("/{path}/{key}/");
    let page = app.admin("GET", &format!("{list}?page_size=100"), Json::Null).await;
    assert!(
        page.body["results"].as_array().unwrap().iter().any(|o| plain(o) == plain(&made.body)),
        "{path}: {}",
        page.body
    );
    let read = app.admin("GET", &one, Json::Null).await;
    assert_eq!((read.status, plain(&read.body)), (200, plain(&made.body)), "{path}");
    assert_eq!(read.headers["allow"], "GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
    let patched = app.admin("PATCH", &one, patch.clone()).await;
    assert_eq!(patched.status, 200, "{path}: {}", patched.body);
    for (name, value) in patch.as_object().unwrap() {
        assert_eq!(&patched.body[name], value, "{path}");
    }
    assert_eq!(app.admin("PATCH", &one, bad).await.status, 400, "{path}");
    let mut whole = body;
    whole.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    let put = app.admin("PUT", &one, whole).await;
    assert_eq!((put.status, plain(&put.body)), (200, plain(&patched.body)), "{path}");
    assert_eq!(app.admin("PUT", &one, json!({})).await.status, 400, "{path}");
    assert_eq!(app.admin("GET", &format!("{one}used_by/"), Json::Null).await.status, 200, "{path}");
    let gone = app.admin("DELETE", &one, Json::Null).await;
    assert_eq!((gone.status, &gone.body), (204, &Json::Null), "{path}");
    for method in ["GET", "DELETE"] {
        let answer = app.admin(method, &one, Json::Null).await;
        assert_eq!((answer.status, answer.body["detail"].is_string()), (404, true), "{path}");
    }
}

#[tokio::test]
async fn every_configuration_model_lives_its_life() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let flow = app.admin("POST", "/flows/instances/", json!({"name": "F", "slug": "f", "title": "F", "designation": "authentication"})).await.body;
        let stage = app.admin("POST", "/stages/deny/", json!({"name": "S"})).await.body;
        let group = app.admin("POST", "/core/groups/", json!({"name": "G"})).await.body;
        life(
            &app,
            "flows/instances",
            "slug",
            json!({"name": "w", "slug": "w-f", "title": "T", "designation": "recovery"}),
            json!({"title": "U"}),
            json!({"designation": "bogus"}),
            true,
        )
        .await;
        life(&app, "stages/deny", "pk", json!({"name": "w-deny"}), json!({"deny_message": "no"}), json!({"deny_message": null}), true).await;
        life(&app, "flows/bindings", "pk", json!({"target": flow["pk"], "stage": stage["pk"], "order": 1}), json!({"order": 2}), json!({"target": "x"}), true).await;
        life(
            &app,
            "policies/bindings",
            "pk",
            json!({"target": flow["policybindingmodel_ptr_id"], "group": group["pk"], "order": 0}),
            json!({"negate": true}),
            json!({"timeout": -1}),
            false,
        )
        .await;
        life(&app, "core/applications", "slug", json!({"name": "A", "slug": "w-app"}), json!({"meta_publisher": "P"}), json!({"policy_engine_mode": "bogus"}), true).await;
        life(&app, "core/brands", "brand_uuid", json!({"domain": "w.test"}), json!({"branding_title": "W"}), json!({"flow_authentication": "x"}), true).await;
        let body = json!({"username": "w-user", "name": "W", "email": "w@example.test", "groups": [group["pk"]], "attributes": {"a": {"b": 1}}, "path": "w/x"});
        life_of_a_user(&app, body).await;
        life(&app, "core/groups", "pk", json!({"name": "w-group", "attributes": {"a": 1}}), json!({"attributes": {"a": 2}}), json!({"attributes": 5}), true).await;
        life(&app, "core/tokens", "identifier", json!({"identifier": "w-token", "expiring": false}), json!({"description": "e"}), json!({"intent": "bogus"}), true).await;
    })
    .await;
}

/// A user's `last_updated` moves with every write.
async fn life_of_a_user(app: &App, body: Json) {
    let made = app.admin("POST", "/core/users/", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        (&made.body["groups_obj"][0]["name"], &made.body["uid"].as_str().unwrap().len()),
        (&json!("G"), &64)
    );
    let again = app.admin("POST", "/core/users/", json!({"username": "W-USER ", "name": "x"})).await;
    assert_eq!((again.status, again.body["username"].is_array()), (400, true), "{}", again.body);
    let one = format!("/core/users/{}/", made.body["pk"]);
    for (bad, field) in [
        (json!({"groups": ["00000000-0000-0000-0000-000000000000"]}), "groups"),
        (json!({"groups": ["no such group"]}), "groups"),
        (json!({"email": "nope"}), "email"),
        (json!({"path": "/users/"}), "path"),
        (json!({"path": "a//b"}), "path"),
        (json!({"attributes": []}), "attributes"),
        (json!({"username": "x".repeat(200)}), "username"),
        (json!({"username": null}), "username"),
        (json!({"username": ""}), "username"),
        (json!({"is_active": "perhaps"}), "is_active"),
        (json!({"type": "robot"}), "type"),
        (json!({"name": "a\u{0}b"}), "name"),
    ] {
        let answer = app.admin("PATCH", &one, bad.clone()).await;
        assert_eq!((answer.status, answer.body.get(field).is_some()), (400, true), "{bad}: {}", answer.body);
    }
    assert_eq!(app.admin("PATCH", &one, json!({"name": "", "no_such_member": 1})).await.body["name"], "");
    assert_eq!(
        app.admin("PUT", &one, json!({"username": "w-user", "name": "X"})).await.body["groups"],
        body["groups"]
    );
    assert_eq!(app.admin("PUT", &one, json!({})).await.status, 400);
    let used = app.admin("GET", &format!("{one}used_by/"), Json::Null).await;
    assert_eq!(used.body[0]["action"], "cascade_many");
    assert_eq!(app.admin("DELETE", &one, Json::Null).await.status, 204);
    assert_eq!(app.admin("GET", &one, Json::Null).await.status, 404);
}

#[tokio::test]
async fn deleting_does_what_used_by_says() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let flow = app
            .admin(
                "POST",
                "/flows/instances/",
                json!({"name": "F", "slug": "f", "title": "F", "designation": "recovery"}),
            )
            .await
            .body;
        let stage = app.admin("POST", "/stages/deny/", json!({"name": "S"})).await.body;
        let binding = app
            .admin(
                "POST",
                "/flows/bindings/",
                json!({"target": flow["pk"], "stage": stage["pk"], "order": 1}),
            )
            .await
            .body;
        assert_eq!(
            binding["stage_obj"]["meta_model_name"], "authentik_flows.stage",
            "the answer to a write names the base kind"
        );
        let read = app
            .admin("GET", &format!("/flows/bindings/{}/", binding["pk"].as_str().unwrap()), Json::Null)
            .await
            .body;
        assert_eq!(read["stage_obj"]["component"], "ak-stage-deny-form");
        let user = app.admin("POST", "/core/users/", json!({"username": "u", "name": "u"})).await.body;
        let guard = app
            .admin(
                "POST",
                "/policies/bindings/",
                json!({"target": binding["policybindingmodel_ptr_id"], "user": user["pk"], "order": 0}),
            )
            .await;
        assert_eq!((guard.status, &guard.body["user_obj"]["username"]), (201, &json!("u")), "{}", guard.body);
        let brand = app
            .admin("POST", "/core/brands/", json!({"domain": "b.test", "flow_recovery": flow["pk"]}))
            .await
            .body;
        let used = app.admin("GET", "/flows/instances/f/used_by/", Json::Null).await.body;
        let actions: Vec<(&str, &str)> = used
            .as_array()
            .unwrap()
            .iter()
            .map(|u| (u["model_name"].as_str().unwrap(), u["action"].as_str().unwrap()))
            .collect();
        assert!(
            actions.contains(&("brand", "set_null")) && actions.contains(&("flowstagebinding", "cascade")),
            "{used}"
        );
        // The user goes: the binding that names them goes too.
        assert_eq!(
            app.admin("DELETE", &format!("/core/users/{}/", user["pk"]), Json::Null).await.status,
            204
        );
        assert_eq!(
            app.admin(
                "GET",
                &format!("/policies/bindings/{}/", guard.body["pk"].as_str().unwrap()),
                Json::Null
            )
            .await
            .status,
            404
        );
        assert_eq!(app.admin("DELETE", "/flows/instances/f/", Json::Null).await.status, 204);
        assert_eq!(
            app.admin("GET", &format!("/flows/bindings/{}/", binding["pk"].as_str().unwrap()), Json::Null)
                .await
                .status,
            404
        );
        assert_eq!(
            app.admin("GET", &format!("/core/brands/{}/", brand["brand_uuid"].as_str().unwrap()), Json::Null)
                .await
                .body["flow_recovery"],
            Json::Null
        );
        let log = app.admin("GET", "/events/events/?action=model_deleted&page_size=1", Json::Null).await.body;
        assert_eq!(log["results"][0]["context"]["model"]["model_name"], "flow");
        assert_eq!(log["results"][0]["user"]["username"], "akadmin");
    })
    .await;
}

#[tokio::test]
async fn applications_come_with_their_bindings_or_not_at_all() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let group = app.admin("POST", "/core/groups/", json!({"name": "G"})).await.body;
        let bad = app.admin("POST", "/core/applications/", json!({"name": "A", "slug": "a", "policy_bindings": [{"group": group["pk"]}, {"group": "x"}]})).await;
        assert_eq!((bad.status, bad.body.get("policy_bindings").is_some()), (400, true), "{}", bad.body);
        assert_eq!(app.admin("GET", "/core/applications/a/", Json::Null).await.status, 404);
        let made = app.admin("POST", "/core/applications/", json!({"name": "A", "slug": "a", "policy_bindings": {"team": {"group": group["pk"]}}})).await;
        assert_eq!(made.status, 201, "{}", made.body);
        // Whom the binding leaves out does not see it; the full list is for superusers who ask for it.
        assert_eq!(app.plain("GET", "/core/applications/", Json::Null).await.body["pagination"]["count"], 0);
        assert_eq!(app.admin("GET", "/core/applications/?superuser_full_list=true", Json::Null).await.body["pagination"]["count"], 1);
        assert_eq!(app.admin("POST", &format!("/core/groups/{}/add_user/", group["pk"].as_str().unwrap()), json!({"pk": app.plain})).await.status, 204);
        assert_eq!(app.plain("GET", "/core/applications/", Json::Null).await.body["pagination"]["count"], 1);
        assert_eq!(app.plain("GET", "/core/applications/?superuser_full_list=true&for_user=1", Json::Null).await.body["pagination"]["count"], 1);
        assert_eq!(app.plain("GET", "/core/applications/a/check_access/", Json::Null).await.body["passing"], true);
        assert_eq!(app.plain("GET", &format!("/core/applications/a/check_access/?for_user={}", app.admin), Json::Null).await.status, 403);
        assert_eq!(app.call(Some(ADMIN), "GET", &format!("/core/applications/?for_user={}", app.plain), None).await.body["pagination"]["count"], 1);
    })
    .await;
}

#[tokio::test]
async fn certificates_are_made_and_their_keys_are_shown_only_on_purpose() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let path = "/crypto/certificatekeypairs/";
        let made = app.admin("POST", &format!("{path}generate/"), json!({"common_name": "w-cert", "validity_days": 30, "alg": "ecdsa", "subject_alt_name": "a.test,b.test"})).await;
        assert_eq!((made.status, &made.body["key_type"], &made.body["private_key_available"]), (200, &json!("ec"), &json!(true)), "{}", made.body);
        for (body, field) in [
            (json!({}), "validity_days"),
            (json!({"common_name": "w-cert", "validity_days": 1}), "common_name"),
            (json!({"common_name": "x", "validity_days": 0}), "validity_days"),
            (json!({"common_name": "x", "validity_days": 1, "subject_alt_name": "a b"}), "subject_alt_name"),
        ] {
            let answer = app.admin("POST", &format!("{path}generate/"), body).await;
            assert_eq!((answer.status, answer.body.get(field).is_some()), (400, true), "{}", answer.body);
        }
        let one = format!("{path}{}/", made.body["pk"].as_str().unwrap());
        let read = app.admin("GET", &one, Json::Null).await;
        assert_eq!(read.status, 200);
        assert!(!read.body.to_string().contains("PRIVATE KEY") && read.body.get("key_data").is_none());
        assert!(app.admin("GET", &format!("{one}view_private_key/"), Json::Null).await.body["data"].as_str().unwrap().contains("PRIVATE KEY"));
        let file = app.admin("GET", &format!("{one}view_certificate/?download"), Json::Null).await;
        assert_eq!(
            (&file.headers["content-type"], &file.headers["content-disposition"]),
            (&"application/x-pem-file".parse().unwrap(), &"attachment; filename=\"w-cert_certificate.pem\"".parse().unwrap())
        );
        assert_eq!(app.admin("GET", "/events/events/?action=secret_view", Json::Null).await.body["pagination"]["count"], 2);
        assert_eq!(app.admin("PATCH", &one, json!({"key_data": "nonsense"})).await.status, 400);
        assert_eq!(app.admin("GET", &format!("{path}?has_key=false"), Json::Null).await.body["pagination"]["count"], 0);
        assert_eq!(app.admin("PATCH", &one, json!({"name": "w-cert2"})).await.body["private_key_available"], true);
    })
    .await;
}
