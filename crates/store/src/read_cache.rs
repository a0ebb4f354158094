//! Read cache of users and access tokens. Each commit of this process that may change an account, group,
//! membership or token invalidates it before the commit's caller is notified. Writes of other nodes and
//! commands are seen after [`FRESH`]. Sessions are not cached: they end everywhere at once.
use crate::db::Batch;
use crate::rows::grants::{GrantToken, ROTATE};
use crate::rows::people::Person;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum age of an entry.
const FRESH: Duration = Duration::from_millis(100);
/// Maximum number of users, and of tokens.
const MOST: usize = 512;
/// Tables whose changes invalidate the cache.
const TABLES: [&str; 8] = [
    "users",
    "membership",
    "user_group",
    "group_parent",
    "oauth_revocation",
    "role_permission",
    "user_role",
    "group_role",
];

/// Key of a cached user.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum PersonKey {
    Id(i64),
    /// The canonical username.
    Name(String),
}

pub(crate) type People = ReadCache<PersonKey, Person>;
/// Access tokens by digest. Refresh tokens are not cached: each use changes their row.
pub(crate) type Tokens = ReadCache<String, Arc<GrantToken>>;

struct CachedEntry<V> {
    value: V,
    /// The change count before it was read.
    changes: u64,
    at: Instant,
}

/// The cache of one database. Clones share it.
pub(crate) struct ReadCache<K, V>(Arc<Mutex<HashMap<K, CachedEntry<V>>>>);

impl<K, V> Clone for ReadCache<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
impl<K, V> Default for ReadCache<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// The table that a statement writes; `None` for unknown statements.
fn written(sql: &str) -> Option<&str> {
    let rest = ["INSERT INTO ", "UPDATE ", "DELETE FROM "].iter().find_map(|verb| sql.strip_prefix(verb))?;
    rest.split(|c: char| c.is_whitespace() || c == '(').next()
}
/// Whether a statement invalidates cached entries.
fn makes_old(sql: &str) -> bool {
    match written(sql) {
        Some("oauth_token") => !sql.starts_with("INSERT") && sql != ROTATE,
        // A role may be among what goes.
        Some("object") => sql.starts_with("DELETE"),
        Some(table) => TABLES.contains(&table),
        None => TABLES.iter().chain(&["oauth_token"]).any(|table| sql.contains(table)),
    }
}

/// Whether one of the statements invalidates cached entries.
pub(crate) fn any_makes_old(batches: &[Batch]) -> bool {
    let mut texts: Vec<&str> = batches.iter().flat_map(|batch| &batch.statements).map(|s| &*s.sql).collect();
    // Most statements are repeated constants.
    texts.dedup_by_key(|text| text.as_ptr());
    texts.into_iter().any(makes_old)
}

impl<K: Eq + Hash, V: Clone> ReadCache<K, V> {
    fn all(&self) -> MutexGuard<'_, HashMap<K, CachedEntry<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// `changes`: the current count.
    pub fn find<Q: Eq + Hash + ?Sized>(&self, asked: &Q, changes: u64) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let all = self.all();
        let seen = all.get(asked).filter(|seen| seen.changes == changes && seen.at.elapsed() < FRESH)?;
        Some(seen.value.clone())
    }
    /// `changes`: the count before the read.
    pub fn keep(&self, asked: K, value: V, changes: u64, at: Instant) {
        let mut all = self.all();
        if all.len() >= MOST && !all.contains_key(&asked) {
            all.clear();
        }
        all.insert(asked, CachedEntry { value, changes, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_make_old_are_told_from_others() {
        for sql in [
            "UPDATE users SET last_login = ? WHERE id = ?",
            "DELETE FROM group_parent WHERE child_id = ?",
            "INSERT INTO oauth_revocation (subject, at, expires) VALUES (?, ?, 0)",
            "UPDATE oauth_token SET revoked = 1 WHERE digest = ?",
            "DELETE FROM oauth_token WHERE id = ?",
            "DELETE FROM object WHERE pk = ?",
            "DELETE FROM user_role WHERE user_id = ? AND role = ?",
        ] {
            assert!(makes_old(sql), "{sql}");
        }
        for sql in [
            "INSERT INTO oauth_token (kind, user_id) VALUES (?, ?)",
            "UPDATE session SET user_id = ? WHERE id = ?",
            "UPDATE oauth_code SET used = 1 WHERE epoch >= (SELECT u.epoch FROM users u WHERE u.id = oauth_code.user_id)",
            ROTATE,
        ] {
            assert!(!makes_old(sql), "{sql}");
        }
    }
}
