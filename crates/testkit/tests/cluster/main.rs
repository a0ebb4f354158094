//! Several servers on one PostgreSQL, one of them behind PgBouncer in transaction mode.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
mod black_hole;
mod schema;
mod sign_in;

use signet_base::json;
use signet_core::models::{Application, Brand};
use signet_store::{Batch, params, testdb, users};
use signet_testkit::{App, DbKind, Setup};
use std::time::{Duration, Instant};

/// What one node writes holds on every other one after this, and what it was not told of after that.
const TOLD: Duration = Duration::from_secs(2);
const NOT_TOLD: Duration = Duration::from_secs(5);

/// Waits until something holds on every node.
async fn on_all(nodes: &[&App], what: &str, limit: Duration, holds: impl AsyncFn(&App) -> bool) {
    let began = Instant::now();
    for (n, node) in nodes.iter().enumerate() {
        while !holds(node).await {
            assert!(began.elapsed() < limit, "{what} does not hold on node {n} after {limit:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_change_three_servers_one_behind_a_pooler_agree() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let setup = Setup::new(DbKind::Postgres).await;
    let pooler = testdb::pgbouncer(setup.postgres().unwrap()).await;
    let one = setup.start().await.unwrap();
    let two = setup.start().await.unwrap();
    // Without a direct address: no notification arrives there at all.
    let behind = setup.clone().reached_by(pooler.config.clone()).start().await.unwrap();
    let nodes = [&one, &two, &behind];
    on_all(&nodes[..2], "the proof of the bus", NOT_TOLD, async |node| node.core.db.bus().is_proven()).await;
    let admin = one.admin().await;
    let at = |node: &App| admin.at(node.address);

    // Settings, changed on different nodes at the same time: each keeps what the other wrote.
    let (mut here, mut there) = (at(&one), at(&behind));
    let (a, b) = tokio::join!(
        here.patch("/api/v3/admin/settings/", json!({"default_token_length": 77})),
        there.patch("/api/v3/admin/settings/", json!({"event_retention": "days=12"})),
    );
    assert_eq!((a.status.as_u16(), b.status.as_u16()), (200, 200), "{} {}", a.text(), b.text());
    on_all(&nodes, "a setting", TOLD, async |node| {
        let system = node.core.system();
        system.default_token_length == 77 && system.event_retention == "days=12"
    })
    .await;

    // Objects.
    for (n, node) in nodes.iter().enumerate() {
        let slug = format!("app-{n}");
        let made = at(node).post("/api/v3/core/applications/", json!({"name": slug, "slug": slug})).await;
        assert_eq!(made.status, 201, "{}", made.text());
        on_all(&nodes, "an object", TOLD, async |node| {
            node.core.config().find::<Application>("slug", &slug).is_some()
        })
        .await;
    }

    // Sessions: begun on one node, good on all, ended behind the pooler.
    let grace = one.user("grace", "a long enough password").await;
    let browser = one.login("grace", "a long enough password").await;
    let status = async |node: &App| browser.at(node.address).get("/api/v3/core/users/me/").await.status;
    on_all(&nodes, "a session", TOLD, async |node| status(node).await == 200).await;

    // Permissions: a member of the administrators is one everywhere, and none afterwards.
    let group = signet_store::groups::by_name(&one.core.db, "authentik Admins").await.unwrap().unwrap();
    for (node, path, members) in [
        (&two, "add_user", true),
        (&behind, "remove_user", false),
        (&behind, "add_user", true),
        (&one, "remove_user", false),
    ] {
        let said = at(node)
            .post(&format!("/api/v3/core/groups/{}/{path}/", group.id), json!({"pk": grace.id}))
            .await;
        assert_eq!(said.status, 204, "{}", said.text());
        on_all(&nodes, path, TOLD, async |node| {
            let me = browser.at(node.address).get("/api/v3/core/users/me/").await.json();
            me["user"]["is_superuser"] == members
        })
        .await;
    }
    let said =
        at(&behind).patch(&format!("/api/v3/core/users/{}/", grace.id), json!({"is_active": false})).await;
    assert_eq!(said.status, 200, "{}", said.text());
    on_all(&nodes, "the end of a session", TOLD, async |node| status(node).await == 403).await;
    assert!(!users::by_id(&behind.core.db, grace.id).await.unwrap().unwrap().is_active);

    // A change that nobody is told of.
    let brand = one.core.config().all::<Brand>().next().map(|(object, _)| object.clone()).unwrap();
    let mut data = brand.data.clone();
    data.insert("branding_title".into(), json!("Changed in silence"));
    let silent = Batch::new()
        .add("UPDATE config_counter SET value = value + 1 WHERE one = 1", vec![])
        .add(
            "UPDATE object SET data = ?, version = version + 1, counter = (SELECT value FROM config_counter WHERE one = 1) WHERE pk = ?",
            params![&data, brand.pk],
        );
    one.core.db.batch(silent).await.unwrap();
    on_all(&nodes, "a change without a notice", NOT_TOLD, async |node| {
        node.core
            .config()
            .get_typed::<Brand>(brand.pk)
            .is_some_and(|(_, b)| b.branding_title == "Changed in silence")
    })
    .await;

    for node in [one, two, behind] {
        node.halt().await;
    }
    setup.remove();
}
