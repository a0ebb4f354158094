//! Users.
use super::epoch::{self, KeptSession};
use super::list::contains;
use super::roles;
use super::upn;
pub use super::user_query::{UserQuery, list, understands};
use crate::db::{Batch, Db, Row, Value, in_list, in_params};
use crate::params;
use signet_base::{Error, Map, Ports, Result, Timestamp, Uuid};
use std::collections::HashMap;

/// One user. `password` is a hash, never the password.
#[derive(Clone)]
pub struct User {
    /// 0 before [`insert`].
    pub id: i64,
    pub uuid: Uuid,
    pub username: String,
    pub name: String,
    pub email: String,
    pub is_active: bool,
    /// `internal`, `external`, `service_account`, `internal_service_account`.
    pub user_type: String,
    pub path: String,
    pub attributes: Map,
    pub password: String,
    pub password_changed: Timestamp,
    pub last_login: Option<Timestamp>,
    pub joined: Timestamp,
    pub updated: Timestamp,
    /// See [`epoch`](super::epoch). Only that module changes it.
    pub epoch: i64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("username", &self.username).finish_non_exhaustive()
    }
}

impl User {
    /// An active internal user without a usable password; `id` is given by [`insert`].
    pub fn new(ports: &Ports, username: impl Into<String>) -> Self {
        let (username, now) = (username.into(), ports.now());
        Self {
            id: 0,
            uuid: ports.uuid(),
            name: username.clone(),
            username,
            email: String::new(),
            is_active: true,
            user_type: "internal".into(),
            path: "users".into(),
            attributes: Map::new(),
            password: format!("!{}", ports.alphanumeric(40)),
            password_changed: now,
            last_login: None,
            joined: now,
            updated: now,
            epoch: 0,
        }
    }
}

/// The one form by which usernames and e-mail addresses are compared: trimmed, lower case.
pub fn canonical(name: &str) -> String {
    name.trim().to_lowercase()
}

pub(crate) const COLUMNS: &str = "u.id, u.uuid, u.username, u.name, u.email, u.is_active, u.user_type, u.path, u.attributes, u.password, u.password_changed, u.last_login, u.joined, u.updated, u.epoch";

const BY_ID: &str = "SELECT u.id, u.uuid, u.username, u.name, u.email, u.is_active, u.user_type, u.path, u.attributes, u.password, u.password_changed, u.last_login, u.joined, u.updated, u.epoch FROM users u WHERE u.id = ?";
const BY_UUID: &str = "SELECT u.id, u.uuid, u.username, u.name, u.email, u.is_active, u.user_type, u.path, u.attributes, u.password, u.password_changed, u.last_login, u.joined, u.updated, u.epoch FROM users u WHERE u.uuid = ?";
const BY_USERNAME: &str = "SELECT u.id, u.uuid, u.username, u.name, u.email, u.is_active, u.user_type, u.path, u.attributes, u.password, u.password_changed, u.last_login, u.joined, u.updated, u.epoch FROM users u WHERE u.username_key = ?";
const BY_EMAIL: &str = "SELECT u.id, u.uuid, u.username, u.name, u.email, u.is_active, u.user_type, u.path, u.attributes, u.password, u.password_changed, u.last_login, u.joined, u.updated, u.epoch FROM users u WHERE u.email_key = ? ORDER BY u.is_active DESC, u.id LIMIT 2";
const BY_UPN: &str = "SELECT u.id, u.uuid, u.username, u.name, u.email, u.is_active, u.user_type, u.path, u.attributes, u.password, u.password_changed, u.last_login, u.joined, u.updated, u.epoch FROM users u JOIN user_upn x ON x.user_id = u.id WHERE x.upn_key = ? ORDER BY u.id LIMIT 2";
const INSERT: &str = "INSERT INTO users (uuid, username, username_key, name, name_key, email, email_key, is_active, user_type, path, attributes, password, password_changed, last_login, joined, updated) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
const UPDATE: &str = "UPDATE users SET username = ?, username_key = ?, name = ?, name_key = ?, email = ?, email_key = ?, is_active = ?, user_type = ?, path = ?, attributes = ?, updated = ? WHERE id = ?";
const UPDATE_GUARDED: &str = "UPDATE users SET username = ?, username_key = ?, name = ?, name_key = ?, email = ?, email_key = ?, is_active = ?, user_type = ?, path = ?, attributes = ?, updated = ? WHERE id = ? AND updated = ?";
const SET_PASSWORD: &str = "UPDATE users SET password = ?, password_changed = ?, updated = ? WHERE id = ?";
const REHASH: &str = "UPDATE users SET password = ? WHERE id = ? AND password = ?";
const TOUCH: &str = "UPDATE users SET last_login = ? WHERE id = ? AND epoch = ? AND is_active = 1";
const DELETE: &str = "DELETE FROM users WHERE id = ?";
const UNCONFIRMED: &str = "SELECT id FROM users WHERE is_active = 0 AND last_login IS NULL AND joined <= ? AND updated = joined AND attributes LIKE ? ORDER BY id LIMIT ?";
const JOIN_GROUP: &str = "INSERT INTO membership (user_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const JOIN_NEW: &str = "INSERT INTO membership (user_id, group_id) SELECT id, ? FROM users WHERE uuid = ? ON CONFLICT DO NOTHING";
const LEAVE_ALL: &str = "DELETE FROM membership WHERE user_id = ?";
const LEAVE_GROUP: &str = "DELETE FROM membership WHERE user_id = ? AND group_id = ?";
const PATHS: &str = "SELECT DISTINCT path FROM users WHERE path LIKE ? ESCAPE '!' ORDER BY path";
const COUNT: &str = "SELECT count(*) FROM users WHERE user_type <> 'internal_service_account'";

pub(crate) const STATEMENTS: &[&str] = &[
    BY_ID,
    BY_UUID,
    BY_USERNAME,
    BY_EMAIL,
    BY_UPN,
    INSERT,
    UPDATE,
    UPDATE_GUARDED,
    SET_PASSWORD,
    REHASH,
    TOUCH,
    DELETE,
    UNCONFIRMED,
    JOIN_GROUP,
    JOIN_NEW,
    LEAVE_ALL,
    LEAVE_GROUP,
    PATHS,
    COUNT,
];

pub(crate) fn from_row(row: &Row) -> Result<User> {
    Ok(User {
        id: row.int(0)?,
        uuid: row.uuid(1)?,
        username: row.string(2)?,
        name: row.string(3)?,
        email: row.string(4)?,
        is_active: row.bool(5)?,
        user_type: row.string(6)?,
        path: row.string(7)?,
        attributes: row.map(8)?,
        password: row.string(9)?,
        password_changed: row.time(10)?,
        last_login: row.opt_time(11)?,
        joined: row.time(12)?,
        updated: row.time(13)?,
        epoch: row.int(14)?,
    })
}

async fn one(db: &Db, sql: &str, params: Vec<Value>) -> Result<Option<User>> {
    db.query_one(sql, params).await?.as_ref().map(from_row).transpose()
}

pub async fn by_id(db: &Db, id: i64) -> Result<Option<User>> {
    one(db, BY_ID, params![id]).await
}
pub async fn by_uuid(db: &Db, uuid: Uuid) -> Result<Option<User>> {
    one(db, BY_UUID, params![uuid]).await
}
/// Finds by the canonical form: capitals and outer spaces do not matter.
pub async fn by_username(db: &Db, username: &str) -> Result<Option<User>> {
    one(db, BY_USERNAME, params![canonical(username)]).await
}
/// The user with this address. An account that is not active does not count beside one that is: whoever
/// enrols with the address of another person and never confirms it takes nothing away. None when it is empty
/// or when several share it, since nobody could say who is meant.
pub async fn by_email(db: &Db, email: &str) -> Result<Option<User>> {
    let key = canonical(email);
    if key.is_empty() {
        return Ok(None);
    }
    let mut all = db.query(BY_EMAIL, params![key]).await?.iter().map(from_row).collect::<Result<Vec<_>>>()?;
    if all.iter().any(|user| user.is_active) {
        all.retain(|user| user.is_active);
    }
    Ok(if all.len() == 1 { all.pop() } else { None })
}
/// The user with this attribute `upn`; none when it is empty or when several share it.
pub async fn by_upn(db: &Db, upn: &str) -> Result<Option<User>> {
    let key = canonical(upn);
    if key.is_empty() {
        return Ok(None);
    }
    let rows = db.query(BY_UPN, params![key]).await?;
    match rows.as_slice() {
        [row] => from_row(row).map(Some),
        _ => Ok(None),
    }
}
/// Those of the ids that exist, in the order of the ids.
pub async fn by_ids(db: &Db, ids: &[i64]) -> Result<Vec<User>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(512) {
        let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.id IN ({})", in_list(chunk.len()));
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            let user = from_row(&row)?;
            found.insert(user.id, user);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Adds a user and their direct groups; the new id. `Error::Conflict("users.username_key")` when the name is
/// taken.
pub async fn insert(db: &Db, user: &User, groups: &[Uuid]) -> Result<i64> {
    let answer = db.batch(insert_batch(user, groups)).await?;
    answer.first().and_then(|rows| rows.first()).ok_or_else(|| Error::internal("no id came back"))?.int(0)
}

/// [`insert`] as a part of a larger batch; its first answer holds the id.
pub fn insert_batch(user: &User, groups: &[Uuid]) -> Batch {
    let u = user;
    let mut batch = Batch::new()
        .add(
            INSERT,
            params![
                u.uuid,
                u.username.trim(),
                canonical(&u.username),
                &u.name,
                u.name.to_lowercase(),
                &u.email,
                canonical(&u.email),
                u.is_active,
                &u.user_type,
                &u.path,
                &u.attributes,
                &u.password,
                u.password_changed,
                u.last_login,
                u.joined,
                u.updated
            ],
        )
        .returning();
    if let Some(key) = upn::key(&u.attributes) {
        batch.push(upn::JOIN_NEW, params![key, u.uuid]);
    }
    for group in groups {
        batch.push(JOIN_NEW, params![*group, u.uuid]);
    }
    batch
}

/// Writes everything but the password and `last_login`; sets `updated` to `now`. With `guard` (the `updated`
/// that the caller has read) a change in between is `Error::Conflict("updated")`. `groups` replaces the
/// direct groups. `Error::NotFound` when there is no such user.
pub async fn update(
    db: &Db,
    user: &User,
    guard: Option<Timestamp>,
    groups: Option<&[Uuid]>,
    now: Timestamp,
) -> Result<()> {
    found(db.batch(update_batch(user, guard, groups, now)).await)
}
/// [`update`] as a part of a larger batch; `Error::Conflict("no such row")` when there is no such user.
/// Nothing of an account that is not active counts: its epoch is raised, see [`epoch::end`].
pub fn update_batch(user: &User, guard: Option<Timestamp>, groups: Option<&[Uuid]>, now: Timestamp) -> Batch {
    let u = user;
    // Two changes within one microsecond must not look like one.
    let now = guard.map_or(now, |g| if now <= g { Timestamp(g.0 + 1) } else { now });
    let mut values = params![
        u.username.trim(),
        canonical(&u.username),
        &u.name,
        u.name.to_lowercase(),
        &u.email,
        canonical(&u.email),
        u.is_active,
        &u.user_type,
        &u.path,
        &u.attributes,
        now,
        u.id
    ];
    let mut batch = match guard {
        Some(guard) => {
            values.push(guard.into());
            Batch::new().add(UPDATE_GUARDED, values).expect_rows(1, "updated")
        }
        None => Batch::new().add(UPDATE, values).expect_rows(1, MISSING),
    }
    .then(upn::update_batch(u));
    if let Some(groups) = groups {
        batch.push(LEAVE_ALL, params![u.id]);
        for group in groups {
            batch.push(JOIN_GROUP, params![u.id, *group]);
        }
    }
    if u.is_active { batch } else { batch.then(epoch::end(u.id, &KeptSession::default())) }
}

const MISSING: &str = "no such row";

/// A failed expectation named [`MISSING`] means that the row is not there.
fn found<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(Error::Conflict(tag)) if tag == MISSING => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// A new password's hash; `password_changed` follows, and everything that was begun with the old one ends.
pub async fn set_password(db: &Db, id: i64, hash: &str, now: Timestamp) -> Result<()> {
    found(db.batch(set_password_batch(id, hash, &KeptSession::default(), now)).await)
}
/// [`set_password`] as a part of a larger batch.
pub fn set_password_batch(id: i64, hash: &str, spared: &KeptSession, now: Timestamp) -> Batch {
    let mut batch = Batch::new();
    super::password_history::keep(&mut batch, id, hash, now);
    batch.add(SET_PASSWORD, params![hash, now, now, id]).expect_rows(1, MISSING).then(epoch::end(id, spared))
}
/// Puts a hash that no password fits in the place of `before`, and ends everything; when the password was set
/// stays as it is. Nothing happens when the password changed in between.
pub async fn disable_password(db: &Db, id: i64, before: &str, hash: &str) -> Result<()> {
    let batch = Batch::new()
        .add(REHASH, params![hash, id, before])
        .expect_rows(1, MISSING)
        .then(epoch::end(id, &KeptSession::default()));
    match found(db.batch(batch).await) {
        Err(Error::NotFound) => Ok(()),
        answer => answer,
    }
}
/// A better hash of the same password; nothing happens when the password changed in between.
pub async fn rehash(db: &Db, id: i64, before: &str, hash: &str) -> Result<()> {
    db.batch(Batch::relaxed().add(REHASH, params![hash, id, before])).await.map(drop)
}
/// Remembers a sign-in, as a part of a larger batch, which succeeds only while the account is active and has
/// this epoch: see [`epoch::has_changed`].
pub fn touch_last_login(id: i64, epoch: i64, at: Timestamp) -> Batch {
    Batch::relaxed().add(TOUCH, params![at, id, epoch]).expect_rows(1, epoch::CHANGED)
}
/// Removes the user with memberships, tokens, sessions, grants and consents.
pub async fn delete(db: &Db, id: i64) -> Result<()> {
    found(db.batch(delete_batch(id)).await)
}
/// Attribute of an account that a stranger made and that waits for a confirmation.
pub const AWAITS_CONFIRMATION: &str = "goauthentik.io/user/awaits-confirmation";
/// Accounts that strangers made before this time, that nobody confirmed, and that nobody changed since.
pub async fn unconfirmed(db: &Db, before: Timestamp, limit: i64) -> Result<Vec<i64>> {
    let mark = format!("%\"{AWAITS_CONFIRMATION}\":true%");
    db.query(UNCONFIRMED, params![before, mark, limit]).await?.iter().map(|row| row.int(0)).collect()
}
/// [`delete`] as a part of a larger batch; `Error::Conflict("no such row")` when there is no such user.
pub fn delete_batch(id: i64) -> Batch {
    Batch::new()
        .add(DELETE, params![id])
        .expect_rows(1, MISSING)
        .then(roles::forget_object_batch("authentik_core.user", &id.to_string()))
}
/// Makes the user a direct member; nothing happens when they are one. `Error::Conflict("foreign key")` when
/// either is missing.
pub async fn join_group(db: &Db, user: i64, group: Uuid) -> Result<()> {
    db.execute(JOIN_GROUP, params![user, group]).await
}
/// [`join_group`] as a part of a larger batch.
pub fn join_group_batch(user: i64, group: Uuid) -> Batch {
    Batch::new().add(JOIN_GROUP, params![user, group])
}
pub async fn leave_group(db: &Db, user: i64, group: Uuid) -> Result<()> {
    db.execute(LEAVE_GROUP, params![user, group]).await
}
/// The paths in use that contain the text.
pub async fn paths(db: &Db, search: &str) -> Result<Vec<String>> {
    db.scan(PATHS, params![contains(search)]).await?.iter().map(|row| row.string(0)).collect()
}
/// How many users there are, the product's own service accounts aside.
pub async fn count(db: &Db) -> Result<i64> {
    db.scan(COUNT, vec![]).await?.first().ok_or_else(|| Error::internal("no count"))?.int(0)
}
