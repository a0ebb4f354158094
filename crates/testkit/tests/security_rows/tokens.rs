//! Who may have a token, for what, and how long.
use crate::app::{App, refused, text};
use crate::flows::finished;
use crate::site::{Browser, Site, TestResponse, each_site};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use signet_base::{Json, json};
use signet_store::{sessions, users};

/// An app password of a person.
async fn app_password(site: &Site, user: i64) -> String {
    let key = site.core.ports.alphanumeric(40);
    let token = signet_store::tokens::Token::new(
        site.core.ports.uuid(),
        format!("app-{}", site.core.ports.hex(6)),
        "app_password",
        user,
        site.core.now(),
    );
    signet_store::tokens::insert(&site.core.db, &site.core.vault, &token, &key.as_str().into())
        .await
        .unwrap();
    key
}
/// Every way to a token without a browser: as the client itself, and as a person by an app password, in each
/// place that takes one.
async fn machine_grants(site: &Site, app: &App, name: &str, key: &str) -> Vec<(&'static str, TestResponse)> {
    let packed = STANDARD.encode(format!("{name}:{key}"));
    let (id, own) = (("client_id", app.client_id.as_str()), ("client_secret", app.secret.as_str()));
    let (name, key, scope) =
        (("username", name), ("password", key), ("scope", "openid email profile goauthentik.io/api"));
    let (machine, person) = (("grant_type", "client_credentials"), ("grant_type", "password"));
    let mut all = Vec::new();
    for (way, sent) in [
        (OWN, vec![id, own, machine, scope]),
        ("own account by password", vec![id, own, person, scope]),
        ("app password", vec![id, own, machine, name, key, scope]),
        ("app password alone", vec![id, machine, name, key, scope]),
        ("app password by password", vec![id, own, person, name, key, scope]),
        ("packed", vec![id, ("client_secret", &packed), machine, scope]),
    ] {
        all.push((way, site.browser().form("/application/o/token/", &sent).await));
    }
    all
}
const OWN: &str = "own account";
/// Whether a way asks for the client's own account.
fn is_own(way: &str) -> bool {
    way.starts_with(OWN)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_12_every_way_to_a_token_asks_the_policies_of_the_application() {
    each_site(|site| async move {
        finished(&site).await;
        let alice = site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let start = json!({"meta_launch_url": "https://app.example/start"});
        assert_eq!(
            site.admin().await.json(Method::PATCH, "/api/v3/core/applications/app/", &start).await.status,
            StatusCode::OK
        );
        let browser = site.browser().signed_in("alice").await;
        let code = app.code(&browser, &[]).await;
        let tokens = app.tokens(&browser).await;
        let key = app_password(&site, alice).await;
        // Every one of these ways is open until the policy is there.
        let asked = [
            ("code", "code="),
            ("id_token", "id_token="),
            ("id_token token", "access_token="),
            ("code id_token", "code="),
            ("code token", "code="),
        ];
        for (kind, given) in asked {
            let answer = app.authorize(&browser, &[("response_type", kind), ("nonce", "n")]).await;
            assert!(answer.location().contains(given), "{kind}: {} {}", answer.location(), answer.body);
        }
        for (way, answer) in machine_grants(&site, &app, "alice", &key).await {
            assert_eq!(answer.status, StatusCode::OK, "{way}: {}", answer.body);
            assert!(app.is_active(text(&answer.json(), "access_token")).await, "{way}");
        }
        assert_eq!(browser.get("/application/launch/app/").await.location(), "https://app.example/start");
        assert!(browser.get("/if/user/").await.body.contains("https://app.example/start"));
        let listed = async || {
            browser.get("/api/v3/core/applications/").await.json()["results"].as_array().unwrap().len()
        };
        assert_eq!(listed().await, 1);
        site.bind(app.application.pbm().unwrap(), "return False").await;
        let denied = app.authorize(&browser, &[]).await;
        assert!(!denied.location().contains("code="), "{}", denied.location());
        for kind in asked.map(|(kind, _)| kind).into_iter().chain(["token"]) {
            let answer = app.authorize(&browser, &[("response_type", kind), ("nonce", "n")]).await;
            assert!(
                !answer.location().contains("code=") && !answer.location().contains("token="),
                "{kind}: {}",
                answer.location()
            );
        }
        assert_ne!(app.redeem(&code, &[]).await.status, StatusCode::OK);
        assert_ne!(app.refresh(text(&tokens, "refresh_token")).await.status, StatusCode::OK);
        for (way, answer) in machine_grants(&site, &app, "alice", &key).await {
            assert_eq!(
                (answer.status, answer.json().get("access_token")),
                (StatusCode::BAD_REQUEST, None),
                "{way}: {}",
                answer.body
            );
        }
        let launched = browser.get("/application/launch/app/").await;
        assert!(
            launched.status != StatusCode::FOUND && !launched.body.contains("https://app.example/start"),
            "{}",
            launched.body
        );
        let library = browser.get("/if/user/").await;
        assert!(
            library.status == StatusCode::OK && !library.body.contains("https://app.example/start"),
            "{}",
            library.body
        );
        assert_eq!(listed().await, 0);
        // The policy is asked about the account that the token is for: the person, or the client's own.
        let half = App::new(&site, "half", json!({})).await;
        site.bind(half.application.pbm().unwrap(), "return request.user.username == 'alice'").await;
        for (way, answer) in machine_grants(&site, &half, "alice", &key).await {
            assert_eq!(answer.status == StatusCode::OK, !is_own(way), "{way}: {}", answer.body);
        }
        // No address gives device codes out, and a made-up one is good for nothing.
        let device =
            [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "made-up")];
        refused(&half.token(&device).await, "invalid_grant");
        assert!(half.post("/application/o/device/", &[("scope", "openid")]).await.status.is_client_error());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_policy_that_fails_gives_no_token() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let tokens = app.tokens(&browser).await;
        site.bind(app.application.pbm().unwrap(), "return 1 / 0").await;
        assert!(!app.authorize(&browser, &[]).await.location().contains("code="));
        assert_ne!(app.refresh(text(&tokens, "refresh_token")).await.status, StatusCode::OK);
        // A mapping that fails adds nothing, and leaves a record.
        let broken =
            site.create("authentik_providers_oauth2.scopemapping", json!({"name": "broken", "scope_name": "email", "expression": "return {'email': 1 / 0, 'sub': 'x'}"})).await;
        let other = App::new(&site, "other", json!({"property_mappings": [broken.pk]})).await;
        let code = other.code(&browser, &[("scope", "openid email")]).await;
        let made = other.redeem(&code, &[]).await.json();
        let claims = text(&made, "id_token").split('.').nth(1).map(|p| URL_SAFE_NO_PAD.decode(p).unwrap()).unwrap();
        let claims: Json = serde_json::from_slice(&claims).unwrap();
        assert!(claims.get("email").is_none() && claims["sub"] != "x", "{claims}");
        let failed = signet_store::ListQuery::default().any("action", ["property_mapping_exception"]);
        assert!(!signet_store::events::list(&site.core.db, &failed, None).await.unwrap().0.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_token_is_for_its_own_provider() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let (a, b) = (App::new(&site, "a", json!({})).await, App::new(&site, "b", json!({})).await);
        let browser = site.browser().signed_in("alice").await;
        let tokens = a.tokens(&browser).await;
        for kind in ["access_token", "refresh_token"] {
            let token = text(&tokens, kind);
            assert!(a.is_active(token).await && !b.is_active(token).await, "{kind}");
            b.post("/application/o/revoke/", &[("token", token)]).await;
            assert!(a.is_active(token).await, "{kind} was revoked by another client");
        }
        refused(&b.refresh(text(&tokens, "refresh_token")).await, "invalid_grant");
        refused(&b.redeem(&a.code(&browser, &[]).await, &[]).await, "invalid_grant");
        // Without its secret a client is nobody.
        for secret in ["", "the long secret of the application b", "the long secret of the application A"] {
            let answer = site
                .browser()
                .form(
                    "/application/o/introspect/",
                    &[
                        ("client_id", "a"),
                        ("client_secret", secret),
                        ("token", text(&tokens, "access_token")),
                    ],
                )
                .await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{secret}: {}", answer.body);
        }
        // A session's or an API's key is no access token, and a refresh token is none either.
        assert_eq!(a.userinfo(text(&tokens, "access_token")).await, StatusCode::OK);
        let cookie = browser.cookie("authentik_session").await.unwrap();
        for other in [text(&tokens, "refresh_token"), text(&tokens, "id_token"), cookie.as_str(), ""] {
            assert_eq!(a.userinfo(other).await, StatusCode::UNAUTHORIZED, "{other}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_granted_is_what_was_asked_for_and_configured() {
    each_site(|site| async move {
        finished(&site).await;
        let alice = site.user("alice", &[]).await;
        let email = site
            .find("authentik_providers_oauth2.scopemapping", "goauthentik.io/providers/oauth2/scope-email")
            .pk;
        let open = site
            .find("authentik_providers_oauth2.scopemapping", "goauthentik.io/providers/oauth2/scope-openid")
            .pk;
        let app = App::new(&site, "app", json!({"property_mappings": [open, email]})).await;
        let browser = site.browser().signed_in("alice").await;
        let all = [
            "openid",
            "email",
            "profile",
            "offline_access",
            "goauthentik.io/api",
            "admin",
            "EMAIL",
            "email email",
        ];
        for mask in [0b1, 0b11, 0b111, 0b1111, 0b11111, 0b111111, 0b1111111, 0b1110011, 0b0001011, 0b10000001]
        {
            let asked: Vec<&str> =
                all.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, s)| *s).collect();
            let asked = asked.join(" ");
            let code = app.code(&browser, &[("scope", &asked)]).await;
            let tokens = app
                .redeem(&code, &[("scope", "openid email profile offline_access goauthentik.io/api")])
                .await
                .json();
            let granted = tokens["scope"].as_str().unwrap_or(&asked);
            for scope in granted.split_whitespace() {
                assert!(asked.split_whitespace().any(|a| a == scope), "{scope} was not asked for: {asked}");
                assert!(["openid", "email"].contains(&scope), "{scope} is not configured");
            }
            assert!(tokens.get("refresh_token").is_none(), "offline_access is not configured");
        }
        let key = app_password(&site, alice).await;
        for (way, answer) in machine_grants(&site, &app, "alice", &key).await {
            assert_eq!(answer.status, StatusCode::OK, "{way}: {}", answer.body);
            let body = answer.json();
            let mut granted: Vec<&str> = text(&body, "scope").split_whitespace().collect();
            granted.sort_unstable();
            assert_eq!(granted, ["email", "openid"], "{way}");
            assert!(body.get("refresh_token").is_none(), "{way}");
        }
        // Nothing asked for is nothing granted.
        let plain = app.token(&[("grant_type", "client_credentials")]).await.json();
        assert!(plain["scope"].as_str().unwrap_or_default().is_empty(), "{plain}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_19_tokens_end_with_their_session() {
    each_site(|site| async move {
        finished(&site).await;
        let alice = site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let code = app.code(&browser, &[]).await;
        sessions::delete_for_user(&site.core.db, alice, None).await.unwrap();
        assert!(!browser.is_signed_in().await);
        refused(&app.redeem(&code, &[]).await, "invalid_grant");
        // Ended by an administrator: everything that was granted within it goes, and nothing of another
        // session.
        let (browser, other) =
            (site.browser().signed_in("alice").await, site.browser().signed_in("alice").await);
        let (ended, kept, code) =
            (app.tokens(&browser).await, app.tokens(&other).await, app.code(&browser, &[]).await);
        for tokens in [&ended, &kept] {
            assert!(
                app.is_active(text(tokens, "access_token")).await
                    && app.is_active(text(tokens, "refresh_token")).await
            );
        }
        let list = browser.get("/api/v3/core/authenticated_sessions/").await.json();
        let own = list["results"].as_array().unwrap().iter().find(|s| s["current"] == true).unwrap()["uuid"]
            .as_str()
            .unwrap();
        let gone = site
            .admin()
            .await
            .json(Method::DELETE, &format!("/api/v3/core/authenticated_sessions/{own}/"), &json!({}))
            .await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
        refused(&app.redeem(&code, &[]).await, "invalid_grant");
        assert!(
            !app.is_active(text(&ended, "access_token")).await
                && !app.is_active(text(&ended, "refresh_token")).await
        );
        assert_eq!(app.userinfo(text(&ended, "access_token")).await, StatusCode::UNAUTHORIZED);
        refused(&app.refresh(text(&ended, "refresh_token")).await, "invalid_grant");
        assert_eq!(app.userinfo(text(&kept, "access_token")).await, StatusCode::OK);
        assert_eq!(app.refresh(text(&kept, "refresh_token")).await.status, StatusCode::OK);
        let away = app.authorize(&browser, &[("prompt", "none")]).await;
        assert!(away.location().contains("error=login_required"), "{}", away.location());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_an_inactive_account_gets_nothing() {
    each_site(|site| async move {
        finished(&site).await;
        let alice = site.user("alice", &[site.admins().await]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let program = site.api(alice).await;
        let key = app_password(&site, alice).await;
        for (way, answer) in machine_grants(&site, &app, "alice", &key).await {
            assert_eq!(answer.status, StatusCode::OK, "{way}: {}", answer.body);
        }
        let (code, tokens) = (app.code(&browser, &[]).await, app.tokens(&browser).await);
        let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
        assert!(app.is_active(access).await);
        let mut user = users::by_id(&site.core.db, alice).await.unwrap().unwrap();
        user.is_active = false;
        users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
        assert!(!browser.is_signed_in().await);
        assert!(!app.authorize(&browser, &[]).await.location().contains("code="));
        refused(&app.redeem(&code, &[]).await, "invalid_grant");
        refused(&app.refresh(refresh).await, "invalid_grant");
        assert!(!app.is_active(access).await && !app.is_active(refresh).await);
        assert_eq!(app.userinfo(access).await, StatusCode::UNAUTHORIZED);
        assert_eq!(program.get("/api/v3/core/users/me/").await.status, StatusCode::FORBIDDEN);
        for (way, answer) in machine_grants(&site, &app, "alice", &key).await {
            assert_eq!(
                answer.status,
                if is_own(way) { StatusCode::OK } else { StatusCode::BAD_REQUEST },
                "{way}: {}",
                answer.body
            );
        }
        // The client's own account counts like any other.
        let mut own = users::by_username(&site.core.db, "ak-app-client_credentials").await.unwrap().unwrap();
        own.is_active = false;
        users::update(&site.core.db, &own, None, None, site.core.now()).await.unwrap();
        for (way, answer) in machine_grants(&site, &app, "alice", &key).await {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{way}: {}", answer.body);
        }
        let again = site.browser();
        again.log_in("alice", "password of alice").await;
        assert!(!again.is_signed_in().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_23_expiry_is_judged_when_something_is_read() {
    each_site(|site| async move {
        finished(&site).await;
        let alice = site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        // Codes live one minute, access tokens an hour, refresh tokens 30 days; nothing cleans up here.
        for (wait, good) in [(59, true), (60, false)] {
            let code = app.code(&browser, &[]).await;
            site.clock.advance_secs(wait);
            assert_eq!(app.redeem(&code, &[]).await.status == StatusCode::OK, good, "{wait}");
        }
        let (tokens, others) = (app.tokens(&browser).await, app.tokens(&browser).await);
        let (access, refresh) =
            (text(&tokens, "access_token").to_owned(), text(&tokens, "refresh_token").to_owned());
        site.clock.advance_secs(3599);
        assert!(app.is_active(&access).await);
        site.clock.advance_secs(1);
        assert!(!app.is_active(&access).await);
        assert_eq!(app.userinfo(&access).await, StatusCode::UNAUTHORIZED);
        assert!(browser.is_signed_in().await);
        site.clock.advance_secs(86_400);
        assert!(!browser.is_signed_in().await);
        site.clock.advance_secs(28 * 86_400);
        assert_eq!(app.refresh(text(&others, "refresh_token")).await.status, StatusCode::OK);
        site.clock.advance_secs(86_400);
        refused(&app.refresh(&refresh).await, "invalid_grant");
        // A recovery link, at its last second and after it.
        for (wait, good) in [(59, true), (60, false)] {
            let key = site.core.ports.alphanumeric(60);
            let mut token = signet_store::tokens::Token::new(
                site.core.ports.uuid(),
                format!("recovery-{wait}"),
                "recovery",
                alice,
                site.core.now(),
            );
            token.expiring = true;
            token.expires = Some(site.core.now().plus(signet_base::Span::from_secs(60)));
            signet_store::tokens::insert(&site.core.db, &site.core.vault, &token, &key.as_str().into())
                .await
                .unwrap();
            site.clock.advance_secs(wait);
            let address = format!("/recovery/use-token/{key}/");
            let use_up = async |browser: &Browser| {
                let page = browser.get(&address).await;
                let csrf = page
                    .body
                    .split_once("name=\"csrf\" value=\"")
                    .and_then(|(_, rest)| rest.split_once('"'))
                    .map_or("", |(csrf, _)| csrf);
                browser.form(&address, &[("csrf", csrf)]).await;
            };
            let browser = site.browser();
            use_up(&browser).await;
            assert_eq!(browser.is_signed_in().await, good, "{wait}");
            let second = site.browser();
            use_up(&second).await;
            assert!(!second.is_signed_in().await, "a link works once");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_its_second_use_ends_what_came_of_it() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let code = app.code(&browser, &[]).await;
        let tokens = app.redeem(&code, &[]).await.json();
        assert!(app.is_active(text(&tokens, "access_token")).await);
        refused(&app.redeem(&code, &[]).await, "invalid_grant");
        assert!(
            !app.is_active(text(&tokens, "access_token")).await
                && !app.is_active(text(&tokens, "refresh_token")).await
        );
        // Refresh tokens rotate; an old one ends its family.
        let tokens = app.tokens(&browser).await;
        let old = text(&tokens, "refresh_token").to_owned();
        let fresh = app.refresh(&old).await.json();
        assert_ne!(text(&fresh, "refresh_token"), old);
        refused(&app.refresh(&old).await, "invalid_grant");
        refused(&app.refresh(text(&fresh, "refresh_token")).await, "invalid_grant");
        assert!(!app.is_active(text(&fresh, "access_token")).await);
    })
    .await;
}
