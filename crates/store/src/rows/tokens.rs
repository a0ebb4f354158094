//! API tokens and app passwords.
use super::roles;
use super::table::{self, found, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Result, Secret, Timestamp, Uuid, Vault};
use signet_model::Table;

/// What `intent` may be.
pub const INTENTS: &[&str] = &["verification", "api", "recovery", "app_password"];

/// A token. The key is stored encrypted (to be shown again) and as a keyed digest (for look-up).
#[derive(Debug, Clone, Table)]
#[table(model = "authentik_core.token", table = "token", alias = "t", label = "token", order = "identifier")]
#[table(expires = "expires", only = "expiring = 1 AND intent <> 'api'")]
pub struct Token {
    #[column(wire = "pk", also("token_uuid"), read_only, fixed, order)]
    pub id: Uuid,
    /// Unique name.
    #[column(kind = "slug", unique, order, filter, search, required, max = 255)]
    pub identifier: String,
    /// One of [`INTENTS`].
    #[column(choice = INTENTS, order, filter_any, search, sorted)]
    pub intent: String,
    #[column(wire = "user", also("user_id"), refers = "authentik_core.user", owner, search)]
    pub user_id: i64,
    #[column(blank, order, filter, search)]
    pub description: String,
    #[column(order, filter)]
    pub expires: Option<Timestamp>,
    /// If false, `expires` has no effect.
    #[column(order, filter, sorted)]
    pub expiring: bool,
    #[column(read_only, unique, order, filter)]
    pub managed: Option<String>,
    #[column(hidden, fixed)]
    pub created: Timestamp,
    /// The encrypted key; empty before [`insert`]. See [`Token::key`].
    #[column(name = "key_sealed", secret, fixed)]
    pub sealed: String,
    /// Empty before [`insert`].
    #[column(name = "key_digest", secret, fixed)]
    pub digest: String,
    /// The account's epoch at creation. A raised epoch ends recovery keys; tokens for programs stay.
    #[column(hidden, fixed)]
    pub epoch: i64,
}

impl Token {
    /// A new token; pass the key to [`insert`].
    pub fn new(
        id: Uuid,
        identifier: impl Into<String>,
        intent: impl Into<String>,
        user_id: i64,
        created: Timestamp,
    ) -> Self {
        Self {
            id,
            identifier: identifier.into(),
            intent: intent.into(),
            user_id,
            description: String::new(),
            expires: None,
            expiring: false,
            managed: None,
            created,
            sealed: String::new(),
            digest: String::new(),
            epoch: 0,
        }
    }
    /// The decrypted key.
    pub fn key(&self, vault: &Vault) -> Result<Secret> {
        vault.open(("token", &self.id.to_string(), "key"), &self.sealed)
    }
    /// Whether the token is expired. A token that expires but has no time is expired.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expiring && self.expires.is_none_or(|at| at <= now)
    }
}

selects! { Token:
    BY_DIGEST = "WHERE t.key_digest = ?";
    BY_IDENTIFIER = "WHERE t.identifier = ?";
    OF_USER = "WHERE t.user_id = ? AND t.intent = ? ORDER BY t.identifier";
    EXPIRED = "WHERE t.expiring = 1 AND COALESCE(t.expires, -1) <= ? AND COALESCE(t.expires, -1) > 0 AND t.intent = 'api' ORDER BY COALESCE(t.expires, -1) LIMIT ?";
}
const AT_EPOCH: &str = "UPDATE token SET epoch = COALESCE((SELECT u.epoch FROM users u WHERE u.id = token.user_id), 0) WHERE id = ?";
const SET_KEY: &str = "UPDATE token SET key_sealed = ?, key_digest = ? WHERE id = ?";
const ROTATE: &str =
    "UPDATE token SET key_sealed = ?, key_digest = ?, expires = ? WHERE id = ? AND key_digest = ?";

const HOLD: &str = "UPDATE users SET epoch = epoch WHERE id = ?";
const ROOM: &str =
    "UPDATE users SET epoch = epoch WHERE id = ? AND (SELECT count(*) FROM token WHERE user_id = ?) < ?";

pub(crate) const STATEMENTS: &[&str] = &[AT_EPOCH, SET_KEY, ROTATE, HOLD, ROOM];

/// The condition of a commit that the user has fewer tokens than this. Two such commits follow each other: the row is held
/// by a statement of its own, since PostgreSQL counts what was there when the counting statement began.
pub fn room_batch(user: i64, most: i64) -> Batch {
    Batch::new()
        .add(HOLD, params![user])
        .add(ROOM, params![user, user, most])
        .expect_rows(1, Conflict::TooManyTokens)
}

/// The look-up digest of a key.
pub fn digest(vault: &Vault, key: &str) -> String {
    vault.digest("token", key)
}

fn seal(vault: &Vault, id: Uuid, key: &Secret) -> Result<String> {
    vault.seal(("token", &id.to_string(), "key"), key)
}

/// The token with this key, expired or not: see [`Token::is_expired`].
pub async fn by_key(db: &Db, vault: &Vault, key: &str) -> Result<Option<Token>> {
    by_digest(db, &digest(vault, key)).await
}
pub async fn by_digest(db: &Db, digest: &str) -> Result<Option<Token>> {
    table::row(db, &BY_DIGEST, params![digest]).await
}
pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<Token>> {
    Ok(super::list::by_keys(db, &[id.into()]).await?.pop())
}
pub async fn by_identifier(db: &Db, identifier: &str) -> Result<Option<Token>> {
    table::row(db, &BY_IDENTIFIER, params![identifier]).await
}
/// A user's tokens with one intent, by identifier.
pub async fn of_user(db: &Db, user: i64, intent: &str) -> Result<Vec<Token>> {
    table::rows(db, &OF_USER, params![user, intent]).await
}

/// `Conflict::Unique("token.identifier")` or `Conflict::Unique("token.key_digest")` if either is taken.
pub async fn insert(db: &Db, vault: &Vault, token: &Token, key: &Secret) -> Result<()> {
    db.batch(insert_batch(vault, token, key)?).await.map(drop)
}
/// [`insert`] as part of a batch.
pub fn insert_batch(vault: &Vault, token: &Token, key: &Secret) -> Result<Batch> {
    let (sealed, digest) = (seal(vault, token.id, key)?, digest(vault, key.reveal()));
    Ok(table::insert(&Token { sealed, digest, ..token.clone() }).add(AT_EPOCH, params![token.id]))
}
/// Updates everything but the key.
pub async fn update(db: &Db, token: &Token) -> Result<()> {
    found(db.batch(table::update(token)).await).map(drop)
}
/// [`update`] of what has changed, as a part of a larger batch; `Conflict::NoRow` when there is no such token.
pub fn update_batch(before: &Token, after: &Token) -> Batch {
    table::update_changed(before, after)
}
/// Another key, as a part of a larger batch.
pub fn set_key_batch(vault: &Vault, id: Uuid, key: &Secret) -> Result<Batch> {
    let values = params![seal(vault, id, key)?, digest(vault, key.reveal()), id];
    Ok(Batch::new().add(SET_KEY, values).expect_rows(1, Conflict::NoRow))
}

/// Replaces the key of an expired API token, as a part of a larger batch; `Conflict::Rotated` where its
/// key is another one by now.
pub fn rotate_batch(vault: &Vault, token: &Token, key: &Secret, expires: Option<Timestamp>) -> Result<Batch> {
    let values =
        params![seal(vault, token.id, key)?, digest(vault, key.reveal()), expires, token.id, &token.digest];
    Ok(Batch::new().add(ROTATE, values).expect_rows(1, Conflict::Rotated))
}
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    found(db.batch(delete_batch(id)).await).map(drop)
}
/// [`delete`] as part of a batch.
pub fn delete_batch(id: Uuid) -> Batch {
    table::delete::<Token>(id).then(roles::forget_object_batch("authentik_core.token", &id.to_string()))
}
/// API tokens that are due for rotation.
pub async fn expired_api_tokens(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Token>> {
    table::rows(db, &EXPIRED, params![now, limit]).await
}
