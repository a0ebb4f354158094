//! Browser sessions, signed in or not yet.
use super::grants;
use super::list::{Filter, Page};
use super::users::canonical;
use crate::db::{Batch, Db, Row, Value};
use crate::params;
use crate::pending_sessions::Known;
use signet_base::{Error, Json, Result, Timestamp, Uuid};

/// One session. Found by the digest of the key in the cookie, shown by its UUID.
#[derive(Debug, Clone)]
pub struct Session {
    /// Keyed digest of the random key in the cookie.
    pub id: String,
    pub uuid: Uuid,
    /// None before sign-in.
    pub user_id: Option<i64>,
    /// Flow plan and the like.
    pub data: Json,
    /// How the person signed in (methods, time, device).
    pub auth: Json,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// The end that no activity puts off.
    pub absolute_expires: Option<Timestamp>,
    pub last_used: Timestamp,
    pub ip: String,
    pub user_agent: String,
    /// Of the owner's account, as their sign-in rested on it.
    pub epoch: i64,
    /// One more with each change of the state. Whoever changes it names the version that they have read.
    pub version: i64,
}

/// What became of a change that rests on a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    Done,
    /// Another request was first: read the session again.
    Changed,
    /// The session has ended.
    Gone,
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

const COLUMNS: &str = "s.id, s.uuid, s.user_id, s.data, s.auth, s.created, s.expires, s.absolute_expires, s.last_used, s.ip, s.user_agent, s.epoch, s.version";
const GET: &str = "SELECT s.id, s.uuid, s.user_id, s.data, s.auth, s.created, s.expires, s.absolute_expires, s.last_used, s.ip, s.user_agent, s.epoch, s.version FROM session s WHERE s.id = ?";
const BY_UUID: &str = "SELECT s.id, s.uuid, s.user_id, s.data, s.auth, s.created, s.expires, s.absolute_expires, s.last_used, s.ip, s.user_agent, s.epoch, s.version FROM session s WHERE s.uuid = ?";
const PUT: &str = "INSERT INTO session (id, uuid, user_id, data, auth, created, expires, absolute_expires, last_used, ip, user_agent, epoch, version) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING";
const UPDATE: &str = "UPDATE session SET user_id = ?, data = ?, auth = ?, expires = ?, absolute_expires = ?, last_used = ?, ip = ?, user_agent = ?, version = ? WHERE id = ?";
const UPDATE_VERSION: &str = "UPDATE session SET user_id = ?, data = ?, auth = ?, expires = ?, absolute_expires = ?, last_used = ?, ip = ?, user_agent = ?, version = ? \
    WHERE id = ? AND version = ?";
const ROTATE: &str = "UPDATE session SET id = ?, uuid = ?, user_id = ?, data = ?, auth = ?, created = ?, expires = ?, absolute_expires = ?, last_used = ?, ip = ?, user_agent = ?, \
    epoch = ?, version = ? WHERE id = ? AND version = ?";
const NOTE_USE: &str = "UPDATE session SET last_used = ?, expires = ?, ip = ?, user_agent = ? WHERE id = ?";
const KEEP_NEWEST: &str = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE user_id = ? AND expires > ? ORDER BY created DESC, uuid DESC LIMIT 100000 OFFSET ?) \
    RETURNING id, uuid, user_id, data, auth, created, expires, absolute_expires, last_used, ip, user_agent, epoch, version";
const DELETE: &str = "DELETE FROM session WHERE id = ?";
const DELETE_VERSION: &str = "DELETE FROM session WHERE id = ? AND version = ?";
const EXISTS: &str = "SELECT 1 FROM session WHERE id = ?";
const DELETE_UUID: &str = "DELETE FROM session WHERE uuid = ?";
const DELETE_USER: &str = "DELETE FROM session WHERE user_id = ?";
const DELETE_USER_BUT: &str = "DELETE FROM session WHERE user_id = ? AND uuid <> ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires <= ? AND user_id IS NULL LIMIT ?)";
const EXPIRED_OF_PEOPLE: &str = "SELECT s.id, s.user_id, s.uuid, s.expires FROM session s WHERE s.expires <= ? AND s.user_id IS NOT NULL LIMIT ?";
const COUNT: &str = "SELECT count(*) FROM session WHERE user_id IS NOT NULL AND expires > ?";
const OF_USER: &str = "SELECT s.id, s.uuid, s.user_id, s.data, s.auth, s.created, s.expires, s.absolute_expires, s.last_used, s.ip, s.user_agent, s.epoch, s.version FROM session s WHERE s.user_id = ? ORDER BY s.last_used DESC";

pub(crate) const STATEMENTS: &[&str] = &[
    GET,
    BY_UUID,
    PUT,
    UPDATE,
    UPDATE_VERSION,
    ROTATE,
    NOTE_USE,
    KEEP_NEWEST,
    DELETE,
    DELETE_VERSION,
    EXISTS,
    DELETE_UUID,
    DELETE_USER,
    DELETE_USER_BUT,
    DELETE_EXPIRED,
    EXPIRED_OF_PEOPLE,
    COUNT,
    OF_USER,
];

fn from_row(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.string(0)?,
        uuid: row.uuid(1)?,
        user_id: row.opt_int(2)?,
        // What is no JSON does not decode later on: the session ends instead of failing.
        data: row.json(3).unwrap_or_default(),
        auth: row.json(4)?,
        created: row.time(5)?,
        expires: row.time(6)?,
        absolute_expires: row.opt_time(7)?,
        last_used: row.time(8)?,
        ip: row.string(9)?,
        user_agent: row.string(10)?,
        epoch: row.int(11)?,
        version: row.int(12)?,
    })
}

fn batch(durable: bool) -> Batch {
    if durable { Batch::new() } else { Batch::relaxed() }
}

fn whole(s: &Session) -> Vec<Value> {
    params![
        &s.id,
        s.uuid,
        s.user_id,
        &s.data,
        &s.auth,
        s.created,
        s.expires,
        s.absolute_expires,
        s.last_used,
        &s.ip,
        &s.user_agent,
        s.epoch,
        s.version
    ]
}

/// The session with this digest, expired or not: see [`Session::is_expired`].
pub async fn get(db: &Db, id: &str) -> Result<Option<Session>> {
    match db.pending_sessions().map(|(pending_sessions, _)| pending_sessions.find(id)) {
        Some(Known::Waiting(session)) => Ok(Some(*session)),
        Some(Known::Ended) => Ok(None),
        Some(Known::No) | None => db.query_one(GET, params![id]).await?.as_ref().map(from_row).transpose(),
    }
}
/// Not for sessions before sign-in, which may not be in the database yet.
pub async fn by_uuid(db: &Db, uuid: Uuid) -> Result<Option<Session>> {
    db.query_one(BY_UUID, params![uuid]).await?.as_ref().map(from_row).transpose()
}
pub async fn of_user(db: &Db, user: i64) -> Result<Vec<Session>> {
    db.query(OF_USER, params![user]).await?.iter().map(from_row).collect()
}
/// Creates a session; `Changed` where there is one already. `durable` for sign-in and sign-out; not for the steps of
/// a flow.
pub async fn put(db: &Db, session: &Session, durable: bool) -> Result<Written> {
    if let Some(kept) = pending(db, session, durable, true) {
        return Ok(kept);
    }
    match db.batch(put_batch(session, durable).expect_rows(1, NOT_WRITTEN)).await {
        Err(Error::Conflict(tag)) if tag == NOT_WRITTEN => Ok(Written::Changed),
        answer => answer.map(|_| Written::Done),
    }
}
/// The session of somebody who has just signed in, durable, together with what goes before it.
pub async fn begin(db: &Db, session: &Session, with: Batch) -> Result<()> {
    db.batch(with.then(put_batch(session, true))).await.map(drop)
}
/// [`put`] as a part of a larger batch.
pub fn put_batch(session: &Session, durable: bool) -> Batch {
    batch(durable).add(PUT, whole(session))
}
/// A change before sign-in that is written later. `None`: to be written now.
fn pending(db: &Db, session: &Session, durable: bool, new: bool) -> Option<Written> {
    let (pending_sessions, backend) =
        db.pending_sessions().filter(|_| session.user_id.is_none() && !durable)?;
    pending_sessions.keep(backend, session, new)
}
/// How a waiting session is written: what has gone from the database meanwhile stays gone.
pub(crate) fn write_batch(session: &Session, new: bool) -> Batch {
    if new {
        put_batch(session, false)
    } else {
        Batch::relaxed().add(UPDATE, changed(session, session.version))
    }
}
/// Replaces the version of a session that `session` names by the next one. A request that began before the session
/// was ended does not bring it back.
pub async fn update(db: &Db, session: &Session, durable: bool) -> Result<Written> {
    if let Some(kept) = pending(db, session, durable, false) {
        return Ok(kept);
    }
    let mut values = changed(session, session.version + 1);
    values.push(session.version.into());
    let change = batch(durable).add(UPDATE_VERSION, values).expect_rows(1, NOT_WRITTEN);
    outcome(db, &session.id, db.batch(change).await).await
}
fn changed(s: &Session, version: i64) -> Vec<Value> {
    params![
        s.user_id,
        &s.data,
        &s.auth,
        s.expires,
        s.absolute_expires,
        s.last_used,
        &s.ip,
        &s.user_agent,
        version,
        &s.id
    ]
}
/// Gives this version of the session `old` a new key (and everything else of `session`), as every sign-in must,
/// together with what goes before it.
pub async fn rotate(db: &Db, old: &str, version: i64, session: &Session, with: Batch) -> Result<Written> {
    let Some((pending_sessions, _)) = db.pending_sessions() else {
        let mut values = whole(session);
        values.extend(params![old, version]);
        let change = with.then(Batch::new().add(ROTATE, values).expect_rows(1, NOT_WRITTEN));
        return outcome(db, old, db.batch(change).await).await;
    };
    let (_turn, here) = pending_sessions.end_version(old, version).await;
    let gone = match here {
        Some(Written::Done) => Batch::new().add(DELETE, params![old]),
        Some(other) => return Ok(other),
        None => Batch::new().add(DELETE_VERSION, params![old, version]).expect_rows(1, NOT_WRITTEN),
    };
    let written = outcome(db, old, db.batch(with.then(gone).then(put_batch(session, true))).await).await?;
    if written == Written::Done {
        pending_sessions.mark_ended(old);
    }
    Ok(written)
}
/// Marks a change whose session or version was not there.
const NOT_WRITTEN: &str = "no such row";
async fn outcome<T>(db: &Db, id: &str, answer: Result<T>) -> Result<Written> {
    match answer {
        Ok(_) => Ok(Written::Done),
        Err(Error::Conflict(tag)) if tag == NOT_WRITTEN => {
            let there = db.query_one(EXISTS, params![id]).await?.is_some();
            Ok(if there { Written::Changed } else { Written::Gone })
        }
        Err(error) => Err(error),
    }
}
/// Remembers a use, without waiting: see [`Db::behind`]. A session that has ended meanwhile stays ended.
pub async fn note_use_behind(
    db: &Db,
    id: &str,
    at: Timestamp,
    expires: Timestamp,
    ip: &str,
    user_agent: &str,
) -> Result<()> {
    db.write_behind(Batch::relaxed().add(NOTE_USE, params![at, expires, ip, user_agent, id])).await
}
/// Ends the oldest sessions of a user, so that `limit` are left; whoever calls at the same moment keeps the
/// same ones. Those that ended.
pub async fn keep_newest(db: &Db, user: i64, limit: i64, now: Timestamp) -> Result<Vec<Session>> {
    let answer =
        db.batch(Batch::new().add(KEEP_NEWEST, params![user, now, limit.max(0)]).returning()).await?;
    answer.iter().flatten().map(from_row).collect()
}
pub async fn delete(db: &Db, id: &str) -> Result<()> {
    let _turn = match db.pending_sessions() {
        Some((pending_sessions, _)) => Some(pending_sessions.end(id).await),
        None => None,
    };
    db.execute(DELETE, params![id]).await
}
pub async fn delete_by_uuid(db: &Db, uuid: Uuid) -> Result<()> {
    db.execute(DELETE_UUID, params![uuid]).await
}
/// [`delete_by_uuid`] as a part of a larger batch.
pub fn delete_by_uuid_batch(uuid: Uuid) -> Batch {
    Batch::new().add(DELETE_UUID, params![uuid])
}
/// Ends every session of a user, but for one if given.
pub async fn delete_for_user(db: &Db, user: i64, except: Option<Uuid>) -> Result<()> {
    match except {
        Some(uuid) => db.execute(DELETE_USER_BUT, params![user, uuid]).await,
        None => db.execute(DELETE_USER, params![user]).await,
    }
}
/// Removes up to `limit` expired sessions of strangers, and as many of people with the access tokens that
/// were given within them. Who reads a session judges its expiry.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    let over = db.query(EXPIRED_OF_PEOPLE, params![now, limit]).await?;
    let mut batch = Batch::relaxed().add(DELETE_EXPIRED, params![now, limit]);
    for row in &over {
        batch = batch
            .then(grants::end_access_batch(row.int(1)?, row.uuid(2)?, row.time(3)?))
            .add(DELETE, params![row.string(0)?]);
    }
    db.batch(batch).await.map(drop)
}
/// Signed-in sessions that are not over.
pub async fn count_active(db: &Db, now: Timestamp) -> Result<i64> {
    db.scan(COUNT, params![now]).await?.first().ok_or_else(|| Error::internal("no count"))?.int(0)
}

/// What a list of signed-in sessions is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct SessionQuery {
    pub search: String,
    pub username: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// Only this user's sessions.
    pub owner: Option<i64>,
    /// Leaves out what is over by then.
    pub alive_at: Option<Timestamp>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("user__username", "u.username_key"),
    ("session__last_ip", "s.ip"),
    ("session__last_user_agent", "s.user_agent"),
    ("session__expires", "s.expires"),
    ("expires", "s.expires"),
    ("last_ip", "s.ip"),
    ("last_used", "s.last_used"),
    ("created", "s.created"),
];

/// One page of signed-in sessions, and how many fit the query.
pub async fn list(db: &Db, q: &SessionQuery) -> Result<(Vec<Session>, u64)> {
    let mut f = Filter::default();
    f.search(&q.search, &["u.username_key", "s.ip", "s.user_agent"]);
    f.equal("u.username_key", q.username.as_deref().map(canonical));
    f.equal("s.ip", q.ip.as_deref());
    f.equal("s.user_agent", q.user_agent.as_deref());
    f.equal("s.user_id", q.owner);
    f.scope(&q.page.scope, "s.uuid", false, "s.user_id");
    if let Some(now) = q.alive_at {
        f.and("s.expires > ? AND s.epoch >= u.epoch", [now.into()]);
    }
    let (rows, total) = f
        .page(db, COLUMNS, "session s JOIN users u ON u.id = s.user_id", SORT, "s.id", &q.page.unscoped())
        .await?;
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
