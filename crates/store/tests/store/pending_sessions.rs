//! Sessions before sign-in, which may wait in memory.
use super::ports;
use signet_base::{Ports, Span, json};
use signet_store::sessions::{self, Session, Written};
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
        assert_eq!(sessions::update(&db, &s, false).await.unwrap(), Written::Done);
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
            assert_eq!(sessions::update(&db, &s, false).await.unwrap(), Written::Gone);
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
            let rotate = async |session: &Session| {
                sessions::rotate(&db, &old, 0, session, signet_store::Batch::new()).await.unwrap()
            };
            assert_eq!(rotate(&signed_in).await, Written::Done);
            assert!(sessions::get(&db, &old).await.unwrap().is_none());
            assert_eq!(sessions::get(&db, &new).await.unwrap().unwrap().user_id, Some(user));
            // A second sign-in from the same step finds nothing to replace.
            let third = Session { user_id: Some(user), ..session(&ports, "third") };
            assert_eq!(rotate(&third).await, Written::Gone);
            assert_eq!(sessions::update(&db, &flow, false).await.unwrap(), Written::Gone);
            tokio::time::sleep(std::time::Duration::from_millis(120)).await;
            assert!(sessions::get(&db, &old).await.unwrap().is_none());
        }
    })
    .await;
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_second_is_told() {
    each_database(async |db| {
        let ports = ports();
        // Waiting in memory, and written.
        for pause in [0, 700] {
            let id = format!("two{pause}");
            let s = session(&ports, &id);
            assert_eq!(sessions::put(&db, &s, false).await.unwrap(), Written::Done);
            // A request that began before it was there.
            assert_eq!(sessions::put(&db, &s, false).await.unwrap(), Written::Changed);
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            assert_eq!(sessions::put(&db, &s, false).await.unwrap(), Written::Changed);
            let first = Session { data: json!({"by": 1}), ..s.clone() };
            assert_eq!(sessions::update(&db, &first, false).await.unwrap(), Written::Done);
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            let second = Session { data: json!({"by": 2}), ..s.clone() };
            assert_eq!(sessions::update(&db, &second, false).await.unwrap(), Written::Changed);
            let read = sessions::get(&db, &id).await.unwrap().unwrap();
            assert_eq!((read.version, &read.data), (1, &json!({"by": 1})));
            let signed_in = session(&ports, &format!("in{pause}"));
            let with = signet_store::Batch::new;
            assert_eq!(sessions::rotate(&db, &id, 0, &signed_in, with()).await.unwrap(), Written::Changed);
            assert!(sessions::get(&db, &id).await.unwrap().is_some());
            assert_eq!(sessions::rotate(&db, &id, 1, &signed_in, with()).await.unwrap(), Written::Done);
            assert!(sessions::get(&db, &id).await.unwrap().is_none());
        }
    })
    .await;
}
