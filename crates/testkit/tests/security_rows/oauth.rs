//! OAuth 2.0 and OpenID Connect: codes, verifiers, addresses, scopes, and who may have a token.
use crate::flows::finished;
use crate::site::{Answer, Browser, Site, each_site};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use signet_base::{Json, Uuid, json, query};
use signet_model::Object;
use signet_store::{consents, sessions, users};
use std::sync::Arc;

const BACK: &str = "https://app.example/cb";
const MAPPINGS: [&str; 4] = ["openid", "email", "profile", "offline_access"];

/// An application with its provider.
pub struct App {
    pub application: Arc<Object>,
    pub client_id: String,
    pub secret: String,
    site: Arc<Site>,
}

impl App {
    pub async fn new(site: &Arc<Site>, name: &str, more: Json) -> Self {
        let mappings: Vec<Uuid> = MAPPINGS.iter().map(|m| site.find("authentik_providers_oauth2.scopemapping", &format!("goauthentik.io/providers/oauth2/scope-{m}")).pk).collect();
        let mut sent = json!({
            "name": name, "client_id": name, "client_secret": format!("secret of {name}"),
            "authorization_flow": site.flow("default-provider-authorization-implicit-consent"), "invalidation_flow": site.flow("default-provider-invalidation-flow"),
            "redirect_uris": [{"matching_mode": "strict", "url": BACK}], "property_mappings": mappings,
        });
        sent.as_object_mut().unwrap().extend(crate::site::map(more));
        let secret = sent["client_secret"].as_str().unwrap().to_owned();
        let provider = site.create("authentik_providers_oauth2.oauth2provider", sent).await;
        let application = site.create("authentik_core.application", json!({"name": name, "slug": name, "provider": provider.num})).await;
        Self { application, client_id: name.into(), secret, site: site.clone() }
    }
    pub fn address(&self, more: &[(&str, &str)]) -> String {
        let mut pairs = vec![("client_id", self.client_id.as_str()), ("response_type", "code"), ("scope", "openid email offline_access"), ("state", "st"), ("redirect_uri", BACK)];
        for (name, value) in more {
            pairs.retain(|(n, _)| n != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        format!("/application/o/authorize/?{}", query::build(pairs))
    }
    /// Where a browser ends: outside, or on a page.
    pub async fn authorize(&self, browser: &Browser, more: &[(&str, &str)]) -> Answer {
        let mut answer = browser.get(&self.address(more)).await;
        for _ in 0..10 {
            let to = answer.location().to_owned();
            if !to.starts_with('/') {
                break;
            }
            answer = browser.get(&to).await;
        }
        answer
    }
    pub async fn code(&self, browser: &Browser, more: &[(&str, &str)]) -> String {
        let answer = self.authorize(browser, more).await;
        let (_, asked) = answer.location().split_once('?').unwrap_or_else(|| panic!("{} {}", answer.status, answer.body));
        query::value(asked, "code").unwrap_or_else(|| panic!("{asked}"))
    }
    pub async fn token(&self, more: &[(&str, &str)]) -> Answer {
        self.post("/application/o/token/", more).await
    }
    /// A call of the client itself, which proves who it is.
    pub async fn post(&self, address: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("client_id", self.client_id.as_str()), ("client_secret", self.secret.as_str())];
        pairs.extend(more);
        self.site.browser().form(address, &pairs).await
    }
    pub async fn redeem(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        pairs.extend(more);
        self.token(&pairs).await
    }
    pub async fn tokens(&self, browser: &Browser) -> Json {
        let answer = self.redeem(&self.code(browser, &[]).await, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }
    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }
    pub async fn is_active(&self, token: &str) -> bool {
        self.post("/application/o/introspect/", &[("token", token)]).await.json()["active"] == true
    }
    async fn userinfo(&self, token: &str) -> StatusCode {
        self.site.browser().header("authorization", &format!("Bearer {token}")).get("/application/o/userinfo/").await.status
    }
}

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}
fn refused(answer: &Answer, error: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (StatusCode::BAD_REQUEST, Some(error)), "{}", answer.body);
}
const VERIFIER: &str = "a-verifier-of-the-tests-that-is-long-enough-0123456789";

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
            for wrong in [vec![], vec![("code_verifier", "")], vec![("code_verifier", "another-verifier-that-is-as-long-as-the-first-0123456789")], vec![("code_verifier", challenge.as_str())]] {
                refused(&app.redeem(&code, &wrong).await, "invalid_grant");
            }
            let good = app.redeem(&code, &[("code_verifier", VERIFIER)]).await;
            assert_eq!(good.status, StatusCode::OK, "{}", good.body);
        }
        // The plain method would show the verifier to whoever sees the first address.
        let plain = app.authorize(&browser, &[("code_challenge", VERIFIER), ("code_challenge_method", "plain")]).await;
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
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_09_no_address_can_run_script() {
    each_site(|site| async move {
        finished(&site).await;
        let def = site.core.registry.find("authentik_providers_oauth2.oauth2provider").unwrap();
        for scheme in ["javascript", "JaVaScRiPt", "data", "vbscript", "blob", "file", "about", "\u{1}javascript", " javascript", "java\tscript", "view-source"] {
            let url = format!("{scheme}:alert(1)//app.example/cb");
            for mode in ["strict", "regex"] {
                let sent = json!({"name": "x", "client_id": "x", "client_secret": "y", "authorization_flow": site.flow("default-provider-authorization-implicit-consent"),
                    "invalidation_flow": site.flow("default-provider-invalidation-flow"), "redirect_uris": [{"matching_mode": mode, "url": url}]});
                let judged = signet_model::check(def, sent.as_object().unwrap(), None, false, &site.core.world(), &crate::site::AnyRow, &site.core.ports);
                if mode == "strict" {
                    assert!(judged.is_err(), "{url:?}");
                }
            }
        }
        // A pattern that would fit everything still leads to no such address.
        let wild = App::new(&site, "wild", json!({"redirect_uris": [{"matching_mode": "regex", "url": ".*"}]})).await;
        site.user("alice", &[]).await;
        let browser = site.browser().signed_in("alice").await;
        for url in ["javascript:alert(1)", "JAVASCRIPT://app.example/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "\u{1}javascript:alert(1)"] {
            for mode in ["query", "form_post", "fragment"] {
                let answer = wild.authorize(&browser, &[("redirect_uri", url), ("response_mode", mode)]).await;
                assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{url} {mode}");
            }
        }
    })
    .await;
}

const LOOK_ALIKES: [&str; 22] = [
    "https://app.example/CB", "https://app.example/cb/", "https://app.example/cb?x=1", "https://app.example/cb#f", "https://app.example/cb/..;/x", "https://app.example/x/%2e%2e/cb",
    "https://app.example/%2563b", "https://app.example.evil/cb", "https://app.example@evil/cb", "https://app.example:443@evil/cb", "https:\\\\app.example\\cb", "https://app.example/\tcb",
    "https://app.example/cb\n", "https://app.example./cb", "https://xn--pp-vja.example/cb", "HTTPS://app.example/cb", "http://app.example/cb", "https://[fe80::1%25eth0]/cb", "https://app.example:/cb",
    "https://app.example:8443/cb", "//app.example/cb", "/cb",
];

#[tokio::test(flavor = "multi_thread")]
async fn rows_17_and_30_a_look_alike_of_a_registered_address_leads_nowhere() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let strict = App::new(&site, "strict", json!({})).await;
        let dotted = App::new(&site, "dotted", json!({"redirect_uris": [{"matching_mode": "regex", "url": "https://app\\.example/cb"}]})).await;
        let empty = App::new(&site, "empty", json!({"redirect_uris": []})).await;
        let browser = site.browser().signed_in("alice").await;
        for url in LOOK_ALIKES {
            for app in [&strict, &dotted, &empty] {
                let answer = app.authorize(&browser, &[("redirect_uri", url)]).await;
                assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{} {url}", app.client_id);
            }
        }
        for url in ["https://appaexample/cb", "https://xapp.example/cb", "https://app.example/cb.evil"] {
            assert_eq!(dotted.authorize(&browser, &[("redirect_uri", url)]).await.status, StatusCode::BAD_REQUEST, "{url}");
        }
        // Nothing registered: the first address that comes is not taken over.
        for _ in 0..2 {
            assert_eq!(empty.authorize(&browser, &[]).await.status, StatusCode::BAD_REQUEST);
        }
        assert_eq!(empty.authorize(&browser, &[("redirect_uri", "")]).await.status, StatusCode::BAD_REQUEST);
        let good = strict.authorize(&browser, &[]).await;
        assert!(good.location().starts_with("https://app.example/cb?code="), "{} {}", good.location(), good.body);
        // The address of the exchange is the one of the request.
        let code = strict.code(&browser, &[]).await;
        refused(&strict.token(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "https://app.example/CB")]).await, "invalid_grant");
    })
    .await;
}

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
        let broken = site.create("authentik_providers_oauth2.scopemapping", json!({"name": "broken", "scope_name": "email", "expression": "return {'email': 1 / 0, 'sub': 'x'}"})).await;
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
        for secret in ["", "secret of b", "secret of A"] {
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
            let browser = site.browser();
            browser.get(&format!("/recovery/use-token/{key}/")).await;
            assert_eq!(browser.is_signed_in().await, good, "{wait}");
            let second = site.browser();
            second.get(&format!("/recovery/use-token/{key}/")).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_sense_are_refused_by_name() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let app = App::new(&site, "app", json!({})).await;
        let browser = site.browser().signed_in("alice").await;
        let long = "x ".repeat(1 << 13);
        let body = format!("scope={}", "x+".repeat(1 << 20));
        for (name, value) in [("scope", long.as_str()), ("state", long.as_str()), ("nonce", long.as_str()), ("max_age", "-1"), ("max_age", "x"), ("prompt", "none login"), ("response_type", "cod"), ("response_mode", "smoke"), ("code_challenge", "short")] {
            let answer = browser.get(&app.address(&[(name, value)])).await;
            let shown = &value[..value.len().min(20)];
            assert!(answer.status.is_client_error() || answer.location().contains("error="), "{name}={shown}: {} {}", answer.status, answer.location());
        }
        for (kind, body) in [("application/json", "{"), ("text/plain", "x"), ("application/x-www-form-urlencoded", "grant_type=authorization_code&grant_type=refresh_token"), ("application/x-www-form-urlencoded", "%ff=%00")] {
            for address in ["/application/o/token/", "/application/o/introspect/", "/application/o/revoke/"] {
                let answer = browser.send(Method::POST, address, kind, body.to_owned()).await;
                assert!(answer.status.is_client_error(), "{address} {body}: {} {}", answer.status, answer.body);
            }
        }
        for address in ["/application/o/token/", "/application/o/authorize/"] {
            let answer = browser.send(Method::POST, address, "application/x-www-form-urlencoded", body.clone()).await;
            assert!(answer.status.is_client_error(), "{address}: {}", answer.status);
        }
    })
    .await;
}
