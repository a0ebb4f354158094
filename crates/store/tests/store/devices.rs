//! Second factors.
use crate::{at, ports, vault};
use signet_base::{Conflict, Error, json};
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::testdb::each_database;
use signet_store::users::{self, User};
use signet_store::{Db, ListQuery, Page};

async fn person(db: &Db, name: &str) -> i64 {
    users::insert(db, &User::new(&ports(), name), &[]).await.unwrap()
}
async fn add(db: &Db, kind: DeviceKind, user: i64, name: &str) -> Device {
    let mut device = Device::new(&ports(), kind, user, name);
    device.id = devices::insert(db, &device).await.unwrap();
    device
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_live_their_life_and_go_with_their_person() {
    each_database(|db| async move {
        let (ada, bob) = (person(&db, "ada").await, person(&db, "bob").await);
        let mut totp = Device::new(&ports(), DeviceKind::Totp, ada, "phone");
        totp.data.insert("digits".into(), json!(6));
        totp.seal(&vault(), &"JBSWY3DP".into()).unwrap();
        assert!(!totp.sealed.contains("JBSWY3DP"));
        totp.id = devices::insert(&db, &totp).await.unwrap();
        add(&db, DeviceKind::Email, ada, "mail").await;
        add(&db, DeviceKind::Totp, bob, "clock").await;

        let found = devices::get(&db, DeviceKind::Totp, totp.id).await.unwrap().unwrap();
        assert_eq!(
            (found.user_id, found.name.as_str(), found.data["digits"].as_i64(), found.confirmed),
            (ada, "phone", Some(6), true)
        );
        assert_eq!(found.secret(&vault()).unwrap().reveal(), "JBSWY3DP");
        assert!(devices::get(&db, DeviceKind::Static, totp.id).await.unwrap().is_none());
        assert_eq!(devices::of_user(&db, ada, None).await.unwrap().len(), 2);
        assert_eq!(devices::of_user(&db, ada, Some(DeviceKind::Totp)).await.unwrap().len(), 1);

        devices::update(&db, &Device { name: "watch".into(), confirmed: false, ..found.clone() }, at(9))
            .await
            .unwrap();
        devices::touch_used(&db, totp.id, at(10)).await.unwrap();
        let now = devices::get(&db, DeviceKind::Totp, totp.id).await.unwrap().unwrap();
        assert_eq!(
            (now.name.as_str(), now.confirmed, now.updated, now.last_used),
            ("watch", false, at(9), Some(at(10)))
        );
        let all = |q: ListQuery| {
            let db = db.clone();
            async move { signet_store::list::<Device>(&db, &q).await.unwrap() }
        };
        assert_eq!(all(ListQuery::default().equal("kind", DeviceKind::Totp.as_str())).await.1, 2);
        assert_eq!(
            all(ListQuery { owner: Some(ada), ..ListQuery::default() }.equal("name", "watch")).await.1,
            1
        );
        assert_eq!(
            all(ListQuery { search: "LOC".into(), page: Page::first(1), ..ListQuery::default() }).await.0[0]
                .name,
            "clock"
        );

        devices::delete(&db, totp.id).await.unwrap();
        assert!(matches!(devices::delete(&db, totp.id).await, Err(Error::NotFound)));
        assert!(matches!(devices::update(&db, &totp, at(9)).await, Err(Error::NotFound)));
        users::delete(&db, ada).await.unwrap();
        assert!(devices::of_user(&db, ada, None).await.unwrap().is_empty());
        assert_eq!(devices::of_user(&db, bob, None).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_belongs_to_one_person() {
    each_database(|db| async move {
        let (ada, bob) = (person(&db, "ada").await, person(&db, "bob").await);
        let key = Device { credential: Some("abc".into()), ..Device::new(&ports(), DeviceKind::Webauthn, ada, "key") };
        devices::insert(&db, &key).await.unwrap();
        let twin = Device { uuid: ports().uuid(), user_id: bob, ..key };
        assert!(matches!(devices::insert(&db, &twin).await, Err(Error::Conflict(Conflict::Unique(index))) if index == "device.credential"));
        assert_eq!(devices::by_credential(&db, "abc").await.unwrap().unwrap().user_id, ada);
        assert!(devices::by_credential(&db, "ABC").await.unwrap().is_none());
    })
    .await;
}

/// How many of fifty at the same moment were told true.
async fn winners<F, Fut>(db: &Db, one: F) -> usize
where
    F: Fn(Db) -> Fut,
    Fut: Future<Output = signet_base::Result<bool>> + Send + 'static,
{
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(one(db.clone()))).collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap().unwrap());
    }
    won
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_fifty_moves_a_counter_and_it_never_goes_back() {
    each_database(|db| async move {
        let ada = person(&db, "ada").await;
        let id = add(&db, DeviceKind::Totp, ada, "phone").await.id;
        assert_eq!(
            winners(&db, move |db| async move { devices::advance(&db, id, 100, at(5)).await }).await,
            1
        );
        assert!(!devices::advance(&db, id, 99, at(6)).await.unwrap());
        assert!(devices::advance(&db, id, 101, at(7)).await.unwrap());
        let now = devices::get(&db, DeviceKind::Totp, id).await.unwrap().unwrap();
        assert_eq!((now.counter, now.last_used), (101, Some(at(7))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_for_its_device_and_in_its_time() {
    each_database(|db| async move {
        let ada = person(&db, "ada").await;
        let mut codes = Device::new(&ports(), DeviceKind::Static, ada, "codes");
        let digests: Vec<_> = ["one", "two"].iter().map(|c| codes.code_digest(&vault(), c)).collect();
        codes.id = devices::insert_with_codes(&db, &codes, &digests).await.unwrap();
        let other = add(&db, DeviceKind::Static, ada, "others").await;
        let (id, first) = (codes.id, digests[0].clone());
        assert!(!devices::take_code(&db, other.id, &first, at(1)).await.unwrap());
        assert_eq!(
            winners(&db, move |db| {
                let first = first.clone();
                async move { devices::take_code(&db, id, &first, at(1)).await }
            })
            .await,
            1
        );
        assert_eq!(devices::count_codes(&db, id, at(1)).await.unwrap(), 1);
        assert_eq!(devices::get(&db, DeviceKind::Static, id).await.unwrap().unwrap().last_used, Some(at(1)));

        // A code that was sent replaces the one before and expires.
        let mail = add(&db, DeviceKind::Email, ada, "mail").await;
        let (old, new) = (mail.code_digest(&vault(), "111111"), mail.code_digest(&vault(), "222222"));
        devices::put_code(&db, &mail, &old, at(100)).await.unwrap();
        devices::put_code(&db, &mail, &new, at(200)).await.unwrap();
        assert!(!devices::take_code(&db, mail.id, &old, at(50)).await.unwrap());
        assert!(!devices::take_code(&db, mail.id, &new, at(200)).await.unwrap());
        assert!(devices::take_code(&db, mail.id, &new, at(199)).await.unwrap());
        devices::delete(&db, mail.id).await.unwrap();
        assert!(matches!(devices::put_code(&db, &mail, &new, at(9)).await, Err(Error::NotFound)));
    })
    .await;
}
