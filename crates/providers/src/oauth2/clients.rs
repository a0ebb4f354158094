//! Clients by their id, with everything that requests need: settings, scopes with their programs, signer, documents. Built
//! on first use, and again when an object changes that they depend on.
use super::model::{OAuth2Provider, PreparedProvider, ScopeMapping};
use super::redirect::Matcher;
use super::signing::Signer;
use axum::body::Bytes;
use signet_base::{Error, Result, Uuid};
use signet_core::expression::Program;
use signet_core::provider::{ProviderCache, ProviderEntry, ProviderIndex};
use signet_core::{Client, Core, address};
use signet_jose::{Claims, Verified};
use signet_model::{Object, Snapshot};
use std::collections::HashMap;
use std::ops::Deref;
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

/// Provider, document and base URL.
type DocumentKey = (Uuid, Document, String);
type Documents = Arc<RwLock<HashMap<DocumentKey, (Arc<ClientEntry>, Bytes)>>>;

/// The clients of one configuration snapshot.
#[derive(Clone)]
pub struct ClientIndex {
    entries: ProviderIndex<ClientEntry>,
    documents: Documents,
}
impl Deref for ClientIndex {
    type Target = ProviderIndex<ClientEntry>;
    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl ClientIndex {
    pub fn new(config: Arc<Snapshot>) -> Self {
        Self { entries: ProviderCache::default().index(config), documents: Documents::default() }
    }
    /// The client with this id, if an application uses it.
    pub fn by_client_id(&self, id: &str) -> Result<Option<Arc<ClientEntry>>> {
        self.entries.by_text("client_id", id)
    }
    pub fn document(&self, entry: &Arc<ClientEntry>, document: Document, base_url: &str) -> Option<Bytes> {
        let all = self.documents.read().unwrap_or_else(PoisonError::into_inner);
        let (of, bytes) = all.get(&(entry.provider.pk, document, base_url.to_owned()))?;
        Arc::ptr_eq(of, entry).then(|| bytes.clone())
    }
    pub fn keep_document(&self, entry: &Arc<ClientEntry>, document: Document, base_url: &str, bytes: Bytes) {
        let mut all = self.documents.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_DOCUMENTS {
            all.clear();
        }
        all.insert((entry.provider.pk, document, base_url.to_owned()), (entry.clone(), bytes));
    }
}

impl ProviderEntry for ClientEntry {
    type Settings = OAuth2Provider;
    fn build(provider: &Arc<Object>, application: &Arc<Object>, config: &Snapshot) -> Result<Option<Self>> {
        let Some(settings) = provider.share::<OAuth2Provider>() else { return Ok(None) };
        let scopes = scopes_of(&settings, config);
        let signer = Arc::new(Signer::of(&settings, config)?);
        let used = settings.property_mappings.iter().chain(&settings.signing_key);
        let used = used.filter_map(|pk| config.get(*pk)).cloned();
        Ok(Some(Self {
            parts: [provider.clone(), application.clone()].into_iter().chain(used).collect(),
            provider: provider.clone(),
            application: application.clone(),
            scopes,
            signer,
            settings,
            claim_names: OnceCell::new(),
        }))
    }
    fn parts(&self) -> &[Arc<Object>] {
        &self.parts
    }
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

/// What is kept between requests.
#[derive(Default)]
pub struct ClientCache {
    entries: ProviderCache<ClientEntry>,
    documents: Documents,
}

impl ClientCache {
    /// The clients of the current snapshot.
    pub fn index(&self, core: &Core) -> ClientIndex {
        ClientIndex { entries: self.entries.index(core.config()), documents: self.documents.clone() }
    }
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
