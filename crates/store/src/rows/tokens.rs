//! API tokens and app passwords.
use super::list::{Filter, Page};
use super::users::canonical;
use crate::db::{Batch, Db, Row, Value, in_list, in_params};
use crate::params;
use signet_base::{Error, Result, Secret, Timestamp, Uuid, Vault};

/// One token. The key is stored sealed (to be shown again) and as a keyed digest (to be found by).
#[derive(Debug, Clone)]
pub struct Token {
    pub id: Uuid,
    /// Unique name.
    pub identifier: String,
    /// `verification`, `api`, `recovery`, `app_password`.
    pub intent: String,
    pub user_id: i64,
    pub description: String,
    pub expires: Option<Timestamp>,
    /// Without it `expires` means nothing.
    pub expiring: bool,
    pub managed: Option<String>,
    pub created: Timestamp,
    /// The key as it is stored; empty before [`insert`]. See [`Token::key`].
    pub sealed: String,
    /// Of the account when the token was made. It ends recovery keys; what people made for programs stays.
    pub epoch: i64,
}

impl Token {
    /// A new token; give the key to [`insert`].
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
            epoch: 0,
        }
    }
    /// The key in clear.
    pub fn key(&self, vault: &Vault) -> Result<Secret> {
        vault.open(("token", &self.id.to_string(), "key"), &self.sealed)
    }
    /// Whether the token is over at that time. A token that expires but has no time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expiring && self.expires.is_none_or(|at| at <= now)
    }
}

const COLUMNS: &str = "t.id, t.identifier, t.intent, t.user_id, t.description, t.expires, t.expiring, t.managed, t.created, t.key_sealed, t.epoch";
const BY_DIGEST: &str = "SELECT t.id, t.identifier, t.intent, t.user_id, t.description, t.expires, t.expiring, t.managed, t.created, t.key_sealed, t.epoch FROM token t WHERE t.key_digest = ?";
const BY_IDENTIFIER: &str = "SELECT t.id, t.identifier, t.intent, t.user_id, t.description, t.expires, t.expiring, t.managed, t.created, t.key_sealed, t.epoch FROM token t WHERE t.identifier = ?";
const BY_MANAGED: &str = "SELECT t.id, t.identifier, t.intent, t.user_id, t.description, t.expires, t.expiring, t.managed, t.created, t.key_sealed, t.epoch FROM token t WHERE t.managed = ?";
const OF_USER: &str = "SELECT t.id, t.identifier, t.intent, t.user_id, t.description, t.expires, t.expiring, t.managed, t.created, t.key_sealed, t.epoch FROM token t WHERE t.user_id = ? AND t.intent = ? ORDER BY t.identifier";
const INSERT: &str = "INSERT INTO token (id, identifier, intent, user_id, description, expires, expiring, managed, created, key_sealed, key_digest, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, COALESCE((SELECT u.epoch FROM users u WHERE u.id = ?), 0))";
const UPDATE: &str = "UPDATE token SET identifier = ?, intent = ?, user_id = ?, description = ?, expires = ?, expiring = ?, managed = ? WHERE id = ?";
const SET_KEY: &str = "UPDATE token SET key_sealed = ?, key_digest = ? WHERE id = ?";
const ROTATE: &str =
    "UPDATE token SET key_sealed = ?, key_digest = ?, expires = ? WHERE id = ? AND key_digest = ?";
const DIGEST_OF: &str = "SELECT key_digest FROM token WHERE id = ?";
const DELETE: &str = "DELETE FROM token WHERE id = ?";
const EXPIRED: &str = "SELECT t.id, t.identifier, t.intent, t.user_id, t.description, t.expires, t.expiring, t.managed, t.created, t.key_sealed, t.epoch FROM token t WHERE t.expiring = 1 AND t.expires <= ? AND t.intent = 'api' ORDER BY t.expires LIMIT ?";
const DELETE_EXPIRED: &str = "DELETE FROM token WHERE id IN (SELECT id FROM token WHERE expiring = 1 AND expires <= ? AND intent <> 'api' LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] = &[
    BY_DIGEST,
    BY_IDENTIFIER,
    BY_MANAGED,
    OF_USER,
    INSERT,
    UPDATE,
    SET_KEY,
    ROTATE,
    DIGEST_OF,
    DELETE,
    EXPIRED,
    DELETE_EXPIRED,
];

/// The digest by which a key is found.
pub fn digest(vault: &Vault, key: &str) -> String {
    vault.digest("token", key)
}

fn seal(vault: &Vault, id: Uuid, key: &Secret) -> Result<String> {
    vault.seal(("token", &id.to_string(), "key"), key)
}

fn from_row(row: &Row) -> Result<Token> {
    Ok(Token {
        id: row.uuid(0)?,
        identifier: row.string(1)?,
        intent: row.string(2)?,
        user_id: row.int(3)?,
        description: row.string(4)?,
        expires: row.opt_time(5)?,
        expiring: row.bool(6)?,
        managed: row.opt_string(7)?,
        created: row.time(8)?,
        sealed: row.string(9)?,
        epoch: row.int(10)?,
    })
}

async fn one(db: &Db, sql: &str, params: Vec<Value>) -> Result<Option<Token>> {
    db.query_one(sql, params).await?.as_ref().map(from_row).transpose()
}

/// The token with this key, expired or not: see [`Token::is_expired`].
pub async fn by_key(db: &Db, vault: &Vault, key: &str) -> Result<Option<Token>> {
    by_digest(db, &digest(vault, key)).await
}
pub async fn by_digest(db: &Db, digest: &str) -> Result<Option<Token>> {
    one(db, BY_DIGEST, params![digest]).await
}
pub async fn by_identifier(db: &Db, identifier: &str) -> Result<Option<Token>> {
    one(db, BY_IDENTIFIER, params![identifier]).await
}
pub async fn by_managed(db: &Db, managed: &str) -> Result<Option<Token>> {
    one(db, BY_MANAGED, params![managed]).await
}
/// A user's tokens of one intent, by identifier.
pub async fn of_user(db: &Db, user: i64, intent: &str) -> Result<Vec<Token>> {
    db.query(OF_USER, params![user, intent]).await?.iter().map(from_row).collect()
}

/// `Error::Conflict("token.identifier")` or `Error::Conflict("token.key_digest")` when either is taken.
pub async fn insert(db: &Db, vault: &Vault, token: &Token, key: &Secret) -> Result<()> {
    db.batch(insert_batch(vault, token, key)?).await.map(drop)
}
/// [`insert`] as a part of a larger batch.
pub fn insert_batch(vault: &Vault, token: &Token, key: &Secret) -> Result<Batch> {
    let t = token;
    Ok(Batch::new().add(
        INSERT,
        params![
            t.id,
            &t.identifier,
            &t.intent,
            t.user_id,
            &t.description,
            t.expires,
            t.expiring,
            t.managed.as_deref(),
            t.created,
            seal(vault, t.id, key)?,
            digest(vault, key.reveal()),
            t.user_id
        ],
    ))
}
/// Writes everything but the key.
pub async fn update(db: &Db, token: &Token) -> Result<()> {
    let t = token;
    let values = params![
        &t.identifier,
        &t.intent,
        t.user_id,
        &t.description,
        t.expires,
        t.expiring,
        t.managed.as_deref(),
        t.id
    ];
    missing(db.batch(Batch::new().add(UPDATE, values).expect_rows(1, "no such row")).await)
}
pub async fn set_key(db: &Db, vault: &Vault, id: Uuid, key: &Secret) -> Result<()> {
    let values = params![seal(vault, id, key)?, digest(vault, key.reveal()), id];
    missing(db.batch(Batch::new().add(SET_KEY, values).expect_rows(1, "no such row")).await)
}
/// Replaces the key of an expired API token, unless somebody else has just done so. Says whether it did.
pub async fn rotate(
    db: &Db,
    vault: &Vault,
    token: &Token,
    key: &Secret,
    expires: Option<Timestamp>,
) -> Result<bool> {
    let Some(row) = db.query_one(DIGEST_OF, params![token.id]).await? else { return Ok(false) };
    let values =
        params![seal(vault, token.id, key)?, digest(vault, key.reveal()), expires, token.id, row.text(0)?];
    match db.batch(Batch::new().add(ROTATE, values).expect_rows(1, "rotated")).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(tag)) if tag == "rotated" => Ok(false),
        Err(error) => Err(error),
    }
}
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    missing(db.batch(delete_batch(id)).await)
}
/// [`delete`] as a part of a larger batch.
pub fn delete_batch(id: Uuid) -> Batch {
    Batch::new().add(DELETE, params![id]).expect_rows(1, "no such row")
}
/// API tokens that are due for a new key.
pub async fn expired_api_tokens(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Token>> {
    db.query(EXPIRED, params![now, limit]).await?.iter().map(from_row).collect()
}
/// Removes up to `limit` expired tokens of the other intents. Garbage only: who reads a token judges its
/// expiry.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}

fn missing<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(Error::Conflict(tag)) if tag == "no such row" => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// What a list of tokens is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct TokenQuery {
    pub search: String,
    pub identifier: Option<String>,
    pub intent: Option<String>,
    pub description: Option<String>,
    pub managed: Option<String>,
    pub expires: Option<Timestamp>,
    pub expiring: Option<bool>,
    pub username: Option<String>,
    /// Only this user's tokens (what the caller may see).
    pub owner: Option<i64>,
    pub intents: Vec<String>,
    pub page: Page,
}

const FROM: &str = "token t JOIN users u ON u.id = t.user_id";
const SORT: &[(&str, &str)] = &[
    ("identifier", "t.identifier"),
    ("pk", "t.id"),
    ("expires", "t.expires"),
    ("expiring", "t.expiring"),
    ("intent", "t.intent"),
    ("description", "t.description"),
    ("managed", "t.managed"),
    ("user__username", "u.username_key"),
];

/// One page of tokens, and how many fit the query.
pub async fn list(db: &Db, q: &TokenQuery) -> Result<(Vec<Token>, u64)> {
    let mut f = Filter::default();
    f.search(&q.search, &["t.identifier", "t.intent", "u.username_key", "t.description"]);
    f.equal("t.identifier", q.identifier.as_deref());
    f.equal("t.intent", q.intent.as_deref());
    f.equal("t.description", q.description.as_deref());
    f.equal("t.managed", q.managed.as_deref());
    f.equal("t.expires", q.expires);
    f.equal("t.expiring", q.expiring);
    f.equal("u.username_key", q.username.as_deref().map(canonical));
    f.equal("t.user_id", q.owner);
    if !q.intents.is_empty() {
        f.and(format!("t.intent IN ({})", in_list(q.intents.len())), in_params(q.intents.iter()));
    }
    let (rows, total) = f.page(db, COLUMNS, FROM, SORT, "t.id", &q.page).await?;
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
