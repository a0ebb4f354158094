//! Sessions before sign-in, which may wait in memory.
use super::ports;
use signet_base::{Ports, Span, json};
use signet_store::sessions::{self, Session};
use signet_store::testdb::each_database;
use signet_store::users::{self, User};

fn session(ports: &Ports, id: &str) -> Session {
    Session::new(id, ports.uuid(), ports.now(), ports.now().plus(Span::from_secs(60)))
}

#[tokio::test]
async fn a_step_of_a_flow_is_read_back_at_once_and_is_there_after_closing() {
    each_database(async |db| {
        let ports = ports();
        let mut s = session(&ports, "a");
        sessions::put(&db, &s, false).await.unwrap();
        s.data = json!({"step": 2});
        assert!(sessions::update(&db, &s, false).await.unwrap());
        assert_eq!(sessions::get(&db, "a").await.unwrap().unwrap().data, json!({"step": 2}));
        // Written soon; how soon depends on what else the machine does.
        let mut written = None;
        for _ in 0..200 {
            written = sessions::by_uuid(&db, s.uuid).await.unwrap().filter(|row| row.data == s.data);
            if written.is_some() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert!(written.is_some());
        assert_eq!(sessions::get(&db, "a").await.unwrap().unwrap().data, json!({"step": 2}));
    })
    .await;
}

#[tokio::test]
async fn a_session_that_ended_is_not_brought_back_by_a_request_that_began_before() {
    each_database(async |db| {
        let ports = ports();
        for pause in [0, 120] {
            let id = format!("ended{pause}");
            let s = session(&ports, &id);
            sessions::put(&db, &s, false).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            sessions::delete(&db, &id).await.unwrap();
            assert!(!sessions::update(&db, &s, false).await.unwrap());
            assert!(sessions::get(&db, &id).await.unwrap().is_none());
            tokio::time::sleep(std::time::Duration::from_millis(120)).await;
            assert!(sessions::by_uuid(&db, s.uuid).await.unwrap().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn signing_in_replaces_the_session_of_the_flow_once() {
    each_database(async |db| {
        let ports = ports();
        let user = users::insert(&db, &User::new(&ports, "ada"), &[]).await.unwrap();
        for pause in [0, 120] {
            let (old, new) = (format!("old{pause}"), format!("new{pause}"));
            let flow = session(&ports, &old);
            sessions::put(&db, &flow, false).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            let signed_in = Session { user_id: Some(user), ..session(&ports, &new) };
            assert!(sessions::rotate(&db, &old, &signed_in, signet_store::Batch::new()).await.unwrap());
            assert!(sessions::get(&db, &old).await.unwrap().is_none());
            assert_eq!(sessions::get(&db, &new).await.unwrap().unwrap().user_id, Some(user));
            // A second sign-in from the same step finds nothing to replace.
            assert!(
                !sessions::rotate(
                    &db,
                    &old,
                    &Session { user_id: Some(user), ..session(&ports, "third") },
                    signet_store::Batch::new()
                )
                .await
                .unwrap()
            );
            assert!(!sessions::update(&db, &flow, false).await.unwrap());
            tokio::time::sleep(std::time::Duration::from_millis(120)).await;
            assert!(sessions::get(&db, &old).await.unwrap().is_none());
        }
    })
    .await;
}
