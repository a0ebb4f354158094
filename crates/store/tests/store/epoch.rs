//! The account epoch: what ends with it, and what does not.
use crate::{at, ports};
use signet_base::{Secret, Uuid, Vault, json};
use signet_store::epoch::{self, KeptSession};
use signet_store::flow_tokens::{self, FlowToken};
use signet_store::grants::{self, Code, GrantToken, Redeemed, TokenKind};
use signet_store::known_devices::{self, KnownDevice};
use signet_store::sessions::{self, Session};
use signet_store::testdb::each_database;
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User};
use signet_store::{Db, Value};

fn code(user: i64, session: Uuid, epoch: i64) -> Code {
    Code {
        id: 0,
        digest: format!("code {session}"),
        provider: 3,
        user_id: user,
        session: Some(session),
        family: ports().uuid(),
        scope: "openid".into(),
        data: json!({}),
        issued: at(1),
        expires: at(600),
        used: false,
        epoch,
    }
}
fn token(user: i64, kind: TokenKind, session: Option<Uuid>, digest: &str) -> GrantToken {
    GrantToken {
        id: 0,
        kind,
        digest: digest.into(),
        provider: 3,
        user_id: user,
        session,
        family: ports().uuid(),
        scope: "openid".into(),
        data: json!({}),
        issued: at(1),
        expires: at(600),
        revoked: false,
        epoch: 0,
    }
}
async fn signed_in(db: &Db, user: i64, n: u128) -> Uuid {
    let uuid = Uuid::from_u128(n);
    let session = Session { user_id: Some(user), ..Session::new(format!("s{n}"), uuid, at(1), at(500)) };
    sessions::begin(db, &session, users::touch_last_login(user, 0, at(1))).await.unwrap();
    uuid
}
async fn count(db: &Db, table: &str, user: i64) -> i64 {
    db.query(&format!("SELECT count(*) FROM {table} WHERE user_id = ?"), vec![Value::from(user)])
        .await
        .unwrap()[0]
        .int(0)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_an_account_ends_in_one_commit_and_nothing_of_others() {
    each_database(|db| async move {
        let vault = Vault::new(&"k".into(), ports()).unwrap();
        let (ada, bob) = (
            users::insert(&db, &User::new(&ports(), "ada"), &[]).await.unwrap(),
            users::insert(&db, &User::new(&ports(), "bob"), &[]).await.unwrap(),
        );
        for (n, user) in [(10, ada), (20, bob)] {
            let (one, two) = (signed_in(&db, user, n).await, signed_in(&db, user, n + 1).await);
            grants::insert_code(&db, &code(user, two, 0)).await.unwrap();
            grants::insert(
                &db,
                &[
                    token(user, TokenKind::Access, Some(one), &format!("a{n}")),
                    token(user, TokenKind::Refresh, None, &format!("r{n}")),
                ],
            )
            .await
            .unwrap();
            let link = FlowToken {
                id: ports().uuid(),
                flow: Uuid::nil(),
                user_id: Some(user),
                purpose: "x".into(),
                plan: Secret::new("{}"),
                created: at(1),
                expires: at(900),
                epoch: 0,
            };
            let batch =
                flow_tokens::insert_batch(&vault, &link, &Secret::new(format!("link {n}")), false).unwrap();
            db.batch(batch).await.unwrap();
            for intent in ["recovery", "api", "app_password"] {
                let key = Token::new(ports().uuid(), format!("{intent}-{n}"), intent, user, at(1));
                tokens::insert(&db, &vault, &key, &Secret::new(format!("{intent} {n}"))).await.unwrap();
            }
            for browser in ["own", "other"] {
                let device = KnownDevice {
                    user_id: user,
                    digest: format!("{browser} {n}"),
                    ip: String::new(),
                    user_agent: String::new(),
                    created: at(1),
                    last_used: at(1),
                    expires: at(900),
                    epoch: 0,
                };
                db.batch(known_devices::put(&device, None)).await.unwrap();
            }
        }
        let spared = KeptSession { session: Some(Uuid::from_u128(10)), device: Some("own 10".into()) };
        assert_eq!(epoch::of(&db.batch(epoch::end(ada, &spared)).await.unwrap()).unwrap(), Some(1));
        assert_eq!(users::by_id(&db, ada).await.unwrap().unwrap().epoch, 1);
        let left = sessions::of_user(&db, ada).await.unwrap();
        assert!(left.len() == 1 && left[0].uuid == Uuid::from_u128(10) && left[0].epoch == 1, "{left:?}");
        assert_eq!(
            (count(&db, "flow_token", ada).await, count(&db, "token", ada).await),
            (0, 2),
            "what programs use stays"
        );
        for digest in ["a10", "r10"] {
            assert!(grants::by_digest(&db, digest).await.unwrap().unwrap().revoked, "{digest}");
        }
        let session = Uuid::from_u128(11);
        assert_eq!(
            grants::redeem(&db, &format!("code {session}"), at(2), &[]).await.unwrap(),
            Redeemed::Reused
        );
        let known = known_devices::of_user(&db, ada).await.unwrap();
        assert!(known.len() == 1 && known[0].digest == "own 10", "{known:?}");
        // Of bob nothing has ended.
        assert_eq!(
            (
                count(&db, "session", bob).await,
                count(&db, "flow_token", bob).await,
                count(&db, "token", bob).await
            ),
            (2, 1, 3)
        );
        assert_eq!(known_devices::of_user(&db, bob).await.unwrap().len(), 2);
        for digest in ["a20", "r20"] {
            assert!(!grants::by_digest(&db, digest).await.unwrap().unwrap().revoked);
        }
        // What was on its way: a sign-in, a code and a refresh token of before are refused by their own
        // commit.
        let late =
            Session { user_id: Some(ada), ..Session::new("late", Uuid::from_u128(99), at(2), at(500)) };
        assert!(epoch::has_changed(
            &sessions::begin(&db, &late, users::touch_last_login(ada, 0, at(2))).await.unwrap_err()
        ));
        assert!(sessions::get(&db, "late").await.unwrap().is_none());
        let session = Uuid::from_u128(98);
        grants::insert_code(&db, &code(ada, session, 0)).await.unwrap();
        assert_eq!(
            grants::redeem(&db, &format!("code {session}"), at(2), &[]).await.unwrap(),
            Redeemed::Gone
        );
        grants::insert(&db, &[token(ada, TokenKind::Refresh, None, "late")]).await.unwrap();
        assert_eq!(grants::rotate(&db, "late", at(2), &[]).await.unwrap(), Redeemed::Gone);
        assert!(epoch::has_changed(&db.batch(epoch::is_at(ada, 0)).await.unwrap_err()));
        // At the new epoch all of it works.
        sessions::begin(&db, &Session { epoch: 1, ..late }, users::touch_last_login(ada, 1, at(2)))
            .await
            .unwrap();
        let session = Uuid::from_u128(97);
        grants::insert_code(&db, &code(ada, session, 1)).await.unwrap();
        assert_eq!(grants::redeem(&db, &format!("code {session}"), at(2), &[]).await.unwrap(), Redeemed::Won);
        db.batch(epoch::is_at(ada, 1)).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_05_the_sweep_of_a_session_takes_its_access_tokens() {
    each_database(|db| async move {
        let ada = users::insert(&db, &User::new(&ports(), "ada"), &[]).await.unwrap();
        let session = signed_in(&db, ada, 7).await;
        let later = GrantToken { issued: at(550), ..token(ada, TokenKind::Access, Some(session), "later") };
        grants::insert(
            &db,
            &[
                token(ada, TokenKind::Access, Some(session), "access"),
                token(ada, TokenKind::Refresh, Some(session), "refresh"),
            ],
        )
        .await
        .unwrap();
        let revoked = async |digest: &str| grants::by_digest(&db, digest).await.unwrap().unwrap().revoked;
        sessions::delete_expired(&db, at(499), 10).await.unwrap();
        assert!(!revoked("access").await && sessions::get(&db, "s7").await.unwrap().is_some());
        sessions::delete_expired(&db, at(560), 10).await.unwrap();
        assert!(sessions::get(&db, "s7").await.unwrap().is_none());
        // What its refresh token has given since goes on.
        grants::insert(&db, &[later]).await.unwrap();
        assert_eq!(
            (revoked("access").await, revoked("refresh").await, revoked("later").await),
            (true, false, false)
        );
        assert!(
            grants::is_revoked(&db, &token(ada, TokenKind::Access, Some(session), "no row")).await.unwrap()
        );
    })
    .await;
}
