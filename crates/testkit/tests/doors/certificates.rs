//! Certificates that other programs renew in a folder, and what HTTPS shows of them.
use crate::listeners::tls;
use signet_base::{Json, json};
use signet_jose::x509::{Generate, Generated, KeyAlgorithm, generate};
use signet_model::Model;
use signet_server::jobs::discover_certificates;
use signet_testkit::{App, Browser, Setup, each_database};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const PAIRS: &str = "/api/v3/crypto/certificatekeypairs/";

/// An empty folder of its own.
fn folder() -> PathBuf {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("signet-certificates-{}-{count}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn pair(name: &str) -> Generated {
    let names = [name];
    generate(&Generate {
        common_name: name,
        subject_alt_names: &names,
        validity_days: 90,
        alg: KeyAlgorithm::Ecdsa,
        now: 1_790_000_000,
    })
    .unwrap()
}

/// As certbot keeps a certificate: `live` leads into `archive`.
fn certbot(folder: &Path, name: &str, number: u32, pair: &Generated) {
    let (live, archive) = (folder.join("live").join(name), folder.join("archive").join(name));
    fs::create_dir_all(&live).unwrap();
    fs::create_dir_all(&archive).unwrap();
    for (file, text) in [("fullchain", pair.certificate_pem.as_str()), ("privkey", pair.key_pem.reveal())] {
        fs::write(archive.join(format!("{file}{number}.pem")), text).unwrap();
        let link = live.join(format!("{file}.pem"));
        let _ = fs::remove_file(&link);
        symlink(format!("../../archive/{name}/{file}{number}.pem"), link).unwrap();
    }
}

/// Runs the job; the logs of all that are over.
async fn discover(app: &App) -> String {
    let over = async || {
        let sql = "SELECT log FROM job WHERE kind = ? AND due IS NULL";
        let kind = "authentik.crypto.tasks.certificate_discovery";
        let rows = app.core.db.query(sql, vec![kind.into()]).await.unwrap();
        rows.iter().map(|row| row.json(0).unwrap().to_string()).collect::<Vec<_>>()
    };
    let before = over().await.len();
    discover_certificates::queue(&app.core).await.unwrap();
    for _ in 0..200 {
        let logs = over().await;
        if logs.len() > before {
            return logs.concat();
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the job did not end");
}

async fn found(admin: &mut Browser, name: &str) -> Json {
    admin.get(&format!("{PAIRS}?name={name}")).await.json()["results"][0].clone()
}

#[tokio::test]
async fn certificates_of_a_folder_become_pairs_and_are_renewed_in_place() {
    each_database(|kind| async move {
        let folder = folder();
        let setup =
            Setup::new(kind).await.with("AUTHENTIK_CERT_DISCOVERY_DIR", &folder.display().to_string());
        let app = setup.start().await.unwrap();
        let mut admin = app.admin().await;
        let (first, plain) = (pair("sso.example.test"), pair("plain"));
        certbot(&folder, "sso.example.test", 1, &first);
        fs::write(folder.join("plain.crt"), &plain.certificate_pem).unwrap();
        fs::write(folder.join("plain.key"), plain.key_pem.reveal()).unwrap();
        fs::write(folder.join("public.pem"), &pair("public").certificate_pem).unwrap();
        discover(&app).await;
        let known = found(&mut admin, "sso.example.test").await;
        assert_eq!(known["managed"], "goauthentik.io/crypto/discovered/sso.example.test", "{known}");
        assert_eq!(known["private_key_available"], true);
        assert_eq!(found(&mut admin, "plain").await["private_key_available"], true);
        assert_eq!(found(&mut admin, "public").await["private_key_available"], false);
        let count = || async { app.core.config().of(signet_core::models::CertificateKeyPair::DEF).count() };
        let before = count().await;
        // Nothing has changed: nothing is written.
        let events = app.admin().await.get("/api/v3/events/events/?action=model_updated").await.json();
        discover(&app).await;
        let again = app.admin().await.get("/api/v3/events/events/?action=model_updated").await.json();
        assert_eq!((count().await, &again["pagination"]), (before, &events["pagination"]));
        // Renewed: the same object, with its event.
        certbot(&folder, "sso.example.test", 2, &pair("sso.example.test"));
        discover(&app).await;
        let renewed = found(&mut admin, "sso.example.test").await;
        assert_eq!(renewed["pk"], known["pk"]);
        assert_ne!(renewed["fingerprint_sha256"], known["fingerprint_sha256"]);
        let events = app.admin().await.get("/api/v3/events/events/?action=model_updated").await;
        assert!(events.text().contains("sso.example.test") && !events.text().contains("PRIVATE KEY"));
        app.stop().await;
        fs::remove_dir_all(&folder).unwrap();
    })
    .await;
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named_and_keep_no_other_back() {
    each_database(|kind| async move {
        let (folder, outside) = (folder(), folder());
        let setup =
            Setup::new(kind).await.with("AUTHENTIK_CERT_DISCOVERY_DIR", &folder.display().to_string());
        let app = setup.start().await.unwrap();
        let mut admin = app.admin().await;
        let mine = admin
            .post(&format!("{PAIRS}generate/"), json!({"common_name": "mine", "validity_days": 3}))
            .await;
        assert_eq!(mine.status, 200, "{}", mine.text());
        let good = pair("good");
        fs::write(folder.join("good.pem"), &good.certificate_pem).unwrap();
        fs::write(folder.join("mine.pem"), &good.certificate_pem).unwrap();
        fs::write(
            folder.join("broken.pem"),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        fs::write(folder.join("mixed.pem"), &good.certificate_pem).unwrap();
        fs::write(folder.join("mixed.key"), pair("other").key_pem.reveal()).unwrap();
        fs::write(folder.join("big.pem"), vec![b'x'; 2 << 20]).unwrap();
        fs::write(folder.join("note.txt"), "no certificate").unwrap();
        fs::create_dir_all(folder.join("archive")).unwrap();
        fs::write(folder.join("archive/old.pem"), &good.certificate_pem).unwrap();
        fs::write(outside.join("secret.pem"), &good.certificate_pem).unwrap();
        symlink(outside.join("secret.pem"), folder.join("secret.pem")).unwrap();
        symlink(&outside, folder.join("all")).unwrap();
        let log = discover(&app).await;
        for said in [
            "mine: ",
            "Another certificate has this name",
            "broken: ",
            "Unable to load certificate",
            "mixed: ",
            "The private key does not belong to the certificate.",
            "big.pem: it is no file of at most 1 MiB",
            "secret.pem: it leads out of the folder",
        ] {
            assert!(log.contains(said), "{said}: {log}");
        }
        assert!(!log.contains("note.txt"), "{log}");
        assert_eq!(found(&mut admin, "good").await["name"], "good");
        assert_eq!(found(&mut admin, "mine").await["managed"], Json::Null);
        for name in ["broken", "mixed", "old", "secret", "big", "note"] {
            assert_eq!(found(&mut admin, name).await, Json::Null, "{name}");
        }
        // A pair whose files no longer fit each other stays what it was.
        fs::write(folder.join("good.key"), good.key_pem.reveal()).unwrap();
        discover(&app).await;
        let before = found(&mut admin, "good").await;
        assert_eq!(before["private_key_available"], true);
        fs::write(folder.join("good.pem"), &pair("good").certificate_pem).unwrap();
        assert!(discover(&app).await.contains("good: "));
        assert_eq!(found(&mut admin, "good").await, before);
        app.stop().await;
        fs::remove_dir_all(&folder).unwrap();
        fs::remove_dir_all(&outside).unwrap();
    })
    .await;
}

/// A request over this connection: the status line, and the certificate that the handshake showed.
async fn ask(stream: &mut TlsStream<TcpStream>) -> (String, Vec<u8>) {
    stream.write_all(b"GET /-/health/live/ HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let line = String::from_utf8_lossy(&answer[..length]).lines().next().unwrap_or_default().to_owned();
    (line, stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
}

#[tokio::test]
async fn https_shows_a_renewed_certificate_and_open_connections_go_on() {
    each_database(|kind| async move {
        let folder = folder();
        let setup =
            Setup::new(kind).await.with("AUTHENTIK_CERT_DISCOVERY_DIR", &folder.display().to_string());
        let app = setup.start().await.unwrap();
        let mut admin = app.admin().await;
        certbot(&folder, "localhost", 1, &pair("localhost"));
        discover(&app).await;
        let pk = found(&mut admin, "localhost").await["pk"].clone();
        let brands = admin.get("/api/v3/core/brands/?default=true").await.json();
        let brand = format!("/api/v3/core/brands/{}/", brands["results"][0]["brand_uuid"].as_str().unwrap());
        assert_eq!(admin.patch(&brand, json!({"web_certificate": pk})).await.status, 200);
        let connect = || async { tls(TcpStream::connect(app.https).await.unwrap()).await };
        let mut old = connect().await;
        let (line, first) = ask(&mut old).await;
        assert!(line.ends_with("200 OK"), "{line}");
        certbot(&folder, "localhost", 2, &pair("localhost"));
        discover(&app).await;
        let (line, still) = ask(&mut old).await;
        assert!(line.ends_with("200 OK") && still == first, "{line}");
        let (line, second) = ask(&mut connect().await).await;
        assert!(line.ends_with("200 OK") && second != first, "{line}");
        drop(old);
        app.stop().await;
        fs::remove_dir_all(&folder).unwrap();
    })
    .await;
}
