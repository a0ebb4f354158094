//! A core with users: Ada is in "staff", which is in "everyone"; Grace is in no group.
#![allow(dead_code, clippy::unwrap_used)]
use signet_base::outbound::{MailBox, ScriptedHttp};
use signet_base::{Json, Map, Ports, Secret, Timestamp, Uuid, Vault, json};
use signet_core::expression::Outside;
use signet_core::policy::{self, Question, Verdict};
use signet_core::system::{Settings, SystemSettings};
use signet_core::{Client, Core, CoreParts, Families, Principal};
use signet_model::Model;
use signet_model::{Lookup, ModelDef, Object, Registry, check};
use signet_policies::ALL;
use signet_policies::expression::ExpressionPolicy;
use signet_store::ListQuery;
use signet_store::groups::{self, Group};
use signet_store::users::{self, User};
use signet_store::{Author, ObjectStore, Write, events, testdb};
use std::sync::Arc;
use std::time::Duration;

pub struct AllRows;
impl Lookup for AllRows {
    fn user_exists(&self, _: i64) -> bool {
        true
    }
    fn group_exists(&self, _: Uuid) -> bool {
        true
    }
}
struct NoAssets;
impl signet_pages::Assets for NoAssets {
    fn url(&self, _: &str) -> Option<String> {
        None
    }
}

pub struct Site {
    pub core: Arc<Core>,
    pub ada: Principal,
    pub mail: Arc<MailBox>,
    pub http: Arc<ScriptedHttp>,
    /// Ends the worker.
    _stop: tokio::sync::watch::Sender<bool>,
}

/// A core without users; its HTTP requests go to `http`.
pub async fn core(http: Arc<dyn signet_base::outbound::Http>, mail: Arc<MailBox>, host: &str) -> Arc<Core> {
    let db = testdb::sqlite().await;
    // A Monday evening.
    let ports =
        Ports::frozen(Timestamp::parse("2026-11-23T20:00:00Z").unwrap(), 7).0.with_mail(mail).with_http(http);
    let secret: Secret = "a secret key of the tests".into();
    let vault = Arc::new(Vault::new(&secret, ports.clone()).unwrap());
    let models =
        signet_core::models::ALL.iter().copied().chain(ALL.iter().flat_map(|s| s.models.iter().copied()));
    let registry = Arc::new(Registry::new(models));
    let objects = Arc::new(ObjectStore::new(db.clone(), registry.clone(), vault.clone(), ports.clone()));
    objects.load().await.unwrap();
    let mut settings = Settings::new(secret);
    settings.expressions = Outside { hosts: vec![host.into()], dns: true };
    let families = Families::new([], ALL.iter().map(|s| (s.kind)()), [])
        .with_jobs([&signet_core::mail::SendMail as &dyn signet_core::job::Job]);
    let parts = CoreParts {
        ports: ports.clone(),
        settings,
        registry,
        families,
        db: db.clone(),
        vault,
        objects,
        install_id: "test".into(),
        system: SystemSettings::default(),
        assets: Arc::new(NoAssets),
    };
    Core::new(parts).unwrap()
}

pub async fn make(core: &Arc<Core>, def: &'static ModelDef, sent: Json) -> Arc<Object> {
    let change =
        check(def, sent.as_object().unwrap(), None, false, &core.config(), &AllRows, &core.ports).unwrap();
    let write = Write::Create { def, pk: None, data: change.data, secrets: change.secrets };
    core.objects.apply(vec![write], &Author::system()).await.unwrap().remove(0)
}

impl Site {
    /// Ada is in "staff", which is in "everyone".
    pub async fn new() -> Self {
        let (mail, http) = (Arc::new(MailBox::default()), Arc::new(ScriptedHttp::default()));
        let core = core(http.clone(), mail.clone(), "api.example.test").await;
        let (db, ports) = (core.db.clone(), core.ports.clone());
        let mut everyone = Group::new(&ports, "everyone");
        everyone.attributes = map(json!({"team": "all", "rooms": ["hall"]}));
        let mut staff = Group::new(&ports, "staff");
        staff.attributes = map(json!({"team": "blue", "rooms": ["lab"], "gid": 42}));
        groups::insert(&db, &everyone, &[], &[]).await.unwrap();
        groups::insert(&db, &staff, &[everyone.id], &[]).await.unwrap();
        let mut ada = User::new(&ports, "ada");
        ada.name = "Ada Lovelace".into();
        ada.email = "ada@example.test".into();
        ada.attributes = map(json!({"settings": {"locale": "de"}, "rooms": ["attic"]}));
        let id = users::insert(&db, &ada, &[staff.id]).await.unwrap();
        let mut grace = User::new(&ports, "grace");
        grace.attributes = map(json!({"desk": "7"}));
        users::insert(&db, &grace, &[]).await.unwrap();
        let ada = Principal::load(&core, id).await.unwrap().unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        tokio::spawn(signet_core::job::work(core.clone(), stopped));
        Self { core, ada, mail, http, _stop: stop }
    }
    pub async fn make(&self, def: &'static ModelDef, sent: Json) -> Arc<Object> {
        make(&self.core, def, sent).await
    }
    pub async fn policy(&self, text: &str) -> Arc<Object> {
        let name = self.core.ports.hex(4);
        self.make(ExpressionPolicy::DEF, json!({"name": name, "expression": text})).await
    }
    pub fn client(&self) -> Client {
        Client {
            host: "id.example.test".into(),
            secure: true,
            ip: [192, 0, 2, 7].into(),
            method: "GET".into(),
            path: "/x/".into(),
            query: "next=%2Fif%2Fuser%2F".into(),
            user_agent: "Mozilla/5.0".into(),
            request_id: "r1".into(),
            ..Client::internal()
        }
    }
    /// Evaluates an expression about Ada with a flow context.
    pub async fn ask(
        &self,
        text: &str,
        context: Json,
        target: Option<&Arc<Object>>,
    ) -> signet_base::Result<Verdict> {
        let policy = self.policy(text).await;
        let context = map(context);
        let client = self.client();
        let question =
            Question { core: &self.core, client: &client, user: Some(&self.ada), context: &context, target };
        policy::ask_policy(&policy, &question, Duration::ZERO).await
    }
    pub async fn actions(&self) -> Vec<String> {
        let (all, _) = events::list(
            &self.core.db,
            &ListQuery { page: signet_store::Page::first(100), ..ListQuery::default() },
            None,
        )
        .await
        .unwrap();
        all.into_iter().map(|e| e.action).collect()
    }
}
pub fn map(value: Json) -> Map {
    value.as_object().cloned().unwrap()
}
