//! The index of users' attribute `upn`.
use super::users::{User, canonical};
use crate::db::{Batch, Db};
use crate::{kv, params};
use signet_base::{Error, Json, Map, Result};

pub(crate) const JOIN_NEW: &str =
    "INSERT INTO user_upn (user_id, upn_key) SELECT id, ? FROM users WHERE uuid = ?";
const PUT: &str = "INSERT INTO user_upn (user_id, upn_key) VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET upn_key = excluded.upn_key";
const DROP: &str = "DELETE FROM user_upn WHERE user_id = ?";
const UNINDEXED: &str = "SELECT u.id, u.attributes FROM users u WHERE u.id > ? AND u.attributes LIKE '%\"upn\"%' ORDER BY u.id LIMIT 500";

pub(crate) const STATEMENTS: &[&str] = &[JOIN_NEW, PUT, DROP, UNINDEXED];

/// Set by the migration that created the table, until existing users are indexed.
const PENDING: &str = "index_upn";

/// The case-folded attribute; `None` if it is absent, empty or not a string.
pub(crate) fn key(attributes: &Map) -> Option<String> {
    attributes.get("upn").and_then(Json::as_str).map(canonical).filter(|k| !k.is_empty())
}
/// Updates the row of an existing user.
pub(crate) fn update_batch(user: &User) -> Batch {
    match key(&user.attributes) {
        Some(key) => Batch::new().add(PUT, params![user.id, key]),
        None => Batch::new().add(DROP, params![user.id]),
    }
}

/// Indexes the users that existed before the table. Runs once.
pub(crate) async fn index(db: &Db) -> Result<()> {
    if kv::get(db, PENDING).await?.is_none() {
        return Ok(());
    }
    let mut after = 0;
    loop {
        let rows = db.scan(UNINDEXED, params![after]).await?;
        let Some(last) = rows.last() else { break };
        after = last.int(0)?;
        let mut batch = Batch::new();
        for row in &rows {
            if let Some(key) = key(&row.map(1)?) {
                batch.push(PUT, params![row.int(0)?, key]);
            }
        }
        match db.batch(batch).await {
            // A user was deleted meanwhile: repeat this page.
            Err(Error::Conflict(_)) => {
                after = rows.first().map_or(after, |row| row.int(0).unwrap_or(after) - 1)
            }
            answer => drop(answer?),
        }
    }
    kv::delete(db, PENDING).await
}
