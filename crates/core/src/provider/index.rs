//! What requests need of a provider, ready to use. Built at first use, and again when an object changes that it was made of;
//! other writes do not touch it.
use crate::models::{Application, application_of};
use signet_base::{Result, Uuid};
use signet_model::{Model, Object, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// A provider with its application and what is made of their settings.
pub trait ProviderEntry: Sized + Send + Sync + 'static {
    type Settings: Model;
    /// `None` for providers of other kinds.
    fn build(provider: &Arc<Object>, application: &Arc<Object>, config: &Snapshot) -> Result<Option<Self>>;
    /// The objects that it was made of, both of these among them.
    fn parts(&self) -> &[Arc<Object>];
}

/// The entries, kept between requests.
pub struct ProviderCache<E>(Arc<RwLock<HashMap<Uuid, Arc<E>>>>);

impl<E> Default for ProviderCache<E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
impl<E> Clone for ProviderCache<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
impl<E: ProviderEntry> ProviderCache<E> {
    /// The entries of this snapshot.
    pub fn index(&self, config: Arc<Snapshot>) -> ProviderIndex<E> {
        ProviderIndex { config, kept: self.clone() }
    }
}

/// The providers of one kind in one snapshot.
pub struct ProviderIndex<E> {
    config: Arc<Snapshot>,
    kept: ProviderCache<E>,
}

impl<E> Clone for ProviderIndex<E> {
    fn clone(&self) -> Self {
        Self { config: self.config.clone(), kept: self.kept.clone() }
    }
}
impl<E: ProviderEntry> ProviderIndex<E> {
    /// The provider whose setting has this text, if an application uses it.
    pub fn by_text(&self, field: &'static str, text: &str) -> Result<Option<Arc<E>>> {
        match self.config.find::<E::Settings>(field, text) {
            Some((provider, _)) => self.entry(provider),
            None => Ok(None),
        }
    }
    pub fn by_num(&self, num: i64) -> Result<Option<Arc<E>>> {
        match self.config.by_num(num) {
            Some(provider) => self.entry(provider),
            None => Ok(None),
        }
    }
    /// The provider of an application.
    pub fn by_slug(&self, slug: &str) -> Result<Option<Arc<E>>> {
        match self.config.find::<Application>("slug", slug).and_then(|(_, a)| a.provider) {
            Some(num) => self.by_num(num),
            None => Ok(None),
        }
    }
    /// `None` without an application, and for providers of other kinds.
    pub fn entry(&self, provider: &Arc<Object>) -> Result<Option<Arc<E>>> {
        let is_current = |entry: &&Arc<E>| {
            let mut parts = entry.parts().iter();
            parts.all(|part| self.config.get(part.pk).is_some_and(|now| Arc::ptr_eq(now, part)))
        };
        // A poisoned lock is fine: the map only ever gets whole entries.
        let kept = self.kept.0.read().unwrap_or_else(PoisonError::into_inner).get(&provider.pk).cloned();
        if let Some(entry) = kept.as_ref().filter(is_current) {
            return Ok(Some(entry.clone()));
        }
        let Some(application) = provider.num.and_then(|num| application_of(&self.config, num)) else {
            return Ok(None);
        };
        let Some(entry) = E::build(provider, application, &self.config)? else { return Ok(None) };
        let entry = Arc::new(entry);
        let mut all = self.kept.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() > self.config.count(E::Settings::DEF) {
            all.retain(|pk, _| self.config.get(*pk).is_some());
        }
        all.insert(provider.pk, entry.clone());
        Ok(Some(entry))
    }
}
