//! Users.
use super::epoch::{self, KeptSession};
use super::list::contains;
use super::roles;
use super::table::{self, found, selects};
use super::upn;
pub use super::user_query::{UserQuery, list, understands};
use crate::db::{Batch, Db, Value};
use crate::params;
use signet_base::{Conflict, Error, Map, Ports, Result, Timestamp, Uuid};
use signet_model::Table;

/// What `user_type` may be.
pub const TYPES: &[&str] = &["internal", "external", "service_account", "internal_service_account"];

/// A user. `password` is a hash.
#[derive(Clone, Table)]
#[table(model = "authentik_core.user", table = "users", alias = "u", label = "user", order = "username")]
#[table(search = Index)]
pub struct User {
    /// 0 before [`insert`].
    #[column(wire = "pk", also("id"), generated, read_only, order("pk", "id"))]
    pub id: i64,
    #[column(read_only, fixed, unique, order, filter, search)]
    pub uuid: Uuid,
    #[column(folded = "username_key", unique, order, filter, search, query, required, max = 150)]
    #[column(help = "Required. 150 characters or fewer.")]
    pub username: String,
    #[column(
        folded = "name_key",
        order,
        filter,
        search,
        query,
        required,
        blank,
        help = "User's display name."
    )]
    pub name: String,
    #[column(kind = "email", folded = "email_key", order, filter, search, query, blank, max = 254)]
    pub email: String,
    #[column(order, filter, sorted, query)]
    #[column(help = "Whether the user may sign in. Untick this instead of deleting accounts.")]
    pub is_active: bool,
    /// One of [`TYPES`].
    #[column(wire = "type", choice = TYPES, order, filter_any, sorted, query)]
    pub user_type: String,
    #[column(order, filter, sorted, query)]
    pub path: String,
    #[column(query)]
    pub attributes: Map,
    #[column(secret, fixed)]
    pub password: String,
    #[column(wire = "password_change_date", read_only, fixed, order)]
    pub password_changed: Timestamp,
    #[column(read_only, fixed, order, filter_range)]
    pub last_login: Option<Timestamp>,
    #[column(wire = "date_joined", read_only, fixed, order, filter_range)]
    pub joined: Timestamp,
    #[column(wire = "last_updated", read_only, order, filter_range)]
    pub updated: Timestamp,
    /// When it was proven that the address is the person's; `None`: it was not.
    #[column(hidden, fixed)]
    pub email_verified_at: Option<Timestamp>,
    /// By what: `mail`, `source`, `administrator`; empty where it was not.
    #[column(hidden, fixed)]
    pub email_verified_by: String,
    /// See [`epoch`](super::epoch). Only that module changes it.
    #[column(hidden, fixed)]
    pub epoch: i64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("username", &self.username).finish_non_exhaustive()
    }
}

impl User {
    /// An active internal user without a usable password; [`insert`] assigns `id`.
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
            email_verified_at: None,
            email_verified_by: String::new(),
            epoch: 0,
        }
    }
}

/// The canonical form for comparing usernames and email addresses: trimmed, lower case.
pub use super::table::folded as canonical;

selects! { User:
    BY_ID = "WHERE u.id = ?";
    BY_UUID = "WHERE u.uuid = ?";
    BY_USERNAME = "WHERE u.username_key = ?";
    BY_EMAIL = "WHERE u.email_key = ? ORDER BY u.is_active DESC, u.id LIMIT 2";
    BY_UPN = "JOIN user_upn x ON x.user_id = u.id WHERE x.upn_key = ? ORDER BY u.id LIMIT 2";
}
const SET_PASSWORD: &str = "UPDATE users SET password = ?, password_changed = ?, updated = ? WHERE id = ?";
const REHASH: &str = "UPDATE users SET password = ? WHERE id = ? AND password = ?";
const TOUCH: &str = "UPDATE users SET last_login = ? WHERE id = ? AND epoch = ? AND is_active = 1";
const VERIFY_EMAIL: &str =
    "UPDATE users SET email_verified_at = ?, email_verified_by = ? WHERE id = ? AND email_key = ?";
const UNVERIFY_EMAIL: &str = "UPDATE users SET email_verified_at = NULL, email_verified_by = '' WHERE id = ?";
const UNCONFIRMED: &str = "SELECT id FROM users WHERE is_active = 0 AND last_login IS NULL AND joined <= ? AND updated = joined AND attributes LIKE ? ORDER BY id LIMIT ?";
const JOIN_GROUP: &str = "INSERT INTO membership (user_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const JOIN_NEW: &str = "INSERT INTO membership (user_id, group_id) SELECT id, ? FROM users WHERE uuid = ? ON CONFLICT DO NOTHING";
const LEAVE_ALL: &str = "DELETE FROM membership WHERE user_id = ?";
const LEAVE_GROUP: &str = "DELETE FROM membership WHERE user_id = ? AND group_id = ?";
/// A step from path to path over the index: there are few paths and many users.
const PATHS: &str = "WITH RECURSIVE p(path) AS (SELECT min(path) FROM users UNION ALL SELECT (SELECT min(u.path) FROM users u WHERE u.path > p.path) FROM p WHERE p.path IS NOT NULL) \
    SELECT path FROM p WHERE path LIKE ? ESCAPE '!' ORDER BY path";
const COUNT: &str = "SELECT count(*) FROM users WHERE user_type <> 'internal_service_account'";

pub(crate) const STATEMENTS: &[&str] = &[
    SET_PASSWORD,
    REHASH,
    TOUCH,
    VERIFY_EMAIL,
    UNVERIFY_EMAIL,
    UNCONFIRMED,
    JOIN_GROUP,
    JOIN_NEW,
    LEAVE_ALL,
    LEAVE_GROUP,
    PATHS,
    COUNT,
];

pub async fn by_id(db: &Db, id: i64) -> Result<Option<User>> {
    table::row(db, &BY_ID, params![id]).await
}
pub async fn by_uuid(db: &Db, uuid: Uuid) -> Result<Option<User>> {
    table::row(db, &BY_UUID, params![uuid]).await
}
/// Finds by the canonical form.
pub async fn by_username(db: &Db, username: &str) -> Result<Option<User>> {
    table::row(db, &BY_USERNAME, params![canonical(username)]).await
}
/// The user with this address. An inactive account does not count beside an active one: an unconfirmed
/// enrolment with another user's address takes nothing away. `None` if the address is empty or shared by
/// several.
pub async fn by_email(db: &Db, email: &str) -> Result<Option<User>> {
    let key = canonical(email);
    if key.is_empty() {
        return Ok(None);
    }
    let mut all: Vec<User> = table::rows(db, &BY_EMAIL, params![key]).await?;
    if all.iter().any(|user| user.is_active) {
        all.retain(|user| user.is_active);
    }
    Ok(if all.len() == 1 { all.pop() } else { None })
}
/// Up to two accounts with this address, active ones first; none for the empty address.
pub async fn all_by_email(db: &Db, email: &str) -> Result<Vec<User>> {
    match canonical(email) {
        key if key.is_empty() => Ok(Vec::new()),
        key => table::rows(db, &BY_EMAIL, params![key]).await,
    }
}
/// Notes that the account's address was proven; nothing if it is another one by now. `by`: see
/// [`User::email_verified_by`].
pub fn verify_email_batch(id: i64, email: &str, by: &str, at: Timestamp) -> Batch {
    Batch::new().add(VERIFY_EMAIL, params![at, by, id, canonical(email)])
}
/// The account's new address is not proven.
pub fn unverify_email_batch(id: i64) -> Batch {
    Batch::new().add(UNVERIFY_EMAIL, params![id])
}
/// Whether an address is that of an active account other than this one.
pub async fn is_address_of_another(db: &Db, email: &str, user: i64) -> Result<bool> {
    let key = canonical(email);
    if key.is_empty() {
        return Ok(false);
    }
    let found: Vec<User> = table::rows(db, &BY_EMAIL, params![key]).await?;
    Ok(found.iter().any(|other| other.is_active && other.id != user))
}
/// The user with this attribute `upn`; `None` if it is empty or shared by several.
pub async fn by_upn(db: &Db, upn: &str) -> Result<Option<User>> {
    let key = canonical(upn);
    if key.is_empty() {
        return Ok(None);
    }
    let mut all = table::rows(db, &BY_UPN, params![key]).await?;
    Ok(if all.len() == 1 { all.pop() } else { None })
}
/// The existing users among the ids, ordered by id.
pub async fn by_ids(db: &Db, ids: &[i64]) -> Result<Vec<User>> {
    super::list::by_keys(db, &ids.iter().copied().map(Value::Int).collect::<Vec<_>>()).await
}

/// Inserts a user with their direct groups; returns the id. `Conflict::Unique("users.username_key")` if the
/// name is taken.
pub async fn insert(db: &Db, user: &User, groups: &[Uuid]) -> Result<i64> {
    let answer = db.batch(insert_batch(user, groups)).await?;
    table::new_id(&answer)
}

/// [`insert`] as part of a batch; its first result contains the id.
pub fn insert_batch(user: &User, groups: &[Uuid]) -> Batch {
    let u = trimmed(user);
    let mut batch = table::insert(&u);
    if let Some(key) = upn::key(&u.attributes) {
        batch.push(upn::JOIN_NEW, params![key, u.uuid]);
    }
    for group in groups {
        batch.push(JOIN_NEW, params![*group, u.uuid]);
    }
    batch
}

fn trimmed(user: &User) -> User {
    User { username: user.username.trim().to_owned(), ..user.clone() }
}

/// Updates everything but the password and `last_login`; sets `updated` to `now`. With `guard` (the `updated`
/// that the caller has read) a concurrent change is `Conflict::Stale`. `groups` replaces the
/// direct groups. `Error::NotFound` if the user does not exist.
pub async fn update(
    db: &Db,
    user: &User,
    guard: Option<Timestamp>,
    groups: Option<&[Uuid]>,
    now: Timestamp,
) -> Result<()> {
    found(db.batch(update_batch(user, guard, groups, now)).await).map(drop)
}
/// [`update`] as part of a batch; `Conflict::NoRow` if the user does not exist. Deactivation
/// raises the epoch, see [`epoch::end`].
pub fn update_batch(user: &User, guard: Option<Timestamp>, groups: Option<&[Uuid]>, now: Timestamp) -> Batch {
    let mut u = trimmed(user);
    // Two changes within one microsecond must differ.
    u.updated = guard.map_or(now, |g| if now <= g { Timestamp(g.0 + 1) } else { now });
    let mut batch = match guard {
        Some(guard) => table::update_guarded(&u, "updated", guard),
        None => table::update(&u),
    }
    .then(upn::update_batch(&u));
    if let Some(groups) = groups {
        batch.push(LEAVE_ALL, params![u.id]);
        for group in groups {
            batch.push(JOIN_GROUP, params![u.id, *group]);
        }
    }
    if u.is_active { batch } else { batch.then(epoch::end(u.id, &KeptSession::default())) }
}

/// Sets a new password hash and `password_changed`, and raises the epoch.
pub async fn set_password(db: &Db, id: i64, hash: &str, now: Timestamp) -> Result<()> {
    found(db.batch(set_password_batch(id, hash, &KeptSession::default(), now)).await).map(drop)
}
/// [`set_password`] as part of a batch.
pub fn set_password_batch(id: i64, hash: &str, spared: &KeptSession, now: Timestamp) -> Batch {
    let mut batch = Batch::new();
    super::password_history::keep(&mut batch, id, hash, now);
    batch
        .add(SET_PASSWORD, params![hash, now, now, id])
        .expect_rows(1, Conflict::NoRow)
        .then(epoch::end(id, spared))
}
/// Puts a hash that no password fits in the place of `before`, and ends everything; when the password was set
/// stays as it is. `Conflict::NoRow` where the password changed in between.
pub fn disable_password_batch(id: i64, before: &str, hash: &str) -> Batch {
    Batch::new()
        .add(REHASH, params![hash, id, before])
        .expect_rows(1, Conflict::NoRow)
        .then(epoch::end(id, &KeptSession::default()))
}
/// Replaces the hash of the same password; no effect if it was changed concurrently.
pub async fn rehash(db: &Db, id: i64, before: &str, hash: &str) -> Result<()> {
    db.batch(Batch::relaxed().add(REHASH, params![hash, id, before])).await.map(drop)
}
/// Stores a sign-in, as part of a batch, which succeeds only while the account is active and has this epoch:
/// see [`epoch::has_changed`].
pub fn touch_last_login(id: i64, epoch: i64, at: Timestamp) -> Batch {
    Batch::relaxed().add(TOUCH, params![at, id, epoch]).expect_rows(1, Conflict::EpochChanged)
}
/// Deletes the user with memberships, tokens, sessions, grants and consents.
pub async fn delete(db: &Db, id: i64) -> Result<()> {
    found(db.batch(delete_batch(id)).await).map(drop)
}
/// Attribute of an account created by self-enrolment that awaits confirmation.
pub const AWAITS_CONFIRMATION: &str = "goauthentik.io/user/awaits-confirmation";
/// Self-enrolled accounts created before this time, never confirmed, and changed by nobody since.
pub async fn unconfirmed(db: &Db, before: Timestamp, limit: i64) -> Result<Vec<i64>> {
    let mark = format!("%\"{AWAITS_CONFIRMATION}\":true%");
    db.query(UNCONFIRMED, params![before, mark, limit]).await?.iter().map(|row| row.int(0)).collect()
}
/// [`delete`] as part of a batch; `Conflict::NoRow` if the user does not exist.
pub fn delete_batch(id: i64) -> Batch {
    table::delete::<User>(id).then(roles::forget_object_batch("authentik_core.user", &id.to_string()))
}
/// Makes the user a direct member, if they are none. `Conflict::ForeignKey` if either does not
/// exist.
pub async fn join_group(db: &Db, user: i64, group: Uuid) -> Result<()> {
    db.execute(JOIN_GROUP, params![user, group]).await
}
/// [`leave_group`] as a part of a larger batch.
pub fn leave_group_batch(user: i64, group: Uuid) -> Batch {
    Batch::new().add(LEAVE_GROUP, params![user, group])
}
/// [`join_group`] as part of a batch.
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
/// The number of users without internal service accounts.
pub async fn count(db: &Db) -> Result<i64> {
    db.scan(COUNT, vec![]).await?.first().ok_or_else(|| Error::internal("no count"))?.int(0)
}
