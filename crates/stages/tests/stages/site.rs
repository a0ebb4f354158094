//! A core on an empty SQLite database with these stages, and a browser that keeps cookies. No HTTP.
#![allow(dead_code, clippy::unwrap_used)]
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::outbound::{MailBox, ScriptedHttp};
use signet_base::{Json, Map, Ports, Result, Secret, Timestamp, Uuid, Vault, json};
use signet_core::flow::{Executor, Reply, StageKind};
use signet_core::job::Job;
use signet_core::mail::SendMail;
use signet_core::models::{Flow, FlowStageBinding};
use signet_core::policy::{Policy, Question, Verdict};
use signet_core::system::{Settings, SystemSettings};
use signet_core::{Client, Core, CoreParts, Families, WebSession};
use signet_model::{Lookup, Model, ModelDef, Object, Registry, check};
use signet_stages::ALL;
use signet_stages::email::DeliverLink;
use signet_stages::user_write::TellOwner;
use signet_store::users::{self, User};
use signet_store::{Author, ObjectStore, Write, testdb};
use std::sync::Arc;
use tokio::sync::watch;

/// A policy that answers what it is told.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "test_policies", path = "policies/fixed", base = Policy, label = "Fixed Policy")]
pub struct FixedPolicy {
    #[field(unique)]
    pub name: String,
    #[field(default = "", blank)]
    pub message: String,
    /// `pass`, `fail` or `error`
    #[field(default = "pass")]
    pub answer: String,
    /// What it sets in the context.
    #[field(default_fn = |_| json!({}))]
    pub sets: Map,
}
struct Fixed;
#[async_trait]
impl Policy for Fixed {
    fn def(&self) -> &'static ModelDef {
        FixedPolicy::DEF
    }
    async fn judge(&self, policy: &Arc<Object>, _: &Question<'_>) -> Result<Verdict> {
        let me = policy.get::<FixedPolicy>().unwrap();
        match me.answer.as_str() {
            "error" => Err(signet_base::Error::internal("told to fail")),
            answer => Ok(Verdict {
                passing: answer == "pass",
                messages: vec![me.message.clone()],
                context: me.sets.clone(),
            }),
        }
    }
}

const JOBS: [&dyn Job; 3] = [&SendMail, &DeliverLink, &TellOwner];

struct NoAssets;
impl signet_pages::Assets for NoAssets {
    fn url(&self, _: &str) -> Option<String> {
        None
    }
}
struct AllRows;
impl Lookup for AllRows {
    fn user_exists(&self, _: i64) -> bool {
        true
    }
    fn group_exists(&self, _: Uuid) -> bool {
        true
    }
}

pub struct Site {
    pub core: Arc<Core>,
    pub clock: Arc<signet_base::ports::FrozenClock>,
    /// What was sent by mail.
    pub mail: Arc<MailBox>,
    /// What other servers answer.
    pub http: Arc<ScriptedHttp>,
    /// Ends the worker.
    _stop: watch::Sender<bool>,
}

impl Site {
    pub async fn new() -> Self {
        Self::with(&[], |families| families).await
    }
    /// With further models and kinds.
    pub async fn with(more: &[&'static ModelDef], families: impl FnOnce(Families) -> Families) -> Self {
        let db = testdb::sqlite().await;
        let (ports, clock) = Ports::frozen(Timestamp::parse("2026-11-23T20:00:00Z").unwrap(), 7);
        let (mail, http) = (Arc::new(MailBox::default()), Arc::new(ScriptedHttp::default()));
        let ports = ports.with_mail(mail.clone()).with_http(http.clone());
        let secret: Secret = "a secret key of the tests".into();
        let vault = Arc::new(Vault::new(&secret, ports.clone()).unwrap());
        let models = signet_core::models::ALL
            .iter()
            .copied()
            .chain(ALL.iter().flat_map(|s| s.models.iter().copied()))
            .chain([FixedPolicy::DEF])
            .chain(more.iter().copied());
        let registry = Arc::new(Registry::new(models));
        let objects = Arc::new(ObjectStore::new(db.clone(), registry.clone(), vault.clone(), ports.clone()));
        objects.load().await.unwrap();
        let stages: Vec<Arc<dyn StageKind>> = ALL.iter().map(|s| (s.kind)()).collect();
        let policies: Vec<Arc<dyn Policy>> = vec![Arc::new(Fixed)];
        let settings =
            Settings { threads: 1, hash: signet_core::hash::HashCost::LEAST, ..Settings::new(secret) };
        let parts = CoreParts {
            ports,
            settings,
            registry,
            families: families(Families::new(stages, policies, []).with_jobs(JOBS.iter().copied())),
            db,
            vault,
            objects,
            install_id: "test".into(),
            system: SystemSettings {
                base_url: "https://id.example.test".into(),
                ..SystemSettings::default()
            },
            assets: Arc::new(NoAssets),
        };
        let core = Core::new(parts).unwrap();
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(signet_core::job::work(core.clone(), stopped));
        Self { core, clock, mail, http, _stop }
    }
    /// Creates an object as the API does; its key.
    pub async fn make(&self, def: &'static ModelDef, sent: Json) -> Uuid {
        let change = check(
            def,
            sent.as_object().unwrap(),
            None,
            false,
            &self.core.config(),
            &AllRows,
            &self.core.ports,
        )
        .unwrap();
        let write = Write::Create { def, pk: None, data: change.data, secrets: change.secrets };
        self.core.objects.apply(vec![write], &Author::system()).await.unwrap()[0].pk
    }
    /// A flow of these stages in order.
    pub async fn flow(&self, slug: &str, designation: &str, stages: &[Uuid]) -> Uuid {
        let flow = self
            .make(Flow::DEF, json!({"name": slug, "slug": slug, "title": slug, "designation": designation}))
            .await;
        for (order, stage) in stages.iter().enumerate() {
            self.make(FlowStageBinding::DEF, json!({"target": flow, "stage": stage, "order": order})).await;
        }
        flow
    }
    pub async fn person(&self, username: &str, password: &str) -> i64 {
        let mut user = User::new(&self.core.ports, username);
        user.name = format!("{username} the person");
        user.email = format!("{username}@example.test");
        if !password.is_empty() {
            user.password = self.core.hasher.hash(password.into()).await.unwrap();
        }
        users::insert(&self.core.db, &user, &[]).await.unwrap()
    }
    pub async fn user(&self, id: i64) -> User {
        users::by_id(&self.core.db, id).await.unwrap().unwrap()
    }
    pub async fn people(&self) -> i64 {
        users::count(&self.core.db).await.unwrap()
    }
    pub fn browser(&self) -> Browser<'_> {
        Browser {
            site: self,
            cookie: String::new(),
            set: Vec::new(),
            query: String::new(),
            seed: None,
            mfa: String::new(),
        }
    }
}

/// What a request brought.
#[derive(Debug)]
pub enum Seen {
    Challenge(Json),
    Done(String),
    Failed(String),
}
impl Seen {
    pub fn json(&self) -> &Json {
        match self {
            Seen::Challenge(challenge) => challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }
    pub fn component(&self) -> &str {
        self.json()["component"].as_str().unwrap()
    }
    pub fn is_denied(&self) -> bool {
        matches!(self, Seen::Challenge(c) if c["component"] == "ak-stage-access-denied")
    }
    /// Text of the first error at a field.
    pub fn error(&self, field: &str) -> &str {
        self.json()["response_errors"][field][0]["string"]
            .as_str()
            .unwrap_or_else(|| panic!("no error at {field}: {self:?}"))
    }
    pub fn is_done(&self) -> bool {
        matches!(self, Seen::Done(_))
    }
}

pub struct Browser<'a> {
    site: &'a Site,
    cookie: String,
    /// `Set-Cookie` of the last answer that had any.
    pub set: Vec<String>,
    pub query: String,
    /// Put into the context of the next plan, as a server's own caller would.
    pub seed: Option<Map>,
    /// Value of the cookie that remembers a second factor.
    pub mfa: String,
}

impl Browser<'_> {
    fn client(&self) -> Client {
        Client {
            host: "id.example.test".into(),
            secure: true,
            local: true,
            method: "POST".into(),
            path: "/api/v3/flows/executor/x/".into(),
            query: self.query.clone(),
            request_id: "r1".into(),
            mfa: self.mfa.clone(),
            ..Client::internal()
        }
    }
    pub async fn session(&self) -> WebSession {
        WebSession::load(&self.site.core, &self.client(), &self.cookie).await.unwrap()
    }
    /// Who is signed in.
    pub async fn who(&self) -> Option<String> {
        self.session().await.principal().map(|p| p.user.username.clone())
    }
    pub async fn get(&mut self, slug: &str) -> Seen {
        self.go(slug, None).await
    }
    pub async fn post(&mut self, slug: &str, answer: Json) -> Seen {
        self.go(slug, Some(answer)).await
    }
    async fn go(&mut self, slug: &str, mut answer: Option<Json>) -> Seen {
        for _ in 0..20 {
            let core = &self.site.core;
            let client = self.client();
            let mut session = self.session().await;
            let flow = Executor::flow(core, slug).unwrap();
            let mut executor = Executor { core, client: &client, session: &mut session, query: &self.query };
            let reply = match answer.take() {
                Some(sent) => executor.post(&flow, sent.as_object().unwrap()).await,
                None => executor.get(&flow).await,
            };
            if let Some(seed) = self.seed.take() {
                session.state.plan.as_mut().unwrap().context.0.extend(seed);
                session.touch();
            }
            let set = session.save(core, &client).await.unwrap();
            for cookie in &set {
                if let Some(rest) = cookie.strip_prefix("authentik_mfa=") {
                    self.mfa = rest.split(';').next().unwrap().to_owned();
                }
                if let Some(rest) = cookie.strip_prefix("authentik_session=") {
                    self.cookie = format!("authentik_session={}", rest.split(';').next().unwrap());
                }
            }
            if !set.is_empty() {
                self.set = set;
            }
            match reply {
                Ok(Reply::Again) => {}
                Ok(Reply::Challenge(challenge) | Reply::NotApplicable(challenge)) => {
                    return Seen::Challenge(Json::Object(challenge));
                }
                Ok(Reply::Done(to) | Reply::Away(to)) => return Seen::Done(to),
                Err(error) => return Seen::Failed(error.to_string()),
            }
        }
        panic!("the flow does not end");
    }
}

/// Runs futures together, without another dependency.
pub async fn together<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    use std::pin::Pin;
    use std::task::Poll;
    let mut running: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        let mut waiting = false;
        for (future, slot) in running.iter_mut().zip(&mut done) {
            if slot.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(out) => *slot = Some(out),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting {
            Poll::Pending
        } else {
            Poll::Ready(done.iter_mut().map(|d| d.take().unwrap()).collect())
        }
    })
    .await
}
