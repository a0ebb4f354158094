//! Rows that nobody waits for.
use crate::{at, ports};
use signet_base::{Map, Uuid};
use signet_store::events::{self, Event};
use signet_store::grants::{self, GrantToken, TokenKind};
use signet_store::testdb::each_database;
use signet_store::users::{self, User};
use signet_store::{Db, ListQuery, Page};

fn event(n: i64) -> Event {
    Event {
        id: ports().uuid(),
        user: Map::new(),
        action: "login".into(),
        app: "app".into(),
        context: Map::new(),
        client_ip: None,
        brand: Map::new(),
        created: at(n),
        expires: None,
    }
}
fn token(user: i64, digest: &str, family: Uuid) -> GrantToken {
    GrantToken {
        id: 0,
        kind: TokenKind::Access,
        digest: digest.into(),
        provider: 3,
        user_id: user,
        session: Some(Uuid::from_u128(8)),
        family,
        scope: "openid".into(),
        data: signet_base::json!({}),
        issued: at(10),
        expires: at(600),
        revoked: false,
        epoch: 0,
    }
}
async fn count(db: &Db, table: &str) -> i64 {
    db.query(&format!("SELECT count(*) FROM {table}"), vec![]).await.unwrap()[0].int(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_soon_in_order_and_lists_see_them_at_once() {
    each_database(|db| async move {
        let commits = db.commits();
        for n in 0..1000 {
            events::insert_behind(&db, &[event(n)]).await.unwrap();
        }
        assert_eq!(
            events::list(&db, &ListQuery { page: Page::first(10), ..ListQuery::default() }, None)
                .await
                .unwrap()
                .1,
            1000
        );
        assert!(db.commits() - commits < 100, "they share commits");
        events::insert_behind(&db, &[event(1)]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        assert_eq!(count(&db, "event").await, 1001, "nobody asked for it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refused_row_does_not_take_others_along() {
    each_database(|db| async move {
        let user = users::insert(&db, &User::new(&ports(), "someone"), &[]).await.unwrap();
        for (user, digest) in [(user, "a"), (user + 7, "of nobody"), (user, "b"), (user, "a")] {
            grants::insert_behind(&db, &[token(user, digest, ports().uuid())]).await.unwrap();
        }
        db.flush().await.unwrap();
        assert_eq!(count(&db, "oauth_token").await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_holds_for_rows_that_are_queued_late_or_missing() {
    each_database(|db| async move {
        let user = users::insert(&db, &User::new(&ports(), "someone"), &[]).await.unwrap();
        let (family, other) = (ports().uuid(), ports().uuid());
        grants::insert_behind(&db, &[token(user, "queued", family)]).await.unwrap();
        grants::revoke_family(&db, token(user, "queued", family).holder()).await.unwrap();
        assert!(grants::by_digest(&db, "queued").await.unwrap().unwrap().revoked);
        let page = ListQuery::default().equal("user", user);
        assert!(
            grants::list(&db, TokenKind::Access, &page, None).await.unwrap().0[0].revoked,
            "lists say it as well"
        );
        // Another node writes its row only now.
        grants::insert_behind(&db, &[token(user, "late", family)]).await.unwrap();
        db.flush().await.unwrap();
        assert!(grants::by_digest(&db, "late").await.unwrap().unwrap().revoked);
        assert!(grants::is_revoked(&db, &token(user, "missing", family)).await.unwrap());
        let free = token(user, "free", other);
        assert!(!grants::is_revoked(&db, &free).await.unwrap());
        grants::revoke_access_of(&db, user, Uuid::from_u128(8), 4, at(10)).await.unwrap();
        assert!(!grants::is_revoked(&db, &free).await.unwrap(), "another provider's");
        db.batch(grants::end_access_batch(user, Uuid::from_u128(8), at(9))).await.unwrap();
        assert!(!grants::is_revoked(&db, &free).await.unwrap(), "issued later");
        db.batch(grants::end_access_batch(user, Uuid::from_u128(8), at(10))).await.unwrap();
        assert!(grants::is_revoked(&db, &free).await.unwrap());
        // They are remembered as long as such a token could live.
        grants::forget_revocations(&db, at(1000), 100).await.unwrap();
        grants::forget_revocations(&db, at(1000 + grants::LONGEST_BEHIND), 100).await.unwrap();
        assert!(grants::is_revoked(&db, &free).await.unwrap());
        grants::forget_revocations(&db, at(1000 + 2 * grants::LONGEST_BEHIND), 100).await.unwrap();
        assert_eq!(count(&db, "oauth_revocation").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_writes_what_is_queued() {
    let path = std::env::temp_dir().join(format!("signet-behind-{}.sqlite", ports().alphanumeric(12)));
    let db = Db::open_sqlite(&path).unwrap();
    signet_store::migrate(&db, &ports()).await.unwrap();
    for n in 0..300 {
        events::insert_behind(&db, &[event(n)]).await.unwrap();
    }
    db.close().await;
    let db = Db::open_sqlite(&path).unwrap();
    assert_eq!(count(&db, "event").await, 300);
    db.close().await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rows_are_written_together_each_as_it_is() {
    each_database(|db| async move {
        let user = users::insert(&db, &User::new(&ports(), "someone"), &[]).await.unwrap();
        for n in 0..300 {
            let session = (n % 3 == 0).then(|| Uuid::from_u128(n));
            let row = GrantToken {
                session,
                expires: at(600 + n as i64),
                ..token(user, &format!("t{n}"), Uuid::from_u128(n))
            };
            grants::insert_behind(&db, &[row]).await.unwrap();
        }
        db.flush().await.unwrap();
        assert_eq!(count(&db, "oauth_token").await, 300);
        for n in [0, 1, 127, 128, 255, 299] {
            let found = grants::by_digest(&db, &format!("t{n}")).await.unwrap().unwrap();
            let expected = (Uuid::from_u128(n), (n % 3 == 0).then(|| Uuid::from_u128(n)), at(600 + n as i64));
            assert_eq!((found.family, found.session, found.expires), expected, "{n}");
        }
    })
    .await;
}
