//! Caches of accounts and access tokens. A commit of this process that touches them ([`super::Touches`]) makes their
//! entries old before its caller is notified. Writes of other nodes and commands are seen after [`FRESH`]. Sessions are
//! not cached: they end everywhere at once.
use super::Changes;
use crate::db::Db;
use crate::rows::grants::{self, GrantToken, TokenKind};
use crate::rows::people::{self, Person};
use crate::rows::users;
use signet_base::Result;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum age of an entry.
const FRESH: Duration = Duration::from_millis(100);
/// Maximum number of entries.
const MOST: usize = 512;

struct Entry<V> {
    value: V,
    /// The change count before it was read.
    changes: u64,
    at: Instant,
}

struct ReadCache<K, V> {
    entries: Mutex<HashMap<K, Entry<V>>>,
    count: fn(&Changes) -> u64,
}

impl<K: Eq + Hash, V: Clone> ReadCache<K, V> {
    fn new(count: fn(&Changes) -> u64) -> Self {
        Self { entries: Mutex::default(), count }
    }
    fn all(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The entry, else what `read` finds; kept if `keep` says so.
    async fn get(
        &self,
        db: &Db,
        key: K,
        keep: impl FnOnce(&V) -> bool,
        read: impl AsyncFnOnce(&K) -> Result<Option<V>>,
    ) -> Result<Option<V>> {
        let changes = (self.count)(db.changes());
        let fresh = |seen: &&Entry<V>| seen.changes == changes && seen.at.elapsed() < FRESH;
        if let Some(value) = self.all().get(&key).filter(fresh).map(|seen| seen.value.clone()) {
            return Ok(Some(value));
        }
        let at = Instant::now();
        let found = read(&key).await?;
        if let Some(value) = found.clone().filter(keep) {
            let mut all = self.all();
            if all.len() >= MOST && !all.contains_key(&key) {
                all.clear();
            }
            all.insert(key, Entry { value, changes, at });
        }
        Ok(found)
    }
}

#[derive(PartialEq, Eq, Hash)]
enum PersonKey {
    Id(i64),
    /// The canonical username.
    Name(String),
}

/// Accounts with their groups, by id and by name.
pub struct PeopleCache(ReadCache<PersonKey, Person>);

impl Default for PeopleCache {
    fn default() -> Self {
        Self(ReadCache::new(Changes::people))
    }
}

impl PeopleCache {
    pub async fn by_id(&self, db: &Db, id: i64) -> Result<Option<Person>> {
        self.0.get(db, PersonKey::Id(id), |_| true, async |_| people::by_id(db, id).await).await
    }
    /// Finds by the canonical username.
    pub async fn by_username(&self, db: &Db, username: &str) -> Result<Option<Person>> {
        let key = PersonKey::Name(users::canonical(username));
        self.0.get(db, key, |_| true, async |_| people::by_username(db, username).await).await
    }
}

/// Access tokens by digest. Refresh tokens are not kept: each use changes their row.
pub struct TokenCache(ReadCache<String, Arc<GrantToken>>);

impl Default for TokenCache {
    fn default() -> Self {
        Self(ReadCache::new(Changes::tokens))
    }
}

impl TokenCache {
    /// As [`grants::by_digest`].
    pub async fn by_digest(&self, db: &Db, digest: &str) -> Result<Option<Arc<GrantToken>>> {
        let is_access = |token: &Arc<GrantToken>| token.kind == TokenKind::Access;
        let read = async |digest: &String| Ok(grants::by_digest(db, digest).await?.map(Arc::new));
        self.0.get(db, digest.to_owned(), is_access, read).await
    }
}
