//! Who may have a token, for what, and how long.
use crate::app::{App, refused, text};
use crate::flows::finished;
use crate::site::{Browser, each_site};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use signet_base::{Json, json};
use signet_store::{consents, sessions, users};

#[tokio::test(flavor = "multi_thread")]
async fn row_12_every_way_to_a_token_asks_the_policies_of_the_application() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let code = app.code(&browser, &[]).await;
        let tokens = app.tokens(&browser).await;
        site.bind(app.application.pbm().unwrap(), "return False").await;
        let denied = app.authorize(&browser, &[]).await;
        assert!(!denied.location().contains("code="), "{}", denied.location());
        for kind in ["token", "id_token", "id_token token", "code id_token", "code token"] {
            let answer = app.authorize(&browser, &[("response_type", kind), ("nonce", "n")]).await;
            assert!(!answer.location().contains("code=") && !answer.location().contains("token="), "{kind}: {}", answer.location());
        }
        assert_ne!(app.redeem(&code, &[]).await.status, StatusCode::OK);
        assert_ne!(app.refresh(text(&tokens, "refresh_token")).await.status, StatusCode::OK);
        for grant in ["client_credentials", "password", "urn:ietf:params:oauth:grant-type:device_code"] {
            assert_ne!(app.token(&[("grant_type", grant), ("username", "alice"), ("password", "password of alice")]).await.status, StatusCode::OK, "{grant}");
        }
        assert_ne!(browser.get("/application/launch/app/").await.status, StatusCode::FOUND);
        let library = browser.get("/if/user/").await;
        assert!(!library.body.contains("/application/launch/app/"), "{}", library.body);
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
        let written = signet_store::events::list(&site.core.db, &signet_store::events::EventQuery::default()).await.unwrap().0;
        assert!(written.iter().any(|e| e.action == "property_mapping_exception"));
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
            let answer = site.browser().form("/application/o/introspect/", &[("client_id", "a"), ("client_secret", secret), ("token", text(&tokens, "access_token"))]).await;
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
        site.user("alice", &[]).await;
        let email = site.find("authentik_providers_oauth2.scopemapping", "goauthentik.io/providers/oauth2/scope-email").pk;
        let open = site.find("authentik_providers_oauth2.scopemapping", "goauthentik.io/providers/oauth2/scope-openid").pk;
        let app = App::new(&site, "app", json!({"property_mappings": [open, email]})).await;
        let browser = site.browser().signed_in("alice").await;
        let all = ["openid", "email", "profile", "offline_access", "goauthentik.io/api", "admin", "EMAIL", "email email"];
        for mask in [0b1, 0b11, 0b111, 0b1111, 0b11111, 0b111111, 0b1111111, 0b1110011, 0b0001011, 0b10000001] {
            let asked: Vec<&str> = all.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, s)| *s).collect();
            let asked = asked.join(" ");
            let code = app.code(&browser, &[("scope", &asked)]).await;
            let tokens = app.redeem(&code, &[("scope", "openid email profile offline_access goauthentik.io/api")]).await.json();
            let granted = tokens["scope"].as_str().unwrap_or(&asked);
            for scope in granted.split_whitespace() {
                assert!(asked.split_whitespace().any(|a| a == scope), "{scope} was not asked for: {asked}");
                assert!(["openid", "email"].contains(&scope), "{scope} is not configured");
            }
            assert!(tokens.get("refresh_token").is_none(), "offline_access is not configured");
        }
        for grant in ["client_credentials", "password"] {
            let answer = app.token(&[("grant_type", grant), ("scope", "openid email profile goauthentik.io/api")]).await;
            if answer.status == StatusCode::OK {
                let body = answer.json();
                assert!(text(&body, "scope").split_whitespace().all(|s| ["openid", "email"].contains(&s)), "{body}");
            }
        }
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
        let code = app.code(&browser, &[]).await;
        site.clock.advance_secs(60);
        refused(&app.redeem(&code, &[]).await, "invalid_grant");
        let tokens = app.tokens(&browser).await;
        let (access, refresh) = (text(&tokens, "access_token").to_owned(), text(&tokens, "refresh_token").to_owned());
        site.clock.advance_secs(3599);
        assert!(app.is_active(&access).await);
        site.clock.advance_secs(1);
        assert!(!app.is_active(&access).await);
        assert_eq!(app.userinfo(&access).await, StatusCode::UNAUTHORIZED);
        assert!(browser.is_signed_in().await);
        site.clock.advance_secs(86_400);
        assert!(!browser.is_signed_in().await);
        site.clock.advance_secs(30 * 86_400);
        refused(&app.refresh(&refresh).await, "invalid_grant");
        // A recovery link, at its last second and after it.
        for (wait, good) in [(59, true), (60, false)] {
            let key = site.core.ports.alphanumeric(60);
            let mut token = signet_store::tokens::Token::new(site.core.ports.uuid(), format!("recovery-{wait}"), "recovery", alice, site.core.now());
            token.expiring = true;
            token.expires = Some(site.core.now().plus(signet_base::Span::from_secs(60)));
            signet_store::tokens::insert(&site.core.db, &site.core.vault, &token, &key.as_str().into()).await.unwrap();
            site.clock.advance_secs(wait);
            let address = format!("/recovery/use-token/{key}/");
            let use_up = async |browser: &Browser| {
                let page = browser.get(&address).await;
                let csrf = page.body.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(csrf, _)| csrf);
                browser.form(&address, &[("csrf", csrf)]).await;
            };
            let browser = site.browser();
            use_up(&browser).await;
            assert_eq!(browser.is_signed_in().await, good, "{wait}");
            let second = site.browser();
            use_up(&second).await;
            assert!(!second.is_signed_in().await, "a link works once");
        }
        // A consent that has run out is asked for again.
        let now = site.core.now();
        let row = consents::Consent { id: 0, user_id: alice, application: app.application.pk, permissions: String::new(), expires: Some(now), created: now };
        consents::put(&site.core.db, &row).await.unwrap();
        assert!(consents::get(&site.core.db, alice, app.application.pk).await.unwrap().is_none_or(|c| c.is_expired(now)));
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
        assert!(!app.is_active(text(&tokens, "access_token")).await && !app.is_active(text(&tokens, "refresh_token")).await);
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
