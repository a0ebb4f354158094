//! Links by which a run of a flow goes on in another browser or at another time.
use crate::db::{Batch, Db, Row};
use crate::params;
use signet_base::{Error, Result, Secret, Timestamp, Uuid, Vault};

/// One link. Its key is known to the receiver only.
#[derive(Debug, Clone)]
pub struct FlowToken {
    pub id: Uuid,
    /// Primary key of the flow it is for.
    pub flow: Uuid,
    /// Whose link it is; none where the run has not made an account yet.
    pub user_id: Option<i64>,
    /// What it was made for, for people and logs.
    pub purpose: String,
    /// The run as JSON.
    pub plan: Secret,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// Of the account when the link was made.
    pub epoch: i64,
}

impl FlowToken {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }
}

const BY_DIGEST: &str = "SELECT f.id, f.flow, f.user_id, f.purpose, f.plan, f.created, f.expires, f.epoch FROM flow_token f WHERE f.digest = ?";
const INSERT: &str = "INSERT INTO flow_token (id, digest, flow, user_id, purpose, plan, created, expires, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const TAKE: &str = "DELETE FROM flow_token WHERE id = ? AND expires > ?";
const DELETE_OF_USER: &str = "DELETE FROM flow_token WHERE user_id = ? AND flow = ?";
const DELETE_FLOW: &str = "DELETE FROM flow_token WHERE flow = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM flow_token WHERE id IN (SELECT id FROM flow_token WHERE expires <= ? LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] =
    &[BY_DIGEST, INSERT, TAKE, DELETE_OF_USER, DELETE_FLOW, DELETE_EXPIRED];

fn digest(vault: &Vault, key: &str) -> String {
    vault.digest("flow_token", key)
}

fn from_row(row: &Row, vault: &Vault) -> Result<FlowToken> {
    let id = row.uuid(0)?;
    let plan = vault.open(("flow_token", &id.to_string(), "plan"), row.text(4)?)?;
    Ok(FlowToken {
        id,
        flow: row.uuid(1)?,
        user_id: row.opt_int(2)?,
        purpose: row.string(3)?,
        plan,
        created: row.time(5)?,
        expires: row.time(6)?,
        epoch: row.int(7)?,
    })
}

/// The link with this key, expired or not: see [`FlowToken::is_expired`].
pub async fn by_key(db: &Db, vault: &Vault, key: &str) -> Result<Option<FlowToken>> {
    db.query_one(BY_DIGEST, params![digest(vault, key)]).await?.map(|row| from_row(&row, vault)).transpose()
}
/// Writes a link. With `replace`, links of the same person for the same flow go.
pub async fn insert(db: &Db, vault: &Vault, token: &FlowToken, key: &Secret, replace: bool) -> Result<()> {
    let t = token;
    let plan = vault.seal(("flow_token", &t.id.to_string(), "plan"), &t.plan)?;
    let mut batch = Batch::new();
    if let (true, Some(user)) = (replace, t.user_id) {
        batch.push(DELETE_OF_USER, params![user, t.flow]);
    }
    batch.push(
        INSERT,
        params![
            t.id,
            digest(vault, key.reveal()),
            t.flow,
            t.user_id,
            &t.purpose,
            plan,
            t.created,
            t.expires,
            t.epoch
        ],
    );
    db.batch(batch).await.map(drop)
}
/// Uses a link up that has not expired, with the other links of the same person for the same flow. Of many at
/// once, one gets `true`.
pub async fn take(db: &Db, id: Uuid, flow: Uuid, user: Option<i64>, now: Timestamp) -> Result<bool> {
    let mut batch = Batch::new().add(TAKE, params![id, now]).expect_rows(1, "taken");
    if let Some(user) = user {
        batch.push(DELETE_OF_USER, params![user, flow]);
    }
    match db.batch(batch).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(tag)) if tag == "taken" => Ok(false),
        Err(error) => Err(error),
    }
}
/// What goes with a flow.
pub(crate) fn delete_flow(flow: Uuid) -> Batch {
    Batch::new().add(DELETE_FLOW, params![flow])
}
/// Removes up to `limit` expired links. Garbage only: who reads a link judges its expiry.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}
