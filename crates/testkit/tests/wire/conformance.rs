//! Rules that hold for every built model.
use signet_base::{Json, json};
use signet_model::FieldKind;
use signet_testkit::{App, DbKind};

/// Model, field and default of the original; a line each.
const DEFAULTS: &str = include_str!("defaults.txt");

#[tokio::test]
async fn wire_w1_defaults_are_those_of_the_original() {
    let app = App::start(DbKind::Sqlite).await;
    let mut wrong = Vec::new();
    for line in DEFAULTS.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (place, value) = line.split_once(" = ").unwrap();
        let (model, field) = place.rsplit_once('.').unwrap();
        let wanted: Json = serde_json::from_str(value).unwrap();
        let Some(def) = app.core.registry.find(model).and_then(|d| d.field(field)) else {
            wrong.push(format!("{place}: there is no such field"));
            continue;
        };
        let default = match def.default {
            Some(make) => make(&app.core.ports),
            None if def.nullable => Json::Null,
            None => match def.kind {
                FieldKind::Bool => json!(false),
                FieldKind::Int => json!(0),
                FieldKind::List(_) => json!([]),
                FieldKind::Object => json!({}),
                _ => json!(""),
            },
        };
        let same = default == wanted || (default.is_number() && default.as_f64() == wanted.as_f64());
        if def.required || !same {
            wrong.push(format!(
                "{place}: {default}, expected {wanted}{}",
                if def.required { " (required here)" } else { "" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let consent = app
        .admin()
        .await
        .get("/api/v3/stages/consent/?name=default-provider-authorization-consent")
        .await
        .json();
    assert_eq!(consent["results"][0]["mode"], "expiring");
    app.stop().await;
}

/// What a client writes it reads back, and writing it again changes nothing.
#[tokio::test]
async fn wire_w23_written_read_and_written_again() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let mut seen = 0;
    let paths: Vec<(&str, &str)> =
        app.core.registry.all().iter().filter(|d| !d.rows).map(|d| (d.path, d.key)).collect();
    for (path, key) in paths {
        let list = admin.get(&format!("/api/v3/{path}/?page_size=100")).await;
        assert_eq!(list.status, 200, "{path}: {}", list.text());
        for shown in list.json()["results"].as_array().unwrap() {
            let address = format!(
                "/api/v3/{path}/{}/",
                shown[key].as_str().map_or_else(|| shown[key].to_string(), str::to_owned)
            );
            let before = admin.get(&address).await.json();
            // Secrets are not shown; those that are required are written as they are, by leaving them out.
            let written = admin.patch(&address, before.clone()).await;
            assert_eq!(written.status, 200, "{address}: {}", written.text());
            let after = admin.get(&address).await.json();
            for (field, value) in before.as_object().unwrap() {
                if !["last_updated"].contains(&field.as_str()) {
                    assert_eq!(&after[field], value, "{address}: {field}");
                }
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
    // Keys come with a line end out of files; the original keeps them without.
    let made = admin
        .post(
            "/api/v3/crypto/certificatekeypairs/generate/",
            json!({"common_name": "w23", "validity_days": 10}),
        )
        .await
        .json();
    let pk = made["pk"].as_str().unwrap();
    let certificate =
        admin.get(&format!("/api/v3/crypto/certificatekeypairs/{pk}/view_certificate/")).await.json()["data"]
            .as_str()
            .unwrap()
            .trim()
            .to_owned();
    let private =
        admin.get(&format!("/api/v3/crypto/certificatekeypairs/{pk}/view_private_key/")).await.json()["data"]
            .as_str()
            .unwrap()
            .trim()
            .to_owned();
    let body = json!({"name": "w23-b", "certificate_data": format!("{certificate}\n"), "key_data": format!("{private}\n")});
    let made = admin.post("/api/v3/crypto/certificatekeypairs/", body).await.json();
    let pk = made["pk"].as_str().unwrap();
    for (what, data) in [("certificate", certificate), ("private_key", private)] {
        assert_eq!(
            admin.get(&format!("/api/v3/crypto/certificatekeypairs/{pk}/view_{what}/")).await.json()["data"],
            json!(data),
            "{what}"
        );
    }
    app.stop().await;
}

/// A filter that the document names is one that the list knows, for every list of objects.
#[tokio::test]
async fn wire_w7_filters_that_the_document_names_narrow() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let unlikely = "7b2f1a3c-0000-4000-8000-00000000000a";
    for (path, filter) in [
        ("providers/all", "backchannel=true".to_owned()),
        ("providers/oauth2", format!("application={unlikely}")),
        ("core/users", "date_joined=1999-01-01T00:00:00Z".to_owned()),
        ("core/users", "last_login=1999-01-01T00:00:00Z".to_owned()),
        ("core/users", "last_updated=1999-01-01T00:00:00Z".to_owned()),
        ("flows/bindings", format!("fsb_uuid={unlikely}")),
        ("flows/bindings", format!("policies={unlikely}")),
        ("policies/dummy", "created=1999-01-01T00:00:00Z".to_owned()),
        ("policies/dummy", "last_updated=1999-01-01T00:00:00Z".to_owned()),
        ("stages/user_write", format!("stage_uuid={unlikely}")),
        ("stages/user_login", format!("stage_uuid={unlikely}")),
        ("stages/authenticator/validate", format!("configuration_stages={unlikely}")),
        ("stages/authenticator/webauthn", format!("device_type_restrictions={unlikely}")),
    ] {
        let answer = admin.get(&format!("/api/v3/{path}/?{filter}")).await;
        let empty = answer.status == 200 && answer.json()["results"].as_array().is_some_and(Vec::is_empty);
        assert!(
            empty || answer.status == 400,
            "{path}?{filter}: {} {}",
            answer.status,
            answer.text().chars().take(200).collect::<String>()
        );
    }
    app.stop().await;
}
