//! State shared by all requests, wired at start.
use crate::Client;
use crate::budget::Budgets;
use crate::directory::{self, Author};
use crate::flow::StageKind;
use crate::geoip::GeoIp;
use crate::hash::Hasher;
use crate::job::Job;
use crate::keyed_semaphore::KeyedSemaphore;
use crate::metrics::Metrics;
use crate::password::{AppPasswords, Internal, PasswordBackend};
use crate::permission::catalogue::Catalogue;
use crate::policy::{Memory, Policy};
use crate::pool::Pool;
use crate::provider::ProviderKind;
use crate::session::{SessionCookies, rules::SameSite};
use crate::socket::Sockets;
use crate::source::SourceKind;
use crate::system::{Settings, SystemSettings};
use signet_base::{Error, Json, Ports, Result, Timestamp, Vault, machine};
use signet_model::{Model, ModelDef, Object, Registry, Secrets, Snapshot};
use signet_pages::{Assets, FormContext, StagePage};
use signet_store::{Batch, Db, ObjectStore, PeopleCache, Places, TokenCache, Write};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// The kinds that the binary registers.
#[derive(Default, Clone)]
pub struct Families {
    stages: HashMap<String, Arc<dyn StageKind>>,
    policies: HashMap<String, Arc<dyn Policy>>,
    providers: HashMap<String, Arc<dyn ProviderKind>>,
    passwords: HashMap<&'static str, Arc<dyn PasswordBackend>>,
    sources: HashMap<String, Arc<dyn SourceKind>>,
    jobs: Vec<&'static dyn Job>,
    write_hooks: Vec<WriteHook>,
}

/// What writes of configuration objects entail beside their own rows: further statements of the same commit, or a
/// refusal.
pub type WriteHook =
    for<'a> fn(&'a Core, &'a Author, &'a [Write]) -> Pin<Box<dyn Future<Output = Result<Batch>> + Send + 'a>>;

impl Families {
    pub fn new(
        stages: impl IntoIterator<Item = Arc<dyn StageKind>>,
        policies: impl IntoIterator<Item = Arc<dyn Policy>>,
        providers: impl IntoIterator<Item = Arc<dyn ProviderKind>>,
    ) -> Self {
        // Stages that the executor inserts itself.
        let built_in: [Arc<dyn StageKind>; 7] = [
            Arc::new(crate::authorize::ConsentAgain),
            Arc::new(crate::authorize::Finish),
            Arc::new(crate::flow::token::Confirm),
            Arc::new(crate::flow::invitation::Finish),
            Arc::new(crate::flow::setup_code::SetupCode),
            Arc::new(crate::source::Settle),
            Arc::new(crate::source::SwitchAccount),
        ];
        Self {
            stages: stages.into_iter().chain(built_in).map(|s| (s.id().to_owned(), s)).collect(),
            policies: policies.into_iter().map(|p| (p.def().full_name(), p)).collect(),
            providers: providers.into_iter().map(|p| (p.def().full_name(), p)).collect(),
            passwords: HashMap::new(),
            sources: HashMap::new(),
            jobs: Vec::new(),
            write_hooks: Vec::new(),
        }
        .with_passwords([Arc::new(Internal) as Arc<dyn PasswordBackend>, Arc::new(AppPasswords)])
    }
    /// Adds password backends; the one for local accounts is present.
    #[must_use]
    pub fn with_passwords(mut self, backends: impl IntoIterator<Item = Arc<dyn PasswordBackend>>) -> Self {
        self.passwords.extend(backends.into_iter().map(|b| (b.name(), b)));
        self
    }
    /// Adds source kinds.
    #[must_use]
    pub fn with_sources(mut self, kinds: impl IntoIterator<Item = Arc<dyn SourceKind>>) -> Self {
        self.sources.extend(kinds.into_iter().map(|s| (s.def().full_name(), s)));
        self
    }
    /// Adds kinds of jobs.
    #[must_use]
    pub fn with_jobs(mut self, jobs: impl IntoIterator<Item = &'static dyn Job>) -> Self {
        self.jobs.extend(jobs);
        self
    }
    /// Adds hooks of writes.
    #[must_use]
    pub fn with_write_hooks(mut self, hooks: impl IntoIterator<Item = WriteHook>) -> Self {
        self.write_hooks.extend(hooks);
        self
    }
    pub fn write_hooks(&self) -> &[WriteHook] {
        &self.write_hooks
    }
    pub fn jobs(&self) -> &[&'static dyn Job] {
        &self.jobs
    }
    pub fn job(&self, name: &str) -> Option<&'static dyn Job> {
        self.jobs.iter().find(|job| job.name() == name).copied()
    }
    pub fn source(&self, def: &ModelDef) -> Option<Arc<dyn SourceKind>> {
        self.sources.get(&def.full_name()).cloned()
    }
    /// The password backend with this name, if there is one.
    pub fn password_backend(&self, name: &str) -> Option<Arc<dyn PasswordBackend>> {
        self.passwords.get(name).cloned()
    }
    pub fn stage(&self, id: &str) -> Option<Arc<dyn StageKind>> {
        self.stages.get(id).cloned()
    }
    /// The page of a challenge: of the stage at hand, of the kind whose component it is, or one of those that the
    /// engines create.
    pub fn page(&self, stage: Option<&str>, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        let component = challenge.get("component").and_then(Json::as_str).unwrap_or_default();
        let fits = |kind: &&Arc<dyn StageKind>| kind.component().is_empty() || kind.component() == component;
        let own = stage.and_then(|id| self.stages.get(id)).filter(fits);
        own.and_then(|kind| kind.page(challenge, form))
            .or_else(|| signet_pages::challenge::draw(challenge, form))
            .or_else(|| {
                let mut of = self.stages.values().filter(|kind| kind.component() == component);
                of.find_map(|kind| kind.page(challenge, form))
            })
    }
    pub fn policy(&self, def: &ModelDef) -> Option<Arc<dyn Policy>> {
        self.policies.get(&def.full_name()).cloned()
    }
    pub fn providers(&self) -> impl Iterator<Item = &Arc<dyn ProviderKind>> {
        self.providers.values()
    }
    pub fn provider(&self, def: &ModelDef) -> Option<Arc<dyn ProviderKind>> {
        self.providers.get(&def.full_name()).cloned()
    }
}

/// The input of `Core::new`.
pub struct CoreParts {
    pub ports: Ports,
    pub settings: Settings,
    pub registry: Arc<Registry>,
    pub families: Families,
    pub db: Db,
    pub vault: Arc<Vault>,
    pub objects: Arc<ObjectStore>,
    /// Random id of this installation; `sub` values depend on it.
    pub install_id: String,
    /// The system settings until somebody changes them.
    pub system: SystemSettings,
    /// URLs of the browser files.
    pub assets: Arc<dyn Assets + Send>,
}

/// How often a change of the settings is made anew because another one was faster.
const SETTINGS_ATTEMPTS: u32 = 20;

pub struct Core {
    pub ports: Ports,
    pub settings: Settings,
    pub registry: Arc<Registry>,
    pub permissions: Catalogue,
    pub families: Families,
    pub db: Db,
    pub vault: Arc<Vault>,
    pub objects: Arc<ObjectStore>,
    pub hasher: Hasher,
    /// For RSA signatures.
    pub signer: Pool,
    pub metrics: Metrics,
    /// Rate limits of anonymous clients.
    pub budgets: Budgets,
    pub session_cookies: SessionCookies,
    /// Serialises the verification of secrets per account.
    pub keyed_semaphore: KeyedSemaphore,
    pub assets: Arc<dyn Assets + Send>,
    pub geoip: GeoIp,
    /// Accounts and access tokens that were read a moment ago.
    pub people: PeopleCache,
    pub tokens: TokenCache,
    /// Where pages of lists ended.
    pub places: Places,
    /// Cache of policy results.
    pub answers: Memory,
    /// Open WebSockets.
    pub sockets: Sockets,
    /// Set when the server is told to stop: readiness is false.
    pub stopping: AtomicBool,
    install_id: String,
    default_system: SystemSettings,
    /// What holds, with the object that it was made of.
    system: RwLock<(Option<Arc<Object>>, Arc<SystemSettings>)>,
    /// Ports of the listeners, and whether they speak TLS.
    listeners: OnceLock<Vec<(u16, bool)>>,
}

impl Core {
    pub fn new(parts: CoreParts) -> Result<Arc<Self>> {
        let threads = parts.settings.threads.max(1);
        let metrics = Metrics::default();
        let system = parts.system.fixed_by(&parts.settings.fixed);
        crate::mail::templates::announce(&parts.settings.mail.template_dir);
        Ok(Arc::new(Self {
            hasher: Hasher::new(
                parts.settings.hash_threads(machine::memory_bytes()),
                parts.settings.hash,
                parts.ports.clone(),
            )?,
            signer: Pool::new("sign", threads, threads * 1024)?,
            budgets: Budgets::new(parts.settings.limits.clone(), &metrics),
            metrics,
            session_cookies: SessionCookies::new(&parts.settings.secret_key),
            keyed_semaphore: KeyedSemaphore::default(),
            geoip: GeoIp::open(&parts.settings.geoip_city, &parts.settings.geoip_asn),
            people: PeopleCache::default(),
            tokens: TokenCache::default(),
            places: Places::default(),
            answers: Memory::default(),
            ports: parts.ports,
            settings: parts.settings,
            permissions: Catalogue::of(&parts.registry),
            registry: parts.registry,
            families: parts.families,
            db: parts.db,
            vault: parts.vault,
            objects: parts.objects,
            assets: parts.assets,
            sockets: Sockets::default(),
            stopping: AtomicBool::new(false),
            install_id: parts.install_id,
            system: RwLock::new((None, Arc::new(system))),
            default_system: parts.system,
            listeners: OnceLock::new(),
        }))
    }
    /// The current configuration. Keep the `Arc` for the duration of a request.
    pub fn config(&self) -> Arc<Snapshot> {
        self.objects.snapshot()
    }
    pub fn now(&self) -> Timestamp {
        self.ports.now()
    }
    /// The random id of this installation.
    pub fn install_id(&self) -> &str {
        &self.install_id
    }
    /// `uid` of a user.
    pub fn uid(&self, user: i64) -> String {
        signet_base::vault::sha256_hex(format!("{user}-{}", self.install_id).as_bytes())
    }
    /// The system settings that hold: those stored, and before them what variables say.
    pub fn system(&self) -> Arc<SystemSettings> {
        let config = self.config();
        let stored = config.get(SystemSettings::PK);
        let same = |of: &Option<Arc<Object>>| match (of, stored) {
            (None, None) => true,
            (Some(of), Some(stored)) => Arc::ptr_eq(of, stored),
            _ => false,
        };
        {
            let (of, system) = &*self.system.read().unwrap_or_else(PoisonError::into_inner);
            if same(of) {
                return system.clone();
            }
        }
        let settings = stored.and_then(|o| o.get::<SystemSettings>()).unwrap_or(&self.default_system);
        let system = Arc::new(settings.fixed_by(&self.settings.fixed));
        *self.system.write().unwrap_or_else(PoisonError::into_inner) = (stored.cloned(), system.clone());
        system
    }
    /// The system settings until somebody changes them.
    pub(crate) fn default_system(&self) -> &SystemSettings {
        &self.default_system
    }
    /// Sets the listeners of this process; once.
    pub fn set_listeners(&self, ports: Vec<(u16, bool)>) {
        let _ = self.listeners.set(ports);
    }
    /// Whether this process listens on a port. `None`: the default port.
    pub(crate) fn listens(&self, secure: bool, port: Option<&str>) -> bool {
        let port = port.map_or(Some(if secure { 443 } else { 80 }), |text| text.parse().ok());
        self.listeners
            .get()
            .is_some_and(|all| all.iter().any(|(own, tls)| Some(*own) == port && *tls == secure))
    }
    /// Changes the system settings, on top of what is stored when they are written, by whichever node.
    pub async fn set_system(
        &self,
        by: &Author,
        change: impl Fn(&SystemSettings) -> Result<SystemSettings> + Send + Sync,
    ) -> Result<()> {
        for _ in 0..SETTINGS_ATTEMPTS {
            let config = self.objects.refresh_if_stale().await?;
            let stored = config.get_typed::<SystemSettings>(SystemSettings::PK);
            let after = change(stored.map_or(&self.default_system, |(_, settings)| settings))?;
            let (data, pk, secrets) = (after.to_map()?, SystemSettings::PK, Secrets::new());
            let write = match stored {
                Some((object, _)) => Write::Update { pk, version: Some(object.version), data, secrets },
                None => Write::Create { def: SystemSettings::DEF, pk: Some(pk), data, secrets },
            };
            match directory::write(self, by, [write]).await {
                // Somebody was faster: the change is made on what they left.
                Err(Error::Conflict(_)) => {}
                done => return done.map(drop),
            }
        }
        Err(Error::Unavailable("the system settings are being changed by too many at once".into()))
    }
    /// A `Set-Cookie` value, `SameSite=Lax` unless a rule says otherwise. `max_age` in seconds; `None`: until
    /// the browser closes.
    pub fn cookie(
        &self,
        client: &Client,
        name: &str,
        value: &str,
        max_age: Option<i64>,
        http_only: bool,
    ) -> String {
        self.cookie_with(client, name, value, max_age, http_only, self.settings.sessions.same_site)
    }
    /// [`Core::cookie`] with a rule of its own.
    pub(crate) fn cookie_with(
        &self,
        client: &Client,
        name: &str,
        value: &str,
        max_age: Option<i64>,
        http_only: bool,
        same_site: SameSite,
    ) -> String {
        use std::fmt::Write;
        let mut out = format!("{name}={value}; Path=/");
        if !self.settings.cookie_domain.is_empty() {
            let _ = write!(out, "; Domain={}", self.settings.cookie_domain);
        }
        if let Some(secs) = max_age {
            let _ = write!(out, "; Max-Age={secs}");
        }
        if http_only {
            out.push_str("; HttpOnly");
        }
        let secure = client.secure || self.settings.sessions.secure_cookies;
        out.push_str(match same_site {
            SameSite::Strict => "; SameSite=Strict",
            // Browsers refuse `SameSite=None` without `Secure`.
            SameSite::None if secure => "; SameSite=None",
            SameSite::Auto | SameSite::Lax | SameSite::None => "; SameSite=Lax",
        });
        if secure {
            out.push_str("; Secure");
        }
        out
    }
}
