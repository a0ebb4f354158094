//! What is there when a server is ready, and starts at the same moment.
use signet_testkit::{App, DbKind, Setup, each_database};

#[tokio::test]
async fn wire_w27_what_the_defaults_promise_is_there_at_ready() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let pairs = admin.get("/api/v3/crypto/certificatekeypairs/?has_key=true").await.json();
        let names: Vec<&str> =
            pairs["results"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["authentik ES256 Signing Key", "authentik Self-signed Certificate"]);
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guide_g01_three_servers_start_at_once_on_an_empty_database() {
    for _ in 0..3 {
        let setup = Setup::new(DbKind::Postgres).await;
        let starts: Vec<_> = (0..3)
            .map(|_| {
                let setup = setup.clone();
                tokio::spawn(async move { setup.start().await })
            })
            .collect();
        let mut apps = Vec::new();
        for start in starts {
            apps.push(start.await.unwrap().expect("every one of them starts"));
        }
        let flows = "SELECT count(*) FROM object WHERE model = 'authentik_flows.flow' AND data LIKE '%\"default-authentication-flow\"%'";
        assert_eq!(apps[0].core.db.query_one(flows, vec![]).await.unwrap().unwrap().int(0).unwrap(), 1);
        for app in &apps {
            assert_eq!(app.core.config().all::<signet_core::models::CertificateKeyPair>().count(), 2);
            assert_eq!(app.browser().get("/-/health/ready/").await.status, 200);
        }
        for app in apps {
            app.halt().await;
        }
        setup.remove();
    }
}
