//! People who are kept for a moment, and the log that does not grow for ever.
use crate::ports;
use signet_base::Timestamp;
use signet_store::groups::{self, Group};
use signet_store::testdb::{each_database, own_server};
use signet_store::users::{self, User};
use signet_store::{Batch, Db, PeopleCache, migrate};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_person_is_seen_by_the_very_next_read() {
    each_database(|db| async move {
        let people = PeopleCache::default();
        let id = users::insert(&db, &User::new(&ports(), "ada"), &[]).await.unwrap();
        let group = Group::new(&ports(), "staff");
        groups::insert(&db, &group, &[], &[]).await.unwrap();
        for round in 0..50 {
            let before = people.by_id(&db, id).await.unwrap().unwrap();
            let user = User { is_active: round % 2 == 1, ..(*before.user).clone() };
            users::update(&db, &user, None, None, Timestamp::from_secs(round)).await.unwrap();
            assert_eq!(people.by_id(&db, id).await.unwrap().unwrap().user.is_active, round % 2 == 1);
            assert_eq!(people.by_username(&db, "ADA").await.unwrap().unwrap().user.is_active, round % 2 == 1);
            users::join_group(&db, id, group.id).await.unwrap();
            assert!(people.by_id(&db, id).await.unwrap().unwrap().direct.contains(&group.id));
            users::leave_group(&db, id, group.id).await.unwrap();
            assert!(people.by_id(&db, id).await.unwrap().unwrap().groups.is_empty());
        }
        users::delete(&db, id).await.unwrap();
        assert!(people.by_id(&db, id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_that_writes_the_file_is_seen_a_moment_later() {
    let folder = std::env::temp_dir().join(format!("signet-recent-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("signet.db");
    let (server, command) = (Db::open_sqlite(&path).unwrap(), Db::open_sqlite(&path).unwrap());
    migrate(&server, &ports()).await.unwrap();
    let people = PeopleCache::default();
    let id = users::insert(&server, &User::new(&ports(), "ada"), &[]).await.unwrap();
    let before = people.by_id(&server, id).await.unwrap().unwrap();
    users::update(
        &command,
        &User { is_active: false, ..(*before.user).clone() },
        None,
        None,
        Timestamp::from_secs(9),
    )
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!people.by_id(&server, id).await.unwrap().unwrap().user.is_active);
    command.close().await;
    server.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_is_seen_a_moment_later() {
    let Some(server) = own_server().await else { return };
    let (here, there) = (
        Db::open_postgres(server.config()).await.unwrap(),
        Db::open_postgres(server.config()).await.unwrap(),
    );
    let people = PeopleCache::default();
    let id = users::insert(&here, &User::new(&ports(), "ada"), &[]).await.unwrap();
    let before = people.by_id(&here, id).await.unwrap().unwrap();
    users::update(
        &there,
        &User { is_active: false, ..(*before.user).clone() },
        None,
        None,
        Timestamp::from_secs(9),
    )
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(!people.by_id(&here, id).await.unwrap().unwrap().user.is_active);
    here.close().await;
    there.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_begins_anew_while_writes_go_on_and_nothing_is_lost() {
    let folder = std::env::temp_dir().join(format!("signet-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("signet.db");
    let db = Db::open_sqlite(&path).unwrap();
    db.execute("CREATE TABLE filler (id INTEGER PRIMARY KEY, content TEXT NOT NULL)", vec![]).await.unwrap();
    let content = "x".repeat(3500);
    // About 250 MiB in 160 commits: four times what the log may hold before it begins anew.
    for _ in 0..160 {
        let mut batch = Batch::relaxed();
        for _ in 0..400 {
            batch.push("INSERT INTO filler (content) VALUES (?)", vec![content.as_str().into()]);
        }
        db.batch(batch).await.unwrap();
    }
    let log = std::fs::metadata(folder.join("signet.db-wal")).unwrap().len();
    assert!(log < 128 << 20, "the log has {} MiB", log >> 20);
    assert_eq!(db.scan("SELECT count(*) FROM filler", vec![]).await.unwrap()[0].int(0).unwrap(), 64_000);
    db.close().await;
    assert!(!folder.join("signet.db-wal").exists(), "the last connection leaves a whole file");
    std::fs::remove_dir_all(&folder).unwrap();
}
