//! Scores of names and addresses, password histories, sign-ins.
use signet_base::{Map, Ports, Span, Timestamp, json};
use signet_store::logins::{self, Login};
use signet_store::reputation::{self, Limits, Reputation};
use signet_store::table::Record;
use signet_store::users::{self, User};
use signet_store::{Batch, Db, ListQuery, Page, declared, password_history, testdb};

const LIMITS: Limits = Limits { lower: -5, upper: 5 };

fn change(ports: &Ports, name: &str, ip: &str, amount: i64, at: Timestamp) -> Reputation {
    let expires = Some(at.plus(Span::DAY));
    Reputation {
        id: ports.uuid(),
        identifier: name.into(),
        ip: ip.into(),
        geo: Map::new(),
        asn: Map::new(),
        score: amount,
        updated: at,
        expires,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_add_up_within_their_limits_and_begin_anew_after_expiry() {
    testdb::each_database(async |db| {
        let ports = Ports::system();
        let now = Timestamp::from_secs(1_000_000);
        for _ in 0..9 {
            reputation::add_behind(&db, &change(&ports, "ada", "192.0.2.1", -1, now), LIMITS).await.unwrap();
        }
        reputation::add_behind(&db, &change(&ports, "ada", "192.0.2.2", -2, now), LIMITS).await.unwrap();
        reputation::add_behind(&db, &change(&ports, "grace", "192.0.2.1", 1, now), LIMITS).await.unwrap();
        let score = async |ip, name, at| reputation::score(&db, ip, name, at).await.unwrap();
        let both = (Some("192.0.2.1"), Some("ada"));
        assert_eq!(score(both.0, None, now).await, -4);
        assert_eq!(score(None, both.1, now).await, -7);
        assert_eq!(score(both.0, both.1, now).await, -6, "the pair itself counts once");
        assert_eq!(score(Some("192.0.2.9"), Some("nobody"), now).await, 0);
        let later = now.plus(Span::DAY);
        assert_eq!(score(both.0, both.1, later).await, 0, "what has expired does not count");
        reputation::add_behind(&db, &change(&ports, "ada", "192.0.2.1", 1, later), LIMITS).await.unwrap();
        assert_eq!(score(both.0, both.1, later).await, 1);
        reputation::add_behind(&db, &change(&ports, "new", "192.0.2.3", -100, later), LIMITS).await.unwrap();
        assert_eq!(score(None, Some("new"), later).await, -5, "the first change is limited too");
        signet_store::sweep(&db, Reputation::TABLE, later, 100).await.unwrap();
        let q =
            ListQuery { page: Page { ordering: "-score".into(), ..Page::first(10) }, ..ListQuery::default() };
        let (all, total) = declared::list(&db, Reputation::TABLE, &q, later).await.unwrap();
        assert_eq!(
            (total, &all[0].shown["identifier"], &all[0].shown["score"]),
            (2, &json!("ada"), &json!(1))
        );
        let narrow = ListQuery::default()
            .any("identifier_in", ["new", "x"])
            .equal("ip", "192.0.2.3")
            .equal("score", -5);
        assert_eq!(declared::list(&db, Reputation::TABLE, &narrow, later).await.unwrap().1, 1);
        let found = ListQuery { search: "192.0.2.3".into(), ..ListQuery::default() };
        assert_eq!(declared::list(&db, Reputation::TABLE, &found, later).await.unwrap().1, 1);
        db.batch(declared::delete(Reputation::TABLE, &all[0])).await.unwrap();
        assert_eq!(declared::list(&db, Reputation::TABLE, &q, later).await.unwrap().1, total - 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_signals_at_once_are_all_counted() {
    testdb::each_database(async |db| {
        let ports = Ports::system();
        let now = ports.now();
        let wide = Limits { lower: -1000, upper: 1000 };
        let adding = (0..200).map(|_| {
            let (db, change) = (db.clone(), change(&ports, "ada", "192.0.2.1", -1, now));
            tokio::spawn(async move { reputation::add_behind(&db, &change, wide).await.unwrap() })
        });
        for task in adding.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(reputation::score(&db, None, Some("ada"), now).await.unwrap(), -200);
    })
    .await;
}

async fn with_policy(db: &Db) {
    let sql = "INSERT INTO object (pk, num, model, data, secrets, version, created, updated, counter) VALUES ('p', NULL, 'authentik_policies_unique_password.uniquepasswordpolicy', '{}', '{}', 1, 0, 0, 0)";
    db.execute(sql, vec![]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_passwords_are_kept_only_for_a_policy_and_in_order() {
    testdb::each_database(async |db| {
        let ports = Ports::system();
        let id = users::insert(&db, &User::new(&ports, "ada"), &[]).await.unwrap();
        let set = async |hash: &str| users::set_password(&db, id, hash, ports.now()).await.unwrap();
        set("one").await;
        set("two").await;
        assert!(password_history::latest(&db, id, 10).await.unwrap().is_empty(), "nobody asks for a history");
        with_policy(&db).await;
        for hash in ["three", "four", "four", "!gone", "five", "six"] {
            set(hash).await;
        }
        assert_eq!(password_history::latest(&db, id, 10).await.unwrap(), ["five", "four", "three", "two"]);
        assert_eq!(password_history::latest(&db, id, 2).await.unwrap(), ["five", "four"]);
        for n in 0..password_history::KEPT + 5 {
            set(&format!("n{n}")).await;
        }
        assert_eq!(password_history::latest(&db, id, 1000).await.unwrap().len(), 50);
        password_history::forget_unused(&db, 1000).await.unwrap();
        assert_eq!(password_history::latest(&db, id, 1000).await.unwrap().len(), 50);
        db.batch(Batch::new().add("DELETE FROM object WHERE pk = 'p'", vec![])).await.unwrap();
        password_history::forget_unused(&db, 1000).await.unwrap();
        assert!(password_history::latest(&db, id, 1000).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_are_remembered_newest_first_and_go_with_the_person() {
    testdb::each_database(async |db| {
        let ports = Ports::system();
        let id = users::insert(&db, &User::new(&ports, "ada"), &[]).await.unwrap();
        let login = |secs: i64, place| Login {
            user_id: id,
            at: Timestamp::from_secs(secs),
            ip: "192.0.2.1".into(),
            country: "DE".into(),
            place,
            asn: Some(64_496),
        };
        db.batch(logins::insert_batch(&login(1, None))).await.unwrap();
        db.batch(logins::insert_batch(&login(2, Some((52.52, -13.405))))).await.unwrap();
        assert_eq!(
            logins::latest(&db, id, 10).await.unwrap(),
            [login(2, Some((52.52, -13.405))), login(1, None)]
        );
        logins::delete_before(&db, Timestamp::from_secs(2), 10).await.unwrap();
        assert_eq!(logins::latest(&db, id, 10).await.unwrap().len(), 1);
        users::delete(&db, id).await.unwrap();
        assert!(logins::latest(&db, id, 10).await.unwrap().is_empty());
        let event = ports.uuid();
        logins::refused_behind(&db, event, "r1", ports.now()).await.unwrap();
        assert_eq!(logins::refusals(&db, "r1").await.unwrap(), [event]);
        assert!(logins::refusals(&db, "r2").await.unwrap().is_empty());
    })
    .await;
}
