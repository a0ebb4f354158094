//! Groups, their parents and members.
use super::akql::{Column, ColumnKind, Shape, Table};
use super::attributes::{self, BOUND};
use super::list::{Filter, Page};
use super::roles;
use super::users::{self, User};
use crate::db::{Batch, Db, Row, Value, in_list, in_params};
use crate::params;
use signet_base::akql::Query;
use signet_base::{Error, Map, Ports, Result, Timestamp, Uuid};
use std::collections::{HashMap, HashSet};

#[derive(Debug, Clone)]
pub struct Group {
    pub id: Uuid,
    pub name: String,
    pub is_superuser: bool,
    pub attributes: Map,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Group {
    /// An ordinary group without attributes.
    pub fn new(ports: &Ports, name: impl Into<String>) -> Self {
        let now = ports.now();
        Self {
            id: ports.uuid(),
            name: name.into(),
            is_superuser: false,
            attributes: Map::new(),
            created: now,
            updated: now,
        }
    }
}

pub(crate) const COLUMNS: &str = "g.id, g.name, g.is_superuser, g.attributes, g.created, g.updated";
const BY_ID: &str = "SELECT g.id, g.name, g.is_superuser, g.attributes, g.created, g.updated FROM user_group g WHERE g.id = ?";
const BY_NAME: &str = "SELECT g.id, g.name, g.is_superuser, g.attributes, g.created, g.updated FROM user_group g WHERE g.name = ?";
const INSERT: &str = "INSERT INTO user_group (id, name, name_key, is_superuser, attributes, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)";
const UPDATE: &str = "UPDATE user_group SET name = ?, name_key = ?, is_superuser = ?, attributes = ?, updated = ? WHERE id = ?";
const DELETE: &str = "DELETE FROM user_group WHERE id = ?";
const CLEAR_PARENTS: &str = "DELETE FROM group_parent WHERE child_id = ?";
const ADD_PARENT: &str =
    "INSERT INTO group_parent (child_id, parent_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const CLEAR_MEMBERS: &str = "DELETE FROM membership WHERE group_id = ?";
const ADD_MEMBER: &str = "INSERT INTO membership (user_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const EFFECTIVE: &str = "WITH RECURSIVE up(id) AS (SELECT group_id FROM membership WHERE user_id = ? UNION SELECT p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id) \
    SELECT g.id, g.name, g.is_superuser, g.attributes, g.created, g.updated FROM user_group g JOIN up ON g.id = up.id ORDER BY g.name_key, g.id";
const DIRECT_MARKED: &str = "SELECT g.id, g.name, g.is_superuser, g.attributes, g.created, g.updated, CASE WHEN EXISTS (SELECT 1 FROM group_parent p WHERE p.child_id = g.id) THEN 1 ELSE 0 END \
    FROM user_group g JOIN membership m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name_key, g.id";
const DIRECT: &str = "SELECT g.id, g.name, g.is_superuser, g.attributes, g.created, g.updated FROM user_group g JOIN membership m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name_key, g.id";
const ANY_SUPERUSER: &str = "WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) \
    SELECT count(*) FROM users u WHERE u.is_active = 1 AND u.id IN (SELECT m.user_id FROM membership m JOIN down ON m.group_id = down.id)";

pub(crate) const STATEMENTS: &[&str] = &[
    BY_ID,
    BY_NAME,
    INSERT,
    UPDATE,
    DELETE,
    CLEAR_PARENTS,
    ADD_PARENT,
    CLEAR_MEMBERS,
    ADD_MEMBER,
    EFFECTIVE,
    DIRECT_MARKED,
    DIRECT,
    ANY_SUPERUSER,
];

fn from_row(row: &Row) -> Result<Group> {
    from_row_at(row, 0)
}
pub(crate) fn from_row_at(row: &Row, i: usize) -> Result<Group> {
    Ok(Group {
        id: row.uuid(i)?,
        name: row.string(i + 1)?,
        is_superuser: row.bool(i + 2)?,
        attributes: row.map(i + 3)?,
        created: row.time(i + 4)?,
        updated: row.time(i + 5)?,
    })
}

pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<Group>> {
    db.query_one(BY_ID, params![id]).await?.as_ref().map(from_row).transpose()
}
pub async fn by_name(db: &Db, name: &str) -> Result<Option<Group>> {
    db.query_one(BY_NAME, params![name]).await?.as_ref().map(from_row).transpose()
}
/// Those of the ids that exist, in the order of the ids.
pub async fn many(db: &Db, ids: &[Uuid]) -> Result<Vec<Group>> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(512) {
        let sql = format!("SELECT {COLUMNS} FROM user_group g WHERE g.id IN ({})", in_list(chunk.len()));
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            let group = from_row(&row)?;
            found.insert(group.id, group);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Adds a group with its parents and members, all or nothing. `Error::Conflict("user_group.name")` when the
/// name is taken, `Error::Conflict("foreign key")` when a parent or a member does not exist.
pub async fn insert(db: &Db, group: &Group, parents: &[Uuid], members: &[i64]) -> Result<()> {
    db.batch(insert_batch(group, parents, members)).await.map(drop)
}
/// [`insert`] as a part of a larger batch.
pub fn insert_batch(group: &Group, parents: &[Uuid], members: &[i64]) -> Batch {
    let g = group;
    let batch = Batch::new().add(
        INSERT,
        params![g.id, &g.name, g.name.to_lowercase(), g.is_superuser, &g.attributes, g.created, g.updated],
    );
    relations(batch, g.id, Some(parents), Some(members))
}

/// Writes the group; `parents` and `members` replace what was there. That no group becomes its own ancestor
/// is for the caller to see with [`ancestors`]. `Error::NotFound` when there is no such group.
pub async fn update(
    db: &Db,
    group: &Group,
    parents: Option<&[Uuid]>,
    members: Option<&[i64]>,
    now: Timestamp,
) -> Result<()> {
    missing(db.batch(update_batch(group, parents, members, now)).await)
}
/// [`update`] as a part of a larger batch; `Error::Conflict("no such row")` when there is no such group.
pub fn update_batch(
    group: &Group,
    parents: Option<&[Uuid]>,
    members: Option<&[i64]>,
    now: Timestamp,
) -> Batch {
    let g = group;
    let batch = Batch::new()
        .add(UPDATE, params![&g.name, g.name.to_lowercase(), g.is_superuser, &g.attributes, now, g.id])
        .expect_rows(1, "no such row");
    relations(batch, g.id, parents, members)
}

fn relations(mut batch: Batch, id: Uuid, parents: Option<&[Uuid]>, members: Option<&[i64]>) -> Batch {
    if let Some(parents) = parents {
        batch.push(CLEAR_PARENTS, params![id]);
        for parent in parents {
            batch.push(ADD_PARENT, params![id, *parent]);
        }
    }
    if let Some(members) = members {
        batch.push(CLEAR_MEMBERS, params![id]);
        for member in members {
            batch.push(ADD_MEMBER, params![*member, id]);
        }
    }
    batch
}

/// Removes the group, its memberships and its place in the hierarchy.
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    missing(db.batch(delete_batch(id)).await)
}
/// [`delete`] as a part of a larger batch; `Error::Conflict("no such row")` when there is no such group.
pub fn delete_batch(id: Uuid) -> Batch {
    Batch::new()
        .add(DELETE, params![id])
        .expect_rows(1, "no such row")
        .then(roles::forget_object_batch("authentik_core.group", &id.to_string()))
}

fn missing<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(Error::Conflict(tag)) if tag == "no such row" => Err(Error::NotFound),
        Err(error) => Err(error),
    }
}

/// The user's groups and all their ancestors, each once, by name.
pub async fn effective_groups(db: &Db, user: i64) -> Result<Vec<Group>> {
    let mut rows = db.query(DIRECT_MARKED, params![user]).await?;
    // Most groups have no parents, and the walk up is the costly part.
    if rows.iter().any(|row| row.bool(6).unwrap_or(true)) {
        rows = db.query(EFFECTIVE, params![user]).await?;
    }
    rows.iter().map(from_row).collect()
}
/// The groups that the user is a member of without inheritance, by name.
pub async fn direct_groups(db: &Db, user: i64) -> Result<Vec<Group>> {
    db.query(DIRECT, params![user]).await?.iter().map(from_row).collect()
}
/// Direct groups of many users in one query.
pub async fn direct_groups_of_many(db: &Db, users: &[i64]) -> Result<HashMap<i64, Vec<Group>>> {
    let mut all: HashMap<i64, Vec<Group>> = HashMap::new();
    for chunk in users.chunks(512) {
        let sql = format!(
            "SELECT m.user_id, {COLUMNS} FROM user_group g JOIN membership m ON m.group_id = g.id WHERE m.user_id IN ({}) ORDER BY g.name_key, g.id",
            in_list(chunk.len())
        );
        for row in db.scan(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.int(0)?).or_default().push(from_row_at(&row, 1)?);
        }
    }
    Ok(all)
}
/// Which of the users are superusers: members of a superuser group, directly or through an ancestor.
pub async fn is_superuser(db: &Db, users: &[i64]) -> Result<HashSet<i64>> {
    let mut all = HashSet::new();
    for chunk in users.chunks(512) {
        let sql = format!(
            "WITH RECURSIVE up(user_id, id) AS (SELECT user_id, group_id FROM membership WHERE user_id IN ({}) UNION SELECT up.user_id, p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id) \
             SELECT DISTINCT up.user_id FROM up JOIN user_group g ON g.id = up.id WHERE g.is_superuser = 1",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.insert(row.int(0)?);
        }
    }
    Ok(all)
}
/// How many active superusers there are.
pub async fn count_superusers(db: &Db) -> Result<i64> {
    db.scan(ANY_SUPERUSER, vec![]).await?.first().ok_or_else(|| Error::internal("no count"))?.int(0)
}

async fn closure(db: &Db, ids: &[Uuid], from: &str, to: &str) -> Result<HashSet<Uuid>> {
    let mut all = HashSet::new();
    for chunk in ids.chunks(512) {
        let sql = format!(
            "WITH RECURSIVE walk(id) AS (SELECT {to} FROM group_parent WHERE {from} IN ({}) UNION SELECT p.{to} FROM group_parent p JOIN walk ON p.{from} = walk.id) SELECT id FROM walk",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.insert(row.uuid(0)?);
        }
    }
    Ok(all)
}
/// Parents, their parents and so on; the groups themselves only when they are in a circle.
pub async fn ancestors(db: &Db, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    closure(db, ids, "child_id", "parent_id").await
}
/// Children, their children and so on.
pub async fn descendants(db: &Db, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    closure(db, ids, "parent_id", "child_id").await
}

async fn related(db: &Db, ids: &[Uuid], from: &str, to: &str) -> Result<HashMap<Uuid, Vec<Group>>> {
    let mut all: HashMap<Uuid, Vec<Group>> = HashMap::new();
    for chunk in ids.chunks(512) {
        let sql = format!(
            "SELECT p.{from}, {COLUMNS} FROM group_parent p JOIN user_group g ON g.id = p.{to} WHERE p.{from} IN ({}) ORDER BY g.name_key, g.id",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.uuid(0)?).or_default().push(from_row_at(&row, 1)?);
        }
    }
    Ok(all)
}
/// Direct parents of many groups in one query.
pub async fn parents_of_many(db: &Db, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Group>>> {
    related(db, ids, "child_id", "parent_id").await
}
/// Direct children of many groups in one query.
pub async fn children_of_many(db: &Db, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<Group>>> {
    related(db, ids, "parent_id", "child_id").await
}
/// Direct members of many groups in one query.
pub async fn members_of_many(db: &Db, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<User>>> {
    let mut all: HashMap<Uuid, Vec<User>> = HashMap::new();
    for chunk in ids.chunks(512) {
        let sql = format!(
            "SELECT {}, m.group_id FROM membership m JOIN users u ON u.id = m.user_id WHERE m.group_id IN ({}) ORDER BY u.id",
            users::COLUMNS,
            in_list(chunk.len())
        );
        for row in db.scan(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.uuid(row.len() - 1)?).or_default().push(users::from_row(&row)?);
        }
    }
    Ok(all)
}
/// Ids of the direct members of many groups in one query.
pub async fn member_ids_of_many(db: &Db, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<i64>>> {
    let mut all: HashMap<Uuid, Vec<i64>> = HashMap::new();
    for chunk in ids.chunks(512) {
        let sql = format!(
            "SELECT group_id, user_id FROM membership WHERE group_id IN ({}) ORDER BY user_id",
            in_list(chunk.len())
        );
        for row in db.scan(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.uuid(0)?).or_default().push(row.int(1)?);
        }
    }
    Ok(all)
}

/// What a list of groups is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct GroupQuery {
    pub search: String,
    pub name: Option<String>,
    pub is_superuser: Option<bool>,
    pub members_by_pk: Vec<i64>,
    pub members_by_username: Vec<String>,
    pub attributes: Option<Map>,
    /// One that [`understands`] has passed.
    pub query: Option<Query>,
    /// Only these groups (what the caller may see).
    pub only_ids: Option<Vec<Uuid>>,
    pub page: Page,
}

impl GroupQuery {
    /// Reads the JSON text of the `attributes` parameter; what is no object narrows nothing.
    pub fn attributes_text(&mut self, text: &str) -> Result<()> {
        let map = attributes::parse(text)?;
        self.attributes = (!map.is_empty()).then_some(map);
        Ok(())
    }
}

const TABLE: Table = Table {
    from: "user_group g",
    id: "g.id",
    columns: &[
        Column { name: "name", sql: "g.name", kind: ColumnKind::Keyed("g.name_key") },
        Column { name: "is_superuser", sql: "g.is_superuser", kind: ColumnKind::Flag },
        Column { name: "attributes", sql: "g.attributes", kind: ColumnKind::Json },
    ],
};

/// Whether the query asks for what groups have.
pub fn understands(query: &Query) -> bool {
    TABLE.understands(query)
}

const SORT: &[(&str, &str)] =
    &[("name", "g.name_key"), ("pk", "g.id"), ("is_superuser", "g.is_superuser"), ("created", "g.created")];

/// One page of groups, and how many fit the query.
pub async fn list(db: &Db, q: &GroupQuery) -> Result<(Vec<Group>, u64)> {
    let mut f = Filter::default();
    f.search(&q.search, &["g.name_key"]);
    f.equal("g.name", q.name.as_deref());
    f.equal("g.is_superuser", q.is_superuser);
    if !q.members_by_pk.is_empty() {
        let list = in_list(q.members_by_pk.len());
        f.and(
            format!("g.id IN (SELECT m.group_id FROM membership m WHERE m.user_id IN ({list}))"),
            in_params(q.members_by_pk.iter().copied()),
        );
    }
    if !q.members_by_username.is_empty() {
        let list = in_list(q.members_by_username.len());
        f.and(
            format!("g.id IN (SELECT m.group_id FROM membership m JOIN users u ON u.id = m.user_id WHERE u.username_key IN ({list}))"),
            in_params(q.members_by_username.iter().map(|name| users::canonical(name))),
        );
    }
    if let Some(ids) = &q.only_ids {
        f.and(format!("g.id IN ({})", in_list(ids.len())), in_params(ids.iter().copied()));
    }
    if let Some(wanted) = &q.attributes {
        let rows = f.all(db, "g.id, g.attributes", "user_group g", BOUND + 1).await?;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) > BOUND {
            return Err(attributes::too_many("attributes"));
        }
        let mut ids: Vec<Value> = Vec::new();
        for row in &rows {
            if attributes::fit(&row.map(1)?, wanted) {
                ids.push(row.value(0)?.clone());
            }
        }
        if ids.len() > 10_000 {
            return Err(attributes::too_many("attributes"));
        }
        f = Filter::default();
        f.and(format!("g.id IN ({})", in_list(ids.len())), in_params(ids));
    }
    let (rows, total) = match &q.query {
        Some(query) => {
            TABLE.page(db, &f, query, &Shape { columns: COLUMNS, sort: SORT, page: &q.page }).await?
        }
        None => f.page(db, COLUMNS, TABLE.from, SORT, TABLE.id, &q.page).await?,
    };
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
