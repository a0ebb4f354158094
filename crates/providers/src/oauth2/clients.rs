//! Clients by their id, ready for requests: settings, scopes with their programs, signer, documents. Built on
//! first use for each picture of the configuration and dropped with it.
use super::model::{OAuth2Provider, PreparedProvider, ScopeMapping};
use super::redirect::Matcher;
use super::signing::Signer;
use axum::body::Bytes;
use signet_base::{Error, Result, Uuid};
use signet_core::expression::Program;
use signet_core::models::Application;
use signet_core::{Client, Core, address};
use signet_jose::{Claims, Verified};
use signet_model::{Object, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::OnceCell;

/// A configured scope.
pub struct Scope {
    pub name: String,
    /// What a person is asked to agree to.
    pub description: String,
    /// What the expression is called in logs.
    pub mapping: String,
    /// None when the text does not run here (its claims are left out) or gives no claims anyway.
    pub program: Option<Program>,
}

/// One client with its application.
pub struct ClientEntry {
    pub provider: Arc<Object>,
    pub settings: Arc<OAuth2Provider>,
    pub application: Arc<Object>,
    pub scopes: Vec<Scope>,
    pub signer: Arc<Signer>,
    /// Names of the claims that the scopes give, once somebody asked for them.
    pub claim_names: OnceCell<Vec<String>>,
}

impl ClientEntry {
    pub fn num(&self) -> i64 {
        self.provider.num.unwrap_or_default()
    }
    pub fn slug(&self) -> &str {
        self.application.text("slug")
    }
    pub fn matcher(&self) -> Result<&Matcher> {
        Ok(&self.provider.prepared::<PreparedProvider>()?.redirects)
    }
    pub fn scope_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.scopes.iter().map(|s| s.name.as_str())
    }
    /// `iss`, byte for byte as in discovery.
    pub fn issuer(&self, base_url: &str) -> String {
        match self.settings.issuer_mode {
            super::IssuerMode::PerProvider => format!("{base_url}/application/o/{}/", self.slug()),
            super::IssuerMode::Global => format!("{base_url}/"),
        }
    }
    /// An ID token of this client as it comes back in `id_token_hint`, expired or not.
    pub fn read_hint(&self, core: &Core, client: &Client, token: &str) -> Option<Verified<Claims>> {
        let claims = self.signer.check_hint(token, &self.issuer_for(core, client), core.now().secs())?;
        let own = self.settings.client_id.as_str();
        claims.audiences().is_some_and(|all| all.contains(&own)).then_some(claims)
    }
    pub fn issuer_for(&self, core: &Core, client: &Client) -> String {
        self.issuer(&address::of(core, client))
    }
}

/// Documents that are rendered once for each host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Document {
    Discovery,
    Keys,
}
/// Host names come from callers: no more than this many renderings are kept.
const MAX_DOCUMENTS: usize = 1024;

/// Everything about one picture of the configuration.
pub struct ClientIndex {
    config: Arc<Snapshot>,
    by_client: HashMap<String, Arc<Object>>,
    applications: HashMap<i64, Arc<Object>>,
    entries: RwLock<HashMap<Uuid, Arc<ClientEntry>>>,
    documents: RwLock<HashMap<(Uuid, Document, String), Bytes>>,
}

impl ClientIndex {
    pub fn new(config: Arc<Snapshot>) -> Self {
        let by_client =
            config.all::<OAuth2Provider>().map(|(o, p)| (p.client_id.clone(), o.clone())).collect();
        let applications =
            config.all::<Application>().filter_map(|(o, a)| Some((a.provider?, o.clone()))).collect();
        Self { by_client, applications, entries: RwLock::default(), documents: RwLock::default(), config }
    }
    /// The client with this id, when an application uses it.
    pub fn by_client_id(&self, id: &str) -> Result<Option<Arc<ClientEntry>>> {
        match self.by_client.get(id) {
            Some(provider) => self.entry(provider),
            None => Ok(None),
        }
    }
    pub fn by_num(&self, num: i64) -> Result<Option<Arc<ClientEntry>>> {
        match self.config.by_num(num) {
            Some(provider) => self.entry(provider),
            None => Ok(None),
        }
    }
    /// The client behind an application.
    pub fn by_slug(&self, slug: &str) -> Result<Option<Arc<ClientEntry>>> {
        let provider = self.config.find::<Application>("slug", slug).and_then(|(_, a)| a.provider);
        match provider {
            Some(num) => self.by_num(num),
            None => Ok(None),
        }
    }
    /// `None` without an application, and for providers of other kinds.
    pub fn entry(&self, provider: &Arc<Object>) -> Result<Option<Arc<ClientEntry>>> {
        if let Some(entry) = read(&self.entries).get(&provider.pk) {
            return Ok(Some(entry.clone()));
        }
        let Some(application) = provider.num.and_then(|num| self.applications.get(&num)) else {
            return Ok(None);
        };
        let Some(entry) = build(provider, application, &self.config)? else { return Ok(None) };
        let entry = Arc::new(entry);
        write(&self.entries).insert(provider.pk, entry.clone());
        Ok(Some(entry))
    }
    pub fn document(&self, entry: &ClientEntry, document: Document, base_url: &str) -> Option<Bytes> {
        read(&self.documents).get(&(entry.provider.pk, document, base_url.to_owned())).cloned()
    }
    pub fn keep_document(&self, entry: &ClientEntry, document: Document, base_url: &str, bytes: Bytes) {
        let mut all = write(&self.documents);
        if all.len() >= MAX_DOCUMENTS {
            all.clear();
        }
        all.insert((entry.provider.pk, document, base_url.to_owned()), bytes);
    }
}

fn build(
    provider: &Arc<Object>,
    application: &Arc<Object>,
    config: &Snapshot,
) -> Result<Option<ClientEntry>> {
    let Some(settings) = provider.share::<OAuth2Provider>() else { return Ok(None) };
    let scopes = scopes_of(&settings, config);
    let signer = Arc::new(Signer::of(&settings, config)?);
    Ok(Some(ClientEntry {
        provider: provider.clone(),
        application: application.clone(),
        scopes,
        signer,
        settings,
        claim_names: OnceCell::new(),
    }))
}

/// The scopes that a provider offers, in the order they were assigned.
pub fn scopes_of(settings: &OAuth2Provider, config: &Snapshot) -> Vec<Scope> {
    let mapping = |pk: &Uuid| {
        let (object, mapping) = config.get_typed::<ScopeMapping>(*pk)?;
        let warn =
            |error: &Error| tracing::warn!(%error, mapping = %mapping.name, "a scope mapping does not run");
        let program = if gives_nothing(&mapping.expression) {
            None
        } else {
            object.prepared::<Program>().inspect_err(warn).ok().cloned()
        };
        Some(Scope {
            name: mapping.scope_name.clone(),
            description: mapping.description.clone(),
            mapping: mapping.name.clone(),
            program,
        })
    };
    settings.property_mappings.iter().filter_map(mapping).collect()
}

/// Scopes that only open a door (`openid`, `offline_access`) need no run of the interpreter.
fn gives_nothing(expression: &str) -> bool {
    let mut lines = expression.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    matches!((lines.next(), lines.next()), (Some("return {}" | "return None"), None))
}

/// The index of the newest picture.
#[derive(Default)]
pub struct ClientCache(RwLock<Option<Arc<ClientIndex>>>);

impl ClientCache {
    pub fn index(&self, core: &Core) -> Arc<ClientIndex> {
        let config = core.config();
        if let Some(index) = read(&self.0).as_ref().filter(|i| Arc::ptr_eq(&i.config, &config)) {
            return index.clone();
        }
        let fresh = Arc::new(ClientIndex::new(config));
        *write(&self.0) = Some(fresh.clone());
        fresh
    }
    /// The client, or a refusal that does not say what is missing.
    pub fn require(&self, core: &Core, num: i64) -> Result<Arc<ClientEntry>> {
        self.index(core).by_num(num)?.ok_or_else(|| Error::denied("The application is no longer available."))
    }
}

/// A panic elsewhere leaves these maps whole: they only ever grow by finished entries.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::gives_nothing;
    #[test]
    fn only_a_bare_empty_answer_is_skipped() {
        assert!(gives_nothing("# why\nreturn {}\n") && gives_nothing("return None"));
        for text in
            ["return {'a': 1}", "x = 1\nreturn {}", "return {}\nreturn {'a': 1}", "return {} or {'a': 1}", ""]
        {
            assert!(!gives_nothing(text), "{text}");
        }
    }
}
