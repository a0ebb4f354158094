//! A server of this crate alone: real store, real core, frozen clock; two people, two clients.
use axum::Router;
use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, StatusCode, header};
use signet_base::ports::FrozenClock;
use signet_base::{Error, FieldErrors, Json, Map, Ports, Secret, Span, Timestamp, Uuid, Vault, json, query};
use signet_core::flow::{Executor, Reply};
use signet_core::models::{Application, CertificateKeyPair, Flow, PolicyBinding};
use signet_core::provider::ProviderKind;
use signet_core::session::Authentication;
use signet_core::system::{Settings, SystemSettings};
use signet_core::{Client, Core, CoreParts, Families, Principal, WebSession};
use signet_jose::x509::{Generate, KeyAlgorithm, generate};
use signet_model::{Choice, Lookup, Model, ModelDef, Object, Registry, check};
use signet_pages::Manifest;
use signet_providers::ALL;
use signet_providers::oauth2::{GrantType, OAuth2Provider, ScopeMapping};
use signet_store::users::User;
use signet_store::{Author, Db, ObjectStore, Write, kv, users};
use std::sync::Arc;
use tower::ServiceExt;

pub const CB: &str = "https://app.example/cb";
pub const SECRET: &str = "a-secret-of-the-app-that-is-long-enough";
pub const VERIFIER: &str = "0123456789-abcdefghijklmnopqrstuvwxyz-01234567";
const HOST: &str = "id.example";

pub struct Fixture {
    pub core: Arc<Core>,
    pub clock: Arc<FrozenClock>,
    router: Router,
    pub provider: Arc<Object>,
    pub application: Arc<Object>,
    pub scopes: Vec<Uuid>,
    pub ann: Principal,
}

pub struct EveryRow;
impl Lookup for EveryRow {
    fn user_exists(&self, _: i64) -> bool {
        true
    }
    fn group_exists(&self, _: Uuid) -> bool {
        true
    }
}

/// What came back.
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}
impl TestResponse {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or(Json::Null)
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    pub fn location(&self) -> &str {
        self.header("location")
    }
    /// A parameter of the address it leads to, in query or fragment.
    pub fn param(&self, name: &str) -> Option<String> {
        let (_, rest) = self.location().split_once(['?', '#'])?;
        query::value(rest, name)
    }
    /// `error`, in the body or the address.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().map(str::to_owned).or_else(|| self.param("error")).unwrap_or_default()
    }
}

impl Fixture {
    pub async fn new(db: Db) -> Self {
        let (ports, clock) = Ports::frozen(Timestamp::from_secs(1_800_000_000), 7);
        // Random bytes are the machine's: two databases and many tests share no sequence.
        let ports = Ports { random: Ports::system().random, ..ports };
        let key = Secret::new("the secret key of the tests");
        let vault = Arc::new(Vault::new(&key, ports.clone()).unwrap());
        let models = signet_core::models::ALL.iter().chain(ALL.iter().flat_map(|s| s.models)).copied();
        let registry = Arc::new(Registry::new(models.chain([crate::memo::MemoProvider::DEF])));
        let objects = Arc::new(ObjectStore::new(db.clone(), registry.clone(), vault.clone(), ports.clone()));
        objects.load().await.unwrap();
        let install_id = kv::install_id(&db, &ports).await.unwrap();
        let memo = Arc::new(crate::memo::Memo) as Arc<dyn ProviderKind>;
        let families = Families::new(
            ALL.iter().flat_map(|s| (s.stages)()),
            [],
            ALL.iter().map(|s| (s.provider)()).chain([memo]),
        );
        let settings = Settings {
            threads: 2,
            hash: signet_core::hash::HashCost::LEAST,
            cache_timeout: 0,
            cache_timeout_flows: 0,
            cache_timeout_policies: 0,
            ..Settings::new(key)
        };
        let assets = Arc::new(Manifest::default());
        let parts = CoreParts {
            ports,
            settings,
            registry,
            families,
            db,
            vault,
            objects,
            install_id,
            system: SystemSettings::default(),
            assets,
        };
        let core = Core::new(parts).unwrap();
        let router = signet_providers::router(&core);
        let ann = person(&core, "ann").await;
        person(&core, "ben").await;
        let mut flows = Vec::new();
        for (slug, designation) in
            [("sign-in", "authentication"), ("authorize", "authorization"), ("sign-out", "invalidation")]
        {
            flows.push(
                create(
                    &core,
                    Flow::DEF,
                    json!({"name": slug, "slug": slug, "title": slug, "designation": designation}),
                )
                .await
                .unwrap(),
            );
        }
        let generated = generate(&Generate {
            common_name: "test",
            subject_alt_names: &[],
            validity_days: 30,
            alg: KeyAlgorithm::parse("ecdsa").unwrap(),
            now: core.now().secs(),
        })
        .unwrap();
        let pair =
            create(&core, CertificateKeyPair::DEF, json!({"name": "key", "certificate_data": generated.certificate_pem, "key_data": generated.key_pem.reveal()})).await.unwrap();
        let mut scopes = Vec::new();
        for (scope, text, description) in [
            ("openid", "return {}", ""),
            ("email", "return {'email': request.user.email, 'email_verified': False}", "Email address"),
            (
                "profile",
                "return {'name': request.user.name, 'preferred_username': request.user.username, 'groups': [g.name for g in request.user.groups.all()]}",
                "Profile",
            ),
            ("offline_access", "return {}", "Stay signed in"),
            ("goauthentik.io/api", "return {}", "API"),
        ] {
            let sent =
                json!({"name": scope, "scope_name": scope, "expression": text, "description": description});
            scopes.push(create(&core, ScopeMapping::DEF, sent).await.unwrap().pk);
        }
        let base = json!({
            "name": "app", "client_id": "app", "client_secret": SECRET, "authorization_flow": flows[1].pk, "invalidation_flow": flows[2].pk, "signing_key": pair.pk,
            "property_mappings": scopes, "grant_types": GrantType::VALUES, "redirect_uris": [{"matching_mode": "strict", "url": CB}, {"matching_mode": "strict", "url": "https://app.example/bye", "redirect_uri_type": "logout"}],
        });
        let provider = create(&core, OAuth2Provider::DEF, base.clone()).await.unwrap();
        let application =
            create(&core, Application::DEF, json!({"name": "App", "slug": "app", "provider": provider.num}))
                .await
                .unwrap();
        let mut other = base;
        other["name"] = json!("other");
        other["client_id"] = json!("other");
        let other = create(&core, OAuth2Provider::DEF, other).await.unwrap();
        create(&core, Application::DEF, json!({"name": "Other", "slug": "other", "provider": other.num}))
            .await
            .unwrap();
        Self { core, clock, router, provider, application, scopes, ann }
    }

    /// Changes settings of the client.
    pub async fn set(&self, changes: Json) {
        self.change(self.provider.pk, changes).await;
    }
    /// Only this person may use the application.
    pub async fn only(&self, user: i64) {
        self.bind(&self.application, user).await;
    }
    /// Only this person passes the object.
    pub async fn bind(&self, object: &Object, user: i64) {
        let sent = json!({"target": object.pbm(), "user": user, "order": 0});
        create(&self.core, PolicyBinding::DEF, sent).await.unwrap();
    }
    /// Changes an object.
    pub async fn change(&self, pk: Uuid, changes: Json) {
        let current = self.core.config().get(pk).cloned().unwrap();
        let config = self.core.config();
        let sent = changes.as_object().unwrap();
        let change =
            check(current.def, sent, Some(&current), true, &config, &EveryRow, &self.core.ports).unwrap();
        let write = Write::Update { pk, version: None, data: change.data, secrets: change.secrets };
        self.core.objects.apply(vec![write], &Author::system()).await.unwrap();
    }
    pub fn client(&self, method: &str, path: &str) -> Client {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Client {
            host: HOST.into(),
            secure: true,
            method: method.into(),
            path: path.into(),
            query: query.into(),
            request_id: "r".into(),
            ..Client::internal()
        }
    }
    /// A session cookie of a person who just signed in.
    pub async fn sign_in(&self, person: &Principal) -> String {
        let mut session = WebSession::anonymous();
        self.sign_in_again(&mut session, person).await
    }
    pub async fn sign_in_again(&self, session: &mut WebSession, person: &Principal) -> String {
        let authentication = Authentication {
            method: "password".into(),
            at: self.core.now(),
            event: self.core.ports.uuid(),
            ..Authentication::default()
        };
        session.sign_in(&self.core, person.clone(), authentication, Span::DAY, signet_store::Batch::new());
        let cookies = session.save(&self.core, &self.client("GET", "/")).await.unwrap();
        cookies[0].split(';').next().unwrap().to_owned()
    }
    pub async fn session(&self, cookie: &str) -> WebSession {
        WebSession::load(&self.core, &self.client("GET", "/"), cookie).await.unwrap()
    }
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() && !headers.iter().any(|(n, _)| *n == "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(std::sync::Arc::new(self.client(method, path)));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        assert!(!status.is_server_error(), "{method} {path}: {status}");
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
        TestResponse { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }
    /// The authorization request of the client with other or further parameters; an empty value leaves one
    /// out.
    pub async fn authorize(&self, cookie: &str, other: &[(&str, &str)]) -> TestResponse {
        self.send(
            "GET",
            &format!("/application/o/authorize/?{}", authorize_query(other)),
            &[("cookie", cookie)],
            "",
        )
        .await
    }
    /// The token endpoint, with the client's Basic authentication.
    pub async fn token(&self, params: &[(&str, &str)]) -> TestResponse {
        self.token_as(Some(("app", SECRET)), params).await
    }
    pub async fn token_as(&self, client: Option<(&str, &str)>, params: &[(&str, &str)]) -> TestResponse {
        let header = client.map(basic);
        let headers: Vec<(&str, &str)> = header.iter().map(|h| ("authorization", h.as_str())).collect();
        self.send("POST", "/application/o/token/", &headers, &query::build(params.iter().copied())).await
    }
    pub async fn code(&self, cookie: &str, other: &[(&str, &str)]) -> String {
        let answer = self.authorize(cookie, other).await;
        answer.param("code").unwrap_or_else(|| panic!("no code: {} {}", answer.status, answer.location()))
    }
    /// A whole code flow.
    pub async fn tokens(&self, cookie: &str, scope: &str) -> Json {
        let code = self.code(cookie, &[("scope", scope)]).await;
        let answer = self.redeem(&code).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }
    pub async fn redeem(&self, code: &str) -> TestResponse {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CB)]).await
    }
    pub async fn userinfo(&self, token: &Json) -> TestResponse {
        let header = format!("Bearer {}", token.as_str().unwrap_or_default());
        self.send("GET", "/application/o/userinfo/", &[("authorization", &header)], "").await
    }
    /// Goes on in the flow that a redirect led to.
    pub async fn flow(&self, session: &mut WebSession, slug: &str, answer: Option<Json>) -> Reply {
        let client = self.client("GET", "/if/flow/");
        let flow = Executor::flow(&self.core, slug).unwrap();
        let query = session.state.query_for(flow.pk);
        let mut executor = Executor { core: &self.core, client: &client, session, query: &query };
        let mut reply = match answer.as_ref().and_then(Json::as_object) {
            Some(answer) => executor.post(&flow, answer).await.unwrap(),
            None => executor.get(&flow).await.unwrap(),
        };
        while matches!(reply, Reply::Again) {
            reply = executor.get(&flow).await.unwrap();
        }
        reply
    }
    pub async fn ben(&self) -> Principal {
        let ben = users::by_username(&self.core.db, "ben").await.unwrap().unwrap();
        Principal::of(&self.core, ben).await.unwrap()
    }
    pub async fn deactivate(&self, person: &Principal) {
        let user = User { is_active: false, ..(*person.user).clone() };
        users::update(&self.core.db, &user, None, None, self.core.now()).await.unwrap();
    }
}

pub fn authorize_query(other: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("client_id", "app"),
        ("redirect_uri", CB),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "st"),
        ("nonce", "no"),
    ];
    for (name, value) in other {
        all.retain(|(n, _)| n != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
    query::build(all)
}
pub fn basic((id, secret): (&str, &str)) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}
/// Claims of a token, unverified.
pub fn claims(token: &Json) -> Json {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn person(core: &Arc<Core>, name: &str) -> Principal {
    let user = User {
        name: format!("{name} example"),
        email: format!("{name}@example.test"),
        ..User::new(&core.ports, name)
    };
    let id = users::insert(&core.db, &user, &[]).await.unwrap();
    Principal::load(core, id).await.unwrap().unwrap()
}

/// Creates an object as the API does: judged, then stored.
pub async fn create(core: &Core, def: &'static ModelDef, sent: Json) -> Result<Arc<Object>, Json> {
    let sent: Map = sent.as_object().cloned().unwrap();
    let change =
        check(def, &sent, None, false, &core.config(), &EveryRow, &core.ports).map_err(
            |error| match error {
                Error::Invalid(fields) => fields.to_json(),
                other => FieldErrors::one("error", other.to_string()).to_json(),
            },
        )?;
    let write = Write::Create { def, pk: None, data: change.data, secrets: change.secrets };
    Ok(core.objects.apply(vec![write], &Author::system()).await.unwrap().remove(0))
}
