//! Clients by their id, with everything that requests need: settings, scopes with their programs, signer, documents. Built
//! on first use, and again when an object changes that they depend on.
use super::model::{OAuth2Provider, PreparedProvider, ScopeMapping};
use super::redirect::Matcher;
use super::signing::Signer;
use axum::body::Bytes;
use signet_base::{Error, Result, Uuid};
use signet_core::expression::Program;
use signet_core::models::{Application, application_of};
use signet_core::{Client, Core, address};
use signet_jose::{Claims, Verified};
use signet_model::{Model, Object, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::OnceCell;

/// A scope mapping.
pub struct Scope {
    pub name: String,
    /// The text on the consent page.
    pub description: String,
    /// The mapping object of the expression.
    pub mapping: Arc<Object>,
    /// `None` when the expression does not compile (its claims are left out) or returns no claims.
    pub program: Option<Program>,
}

/// A client with its application.
pub struct ClientEntry {
    pub provider: Arc<Object>,
    pub settings: Arc<OAuth2Provider>,
    pub application: Arc<Object>,
    pub scopes: Vec<Scope>,
    pub signer: Arc<Signer>,
    /// Names of the claims that the scopes provide; computed on first use.
    pub claim_names: OnceCell<Vec<String>>,
    /// The objects that it depends on.
    parts: Vec<Arc<Object>>,
}

impl ClientEntry {
    /// Whether none of the objects that it depends on has changed.
    fn is_of(&self, config: &Snapshot) -> bool {
        self.parts.iter().all(|part| config.get(part.pk).is_some_and(|now| Arc::ptr_eq(now, part)))
    }
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
    /// `iss`, identical to the one in discovery.
    pub fn issuer(&self, base_url: &str) -> String {
        match self.settings.issuer_mode {
            super::IssuerMode::PerProvider => format!("{base_url}/application/o/{}/", self.slug()),
            super::IssuerMode::Global => format!("{base_url}/"),
        }
    }
    /// Verifies an `id_token_hint` as an ID token of this client, expired or not.
    pub fn read_hint(&self, core: &Core, client: &Client, token: &str) -> Option<Verified<Claims>> {
        let claims = self.signer.check_hint(token, &self.issuer_for(core, client), core.now().secs())?;
        let own = self.settings.client_id.as_str();
        claims.audiences().is_some_and(|all| all.contains(&own)).then_some(claims)
    }
    pub fn issuer_for(&self, core: &Core, client: &Client) -> String {
        self.issuer(&address::of(core, client))
    }
}

/// Documents that are rendered once per host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Document {
    Discovery,
    Keys,
}
/// Maximum number of renderings: host names come from requests.
const MAX_DOCUMENTS: usize = 1024;

/// What is kept between requests. A client is built again when an object that it depends on changes; other writes do not
/// touch it.
#[derive(Default)]
struct Entries {
    entries: RwLock<HashMap<Uuid, Arc<ClientEntry>>>,
    documents: RwLock<HashMap<DocumentKey, (Arc<ClientEntry>, Bytes)>>,
}
/// Provider, document and base URL.
type DocumentKey = (Uuid, Document, String);

/// The clients of one configuration snapshot.
#[derive(Clone)]
pub struct ClientIndex {
    config: Arc<Snapshot>,
    kept: Arc<Entries>,
}

impl ClientIndex {
    pub fn new(config: Arc<Snapshot>) -> Self {
        Self { config, kept: Arc::default() }
    }
    /// The client with this id, if an application uses it.
    pub fn by_client_id(&self, id: &str) -> Result<Option<Arc<ClientEntry>>> {
        match self.config.find::<OAuth2Provider>("client_id", id) {
            Some((provider, _)) => self.entry(provider),
            None => Ok(None),
        }
    }
    pub fn by_num(&self, num: i64) -> Result<Option<Arc<ClientEntry>>> {
        match self.config.by_num(num) {
            Some(provider) => self.entry(provider),
            None => Ok(None),
        }
    }
    /// The client of an application.
    pub fn by_slug(&self, slug: &str) -> Result<Option<Arc<ClientEntry>>> {
        let provider = self.config.find::<Application>("slug", slug).and_then(|(_, a)| a.provider);
        match provider {
            Some(num) => self.by_num(num),
            None => Ok(None),
        }
    }
    /// `None` without an application, and for providers of other kinds.
    pub fn entry(&self, provider: &Arc<Object>) -> Result<Option<Arc<ClientEntry>>> {
        if let Some(entry) = read(&self.kept.entries).get(&provider.pk).filter(|e| e.is_of(&self.config)) {
            return Ok(Some(entry.clone()));
        }
        let Some(application) = provider.num.and_then(|num| application_of(&self.config, num)) else {
            return Ok(None);
        };
        let Some(entry) = build(provider, application, &self.config)? else { return Ok(None) };
        let entry = Arc::new(entry);
        let mut all = write(&self.kept.entries);
        if all.len() > self.config.count(OAuth2Provider::DEF) {
            all.retain(|pk, _| self.config.get(*pk).is_some());
        }
        all.insert(provider.pk, entry.clone());
        Ok(Some(entry))
    }
    pub fn document(&self, entry: &Arc<ClientEntry>, document: Document, base_url: &str) -> Option<Bytes> {
        let all = read(&self.kept.documents);
        let (of, bytes) = all.get(&(entry.provider.pk, document, base_url.to_owned()))?;
        Arc::ptr_eq(of, entry).then(|| bytes.clone())
    }
    pub fn keep_document(&self, entry: &Arc<ClientEntry>, document: Document, base_url: &str, bytes: Bytes) {
        let mut all = write(&self.kept.documents);
        if all.len() >= MAX_DOCUMENTS {
            all.clear();
        }
        all.insert((entry.provider.pk, document, base_url.to_owned()), (entry.clone(), bytes));
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
    let used = settings.property_mappings.iter().chain(&settings.signing_key);
    let used = used.filter_map(|pk| config.get(*pk)).cloned();
    Ok(Some(ClientEntry {
        parts: [provider.clone(), application.clone()].into_iter().chain(used).collect(),
        provider: provider.clone(),
        application: application.clone(),
        scopes,
        signer,
        settings,
        claim_names: OnceCell::new(),
    }))
}

/// The scope mappings of a provider, in the assigned order.
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
            mapping: object.clone(),
            program,
        })
    };
    settings.property_mappings.iter().filter_map(mapping).collect()
}

/// Whether the expression is a constant empty dictionary (`openid`, `offline_access`), which needs no
/// evaluation.
fn gives_nothing(expression: &str) -> bool {
    let mut lines = expression.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    matches!((lines.next(), lines.next()), (Some("return {}" | "return None"), None))
}

/// The clients of the current snapshot.
#[derive(Default)]
pub struct ClientCache(Arc<Entries>);

impl ClientCache {
    pub fn index(&self, core: &Core) -> ClientIndex {
        ClientIndex { config: core.config(), kept: self.0.clone() }
    }
    /// The client, or `NotFound` without saying what is missing.
    pub fn require(&self, core: &Core, num: i64) -> Result<Arc<ClientEntry>> {
        self.index(core).by_num(num)?.ok_or_else(|| Error::denied("The application is no longer available."))
    }
}

/// Recovers from a poisoned lock: the maps only ever get complete entries.
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
