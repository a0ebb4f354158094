//! What callers are told of what they may do, and of what they may not see.
use crate::rbac::{make, text};
use crate::roles::Delegate;
use crate::support::{App, PLAIN};
use signet_base::{Json, json};
use signet_store::testdb::sqlite;

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
    let options = async |key: Option<&str>, path: &str| app.call(key, "OPTIONS", path, None).await;
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
