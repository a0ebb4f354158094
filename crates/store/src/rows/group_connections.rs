//! What groups of sources are here. An identifier of a source belongs to one group.
use super::table::{self, selects};
use crate::db::{Batch, Db, Value, in_list, in_params};
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
    BY_ID = "WHERE c.id = ?";
}

async fn among(
    db: &Db,
    source: Uuid,
    column: &str,
    values: impl Iterator<Item = Value>,
) -> Result<Vec<GroupConnection>> {
    let (values, mut all): (Vec<Value>, _) = (values.collect(), Vec::new());
    for chunk in values.chunks(512) {
        let marks = in_list(chunk.len());
        let sql =
            table::select::<GroupConnection>(&format!("WHERE c.source = ? AND c.{column} IN ({marks})"));
        let mut all_params = params![source];
        all_params.extend(in_params(chunk.iter().cloned()));
        all.extend(table::rows(db, &sql, all_params).await?);
    }
    Ok(all)
}
/// The connections of these identifiers of the source.
pub async fn by_identifiers(db: &Db, source: Uuid, identifiers: &[&str]) -> Result<Vec<GroupConnection>> {
    among(db, source, "identifier", identifiers.iter().map(|id| Value::from(*id))).await
}
/// The source's connections of these groups.
pub async fn of_groups(db: &Db, source: Uuid, groups: &[Uuid]) -> Result<Vec<GroupConnection>> {
    among(db, source, "group_id", groups.iter().map(|id| Value::from(*id))).await
}
pub async fn group_by_id(db: &Db, id: i64) -> Result<Option<GroupConnection>> {
    table::row(db, &BY_ID, params![id]).await
}
/// A new connection. `Error::Conflict` where the identifier or the group has one.
pub fn insert_group(connection: &GroupConnection) -> Batch {
    table::insert(connection)
}
/// `Conflict::NoRow` where it has gone.
pub fn delete_group(id: i64) -> Batch {
    table::delete::<GroupConnection>(id)
}
