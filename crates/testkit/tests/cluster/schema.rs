//! A schema of its own behind a pooler, where a connection keeps nothing that it is told.
use super::{TOLD, on_all};
use signet_base::json;
use signet_core::models::Application;
use signet_store::{PostgresConfig, testdb};
use signet_testkit::{App, DbKind, Setup};

async fn tables(node: &App, schema: &str) -> i64 {
    let count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = ?";
    node.core.db.query_one(count, vec![schema.into()]).await.unwrap().unwrap().int(0).unwrap()
}

/// The first start is behind the pooler; `direct`: with the server's own address beside it.
async fn works(direct: bool) {
    let setup = Setup::new(DbKind::Postgres).await;
    let database = PostgresConfig { schema: "idp".into(), ..setup.postgres().unwrap().clone() };
    let pooler = testdb::pgbouncer(&database).await;
    let pooled =
        PostgresConfig { direct: direct.then(|| Box::new(database.clone())), ..pooler.config.clone() };
    assert!(pooled.pooler && pooled.schema == "idp");
    let behind = setup.clone().reached_by(pooled).start().await.unwrap();
    // A second one, which finds the schema as the first has made it.
    let beside = setup.clone().reached_by(database).start().await.unwrap();
    assert!(tables(&behind, "idp").await > 20);
    assert_eq!(tables(&behind, "public").await, 0);

    behind.administrator("grace", "a long enough password").await;
    let mut browser = behind.login("grace", "a long enough password").await;
    // More at once than the pooler has connections, reads and writes: none may see another schema.
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            let mut browser = browser.clone();
            tokio::spawn(async move {
                let slug = format!("app-{n}");
                let sent = json!({"name": slug, "slug": slug});
                let made = browser.post("/api/v3/core/applications/", sent).await;
                assert_eq!(made.status, 201, "{}", made.text());
                let listed = browser.get("/api/v3/core/users/?search=grace").await;
                assert_eq!(listed.json()["pagination"]["count"], 1, "{}", listed.text());
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    on_all(&[&behind, &beside], "the objects", TOLD, async |node| {
        (0..24).all(|n| node.core.config().find::<Application>("slug", &format!("app-{n}")).is_some())
    })
    .await;
    let me = browser.at(beside.address).get("/api/v3/core/users/me/").await;
    assert_eq!(me.json()["user"]["username"], "grace", "{}", me.text());
    assert_eq!(browser.get("/api/v3/events/events/").await.status, 200);

    // Started again, with nothing left to migrate.
    let behind = behind.restart().await;
    assert_eq!(browser.at(behind.address).get("/api/v3/core/users/me/").await.status, 200);
    assert_eq!(tables(&behind, "public").await, 0);
    for node in [behind, beside] {
        node.halt().await;
    }
    setup.remove();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_change_a_schema_of_its_own_works_behind_a_pooler() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_err() {
        works(false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_change_a_schema_of_its_own_works_behind_a_pooler_with_a_direct_address() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_err() {
        works(true).await;
    }
}
