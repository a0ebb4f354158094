//! Files in a folder.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use signet_base::storage::{FileName, Storage};
use signet_base::{Error, Ports, Secret, Span, Timestamp};
use signet_storage::{Folder, Usage};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A folder that goes with the test.
struct Temporary(PathBuf);
impl Temporary {
    fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("signet-storage-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}
impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn folder(at: &Temporary, ports: &Ports) -> Folder {
    let secret = Secret::new("a secret key of this test");
    Folder::new(&at.0, Usage::Media, &secret, Span::from_secs(900), ports.clone()).unwrap()
}
fn ports() -> Ports {
    Ports::frozen(Timestamp::parse("2026-11-23T12:00:00Z").unwrap(), 7).0
}
fn name(text: &str) -> FileName {
    FileName::parse(text).unwrap()
}

#[tokio::test]
async fn storage_a_file_is_written_whole_listed_replaced_and_removed() {
    let (at, ports) = (Temporary::new(), ports());
    let store = folder(&at, &ports);
    assert!(store.list("").await.unwrap().is_empty(), "no folder yet");
    let icon = name("application-icons/app.png");
    store.put(&icon, b"one".to_vec(), false).await.unwrap();
    store.put(&name("logo-%(theme)s.svg"), b"<svg/>".to_vec(), false).await.unwrap();
    assert!(matches!(store.put(&icon, b"two".to_vec(), false).await, Err(Error::Conflict(_))));
    assert_eq!(store.get(&icon).await.unwrap().bytes().await.unwrap(), b"one");
    store.put(&icon, b"three".to_vec(), true).await.unwrap();
    let file = store.get(&icon).await.unwrap();
    assert_eq!((file.size, file.bytes().await.unwrap().as_slice()), (5, b"three".as_slice()));
    let found = store.list("").await.unwrap();
    let names: Vec<_> = found.iter().map(|file| (file.name.as_str(), file.size)).collect();
    assert_eq!(names, [("application-icons/app.png", 5), ("logo-%(theme)s.svg", 6)]);
    assert_eq!(store.list("application-icons/").await.unwrap().len(), 1);
    // Nothing but the files is left, and nobody else reads them.
    let root = at.0.join("media/public");
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 2);
    let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("application-icons"), mode("application-icons/app.png")), (0o700, 0o600));
    store.delete(&icon).await.unwrap();
    store.delete(&icon).await.unwrap();
    assert!(matches!(store.get(&icon).await, Err(Error::NotFound)));
    assert!(matches!(store.get(&name("application-icons")).await, Err(Error::NotFound)), "a folder");
    assert!(matches!(store.get(&name("logo-%(theme)s.svg/x")).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn storage_a_file_that_is_too_large_is_refused() {
    let (at, ports) = (Temporary::new(), ports());
    let store = folder(&at, &ports);
    let large = vec![0; store.max_size() + 1];
    match store.put(&name("a.png"), large, false).await {
        Err(Error::Invalid(fields)) => assert!(fields.contains("file")),
        other => panic!("{other:?}"),
    }
    store.put(&name("a.png"), vec![0; store.max_size()], false).await.unwrap();
}

#[tokio::test]
async fn storage_links_lead_to_other_parts_of_the_folder_and_nowhere_else() {
    let (at, ports) = (Temporary::new(), ports());
    let store = folder(&at, &ports);
    store.put(&name("real.svg"), b"<svg/>".to_vec(), false).await.unwrap();
    let root = at.0.join("media/public");
    // As Kubernetes mounts a ConfigMap: a link by way of a hidden folder.
    std::fs::create_dir(root.join("..2026")).unwrap();
    std::fs::write(root.join("..2026/brand.svg"), "<svg/>").unwrap();
    symlink("..2026/brand.svg", root.join("brand.svg")).unwrap();
    std::fs::write(at.0.join("secret_key"), "hidden").unwrap();
    symlink("../../secret_key", root.join("key.svg")).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    assert_eq!(store.get(&name("brand.svg")).await.unwrap().size, 6);
    for outside in ["key.svg", "etc/passwd", "etc/hostname"] {
        assert!(matches!(store.get(&name(outside)).await, Err(Error::NotFound)), "{outside}");
        assert!(store.put(&name(&format!("etc/{outside}")), Vec::new(), true).await.is_err());
    }
    store.delete(&name("etc/passwd")).await.unwrap();
    assert!(std::path::Path::new("/etc/passwd").exists());
    let found = store.list("").await.unwrap();
    let names: Vec<_> =
        found.iter().map(|file| file.name.as_str()).filter(|n| !n.starts_with("loop")).collect();
    assert_eq!(names, ["brand.svg", "real.svg"]);
}

#[tokio::test]
async fn storage_urls_are_for_one_file_and_a_time() {
    let at = Temporary::new();
    let (ports, clock) = Ports::frozen(Timestamp::parse("2026-11-23T12:00:10Z").unwrap(), 7);
    let store = folder(&at, &ports);
    let icon = name("icons/a.png");
    let url = store.url(&icon, None);
    let (path, token) = url.split_once("?token=").unwrap();
    assert_eq!(path, "/files/media/public/icons/a.png");
    assert!(store.admits(&icon, token) && !store.admits(&name("icons/b.png"), token));
    assert!(!store.admits(&icon, "") && !store.admits(&icon, &token[..token.len() - 2]));
    // Another use has another key, and so has another installation.
    let other = |usage, secret: &str| {
        Folder::new(&at.0, usage, &Secret::new(secret), Span::from_secs(900), ports.clone()).unwrap()
    };
    assert!(!other(Usage::Reports, "a secret key of this test").admits(&icon, token));
    assert!(!other(Usage::Media, "another").admits(&icon, token));
    assert!(other(Usage::Media, "a secret key of this test").admits(&icon, token));
    // The same for a third of its validity, and valid for two thirds at least.
    clock.advance_secs(280);
    assert_eq!(store.url(&icon, None), url);
    clock.advance_secs(320);
    assert_ne!(store.url(&icon, None), url);
    assert!(store.admits(&icon, token), "after ten minutes");
    clock.advance_secs(300);
    assert!(!store.admits(&icon, token), "after fifteen minutes");
    let long = store.url(&icon, Some(Span::DAY));
    clock.advance_secs(50_000);
    assert!(store.admits(&icon, long.split_once("?token=").unwrap().1));
    // A name with a placeholder is encoded.
    let themed = store.url(&name("logo-%(theme)s.svg"), None);
    assert!(themed.starts_with("/files/media/public/logo-%25%28theme%29s.svg?token="), "{themed}");
}

/// Key and claims as authentik has them: a token that it made is valid here.
#[tokio::test]
async fn storage_urls_are_those_of_authentik() {
    use aws_lc_rs::hmac;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let (at, ports) = (Temporary::new(), ports());
    let store = folder(&at, &ports);
    let key = signet_base::vault::sha256_hex(b"a secret key of this test:media");
    let now = ports.now().secs();
    let claims = format!(r#"{{"path":"media/public/a.png","exp":{},"nbf":{}}}"#, now + 900, now - 15);
    let signed = format!("{}.{}", BASE64.encode(r#"{"alg":"HS256","typ":"JWT"}"#), BASE64.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes());
    assert!(store.admits(&name("a.png"), &format!("{signed}.{}", BASE64.encode(tag))));
    assert!(!store.admits(&name("b.png"), &format!("{signed}.{}", BASE64.encode(tag))));
}
