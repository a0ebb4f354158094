//! Former password hashes, for policies that forbid reuse. Stored only while such a policy exists.
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Result, Timestamp};

/// Maximum number of hashes per user.
pub const KEPT: i64 = 50;

/// Copies the current hash to the history, if it is usable and a policy needs histories.
const KEEP: &str = "INSERT INTO password_history (user_id, password, replaced) SELECT u.id, u.password, ? FROM users u WHERE u.id = ? AND u.password <> ? AND u.password NOT LIKE '!%' \
    AND EXISTS (SELECT 1 FROM object o WHERE o.model = 'authentik_policies_unique_password.uniquepasswordpolicy')";
const TRIM: &str = "DELETE FROM password_history WHERE user_id = ? AND id NOT IN (SELECT id FROM password_history WHERE user_id = ? ORDER BY id DESC LIMIT ?)";
const LATEST: &str = "SELECT password FROM password_history WHERE user_id = ? ORDER BY id DESC LIMIT ?";
const FORGET: &str = "DELETE FROM password_history WHERE id IN (SELECT id FROM password_history WHERE NOT EXISTS \
    (SELECT 1 FROM object o WHERE o.model = 'authentik_policies_unique_password.uniquepasswordpolicy') LIMIT ?) RETURNING 1";

pub(crate) const STATEMENTS: &[&str] = &[KEEP, TRIM, LATEST, FORGET];

/// Call before the statement that replaces a password.
pub(crate) fn keep(batch: &mut Batch, user: i64, new_hash: &str, now: Timestamp) {
    batch.push(KEEP, params![now, user, new_hash]);
    batch.push(TRIM, params![user, user, KEPT]);
}

/// The last hashes, newest first, without the current one.
pub async fn latest(db: &Db, user: i64, count: i64) -> Result<Vec<String>> {
    db.query(LATEST, params![user, count.clamp(0, KEPT)]).await?.iter().map(|row| row.string(0)).collect()
}

/// Removes up to `limit` hashes that no policy asks for any more; how many went.
pub async fn forget_unused(db: &Db, limit: i64) -> Result<u64> {
    super::housekeeping::removed(db, Batch::relaxed().add(FORGET, params![limit]).returning()).await
}
