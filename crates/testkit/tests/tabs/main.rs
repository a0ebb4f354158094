//! Several tabs of one browser: each keeps its way, and what one does is no fault of another.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod answers;

use http::{Method, StatusCode};
use signet_base::{Json, json, query};
use signet_testkit::{App, Browser, each_database};
use std::future::Future;

const SIGN_IN: &str = "/if/flow/default-authentication-flow/";
const PASSWORD: &str = "Engine-1843";

async fn each_app<F, Fut>(test: F)
where
    F: Fn(App) -> Fut,
    Fut: Future<Output = App>,
{
    each_database(|kind| {
        let test = &test;
        async move {
            let app = App::start(kind).await;
            signet_core::setup::finish(&app.core).await.unwrap();
            app.user("ada", PASSWORD).await;
            test(app).await.stop().await;
        }
    })
    .await;
}

fn csrf(page: &str) -> String {
    let start = page.find("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("a form: {page}"))
        + "name=\"csrf\" value=\"".len();
    page[start..].split('"').next().unwrap().to_owned()
}
fn hidden(page: &str, name: &str) -> String {
    page.split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("{name}: {page}"))
        .split('"')
        .next()
        .unwrap()
        .to_owned()
}

/// An application; people are asked for consent each time.
async fn application(app: &App, name: &str) {
    let mut admin = app.admin().await;
    let mut flows = Vec::new();
    for slug in ["default-provider-authorization-explicit-consent", "default-provider-invalidation-flow"] {
        flows.push(admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone());
    }
    let mappings = admin.get("/api/v3/propertymappings/provider/scope/?page_size=100").await.json();
    let mappings: Vec<Json> =
        mappings["results"].as_array().unwrap().iter().map(|m| m["pk"].clone()).collect();
    let provider = json!({"name": name, "client_id": name, "authorization_flow": flows[0], "invalidation_flow": flows[1], "property_mappings": mappings,
        "redirect_uris": [{"matching_mode": "strict", "url": "https://app.test/cb"}]});
    let made = admin.post("/api/v3/providers/oauth2/", provider).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = admin
        .post(
            "/api/v3/core/applications/",
            json!({"name": name, "slug": name, "provider": made.json()["pk"]}),
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
}
fn authorize(client: &str, more: &str) -> String {
    let pairs = [
        ("client_id", client),
        ("response_type", "code"),
        ("redirect_uri", "https://app.test/cb"),
        ("scope", "openid profile"),
        ("state", client),
    ];
    format!("/application/o/authorize/?{}{more}", query::build(pairs))
}

/// Follows redirects on this host; the last page (or the way out) and its address.
async fn follow(browser: &mut Browser, path: &str) -> (String, String) {
    let mut at = path.to_owned();
    for _ in 0..12 {
        let answer = browser.get(&at).await;
        if !answer.status.is_redirection() {
            return (answer.text(), at);
        }
        if !answer.location().starts_with('/') {
            return (answer.location().to_owned(), at);
        }
        at = answer.location().to_owned();
    }
    panic!("{path} leads nowhere");
}
/// Posts the form of a page, and follows where that leads.
async fn post(browser: &mut Browser, at: &str, page: &str, fields: &[(&str, &str)]) -> (String, String) {
    let (token, component) = (csrf(page), hidden(page, "component"));
    let mut pairs = vec![("csrf", token.as_str()), ("component", component.as_str())];
    pairs.extend(fields);
    let answer = browser.form(at, &pairs).await;
    if answer.status.is_redirection() {
        let to = answer.location().to_owned();
        return follow(browser, &to).await;
    }
    // After a form, another host is reached by a page of its own.
    let page = answer.text();
    match page.split("http-equiv=\"refresh\" content=\"0; url=").nth(1) {
        None => (page, at.to_owned()),
        Some(rest) => {
            let to = rest.split('"').next().unwrap().replace("&amp;", "&");
            if to.starts_with('/') { follow(browser, &to).await } else { (to, at.to_owned()) }
        }
    }
}

#[tokio::test]
async fn pages_a2_two_tabs_end_at_their_own_applications() {
    each_app(|app| async move {
        application(&app, "grafana").await;
        application(&app, "wiki").await;
        let mut browser = app.browser();
        let (first, first_at) = follow(&mut browser, &authorize("grafana", "")).await;
        let (second, second_at) = follow(&mut browser, &authorize("wiki", "")).await;
        assert!(first.contains("grafana") && second.contains("wiki") && first_at != second_at);
        // The name in the first tab leads on to the first application.
        let (page, at) = post(&mut browser, &first_at, &first, &[("uid_field", "ada")]).await;
        assert!(page.contains("grafana") && !page.contains("wiki") && at == first_at, "{page}");
        let (consent, consent_at) = post(&mut browser, &at, &page, &[("password", PASSWORD)]).await;
        assert!(consent.contains("<bdi>grafana</bdi>?"), "{consent}");
        // The tab that waited goes on to its own application: no sign-in form, no error.
        let (other, other_at) = post(&mut browser, &second_at, &second, &[("uid_field", "ada")]).await;
        assert!(other.contains("<bdi>wiki</bdi>?") && !other.contains("uid_field"), "{other_at}: {other}");
        // Two consents are open: each shares with its own application, also after a reload of the other.
        let again = browser.get(&consent_at).await.text();
        assert_eq!(hidden(&again, "token"), hidden(&consent, "token"), "a reload shows the same question");
        let (out, _) =
            post(&mut browser, &consent_at, &consent, &[("token", &hidden(&consent, "token"))]).await;
        assert!(
            out.contains("state=grafana") && out.contains("code=") && !out.contains("state=wiki"),
            "{out}"
        );
        let (out, _) = post(&mut browser, &other_at, &other, &[("token", &hidden(&other, "token"))]).await;
        assert!(out.contains("state=wiki") && out.contains("code="), "{out}");
        // Back, after sharing: the request begins again; nothing half known is offered.
        let (back, _) = follow(&mut browser, &consent_at).await;
        assert!(
            !back.contains("%(app)s")
                && (back.contains("<bdi>grafana</bdi>?") || back.contains("state=grafana")),
            "{back}"
        );
        app
    })
    .await;
}

#[tokio::test]
async fn pages_a2_programs_keep_runs_by_their_query() {
    each_app(|app| async move {
        let mut browser = app.browser();
        let flow = "default-authentication-flow";
        let name = json!({"component": "ak-stage-identification", "uid_field": "ada"});
        for next in ["next=/a", "next=/b"] {
            assert_eq!(browser.challenge(flow, next).await["component"], "ak-stage-identification");
        }
        assert_eq!(browser.answer(flow, "next=/a", name.clone()).await["component"], "ak-stage-password");
        assert_eq!(browser.challenge(flow, "next=/b").await["component"], "ak-stage-identification");
        assert_eq!(browser.answer(flow, "next=/b", name).await["component"], "ak-stage-password");
        let end = browser
            .answer(flow, "next=/a", json!({"component": "ak-stage-password", "password": PASSWORD}))
            .await;
        assert_eq!((&end["component"], &end["to"]), (&json!("xak-flow-redirect"), &json!("/a")));
        let end = browser.challenge(flow, "next=/b").await;
        assert_eq!((&end["component"], &end["to"]), (&json!("xak-flow-redirect"), &json!("/b")));
        app
    })
    .await;
}

#[tokio::test]
async fn pages_a2_a_waiting_run_never_outlives_its_account() {
    each_app(|app| async move {
        let user = app.user("eve", PASSWORD).await;
        let flow = "default-authentication-flow";
        let mut browser = app.browser();
        // The run of one tab waits while another begins, and the account changes meanwhile.
        browser.challenge(flow, "next=/a").await;
        browser
            .answer(flow, "next=/a", json!({"component": "ak-stage-identification", "uid_field": "eve"}))
            .await;
        browser.challenge(flow, "next=/b").await;
        browser
            .answer(flow, "next=/b", json!({"component": "ak-stage-identification", "uid_field": "eve"}))
            .await;
        let mut admin = app.admin().await;
        let closed =
            admin.patch(&format!("/api/v3/core/users/{}/", user.id), json!({"is_active": false})).await;
        assert_eq!(closed.status, StatusCode::OK);
        let end = browser
            .answer(flow, "next=/a", json!({"component": "ak-stage-password", "password": PASSWORD}))
            .await;
        assert_ne!(end["component"], "xak-flow-redirect", "{end}");
        app
    })
    .await;
}

#[tokio::test]
async fn wire_w21_a_last_step_can_be_read_again() {
    each_app(|app| async move {
        application(&app, "grafana").await;
        let mut browser = app.login("ada", PASSWORD).await;
        // Signing out of an application: a page, and by program.
        let (page, at) = follow(&mut browser, "/application/o/grafana/end-session/").await;
        assert!(page.contains("You are signed out of"), "{page}");
        assert!(browser.get(&at).await.text().contains("You are signed out of"));
        let first = browser.challenge("default-provider-invalidation-flow", "").await;
        assert_eq!(
            (&first["component"], &first["application_name"]),
            (&json!("ak-stage-session-end"), &json!("grafana"))
        );
        assert_eq!(
            browser.challenge("default-provider-invalidation-flow", "").await["component"],
            "ak-stage-session-end"
        );
        // An answer by form_post: the same bytes.
        let (consent, at) = follow(&mut browser, &authorize("grafana", "&response_mode=form_post")).await;
        let (form, _) = post(&mut browser, &at, &consent, &[("token", &hidden(&consent, "token"))]).await;
        assert!(form.contains("data-autosubmit") && form.contains("name=\"code\""), "{form}");
        let again = browser.get(&at).await.text();
        assert_eq!(hidden(&form, "code"), hidden(&again, "code"));
        // A redirect to the application, by program.
        let to = browser.get(&authorize("grafana", "&prompt=consent&nonce=x")).await.location().to_owned();
        let own = to.split_once('?').unwrap().1.to_owned();
        let flow = "default-provider-authorization-explicit-consent";
        let asked = browser.challenge(flow, &own).await;
        assert_eq!(asked["component"], "ak-stage-consent", "{asked}");
        let end = browser
            .answer(flow, &own, json!({"component": "ak-stage-consent", "token": asked["token"]}))
            .await;
        assert!(end["to"].as_str().is_some_and(|to| to.contains("code=")), "{end}");
        assert_eq!(browser.challenge(flow, &own).await["to"], end["to"]);
        // Whoever comes from the application again gets a new answer.
        assert!(
            follow(&mut browser, &authorize("grafana", "&prompt=consent&nonce=x"))
                .await
                .0
                .contains("<bdi>grafana</bdi>?")
        );
        app
    })
    .await;
}

#[tokio::test]
async fn pages_b1_a_refused_answer_is_shown_by_a_page_that_can_be_reloaded() {
    each_app(|app| async move {
        let mut browser = app.browser();
        let page = browser.get(SIGN_IN).await.text();
        let (page, at) = post(&mut browser, SIGN_IN, &page, &[("uid_field", "ada")]).await;
        let (token, wrong) = (csrf(&page), "not her password");
        let answer = browser
            .form(&at, &[("csrf", &token), ("component", "ak-stage-password"), ("password", wrong)])
            .await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, SIGN_IN), "{}", answer.text());
        let shown = browser.get(&at).await.text();
        assert!(shown.contains("That password is not right") && !shown.contains(wrong), "{shown}");
        // Once: afterwards the page is as it was.
        assert!(!browser.get(&at).await.text().contains("That password is not right"));
        let (_, at) = post(&mut browser, SIGN_IN, &shown, &[("password", PASSWORD)]).await;
        assert!(at.starts_with("/if/user/"), "{at}");
        app
    })
    .await;
}

#[tokio::test]
async fn pages_a8_a_form_whose_session_is_gone_says_so() {
    each_app(|app| async move {
        let mut browser = app.browser();
        let page = browser.get(SIGN_IN).await.text();
        let (page, at) = post(&mut browser, SIGN_IN, &page, &[("uid_field", "ada")]).await;
        let token = csrf(&page);
        let sent = [
            ("csrf", token.as_str()),
            ("component", "ak-stage-password"),
            ("username", "ada"),
            ("password", PASSWORD),
        ];
        let kept = browser.cookies.clone();
        // No cookie at all.
        browser.cookies.clear();
        let answer = browser.form(&at, &sent).await.text();
        assert!(
            answer.contains("This site needs cookies.")
                && answer.contains("value=\"ada\"")
                && !answer.contains(PASSWORD),
            "{answer}"
        );
        // Others are there: they work, and the session is gone.
        browser.cookies.clear();
        browser.cookies.insert("theme".into(), "dark".into());
        let answer = browser.form(&at, &sent).await.text();
        assert!(
            answer.contains("Your sign-in took too long. Start again.")
                && answer.contains("value=\"ada\"")
                && !answer.contains("needs cookies"),
            "{answer}"
        );
        // The form that is shown then works.
        let (page, at) = post(&mut browser, &at, &answer, &[("uid_field", "ada")]).await;
        assert!(page.contains("name=\"password\""), "{page}");
        // Nothing was ever kept for it.
        let mut other = app.browser();
        let fresh = csrf(&other.get(SIGN_IN).await.text());
        let early = [
            ("csrf", fresh.as_str()),
            ("component", "ak-stage-password"),
            ("username", "ada"),
            ("password", PASSWORD),
        ];
        assert!(
            other.form(SIGN_IN, &early).await.text().contains("Your sign-in took too long. Start again.")
        );
        // The cookie is there and its run is over.
        browser.cookies = kept;
        app.clock.advance_secs(400 * 86_400);
        let answer = browser.form(&at, &sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.location());
        let answer = answer.text();
        assert!(
            answer.contains("Your sign-in took too long. Start again.") && answer.contains("value=\"ada\""),
            "{answer}"
        );
        app
    })
    .await;
}

#[tokio::test]
async fn pages_b10_a_sign_in_page_says_who_is_signed_in() {
    each_app(|app| async move {
        let mut browser = app.login("ada", PASSWORD).await;
        let page = browser.get(&format!("{SIGN_IN}?next=/if/user/security/")).await.text();
        assert!(
            page.contains("You are signed in as Person ada")
                && page.contains("href=\"/if/user/security/\"")
                && page.contains("Sign in as somebody else"),
            "{page}"
        );
        assert!(!page.contains("uid_field"));
        // A protocol that asks for another sign-in gets one.
        application(&app, "grafana").await;
        let (page, _) = follow(&mut browser, &authorize("grafana", "&prompt=login")).await;
        assert!(page.contains("uid_field"), "{page}");
        // Programs are asked as ever, and strangers too.
        assert_eq!(
            browser.challenge("default-authentication-flow", "next=/x").await["component"],
            "ak-stage-identification"
        );
        assert!(app.browser().get(SIGN_IN).await.text().contains("uid_field"));
        app
    })
    .await;
}

#[tokio::test]
async fn pages_b26_an_answer_to_an_older_step_shows_the_new_one() {
    each_app(|app| async move {
        let mut browser = app.browser();
        let page = browser.get(SIGN_IN).await.text();
        let (_, at) = post(&mut browser, SIGN_IN, &page, &[("uid_field", "ada")]).await;
        // The second tab, or a second press of the button.
        let (page, _) = post(&mut browser, &at, &page, &[("uid_field", "ada")]).await;
        assert!(
            page.contains("name=\"password\"")
                && !page.contains("Enter your password.<")
                && !page.contains("role=\"alert\"")
                && !page.contains("-error\""),
            "{page}"
        );
        let answer = browser.send(Method::GET, &at, &[], "").await;
        assert_eq!(answer.status, StatusCode::OK);
        app
    })
    .await;
}

/// The work of several tabs at the same moment, in the order of the tabs.
async fn at_once<T, Fut>(tabs: impl IntoIterator<Item = Fut>) -> Vec<T>
where
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let running: Vec<_> = tabs.into_iter().map(tokio::spawn).collect();
    let mut all = Vec::new();
    for tab in running {
        all.push(tab.await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn session_five_tabs_at_once_keep_their_runs() {
    each_app(|app| async move {
        let names: Vec<String> = (0..5).map(|n| format!("app{n}")).collect();
        for name in &names {
            application(&app, name).await;
        }
        let flow = "default-authentication-flow";
        for round in 0..3 {
            // Consent is asked for once of each.
            let who = format!("person{round}");
            app.user(&who, PASSWORD).await;
            // Strangers: the very first that is stored for the session comes from five tabs.
            let mut browser = app.browser();
            browser.challenge(flow, "next=/a").await;
            let name = || json!({"component": "ak-stage-identification", "uid_field": who});
            let answers = at_once((0..5).map(|n| {
                let (mut tab, name) = (browser.clone(), name());
                async move { tab.answer(flow, &format!("next=/{n}"), name).await["component"].clone() }
            }))
            .await;
            assert_eq!(answers, vec![json!("ak-stage-password"); 5], "round {round}");
            for n in 0..5 {
                let shown = browser.challenge(flow, &format!("next=/{n}")).await;
                assert_eq!(shown["component"], "ak-stage-password", "round {round}, tab {n}: {shown}");
            }
            // Five tabs go on with stored runs, and one of them signs in meanwhile.
            let password = json!({"component": "ak-stage-password", "password": PASSWORD});
            let answers = at_once((0..5).map(|n| {
                let (mut tab, password) = (browser.clone(), password.clone());
                async move {
                    let shown = match n {
                        0 => tab.answer(flow, "next=/0", password).await,
                        _ => tab.challenge(flow, &format!("next=/{n}")).await,
                    };
                    (tab, shown)
                }
            }))
            .await;
            assert_eq!(answers[0].1["to"], "/0", "round {round}");
            let mut browser = answers.into_iter().next().unwrap().0;
            let ends = browser.challenge(flow, "next=/3").await;
            assert_eq!(ends["to"], "/3", "round {round}: {ends}");

            // Somebody who is signed in opens five applications.
            let tabs = at_once(names.iter().map(|name| {
                let (mut tab, address) = (browser.clone(), authorize(name, ""));
                async move { follow(&mut tab, &address).await }
            }))
            .await;
            for (name, (page, at)) in names.iter().zip(&tabs) {
                assert!(page.contains(&format!("<bdi>{name}</bdi>?")), "round {round}: {page}");
                let shown = browser.get(at).await.text();
                assert_eq!(hidden(&shown, "token"), hidden(page, "token"), "round {round}, {name}");
            }
            let outs = at_once(tabs.into_iter().map(|(page, at)| {
                let mut tab = browser.clone();
                async move { post(&mut tab, &at, &page, &[("token", &hidden(&page, "token"))]).await.0 }
            }))
            .await;
            for (name, out) in names.iter().zip(&outs) {
                assert!(
                    out.contains(&format!("state={name}")) && out.contains("code="),
                    "round {round}: {out}"
                );
            }
        }
        app
    })
    .await;
}
