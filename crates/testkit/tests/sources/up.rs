//! An installation with a source "up", its server, and people who go there.
use http::StatusCode;
use signet_base::{Json, json};
use signet_store::users::User;
use signet_testkit::{App, Browser, OidcServer, TestResponse};
use std::sync::Arc;

pub const START: &str = "/source/oauth/login/up/";
pub const CALLBACK: &str = "/source/oauth/callback/up/";

pub struct Up {
    pub app: App,
    pub server: OidcServer,
    pub admin: Browser,
}

impl Up {
    pub async fn start(app: App) -> Self {
        signet_core::setup::finish(&app.core).await.unwrap();
        let clock = Arc::clone(&app.core);
        let server = OidcServer::start(move || clock.now().secs()).await;
        let admin = app.admin().await;
        let mut me = Self { app, server, admin };
        let made = me.create("up", json!({})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        me
    }
    pub async fn flow(&mut self, slug: &str) -> Json {
        self.admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone()
    }
    /// Another source at the same server.
    pub async fn create(&mut self, slug: &str, more: Json) -> TestResponse {
        let (authentication, enrollment) =
            (self.flow("default-source-authentication").await, self.flow("default-source-enrollment").await);
        let mut source = json!({"name": format!("The {slug}"), "slug": slug, "provider_type": "openidconnect", "consumer_key": OidcServer::CLIENT,
            "consumer_secret": OidcServer::SECRET, "oidc_well_known_url": self.server.well_known(),
            "authentication_flow": authentication, "enrollment_flow": enrollment});
        source.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        self.admin.post("/api/v3/sources/oauth/", source).await
    }
    pub async fn set(&mut self, settings: Json) {
        let done = self.admin.patch("/api/v3/sources/oauth/up/", settings).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    }
    /// Goes to the server and agrees there: the address of the answer.
    pub async fn go(&self, browser: &mut Browser, claims: Json) -> String {
        let start = browser.get(START).await;
        assert_eq!(start.status, StatusCode::SEE_OTHER, "{}", start.text());
        format!("{CALLBACK}?{}", self.server.agree(start.location(), claims))
    }
    /// Signs in, or enrols; follows the flow to its end. The last answer.
    pub async fn visit(&self, browser: &mut Browser, claims: Json) -> TestResponse {
        let answer = self.go(browser, claims).await;
        follow(browser, &answer).await
    }
    /// The account of whoever is signed in.
    pub async fn who(&self, browser: &mut Browser) -> Option<String> {
        let me = browser.get("/api/v3/core/users/me/").await;
        me.json()["user"]["username"].as_str().map(str::to_owned)
    }
    /// An account whose address is proven, or not.
    pub async fn person(&self, name: &str, proven: bool) -> User {
        use signet_core::directory::{self, Author, UserChange};
        let user = self.app.user(name, "Engine-1843").await;
        if proven {
            let change = UserChange::of(&user).email_verified("mail");
            directory::commit(&self.app.core, &Author::system(), change).await.unwrap();
        }
        user
    }
    /// The text of a refusal: its page, and an event.
    pub async fn last_refusal(&mut self) -> Json {
        let events =
            self.admin.get("/api/v3/events/events/?action=login_failed&ordering=-created").await.json();
        events["results"][0]["context"].clone()
    }
}

/// Follows redirects on this server, up to a page.
pub async fn follow(browser: &mut Browser, address: &str) -> TestResponse {
    let mut reply = browser.get(address).await;
    for _ in 0..10 {
        if !reply.status.is_redirection() {
            break;
        }
        let to = reply.location().to_owned();
        assert!(to.starts_with('/'), "{to}");
        reply = browser.get(&to).await;
    }
    reply
}
