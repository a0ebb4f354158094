//! Migrations, refusals, named values, reconnection.
use crate::ports;
use signet_base::{Conflict, Error, json};
use signet_store::testdb::{self, each_database};
use signet_store::{Db, DbKind, PostgresConfig, SslMode, kv, migrate, params};
use std::os::unix::fs::PermissionsExt;

fn folder(name: &str) -> std::path::PathBuf {
    let dir = std::env::temp_dir().join(format!("signet-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_even_when_nodes_start_together() {
    let sqlite = Db::temporary().unwrap();
    let mut all = vec![sqlite];
    if let Some(config) = testdb::postgres_config(false).await {
        all.push(Db::open_postgres(config).await.unwrap());
    }
    for db in all {
        assert!(matches!(migrate::check(&db).await, Err(Error::Unavailable(_))));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { migrate::migrate(&db, &ports()).await })
            })
            .collect();
        let mut ran = 0;
        for task in tasks {
            ran += task.await.unwrap().unwrap();
        }
        let noted = db
            .query_one("SELECT count(*) FROM schema_migration", vec![])
            .await
            .unwrap()
            .unwrap()
            .int(0)
            .unwrap();
        assert_eq!(i64::try_from(ran).unwrap(), noted);
        migrate::check(&db).await.unwrap();
        db.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_or_edited_database_is_refused() {
    each_database(|db| async move {
        db.execute("UPDATE schema_migration SET checksum = 'other' WHERE number = 1", vec![]).await.unwrap();
        let error = migrate::migrate(&db, &ports()).await.unwrap_err().to_string();
        assert!(error.contains("differs"), "{error}");
        db.execute(
            "INSERT INTO schema_migration (number, name, checksum, applied, oldest) VALUES (9999, 'future', 'x', 1, '99.0.0')",
            vec![],
        )
        .await
        .unwrap();
        db.execute("DELETE FROM schema_migration WHERE number = 1", vec![]).await.unwrap();
        let error = migrate::migrate(&db, &ports()).await.unwrap_err().to_string();
        assert!(error.contains("newer release") && error.contains("9999 future"), "{error}");
        assert!(error.contains("99.0.0"), "{error}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_change_a_release_starts_on_a_newer_schema_that_says_so() {
    each_database(|db| async move {
        db.execute(
            "INSERT INTO schema_migration (number, name, checksum, applied, oldest) VALUES (9999, 'future', 'x', 1, '0.0.1')",
            vec![],
        )
        .await
        .unwrap();
        assert_eq!(migrate::migrate(&db, &ports()).await.unwrap(), 0);
        migrate::check(&db).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_read_only_or_damaged_file_is_refused() {
    let dir = folder("readonly");
    let path = dir.join("db.sqlite");
    let db = Db::open_sqlite(&path).unwrap();
    migrate::migrate(&db, &ports()).await.unwrap();
    db.close().await;
    drop(db);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    let error = Db::open_sqlite(&path).unwrap_err();
    assert!(matches!(&error, Error::Unavailable(why) if why.to_string().contains("read-only")), "{error}");
    let noise = dir.join("noise.sqlite");
    std::fs::write(&noise, vec![b'x'; 8192]).unwrap();
    let error = Db::open_sqlite(&noise).unwrap_err();
    assert!(
        matches!(&error, Error::Unavailable(why) if why.to_string().contains("not a database")),
        "{error}"
    );
    assert!(matches!(Db::open_sqlite(&dir), Err(Error::Unavailable(_))));
    assert!(matches!(Db::open_sqlite(dir.join("no/such/folder/x")), Err(Error::Unavailable(_))));
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn an_absent_server_is_unavailable() {
    let config = PostgresConfig {
        host: "127.0.0.1".into(),
        port: 1,
        ssl_mode: SslMode::Disable,
        ..PostgresConfig::default()
    };
    assert!(matches!(Db::open_postgres(config).await, Err(Error::Unavailable(_))));
    let config = PostgresConfig { ssl_mode: SslMode::VerifyFull, ..PostgresConfig::default() };
    assert!(
        matches!(Db::open_postgres(config).await, Err(Error::Unavailable(why)) if why.to_string().contains("root certificate"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced() {
    each_database(|db| async move {
        if db.kind() != DbKind::Postgres {
            return;
        }
        db.execute("CREATE TABLE t (id BIGINT)", vec![]).await.unwrap();
        for _ in 0..3 {
            // What a restart of the server does to every connection of the pool but the one that asks for it.
            let _ = db.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()", vec![]).await;
            let _ = db.query("SELECT pg_terminate_backend(pg_backend_pid())", vec![]).await;
            db.execute("INSERT INTO t (id) VALUES (?)", params![1]).await.unwrap();
            let _ = db.query("SELECT pg_terminate_backend(pg_backend_pid())", vec![]).await;
            db.ping().await.unwrap();
        }
        let rows = db.query("SELECT count(*) FROM t", vec![]).await.unwrap();
        assert_eq!(rows[0].int(0).unwrap(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn named_values_are_guarded_by_their_version() {
    each_database(|db| async move {
        let p = ports();
        assert!(kv::get(&db, "settings").await.unwrap().is_none());
        assert_eq!(kv::put(&db, &p, "settings", &json!({"a": 1}), Some(0)).await.unwrap(), 1);
        assert!(matches!(kv::put(&db, &p, "settings", &json!(0), Some(0)).await, Err(Error::Conflict(_))));
        assert_eq!(kv::put(&db, &p, "settings", &json!({"a": 2}), Some(1)).await.unwrap(), 2);
        assert!(matches!(
            kv::put(&db, &p, "settings", &json!(0), Some(1)).await,
            Err(Error::Conflict(Conflict::Stale))
        ));
        assert_eq!(kv::put(&db, &p, "settings", &json!([3]), None).await.unwrap(), 3);
        assert_eq!(kv::get(&db, "settings").await.unwrap().unwrap(), (json!([3]), 3));
        kv::delete(&db, "settings").await.unwrap();
        let id = kv::install_id(&db, &p).await.unwrap();
        assert_eq!(kv::install_id(&db, &p).await.unwrap(), id);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_unavailable_and_nothing_is_half_done() {
    let db = testdb::sqlite().await;
    db.execute("CREATE TABLE t (id BIGINT, data TEXT)", vec![]).await.unwrap();
    let pages = db.query_one("PRAGMA page_count", vec![]).await.unwrap().unwrap().int(0).unwrap();
    db.execute(format!("PRAGMA max_page_count = {}", pages + 5), vec![]).await.unwrap();
    let big = "x".repeat(100_000);
    let tasks: Vec<_> = (0..4)
        .map(|i| {
            let (db, big) = (db.clone(), big.clone());
            tokio::spawn(async move {
                db.batch(
                    signet_store::Batch::new()
                        .add("INSERT INTO t (id, data) VALUES (?, 'small')", params![i])
                        .add("INSERT INTO t (id, data) VALUES (?, ?)", params![i, big]),
                )
                .await
            })
        })
        .collect();
    for task in tasks {
        assert!(
            matches!(task.await.unwrap(), Err(Error::Unavailable(why)) if why.to_string().contains("full") || why.to_string().contains("aborted"))
        );
    }
    assert_eq!(db.query_one("SELECT count(*) FROM t", vec![]).await.unwrap().unwrap().int(0).unwrap(), 0);
    db.execute("PRAGMA max_page_count = 1000000", vec![]).await.unwrap();
    db.execute("INSERT INTO t (id, data) VALUES (1, ?)", params![big]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_take_turns_on_one_file() {
    let dir = folder("locked");
    let path = dir.join("db.sqlite");
    let (one, two) = (Db::open_sqlite(&path).unwrap(), Db::open_sqlite(&path).unwrap());
    one.execute("CREATE TABLE t (id BIGINT)", vec![]).await.unwrap();
    // Two writers of one file take turns.
    let tasks: Vec<_> = (0..20i64)
        .map(|i| {
            let db = if i % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(
                async move { db.execute("INSERT INTO t (id) VALUES (?)", params![i]).await.unwrap() },
            )
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(two.query_one("SELECT count(*) FROM t", vec![]).await.unwrap().unwrap().int(0).unwrap(), 20);
    drop((one, two));
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_postgres_by_sslmode() {
    let authority = |name: &str| {
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().pem();
        (certificate, rcgen::Issuer::new(params, key))
    };
    let ((ours, issuer), (strange, _)) = (authority("ours"), authority("strange"));
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let Some(config) = testdb::postgres_tls_config(&certificate.pem(), &key.serialize_pem()).await else {
        return;
    };
    let dir = folder("tls");
    let (ours_file, strange_file) = (dir.join("ours.pem"), dir.join("strange.pem"));
    std::fs::write(&ours_file, ours).unwrap();
    std::fs::write(&strange_file, strange).unwrap();
    let encrypted = |mode: SslMode, root: Option<&std::path::PathBuf>| {
        let config = PostgresConfig { ssl_mode: mode, root_cert: root.cloned(), ..config.clone() };
        async move {
            let db = Db::open_postgres(config).await?;
            let row =
                db.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", vec![]).await?;
            row.ok_or(Error::NotFound)?.bool(0)
        }
    };
    assert!(!encrypted(SslMode::Disable, None).await.unwrap());
    assert!(encrypted(SslMode::Prefer, None).await.unwrap());
    assert!(encrypted(SslMode::Require, None).await.unwrap());
    assert!(encrypted(SslMode::VerifyCa, Some(&ours_file)).await.unwrap());
    assert!(matches!(encrypted(SslMode::VerifyCa, Some(&strange_file)).await, Err(Error::Unavailable(_))));
    assert!(encrypted(SslMode::VerifyFull, Some(&ours_file)).await.unwrap());
    assert!(matches!(encrypted(SslMode::VerifyFull, Some(&strange_file)).await, Err(Error::Unavailable(_))));
    // The same server by a name that its certificate does not have.
    let by_address =
        PostgresConfig { host: "127.0.0.1".into(), root_cert: Some(ours_file.clone()), ..config.clone() };
    assert!(
        Db::open_postgres(PostgresConfig { ssl_mode: SslMode::VerifyCa, ..by_address.clone() }).await.is_ok()
    );
    assert!(matches!(
        Db::open_postgres(PostgresConfig { ssl_mode: SslMode::VerifyFull, ..by_address }).await,
        Err(Error::Unavailable(_))
    ));
    assert!(matches!(
        encrypted(SslMode::VerifyFull, Some(&dir.join("none.pem"))).await,
        Err(Error::Unavailable(_))
    ));
    let wrong = PostgresConfig { password: "wrong".into(), ssl_mode: SslMode::Require, ..config.clone() };
    assert!(
        matches!(Db::open_postgres(wrong).await, Err(Error::Unavailable(why)) if why.to_string().contains("password"))
    );
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
/// But for the full-text tables, which are SQLite's own.
async fn both_databases_have_the_same_schema() {
    let Some(postgres) = testdb::postgres().await else { return };
    let sqlite = testdb::sqlite().await;
    let list = |rows: Vec<signet_store::Row>| {
        rows.iter().map(|r| format!("{}.{}", r.text(0).unwrap(), r.text(1).unwrap())).collect::<Vec<_>>()
    };
    let ours = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '%_search%' ORDER BY 1, 2";
    let theirs = "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2";
    let (a, b) = (
        list(sqlite.query(ours, vec![]).await.unwrap()),
        list(postgres.query(theirs, vec![]).await.unwrap()),
    );
    assert!(a.len() > 100);
    let set = |v: Vec<String>| v.into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(set(a), set(b));
    // Every foreign key starts an index, so that deleting a user does not read whole tables.
    let keys = "SELECT m.name, f.\"from\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
    let indexed = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c WHERE m.type = 'table' AND c.seqno = 0 AND c.name IS NOT NULL";
    let indexed = set(list(sqlite.query(indexed, vec![]).await.unwrap()));
    for key in list(sqlite.query(keys, vec![]).await.unwrap()) {
        assert!(indexed.contains(&key), "{key} has no index");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_its_own_and_mistakes_of_ours() {
    let Some(config) = testdb::postgres_config(false).await else { return };
    assert!(Db::open_postgres(PostgresConfig { schema: "x; DROP".into(), ..config.clone() }).await.is_err());
    let db = Db::open_postgres(PostgresConfig { schema: "idp".into(), ..config.clone() }).await.unwrap();
    assert!(migrate::migrate(&db, &ports()).await.unwrap() > 0);
    assert!(kv::get(&db, "x").await.unwrap().is_none());
    // A wrong parameter is a fault of ours, not of the server.
    for wrong in [params![7], params![], params!["a", "b"]] {
        assert!(matches!(
            db.query("SELECT data FROM kv WHERE name = ?", wrong).await,
            Err(Error::Internal(_))
        ));
    }
    let plain = Db::open_postgres(config).await.unwrap();
    assert!(
        matches!(kv::get(&plain, "x").await, Err(Error::Unavailable(_))),
        "the tables are not in the default schema"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_needs_no_help() {
    let Some(server) = testdb::own_server().await else { return };
    let db = Db::open_postgres(server.config()).await.unwrap();
    db.execute("CREATE TABLE t (id BIGINT)", vec![]).await.unwrap();
    for round in 1..=2i64 {
        server.stop();
        assert!(matches!(db.ping().await, Err(Error::Unavailable(_))));
        assert!(matches!(db.query("SELECT count(*) FROM t", vec![]).await, Err(Error::Unavailable(_))));
        assert!(matches!(
            db.execute("INSERT INTO t (id) VALUES (1)", vec![]).await,
            Err(Error::Unavailable(_))
        ));
        server.start();
        db.execute("INSERT INTO t (id) VALUES (1)", vec![]).await.unwrap();
        assert_eq!(db.query("SELECT count(*) FROM t", vec![]).await.unwrap()[0].int(0).unwrap(), round);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b6_missing_tables_mean_another_database() {
    let empty = Db::temporary().unwrap();
    assert!(
        matches!(kv::get(&empty, "x").await, Err(Error::Unavailable(why)) if why.to_string().contains("lacks tables"))
    );
    assert!(matches!(empty.execute("DELETE FROM kv", vec![]).await, Err(Error::Unavailable(_))));
    let Some(config) = testdb::postgres_config(false).await else { return };
    let empty = Db::open_postgres(config).await.unwrap();
    assert!(
        matches!(kv::get(&empty, "x").await, Err(Error::Unavailable(why)) if why.to_string().contains("lacks tables"))
    );
    assert!(matches!(empty.execute("DELETE FROM kv", vec![]).await, Err(Error::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b7_a_database_that_stands_still_is_given_up_with_its_connection() {
    let Some(config) = testdb::postgres_config(true).await else { return };
    let db = Db::open_postgres(PostgresConfig { pool_size: 1, ..config }).await.unwrap();
    let began = std::time::Instant::now();
    assert!(
        matches!(db.query("SELECT pg_sleep(30)", vec![]).await, Err(Error::Unavailable(why)) if why.to_string().contains("in time"))
    );
    // The only connection of the pool was thrown away: the next statement has a new one at once.
    db.execute("CREATE TABLE t (id BIGINT)", vec![]).await.unwrap();
    let stuck = signet_store::Batch::new()
        .add("INSERT INTO t (id) VALUES (1)", vec![])
        .add("SELECT pg_sleep(30)", vec![]);
    assert!(
        matches!(db.batch(stuck).await, Err(Error::Unavailable(why)) if why.to_string().contains("in time"))
    );
    assert_eq!(db.query("SELECT count(*) FROM t", vec![]).await.unwrap()[0].int(0).unwrap(), 0);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    // What takes its time and is within it goes on as before.
    db.query("SELECT pg_sleep(1)", vec![]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_holds_the_others_back_on_both_databases() {
    each_database(|db| async move {
        let held = db.exclusive().await.unwrap();
        let other = db.clone();
        let mut waiting = tokio::spawn(async move { other.exclusive().await.map(drop) });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(300), &mut waiting).await.is_err());
        drop(held);
        tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b5_a_moved_file_takes_no_writes_and_is_not_made_anew() {
    let dir = folder("moved");
    let path = dir.join("db.sqlite");
    let db = Db::open_sqlite(&path).unwrap();
    migrate::migrate(&db, &ports()).await.unwrap();
    db.ping().await.unwrap();
    std::fs::rename(&path, dir.join("aside")).unwrap();
    assert!(matches!(db.ping().await, Err(Error::Unavailable(why)) if why.to_string().contains("moved")));
    assert!(
        matches!(kv::put(&db, &ports(), "a", &json!(1), None).await, Err(Error::Unavailable(why)) if why.to_string().contains("moved"))
    );
    assert!(!path.exists());
    std::fs::rename(dir.join("aside"), &path).unwrap();
    kv::put(&db, &ports(), "a", &json!(1), None).await.unwrap();
    db.close().await;
    // At its end it has made statistics.
    let again = Db::open_sqlite(&path).unwrap();
    again.query("SELECT count(*) FROM sqlite_stat1", vec![]).await.unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
