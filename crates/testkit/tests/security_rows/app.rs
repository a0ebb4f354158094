//! An application that speaks OpenID Connect.
use crate::site::{Browser, Site, TestResponse, map};
use http::StatusCode;
use signet_base::{Json, Uuid, json, query};
use signet_model::Object;
use std::sync::Arc;

pub const BACK: &str = "https://app.example/cb";
/// All that are built.
const GRANTS: [&str; 7] = [
    "authorization_code",
    "implicit",
    "hybrid",
    "refresh_token",
    "client_credentials",
    "password",
    "urn:ietf:params:oauth:grant-type:device_code",
];
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
        let mappings: Vec<Uuid> = MAPPINGS
            .iter()
            .map(|m| {
                site.find(
                    "authentik_providers_oauth2.scopemapping",
                    &format!("goauthentik.io/providers/oauth2/scope-{m}"),
                )
                .pk
            })
            .collect();
        let mut sent = json!({
            "name": name, "client_id": name, "client_secret": format!("the long secret of the application {name}"),
            "authorization_flow": site.flow("default-provider-authorization-implicit-consent"), "invalidation_flow": site.flow("default-provider-invalidation-flow"),
            "redirect_uris": [{"matching_mode": "strict", "url": BACK}], "property_mappings": mappings, "grant_types": GRANTS,
        });
        sent.as_object_mut().unwrap().extend(map(more));
        let secret = sent["client_secret"].as_str().unwrap().to_owned();
        let provider = site.create("authentik_providers_oauth2.oauth2provider", sent).await;
        let application = site
            .create(
                "authentik_core.application",
                json!({"name": name, "slug": name, "provider": provider.num}),
            )
            .await;
        Self { application, client_id: name.into(), secret, site: site.clone() }
    }
    pub fn address(&self, more: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("scope", "openid email offline_access"),
            ("state", "st"),
            ("redirect_uri", BACK),
        ];
        for (name, value) in more {
            pairs.retain(|(n, _)| n != name);
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        format!("/application/o/authorize/?{}", query::build(pairs))
    }
    /// Where a browser ends: outside, or on a page.
    pub async fn authorize(&self, browser: &Browser, more: &[(&str, &str)]) -> TestResponse {
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
        let (_, asked) =
            answer.location().split_once('?').unwrap_or_else(|| panic!("{} {}", answer.status, answer.body));
        query::value(asked, "code").unwrap_or_else(|| panic!("{asked}"))
    }
    pub async fn token(&self, more: &[(&str, &str)]) -> TestResponse {
        self.post("/application/o/token/", more).await
    }
    /// A call of the client itself, which proves who it is.
    pub async fn post(&self, address: &str, more: &[(&str, &str)]) -> TestResponse {
        let mut pairs = vec![("client_id", self.client_id.as_str()), ("client_secret", self.secret.as_str())];
        pairs.extend(more);
        self.site.browser().form(address, &pairs).await
    }
    pub async fn redeem(&self, code: &str, more: &[(&str, &str)]) -> TestResponse {
        let mut pairs = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)];
        pairs.extend(more);
        self.token(&pairs).await
    }
    pub async fn tokens(&self, browser: &Browser) -> Json {
        let answer = self.redeem(&self.code(browser, &[]).await, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }
    pub async fn refresh(&self, token: &str) -> TestResponse {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }
    pub async fn is_active(&self, token: &str) -> bool {
        self.post("/application/o/introspect/", &[("token", token)]).await.json()["active"] == true
    }
    pub async fn userinfo(&self, token: &str) -> StatusCode {
        self.site
            .browser()
            .header("authorization", &format!("Bearer {token}"))
            .get("/application/o/userinfo/")
            .await
            .status
    }
}

pub fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}"))
}
pub fn refused(answer: &TestResponse, error: &str) {
    assert_eq!(
        (answer.status, answer.json()["error"].as_str()),
        (StatusCode::BAD_REQUEST, Some(error)),
        "{}",
        answer.body
    );
}
