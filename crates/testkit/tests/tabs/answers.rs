//! One request, one answer: forms that are sent twice, pages that are loaded again, tabs that take turns.
use super::{PASSWORD, application, at_once, authorize, each_app, follow, hidden, post};
use http::StatusCode;
use signet_base::{Json, json, query};
use signet_store::params;
use signet_testkit::{App, Browser};

async fn codes(app: &App) -> i64 {
    let row = app.core.db.query_one("SELECT count(*) FROM oauth_code", params![]).await.unwrap().unwrap();
    row.int(0).unwrap()
}
fn code(out: &str) -> String {
    query::value(out.split_once('?').unwrap_or_else(|| panic!("{out}")).1, "code")
        .unwrap_or_else(|| panic!("{out}"))
}
async fn share(browser: &mut Browser, at: &str, consent: &str) -> String {
    post(browser, at, consent, &[("token", &hidden(consent, "token"))]).await.0
}

#[tokio::test]
async fn authz_a_form_sent_twice_and_a_page_loaded_again_give_one_code() {
    each_app(|app| async move {
        application(&app, "grafana").await;
        let mut browser = app.login("ada", PASSWORD).await;
        let (consent, at) = follow(&mut browser, &authorize("grafana", "")).await;
        let first = share(&mut browser, &at, &consent).await;
        // The form again, and the page by the back button.
        assert_eq!(share(&mut browser, &at, &consent).await, first);
        let again = browser.get(&at).await;
        assert_eq!((again.status, again.location()), (StatusCode::FOUND, first.as_str()));
        assert_eq!(codes(&app).await, 1);
        // Once it is used the request begins again. Its tokens stay.
        let secret = client_secret(&app, "grafana").await;
        let redeemed = redeem(&app, &code(&first), &secret).await;
        let (next, _) = follow(&mut browser, &at).await;
        assert!(next.contains("state=grafana") && code(&next) != code(&first), "{next}");
        let mut api = app.browser().bearer(redeemed["access_token"].as_str().unwrap());
        assert_eq!(api.get("/application/o/userinfo/").await.status, StatusCode::OK);
        app
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn authz_a_double_click_gives_one_code() {
    each_app(|app| async move {
        application(&app, "grafana").await;
        for round in 0..3 {
            let who = format!("person{round}");
            app.user(&who, PASSWORD).await;
            let mut browser = app.login(&who, PASSWORD).await;
            let (consent, at) = follow(&mut browser, &authorize("grafana", "")).await;
            let outs = at_once((0..4).map(|_| {
                let (mut tab, at, consent) = (browser.clone(), at.clone(), consent.clone());
                async move { share(&mut tab, &at, &consent).await }
            }))
            .await;
            assert!(outs.iter().all(|out| code(out) == code(&outs[0])), "round {round}: {outs:?}");
            let again = browser.get(&at).await;
            assert_eq!(again.location(), outs[0], "round {round}");
        }
        app
    })
    .await;
}

#[tokio::test]
async fn authz_two_tabs_take_turns_and_each_ends_at_its_own_application() {
    each_app(|app| async move {
        application(&app, "grafana").await;
        application(&app, "wiki").await;
        let mut browser = app.browser();
        let (name_a, at_a) = follow(&mut browser, &authorize("grafana", "")).await;
        let (name_b, at_b) = follow(&mut browser, &authorize("wiki", "")).await;
        let (password_a, _) = post(&mut browser, &at_a, &name_a, &[("uid_field", "ada")]).await;
        let (password_b, _) = post(&mut browser, &at_b, &name_b, &[("uid_field", "ada")]).await;
        // Back in the first tab, and its name once more, twice.
        assert!(browser.get(&at_a).await.text().contains("grafana"));
        for _ in 0..2 {
            let (page, at) = post(&mut browser, &at_a, &name_a, &[("uid_field", "ada")]).await;
            assert!(
                page.contains("type=\"password\"") && page.contains("grafana") && at == at_a,
                "{at}: {page}"
            );
        }
        // A wrong password in one tab is no concern of the other.
        let (wrong, _) = post(&mut browser, &at_b, &password_b, &[("password", "wrong-1843")]).await;
        assert!(wrong.contains("type=\"password\"") && wrong.contains("wiki"), "{wrong}");
        let calm = browser.get(&at_a).await.text();
        assert!(!calm.contains("is-invalid") && calm.contains("grafana"), "{calm}");
        // The second tab signs in; the first one sends its password twice after it.
        let (consent_b, consent_at_b) = post(&mut browser, &at_b, &wrong, &[("password", PASSWORD)]).await;
        assert!(consent_b.contains("<bdi>wiki</bdi>?"), "{consent_b}");
        let (consent_a, consent_at_a) =
            post(&mut browser, &at_a, &password_a, &[("password", PASSWORD)]).await;
        assert!(consent_a.contains("<bdi>grafana</bdi>?"), "{consent_a}");
        let (twice, _) = follow(&mut browser, &at_a).await;
        assert!(twice.contains("grafana") && !twice.contains("wiki"), "{twice}");
        // One declines, the other agrees; both may look again.
        let decline = consent_a.split("href=\"").find(|part| part.contains("error=access_denied")).unwrap();
        let decline = decline.split('"').next().unwrap().replace("&amp;", "&");
        assert!(
            decline.starts_with("https://app.test/cb?") && decline.contains("state=grafana"),
            "{decline}"
        );
        let out_b = share(&mut browser, &consent_at_b, &consent_b).await;
        assert!(out_b.contains("state=wiki") && out_b.contains("code="), "{out_b}");
        let back = browser.get(&consent_at_a).await.text();
        assert!(back.contains("<bdi>grafana</bdi>?"), "{back}");
        let out_a = share(&mut browser, &consent_at_a, &back).await;
        assert!(out_a.contains("state=grafana") && out_a.contains("code="), "{out_a}");
        assert_eq!(browser.get(&consent_at_b).await.location(), out_b);
        assert_eq!(browser.get(&consent_at_a).await.location(), out_a);
        app
    })
    .await;
}

#[tokio::test]
async fn authz_who_loses_access_on_the_way_is_sent_back_with_the_refusal() {
    each_app(|app| async move {
        application(&app, "grafana").await;
        let mut browser = app.login("ada", PASSWORD).await;
        let (consent, at) = follow(&mut browser, &authorize("grafana", "")).await;
        let other = app.user("eve", PASSWORD).await;
        let mut admin = app.admin().await;
        let target = admin.get("/api/v3/core/applications/grafana/").await.json()["pbm_uuid"].clone();
        let bound = admin
            .post("/api/v3/policies/bindings/", json!({"target": target, "user": other.id, "order": 0}))
            .await;
        assert_eq!(bound.status, StatusCode::CREATED, "{}", bound.text());
        let out = share(&mut browser, &at, &consent).await;
        assert!(
            out.starts_with("https://app.test/cb?error=access_denied&") && out.contains("state=grafana"),
            "{out}"
        );
        assert_eq!(share(&mut browser, &at, &consent).await, out);
        assert_eq!(browser.get(&at).await.location(), out);
        assert_eq!(codes(&app).await, 0);
        app
    })
    .await;
}

async fn client_secret(app: &App, name: &str) -> String {
    let found = app.admin().await.get(&format!("/api/v3/providers/oauth2/?name={name}")).await.json();
    found["results"][0]["client_secret"].as_str().unwrap().to_owned()
}
async fn redeem(app: &App, code: &str, secret: &str) -> Json {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.test/cb"),
        ("client_id", "grafana"),
        ("client_secret", secret),
    ];
    let answer = app.browser().form("/application/o/token/", &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}
