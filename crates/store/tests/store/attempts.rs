//! Attempts: the limit holds whoever asks at the same moment; known browsers.
use crate::{at, ports};
use signet_base::Span;
use signet_store::attempts::{self, AttemptOutcome, BeginOutcome};
use signet_store::known_devices::{self, KnownDevice};
use signet_store::testdb::each_database;
use signet_store::users::{self, User};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_get_exactly_the_limit() {
    each_database(|db| async move {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    attempts::take(&db, "code", 7, Span::from_secs(60), at(100)).await.unwrap()
                })
            })
            .collect();
        let mut left = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                AttemptOutcome::Allowed { left: n } => left.push(n),
                AttemptOutcome::Refused { until } => assert_eq!(until, at(160)),
            }
        }
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2, 3, 4, 5, 6], "each of the seven counted once");
        assert_eq!(attempts::used(&db, "code", at(100)).await.unwrap(), 7);
        // The row says it too, in whatever order it was written.
        db.flush().await.unwrap();
        let row = db
            .query_one("SELECT used FROM attempt WHERE name = ?", vec!["code".into()])
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.int(0).unwrap(), 7);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_ends_by_itself_and_names_do_not_mix() {
    each_database(|db| async move {
        let take = async |name: &str, now: i64| {
            attempts::take(&db, name, 2, Span::from_secs(60), at(now)).await.unwrap()
        };
        assert_eq!(take("a", 0).await, AttemptOutcome::Allowed { left: 1 });
        assert_eq!(take("a", 30).await, AttemptOutcome::Allowed { left: 0 });
        assert_eq!(
            take("a", 59).await,
            AttemptOutcome::Refused { until: at(60) },
            "a refused attempt prolongs nothing"
        );
        assert_eq!(take("b", 59).await, AttemptOutcome::Allowed { left: 1 });
        assert_eq!(attempts::used(&db, "a", at(60)).await.unwrap(), 0);
        assert_eq!(take("a", 60).await, AttemptOutcome::Allowed { left: 1 });
        assert_eq!(take("a", 60).await, AttemptOutcome::Allowed { left: 0 });
        attempts::give_back(&db, "a", 1).await.unwrap();
        assert_eq!(take("a", 60).await, AttemptOutcome::Allowed { left: 0 });
        attempts::clear(&db, "a").await.unwrap();
        assert_eq!(take("a", 61).await, AttemptOutcome::Allowed { left: 1 });
        assert_eq!(
            attempts::take(&db, "c", 0, Span::from_secs(5), at(1)).await.unwrap(),
            AttemptOutcome::Refused { until: at(6) }
        );
        attempts::delete_expired(&db, at(1000), 10).await.unwrap();
        assert_eq!(attempts::used(&db, "a", at(61)).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b3_what_is_under_way_is_neither_right_nor_wrong() {
    each_database(|db| async move {
        let begin =
            async |now: i64| attempts::begin(&db, "a", 3, Span::from_secs(60), at(now)).await.unwrap();
        for left in [2, 1, 0] {
            assert_eq!(begin(0).await, BeginOutcome::Allowed { left });
        }
        assert_eq!(begin(0).await, BeginOutcome::UnderWay);
        // One cannot be verified: its place is free again. One is wrong.
        attempts::withdraw(&db, "a").await.unwrap();
        assert_eq!(begin(0).await, BeginOutcome::Allowed { left: 0 });
        attempts::judged(&db, "a").await.unwrap();
        assert_eq!(begin(0).await, BeginOutcome::UnderWay);
        // One is right: all begins anew.
        attempts::clear(&db, "a").await.unwrap();
        for left in [2, 1, 0] {
            assert_eq!(begin(1).await, BeginOutcome::Allowed { left });
        }
        for _ in 0..3 {
            assert_eq!(begin(1).await, BeginOutcome::UnderWay);
            attempts::judged(&db, "a").await.unwrap();
        }
        assert_eq!(begin(1).await, BeginOutcome::Refused { until: at(61) });
        assert_eq!(attempts::used(&db, "a", at(1)).await.unwrap(), 3);
        // A server that dies leaves its attempts counted, and nobody waits for them long.
        for left in [2, 1, 0] {
            assert_eq!(begin(61).await, BeginOutcome::Allowed { left });
        }
        assert_eq!(begin(70).await, BeginOutcome::UnderWay);
        assert_eq!(begin(71).await, BeginOutcome::Refused { until: at(121) });
        // What a queued row says is what counts after a restart.
        db.flush().await.unwrap();
        let row = db.query_one("SELECT used FROM attempt WHERE name = ?", vec!["a".into()]).await.unwrap();
        assert_eq!(row.unwrap().int(0).unwrap(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_b3_a_crowd_begins_exactly_up_to_the_limit() {
    each_database(|db| async move {
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    attempts::begin(&db, "code", 7, Span::from_secs(60), at(100)).await.unwrap()
                })
            })
            .collect();
        let (mut left, mut under_way) = (Vec::new(), 0);
        for task in tasks {
            match task.await.unwrap() {
                BeginOutcome::Allowed { left: n } => left.push(n),
                BeginOutcome::UnderWay => under_way += 1,
                BeginOutcome::Refused { .. } => panic!("none was wrong so far"),
            }
        }
        left.sort_unstable();
        assert_eq!((left, under_way), (vec![0, 1, 2, 3, 4, 5, 6], 93));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_known_for_its_people_until_it_is_forgotten() {
    each_database(|db| async move {
        let ada = users::insert(&db, &User::new(&ports(), "ada"), &[]).await.unwrap();
        let bob = users::insert(&db, &User::new(&ports(), "bob"), &[]).await.unwrap();
        let device = |user_id: i64, digest: &str, expires: i64| KnownDevice {
            user_id,
            digest: digest.into(),
            ip: "192.0.2.1".into(),
            user_agent: "x".into(),
            created: at(1),
            last_used: at(1),
            expires: at(expires),
            epoch: 0,
        };
        db.batch(known_devices::put(&device(ada, "one", 50), None)).await.unwrap();
        assert!(known_devices::is_known(&db, ada, "one", at(49)).await.unwrap());
        assert!(
            !known_devices::is_known(&db, ada, "one", at(50)).await.unwrap(),
            "expiry is judged when it is read"
        );
        assert!(!known_devices::is_known(&db, bob, "one", at(2)).await.unwrap());
        db.batch(known_devices::put(&device(bob, "two", 50), Some("one"))).await.unwrap();
        assert!(
            known_devices::is_known(&db, ada, "two", at(2)).await.unwrap()
                && known_devices::is_known(&db, bob, "two", at(2)).await.unwrap()
        );
        assert!(
            !known_devices::is_known(&db, ada, "one", at(2)).await.unwrap(),
            "the old key is worth nothing"
        );
        db.batch(known_devices::put(&device(bob, "two", 90), Some("two"))).await.unwrap();
        assert_eq!(known_devices::of_user(&db, bob).await.unwrap().len(), 1);
        known_devices::delete_expired(&db, at(60), 10).await.unwrap();
        assert!(
            known_devices::of_user(&db, ada).await.unwrap().is_empty()
                && known_devices::is_known(&db, bob, "two", at(60)).await.unwrap()
        );
        known_devices::forget(&db, bob).await.unwrap();
        assert!(known_devices::of_user(&db, bob).await.unwrap().is_empty());
    })
    .await;
}
