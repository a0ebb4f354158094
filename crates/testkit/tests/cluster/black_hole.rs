//! A connection for notices that is open and says nothing any more: silence is not health.
use super::{NOT_TOLD, TOLD, on_all};
use signet_base::json;
use signet_core::models::Application;
use signet_store::PostgresConfig;
use signet_testkit::{DbKind, Setup};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

/// Passes on what it reads, or swallows it and keeps both ends open.
async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    swallows: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if !*swallows.borrow() && to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
}

/// A loopback port that leads to the socket of a database, until it is told to swallow.
async fn proxy(database: &PostgresConfig) -> (u16, watch::Sender<bool>) {
    let socket = PathBuf::from(&database.host).join(format!(".s.PGSQL.{}", database.port));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (swallow, swallows) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = UnixStream::connect(&socket).await else { continue };
            let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
            tokio::spawn(pass(from_near, to_far, swallows.clone()));
            tokio::spawn(pass(from_far, to_near, swallows.clone()));
        }
    });
    (port, swallow)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_change_notices_that_are_swallowed_are_made_up_for_by_the_counter() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let setup = Setup::new(DbKind::Postgres).await;
    let database = setup.postgres().unwrap().clone();
    let (port, swallow) = proxy(&database).await;
    let direct = PostgresConfig { host: "127.0.0.1".into(), port, ..database.clone() };
    let one = setup.start().await.unwrap();
    let deaf = PostgresConfig { direct: Some(Box::new(direct)), ..database };
    let deaf = setup.clone().reached_by(deaf).start().await.unwrap();
    let is_proven = async |proven: bool| {
        on_all(&[&deaf], "the proof of the bus", Duration::from_secs(30), async |node| {
            node.core.db.bus().is_proven() == proven
        })
        .await;
    };
    let mut admin = one.admin().await;
    let mut write = async |slug: &'static str, limit: Duration| {
        let made = admin.post("/api/v3/core/applications/", json!({"name": slug, "slug": slug})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        on_all(&[&deaf], slug, limit, async |node| {
            node.core.config().find::<Application>("slug", slug).is_some()
        })
        .await;
    };
    is_proven(true).await;
    write("told", TOLD).await;
    swallow.send(true).unwrap();
    // At once, while the connection still counts as good; and when it is known not to be.
    write("swallowed", NOT_TOLD).await;
    is_proven(false).await;
    write("not-told", NOT_TOLD).await;
    // New connections work again: the bus comes back by itself.
    swallow.send(false).unwrap();
    is_proven(true).await;
    write("told-again", TOLD).await;
    for node in [one, deaf] {
        node.halt().await;
    }
    setup.remove();
}
