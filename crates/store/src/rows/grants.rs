//! OAuth2 grants: authorization codes, access and refresh tokens. A family contains everything from one
//! authorization; it is revoked as a whole when a code or refresh token is reused.
use super::filter::Filter;
use super::list::ListQuery;
use super::table::{self, Column, selects};
use crate::db::{Batch, Db, Row, Value};
use crate::params;
use crate::runtime::Touches;
use signet_base::{Conflict, Error, Json, Result, Span, Timestamp, Uuid};
use signet_model::Table;
use std::sync::LazyLock;

/// An authorization code.
#[derive(Debug, Clone, Table)]
#[table(
    model = "authentik_providers_oauth2.authorizationcode",
    component = "ExpiringBaseGrantModel",
    table = "oauth_code"
)]
#[table(alias = "c", label = "Authorization Code", order = "pk", expires = "expires", grace = 3600)]
pub struct Code {
    /// 0 before [`insert_code`].
    #[column(wire = "pk", generated, read_only, order)]
    pub id: i64,
    /// Keyed digest of the code.
    #[column(secret, fixed, unique)]
    pub digest: String,
    /// Number of the provider.
    #[column(read_only, fixed, refers = "authentik_core.provider", order, filter)]
    pub provider: i64,
    #[column(wire = "user", read_only, fixed, refers = "authentik_core.user", owner, filter)]
    pub user_id: i64,
    #[column(hidden, fixed)]
    pub session: Option<Uuid>,
    #[column(hidden, fixed)]
    pub family: Uuid,
    #[column(read_only, fixed, search)]
    pub scope: String,
    /// Data for the token endpoint: redirect URI, challenge, nonce, authentication context.
    #[column(secret, fixed)]
    pub data: Json,
    #[column(hidden, fixed)]
    pub issued: Timestamp,
    #[column(read_only, fixed, order)]
    pub expires: Timestamp,
    #[column(hidden)]
    pub used: bool,
    /// The account's epoch that the session had.
    #[column(hidden, fixed)]
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

impl Column for TokenKind {
    fn load(row: &Row, at: usize) -> Result<Self> {
        Ok(if row.text(at)? == "refresh" { TokenKind::Refresh } else { TokenKind::Access })
    }
    fn store(&self) -> Value {
        self.as_str().into()
    }
    fn put(&mut self, _: &Json) -> bool {
        false
    }
}

/// An access or refresh token.
#[derive(Debug, Clone, Table)]
#[table(
    model = "authentik_providers_oauth2.accesstoken",
    component = "TokenModel",
    table = "oauth_token",
    alias = "t"
)]
#[table(label = "OAuth2 Token", order = "pk", expires = "expires", grace = 3600)]
pub struct GrantToken {
    /// 0 before it is inserted.
    #[column(wire = "pk", generated, read_only, order)]
    pub id: i64,
    #[column(hidden, fixed, kind = "text", sorted)]
    pub kind: TokenKind,
    /// Keyed digest of the token (of its `jti` for a JWT).
    #[column(secret, fixed, unique)]
    pub digest: String,
    /// Number of the provider.
    #[column(read_only, fixed, refers = "authentik_core.provider", order, filter, sorted)]
    pub provider: i64,
    #[column(wire = "user", read_only, fixed, refers = "authentik_core.user", owner, filter)]
    pub user_id: i64,
    #[column(hidden, fixed)]
    pub session: Option<Uuid>,
    #[column(hidden, fixed)]
    pub family: Uuid,
    #[column(read_only, fixed, search)]
    pub scope: String,
    /// Claims and authentication context.
    #[column(secret, fixed)]
    pub data: Json,
    #[column(hidden, fixed)]
    pub issued: Timestamp,
    #[column(read_only, fixed, order)]
    pub expires: Timestamp,
    #[column(read_only)]
    pub revoked: bool,
    /// The account's epoch that its grant had. Readers compare it with the account's.
    #[column(hidden, fixed)]
    pub epoch: i64,
}

/// The common owner of a family's tokens.
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

/// The result of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// This call, and no other, gets the tokens.
    Won,
    /// It was used before: the family is revoked now.
    Reused,
    /// Unknown or expired.
    Gone,
}

selects! { Code:
    CODE_GET = "WHERE c.digest = ?";
    CODE_ID = "WHERE c.id = ?";
}
static BY_ID: LazyLock<String> = LazyLock::new(|| table::select::<GrantToken>("WHERE t.id = ?"));
/// What was revoked may have no row to say so in.
static GET: LazyLock<String> = LazyLock::new(|| {
    let revoked = "CASE WHEN t.revoked = 1 OR EXISTS (SELECT 1 FROM oauth_revocation r WHERE r.at >= t.issued AND \
        (r.subject IN (t.digest, t.family, t.session) OR (t.kind = 'access' AND r.subject IN ('access ' || t.session, t.session || '/' || t.provider)))) THEN 1 ELSE 0 END";
    table::select::<GrantToken>("WHERE t.digest = ?").replacen("t.revoked", revoked, 1)
});
const CODE_USE: &str = "UPDATE oauth_code SET used = 1 WHERE digest = ? AND used = 0 AND expires > ? \
    AND epoch >= (SELECT u.epoch FROM users u WHERE u.id = oauth_code.user_id)";
// One index for user, session and family: three would cost three page writes per insert.
const CODE_USE_FAMILY: &str =
    "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session = ? AND family = ?";
const CODE_USE_FAMILY_ALONE: &str =
    "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session IS NULL AND family = ?";
const CODE_DELETE_SESSION: &str = "UPDATE oauth_code SET used = 1 WHERE user_id = ? AND session = ?";
const ROTATE: &str = "UPDATE oauth_token SET revoked = 1 WHERE digest = ? AND kind = 'refresh' AND revoked = 0 AND expires > ? \
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
// Revocations are stored separately: access tokens are valid before their row is written.
const MARK: &str = "INSERT INTO oauth_revocation (subject, at, expires) VALUES (?, ?, 0) ON CONFLICT (subject) DO UPDATE SET at = excluded.at, expires = 0";
const MARK_ID: &str = "INSERT INTO oauth_revocation (subject, at, expires) SELECT digest, CAST(? AS BIGINT), 0 FROM oauth_token WHERE id = ? ON CONFLICT (subject) DO UPDATE SET at = excluded.at, expires = 0";
const MARKED: &str = "SELECT 1 FROM oauth_revocation WHERE subject IN (?, ?, ?, ?, ?) AND at >= ? LIMIT 1";
const MARKS_AGE: &str = "UPDATE oauth_revocation SET expires = ? WHERE expires = 0";
const MARKS_EXPIRED: &str = "DELETE FROM oauth_revocation WHERE subject IN (SELECT subject FROM oauth_revocation WHERE expires > 0 AND expires <= ? LIMIT ?) RETURNING subject";
/// Maximum lifetime in seconds of an access token whose row is written behind; revocations are kept longer.
pub const LONGEST_BEHIND: i64 = 30 * 86_400;
const MARKS_KEPT: i64 = LONGEST_BEHIND + 7 * 86_400;
/// A revocation without an end: everything issued under the subject.
const EVER: Timestamp = Timestamp(i64::MAX);

pub(crate) const STATEMENTS: &[&str] = &[
    CODE_USE,
    CODE_USE_FAMILY,
    CODE_USE_FAMILY_ALONE,
    CODE_DELETE_SESSION,
    ROTATE,
    REVOKE,
    REVOKE_FAMILY,
    REVOKE_FAMILY_ALONE,
    REVOKE_SESSION,
    REVOKE_ACCESS_OF,
    REVOKE_ACCESS,
    MARK,
    MARK_ID,
    MARKED,
    MARKS_AGE,
    MARKS_EXPIRED,
];

/// Synced: the code is sent to the browser afterwards.
pub async fn insert_code(db: &Db, code: &Code) -> Result<()> {
    db.batch(insert_code_batch(code)).await.map(drop)
}
/// [`insert_code`] as part of a batch.
pub fn insert_code_batch(code: &Code) -> Batch {
    let mut batch = Batch::new().touches(Touches::Nothing);
    table::push(&mut batch, code);
    batch
}
/// The code, including used and expired ones.
pub async fn code_by_digest(db: &Db, digest: &str) -> Result<Option<Code>> {
    table::row(db, &CODE_GET, params![digest]).await
}
pub async fn code_by_id(db: &Db, id: i64) -> Result<Option<Code>> {
    table::row(db, &CODE_ID, params![id]).await
}
pub fn delete_code_batch(id: i64) -> Batch {
    table::remove::<Code>(id)
}

/// Nothing that is cached changes: new tokens were in no cache, and refresh tokens never are.
fn with_tokens(batch: Batch, tokens: &[GrantToken]) -> Batch {
    let mut batch = batch.touches(Touches::Nothing);
    for token in tokens {
        table::push(&mut batch, token);
    }
    batch
}

/// Redeems the code and stores its tokens in one step: of concurrent calls one succeeds. A reused code
/// revokes the family (RFC 6749 §4.1.2).
pub async fn redeem(db: &Db, digest: &str, now: Timestamp, tokens: &[GrantToken]) -> Result<Redeemed> {
    let batch = Batch::new().add(CODE_USE, params![digest, now]).expect_rows(1, Conflict::Used);
    match db.batch(with_tokens(batch, tokens)).await {
        Ok(_) => Ok(Redeemed::Won),
        Err(Error::Conflict(Conflict::Used)) => match code_by_digest(db, digest).await? {
            Some(code) if code.used => {
                revoke_family(db, code.holder()).await?;
                Ok(Redeemed::Reused)
            }
            _ => Ok(Redeemed::Gone),
        },
        Err(error) => Err(error),
    }
}

/// Replaces a refresh token by its successors in one step. A replaced or revoked token revokes its family
/// (RFC 9700 §4.14).
pub async fn rotate(db: &Db, digest: &str, now: Timestamp, tokens: &[GrantToken]) -> Result<Redeemed> {
    let batch = Batch::new().add(ROTATE, params![digest, now]).expect_rows(1, Conflict::Used);
    match db.batch(with_tokens(batch, tokens)).await {
        Ok(_) => Ok(Redeemed::Won),
        Err(Error::Conflict(Conflict::Used)) => match by_digest(db, digest).await? {
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
/// [`insert`] without sync: for tokens that the client can request again.
pub async fn insert_relaxed(db: &Db, tokens: &[GrantToken]) -> Result<()> {
    db.batch(with_tokens(Batch::relaxed(), tokens)).await.map(drop)
}
/// [`insert`] without waiting, for access tokens that are valid without a row: see [`Db::write_behind`].
pub async fn insert_behind(db: &Db, tokens: &[GrantToken]) -> Result<()> {
    db.write_behind(with_tokens(Batch::relaxed(), tokens)).await
}
/// Whether a token without a row is revoked, itself or through its family or session.
pub async fn is_revoked(db: &Db, t: &GrantToken) -> Result<bool> {
    let access = t.session.map(access_in);
    let in_session = t.session.map(|s| format!("{s}/{}", t.provider));
    Ok(db
        .query_one(MARKED, params![&t.digest, t.family, t.session, in_session, access, t.issued])
        .await?
        .is_some())
}
/// The token, including revoked and expired ones. An access token may be valid without a row: see
/// [`insert_behind`].
pub async fn by_digest(db: &Db, digest: &str) -> Result<Option<GrantToken>> {
    table::row(db, &GET, params![digest]).await
}
pub async fn by_id(db: &Db, id: i64) -> Result<Option<GrantToken>> {
    db.flush().await?;
    table::row(db, &BY_ID, params![id]).await
}
/// Stores the revocation and marks the rows. Queued rows are written first, so that lists show them as
/// revoked.
async fn revoke_all(db: &Db, subject: String, at: Timestamp, rows: Batch) -> Result<()> {
    db.flush().await?;
    db.batch(Batch::new().add(MARK, params![subject, at]).then(rows).touches(Touches::Tokens)).await.map(drop)
}
/// Revokes a token, with or without a row.
pub async fn revoke(db: &Db, digest: &str) -> Result<()> {
    revoke_all(db, digest.to_owned(), EVER, Batch::new().add(REVOKE, params![digest])).await
}
/// Revokes a family's tokens and uses up its code.
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
/// Revokes a user's grants of a session.
pub async fn revoke_session(db: &Db, user: i64, session: Uuid) -> Result<()> {
    db.flush().await?;
    db.batch(revoke_session_batch(user, session)).await.map(drop)
}
/// [`revoke_session`] as part of a batch.
pub fn revoke_session_batch(user: i64, session: Uuid) -> Batch {
    Batch::new()
        .add(MARK, params![session.to_string(), EVER])
        .add(REVOKE_SESSION, params![user, session])
        .add(CODE_DELETE_SESSION, params![user, session])
        .touches(Touches::Tokens)
}
/// Revokes a user's access tokens of one provider in a session, up to `now`.
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
/// The revocation subject of a session's access tokens.
fn access_in(session: Uuid) -> String {
    format!("access {session}")
}
/// Ends the grants of a finished session, as part of a batch: its access tokens up to `at`, and codes.
/// Refresh tokens stay: they are meant to be used without the user.
pub fn end_access_batch(user: i64, session: Uuid, at: Timestamp) -> Batch {
    Batch::new()
        .add(MARK, params![access_in(session), at])
        .add(REVOKE_ACCESS, params![user, session])
        .add(CODE_DELETE_SESSION, params![user, session])
        .touches(Touches::Tokens)
}
/// Deletes a token's row; the token becomes invalid.
pub fn delete_batch(id: i64) -> Batch {
    Batch::new().add(MARK_ID, params![EVER, id]).then(table::remove::<GrantToken>(id))
}
/// Lets revocations age, and removes up to `limit` that no token can be about any more. How many went.
pub async fn forget_revocations(db: &Db, now: Timestamp, limit: i64) -> Result<u64> {
    let end = now.plus(Span::from_secs(MARKS_KEPT));
    let batch =
        Batch::relaxed().add(MARKS_AGE, params![end]).add(MARKS_EXPIRED, params![now, limit]).returning();
    let batch = batch.touches(Touches::Nothing);
    Ok(db.batch(batch).await?.iter().flatten().count() as u64)
}

/// One page of access or refresh tokens, and how many fit the query; without those that are over at `alive_at`.
pub async fn list(
    db: &Db,
    kind: TokenKind,
    q: &ListQuery,
    alive_at: Option<Timestamp>,
) -> Result<(Vec<GrantToken>, u64)> {
    db.flush().await?;
    let q = q.clone().equal("kind", kind.as_str());
    super::list::narrowed(db, &q, alive("t", "revoked", alive_at)).await
}
/// One page of authorization codes, and how many fit the query; without those that are over at `alive_at`.
pub async fn list_codes(db: &Db, q: &ListQuery, alive_at: Option<Timestamp>) -> Result<(Vec<Code>, u64)> {
    super::list::narrowed(db, q, alive("c", "used", alive_at)).await
}
fn alive(alias: &str, dead: &str, at: Option<Timestamp>) -> Filter {
    let mut filter = Filter::default();
    if let Some(at) = at {
        let rest = format!("{alias}.expires > ? AND {alias}.{dead} = 0");
        filter.either((rest.clone(), params![at]), (format!("+{rest}"), params![at]));
    }
    filter
}
