//! What accounts of sources are here, and which memberships sources gave. An identifier of a source belongs to one account.
use super::table::{self, Record, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Conflict, Error, Json, Result, Secret, Timestamp, Uuid, Vault, json};
use signet_model::Table;

/// An account that a source knows.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(
    model = "authentik_core.usersourceconnection",
    component = "UserSourceConnection",
    table = "user_source_connection",
    alias = "c",
    label = "User Source Connection",
    plural = "User Source Connections"
)]
#[table(order = "pk")]
pub struct UserConnection {
    #[column(wire = "pk", also("id"), generated, read_only, order)]
    pub id: i64,
    #[column(wire = "user", also("user_id"), read_only, fixed, owner, filter)]
    pub user_id: i64,
    #[column(refers = "authentik_core.source", on_delete = "cascade", filter)]
    pub source: Uuid,
    /// As the source names the account, byte for byte.
    #[column(required, search)]
    pub identifier: String,
    /// Sealed: the tokens of the last sign-in; empty without.
    #[column(secret)]
    pub tokens: String,
    /// When the access token is over.
    #[column(hidden)]
    pub expires: Option<Timestamp>,
    #[column(read_only, fixed)]
    pub created: Timestamp,
    #[column(wire = "last_updated", read_only)]
    pub updated: Timestamp,
}

/// Tokens of a source, for calls in the person's name.
#[derive(Debug, Clone, Default)]
pub struct SourceTokens {
    pub access: Secret,
    pub refresh: Secret,
}

selects! { UserConnection:
    BY_IDENTIFIER = "WHERE c.source = ? AND c.identifier = ?";
    OF_USER = "WHERE c.user_id = ? ORDER BY c.id";
    BY_ID = "WHERE c.id = ?";
}
const REFRESH: &str =
    "UPDATE user_source_connection SET tokens = ?, expires = ?, updated = ? WHERE id = ? AND user_id = ?";
/// The source's own memberships. Others are not its business.
const OWNED: &str =
    "SELECT group_id FROM source_membership WHERE source = ? AND user_id = ? ORDER BY group_id";
const OWN: &str =
    "INSERT INTO source_membership (source, user_id, group_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
const DISOWN: &str = "DELETE FROM source_membership WHERE source = ? AND user_id = ? AND group_id = ?";
const OWNED_BY_OTHERS: &str =
    "SELECT group_id FROM source_membership WHERE source <> ? AND user_id = ? ORDER BY group_id";

pub(crate) const STATEMENTS: &[&str] = &[REFRESH, OWNED, OWN, DISOWN, OWNED_BY_OTHERS];

pub async fn user_by_identifier(db: &Db, source: Uuid, identifier: &str) -> Result<Option<UserConnection>> {
    table::row(db, &BY_IDENTIFIER, params![source, identifier]).await
}
pub async fn user_by_id(db: &Db, id: i64) -> Result<Option<UserConnection>> {
    table::row(db, &BY_ID, params![id]).await
}
pub async fn of_user(db: &Db, user: i64) -> Result<Vec<UserConnection>> {
    table::rows(db, &OF_USER, params![user]).await
}
/// The sealed form of tokens, for [`UserConnection::tokens`].
pub fn sealed(vault: &Vault, source: Uuid, identifier: &str, tokens: &SourceTokens) -> Result<String> {
    if tokens.access.reveal().is_empty() {
        return Ok(String::new());
    }
    let text = json!({"access": tokens.access.reveal(), "refresh": tokens.refresh.reveal()}).to_string();
    vault.seal((UserConnection::TABLE.table, &format!("{source}/{identifier}"), "tokens"), &Secret::new(text))
}
/// The tokens of a connection.
pub fn opened(vault: &Vault, connection: &UserConnection) -> Result<SourceTokens> {
    if connection.tokens.is_empty() {
        return Ok(SourceTokens::default());
    }
    let place = format!("{}/{}", connection.source, connection.identifier);
    let text = vault.open((UserConnection::TABLE.table, &place, "tokens"), &connection.tokens)?;
    let all: Json = serde_json::from_str(text.reveal()).map_err(Error::internal)?;
    let secret = |name: &str| Secret::new(all.get(name).and_then(Json::as_str).unwrap_or_default());
    Ok(SourceTokens { access: secret("access"), refresh: secret("refresh") })
}

/// A new connection. `Error::Conflict` where the identifier belongs to somebody, or the account has another one there.
pub fn insert_user(connection: &UserConnection) -> Batch {
    table::insert(connection)
}
/// The tokens of another sign-in. `Conflict::NoRow` where the connection has gone meanwhile.
pub fn refresh(
    connection: &UserConnection,
    tokens: &str,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Batch {
    Batch::new()
        .add(REFRESH, params![tokens, expires, now, connection.id, connection.user_id])
        .expect_rows(1, Conflict::NoRow)
}
/// `Conflict::NoRow` where it has gone.
pub fn delete_user(id: i64) -> Batch {
    table::delete::<UserConnection>(id)
}

async fn groups_of(db: &Db, sql: &str, source: Uuid, user: i64) -> Result<Vec<Uuid>> {
    db.query(sql, params![source, user]).await?.iter().map(|row| row.uuid(0)).collect()
}
/// Groups to which the source has added the account.
pub async fn owned(db: &Db, source: Uuid, user: i64) -> Result<Vec<Uuid>> {
    groups_of(db, OWNED, source, user).await
}
/// Groups to which other sources have added it.
pub async fn owned_by_others(db: &Db, source: Uuid, user: i64) -> Result<Vec<Uuid>> {
    groups_of(db, OWNED_BY_OTHERS, source, user).await
}
/// Notes which memberships are the source's from now on, and which are not any more.
pub fn note_owned(source: Uuid, user: i64, joined: &[Uuid], left: &[Uuid]) -> Batch {
    let mut batch = Batch::new();
    for group in joined {
        batch.push(OWN, params![source, user, *group]);
    }
    for group in left {
        batch.push(DISOWN, params![source, user, *group]);
    }
    batch
}
