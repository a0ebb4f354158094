//! What groups of sources are here. An identifier of a source belongs to one group.
use super::table::{self, found, selects};
use crate::db::{Batch, Db};
use crate::params;
use signet_base::{Result, Timestamp, Uuid};
use signet_model::Table;

/// A group that a source knows.
#[derive(Debug, Clone, PartialEq, Table)]
#[table(
    model = "authentik_core.groupsourceconnection",
    component = "GroupSourceConnection",
    table = "group_source_connection",
    alias = "c",
    label = "Group Source Connection",
    plural = "Group Source Connections"
)]
#[table(order = "pk")]
pub struct GroupConnection {
    #[column(wire = "pk", also("id"), generated, read_only, order)]
    pub id: i64,
    #[column(wire = "group", also("group_id"), read_only, fixed, refers = "authentik_core.group", filter)]
    pub group_id: Uuid,
    #[column(refers = "authentik_core.source", on_delete = "cascade", filter)]
    pub source: Uuid,
    #[column(required, search)]
    pub identifier: String,
    #[column(read_only, fixed)]
    pub created: Timestamp,
    #[column(wire = "last_updated", read_only)]
    pub updated: Timestamp,
}

selects! { GroupConnection:
    BY_IDENTIFIER = "WHERE c.source = ? AND c.identifier = ?";
    OF_GROUP = "WHERE c.source = ? AND c.group_id = ?";
    BY_ID = "WHERE c.id = ?";
}

pub async fn group_by_identifier(db: &Db, source: Uuid, identifier: &str) -> Result<Option<GroupConnection>> {
    table::row(db, &BY_IDENTIFIER, params![source, identifier]).await
}
pub async fn group_by_id(db: &Db, id: i64) -> Result<Option<GroupConnection>> {
    table::row(db, &BY_ID, params![id]).await
}
/// What the source calls this group.
pub async fn of_group(db: &Db, source: Uuid, group: Uuid) -> Result<Option<GroupConnection>> {
    table::row(db, &OF_GROUP, params![source, group]).await
}
/// A new connection. `Error::Conflict` where the identifier or the group has one.
pub fn insert_group(connection: &GroupConnection) -> Batch {
    table::insert(connection)
}
pub async fn update_group(db: &Db, before: &GroupConnection, after: &GroupConnection) -> Result<()> {
    found(db.batch(table::update_changed(before, after)).await).map(drop)
}
/// `Conflict::NoRow` where it has gone.
pub fn delete_group(id: i64) -> Batch {
    table::delete::<GroupConnection>(id)
}
