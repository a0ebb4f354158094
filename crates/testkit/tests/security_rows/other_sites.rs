//! Pages of other sites, with a browser that obeys SameSite.
use http::{Method, StatusCode};
use signet_testkit::{App, Browser, Setup, each_database};

const PASSWORD: &str = "Engine-1843";

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.get("/if/user/").await.status == StatusCode::OK
}
async fn ada(app: &App, headers: &[(&str, &str)]) -> Browser {
    let mut browser = app.browser();
    browser.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    assert_eq!(browser.login("ada", PASSWORD).await["component"], "xak-flow-redirect");
    assert!(is_signed_in(&mut browser).await);
    browser
}

#[tokio::test]
async fn guide_g11_a_picture_of_another_site_signs_nobody_out() {
    each_database(|kind| async move {
        // As bad as it can be set: cookies go along with pictures.
        let setup = Setup::new(kind).await.with("AUTHENTIK_SESSION_SECURITY__SAME_SITE", "None");
        let app = setup.start().await.unwrap();
        signet_core::setup::finish(&app.core).await.unwrap();
        app.user("ada", PASSWORD).await;
        let mut browser = ada(&app, &[("x-forwarded-proto", "https")]).await;
        for path in [
            "/flows/-/default/invalidation/",
            "/if/flow/default-invalidation-flow/",
            "/api/v3/flows/executor/default-invalidation-flow/?query=",
            "/flows/-/cancel/",
        ] {
            let seen = browser.embed_from("https://evil.test/", path).await;
            assert!(!seen.status.is_server_error(), "{path} {}", seen.status);
            assert!(is_signed_in(&mut browser).await, "{path}");
        }
        // The cookie was there: their own click ends it.
        browser.get("/if/flow/default-invalidation-flow/").await;
        assert!(!is_signed_in(&mut browser).await);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_form_of_another_site_comes_without_the_session_and_a_link_with_it() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        signet_core::setup::finish(&app.core).await.unwrap();
        app.user("ada", PASSWORD).await;
        let mut browser = ada(&app, &[]).await;
        let opened = browser.navigate_from("https://portal.test", Method::GET, "/if/user/", &[]).await;
        assert_eq!(opened.status, StatusCode::OK, "a link to the library opens it");
        let form = [("act", "end_all")];
        let posted =
            browser.navigate_from("https://evil.test", Method::POST, "/if/user/security/", &form).await;
        assert!(posted.status.is_client_error() || posted.status.is_redirection(), "{}", posted.status);
        assert!(is_signed_in(&mut browser).await);
        // Neither does it begin a session for the other site's choice of account.
        let mut victim = app.browser();
        const FLOW: &str = "/if/flow/default-authentication-flow/";
        let named = [("component", "ak-stage-identification"), ("uid_field", "ada"), ("password", PASSWORD)];
        victim.navigate_from("https://evil.test", Method::POST, FLOW, &named).await;
        assert!(!is_signed_in(&mut victim).await);
        app.stop().await;
    })
    .await;
}
