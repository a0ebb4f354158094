//! What a person has agreed to share with an application.
use super::list::{Filter, Page};
use crate::db::{Batch, Db, Row};
use crate::params;
use signet_base::{Error, Result, Timestamp, Uuid};

#[derive(Debug, Clone)]
pub struct Consent {
    /// 0 before [`put`].
    pub id: i64,
    pub user_id: i64,
    /// Primary key of the application.
    pub application: Uuid,
    /// What was agreed to; scopes separated by spaces.
    pub permissions: String,
    /// None: until it is withdrawn.
    pub expires: Option<Timestamp>,
    pub created: Timestamp,
}

impl Consent {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

const GET: &str = "SELECT c.id, c.user_id, c.application, c.permissions, c.expires, c.created FROM consent c WHERE c.user_id = ? AND c.application = ?";
const BY_ID: &str = "SELECT c.id, c.user_id, c.application, c.permissions, c.expires, c.created FROM consent c WHERE c.id = ?";
const PUT: &str = "INSERT INTO consent (user_id, application, permissions, expires, created) VALUES (?, ?, ?, ?, ?) \
    ON CONFLICT (user_id, application) DO UPDATE SET permissions = excluded.permissions, expires = excluded.expires, created = excluded.created RETURNING id";
const DELETE: &str = "DELETE FROM consent WHERE id = ?";
const DELETE_APPLICATION: &str = "DELETE FROM consent WHERE application = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM consent WHERE id IN (SELECT id FROM consent WHERE expires <= ? LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] = &[GET, BY_ID, PUT, DELETE, DELETE_APPLICATION, DELETE_EXPIRED];

fn from_row(row: &Row) -> Result<Consent> {
    Ok(Consent {
        id: row.int(0)?,
        user_id: row.int(1)?,
        application: row.uuid(2)?,
        permissions: row.string(3)?,
        expires: row.opt_time(4)?,
        created: row.time(5)?,
    })
}

/// The consent, expired or not: see [`Consent::is_expired`].
pub async fn get(db: &Db, user: i64, application: Uuid) -> Result<Option<Consent>> {
    db.query_one(GET, params![user, application]).await?.as_ref().map(from_row).transpose()
}
pub async fn by_id(db: &Db, id: i64) -> Result<Option<Consent>> {
    db.query_one(BY_ID, params![id]).await?.as_ref().map(from_row).transpose()
}
/// Creates the consent or replaces what the user had agreed to before; its id.
pub async fn put(db: &Db, consent: &Consent) -> Result<i64> {
    let c = consent;
    let answer = db
        .batch(
            Batch::new()
                .add(PUT, params![c.user_id, c.application, &c.permissions, c.expires, c.created])
                .returning(),
        )
        .await?;
    answer.first().and_then(|rows| rows.first()).ok_or_else(|| Error::internal("no id came back"))?.int(0)
}
pub async fn delete(db: &Db, id: i64) -> Result<()> {
    db.execute(DELETE, params![id]).await
}
/// What goes with an application.
pub(crate) fn delete_application(application: Uuid) -> Batch {
    Batch::new().add(DELETE_APPLICATION, params![application])
}
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}

/// What a list of consents is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct ConsentQuery {
    pub search: String,
    pub application: Option<Uuid>,
    pub user: Option<i64>,
    /// Only this user's (what the caller may see).
    pub owner: Option<i64>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("pk", "c.id"),
    ("expires", "c.expires"),
    ("user", "c.user_id"),
    ("application", "c.application"),
    ("user__username", "u.username_key"),
];

/// One page of consents, and how many fit the query.
pub async fn list(db: &Db, q: &ConsentQuery) -> Result<(Vec<Consent>, u64)> {
    let mut f = Filter::default();
    f.search(&q.search, &["u.username_key", "c.permissions"]);
    f.equal("c.application", q.application);
    f.equal("c.user_id", q.user);
    f.equal("c.user_id", q.owner);
    let columns = "c.id, c.user_id, c.application, c.permissions, c.expires, c.created";
    let (rows, total) =
        f.page(db, columns, "consent c JOIN users u ON u.id = c.user_id", SORT, "c.id", &q.page).await?;
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
