//! Files in a bucket, at an object store that verifies signatures.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use signet_base::outbound::HttpRequest;
use signet_base::storage::{FileName, Storage};
use signet_base::{Error, Ports, Secret, Span, Timestamp};
use signet_storage::{AccessKey, Bucket, BucketSettings, Usage};
use signet_testnet::ObjectStore;

fn bucket(store: &ObjectStore, secret: &str) -> (Bucket, Ports) {
    let (ports, _) = Ports::frozen(Timestamp::parse("2026-11-23T12:00:00Z").unwrap(), 7);
    let ports = signet_outbound::with_outbound(ports, signet_outbound::OutboundSettings::default());
    let settings = BucketSettings {
        endpoint: format!("http://127.0.0.1:{}", store.port).parse().unwrap(),
        bucket: ObjectStore::BUCKET.into(),
        path_style: true,
        region: ObjectStore::REGION.into(),
        key: AccessKey {
            id: ObjectStore::ID.into(),
            secret: secret.into(),
            session_token: Secret::default(),
        },
        public_url: None,
        url_expiry: Span::from_secs(900),
    };
    (Bucket::new(settings, Usage::Media, ports.clone()), ports)
}
fn name(text: &str) -> FileName {
    FileName::parse(text).unwrap()
}

#[tokio::test]
async fn storage_a_bucket_takes_lists_and_gives_files() {
    let store = ObjectStore::start().await;
    let (files, _) = bucket(&store, ObjectStore::SECRET);
    assert!(files.list("").await.unwrap().is_empty());
    let icon = name("icons/a.png");
    files.put(&icon, b"one".to_vec(), false).await.unwrap();
    assert_eq!(store.object("media/public/icons/a.png"), Some(("image/png".into(), b"one".to_vec())));
    assert!(matches!(files.put(&icon, b"two".to_vec(), false).await, Err(Error::Conflict(_))));
    files.put(&icon, b"three".to_vec(), true).await.unwrap();
    assert_eq!(files.get(&icon).await.unwrap().bytes().await.unwrap(), b"three");
    for other in ["icons/b.png", "logo-%(theme)s.svg", "z.csv", "y.png"] {
        files.put(&name(other), b"x".to_vec(), false).await.unwrap();
    }
    let found = files.list("").await.unwrap();
    let names: Vec<_> = found.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["icons/a.png", "icons/b.png", "logo-%(theme)s.svg", "y.png", "z.csv"]);
    assert_eq!(files.list("icons/").await.unwrap().len(), 2);
    files.delete(&icon).await.unwrap();
    files.delete(&icon).await.unwrap();
    assert!(matches!(files.get(&icon).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn storage_a_presigned_url_reads_one_object_without_a_key() {
    let store = ObjectStore::start().await;
    let (files, ports) = bucket(&store, ObjectStore::SECRET);
    let logo = name("logo-%(theme)s.svg");
    files.put(&logo, b"<svg/>".to_vec(), false).await.unwrap();
    let url = files.url(&logo, None);
    let read = |url: String| ports.http.send(HttpRequest::new("GET", url));
    let answer = read(url.clone()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"<svg/>".as_slice()));
    assert_eq!(read(url.replace("logo-", "other-")).await.unwrap().status, 403);
    assert_eq!(read(url.replace("Expires=900", "Expires=9000")).await.unwrap().status, 403);
    assert_eq!(read(url.split('?').next().unwrap().to_owned()).await.unwrap().status, 403);
    assert!(files.url(&logo, Some(Span::from_secs(8 * 86_400))).contains("X-Amz-Expires=604800"));
    assert_eq!(files.origin(), Some(format!("http://127.0.0.1:{}", store.port)));
    assert!(!files.admits(&logo, "x"), "this server sends none of its files");
}

#[tokio::test]
async fn storage_a_wrong_key_is_an_error_in_the_stores_words_and_loses_nothing() {
    let store = ObjectStore::start().await;
    let (files, _) = bucket(&store, "wrong-hidden-key");
    for done in [
        files.put(&name("a.png"), b"x".to_vec(), true).await.err(),
        files.get(&name("a.png")).await.err(),
        files.delete(&name("a.png")).await.err(),
        files.list("").await.err(),
    ] {
        match done {
            Some(Error::Unavailable(why)) => {
                assert!(
                    why.to_string().contains("403 SignatureDoesNotMatch")
                        && !why.to_string().contains("hidden"),
                    "{why}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(files.put(&name("a.png"), b"x".to_vec(), false).await, Err(Error::Unavailable(_))));
    assert_eq!(store.object("media/public/a.png"), None);
}
