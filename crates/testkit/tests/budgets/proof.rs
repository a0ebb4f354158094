//! The proof of work that passwords need after many wrong ones.
use super::sign_in::guess;
use super::{from, start};
use signet_core::proof_of_work::solve;
use signet_store::DbKind;
use signet_store::users::{self, User};
use signet_testkit::{App, Browser, TestResponse, each_database, json};

const LOGIN: &str = "default-authentication-flow";
const PASSWORD: &str = "Correct-Horse-9";

/// The password stage for a name.
async fn at_password(browser: &mut Browser, name: &str) -> signet_base::Json {
    browser.answer(LOGIN, "", json!({"component": "ak-stage-identification", "uid_field": name})).await
}
async fn answer(browser: &mut Browser, password: &str, proof: Option<&str>) -> TestResponse {
    let mut sent = json!({"component": "ak-stage-password", "password": password});
    if let Some(proof) = proof {
        sent["proof_of_work"] = json!(proof);
    }
    browser.post(&format!("/api/v3/flows/executor/{LOGIN}/?query="), sent).await
}
/// What a program computes for a challenge.
fn proof(challenge: &signet_base::Json) -> String {
    let work = &challenge["proof_of_work"];
    assert_eq!(work["algorithm"], "sha256", "{challenge}");
    solve(work["challenge"].as_str().unwrap(), u32::try_from(work["bits"].as_u64().unwrap()).unwrap())
}
fn is_asked_for(answer: &TestResponse) -> bool {
    let body = answer.json();
    // The shape in which every client finds what is wrong with an answer.
    let told = body["response_errors"]["non_field_errors"][0]["code"] == "proof_of_work";
    assert!(
        !told
            || (answer.status == 200
                && body["component"] == "ak-stage-password"
                && body["proof_of_work"]["bits"].is_u64()),
        "{body}"
    );
    told
}
/// Ten names, each wrong once.
async fn spray(app: &App, ip: &str, count: usize) {
    for n in 0..count {
        let wrong = guess(&mut from(app, ip), &format!("{ip} {n}"), "wrong").await;
        assert!(wrong.status == 200 && !is_asked_for(&wrong), "{n}: {}", wrong.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_17_after_many_wrong_passwords_of_a_network_each_costs_a_proof_of_work() {
    each_database(|kind| async move {
        let app = start(kind, &[("THROTTLE__PROOF_OF_WORK", "10")]).await;
        app.user("ada", PASSWORD).await;
        let mut known = from(&app, "198.51.100.7");
        assert_eq!(known.login("ada", PASSWORD).await["component"], "xak-flow-redirect");
        spray(&app, "198.51.100.7", 10).await;
        // One is judged without it now and then; a name that nobody has is asked for it too.
        let mut first = from(&app, "198.51.100.7");
        let shown = at_password(&mut first, "nobody at all").await;
        assert!(shown["proof_of_work"]["challenge"].is_string(), "{shown}");
        assert!(!is_asked_for(&answer(&mut first, "wrong", None).await));
        let mut second = from(&app, "198.51.100.7");
        at_password(&mut second, "ada").await;
        let lacked = answer(&mut second, PASSWORD, None).await;
        assert!(is_asked_for(&lacked), "the right one is not looked at: {}", lacked.text());
        let shown = lacked.json();
        let right = proof(&shown);
        // A proof of too little work, of another challenge, for another network.
        let weak = format!("{}:0", shown["proof_of_work"]["challenge"].as_str().unwrap());
        let forged = solve("9999999999.1.00.AAAA", 1);
        for wrong in [weak.as_str(), &forged, ":", "x", &right[1..]] {
            assert!(is_asked_for(&answer(&mut second, PASSWORD, Some(wrong)).await), "{wrong}");
        }
        spray(&app, "198.51.100.8", 10).await;
        let mut elsewhere = from(&app, "198.51.100.8");
        at_password(&mut elsewhere, "nobody").await;
        assert!(!is_asked_for(&answer(&mut elsewhere, "wrong", None).await));
        at_password(&mut elsewhere, "ada").await;
        assert!(is_asked_for(&answer(&mut elsewhere, PASSWORD, Some(&right)).await));
        // The right one counts once.
        assert_eq!(answer(&mut second, PASSWORD, Some(&right)).await.status, 302);
        let mut third = from(&app, "198.51.100.7");
        at_password(&mut third, "ada").await;
        assert!(is_asked_for(&answer(&mut third, PASSWORD, Some(&right)).await));
        // The known browser and other networks are never asked.
        known.cookies.remove("authentik_session");
        assert!(at_password(&mut known, "ada").await.get("proof_of_work").is_none());
        assert_eq!(answer(&mut known, PASSWORD, None).await.status, 302);
        let mut other = from(&app, "203.0.113.1");
        assert!(at_password(&mut other, "ada").await.get("proof_of_work").is_none());
        assert_eq!(answer(&mut other, PASSWORD, None).await.status, 302);
        // Whoever has no script waits.
        app.clock.advance_secs(31);
        assert_eq!(answer(&mut third, PASSWORD, None).await.status, 302);
        // A challenge is over after ten minutes, and the failures after an hour.
        let mut late = from(&app, "198.51.100.7");
        let shown = at_password(&mut late, "ada").await;
        app.clock.advance_secs(601);
        assert!(!is_asked_for(&guess(&mut from(&app, "198.51.100.7"), "nobody", "wrong").await));
        assert!(is_asked_for(&answer(&mut late, PASSWORD, Some(&proof(&shown))).await));
        assert!(
            app.browser()
                .get("/-/metrics/")
                .await
                .text()
                .contains("authentik_throttled_total{kind=\"proof_of_work\"}")
        );
        app.clock.advance_secs(3600);
        assert!(at_password(&mut from(&app, "198.51.100.7"), "ada").await.get("proof_of_work").is_none());
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_17_wrong_passwords_for_one_account_from_many_networks_cost_it_too() {
    each_database(|kind| async move {
        let app = start(kind, &[("THROTTLE__PROOF_OF_WORK", "10")]).await;
        app.user("ada", PASSWORD).await;
        for name in ["ada", "nobody"] {
            for n in 0..12 {
                if n % 5 == 0 {
                    app.clock.advance_secs(301);
                }
                let wrong = guess(&mut from(&app, &format!("203.0.113.{n}")), name, "wrong").await;
                assert!(!is_asked_for(&wrong), "{name} {n}: each network has one without it");
            }
            let mut fresh = from(&app, "198.51.100.1");
            let shown = at_password(&mut fresh, name).await;
            assert!(shown["proof_of_work"].is_object(), "{name}: {shown}");
        }
        app.clock.advance_secs(301);
        let mut owner = from(&app, "198.51.100.1");
        let shown = at_password(&mut owner, "ada").await;
        assert_eq!(answer(&mut owner, PASSWORD, Some(&proof(&shown))).await.status, 302);
        // Whoever has proven to be her has forgotten them.
        assert!(at_password(&mut from(&app, "198.51.100.2"), "ada").await.get("proof_of_work").is_none());
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_17_a_page_computes_the_proof_and_says_what_happens_without_a_script() {
    let app = start(DbKind::Sqlite, &[("THROTTLE__PROOF_OF_WORK", "10")]).await;
    app.user("ada", PASSWORD).await;
    spray(&app, "198.51.100.7", 10).await;
    let path = format!("/if/flow/{LOGIN}/");
    let mut browser = from(&app, "198.51.100.7");
    let csrf = |page: &str| {
        page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let page = browser.get(&path).await.text();
    browser
        .form(
            &path,
            &[("csrf", &csrf(&page)), ("component", "ak-stage-identification"), ("uid_field", "ada")],
        )
        .await;
    let mut page = browser.get(&path).await.text();
    assert!(
        page.contains("<noscript>") && page.contains("one password is checked every 30 seconds"),
        "{page}"
    );
    // Without a script: one is judged, the next has to wait, and the page says how long.
    for word in ["wrong", PASSWORD] {
        let sent = [
            ("csrf", csrf(&page)),
            ("component", "ak-stage-password".into()),
            ("proof_of_work", String::new()),
            ("password", word.into()),
        ];
        let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(browser.form(&path, &sent).await.status, 303);
        page = browser.get(&path).await.text();
    }
    assert!(page.contains("try again in 30 seconds"), "{page}");
    let part =
        |name: &str| page.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let found = solve(&part("data-challenge"), part("data-bits").parse().unwrap());
    let done = browser
        .form(
            &path,
            &[
                ("csrf", &csrf(&page)),
                ("component", "ak-stage-password"),
                ("proof_of_work", &found),
                ("password", PASSWORD),
            ],
        )
        .await;
    assert_eq!((done.status.as_u16(), done.location()), (303, "/"), "{}", done.text());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_17_outposts_that_prove_it_are_counted_by_account() {
    each_database(|kind| async move {
        let app = start(
            kind,
            &[
                ("THROTTLE__PROOF_OF_WORK", "10"),
                ("THROTTLE__PASSWORDS", "12/hour"),
                ("THROTTLE__SESSIONS", "30/hour"),
                ("THROTTLE__DEFAULT", "50/hour"),
            ],
        )
        .await;
        let account =
            User { user_type: "internal_service_account".into(), ..User::new(&app.core.ports, "outpost") };
        let account = users::insert(&app.core.db, &account, &[]).await.unwrap();
        let key = app.with_token(account).await;
        let key = key.token().unwrap().to_owned();
        let outpost = |key: &str| {
            let mut browser = from(&app, "198.51.100.7");
            browser.headers.push(("x-authentik-outpost-token".into(), key.into()));
            browser
        };
        for n in 0..40 {
            let wrong = guess(&mut outpost(&key), &format!("person{n}"), "wrong").await;
            assert!(wrong.status == 200 && !is_asked_for(&wrong), "{n}: {}", wrong.text());
        }
        // Each person has the count of the account.
        let mut last = 0;
        for _ in 0..6 {
            last = usize::from(
                guess(&mut outpost(&key), "one", "wrong").await.json()["component"]
                    == "ak-stage-access-denied",
            );
        }
        assert_eq!(last, 1);
        // A key that is none proves nothing.
        let mut asked = false;
        for n in 0..12 {
            let wrong = guess(&mut outpost("x"), &format!("person{n}"), "wrong").await;
            asked |= is_asked_for(&wrong);
        }
        assert!(asked);
        app.stop().await;
    })
    .await;
}
