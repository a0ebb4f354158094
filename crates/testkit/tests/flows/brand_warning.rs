//! What an administrator hears about a brand.
use signet_testkit::{App, DbKind, each_database, json};

const LOGIN: &str = "default-authentication-flow";

/// A server with the flow `login-2fa` beside the default one.
async fn with_two_flows(kind: DbKind) -> App {
    let app = App::start(kind).await;
    signet_core::setup::finish(&app.core).await.unwrap();
    let text = signet_blueprints::shipped("example/flow-login-2fa.yaml").unwrap();
    let source = signet_blueprints::Source::new("example", text);
    signet_blueprints::apply(&app.core, &source, &signet_core::directory::Author::system()).await.unwrap();
    app
}
async fn warnings(app: &App) -> i64 {
    let events = "SELECT count(*) FROM event WHERE action = 'configuration_warning'";
    app.core.db.query_one(events, Vec::new()).await.unwrap().unwrap().int(0).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_20_the_brand_warns_of_sign_in_flows_that_stay_open_beside_its_own() {
    each_database(|kind| async move {
        let app = with_two_flows(kind).await;
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
        assert_eq!(warnings(&app).await, 1, "written once");
        let closed = json!({"authentication": "require_redirect"});
        assert_eq!(admin.patch(&format!("/api/v3/flows/instances/{LOGIN}/"), closed).await.status, 200);
        assert!(!admin.get(&brand).await.header("warning").contains(LOGIN));
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_20_the_brand_warns_when_it_is_made() {
    each_database(|kind| async move {
        let app = with_two_flows(kind).await;
        let mut admin = app.admin().await;
        let mut flow = async |slug: &str| {
            admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone()
        };
        let (two_factors, usual) = (flow("login-2fa").await, flow(LOGIN).await);
        for (domain, flow, warns) in [
            ("without.example", json!(null), false),
            ("usual.example", usual, false),
            ("two.example", two_factors.clone(), true),
        ] {
            let before = warnings(&app).await;
            let made = admin
                .post("/api/v3/core/brands/", json!({"domain": domain, "flow_authentication": flow}))
                .await;
            assert_eq!(made.status, 201, "{}", made.text());
            let told = made.header("warning");
            assert_eq!(told.contains(LOGIN) && told.contains("require_redirect"), warns, "{domain}: {told}");
            assert_eq!(told.is_empty(), !warns, "{domain}: {told}");
            assert_eq!(warnings(&app).await - before, i64::from(warns), "{domain}");
        }
        // Where the other flow is closed, there is nothing to warn of.
        let closed = json!({"authentication": "require_redirect"});
        assert_eq!(admin.patch(&format!("/api/v3/flows/instances/{LOGIN}/"), closed).await.status, 200);
        let sent = json!({"domain": "closed.example", "flow_authentication": two_factors});
        let made = admin.post("/api/v3/core/brands/", sent).await;
        assert_eq!((made.status, made.header("warning").contains(LOGIN)), (http::StatusCode::CREATED, false));
        app.stop().await;
    })
    .await;
}
