//! Invitations. The key of an invitation admits its holder: the row is found by a digest, and the key is
//! stored encrypted. Permissions on one invitation name it by the digest too.
use super::list::ListQuery;
use super::roles;
use super::table::{self, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Error, Map, Result, Secret, Timestamp, Uuid, Vault};
use signet_model::Table;

/// The model of invitations.
pub const MODEL: &str = "authentik_stages_invitation.invitation";

#[derive(Debug, Clone)]
pub struct Invitation {
    /// Also the key of the invitation's link: random, and stored nowhere in clear.
    pub id: Uuid,
    pub name: String,
    /// The flow that accepts it. `None`: any.
    pub flow: Option<Uuid>,
    /// Overrides typed values.
    pub fixed_data: Map,
    pub single_use: bool,
    pub created_by: Option<i64>,
    pub created: Timestamp,
    /// `None`: until deleted.
    pub expires: Option<Timestamp>,
    /// A run is using it.
    pub claimed: bool,
}

impl Invitation {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// An invitation as it is kept.
#[derive(Table)]
#[table(
    model = "authentik_stages_invitation.invitation",
    component = "Invitation",
    table = "invitation",
    alias = "i"
)]
#[table(label = "Invitation", order = "-expires", expires = "expires")]
pub struct InvitationRow {
    /// Digest of the key.
    #[column(wire = "pk", also("invite_uuid"), read_only, fixed, order)]
    id: String,
    #[column(kind = "slug", order, filter, search, required, max = 50)]
    name: String,
    #[column(refers = "authentik_flows.flow", on_delete = "cascade", also("flow_id"), order, filter)]
    #[column(help = "The only flow that takes it. None: any enrolment with an invitation stage.")]
    flow: Option<Uuid>,
    #[column(help = "Goes over what is typed in the flow.")]
    fixed_data: Map,
    #[column(help = "Gone when somebody has used it.")]
    single_use: bool,
    #[column(read_only, fixed, also("created_by_id"), owner, search)]
    created_by: Option<i64>,
    #[column(hidden, fixed)]
    created: Timestamp,
    #[column(order, filter)]
    expires: Option<Timestamp>,
    #[column(hidden, fixed)]
    claimed: Option<String>,
    #[column(secret, fixed)]
    sealed: String,
}

selects! { InvitationRow:
    BY_ID = "WHERE i.id = ?";
}
const CLAIM: &str =
    "UPDATE invitation SET claimed = ? WHERE id = ? AND claimed IS NULL AND (expires IS NULL OR expires > ?)";
const RELEASE: &str = "UPDATE invitation SET claimed = NULL WHERE id = ? AND claimed = ?";
const USE_UP: &str = "DELETE FROM invitation WHERE id = ? AND claimed = ?";

pub(crate) const STATEMENTS: &[&str] = &[CLAIM, RELEASE, USE_UP];

/// The identifier in database and log.
pub fn digest(vault: &Vault, id: Uuid) -> String {
    vault.digest("invitation", &id.to_string())
}

fn opened(vault: &Vault, row: InvitationRow) -> Result<Invitation> {
    let key = vault.open(("invitation", &row.id, "key"), &row.sealed)?;
    Ok(Invitation {
        id: Uuid::parse_str(key.reveal()).map_err(Error::internal)?,
        name: row.name,
        flow: row.flow,
        fixed_data: row.fixed_data,
        single_use: row.single_use,
        created_by: row.created_by,
        created: row.created,
        expires: row.expires,
        claimed: row.claimed.is_some(),
    })
}
fn sealed(vault: &Vault, i: &Invitation) -> Result<InvitationRow> {
    let id = digest(vault, i.id);
    Ok(InvitationRow {
        sealed: vault.seal(("invitation", &id, "key"), &Secret::new(i.id.to_string()))?,
        id,
        name: i.name.clone(),
        flow: i.flow,
        fixed_data: i.fixed_data.clone(),
        single_use: i.single_use,
        created_by: i.created_by,
        created: i.created,
        expires: i.expires,
        claimed: None,
    })
}

/// The invitation, expired or not: see [`Invitation::is_expired`].
pub async fn by_id(db: &Db, vault: &Vault, id: Uuid) -> Result<Option<Invitation>> {
    table::row(db, &BY_ID, params![digest(vault, id)]).await?.map(|row| opened(vault, row)).transpose()
}
pub async fn insert(db: &Db, vault: &Vault, invitation: &Invitation) -> Result<()> {
    db.batch(insert_batch(vault, invitation)?).await.map(drop)
}
/// [`insert`] as part of a batch.
pub fn insert_batch(vault: &Vault, invitation: &Invitation) -> Result<Batch> {
    Ok(table::insert(&sealed(vault, invitation)?))
}
/// Writes what has changed; `Conflict::NoRow` when it is gone.
pub fn update_batch(vault: &Vault, before: &Invitation, after: &Invitation) -> Result<Batch> {
    Ok(table::update_changed(&sealed(vault, before)?, &sealed(vault, after)?))
}
/// By its [`digest`], with the permissions on it; `Conflict::NoRow` when it is gone.
pub fn delete_batch(digest: &str) -> Batch {
    table::delete::<InvitationRow>(digest).then(roles::forget_object_batch(MODEL, digest))
}
/// Claims a single-use invitation for the run `run`. Of concurrent calls one gets `true`.
pub async fn claim(db: &Db, vault: &Vault, id: Uuid, run: &str, now: Timestamp) -> Result<bool> {
    happened(
        db.batch(
            Batch::new().add(CLAIM, params![run, digest(vault, id), now]).expect_rows(1, Conflict::Used),
        )
        .await,
    )
}
/// Releases a claimed invitation whose use did not happen.
pub async fn release(db: &Db, vault: &Vault, id: Uuid, run: &str) -> Result<()> {
    db.execute(RELEASE, params![digest(vault, id), run]).await
}
/// Deletes a claimed invitation.
pub async fn use_up(db: &Db, vault: &Vault, id: Uuid, run: &str) -> Result<()> {
    db.execute(USE_UP, params![digest(vault, id), run]).await
}

fn happened<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(Error::Conflict(Conflict::Used)) => Ok(false),
        Err(error) => Err(error),
    }
}
/// A page of invitations, and their total number.
pub async fn list(db: &Db, vault: &Vault, q: &ListQuery) -> Result<(Vec<Invitation>, u64)> {
    let (rows, total) = super::list::list(db, q).await?;
    Ok((rows.into_iter().map(|row| opened(vault, row)).collect::<Result<_>>()?, total))
}
