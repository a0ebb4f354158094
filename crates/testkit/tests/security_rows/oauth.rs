//! OAuth 2.0 and OpenID Connect: verifiers, addresses, requests that make no sense.
use crate::app::{App, refused};
use crate::flows::finished;
use crate::site::{AnyRow, each_site};
use http::{Method, StatusCode};
use signet_base::json;

const VERIFIER: &str = "a-verifier-of-the-tests-that-is-long-enough-0123456789";

const LOOK_ALIKES: [&str; 22] = [
    "https://app.example/CB",
    "https://app.example/cb/",
    "https://app.example/cb?x=1",
    "https://app.example/cb#f",
    "https://app.example/cb/..;/x",
    "https://app.example/x/%2e%2e/cb",
    "https://app.example/%2563b",
    "https://app.example.evil/cb",
    "https://app.example@evil/cb",
    "https://app.example:443@evil/cb",
    "https:\\\\app.example\\cb",
    "https://app.example/\tcb",
    "https://app.example/cb\n",
    "https://app.example./cb",
    "https://xn--pp-vja.example/cb",
    "HTTPS://app.example/cb",
    "http://app.example/cb",
    "https://[fe80::1%25eth0]/cb",
    "https://app.example:/cb",
    "https://app.example:8443/cb",
    "//app.example/cb",
    "/cb",
];

#[tokio::test(flavor = "multi_thread")]
async fn row_08_a_code_with_a_challenge_needs_the_right_verifier() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let public = App::new(&site, "public", json!({"client_type": "public"})).await;
        let browser = site.browser().signed_in("alice").await;
        let challenge = signet_jose::pkce_s256(VERIFIER);
        for app in [&app, &public] {
            let asked = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
            let code = app.code(&browser, &asked).await;
            for wrong in [
                vec![],
                vec![("code_verifier", "")],
                vec![("code_verifier", "another-verifier-that-is-as-long-as-the-first-0123456789")],
                vec![("code_verifier", challenge.as_str())],
            ] {
                refused(&app.redeem(&code, &wrong).await, "invalid_grant");
            }
            let good = app.redeem(&code, &[("code_verifier", VERIFIER)]).await;
            assert_eq!(good.status, StatusCode::OK, "{}", good.body);
        }
        // The plain method would show the verifier to whoever sees the first address.
        let plain = app
            .authorize(&browser, &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")])
            .await;
        assert!(plain.location().contains("error=invalid_request"), "{}", plain.location());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_a_verifier_without_a_challenge_is_refused() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        for verifier in [VERIFIER, ""] {
            let code = app.code(&browser, &[]).await;
            refused(&app.redeem(&code, &[("code_verifier", verifier)]).await, "invalid_grant");
        }
        // The twin: without both the code is good.
        let good = app.redeem(&app.code(&browser, &[]).await, &[]).await;
        assert_eq!(good.status, StatusCode::OK, "{}", good.body);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_09_no_address_can_run_script() {
    each_site(|site| async move {
        finished(&site).await;
        let def = site.core.registry.find("authentik_providers_oauth2.oauth2provider").unwrap();
        site.user("alice", &[]).await;
        let browser = site.browser().signed_in("alice").await;
        for (n, scheme) in ["javascript", "JaVaScRiPt", "data", "vbscript", "blob", "file", "about", "\u{1}javascript", " javascript", "java\tscript", "view-source"].into_iter().enumerate() {
            let url = format!("{scheme}:alert//app.example/cb");
            for mode in ["strict", "regex"] {
                let sent = json!({"name": "x", "client_id": "x", "client_secret": "y".repeat(32), "authorization_flow": site.flow("default-provider-authorization-implicit-consent"),
                    "invalidation_flow": site.flow("default-provider-invalidation-flow"), "redirect_uris": [{"matching_mode": mode, "url": url}]});
                let judged = signet_model::check(def, sent.as_object().unwrap(), None, false, &site.core.config(), &AnyRow, &site.core.ports);
                assert!(judged.is_err() || mode == "regex" && !["javascript", "data", "vbscript"].contains(&scheme.to_lowercase().as_str()), "{mode} {url:?}");
                // A pattern that may be stored leads to no such address either.
                if judged.is_ok() {
                    let odd = App::new(&site, &format!("odd-{n}"), json!({"redirect_uris": [{"matching_mode": mode, "url": url}]})).await;
                    let answer = odd.authorize(&browser, &[("redirect_uri", &url)]).await;
                    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{url:?}");
                }
            }
        }
        // A pattern that names no scheme of its own may be stored. It still leads to no such address.
        let wild = App::new(&site, "wild", json!({"redirect_uris": [{"matching_mode": "regex", "url": ".*"}]})).await;
        for url in ["javascript:alert(1)", "JAVASCRIPT://app.example/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "\u{1}javascript:alert(1)"] {
            for mode in ["query", "form_post", "fragment"] {
                let answer = wild.authorize(&browser, &[("redirect_uri", url), ("response_mode", mode)]).await;
                assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{url} {mode}");
            }
        }
        // It is a pattern that works: an address of the web is led to.
        let good = wild.authorize(&browser, &[("redirect_uri", "https://other.example/cb")]).await;
        assert!(good.location().starts_with("https://other.example/cb?code="), "{} {}", good.location(), good.body);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_17_and_30_a_look_alike_of_a_registered_address_leads_nowhere() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let strict = App::new(&site, "strict", json!({})).await;
        let dotted = App::new(
            &site,
            "dotted",
            json!({"redirect_uris": [{"matching_mode": "regex", "url": "https://app\\.example/cb"}]}),
        )
        .await;
        let empty = App::new(&site, "empty", json!({"redirect_uris": []})).await;
        let browser = site.browser().signed_in("alice").await;
        for url in LOOK_ALIKES {
            for app in [&strict, &dotted, &empty] {
                let answer = app.authorize(&browser, &[("redirect_uri", url)]).await;
                assert_eq!(
                    (answer.status, answer.location()),
                    (StatusCode::BAD_REQUEST, ""),
                    "{} {url}",
                    app.client_id
                );
            }
        }
        for url in ["https://appaexample/cb", "https://xapp.example/cb", "https://app.example/cb.evil"] {
            assert_eq!(
                dotted.authorize(&browser, &[("redirect_uri", url)]).await.status,
                StatusCode::BAD_REQUEST,
                "{url}"
            );
        }
        // Nothing registered: the first address that comes is not taken over.
        for _ in 0..2 {
            assert_eq!(empty.authorize(&browser, &[]).await.status, StatusCode::BAD_REQUEST);
        }
        assert_eq!(empty.authorize(&browser, &[("redirect_uri", "")]).await.status, StatusCode::BAD_REQUEST);
        for app in [&strict, &dotted] {
            let good = app.authorize(&browser, &[]).await;
            let fine = good.location().starts_with("https://app.example/cb?code=");
            assert!(fine, "{}: {} {}", app.client_id, good.location(), good.body);
        }
        // The address of the exchange is the one of the request.
        let code = strict.code(&browser, &[]).await;
        refused(
            &strict
                .token(&[
                    ("grant_type", "authorization_code"),
                    ("code", &code),
                    ("redirect_uri", "https://app.example/CB"),
                ])
                .await,
            "invalid_grant",
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_sense_are_refused_by_name() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let long = "x ".repeat(1 << 13);
        let body = format!("scope={}", "x+".repeat(1 << 20));
        for (name, value) in [
            ("scope", long.as_str()),
            ("state", long.as_str()),
            ("nonce", long.as_str()),
            ("max_age", "-1"),
            ("max_age", "x"),
            ("prompt", "none login"),
            ("response_type", "cod"),
            ("code_challenge", "short"),
        ] {
            let answer = browser.get(&app.address(&[(name, value)])).await;
            let shown = &value[..value.len().min(20)];
            assert!(
                answer.status.is_client_error() || answer.location().contains("error="),
                "{name}={shown}: {} {}",
                answer.status,
                answer.location()
            );
        }
        for (kind, body) in [
            ("application/json", "{"),
            ("text/plain", "x"),
            ("application/x-www-form-urlencoded", "grant_type=authorization_code&grant_type=refresh_token"),
            ("application/x-www-form-urlencoded", "%ff=%00"),
        ] {
            for address in ["/application/o/token/", "/application/o/introspect/", "/application/o/revoke/"] {
                let answer = browser.send(Method::POST, address, kind, body.to_owned()).await;
                assert!(
                    answer.status.is_client_error(),
                    "{address} {body}: {} {}",
                    answer.status,
                    answer.body
                );
                assert!(answer.json()["error"].is_string(), "{address} {body}: {}", answer.body);
            }
        }
        for address in ["/application/o/token/", "/application/o/authorize/"] {
            let answer =
                browser.send(Method::POST, address, "application/x-www-form-urlencoded", body.clone()).await;
            assert!(answer.status.is_client_error(), "{address}: {}", answer.status);
        }
    })
    .await;
}
