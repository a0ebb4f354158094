//! Stored consents of users to applications.
use super::table::{self, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Result, Timestamp, Uuid};
use signet_model::Table;
use std::sync::LazyLock;

#[derive(Debug, Clone, Table)]
#[table(model = "authentik_core.userconsent", component = "UserConsent", table = "consent", alias = "c")]
#[table(label = "User Consent", order = "pk", expires = "expires")]
pub struct Consent {
    /// 0 before [`put`].
    #[column(wire = "pk", generated, read_only, order)]
    pub id: i64,
    #[column(wire = "user", read_only, fixed, refers = "authentik_core.user", owner, order, filter, search)]
    pub user_id: i64,
    /// Primary key of the application.
    #[column(read_only, fixed, refers = "authentik_core.application", order, filter)]
    pub application: Uuid,
    /// Consented scopes, separated by spaces.
    #[column(read_only, search)]
    pub permissions: String,
    /// `None`: until revoked.
    #[column(read_only, order)]
    pub expires: Option<Timestamp>,
    #[column(hidden)]
    pub created: Timestamp,
}

impl Consent {
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

selects! { Consent:
    GET = "WHERE c.user_id = ? AND c.application = ?";
    BY_ID = "WHERE c.id = ?";
}
static PUT: LazyLock<String> =
    LazyLock::new(|| format!("{} RETURNING id", table::upsert::<Consent>("user_id, application", &[])));

/// The consent, expired or not: see [`Consent::is_expired`].
pub async fn get(db: &Db, user: i64, application: Uuid) -> Result<Option<Consent>> {
    table::row(db, &GET, params![user, application]).await
}
pub async fn by_id(db: &Db, id: i64) -> Result<Option<Consent>> {
    table::row(db, &BY_ID, params![id]).await
}
/// Creates or replaces the user's consent; returns its id.
pub async fn put(db: &Db, consent: &Consent) -> Result<i64> {
    table::new_id(&db.batch(Batch::new().add(PUT.as_str(), table::new_values(consent)).returning()).await?)
}
pub fn delete_batch(id: i64) -> Batch {
    table::remove::<Consent>(id)
}
