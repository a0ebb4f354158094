//! Links that continue a flow run in another browser or later.
use super::table::{self, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Error, Result, Secret, Timestamp, Uuid, Vault};
use signet_model::Table;

/// A link. Only its receiver knows the key.
#[derive(Debug, Clone)]
pub struct FlowToken {
    pub id: Uuid,
    /// Primary key of its flow.
    pub flow: Uuid,
    /// Its user; `None` if the run has no account yet.
    pub user_id: Option<i64>,
    /// Its purpose, for display and logs.
    pub purpose: String,
    /// The run as JSON.
    pub plan: Secret,
    pub created: Timestamp,
    pub expires: Timestamp,
    /// The account's epoch when the link was created.
    pub epoch: i64,
}

impl FlowToken {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires <= now
    }
}

/// A link as it is kept.
#[derive(Table)]
#[table(
    model = "authentik_flows.flowtoken",
    table = "flow_token",
    alias = "f",
    label = "Flow Token",
    order = "pk"
)]
#[table(component = "FlowToken", internal, expires = "expires")]
pub(crate) struct FlowTokenRow {
    #[column(wire = "pk", fixed, order)]
    id: Uuid,
    #[column(secret)]
    digest: String,
    #[column(refers = "authentik_flows.flow")]
    flow: Uuid,
    #[column(wire = "user", owner)]
    user_id: Option<i64>,
    purpose: String,
    /// Sealed.
    #[column(secret)]
    plan: String,
    #[column(hidden)]
    created: Timestamp,
    #[column(hidden)]
    expires: Timestamp,
    #[column(hidden)]
    epoch: i64,
}

selects! { FlowTokenRow:
    BY_DIGEST = "WHERE f.digest = ?";
}
const TAKE: &str = "DELETE FROM flow_token WHERE id = ? AND expires > ?";
const DELETE_OF_USER: &str = "DELETE FROM flow_token WHERE user_id = ? AND flow = ?";

pub(crate) const STATEMENTS: &[&str] = &[TAKE, DELETE_OF_USER];

fn digest(vault: &Vault, key: &str) -> String {
    vault.digest("flow_token", key)
}

fn opened(vault: &Vault, row: FlowTokenRow) -> Result<FlowToken> {
    let plan = vault.open(("flow_token", &row.id.to_string(), "plan"), &row.plan)?;
    let FlowTokenRow { id, flow, user_id, purpose, created, expires, epoch, .. } = row;
    Ok(FlowToken { id, flow, user_id, purpose, plan, created, expires, epoch })
}

/// The link with this key, expired or not: see [`FlowToken::is_expired`].
pub async fn by_key(db: &Db, vault: &Vault, key: &str) -> Result<Option<FlowToken>> {
    table::row(db, &BY_DIGEST, params![digest(vault, key)]).await?.map(|row| opened(vault, row)).transpose()
}
/// Inserts a link, as part of a batch. With `replace`, the user's other links for the same flow are deleted.
pub fn insert_batch(vault: &Vault, token: &FlowToken, key: &Secret, replace: bool) -> Result<Batch> {
    let t = token;
    let plan = vault.seal(("flow_token", &t.id.to_string(), "plan"), &t.plan)?;
    let mut batch = Batch::new();
    if let (true, Some(user)) = (replace, t.user_id) {
        batch.push(DELETE_OF_USER, params![user, t.flow]);
    }
    let row = FlowTokenRow {
        id: t.id,
        digest: digest(vault, key.reveal()),
        flow: t.flow,
        user_id: t.user_id,
        purpose: t.purpose.clone(),
        plan,
        created: t.created,
        expires: t.expires,
        epoch: t.epoch,
    };
    Ok(batch.then(table::insert(&row)))
}
/// Uses up an unexpired link, with the user's other links for the same flow. Of concurrent calls one gets
/// `true`.
pub async fn take(db: &Db, id: Uuid, flow: Uuid, user: Option<i64>, now: Timestamp) -> Result<bool> {
    let mut batch = Batch::new().add(TAKE, params![id, now]).expect_rows(1, Conflict::Used);
    if let Some(user) = user {
        batch.push(DELETE_OF_USER, params![user, flow]);
    }
    match db.batch(batch).await {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::Used)) => Ok(false),
        Err(error) => Err(error),
    }
}
