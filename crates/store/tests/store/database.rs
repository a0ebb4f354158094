//! Statements, batches, conflicts, group commit.
use signet_base::error::Chain;
use signet_base::{Conflict, Error, Ports, Timestamp, Uuid};
use signet_store::bus::{self, Notice, Topic};
use signet_store::testdb::each_database;
use signet_store::{Batch, Db, DbKind, Value, params};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_compiles_on_both_databases() {
    each_database(|db| async move {
        for sql in signet_store::statements() {
            if let Err(error) = db.prepare(sql).await {
                panic!("{:?}: {sql}: {error}", db.kind());
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_errors_show_no_values_of_rows() {
    each_database(|db| async move {
        let sql = "CREATE TABLE kept (id BIGINT PRIMARY KEY, hash TEXT NOT NULL, needed TEXT NOT NULL CHECK (needed <> 'x'))";
        db.execute(sql, vec![]).await.unwrap();
        const ADD: &str = "INSERT INTO kept (id, hash, needed) VALUES (?, ?, ?)";
        db.execute(ADD, params![1, "hunter2", "y"]).await.unwrap();
        for (id, needed) in [(2, None), (3, Some("x")), (1, Some("y"))] {
            let error = db.execute(ADD, params![id, "hunter2", needed.map(str::to_owned)]).await.unwrap_err();
            let said = format!("{} {error:?}", Chain(&error));
            assert!(!said.contains("hunter2"), "{said}");
            assert!(said.contains("kept") || said.contains("needed"), "it says where: {said}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_as_they_went_in() {
    each_database(|db| async move {
        let id = Uuid::from_u128(7);
        db.execute("CREATE TABLE thing (a BIGINT, b TEXT, c TEXT, d BIGINT, e BIGINT, f TEXT)", vec![])
            .await
            .unwrap();
        db.execute(
            "INSERT INTO thing (a, b, c, d, e, f) VALUES (?, ?, ?, ?, ?, ?)",
            params![i64::MIN, "ü'? $1", id, true, Timestamp(5), None::<String>],
        )
        .await
        .unwrap();
        let row = db
            .query_one(
                "SELECT a, b, c, d, e, f, count(*) FROM thing WHERE b <> '?' GROUP BY a, b, c, d, e, f",
                vec![],
            )
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (row.int(0).unwrap(), row.text(1).unwrap(), row.uuid(2).unwrap()),
            (i64::MIN, "ü'? $1", id)
        );
        assert!(row.bool(3).unwrap() && row.is_null(5) && row.opt_text(5).unwrap().is_none());
        assert_eq!((row.time(4).unwrap(), row.int(6).unwrap(), row.len()), (Timestamp(5), 1, 7));
        assert!(
            matches!(row.int(1), Err(Error::Internal(_))) && matches!(row.text(9), Err(Error::Internal(_)))
        );
        // A wrong column shows no text.
        assert!(!row.int(1).unwrap_err().to_string().contains('ü'));
    })
    .await;
}

async fn table(db: &Db) {
    let script = [
        "CREATE TABLE t (id BIGINT NOT NULL, name TEXT NOT NULL, CONSTRAINT t__id PRIMARY KEY (id))",
        "CREATE UNIQUE INDEX t__name ON t (name)",
    ];
    for sql in script {
        db.execute(sql, vec![]).await.unwrap();
    }
}
const ADD: &str = "INSERT INTO t (id, name) VALUES (?, ?)";

async fn count(db: &Db) -> i64 {
    db.query_one("SELECT count(*) FROM t", vec![]).await.unwrap().unwrap().int(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_all_or_nothing() {
    each_database(|db| async move {
        table(&db).await;
        let answer = db.batch(Batch::new().add(ADD, params![1, "a"]).expect_rows(1, Conflict::Used).add("SELECT name FROM t", vec![]).returning()).await.unwrap();
        assert_eq!(answer[1][0].text(0).unwrap(), "a");
        // A failed expectation undoes what came before it and names its tag.
        let lost = Batch::new().add(ADD, params![2, "b"]).add("UPDATE t SET name = 'c' WHERE id = ?", params![99]).expect_rows(1, Conflict::LeaseLost);
        assert!(matches!(db.batch(lost).await, Err(Error::Conflict(Conflict::LeaseLost))));
        assert_eq!(count(&db).await, 1);
        // So does a broken rule, and both databases name it alike.
        let twice = Batch::new().add(ADD, params![3, "x"]).add(ADD, params![4, "a"]);
        assert!(matches!(db.batch(twice).await, Err(Error::Conflict(Conflict::Unique(index))) if index == "t.name"));
        assert!(matches!(db.execute(ADD, params![1, "y"]).await, Err(Error::Conflict(Conflict::Unique(index))) if index == "t.id"));
        assert_eq!(count(&db).await, 1);
        assert!(matches!(db.execute("INSERT INTO membership (user_id, group_id) VALUES (1, 'x')", vec![]).await, Err(Error::Conflict(Conflict::ForeignKey))));
        assert!(matches!(db.query("SELECT nothing FROM kv", vec![]).await, Err(Error::Internal(_))));
        db.ping().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_conflict_hits_only_its_own_batch() {
    each_database(|db| async move {
        table(&db).await;
        let bad = "INSERT INTO object (pk, model, data, secrets, version, created, updated, counter) VALUES (?, 'm', '{}', '{}', 1, 1, 1, 1)";
        let dangling = "INSERT INTO object_reference (from_pk, field, to_key, to_pk, on_delete) VALUES (?, 'f', 'k', 'nobody', 'cascade')";
        let mut tasks = Vec::new();
        for i in 0..40i64 {
            let db = db.clone();
            tasks.push(tokio::spawn(async move {
                let pk = format!("p{i}");
                let batch = Batch::new().add(ADD, params![i, format!("n{i}")]).add(bad, params![&pk]);
                db.batch(if i % 10 == 0 { batch.add(dangling, params![&pk]) } else { batch }).await
            }));
        }
        for (i, task) in tasks.into_iter().enumerate() {
            let answer = task.await.unwrap();
            if i % 10 == 0 {
                assert!(matches!(answer, Err(Error::Conflict(_))), "{i}: {answer:?}");
            } else {
                answer.unwrap();
            }
        }
        assert_eq!(count(&db).await, 36);
    })
    .await;
}

/// Rows a second that SQLite itself writes with so many rows a commit.
fn raw(path: &std::path::Path, rows: i64, group: i64) -> f64 {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT UNIQUE)").unwrap();
    let start = Instant::now();
    for first in (0..rows).step_by(usize::try_from(group).unwrap()) {
        conn.execute_batch("BEGIN").unwrap();
        for id in first..first + group {
            conn.prepare_cached(ADD).unwrap().execute((id, format!("n{id}"))).unwrap();
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    rows as f64 / start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_batches_share_commits() {
    let dir = std::env::temp_dir().join(format!("signet-group-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let db = Db::open_sqlite(dir.join("db.sqlite")).unwrap();
    table(&db).await;
    let (clients, each) = (16i64, 40i64);
    let before = db.commits();
    let start = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|c| {
            let db = db.clone();
            tokio::spawn(async move {
                for i in 0..each {
                    let id = c * each + i;
                    db.batch(
                        Batch::new().add(ADD, params![id, format!("n{id}")]).expect_rows(1, Conflict::Used),
                    )
                    .await
                    .unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (commits, took) = (db.commits() - before, start.elapsed());
    let limit = raw(&dir.join("raw.sqlite"), clients * each, clients);
    println!(
        "{:.2} of raw commits of {clients} rows each ({limit:.0} rows/s)",
        (clients * each) as f64 / took.as_secs_f64() / limit
    );
    println!(
        "{} durable batches by {clients} callers: {commits} commits, {:.0} batches/s",
        clients * each,
        (clients * each) as f64 / took.as_secs_f64()
    );
    assert_eq!(count(&db).await, clients * each);
    assert!(commits * 6 < (clients * each) as u64, "{commits} commits for {} batches", clients * each);
    db.close().await;
    assert!(matches!(db.execute(ADD, params![9999, "late"]).await, Err(Error::Unavailable(_))));
    drop(db);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_on_when_its_caller_goes_away() {
    each_database(|db| async move {
        table(&db).await;
        for i in 0..20i64 {
            let work = db.batch(Batch::new().add(ADD, params![i, format!("n{i}")]).add("SELECT 1", vec![]));
            let _ = tokio::time::timeout(std::time::Duration::from_micros(50), work).await;
        }
        // Whatever was begun has ended, and no connection was left inside a transaction.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        for i in 100..120i64 {
            db.batch(Batch::new().add(ADD, params![i, format!("n{i}")])).await.unwrap();
        }
        assert!(count(&db).await >= 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_updates_do_not_happen_between_concurrent_counters() {
    each_database(|db| async move {
        table(&db).await;
        db.execute(ADD, params![0, "counter"]).await.unwrap();
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.batch(
                        Batch::relaxed()
                            .add("UPDATE t SET id = id + 1 WHERE name = ?", params!["counter"])
                            .expect_rows(1, Conflict::Used),
                    )
                    .await
                    .unwrap()
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(db.query_one("SELECT id FROM t", vec![]).await.unwrap().unwrap().int(0).unwrap(), 30);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_change_notices_of_other_nodes_arrive_and_a_cut_connection_is_replaced() {
    each_database(|db| async move {
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let mut notices = db.bus().subscribe();
        tokio::spawn(bus::relay(db.clone(), Ports::system(), stopped));
        if db.kind() == DbKind::Sqlite {
            return;
        }
        until(|| db.bus().is_proven()).await;
        db.query("SELECT pg_notify('signet', ?)", vec![Value::from("later 1")]).await.unwrap();
        db.query("SELECT pg_notify('signet', ?)", vec![Value::from("config 7")]).await.unwrap();
        let got = tokio::time::timeout(std::time::Duration::from_secs(5), notices.recv()).await.unwrap();
        assert_eq!(got.unwrap(), Notice { topic: Topic::Config, payload: "7".into() });
        // A connection that is cut is replaced, and proved again.
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
        assert_eq!(db.query_one(cut, vec![]).await.unwrap().unwrap().int(0).unwrap(), 1);
        until(|| !db.bus().is_proven()).await;
        until(|| db.bus().is_proven()).await;
        db.query("SELECT pg_notify('signet', ?)", vec![Value::from("config 8")]).await.unwrap();
        let got = tokio::time::timeout(std::time::Duration::from_secs(5), notices.recv()).await.unwrap();
        assert_eq!(got.unwrap().payload, "8");
    })
    .await;
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..400 {
        if condition() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("it did not become so within 10 s");
}
