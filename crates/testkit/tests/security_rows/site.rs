//! A server for one test, filled beside its API, and browsers that talk to it over its socket.
use http::{HeaderMap, Method, StatusCode, header};
use signet_base::ports::FrozenClock;
use signet_base::{Json, Map, Uuid, json, query};
use signet_core::Core;
use signet_core::models::Flow;
use signet_model::{Lookup, check};
use signet_store::{Author, Write, groups, users};
use signet_testkit::{App, Setup, each_database};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Mutex;

pub struct Site {
    pub core: Arc<Core>,
    pub clock: Arc<FrozenClock>,
    app: App,
}

/// Runs a test on a fresh server, on SQLite and then on PostgreSQL.
pub async fn each_site<F, Fut>(test: F)
where
    F: Fn(Arc<Site>) -> Fut,
    Fut: Future<Output = ()>,
{
    each_site_with(&[], test).await;
}

/// [`each_site`] with variables.
pub async fn each_site_with<F, Fut>(variables: &[(&str, &str)], test: F)
where
    F: Fn(Arc<Site>) -> Fut,
    Fut: Future<Output = ()>,
{
    each_database(|kind| {
        let test = &test;
        async move {
            let setup =
                variables.iter().fold(Setup::new(kind).await, |setup, (name, value)| setup.with(name, value));
            let app = setup.start().await.expect("the server starts");
            let site = Arc::new(Site { core: app.core.clone(), clock: app.clock.clone(), app });
            test(site.clone()).await;
            let Ok(Site { core, app, .. }) = Arc::try_unwrap(site) else {
                panic!("the test is over: nobody uses the server any more")
            };
            drop(core);
            app.stop().await;
        }
    })
    .await;
}

/// Users and groups are looked at by the database.
pub struct AnyRow;
impl Lookup for AnyRow {
    fn user_exists(&self, _: i64) -> bool {
        true
    }
    fn group_exists(&self, _: Uuid) -> bool {
        true
    }
}

impl Site {
    /// A browser without cookies.
    pub fn browser(&self) -> Browser {
        Browser(Mutex::new(self.app.browser()))
    }
    /// A program with an API key.
    pub async fn api(&self, user: i64) -> Browser {
        Browser(Mutex::new(self.app.with_token(user).await))
    }
    pub async fn admin(&self) -> Browser {
        Browser(Mutex::new(self.app.admin().await))
    }
    /// An account with the password `password of <name>`.
    pub async fn user(&self, name: &str, in_groups: &[Uuid]) -> i64 {
        let user = self.app.user(name, &password(name)).await;
        for group in in_groups {
            users::join_group(&self.core.db, user.id, *group).await.unwrap();
        }
        user.id
    }
    pub async fn admins(&self) -> Uuid {
        groups::by_name(&self.core.db, "authentik Admins").await.unwrap().unwrap().id
    }
    pub async fn count_users(&self) -> i64 {
        users::count(&self.core.db).await.unwrap()
    }
    /// Creates an object as the API would, without the gate.
    pub async fn create(&self, model: &str, sent: Json) -> Arc<signet_model::Object> {
        let def = self.core.registry.find(model).unwrap();
        let change = check(
            def,
            sent.as_object().unwrap(),
            None,
            false,
            &self.core.config(),
            &AnyRow,
            &self.core.ports,
        )
        .unwrap_or_else(|e| panic!("{model}: {e}"));
        let (data, secrets) = (change.data, change.secrets);
        self.core
            .objects
            .apply(vec![Write::Create { def, pk: None, data, secrets }], &Author::system())
            .await
            .unwrap()
            .remove(0)
    }
    /// The object of a model with this value in an indexed field.
    pub fn find(&self, model: &str, name: &str) -> Arc<signet_model::Object> {
        let world = self.core.config();
        let def = self.core.registry.find(model).unwrap();
        world
            .of(def)
            .find(|o| [o.text("name"), o.text("slug"), o.text("managed")].contains(&name))
            .unwrap_or_else(|| panic!("{model} {name}"))
            .clone()
    }
    pub fn flow(&self, slug: &str) -> Uuid {
        self.core.config().find::<Flow>("slug", slug).unwrap().0.pk
    }
    /// A flow of ready stages in order; each may have a policy of its own, named by an expression.
    pub async fn flow_of(&self, slug: &str, stages: &[(&str, Option<&str>)]) -> Uuid {
        let flow = self
            .create(
                "authentik_flows.flow",
                json!({"name": slug, "slug": slug, "title": slug, "designation": "stage_configuration"}),
            )
            .await;
        for (order, (stage, policy)) in stages.iter().enumerate() {
            let stage = self
                .core
                .config()
                .objects()
                .find(|o| o.def.base == Some(signet_model::Base::Stage) && o.name() == *stage)
                .unwrap_or_else(|| panic!("{stage}"))
                .pk;
            let binding = self
                .create(
                    "authentik_flows.flowstagebinding",
                    json!({"target": flow.pk, "stage": stage, "order": order}),
                )
                .await;
            if let Some(expression) = policy {
                self.bind(binding.pbm().unwrap(), expression).await;
            }
        }
        flow.pk
    }
    /// Binds an expression to a target.
    pub async fn bind(&self, target: Uuid, expression: &str) {
        let policy = self
            .create(
                "authentik_policies_expression.expressionpolicy",
                json!({"name": self.core.ports.hex(8), "expression": expression}),
            )
            .await;
        self.create(
            "authentik_policies.policybinding",
            json!({"target": target, "policy": policy.pk, "order": 0}),
        )
        .await;
    }
}

pub fn password(name: &str) -> String {
    format!("password of {name}")
}

/// Keeps cookies, follows nothing by itself.
pub struct Browser(Mutex<signet_testkit::Browser>);

#[derive(Debug)]
pub struct TestResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}
impl TestResponse {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |v| v.to_str().unwrap())
    }
    pub fn component(&self) -> String {
        self.json()["component"].as_str().unwrap_or_default().to_owned()
    }
}

impl Browser {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.get_mut().headers.push((name.to_owned(), value.to_owned()));
        self
    }
    /// Asks for another host.
    pub fn at(mut self, host: &str) -> Self {
        host.clone_into(&mut self.0.get_mut().host);
        self
    }
    /// `host:port` that it asks for.
    pub async fn host(&self) -> String {
        self.0.lock().await.host.clone()
    }
    pub async fn cookie(&self, name: &str) -> Option<String> {
        self.0.lock().await.cookies.get(name).cloned()
    }
    pub async fn get(&self, address: &str) -> TestResponse {
        self.send(Method::GET, address, "", String::new()).await
    }
    pub async fn json(&self, method: Method, address: &str, body: &Json) -> TestResponse {
        self.send(method, address, "application/json", body.to_string()).await
    }
    pub async fn form(&self, address: &str, pairs: &[(&str, &str)]) -> TestResponse {
        self.send(
            Method::POST,
            address,
            "application/x-www-form-urlencoded",
            query::build(pairs.iter().copied()),
        )
        .await
    }
    /// No request whatever may meet a fault of the server.
    pub async fn send(&self, method: Method, address: &str, kind: &str, body: String) -> TestResponse {
        let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
        let answer = self.0.lock().await.send(method.clone(), address, headers, body).await;
        let body = answer.text();
        assert!(!answer.status.is_server_error(), "{method} {address}: {} {body}", answer.status);
        TestResponse { status: answer.status, headers: answer.headers, body }
    }

    /// A request that the test made fail inside the server.
    pub async fn without_check(&self, method: Method, address: &str, sent: &Json) -> TestResponse {
        let headers = [("content-type", "application/json")];
        let answer = self.0.lock().await.send(method, address, &headers, sent.to_string()).await;
        let body = answer.text();
        TestResponse { status: answer.status, headers: answer.headers, body }
    }

    /// Answers a challenge as one of a crowd, where the server may say that too many are waiting (503). None:
    /// it did.
    pub async fn answer_in_a_crowd(&self, slug: &str, sent: &Json) -> Option<TestResponse> {
        let address = format!("/api/v3/flows/executor/{slug}/?query=");
        let answer = self
            .0
            .lock()
            .await
            .send(Method::POST, &address, &[("content-type", "application/json")], sent.to_string())
            .await;
        match answer.status {
            StatusCode::SERVICE_UNAVAILABLE => None,
            StatusCode::FOUND => Some(self.challenge(slug).await),
            status => {
                assert!(!status.is_server_error(), "{status}");
                Some(TestResponse { status, body: answer.text(), headers: answer.headers })
            }
        }
    }

    /// The challenge of a flow, after its silent stages.
    pub async fn challenge(&self, slug: &str) -> TestResponse {
        let address = format!("/api/v3/flows/executor/{slug}/?query=");
        let mut answer = self.get(&address).await;
        for _ in 0..20 {
            if answer.status != StatusCode::FOUND {
                break;
            }
            answer = self.get(&address).await;
        }
        answer
    }
    /// Answers a challenge, without asking for the next one.
    pub async fn answer(&self, slug: &str, sent: &Json) -> TestResponse {
        self.json(Method::POST, &format!("/api/v3/flows/executor/{slug}/?query="), sent).await
    }
    /// Answers a challenge and asks for what follows.
    pub async fn step(&self, slug: &str, sent: &Json) -> TestResponse {
        let answer = self.answer(slug, sent).await;
        if answer.status == StatusCode::FOUND { self.challenge(slug).await } else { answer }
    }
    /// Signs in by the default flow; the last answer.
    pub async fn log_in(&self, name: &str, password: &str) -> TestResponse {
        const FLOW: &str = "default-authentication-flow";
        self.challenge(FLOW).await;
        self.step(FLOW, &json!({"component": "ak-stage-identification", "uid_field": name})).await;
        self.step(FLOW, &json!({"component": "ak-stage-password", "password": password})).await
    }
    pub async fn signed_in(self, name: &str) -> Self {
        let end = self.log_in(name, &password(name)).await;
        assert_eq!(end.component(), "xak-flow-redirect", "{}", end.body);
        self
    }
    /// Whether the library opens.
    pub async fn is_signed_in(&self) -> bool {
        self.get("/if/user/").await.status == StatusCode::OK
    }
}

/// An object as a map.
pub fn map(value: Json) -> Map {
    value.as_object().cloned().unwrap()
}
