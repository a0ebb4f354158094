//! Invitations to make an account. Whoever has the key of one may: its row is found by a digest, and the key
//! is sealed.
use super::list::{Filter, Page};
use super::users::canonical;
use crate::db::{Batch, Db, Row, in_list, in_params};
use crate::params;
use signet_base::{Error, Map, Result, Secret, Timestamp, Uuid, Vault};
use signet_model::Scope;

#[derive(Debug, Clone)]
pub struct Invitation {
    /// The key of the invitation's link as well: random, and in no row in the clear.
    pub id: Uuid,
    pub name: String,
    /// The only flow that takes it. None: any.
    pub flow: Option<Uuid>,
    /// Goes over what is typed.
    pub fixed_data: Map,
    pub single_use: bool,
    pub created_by: Option<i64>,
    pub created: Timestamp,
    /// None: until it is deleted.
    pub expires: Option<Timestamp>,
    /// A run is using it up.
    pub claimed: bool,
}

impl Invitation {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

const COLUMNS: &str = "i.id, i.name, i.flow, i.fixed_data, i.single_use, i.created_by, i.created, i.expires, i.claimed, i.sealed";
const BY_ID: &str = "SELECT i.id, i.name, i.flow, i.fixed_data, i.single_use, i.created_by, i.created, i.expires, i.claimed, i.sealed FROM invitation i WHERE i.id = ?";
const INSERT: &str = "INSERT INTO invitation (id, name, flow, fixed_data, single_use, created_by, created, expires, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const UPDATE: &str =
    "UPDATE invitation SET name = ?, flow = ?, fixed_data = ?, single_use = ?, expires = ? WHERE id = ?";
const DELETE: &str = "DELETE FROM invitation WHERE id = ?";
const CLAIM: &str =
    "UPDATE invitation SET claimed = ? WHERE id = ? AND claimed IS NULL AND (expires IS NULL OR expires > ?)";
const RELEASE: &str = "UPDATE invitation SET claimed = NULL WHERE id = ? AND claimed = ?";
const USE_UP: &str = "DELETE FROM invitation WHERE id = ? AND claimed = ?";
const DELETE_FLOW: &str = "DELETE FROM invitation WHERE flow = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM invitation WHERE id IN (SELECT id FROM invitation WHERE expires <= ? LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] =
    &[BY_ID, INSERT, UPDATE, DELETE, CLAIM, RELEASE, USE_UP, DELETE_FLOW, DELETE_EXPIRED];

/// What the database and the log know an invitation by.
pub fn digest(vault: &Vault, id: Uuid) -> String {
    vault.digest("invitation", &id.to_string())
}

fn from_row(vault: &Vault, row: &Row) -> Result<Invitation> {
    let key = vault.open(("invitation", row.text(0)?, "key"), row.text(9)?)?;
    Ok(Invitation {
        id: Uuid::parse_str(key.reveal()).map_err(Error::internal)?,
        name: row.string(1)?,
        flow: row.opt_uuid(2)?,
        fixed_data: row.map(3)?,
        single_use: row.bool(4)?,
        created_by: row.opt_int(5)?,
        created: row.time(6)?,
        expires: row.opt_time(7)?,
        claimed: row.opt_string(8)?.is_some(),
    })
}

/// The invitation, expired or not: see [`Invitation::is_expired`].
pub async fn by_id(db: &Db, vault: &Vault, id: Uuid) -> Result<Option<Invitation>> {
    db.query_one(BY_ID, params![digest(vault, id)]).await?.map(|row| from_row(vault, &row)).transpose()
}
pub async fn insert(db: &Db, vault: &Vault, invitation: &Invitation) -> Result<()> {
    let (i, digest) = (invitation, digest(vault, invitation.id));
    let sealed = vault.seal(("invitation", &digest, "key"), &Secret::new(i.id.to_string()))?;
    db.execute(
        INSERT,
        params![
            digest,
            &i.name,
            i.flow,
            &i.fixed_data,
            i.single_use,
            i.created_by,
            i.created,
            i.expires,
            sealed
        ],
    )
    .await
}
pub async fn update(db: &Db, vault: &Vault, invitation: &Invitation) -> Result<()> {
    let i = invitation;
    one_row(
        db.batch(
            Batch::new()
                .add(
                    UPDATE,
                    params![&i.name, i.flow, &i.fixed_data, i.single_use, i.expires, digest(vault, i.id)],
                )
                .expect_rows(1, "no such row"),
        )
        .await,
    )
}
pub async fn delete(db: &Db, vault: &Vault, id: Uuid) -> Result<()> {
    one_row(
        db.batch(Batch::new().add(DELETE, params![digest(vault, id)]).expect_rows(1, "no such row")).await,
    )
}
/// Reserves a single-use invitation for the run named `run`. Of many at once, one gets `true`.
pub async fn claim(db: &Db, vault: &Vault, id: Uuid, run: &str, now: Timestamp) -> Result<bool> {
    happened(
        db.batch(Batch::new().add(CLAIM, params![run, digest(vault, id), now]).expect_rows(1, "claimed"))
            .await,
    )
}
/// Gives a claimed invitation back: what it was claimed for did not happen.
pub async fn release(db: &Db, vault: &Vault, id: Uuid, run: &str) -> Result<()> {
    db.execute(RELEASE, params![digest(vault, id), run]).await
}
/// The end of a claimed invitation.
pub async fn use_up(db: &Db, vault: &Vault, id: Uuid, run: &str) -> Result<()> {
    db.execute(USE_UP, params![digest(vault, id), run]).await
}
/// What goes with a flow: an invitation must not become one for any flow.
pub(crate) fn delete_flow(flow: Uuid) -> Batch {
    Batch::new().add(DELETE_FLOW, params![flow])
}
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}

fn happened<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(Error::Conflict(tag)) if tag == "claimed" => Ok(false),
        Err(error) => Err(error),
    }
}
fn one_row<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(Error::Conflict(tag)) if tag == "no such row" => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// What a list of invitations is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct InvitationQuery {
    pub search: String,
    pub name: Option<String>,
    pub created_by: Option<String>,
    pub expires: Option<Timestamp>,
    /// Any of these flows.
    pub flows: Option<Vec<Uuid>>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("-expires", "-i.expires"),
    ("pk", "i.id"),
    ("name", "i.name"),
    ("expires", "i.expires"),
    ("created_by__username", "u.username_key"),
    ("flow", "i.flow"),
];

/// One page of invitations, and how many fit the query.
pub async fn list(db: &Db, vault: &Vault, q: &InvitationQuery) -> Result<(Vec<Invitation>, u64)> {
    let mut f = Filter::default();
    f.search(&q.search, &["i.name", "u.username_key"]);
    f.equal("i.name", q.name.as_deref());
    f.equal("u.username_key", q.created_by.as_deref().map(canonical));
    f.equal("i.expires", q.expires);
    if let Some(flows) = &q.flows {
        if flows.is_empty() {
            return Ok((Vec::new(), 0));
        }
        f.one_of("i.flow", flows);
    }
    if let Scope::Only(keys) = &q.page.scope {
        // Rows are kept under a digest of their key.
        let ids: Vec<String> =
            keys.iter().filter_map(|key| Some(digest(vault, Uuid::parse_str(key).ok()?))).collect();
        f.and(format!("i.id IN ({})", in_list(ids.len())), in_params(ids));
    }
    let from = "invitation i LEFT JOIN users u ON u.id = i.created_by";
    let (rows, total) = f.page(db, COLUMNS, from, SORT, "i.id", &q.page.unscoped()).await?;
    Ok((rows.iter().map(|row| from_row(vault, row)).collect::<Result<_>>()?, total))
}
