//! A whole API in process: core models and one small stage, a superuser, a plain user, and a key for each.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Ports, Secret, Span, Vault};
use signet_core::session::{Authentication, WebSession};
use signet_core::system::{Settings, SystemSettings};
use signet_core::{Client, Core, CoreParts, Families, Principal, models};
use signet_model::{Base, Model, Registry};
use signet_pages::Manifest;
use signet_store::groups::{self, Group};
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User};
use signet_store::{Db, ObjectStore, kv};
use std::sync::Arc;
use tower::ServiceExt;

/// Ends the flow.
#[derive(Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_deny", path = "stages/deny", name = "denystage", base = Stage, label = "Deny Stage", component = "ak-stage-deny-form", search("name"))]
pub struct DenyStage {
    #[field(unique, filter)]
    pub name: String,
    #[field(default = "", blank)]
    pub deny_message: String,
}
const _: Option<Base> = DenyStage::DEF.base;

pub const ADMIN: &str = "admin-key-0123456789-abcdefghijklmnopqrst";
pub const PLAIN: &str = "plain-key-0123456789-abcdefghijklmnopqrst";

pub struct App {
    pub core: Arc<Core>,
    pub router: Router,
    pub admin: i64,
    pub plain: i64,
    pub admins: Group,
}

pub struct TestResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Json,
}

pub fn client(method: &Method, path: &str) -> Client {
    Client {
        host: "id.test".into(),
        method: method.to_string(),
        path: path.into(),
        request_id: "r".into(),
        ..Client::internal()
    }
}

fn router(core: &Arc<Core>) -> Router {
    let table = signet_api::table(&core.registry, Vec::new(), 0);
    signet_api::router(core.clone(), Arc::new(table), None)
}

impl App {
    pub async fn start(db: Db) -> Self {
        let ports = Ports::system();
        let registry = Arc::new(Registry::new(models::ALL.iter().copied().chain([DenyStage::DEF])));
        let vault = Arc::new(Vault::new(&"key".into(), ports.clone()).unwrap());
        let objects = Arc::new(ObjectStore::new(db.clone(), registry.clone(), vault.clone(), ports.clone()));
        objects.load().await.unwrap();
        let install_id = kv::install_id(&db, &ports).await.unwrap();
        let settings =
            Settings { threads: 1, hash: signet_core::hash::HashCost::LEAST, ..Settings::new("key".into()) };
        let parts = CoreParts {
            ports: ports.clone(),
            settings,
            registry,
            families: Families::default(),
            db: db.clone(),
            vault,
            objects,
            install_id,
            system: SystemSettings::default(),
            assets: Arc::new(Manifest::default()),
        };
        let core = Core::new(parts).unwrap();
        let admins = Group { is_superuser: true, ..Group::new(&ports, "authentik Admins") };
        groups::insert(&db, &admins, &[], &[]).await.unwrap();
        let admin = users::insert(&db, &User::new(&ports, "akadmin"), &[admins.id]).await.unwrap();
        let plain = users::insert(&db, &User::new(&ports, "plain"), &[]).await.unwrap();
        let app = Self { router: router(&core), core, admin, plain, admins };
        app.token("admin-token", "api", admin, ADMIN).await;
        app.token("plain-token", "api", plain, PLAIN).await;
        app
    }
    pub async fn token(&self, identifier: &str, intent: &str, user: i64, key: &str) -> Token {
        let token = Token::new(self.core.ports.uuid(), identifier, intent, user, self.core.now());
        tokens::insert(&self.core.db, &self.core.vault, &token, &Secret::new(key)).await.unwrap();
        token
    }
    /// `path` below `/api/v3`, with its query.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> TestResponse {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder().method(method.clone()).uri(format!("/api/v3{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(std::sync::Arc::new(client(&method, path)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
            if bytes.is_empty() {
                Json::Null
            } else {
                Json::String(String::from_utf8_lossy(&bytes).into_owned())
            }
        });
        TestResponse { status, headers, body }
    }
    pub async fn call(
        &self,
        key: Option<&str>,
        method: &str,
        path: &str,
        body: Option<Json>,
    ) -> TestResponse {
        let bearer = key.map(|k| format!("Bearer {k}"));
        let mut headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
        match body {
            Some(body) => {
                headers.push(("content-type", "application/json"));
                self.send(method, path, &headers, body.to_string()).await
            }
            None => self.send(method, path, &headers, Body::empty()).await,
        }
    }
    pub async fn admin(&self, method: &str, path: &str, body: Json) -> TestResponse {
        self.call(Some(ADMIN), method, path, (!body.is_null()).then_some(body)).await
    }
    pub async fn plain(&self, method: &str, path: &str, body: Json) -> TestResponse {
        self.call(Some(PLAIN), method, path, (!body.is_null()).then_some(body)).await
    }
    /// A signed-in browser: its `Cookie` header and its form token.
    pub async fn browser(&self, user: i64) -> (String, String) {
        let person = Principal::load(&self.core, user).await.unwrap().unwrap();
        let mut session = WebSession::anonymous();
        session.sign_in(&self.core, person, Authentication::default(), Span::DAY, signet_store::Batch::new());
        let csrf = session.csrf(&self.core);
        let cookies = session.save(&self.core, &client(&Method::GET, "/")).await.unwrap();
        let cookies: Vec<String> = cookies.iter().map(|c| c.split(';').next().unwrap().to_owned()).collect();
        (cookies.join("; "), csrf)
    }
}
