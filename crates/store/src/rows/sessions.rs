//! Browser sessions, before and after sign-in.
use super::filter::Filter;
use super::grants;
use super::list::ListQuery;
use super::table::{self, Record, selects};
use crate::db::{Batch, Db, Value, in_list, in_params};
use crate::params;
use crate::runtime::Touches;
use crate::runtime::pending_sessions::Known;
use signet_base::{Conflict, Error, Json, Result, Timestamp, Uuid};
use signet_model::Table;
use std::collections::HashSet;
use std::sync::LazyLock;

/// A session. Found by the digest of its cookie's key, shown by its UUID.
#[derive(Debug, Clone, Table)]
#[table(
    model = "authentik_core.authenticatedsession",
    component = "AuthenticatedSession",
    table = "session",
    alias = "s"
)]
#[table(label = "Authenticated Session", order = "user__username")]
pub struct Session {
    /// Keyed digest of the random key in the cookie.
    #[column(secret, fixed)]
    pub id: String,
    #[column(also("pk"), read_only, fixed, unique)]
    pub uuid: Uuid,
    /// `None` before sign-in.
    #[column(wire = "user", also("user_id"), read_only, owner, search)]
    pub user_id: Option<i64>,
    /// Encrypted state (flow plans and so on).
    #[column(secret, with = plan)]
    pub data: Json,
    /// Authentication: methods, time, device.
    #[column(secret)]
    pub auth: Json,
    #[column(hidden, fixed)]
    pub created: Timestamp,
    #[column(read_only, order("expires", "session__expires"))]
    pub expires: Timestamp,
    /// The end regardless of use.
    #[column(hidden)]
    pub absolute_expires: Option<Timestamp>,
    #[column(read_only, order)]
    pub last_used: Timestamp,
    #[column(
        wire = "last_ip",
        read_only,
        blank,
        order("last_ip", "session__last_ip"),
        filter("session__last_ip"),
        search
    )]
    pub ip: String,
    #[column(
        wire = "last_user_agent",
        read_only,
        order("session__last_user_agent"),
        filter("session__last_user_agent"),
        search
    )]
    pub user_agent: String,
    /// The account's epoch at sign-in.
    #[column(hidden, fixed)]
    pub epoch: i64,
    /// Raised by each change of the state. A writer names the version it has read.
    #[column(hidden)]
    pub version: i64,
}

/// The result of a versioned change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Another request was first: read the session again.
    Changed,
    /// The session has ended.
    Gone,
}

/// What is no JSON does not decode later on: the session ends instead of failing.
mod plan {
    use crate::db::{Row, Value};
    use signet_base::{Json, Result};
    pub fn load(row: &Row, at: usize) -> Result<Json> {
        Ok(row.json(at).unwrap_or_default())
    }
    pub fn store(data: &Json) -> Value {
        data.into()
    }
}

impl Session {
    /// An empty session.
    pub fn new(id: impl Into<String>, uuid: Uuid, now: Timestamp, expires: Timestamp) -> Self {
        Self {
            id: id.into(),
            uuid,
            user_id: None,
            data: Json::Object(Default::default()),
            auth: Json::Object(Default::default()),
            created: now,
            expires,
            absolute_expires: None,
            last_used: now,
            ip: String::new(),
            user_agent: String::new(),
            epoch: 0,
            version: 0,
        }
    }
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now || self.absolute_expires.is_some_and(|at| at <= now)
    }
}

selects! { Session:
    GET = "WHERE s.id = ?";
    BY_UUID = "WHERE s.uuid = ?";
    OF_USER = "WHERE s.user_id = ? ORDER BY s.last_used DESC";
}
static PUT: LazyLock<String> =
    LazyLock::new(|| format!("{} ON CONFLICT (id) DO NOTHING", table::inserting::<Session>()));
static ROTATE: LazyLock<String> = LazyLock::new(|| {
    let sets: Vec<String> = Session::TABLE.columns.iter().map(|c| format!("{} = ?", c.name)).collect();
    format!("UPDATE session SET {} WHERE id = ? AND version = ?", sets.join(", "))
});
static KEEP_NEWEST: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<&str> = Session::TABLE.columns.iter().map(|c| c.name).collect();
    let which = "SELECT id FROM session WHERE user_id = ? AND expires > ? ORDER BY created DESC, uuid DESC LIMIT 100000 OFFSET ?";
    format!("DELETE FROM session WHERE id IN ({which}) RETURNING {}", names.join(", "))
});
const NOTE_USE: &str = "UPDATE session SET last_used = ?, expires = ?, ip = ?, user_agent = ? WHERE id = ?";
const DELETE: &str = "DELETE FROM session WHERE id = ?";
const DELETE_VERSION: &str = "DELETE FROM session WHERE id = ? AND version = ?";
const EXISTS: &str = "SELECT 1 FROM session WHERE id = ?";
const DELETE_UUID: &str = "DELETE FROM session WHERE uuid = ?";
const DELETE_USER: &str = "DELETE FROM session WHERE user_id = ?";
const DELETE_USER_BUT: &str = "DELETE FROM session WHERE user_id = ? AND uuid <> ?";
const DELETE_EXPIRED: &str = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires <= ? AND user_id IS NULL LIMIT ?) RETURNING 1";
const EXPIRED_OF_PEOPLE: &str = "SELECT s.id, s.user_id, s.uuid, s.expires FROM session s WHERE s.expires <= ? AND s.user_id IS NOT NULL LIMIT ?";
const COUNT: &str = "SELECT count(*) FROM session WHERE user_id IS NOT NULL AND expires > ?";
pub(crate) const STATEMENTS: &[&str] = &[
    NOTE_USE,
    DELETE,
    DELETE_VERSION,
    EXISTS,
    DELETE_UUID,
    DELETE_USER,
    DELETE_USER_BUT,
    DELETE_EXPIRED,
    EXPIRED_OF_PEOPLE,
    COUNT,
];

fn batch(durable: bool) -> Batch {
    if durable { Batch::new() } else { Batch::relaxed() }
}

/// The session with this digest, expired or not: see [`Session::is_expired`].
pub async fn get(db: &Db, id: &str) -> Result<Option<Session>> {
    match db.pending_sessions().map(|(pending_sessions, _)| pending_sessions.find(id)) {
        Some(Known::Waiting(session)) => Ok(Some(*session)),
        Some(Known::Ended) => Ok(None),
        Some(Known::No) | None => table::row(db, &GET, params![id]).await,
    }
}
/// Those of these signed-in sessions that go on: the row exists and is not over, and its account is active and has the
/// row's epoch.
pub async fn alive(db: &Db, ids: &[Uuid], now: Timestamp) -> Result<HashSet<Uuid>> {
    let mut found = HashSet::new();
    for chunk in ids.chunks(512) {
        let sql = format!(
            "SELECT s.uuid FROM session s JOIN users u ON u.id = s.user_id WHERE u.is_active = 1 AND u.epoch <= s.epoch AND s.expires > ? AND (s.absolute_expires IS NULL OR s.absolute_expires > ?) AND s.uuid IN ({})",
            in_list(chunk.len())
        );
        let mut values = params![now, now];
        values.extend(in_params(chunk.iter().map(|id| Value::from(*id))));
        for row in db.query(&sql, values).await? {
            found.insert(row.uuid(0)?);
        }
    }
    Ok(found)
}
/// Not for sessions before sign-in, which may not be in the database.
pub async fn by_uuid(db: &Db, uuid: Uuid) -> Result<Option<Session>> {
    table::row(db, &BY_UUID, params![uuid]).await
}
pub async fn of_user(db: &Db, user: i64) -> Result<Vec<Session>> {
    table::rows(db, &OF_USER, params![user]).await
}
/// Inserts a session; `Changed` if it exists. `durable` for sign-in and sign-out, not for flow steps.
pub async fn put(db: &Db, session: &Session, durable: bool) -> Result<Written> {
    match pending(db, session, durable, true) {
        Some(kept) => Ok(kept),
        None => insert(db, put_batch(session, durable)).await,
    }
}
/// [`put`], synced, with preceding statements in the same commit.
pub async fn put_with(db: &Db, session: &Session, with: Batch) -> Result<Written> {
    match db.pending_sessions() {
        Some((pending, backend)) if session.user_id.is_none() => {
            pending.write_now((db, backend), session, true, with).await
        }
        _ => insert(db, with.then(put_batch(session, true))).await,
    }
}
/// [`update`], synced, with preceding statements in the same commit.
pub async fn update_with(db: &Db, session: &Session, with: Batch) -> Result<Written> {
    match db.pending_sessions() {
        Some((pending, backend)) if session.user_id.is_none() => {
            pending.write_now((db, backend), session, false, with).await
        }
        _ => update_in(db, session, with).await,
    }
}
/// `batch` ends with the session's row.
pub(crate) async fn insert(db: &Db, batch: Batch) -> Result<Written> {
    match db.batch(batch.expect_rows(1, Conflict::NoRow)).await {
        Err(Error::Conflict(Conflict::NoRow)) => Ok(Written::Changed),
        answer => answer.map(|_| Written::Done),
    }
}
pub(crate) async fn update_in(db: &Db, session: &Session, with: Batch) -> Result<Written> {
    let next = Session { version: session.version + 1, ..session.clone() };
    let change = table::update_guarded(&next, "version", session.version).expect_rows(1, Conflict::NoRow);
    outcome(db, &session.id, db.batch(with.then(change)).await).await
}
/// Inserts the session of a user who has just signed in, synced, with preceding statements.
pub async fn begin(db: &Db, session: &Session, with: Batch) -> Result<()> {
    db.batch(with.then(put_batch(session, true))).await.map(drop)
}
/// [`put`] as part of a batch.
pub fn put_batch(session: &Session, durable: bool) -> Batch {
    batch(durable).add(PUT.as_str(), session.store()).touches(Touches::Nothing)
}
/// Keeps a change before sign-in in memory. `None`: write it now.
fn pending(db: &Db, session: &Session, durable: bool, new: bool) -> Option<Written> {
    let (pending_sessions, backend) =
        db.pending_sessions().filter(|_| session.user_id.is_none() && !durable)?;
    pending_sessions.keep(backend, session, new)
}
/// Writes a pending session; one that was deleted from the database stays deleted.
pub(crate) fn write_batch(session: &Session, new: bool) -> Batch {
    if new {
        put_batch(session, false)
    } else {
        Batch { relaxed: true, touches: Touches::Nothing, ..table::change(session) }
    }
}
/// Replaces the version that `session` names by the next one. A request that started before the session was
/// ended does not restore it.
pub async fn update(db: &Db, session: &Session, durable: bool) -> Result<Written> {
    if let Some(kept) = pending(db, session, durable, false) {
        return Ok(kept);
    }
    let next = Session { version: session.version + 1, ..session.clone() };
    let change = table::update_guarded(&next, "version", session.version).expect_rows(1, Conflict::NoRow);
    let change = Batch { relaxed: !durable, touches: Touches::Nothing, ..change };
    outcome(db, &session.id, db.batch(change).await).await
}
/// Gives this version of the session `old` a new key (and all of `session`), as every sign-in must, with
/// preceding statements.
pub async fn rotate(db: &Db, old: &str, version: i64, session: &Session, with: Batch) -> Result<Written> {
    let Some((pending_sessions, _)) = db.pending_sessions() else {
        let mut values = session.store();
        values.extend(params![old, version]);
        let change = with.then(Batch::new().add(ROTATE.as_str(), values).expect_rows(1, Conflict::NoRow));
        return outcome(db, old, db.batch(change).await).await;
    };
    let (_turn, here) = pending_sessions.end_version(old, version).await;
    let gone = match here {
        Some(Written::Done) => Batch::new().add(DELETE, params![old]),
        Some(other) => return Ok(other),
        None => Batch::new().add(DELETE_VERSION, params![old, version]).expect_rows(1, Conflict::NoRow),
    };
    let written = outcome(db, old, db.batch(with.then(gone).then(put_batch(session, true))).await).await?;
    if written == Written::Done {
        pending_sessions.mark_ended(old);
    }
    Ok(written)
}
async fn outcome<T>(db: &Db, id: &str, answer: Result<T>) -> Result<Written> {
    match answer {
        Ok(_) => Ok(Written::Done),
        Err(Error::Conflict(Conflict::NoRow)) => {
            let there = db.query_one(EXISTS, params![id]).await?.is_some();
            Ok(if there { Written::Changed } else { Written::Gone })
        }
        Err(error) => Err(error),
    }
}
/// Stores a use without waiting: see [`Db::write_behind`]. An ended session stays ended.
pub async fn note_use_behind(
    db: &Db,
    id: &str,
    at: Timestamp,
    expires: Timestamp,
    ip: &str,
    user_agent: &str,
) -> Result<()> {
    let batch = Batch::relaxed().add(NOTE_USE, params![at, expires, ip, user_agent, id]);
    db.write_behind(batch.touches(Touches::Nothing)).await
}
/// Ends a user's oldest sessions above `limit`; concurrent calls keep the same ones. Returns the ended ones.
pub async fn keep_newest(db: &Db, user: i64, limit: i64, now: Timestamp) -> Result<Vec<Session>> {
    let answer = db
        .batch(Batch::new().add(KEEP_NEWEST.as_str(), params![user, now, limit.max(0)]).returning())
        .await?;
    answer.iter().flatten().map(|row| Session::load(row, 0)).collect()
}
pub async fn delete(db: &Db, id: &str) -> Result<()> {
    end(db, id, Batch::new()).await
}
/// [`delete`], with what follows from it in the same commit.
pub async fn end(db: &Db, id: &str, with: Batch) -> Result<()> {
    let _turn = match db.pending_sessions() {
        Some((pending_sessions, _)) => Some(pending_sessions.end(id).await),
        None => None,
    };
    db.batch(Batch::new().add(DELETE, params![id]).then(with)).await.map(drop)
}
pub async fn delete_by_uuid(db: &Db, uuid: Uuid) -> Result<()> {
    db.execute(DELETE_UUID, params![uuid]).await
}
/// [`delete_by_uuid`] as part of a batch.
pub fn delete_by_uuid_batch(uuid: Uuid) -> Batch {
    Batch::new().add(DELETE_UUID, params![uuid])
}
/// Ends all sessions of a user but one, if given.
pub async fn delete_for_user(db: &Db, user: i64, except: Option<Uuid>) -> Result<()> {
    match except {
        Some(uuid) => db.execute(DELETE_USER_BUT, params![user, uuid]).await,
        None => db.execute(DELETE_USER, params![user]).await,
    }
}
/// Removes up to `limit` expired sessions of strangers, and as many of people with the access tokens that
/// were given within them; how many went. Who reads a session judges its expiry.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<u64> {
    let over = db.query(EXPIRED_OF_PEOPLE, params![now, limit]).await?;
    let mut batch = Batch::relaxed().add(DELETE_EXPIRED, params![now, limit]).returning();
    for row in &over {
        batch = batch
            .then(grants::end_access_batch(row.int(1)?, row.uuid(2)?, row.time(3)?))
            .add(DELETE, params![row.string(0)?]);
    }
    let strangers = db.batch(batch).await?.first().map_or(0, Vec::len);
    Ok((over.len() + strangers) as u64)
}
/// Number of unexpired signed-in sessions.
pub async fn count_active(db: &Db, now: Timestamp) -> Result<i64> {
    db.scan(COUNT, params![now]).await?.first().ok_or_else(|| Error::internal("no count"))?.int(0)
}

/// One page of signed-in sessions, and how many fit the query; without those that are over at `alive_at`.
pub async fn list(db: &Db, q: &ListQuery, alive_at: Option<Timestamp>) -> Result<(Vec<Session>, u64)> {
    let mut filter = Filter::default();
    filter.and("s.user_id IS NOT NULL", []);
    if let Some(now) = alive_at {
        let alive = "s.epoch >= (SELECT x.epoch FROM users x WHERE x.id = s.user_id)";
        filter.either(
            (format!("s.expires > ? AND {alive}"), params![now]),
            (format!("+s.expires > ? AND {alive}"), params![now]),
        );
    }
    super::list::narrowed(db, q, filter).await
}
