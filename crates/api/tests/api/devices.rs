//! Second factors of people.
use crate::support::App;
use signet_base::{Json, json};
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::testdb::each_database;

async fn add(app: &App, kind: DeviceKind, user: i64, data: Json) -> i64 {
    let device = Device {
        data: data.as_object().cloned().unwrap(),
        ..Device::new(&app.core.ports, kind, user, kind.label())
    };
    devices::insert(&app.core.db, &device).await.unwrap()
}

#[tokio::test]
async fn everybody_sees_and_changes_their_own_devices_only() {
    each_database(|db| async move {
        let app = App::start(db).await;
        let data = json!({"phone_number": "+41791234567", "email": "a@b.test", "aaguid": "00000000-0000-0000-0000-000000000000"});
        for kind in DeviceKind::ALL {
            let path = format!("/authenticators/{}/", kind.as_str());
            let (own, other) = (add(&app, kind, app.plain, data.clone()).await, add(&app, kind, app.admin, data.clone()).await);
            let list = app.plain("GET", &path, Json::Null).await;
            assert_eq!((list.status, &list.body["pagination"]["count"], &list.body["results"][0]["pk"]), (200, &json!(1), &json!(own)), "{path}");
            // Administrators see their own here, too; all are below `admin/`.
            assert_eq!(app.admin("GET", &path, Json::Null).await.body["results"][0]["pk"], json!(other));
            let admin = format!("/authenticators/admin/{}/", kind.as_str());
            assert_eq!(app.admin("GET", &admin, Json::Null).await.body["pagination"]["count"], json!(2));
            for (method, body) in [("GET", Json::Null), ("PUT", json!({"name": "x"})), ("PATCH", json!({"name": "x"})), ("DELETE", Json::Null)] {
                assert_eq!(app.plain(method, &format!("{path}{other}/"), body.clone()).await.status, 404, "{method} {path}");
                assert_eq!(app.plain(method, &format!("{admin}{own}/"), body).await.status, 403, "{method} {admin}");
            }
            assert_eq!(app.plain("GET", &format!("{path}{other}/used_by/"), Json::Null).await.status, 404);
            assert_eq!(app.plain("GET", &format!("{path}x/"), Json::Null).await.status, 404);

            let renamed = app.plain("PATCH", &format!("{path}{own}/"), json!({"name": "mine", "user": app.admin, "pk": other})).await;
            assert_eq!((renamed.status, &renamed.body["name"], &renamed.body["pk"], &renamed.body["user"]["pk"]), (200, &json!("mine"), &json!(own), &json!(app.plain)));
            for wrong in [json!({}), json!({"name": ""}), json!({"name": null}), json!({"name": "x".repeat(201)}), json!({"name": ["x"]})] {
                let answer = app.plain("PUT", &format!("{path}{own}/"), wrong.clone()).await;
                assert!(answer.status == 400 && answer.body.get("name").is_some(), "{path} {wrong}: {}", answer.body);
            }
            assert_eq!(app.plain("DELETE", &format!("{path}{own}/"), Json::Null).await.status, 204);
            assert_eq!(app.plain("GET", &format!("{path}{own}/"), Json::Null).await.status, 404);
            assert_eq!(app.admin("DELETE", &format!("{admin}{other}/"), Json::Null).await.status, 204);
        }
    })
    .await;
}

#[tokio::test]
async fn the_common_list_has_every_kind_of_the_person_asked_about() {
    let app = App::start(signet_store::testdb::sqlite().await).await;
    let id = add(&app, DeviceKind::Totp, app.plain, json!({})).await;
    add(&app, DeviceKind::Sms, app.admin, json!({})).await;
    let own = app.plain("GET", "/authenticators/all/", Json::Null).await.body;
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(
        (&own[0]["pk"], &own[0]["type"]),
        (&json!(id.to_string()), &json!("authentik_stages_authenticator_totp.TOTPDevice"))
    );
    assert_eq!(own[0]["meta_model_name"], json!("authentik_stages_authenticator_totp.totpdevice"));
    assert_eq!(
        app.plain("GET", &format!("/authenticators/admin/all/?user={}", app.admin), Json::Null).await.body,
        json!([])
    );
    assert_eq!(
        app.admin("GET", &format!("/authenticators/admin/all/?user={}", app.plain), Json::Null).await.body,
        own
    );
    assert_eq!(app.admin("GET", "/authenticators/admin/all/?user=x", Json::Null).await.status, 400);
}

#[tokio::test]
async fn an_administrator_gives_recovery_codes_once() {
    let app = App::start(signet_store::testdb::sqlite().await).await;
    let made = app
        .admin("POST", "/authenticators/admin/static/", json!({"name": "Help desk", "user": app.plain}))
        .await;
    assert_eq!((made.status, made.body["token_set"].as_array().unwrap().len()), (201, 6), "{}", made.body);
    let code = made.body["token_set"][0]["token"].as_str().unwrap().to_owned();
    let path = format!("/authenticators/static/{}/", made.body["pk"]);
    let shown = app.plain("GET", &path, Json::Null).await.body;
    assert!(!shown.to_string().contains(&code) && shown["token_set"].as_array().unwrap().len() == 6);
    let device = devices::get(&app.core.db, DeviceKind::Static, made.body["pk"].as_i64().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(
        devices::take_code(
            &app.core.db,
            device.id,
            &device.code_digest(&app.core.vault, &code),
            app.core.now()
        )
        .await
        .unwrap()
    );
    assert_eq!(app.plain("GET", &path, Json::Null).await.body["token_set"].as_array().unwrap().len(), 5);

    for (kind, body) in [
        ("static", json!({})),
        ("static", json!({"name": "x", "user": 999_999})),
        ("totp", json!({"name": "x", "user": app.plain})),
        ("webauthn", json!({})),
    ] {
        assert_eq!(
            app.admin("POST", &format!("/authenticators/admin/{kind}/"), body).await.status,
            400,
            "{kind}"
        );
    }
    assert_eq!(
        app.plain("POST", "/authenticators/admin/static/", json!({"name": "x", "user": app.plain}))
            .await
            .status,
        403
    );
}
