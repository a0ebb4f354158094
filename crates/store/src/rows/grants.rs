//! OAuth2 grants: authorization codes, access and refresh tokens. A family is everything that came from one
//! authorization; it is revoked as a whole when a code or a refresh token is seen twice.
pub use super::grant_lists::{GrantQuery, list, list_codes};
use crate::db::{Batch, Db, Row, Value};
use crate::params;
use signet_base::{Error, Json, Result, Span, Timestamp, Uuid};
use std::sync::Arc;
use std::time::Instant;

/// An authorization code.
#[derive(Debug, Clone)]
pub struct Code {
    /// 0 before [`insert_code`].
    pub id: i64,
    /// Keyed digest of the code.
    pub digest: String,
    /// Number of the provider.
    pub provider: i64,
    pub user_id: i64,
    pub session: Option<Uuid>,
    pub family: Uuid,
    pub scope: String,
    /// What the token endpoint must compare and carry on: redirect URI, challenge, nonce, authentication
    /// context.
    pub data: Json,
    pub issued: Timestamp,
    pub expires: Timestamp,
    pub used: bool,
    /// Of the account, as the session rested on it.
    pub epoch: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    Access,
    Refresh,
}
impl TokenKind {
    pub fn as_str(self) -> &'static str {
        match self {
            TokenKind::Access => "access",
            TokenKind::Refresh => "refresh",
        }
    }
}

/// An access or refresh token.
#[derive(Debug, Clone)]
pub struct GrantToken {
    /// 0 before it is inserted.
    pub id: i64,
    pub kind: TokenKind,
    /// Keyed digest of the token (of its `jti` for a JWT).
    pub digest: String,
    /// Number of the provider.
    pub provider: i64,
    pub user_id: i64,
    pub session: Option<Uuid>,
    pub family: Uuid,
    pub scope: String,
    /// Claims and authentication context.
    pub data: Json,
    pub issued: Timestamp,
    pub expires: Timestamp,
    pub revoked: bool,
    /// Of the account, as what it was made from rested on it. Whoever reads the account compares.
    pub epoch: i64,
}

/// Whose tokens a family is: all of them have these in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub user: i64,
    pub session: Option<Uuid>,
    pub family: Uuid,
}
impl Code {
    pub fn holder(&self) -> Holder {
        Holder { user: self.user_id, session: self.session, family: self.family }
    }
}
impl GrantToken {
    pub fn holder(&self) -> Holder {
        Holder { user: self.user_id, session: self.session, family: self.family }
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// This call, and no other ever, got the tokens.
    Won,
    /// It was used before: the whole family is revoked now.
    Reused,
    /// Unknown or expired.
    Gone,
}

const CODE_INSERT: &str = "INSERT INTO oauth_code (digest, provider, user_id, session, family, scope, data, issued, expires, used, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)";
const CODE_GET: &str = "SELECT id, digest, provider, user_id, session, family, scope, data, issued, expires, used, epoch FROM oauth_code WHERE digest = ?";
const CODE_ID: &str = "SELECT id, digest, provider, user_id, session, family, scope, data, issued, expires, used, epoch FROM oauth_code WHERE id = ?";
const CODE_USE: &str = "UPDATE oauth_code SET used = 1 WHERE digest = ? AND used = 0 AND expires > ? \
    AND epoch >= (SELECT u.epoch FROM users u WHERE u.id = oauth_code.user_id)";
const CODE_DELETE: &str = "DELETE FROM oauth_code WHERE id = ?";
// One index finds what somebody holds, within a session, of a family: three would cost three pages at each
// insert.
const CODE_USE_FAMILY: &str =
    "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session = ? AND family = ?";
const CODE_USE_FAMILY_ALONE: &str =
    "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session IS NULL AND family = ?";
const CODE_DELETE_SESSION: &str = "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session = ?";
const CODE_DELETE_PROVIDER: &str = "DELETE FROM oauth_code WHERE provider = ?";
const CODE_EXPIRED: &str =
    "DELETE FROM oauth_code WHERE id IN (SELECT id FROM oauth_code WHERE expires <= ? LIMIT ?)";
const INSERT: &str = "INSERT INTO oauth_token (kind, digest, provider, user_id, session, family, scope, data, issued, expires, revoked, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const GET: &str = "SELECT t.id, t.kind, t.digest, t.provider, t.user_id, t.session, t.family, t.scope, t.data, t.issued, t.expires, \
    CASE WHEN t.revoked = 1 OR EXISTS (SELECT 1 FROM oauth_revocation r WHERE r.at >= t.issued AND \
    (r.subject IN (t.digest, t.family, t.session) OR (t.kind = 'access' AND r.subject IN ('access ' || t.session, t.session || '/' || t.provider)))) THEN 1 ELSE 0 END, t.epoch \
    FROM oauth_token t WHERE t.digest = ?";
const BY_ID: &str = "SELECT id, kind, digest, provider, user_id, session, family, scope, data, issued, expires, revoked, epoch FROM oauth_token WHERE id = ?";
pub(crate) const ROTATE: &str = "UPDATE oauth_token SET revoked = 1 WHERE digest = ? AND kind = 'refresh' AND revoked = 0 AND expires > ? \
    AND epoch >= (SELECT u.epoch FROM users u WHERE u.id = oauth_token.user_id)";
const REVOKE: &str = "UPDATE oauth_token SET revoked = 1 WHERE digest = ?";
const REVOKE_FAMILY: &str =
    "UPDATE oauth_token SET revoked = 1 WHERE user_id = ? AND session = ? AND family = ?";
const REVOKE_FAMILY_ALONE: &str =
    "UPDATE oauth_token SET revoked = 1 WHERE user_id = ? AND session IS NULL AND family = ?";
const REVOKE_SESSION: &str = "UPDATE oauth_token SET revoked = 1 WHERE user_id = ? AND session = ?";
const REVOKE_ACCESS_OF: &str = "UPDATE oauth_token SET revoked = 1 WHERE user_id = ? AND session = ? AND provider = ? AND kind = 'access'";
const REVOKE_ACCESS: &str =
    "UPDATE oauth_token SET revoked = 1 WHERE user_id = ? AND session = ? AND kind = 'access'";
const DELETE: &str = "DELETE FROM oauth_token WHERE id = ?";
const DELETE_PROVIDER: &str = "DELETE FROM oauth_token WHERE provider = ?";
const EXPIRED: &str =
    "DELETE FROM oauth_token WHERE id IN (SELECT id FROM oauth_token WHERE expires <= ? LIMIT ?)";

// A revocation is remembered apart from the rows it is about: access tokens are valid before their row is
// written.
const MARK: &str = "INSERT INTO oauth_revocation (subject, at, expires) VALUES (?, ?, 0) ON CONFLICT (subject) DO UPDATE SET at = excluded.at, expires = 0";
const MARK_ID: &str = "INSERT INTO oauth_revocation (subject, at, expires) SELECT digest, CAST(? AS BIGINT), 0 FROM oauth_token WHERE id = ? ON CONFLICT (subject) DO UPDATE SET at = excluded.at, expires = 0";
const MARKED: &str = "SELECT 1 FROM oauth_revocation WHERE subject IN (?, ?, ?, ?, ?) AND at >= ? LIMIT 1";
const MARKS_AGE: &str = "UPDATE oauth_revocation SET expires = ? WHERE expires = 0";
const MARKS_EXPIRED: &str = "DELETE FROM oauth_revocation WHERE subject IN (SELECT subject FROM oauth_revocation WHERE expires > 0 AND expires <= ? LIMIT ?)";
/// Longest life, in seconds, of an access token whose row is not waited for; revocations are remembered
/// longer.
pub const LONGEST_BEHIND: i64 = 30 * 86_400;
const MARKS_KEPT: i64 = LONGEST_BEHIND + 7 * 86_400;
/// When a revocation is for ever: whatever was issued under the subject.
const EVER: Timestamp = Timestamp(i64::MAX);

pub(crate) const STATEMENTS: &[&str] = &[
    CODE_INSERT,
    CODE_GET,
    CODE_ID,
    CODE_USE,
    CODE_DELETE,
    CODE_USE_FAMILY,
    CODE_USE_FAMILY_ALONE,
    CODE_DELETE_SESSION,
    CODE_DELETE_PROVIDER,
    CODE_EXPIRED,
    INSERT,
    GET,
    BY_ID,
    ROTATE,
    REVOKE,
    REVOKE_FAMILY,
    REVOKE_FAMILY_ALONE,
    REVOKE_SESSION,
    REVOKE_ACCESS_OF,
    REVOKE_ACCESS,
    DELETE,
    DELETE_PROVIDER,
    EXPIRED,
    MARK,
    MARK_ID,
    MARKED,
    MARKS_AGE,
    MARKS_EXPIRED,
];

pub(super) fn code(row: &Row) -> Result<Code> {
    Ok(Code {
        id: row.int(0)?,
        digest: row.string(1)?,
        provider: row.int(2)?,
        user_id: row.int(3)?,
        session: row.opt_uuid(4)?,
        family: row.uuid(5)?,
        scope: row.string(6)?,
        data: row.json(7)?,
        issued: row.time(8)?,
        expires: row.time(9)?,
        used: row.bool(10)?,
        epoch: row.int(11)?,
    })
}

pub(super) fn token(row: &Row) -> Result<GrantToken> {
    Ok(GrantToken {
        id: row.int(0)?,
        kind: if row.text(1)? == "refresh" { TokenKind::Refresh } else { TokenKind::Access },
        digest: row.string(2)?,
        provider: row.int(3)?,
        user_id: row.int(4)?,
        session: row.opt_uuid(5)?,
        family: row.uuid(6)?,
        scope: row.string(7)?,
        data: row.json(8)?,
        issued: row.time(9)?,
        expires: row.time(10)?,
        revoked: row.bool(11)?,
        epoch: row.int(12)?,
    })
}

async fn one_token(db: &Db, sql: &str, params: Vec<Value>) -> Result<Option<GrantToken>> {
    db.query_one(sql, params).await?.as_ref().map(token).transpose()
}

/// Durable: the code goes to the browser only after this.
pub async fn insert_code(db: &Db, code: &Code) -> Result<()> {
    let c = code;
    db.execute(
        CODE_INSERT,
        params![
            &c.digest, c.provider, c.user_id, c.session, c.family, &c.scope, &c.data, c.issued, c.expires,
            c.epoch
        ],
    )
    .await
}
/// The code, used and expired ones too.
pub async fn code_by_digest(db: &Db, digest: &str) -> Result<Option<Code>> {
    db.query_one(CODE_GET, params![digest]).await?.as_ref().map(code).transpose()
}
pub async fn code_by_id(db: &Db, id: i64) -> Result<Option<Code>> {
    db.query_one(CODE_ID, params![id]).await?.as_ref().map(code).transpose()
}
pub async fn delete_code(db: &Db, id: i64) -> Result<()> {
    db.execute(CODE_DELETE, params![id]).await
}

fn with_tokens(mut batch: Batch, tokens: &[GrantToken]) -> Batch {
    for t in tokens {
        batch.push(
            INSERT,
            params![
                t.kind.as_str(),
                &t.digest,
                t.provider,
                t.user_id,
                t.session,
                t.family,
                &t.scope,
                &t.data,
                t.issued,
                t.expires,
                t.revoked,
                t.epoch
            ],
        );
    }
    batch
}

/// Uses the code up and stores the tokens it yields, in one step: of any number of callers exactly one wins.
/// Seen again, the family is revoked (RFC 6749 §4.1.2).
pub async fn redeem(db: &Db, digest: &str, now: Timestamp, tokens: &[GrantToken]) -> Result<Redeemed> {
    let batch = Batch::new().add(CODE_USE, params![digest, now]).expect_rows(1, "code");
    match db.batch(with_tokens(batch, tokens)).await {
        Ok(_) => Ok(Redeemed::Won),
        Err(Error::Conflict(tag)) if tag == "code" => match code_by_digest(db, digest).await? {
            Some(code) if code.used => {
                revoke_family(db, code.holder()).await?;
                Ok(Redeemed::Reused)
            }
            _ => Ok(Redeemed::Gone),
        },
        Err(error) => Err(error),
    }
}

/// Replaces a refresh token by its successors in one step. A token that was replaced or revoked before takes
/// its whole family with it (RFC 9700 §4.14).
pub async fn rotate(db: &Db, digest: &str, now: Timestamp, tokens: &[GrantToken]) -> Result<Redeemed> {
    let batch = Batch::new().add(ROTATE, params![digest, now]).expect_rows(1, "refresh");
    match db.batch(with_tokens(batch, tokens)).await {
        Ok(_) => Ok(Redeemed::Won),
        Err(Error::Conflict(tag)) if tag == "refresh" => match by_digest(db, digest).await? {
            Some(old) if old.revoked && old.kind == TokenKind::Refresh => {
                revoke_family(db, old.holder()).await?;
                Ok(Redeemed::Reused)
            }
            _ => Ok(Redeemed::Gone),
        },
        Err(error) => Err(error),
    }
}

/// Stores tokens that come from no code (client credentials, password, device).
pub async fn insert(db: &Db, tokens: &[GrantToken]) -> Result<()> {
    db.batch(with_tokens(Batch::new(), tokens)).await.map(drop)
}
/// [`insert`] without waiting for the disk: for tokens that the client can ask for again at any time.
pub async fn insert_relaxed(db: &Db, tokens: &[GrantToken]) -> Result<()> {
    db.batch(with_tokens(Batch::relaxed(), tokens)).await.map(drop)
}
/// [`insert`] without waiting at all, for access tokens that are valid by themselves: see [`Db::behind`].
pub async fn insert_behind(db: &Db, tokens: &[GrantToken]) -> Result<()> {
    db.write_behind(with_tokens(Batch::relaxed(), tokens)).await
}
/// Whether a token without a row was revoked, itself or with what it belongs to.
pub async fn is_revoked(db: &Db, t: &GrantToken) -> Result<bool> {
    let access = t.session.map(access_in);
    let in_session = t.session.map(|s| format!("{s}/{}", t.provider));
    Ok(db
        .query_one(MARKED, params![&t.digest, t.family, t.session, in_session, access, t.issued])
        .await?
        .is_some())
}
/// The token, revoked and expired ones too. An access token may be valid without a row: see
/// [`insert_behind`].
pub async fn by_digest(db: &Db, digest: &str) -> Result<Option<GrantToken>> {
    let (read_cache, changes) = db.recent_tokens();
    if let Some(token) = read_cache.find(digest, changes) {
        return Ok(Some(GrantToken::clone(&token)));
    }
    let began = Instant::now();
    let found = one_token(db, GET, params![digest]).await?;
    if let Some(token) = &found
        && token.kind == TokenKind::Access
    {
        read_cache.keep(digest.to_owned(), Arc::new(token.clone()), changes, began);
    }
    Ok(found)
}
pub async fn by_id(db: &Db, id: i64) -> Result<Option<GrantToken>> {
    db.flush().await?;
    one_token(db, BY_ID, params![id]).await
}
/// Remembers what is revoked, and marks the rows. What is queued is written first, so that lists show it as
/// revoked.
async fn revoke_all(db: &Db, subject: String, at: Timestamp, rows: Batch) -> Result<()> {
    db.flush().await?;
    db.batch(Batch::new().add(MARK, params![subject, at]).then(rows)).await.map(drop)
}
/// Revokes one token, with or without a row.
pub async fn revoke(db: &Db, digest: &str) -> Result<()> {
    revoke_all(db, digest.to_owned(), EVER, Batch::new().add(REVOKE, params![digest])).await
}
/// Revokes all tokens of a family and uses its code up.
pub async fn revoke_family(db: &Db, holder: Holder) -> Result<()> {
    let Holder { user, session, family } = holder;
    let rows = match session {
        Some(session) => Batch::new()
            .add(REVOKE_FAMILY, params![user, session, family])
            .add(CODE_USE_FAMILY, params![user, session, family]),
        None => Batch::new()
            .add(REVOKE_FAMILY_ALONE, params![user, family])
            .add(CODE_USE_FAMILY_ALONE, params![user, family]),
    };
    revoke_all(db, family.to_string(), EVER, rows).await
}
/// Revokes what was granted to somebody within a session.
pub async fn revoke_session(db: &Db, user: i64, session: Uuid) -> Result<()> {
    db.flush().await?;
    db.batch(revoke_session_batch(user, session)).await.map(drop)
}
/// [`revoke_session`] as a part of a larger batch.
pub fn revoke_session_batch(user: i64, session: Uuid) -> Batch {
    Batch::new()
        .add(MARK, params![session.to_string(), EVER])
        .add(REVOKE_SESSION, params![user, session])
        .add(CODE_DELETE_SESSION, params![user, session])
}
/// Revokes the access tokens that one provider gave somebody within a session until `now`.
pub async fn revoke_access_of(
    db: &Db,
    user: i64,
    session: Uuid,
    provider: i64,
    now: Timestamp,
) -> Result<()> {
    revoke_all(
        db,
        format!("{session}/{provider}"),
        now,
        Batch::new().add(REVOKE_ACCESS_OF, params![user, session, provider]),
    )
    .await
}
/// Under which subject it is kept that the access tokens of a session are revoked.
fn access_in(session: Uuid) -> String {
    format!("access {session}")
}
/// Ends what hangs on a session that is over, as a part of a larger batch: access tokens that were given
/// within it until `at`, and codes. Refresh tokens stay: they were asked for to be used without the person.
pub fn end_access_batch(user: i64, session: Uuid, at: Timestamp) -> Batch {
    Batch::new()
        .add(MARK, params![access_in(session), at])
        .add(REVOKE_ACCESS, params![user, session])
        .add(CODE_DELETE_SESSION, params![user, session])
}
/// Removes a token's row; the token is not valid any more.
pub async fn delete(db: &Db, id: i64) -> Result<()> {
    db.batch(Batch::new().add(MARK_ID, params![EVER, id]).add(DELETE, params![id])).await.map(drop)
}
/// What goes with a provider.
pub(crate) fn delete_provider(provider: i64) -> Batch {
    Batch::new().add(CODE_DELETE_PROVIDER, params![provider]).add(DELETE_PROVIDER, params![provider])
}
/// Removes up to `limit` codes and as many tokens that expired before `before`. Keep them for a while after
/// their expiry: a used code is recognised as reused only as long as its row is there.
pub async fn delete_expired(db: &Db, before: Timestamp, limit: i64) -> Result<()> {
    let marks_end = before.plus(Span::from_secs(MARKS_KEPT));
    let rows =
        Batch::relaxed().add(CODE_EXPIRED, params![before, limit]).add(EXPIRED, params![before, limit]);
    db.batch(rows.add(MARKS_AGE, params![marks_end]).add(MARKS_EXPIRED, params![before, limit]))
        .await
        .map(drop)
}
