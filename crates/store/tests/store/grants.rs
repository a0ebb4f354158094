//! Codes and tokens: exactly one winner, families die together.
use crate::{at, ports};
use signet_base::{Uuid, json};
use signet_store::epoch;
use signet_store::grants::{self, Code, GrantToken, Redeemed, TokenKind};
use signet_store::table::Record;
use signet_store::testdb::each_database;
use signet_store::users::{self, User};
use signet_store::{Db, ListQuery, Page};

fn code(user: i64, digest: &str, family: Uuid) -> Code {
    Code {
        id: 0,
        digest: digest.into(),
        provider: 3,
        user_id: user,
        session: Some(Uuid::from_u128(5)),
        family,
        scope: "openid".into(),
        data: json!({"nonce": "n"}),
        issued: at(1),
        expires: at(60),
        used: false,
        epoch: 0,
    }
}
fn token(user: i64, kind: TokenKind, digest: &str, family: Uuid) -> GrantToken {
    GrantToken {
        id: 0,
        kind,
        digest: digest.into(),
        provider: 3,
        user_id: user,
        session: Some(Uuid::from_u128(5)),
        family,
        scope: "openid".into(),
        data: json!({"sub": "s"}),
        issued: at(1),
        expires: at(600),
        revoked: false,
        epoch: 0,
    }
}
async fn someone(db: &Db) -> i64 {
    users::insert(db, &User::new(&ports(), ports().alphanumeric(8)), &[]).await.unwrap()
}
async fn alive(db: &Db, user: i64, kind: TokenKind) -> u64 {
    grants::list(db, kind, &ListQuery::default().equal("user", user), Some(at(10))).await.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_redeems_a_code_and_the_rest_end_the_family() {
    each_database(|db| async move {
        let user = someone(&db).await;
        let family = ports().uuid();
        grants::insert_code(&db, &code(user, "c", family)).await.unwrap();
        let tasks: Vec<_> = (0..50)
            .map(|i| {
                let db = db.clone();
                tokio::spawn(async move {
                    let tokens = [
                        token(user, TokenKind::Access, &format!("a{i}"), family),
                        token(user, TokenKind::Refresh, &format!("r{i}"), family),
                    ];
                    grants::redeem(&db, "c", at(10), &tokens).await.unwrap()
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.push(task.await.unwrap());
        }
        assert_eq!(all.iter().filter(|r| **r == Redeemed::Won).count(), 1);
        assert_eq!(all.iter().filter(|r| **r == Redeemed::Reused).count(), 49);
        let every = ListQuery::default().equal("user", user);
        assert_eq!(
            grants::list(&db, TokenKind::Access, &every, None).await.unwrap().1,
            1,
            "only the winner's tokens were stored"
        );
        assert_eq!(grants::list(&db, TokenKind::Refresh, &every, None).await.unwrap().1, 1);
        assert_eq!(
            alive(&db, user, TokenKind::Access).await + alive(&db, user, TokenKind::Refresh).await,
            0,
            "reuse revokes"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_end_at_their_time_and_unknown_ones_are_gone() {
    each_database(|db| async move {
        let user = someone(&db).await;
        grants::insert_code(&db, &code(user, "late", ports().uuid())).await.unwrap();
        assert_eq!(grants::redeem(&db, "late", at(60), &[]).await.unwrap(), Redeemed::Gone);
        assert_eq!(grants::redeem(&db, "never", at(1), &[]).await.unwrap(), Redeemed::Gone);
        assert_eq!(grants::redeem(&db, "late", at(59), &[]).await.unwrap(), Redeemed::Won);
        let stored = grants::code_by_digest(&db, "late").await.unwrap().unwrap();
        assert!(
            stored.used && stored.data == json!({"nonce": "n"}) && stored.session == Some(Uuid::from_u128(5))
        );
        assert_eq!(
            grants::list_codes(&db, &ListQuery { owner: Some(user), ..ListQuery::default() }, None)
                .await
                .unwrap()
                .1,
            1
        );
        for def in [Code::TABLE, GrantToken::TABLE] {
            // An hour later: a used code is known as reused for a while.
            signet_store::sweep(&db, def, at(60 + 3600), 10).await.unwrap();
        }
        assert!(grants::code_by_id(&db, stored.id).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_rotate_once() {
    each_database(|db| async move {
        let (user, family) = (someone(&db).await, ports().uuid());
        grants::insert(
            &db,
            &[token(user, TokenKind::Refresh, "r0", family), token(user, TokenKind::Access, "a0", family)],
        )
        .await
        .unwrap();
        let next = |n: u32| {
            [
                token(user, TokenKind::Refresh, &format!("r{n}"), family),
                token(user, TokenKind::Access, &format!("a{n}"), family),
            ]
        };
        assert_eq!(grants::rotate(&db, "r0", at(10), &next(1)).await.unwrap(), Redeemed::Won);
        assert_eq!(
            grants::rotate(&db, "a1", at(10), &next(2)).await.unwrap(),
            Redeemed::Gone,
            "an access token is no refresh token"
        );
        assert_eq!(grants::rotate(&db, "r1", at(600), &next(2)).await.unwrap(), Redeemed::Gone, "over");
        assert_eq!(alive(&db, user, TokenKind::Access).await, 2);
        // The replaced token comes again: whoever sends it, nobody keeps anything.
        assert_eq!(grants::rotate(&db, "r0", at(10), &next(3)).await.unwrap(), Redeemed::Reused);
        assert_eq!(alive(&db, user, TokenKind::Refresh).await + alive(&db, user, TokenKind::Access).await, 0);
        assert_eq!(grants::rotate(&db, "r1", at(10), &next(4)).await.unwrap(), Redeemed::Reused);
        assert!(grants::by_digest(&db, "r3").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_outside_of_sessions_dies_alone() {
    each_database(|db| async move {
        let user = someone(&db).await;
        let (one, other) = (ports().uuid(), ports().uuid());
        let alone = |digest: &str, family| GrantToken {
            session: None,
            ..token(user, TokenKind::Refresh, digest, family)
        };
        let within = token(user, TokenKind::Refresh, "within", ports().uuid());
        grants::insert(&db, &[alone("a", one), alone("b", one), alone("c", other), within]).await.unwrap();
        grants::insert_code(&db, &Code { session: None, ..code(user, "code", one) }).await.unwrap();
        grants::revoke_family(&db, alone("a", one).holder()).await.unwrap();
        assert_eq!(alive(&db, user, TokenKind::Refresh).await, 2);
        assert!(grants::code_by_digest(&db, "code").await.unwrap().unwrap().used);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_just_read_is_revoked_at_once_by_whatever_ends_it() {
    each_database(|db| async move {
        let user = someone(&db).await;
        let session = Uuid::from_u128(5);
        let families: Vec<_> = (0..6).map(|_| ports().uuid()).collect();
        let all: Vec<_> = families
            .iter()
            .enumerate()
            .map(|(n, family)| token(user, TokenKind::Access, &format!("t{n}"), *family))
            .collect();
        grants::insert(&db, &all).await.unwrap();
        let read = async |n: usize| grants::by_digest(&db, &format!("t{n}")).await.unwrap();
        for n in 0..6 {
            assert!(!read(n).await.unwrap().revoked && !read(n).await.unwrap().revoked);
        }
        grants::revoke(&db, "t0").await.unwrap();
        assert!(read(0).await.unwrap().revoked && !read(1).await.unwrap().revoked);
        grants::revoke_family(&db, all[1].holder()).await.unwrap();
        assert!(read(1).await.unwrap().revoked && !read(2).await.unwrap().revoked);
        let id = read(2).await.unwrap().id;
        db.batch(grants::delete_batch(id)).await.unwrap();
        assert!(read(2).await.is_none() && !read(3).await.unwrap().revoked);
        grants::revoke_session(&db, user, session).await.unwrap();
        assert!(read(3).await.unwrap().revoked);
        users::delete(&db, user).await.unwrap();
        assert!(read(4).await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_revoked_by_one_session_or_user() {
    each_database(|db| async move {
        let user = someone(&db).await;
        for n in 0..5 {
            let t = GrantToken {
                session: (n < 2).then(|| Uuid::from_u128(9)),
                ..token(user, TokenKind::Access, &format!("t{n}"), ports().uuid())
            };
            grants::insert(&db, &[t]).await.unwrap();
        }
        grants::revoke(&db, "t4").await.unwrap();
        assert_eq!(alive(&db, user, TokenKind::Access).await, 4);
        grants::revoke_session(&db, user, Uuid::from_u128(9)).await.unwrap();
        assert_eq!(alive(&db, user, TokenKind::Access).await, 2);
        let page = ListQuery {
            page: Page { ordering: "-pk".into(), page: 2, size: 2, ..Page::default() },
            ..ListQuery::default()
        }
        .equal("provider", 3);
        let (rows, total) = grants::list(&db, TokenKind::Access, &page, None).await.unwrap();
        assert_eq!((rows.len(), total, rows[0].digest.as_str()), (2, 5, "t2"));
        db.batch(epoch::end(user, &epoch::KeptSession::default())).await.unwrap();
        assert_eq!(alive(&db, user, TokenKind::Access).await, 0);
        db.batch(grants::delete_batch(rows[0].id)).await.unwrap();
        assert!(grants::by_id(&db, rows[0].id).await.unwrap().is_none());
        users::delete(&db, user).await.unwrap();
        assert!(grants::by_digest(&db, "t0").await.unwrap().is_none());
    })
    .await;
}
