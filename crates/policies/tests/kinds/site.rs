//! A core with all policies and its own database; no HTTP.
use crate::mmdb;
use signet_base::outbound::ScriptedHttp;
use signet_base::ports::FrozenClock;
use signet_base::{Json, Map, Ports, Secret, Timestamp, Uuid, Vault, json};
use signet_core::models::{Application, PolicyBinding};
use signet_core::policy::{self, Question, Trace, Verdict};
use signet_core::system::{Settings, SystemSettings};
use signet_core::{Client, Core, CoreParts, Families, Principal};
use signet_model::{Lookup, Model, ModelDef, Object, Registry, check};
use signet_policies::ALL;
use signet_store::ListQuery;
use signet_store::events::{self, Event};
use signet_store::groups::{self, Group};
use signet_store::users::{self, User};
use signet_store::{Author, Db, ObjectStore, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct AllRows;
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

/// Addresses of tests: Berlin, Potsdam, New York, and one without a location.
pub const BERLIN: [u8; 4] = [192, 0, 2, 7];
pub const POTSDAM: [u8; 4] = [192, 0, 2, 200];
pub const NEW_YORK: [u8; 4] = [198, 51, 100, 7];
pub const NOWHERE: [u8; 4] = [203, 0, 113, 7];

pub struct Site {
    pub core: Arc<Core>,
    pub clock: Arc<FrozenClock>,
    pub http: Arc<ScriptedHttp>,
    pub ada: Principal,
    pub staff: Uuid,
    folder: PathBuf,
}
impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// With location and AS databases.
pub async fn site(db: &Db) -> Site {
    Site::new(db, true, &[]).await
}

impl Site {
    /// Ada is in "staff". `breached`: digests for a file; `None` uses the service.
    pub async fn new(db: &Db, places: bool, breached: &[String]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = std::env::temp_dir().join(format!(
            "signet-policies-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let (ports, clock) = Ports::frozen(Timestamp::parse("2026-11-24T10:00:00Z").unwrap(), 7);
        let http = Arc::new(ScriptedHttp::default());
        let ports = ports.with_http(http.clone());
        let secret: Secret = "a secret key of the tests".into();
        let vault = Arc::new(Vault::new(&secret, ports.clone()).unwrap());
        let models =
            signet_core::models::ALL.iter().copied().chain(ALL.iter().flat_map(|s| s.models.iter().copied()));
        let registry = Arc::new(Registry::new(models));
        let objects = Arc::new(ObjectStore::new(db.clone(), registry.clone(), vault.clone(), ports.clone()));
        objects.load().await.unwrap();
        let mut settings = Settings {
            hash: signet_core::hash::HashCost::LEAST,
            internal_networks: vec![([192, 0, 2, 0].into(), 24)],
            ..Settings::new(secret)
        };
        if places {
            let (city, asn) = mmdb::write(&folder);
            settings.geoip_city = city.display().to_string();
            settings.geoip_asn = asn.display().to_string();
        }
        if !breached.is_empty() {
            let path = folder.join("breached.txt");
            std::fs::write(&path, breached.join("\n")).unwrap();
            settings.breached_passwords = path.display().to_string();
        }
        let families = Families::new([], ALL.iter().map(|s| (s.kind)()), []);
        let (system, assets) = (SystemSettings::default(), Arc::new(NoAssets));
        let parts = CoreParts {
            ports: ports.clone(),
            settings,
            registry,
            families,
            db: db.clone(),
            vault,
            objects,
            install_id: "test".into(),
            system,
            assets,
        };
        let core = Core::new(parts).unwrap();
        let staff = Group::new(&ports, "staff");
        groups::insert(db, &staff, &[], &[]).await.unwrap();
        let mut ada = User::new(&ports, "ada");
        ada.email = "ada@example.test".into();
        ada.password = core.hasher.hash("the first one".into()).await.unwrap();
        let id = users::insert(db, &ada, &[staff.id]).await.unwrap();
        let ada = Principal::load(&core, id).await.unwrap().unwrap();
        Self { core, clock, http, ada, staff: staff.id, folder }
    }
    pub async fn make(&self, def: &'static ModelDef, sent: Json) -> Arc<Object> {
        self.make_with(def, sent, &[]).await
    }
    /// With members that clients cannot send.
    pub async fn make_with(
        &self,
        def: &'static ModelDef,
        sent: Json,
        hidden: &[(&str, Json)],
    ) -> Arc<Object> {
        let mut change = check(
            def,
            sent.as_object().unwrap(),
            None,
            false,
            &self.core.config(),
            &AllRows,
            &self.core.ports,
        )
        .unwrap();
        for (name, value) in hidden {
            change.data.insert((*name).to_owned(), value.clone());
        }
        let write = Write::Create { def, pk: None, data: change.data, secrets: change.secrets };
        self.core.objects.apply(vec![write], &Author::system()).await.unwrap().remove(0)
    }
    /// A policy with a unique name.
    pub async fn policy<M: Model>(&self, mut sent: Json) -> Arc<Object> {
        sent["name"] = json!(self.core.ports.hex(6));
        self.make(M::DEF, sent).await
    }
    /// An application with one binding.
    pub async fn guarded(&self, mut binding: Json) -> Arc<Object> {
        let slug = self.core.ports.hex(6);
        let application = self.make(Application::DEF, json!({"name": slug, "slug": slug})).await;
        binding["target"] = json!(application.pk);
        binding["order"] = json!(0);
        self.make(PolicyBinding::DEF, binding).await;
        application
    }
    pub fn client(&self, ip: [u8; 4]) -> Client {
        Client {
            ip: ip.into(),
            host: "id.example.test".into(),
            secure: true,
            user_agent: "Browser".into(),
            request_id: self.core.ports.hex(8),
            ..Client::internal()
        }
    }
    /// The policy's result for Ada.
    pub async fn ask(
        &self,
        policy: &Arc<Object>,
        client: &Client,
        context: Json,
    ) -> signet_base::Result<Verdict> {
        self.ask_about(policy, client, context, Some(&self.ada)).await
    }
    pub async fn ask_about(
        &self,
        policy: &Arc<Object>,
        client: &Client,
        context: Json,
        user: Option<&Principal>,
    ) -> signet_base::Result<Verdict> {
        let context = map(context);
        let question = Question { core: &self.core, client, user, context: &context, target: None };
        policy::ask_policy(policy, &question, Duration::ZERO).await
    }
    pub async fn says(&self, policy: &Arc<Object>, ip: [u8; 4]) -> bool {
        self.ask(policy, &self.client(ip), json!({})).await.unwrap().passing
    }
    /// The engine's decision about Ada and an application.
    pub async fn use_it(&self, application: &Arc<Object>, client: &Client) -> (Verdict, Arc<Vec<Trace>>) {
        let ada = self.reload().await;
        signet_core::access::explain_use(&self.core, client, &ada, application, &Map::new()).await.unwrap()
    }
    pub async fn reload(&self) -> Principal {
        Principal::load(&self.core, self.ada.user.id).await.unwrap().unwrap()
    }
    pub async fn events(&self, action: &str) -> Vec<Event> {
        let query = ListQuery { page: signet_store::Page::first(100), ..ListQuery::default() }
            .equal("action", action);
        events::list(&self.core.db, &query, None).await.unwrap().0
    }
}

pub fn map(value: Json) -> Map {
    value.as_object().cloned().unwrap()
}
