//! Instances: content, files of a folder and artifacts of a registry, applied when they change.
use http::Method;
use signet_base::Json;
use signet_base::vault::sha256_hex;
use signet_blueprints::DiscoverBlueprints;
use signet_core::job::NewJob;
use signet_store::{events, groups};
use signet_testkit::{App, Browser, DbKind, Setup, each_database, json};
use signet_testnet::Site;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const URL: &str = "/api/v3/managed/blueprints/";

fn group(name: &str, attribute: &str) -> String {
    format!(
        "version: 1\nmetadata: {{name: Group {name}}}\nentries:\n- model: authentik_core.group\n  identifiers: {{name: {name}}}\n  attrs: {{attributes: {{is: {attribute}}}}}\n"
    )
}

async fn instance(admin: &mut Browser, pk: &str, wanted: impl Fn(&Json) -> bool) -> Json {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let shown = admin.get(&format!("{URL}{pk}/")).await.json();
        if wanted(&shown) {
            return shown;
        }
        assert!(Instant::now() < until, "{shown}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
fn has_status(status: &'static str) -> impl Fn(&Json) -> bool {
    move |shown| shown["status"] == status
}
async fn named(admin: &mut Browser, path: &str) -> Json {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let found = admin.get(&format!("{URL}?path={path}")).await.json();
        if let Some(one) = found["results"].get(0) {
            return one.clone();
        }
        assert!(Instant::now() < until, "{path}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
async fn attribute(app: &App, group: &str) -> Json {
    let found = groups::by_name(&app.core.db, group).await.unwrap();
    found.and_then(|group| group.attributes.get("is").cloned()).unwrap_or_default()
}
async fn discover(app: &App) {
    NewJob::new(&DiscoverBlueprints, &json!(null)).unwrap().commit(&app.core).await.unwrap();
}
async fn import(browser: &mut Browser, parts: &[(&str, &str)]) -> signet_testkit::TestResponse {
    let mut body = String::new();
    for (name, text) in parts {
        let file = if *name == "file" { "; filename=\"f.yaml\"" } else { "" };
        body += &format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n");
    }
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    browser.send(Method::POST, &format!("{URL}import/"), &kind, (body + "--x--\r\n").into_bytes()).await
}

#[tokio::test]
async fn blueprint_instances_of_content_are_applied_and_applied_again() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let sent = json!({"name": "Mine", "content": group("from-content", "one"), "context": {"a": 1}});
        let made = admin.post(URL, sent).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let pk = made.json()["pk"].as_str().unwrap().to_owned();
        let shown = instance(&mut admin, &pk, has_status("successful")).await;
        assert_eq!(attribute(&app, "from-content").await, "one");
        assert_eq!(shown["managed_models"], json!(["authentik_core.group"]));
        assert_eq!(shown["metadata"], json!({"name": "Group from-content", "labels": {}}));
        assert_eq!(shown["last_applied_hash"].as_str().unwrap().len(), 128);
        let change = json!({"content": group("from-content", "two")});
        assert_eq!(admin.patch(&format!("{URL}{pk}/"), change).await.status, 200);
        let before = shown["last_applied_hash"].clone();
        instance(&mut admin, &pk, |shown| shown["last_applied_hash"] != before).await;
        assert_eq!(attribute(&app, "from-content").await, "two");
        // Somebody has changed the group; the instance changes it back when it is told to.
        admin.post(&format!("{URL}{pk}/apply/"), json!({})).await;
        let answer = admin.post(&format!("{URL}{pk}/apply/"), json!({})).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &json!("successful")));
        // Of one that is not enabled nothing is applied.
        let sent = json!({"name": "Off", "content": group("disabled", "x"), "enabled": false});
        let off = admin.post(URL, sent).await.json();
        let answer = admin.post(&format!("{URL}{}/apply/", off["pk"].as_str().unwrap()), json!({})).await;
        assert_eq!(answer.json()["status"], "unknown");
        assert_eq!(attribute(&app, "disabled").await, Json::Null);
        assert_eq!(admin.delete(&format!("{URL}{pk}/")).await.status, 204);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn blueprint_instances_that_cannot_be_are_refused_by_field() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    for (sent, field) in [
        (json!({"name": "x"}), "non_field_errors"),
        (json!({"name": "x", "path": "default/default-brand.yaml", "content": "version: 1"}), "content"),
        (json!({"name": "x", "path": "../../etc/passwd"}), "path"),
        (json!({"name": "x", "path": "/etc/passwd"}), "path"),
        (json!({"name": "x", "path": "nothing.yaml"}), "path"),
        (json!({"name": "x", "path": "oci://registry.test/../x"}), "path"),
        (json!({"name": "x", "content": "version: 2\nentries: []"}), "content"),
        (json!({"name": "x", "content": group("x", "!Env SECRET_KEY")}), "content"),
        (json!({"name": "x", "content": group("x", "!File /etc/passwd")}), "content"),
        (json!({"path": "default/default-brand.yaml"}), "name"),
    ] {
        let answer = admin.post(URL, sent.clone()).await;
        assert_eq!(answer.status, 400, "{sent}: {}", answer.text());
        assert!(answer.json().get(field).is_some(), "{sent}: {}", answer.text());
    }
    let ready = admin.post(URL, json!({"name": "x", "path": "example/flow-unenrollment.yaml"})).await;
    assert_eq!(ready.status, 201, "{}", ready.text());
    app.stop().await;
}

#[tokio::test]
async fn blueprint_instances_are_of_superusers() {
    let app = App::start(DbKind::Sqlite).await;
    app.user("ada", "Correct-Horse-9").await;
    let rights: Vec<String> = ["view", "add", "change", "delete"]
        .iter()
        .map(|verb| format!("authentik_blueprints.{verb}_blueprintinstance"))
        .collect();
    let mut admin = app.admin().await;
    let given = json!({"version": 1, "entries": [{"model": "authentik_core.user", "identifiers": {"username": "ada"}, "attrs": {"permissions": rights}}]});
    assert_eq!(import(&mut admin, &[("file", &given.to_string())]).await.json()["success"], true);
    let mut ada = app.login("ada", "Correct-Horse-9").await;
    let text = "version: 1\nentries:\n- {model: authentik_core.user, identifiers: {username: ada}, attrs: {is_active: true}}\n";
    assert_eq!(ada.get(URL).await.status, 200);
    let refused = ada.post(URL, json!({"name": "x", "content": text, "enabled": false})).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(import(&mut ada, &[("file", text)]).await.status, 403);
    // Content of one that is enabled or not.
    let made =
        admin.post(URL, json!({"name": "Off", "content": group("g", "1"), "enabled": false})).await.json();
    let url = format!("{URL}{}/", made["pk"].as_str().unwrap());
    assert_eq!(ada.patch(&url, json!({"content": text})).await.status, 403);
    assert_eq!(ada.patch(&url, json!({"enabled": true})).await.status, 403);
    assert_eq!(ada.patch(&url, json!({"name": "Renamed"})).await.status, 200);
    assert_eq!(ada.post(&format!("{url}apply/"), json!({})).await.status, 200);
    assert_eq!(app.browser().get(URL).await.status, 403);
    app.stop().await;
}

#[tokio::test]
async fn blueprint_import_applies_a_file_once_and_logs_what_is_wrong() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let text = group("imported", "!Context [value, none]");
    let done = import(&mut admin, &[("file", &text), ("context", "{\"value\": \"given\"}")]).await;
    assert_eq!(done.json(), json!({"success": true, "logs": []}), "{}", done.text());
    assert_eq!(attribute(&app, "imported").await, "given");
    let wrong =
        import(&mut admin, &[("file", "version: 1\nentries:\n- {model: no.such, identifiers: {a: 1}}\n")])
            .await
            .json();
    assert_eq!((&wrong["success"], &wrong["logs"][0]["log_level"]), (&json!(false), &json!("error")));
    assert!(wrong["logs"][0]["event"].as_str().unwrap().contains("f.yaml:3: entries[0]: no.such"), "{wrong}");
    let done = import(&mut admin, &[("path", "example/flow-unenrollment.yaml")]).await.json();
    assert_eq!(done["success"], true, "{done}");
    for parts in [
        &[("context", "{}")][..],
        &[("file", "x"), ("context", "[")],
        &[("path", "../x")],
        &[("path", "a"), ("file", "b")],
    ] {
        assert_eq!(import(&mut admin, parts).await.status, 400, "{parts:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn blueprint_defaults_are_instances_and_available() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let list = admin.get(&format!("{URL}?page_size=100")).await.json();
    let all = list["results"].as_array().unwrap();
    assert_eq!(all.len(), signet_blueprints::DEFAULTS.len());
    assert!(all.iter().all(|one| one["status"] == "successful"), "{list}");
    let files = admin.get(&format!("{URL}available/")).await.json();
    let brand =
        files.as_array().unwrap().iter().find(|file| file["path"] == "default/default-brand.yaml").unwrap();
    let known = all.iter().find(|one| one["path"] == "default/default-brand.yaml").unwrap();
    assert_eq!((&brand["hash"], &brand["meta"]), (&known["last_applied_hash"], &known["metadata"]));
    app.stop().await;
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("signet-blueprints-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("deep")).unwrap();
    folder
}

#[tokio::test]
async fn blueprint_folder_is_discovered_and_what_changes_is_applied() {
    let folder = folder("discovered");
    let write = |path: &str, text: &str| std::fs::write(folder.join(path), text).unwrap();
    write("deep/one.yaml", &group("from-file", "one"));
    write(
        "needs.yaml",
        "version: 1\nmetadata: {name: Needs}\nentries:\n- model: authentik_blueprints.metaapplyblueprint\n  attrs: {identifiers: {name: Group from-file}}\n- model: authentik_core.group\n  identifiers: {name: needing}\n  attrs: {parents: [!Find [authentik_core.group, [name, from-file]]]}\n",
    );
    write(
        "off.yaml",
        &group("off", "x").replace(
            "{name: Group off}",
            "{name: Off, labels: {blueprints.goauthentik.io/instantiate: \"false\"}}",
        ),
    );
    write("secret.txt", "from a file\n");
    write("secret.yaml", &group("secret", &format!("!File {}", folder.join("secret.txt").display())));
    write("broken.yaml", "version: 1\nentries: [{model: authentik_core.group}]\n");
    write("none.yaml", "just: text\n");
    let setup =
        Setup::new(DbKind::Sqlite).await.with("AUTHENTIK_BLUEPRINTS_DIR", &folder.display().to_string());
    let app = setup.start().await.unwrap();
    let mut admin = app.admin().await;
    discover(&app).await;
    for path in ["deep/one.yaml", "needs.yaml", "secret.yaml"] {
        let one = named(&mut admin, path).await;
        instance(&mut admin, one["pk"].as_str().unwrap(), has_status("successful")).await;
    }
    assert_eq!(attribute(&app, "from-file").await, "one");
    assert_eq!(attribute(&app, "secret").await, "from a file");
    let broken = named(&mut admin, "broken.yaml").await;
    instance(&mut admin, broken["pk"].as_str().unwrap(), has_status("error")).await;
    let told = admin.get("/api/v3/events/events/?action=configuration_error").await.json();
    assert!(
        told["results"][0]["context"]["message"].as_str().unwrap().contains("broken.yaml:2: entries[0]"),
        "{told}"
    );
    let list = admin.get(&format!("{URL}?page_size=100")).await.json();
    let paths: Vec<&str> =
        list["results"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert!(!paths.contains(&"off.yaml") && !paths.contains(&"none.yaml"), "{paths:?}");
    write("deep/one.yaml", &group("from-file", "two"));
    std::fs::remove_file(folder.join("secret.yaml")).unwrap();
    let one = named(&mut admin, "deep/one.yaml").await;
    discover(&app).await;
    let before = one["last_applied_hash"].clone();
    instance(&mut admin, one["pk"].as_str().unwrap(), |shown| shown["last_applied_hash"] != before).await;
    assert_eq!(attribute(&app, "from-file").await, "two");
    let gone = named(&mut admin, "secret.yaml").await;
    instance(&mut admin, gone["pk"].as_str().unwrap(), has_status("orphaned")).await;
    app.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn blueprint_of_a_registry_is_fetched_by_digest_and_nobody_else_is_asked() {
    const TYPE: &str = "application/vnd.goauthentik.blueprint.v1+yaml";
    let served = Arc::new(Mutex::new(group("from-registry", "one")));
    let text = served.clone();
    let origin = Arc::new(Mutex::new(String::new()));
    let own = origin.clone();
    let site = Site::start(None, move |visit| {
        let text = text.lock().unwrap().clone();
        let digest = sha256_hex(text.as_bytes());
        let layer = json!({"mediaType": TYPE, "digest": format!("sha256:{digest}"), "size": text.len()});
        let manifest = json!({"schemaVersion": 2, "layers": [layer]}).to_string();
        let (path, _) = visit.target.split_once('?').unwrap_or((&visit.target, ""));
        match path {
            "/token" => (200, Vec::new(), b"{\"token\": \"t-1\"}".to_vec()),
            _ if visit.header("authorization") != "Bearer t-1" && !path.starts_with("/blob") => {
                let realm = format!("Bearer realm=\"{}/token\",service=\"r\"", own.lock().unwrap());
                (401, vec![("www-authenticate", realm)], Vec::new())
            }
            "/v2/team/blue/manifests/v1" | "/v2/team/evil/manifests/v1" | "/v2/team/inside/manifests/v1" => {
                (200, Vec::new(), manifest.into_bytes())
            }
            "/blob" => (200, Vec::new(), text.into_bytes()),
            _ if path.starts_with("/v2/team/blue/blobs/") => {
                (307, vec![("location", format!("{}/blob", own.lock().unwrap()))], Vec::new())
            }
            _ if path.starts_with("/v2/team/evil/blobs/") => {
                (200, Vec::new(), b"version: 1\nentries: []\n".to_vec())
            }
            _ if path.starts_with("/v2/team/inside/blobs/") => {
                (307, vec![("location", "http://169.254.169.254/latest".to_owned())], Vec::new())
            }
            _ => (404, Vec::new(), Vec::new()),
        }
    })
    .await;
    let registry = format!("127.0.0.1:{}", site.port);
    *origin.lock().unwrap() = format!("http://{registry}");
    let setup = Setup::new(DbKind::Sqlite).await;
    let app =
        setup.with("AUTHENTIK_BLUEPRINTS__REGISTRIES", &format!("http://{registry}")).start().await.unwrap();
    let mut admin = app.admin().await;
    for (repository, status) in
        [("blue", "successful"), ("evil", "error"), ("inside", "error"), ("missing", "error")]
    {
        let sent = json!({"name": repository, "path": format!("oci://user:hunter2@{registry}/team/{repository}:v1")});
        let made = admin.post(URL, sent).await;
        assert_eq!(made.status, 201, "{}", made.text());
        instance(&mut admin, made.json()["pk"].as_str().unwrap(), has_status(status)).await;
    }
    assert_eq!(attribute(&app, "from-registry").await, "one");
    let visits = site.visits();
    assert!(visits.iter().filter(|v| v.target == "/blob").all(|v| v.header("authorization").is_empty()));
    let (told, _) = events::list(&app.core.db, &signet_store::ListQuery::default(), None).await.unwrap();
    let told = told.iter().map(|event| Json::Object(event.context.clone()).to_string()).collect::<String>();
    assert!(!told.contains("hunter2"), "{told}");
    // A registry that the operator has not listed is asked over TLS, and not where it is private.
    let made = admin.post(URL, json!({"name": "p", "path": "oci://127.0.0.1:1/a/b:v1"})).await.json();
    instance(&mut admin, made["pk"].as_str().unwrap(), has_status("error")).await;
    app.stop().await;
}

#[tokio::test]
async fn blueprint_dependencies_come_first_and_circles_are_refused() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let meta = |name: &str, on: &str, required: bool| {
        format!(
            "version: 1\nmetadata: {{name: {name}}}\nentries:\n- model: authentik_blueprints.metaapplyblueprint\n  attrs: {{identifiers: {{name: {on}}}, required: {required}}}\n"
        )
    };
    let disabled = json!({"name": "A", "content": meta("A", "B", true), "enabled": false});
    let refused = admin.post(URL, disabled).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    let made = admin.post(URL, json!({"name": "A", "content": meta("A", "B", false)})).await.json();
    let a = made["pk"].as_str().unwrap().to_owned();
    instance(&mut admin, &a, has_status("successful")).await;
    let made = admin.post(URL, json!({"name": "B", "content": meta("B", "A", true)})).await.json();
    let b = made["pk"].as_str().unwrap().to_owned();
    instance(&mut admin, &b, has_status("successful")).await;
    // Each waits for the other, which has not applied this content.
    let change = json!({"content": meta("A", "B", true) + "# new\n", "enabled": false});
    assert_eq!(admin.patch(&format!("{URL}{a}/"), change).await.status, 200);
    let text = group("grouped", "x");
    let done = import(&mut admin, &[("file", &(text + "- model: authentik_blueprints.metausersetpassword\n  attrs: {user_identifiers: {username: akadmin}, raw_password: Correct-Horse-9}\n"))]).await.json();
    assert_eq!(done["success"], true, "{done}");
    app.login("akadmin", "Correct-Horse-9").await;
    let nobody = "version: 1\nentries:\n- model: authentik_blueprints.metausersetpassword\n  attrs: {user_identifiers: {username: nobody}, raw_password: Correct-Horse-9}\n";
    assert_eq!(import(&mut admin, &[("file", nobody)]).await.json()["success"], false);
    app.stop().await;
}
