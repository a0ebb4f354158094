//! The data folder of the embedded database.
use signet_base::{Error, Ports};
use signet_blueprints::{Source, apply};
use signet_core::directory::Author;
use signet_server::serve;
use signet_testkit::{App, DbKind, Setup};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[tokio::test]
async fn redteam_11_only_the_owner_looks_into_the_folder_also_where_others_did() {
    let setup = Setup::new(DbKind::Sqlite).await;
    let folder = setup.options().data_dir;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let look = || {
        assert_eq!(mode(&folder), 0o700);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
            names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
        assert!(
            names.iter().any(|n| n == "signet.sqlite") && names.iter().any(|n| n == "signet.sqlite-wal"),
            "{names:?}"
        );
    };
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    let app = setup.start().await.unwrap();
    look();
    let setup = app.halt().await;
    for (path, mode) in [(folder.clone(), 0o755), (folder.join("signet.sqlite"), 0o644)] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let app = setup.start().await.unwrap();
    look();
    app.stop().await;
}

#[tokio::test]
async fn scale_a3_one_server_works_in_a_folder() {
    let app = App::start(DbKind::Sqlite).await;
    match app.setup.clone().start().await.err() {
        Some(Error::Unavailable(why)) => assert!(
            why.to_string().contains(&format!("process {}", std::process::id()))
                && why.to_string().contains("PostgreSQL"),
            "{why}"
        ),
        other => panic!("{other:?}"),
    }
    // Its end makes room.
    app.restart().await.stop().await;
}

#[tokio::test]
async fn scale_a3_what_a_command_writes_beside_a_server_counts_there_within_a_second() {
    let app = App::start(DbKind::Sqlite).await;
    let mut visitor = app.browser();
    assert_eq!(visitor.get("/if/flow/made-beside/").await.status, 404);
    let beside = serve::open(&app.setup.options(), Ports::system()).await.unwrap();
    let text = "version: 1\nentries:\n- {model: authentik_flows.flow, identifiers: {slug: made-beside}, attrs: {name: a, title: a, designation: recovery}}\n";
    apply(&beside, &Source::new("a", text), &Author::system()).await.unwrap();
    beside.db.close().await;
    // Nothing but the passing of time tells the server: pages do not compare the counter.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_ne!(visitor.get("/if/flow/made-beside/").await.status, 404);
    app.stop().await;
}
