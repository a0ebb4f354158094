//! What an administrator hears about a brand.
use signet_testkit::{App, each_database, json};

const LOGIN: &str = "default-authentication-flow";

#[tokio::test(flavor = "multi_thread")]
async fn redteam_20_the_brand_warns_of_sign_in_flows_that_stay_open_beside_its_own() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        signet_core::setup::finish(&app.core).await.unwrap();
        let text = signet_blueprints::shipped("example/flow-login-2fa.yaml").unwrap();
        let source = signet_blueprints::Source::new("example", text);
        signet_blueprints::apply(&app.core, &source, &signet_core::directory::Author::system())
            .await
            .unwrap();
        let mut admin = app.admin().await;
        let brand =
            admin.get("/api/v3/core/brands/?default=true").await.json()["results"][0]["brand_uuid"].clone();
        let brand = format!("/api/v3/core/brands/{}/", brand.as_str().unwrap());
        let flow = admin.get("/api/v3/flows/instances/login-2fa/").await.json()["pk"].clone();
        assert_eq!(admin.get(&brand).await.header("warning"), "", "nothing is asked of everybody yet");
        let written = admin.patch(&brand, json!({"flow_authentication": flow})).await;
        for answer in [&written, &admin.get(&brand).await] {
            let told = answer.header("warning");
            assert_eq!(answer.status, 200);
            assert!(
                told.starts_with("299 - \"") && told.contains(LOGIN) && told.contains("require_redirect"),
                "{told}"
            );
        }
        let events = "SELECT count(*) FROM event WHERE action = 'configuration_warning'";
        let count = app.core.db.query_one(events, Vec::new()).await.unwrap().unwrap().int(0).unwrap();
        assert_eq!(count, 1, "written once");
        let closed = json!({"authentication": "require_redirect"});
        assert_eq!(admin.patch(&format!("/api/v3/flows/instances/{LOGIN}/"), closed).await.status, 200);
        assert!(!admin.get(&brand).await.header("warning").contains(LOGIN));
        app.stop().await;
    })
    .await;
}
