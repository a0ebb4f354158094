//! Groups, their parents and members.
use super::attributes;
use super::filter::Filter;
use super::list::{self, ListQuery};
use super::roles;
use super::table::{self, Record, columns, found, selects};
use super::users::{self, User};
use crate::db::{Batch, Db, Value, in_list, in_params};
use crate::params;
use signet_base::akql::Query;
use signet_base::{Conflict, Error, Map, Ports, Result, Timestamp, Uuid};
use signet_model::Table;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

#[derive(Debug, Clone, Table)]
#[table(model = "authentik_core.group", table = "user_group", alias = "g", label = "group", order = "name")]
pub struct Group {
    #[column(wire = "pk", also("group_uuid", "uuid"), read_only, fixed, order)]
    pub id: Uuid,
    /// Unique in its very spelling.
    #[column(folded = "name_key", order, filter, search, query, required)]
    pub name: String,
    #[column(order, filter, sorted, query, help = "Members of this group are superusers.")]
    pub is_superuser: bool,
    #[column(query)]
    pub attributes: Map,
    #[column(hidden, fixed, order)]
    pub created: Timestamp,
    #[column(hidden)]
    pub updated: Timestamp,
}

impl Group {
    /// A group without attributes and superuser status.
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

selects! { Group:
    BY_ID = "WHERE g.id = ?";
    BY_NAME = "WHERE g.name = ?";
    DIRECT = "JOIN membership m ON m.group_id = g.id WHERE m.user_id = ? ORDER BY g.name_key, g.id";
    EFFECTIVE = "WHERE g.id IN (WITH RECURSIVE up(id) AS (SELECT group_id FROM membership WHERE user_id = ? \
        UNION SELECT p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id) SELECT id FROM up) ORDER BY g.name_key, g.id";
}
/// [`DIRECT`], each with whether it has parents.
static MARKED: LazyLock<String> = LazyLock::new(|| {
    let mark = ", CASE WHEN EXISTS (SELECT 1 FROM group_parent p WHERE p.child_id = g.id) THEN 1 ELSE 0 END FROM user_group g";
    DIRECT.replacen(" FROM user_group g", mark, 1)
});
static MEMBERS: LazyLock<String> = LazyLock::new(|| {
    table::select::<User>(
        "JOIN membership m ON m.user_id = u.id WHERE m.group_id = ? ORDER BY m.user_id LIMIT ?",
    )
});
const CLEAR_PARENTS: &str = "DELETE FROM group_parent WHERE child_id = ?";
const ADD_PARENT: &str =
    "INSERT INTO group_parent (child_id, parent_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const CLEAR_MEMBERS: &str = "DELETE FROM membership WHERE group_id = ?";
const ADD_MEMBER: &str = "INSERT INTO membership (user_id, group_id) VALUES (?, ?) ON CONFLICT DO NOTHING";
const ANY_SUPERUSER: &str = "WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) \
    SELECT count(*) FROM users u WHERE u.is_active = 1 AND u.id IN (SELECT m.user_id FROM membership m JOIN down ON m.group_id = down.id)";

const NO_CYCLE: &str = "UPDATE user_group SET id = id WHERE id = ? AND NOT EXISTS (\
    WITH RECURSIVE up(id) AS (SELECT parent_id FROM group_parent WHERE child_id = ? UNION SELECT p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id) \
    SELECT 1 FROM up WHERE up.id = ?)";

pub(crate) const STATEMENTS: &[&str] =
    &[CLEAR_PARENTS, ADD_PARENT, CLEAR_MEMBERS, ADD_MEMBER, ANY_SUPERUSER, NO_CYCLE];

pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<Group>> {
    table::row(db, &BY_ID, params![id]).await
}
pub async fn by_name(db: &Db, name: &str) -> Result<Option<Group>> {
    table::row(db, &BY_NAME, params![name]).await
}
/// The existing groups with these names, in their very spelling.
pub async fn by_names(db: &Db, names: &[&str]) -> Result<Vec<Group>> {
    let mut all = Vec::new();
    for chunk in names.chunks(512) {
        let sql = table::select::<Group>(&format!("WHERE g.name IN ({})", in_list(chunk.len())));
        all.extend(table::rows(db, &sql, in_params(chunk.iter().copied())).await?);
    }
    Ok(all)
}
/// The existing groups among the ids, ordered by id.
pub async fn many(db: &Db, ids: &[Uuid]) -> Result<Vec<Group>> {
    list::by_keys(db, &ids.iter().map(|id| Value::from(*id)).collect::<Vec<_>>()).await
}

/// Inserts a group with parents and members, or nothing. `Conflict::Unique("user_group.name")` if the name is
/// taken, `Conflict::ForeignKey` if a parent or member does not exist.
pub async fn insert(db: &Db, group: &Group, parents: &[Uuid], members: &[i64]) -> Result<()> {
    db.batch(insert_batch(group, parents, members)).await.map(drop)
}
/// [`insert`] as part of a batch.
pub fn insert_batch(group: &Group, parents: &[Uuid], members: &[i64]) -> Batch {
    relations(table::insert(group), group.id, Some(parents), Some(members))
}

/// Updates the group; `parents` and `members` replace the previous ones. See [`acyclic_batch`].
/// `Error::NotFound` if the group does not exist.
pub async fn update(
    db: &Db,
    group: &Group,
    parents: Option<&[Uuid]>,
    members: Option<&[i64]>,
    now: Timestamp,
) -> Result<()> {
    let group = Group { updated: now, ..group.clone() };
    found(db.batch(relations(table::update(&group), group.id, parents, members)).await).map(drop)
}
/// [`update`] of what has changed, as part of a batch; `Conflict::NoRow` if the group does not exist.
pub fn update_batch(
    before: &Group,
    after: &Group,
    parents: Option<&[Uuid]>,
    members: Option<&[i64]>,
    now: Timestamp,
) -> Batch {
    let after = Group { updated: now, ..after.clone() };
    relations(table::update_changed(before, &after), after.id, parents, members)
}
/// The condition, after a change of parents, that the group is not its own ancestor: `Conflict::GroupCycle`. It holds
/// against concurrent changes in commits with the guard of [`administrators`](super::administrators::kept).
pub fn acyclic_batch(id: Uuid) -> Batch {
    Batch::new().add(NO_CYCLE, params![id, id, id]).expect_rows(1, Conflict::GroupCycle)
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

/// Deletes the group, its memberships and hierarchy.
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    found(db.batch(delete_batch(id)).await).map(drop)
}
/// [`delete`] as part of a batch; `Conflict::NoRow` if the group does not exist.
pub fn delete_batch(id: Uuid) -> Batch {
    table::delete::<Group>(id).then(roles::forget_object_batch("authentik_core.group", &id.to_string()))
}

/// The user's groups and all their ancestors, each once, by name.
pub async fn effective_groups(db: &Db, user: i64) -> Result<Vec<Group>> {
    let mut rows = db.query(&MARKED, params![user]).await?;
    // Most groups have no parents, and the recursive query is expensive.
    if rows.iter().any(|row| row.bool(row.len() - 1).unwrap_or(true)) {
        rows = db.query(&EFFECTIVE, params![user]).await?;
    }
    rows.iter().map(|row| Group::load(row, 0)).collect()
}
/// The user's direct groups, by name.
pub async fn direct_groups(db: &Db, user: i64) -> Result<Vec<Group>> {
    table::rows(db, &DIRECT, params![user]).await
}
/// Direct groups of many users in one query.
pub async fn direct_groups_of_many(db: &Db, users: &[i64]) -> Result<HashMap<i64, Vec<Group>>> {
    let (mut all, columns): (HashMap<i64, Vec<Group>>, _) = (HashMap::new(), columns::<Group>());
    for chunk in users.chunks(512) {
        let sql = format!(
            "SELECT m.user_id, {columns} FROM user_group g JOIN membership m ON m.group_id = g.id WHERE m.user_id IN ({}) ORDER BY g.name_key, g.id",
            in_list(chunk.len())
        );
        for row in db.scan(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.int(0)?).or_default().push(Group::load(&row, 1)?);
        }
    }
    Ok(all)
}
/// [`effective_groups`] of many users in one query.
pub async fn effective_groups_of_many(db: &Db, users: &[i64]) -> Result<HashMap<i64, Vec<Group>>> {
    let (mut all, columns): (HashMap<i64, Vec<Group>>, _) = (HashMap::new(), columns::<Group>());
    for chunk in users.chunks(512) {
        let sql = format!(
            "WITH RECURSIVE up(user_id, id) AS (SELECT user_id, group_id FROM membership WHERE user_id IN ({}) UNION SELECT up.user_id, p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id) \
             SELECT up.user_id, {columns} FROM up JOIN user_group g ON g.id = up.id ORDER BY g.name_key, g.id",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.int(0)?).or_default().push(Group::load(&row, 1)?);
        }
    }
    Ok(all)
}
/// Which of the groups make their members superusers, by themselves or through an ancestor.
pub async fn superuser_groups(db: &Db, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    let mut all = HashSet::new();
    for chunk in ids.chunks(512) {
        let sql = format!(
            "WITH RECURSIVE up(start, id) AS (SELECT g.id, g.id FROM user_group g WHERE g.id IN ({}) UNION SELECT up.start, p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id) \
             SELECT DISTINCT up.start FROM up JOIN user_group g ON g.id = up.id WHERE g.is_superuser = 1",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.insert(row.uuid(0)?);
        }
    }
    Ok(all)
}
/// The superusers among the users: members of a superuser group, directly or through an ancestor.
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
/// The number of active superusers.
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
/// All ancestors; includes the groups themselves only if there is a cycle.
pub async fn ancestors(db: &Db, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    closure(db, ids, "child_id", "parent_id").await
}
/// All descendants.
pub async fn descendants(db: &Db, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    closure(db, ids, "parent_id", "child_id").await
}

async fn related(db: &Db, ids: &[Uuid], from: &str, to: &str) -> Result<HashMap<Uuid, Vec<Group>>> {
    let (mut all, columns): (HashMap<Uuid, Vec<Group>>, _) = (HashMap::new(), columns::<Group>());
    for chunk in ids.chunks(512) {
        let sql = format!(
            "SELECT p.{from}, {columns} FROM group_parent p JOIN user_group g ON g.id = p.{to} WHERE p.{from} IN ({}) ORDER BY g.name_key, g.id",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.uuid(0)?).or_default().push(Group::load(&row, 1)?);
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
/// The first direct members of each of many groups, up to `most` a group.
pub async fn members_of_many(db: &Db, ids: &[Uuid], most: i64) -> Result<HashMap<Uuid, Vec<User>>> {
    let mut all: HashMap<Uuid, Vec<User>> = HashMap::new();
    for id in ids {
        let people = table::rows(db, &MEMBERS, params![*id, most]).await?;
        all.insert(*id, people);
    }
    Ok(all)
}
/// Which of the users are direct members.
pub async fn members_among(db: &Db, group: Uuid, users: &[i64]) -> Result<Vec<i64>> {
    let mut all = Vec::new();
    for chunk in users.chunks(512) {
        let sql = format!(
            "SELECT user_id FROM membership WHERE group_id = ? AND user_id IN ({}) ORDER BY user_id",
            in_list(chunk.len())
        );
        let mut values = params![group];
        values.extend(in_params(chunk.iter().copied()));
        for row in db.query(&sql, values).await? {
            all.push(row.int(0)?);
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

/// Filters of a group list.
#[derive(Debug, Clone, Default)]
pub struct GroupQuery {
    pub list: ListQuery,
    pub members_by_pk: Vec<i64>,
    pub members_by_username: Vec<String>,
    pub attributes: Option<Map>,
}

impl From<ListQuery> for GroupQuery {
    fn from(list: ListQuery) -> Self {
        Self { list, ..Self::default() }
    }
}

impl GroupQuery {
    /// Reads the `attributes` parameter; JSON that is not an object does not filter.
    pub fn attributes_text(&mut self, text: &str) -> Result<()> {
        let map = attributes::parse(text)?;
        self.attributes = (!map.is_empty()).then_some(map);
        Ok(())
    }
}

/// Whether the query names fields of groups.
pub fn understands(query: &Query) -> bool {
    list::understands::<Group>(query)
}

/// A page of groups, and their total number.
pub async fn list(db: &Db, q: &GroupQuery) -> Result<(Vec<Group>, u64)> {
    let mut filter = Filter::default();
    if !q.members_by_pk.is_empty() {
        let list = in_list(q.members_by_pk.len());
        filter.and(
            format!("g.id IN (SELECT m.group_id FROM membership m WHERE m.user_id IN ({list}))"),
            in_params(q.members_by_pk.iter().copied()),
        );
    }
    if !q.members_by_username.is_empty() {
        let list = in_list(q.members_by_username.len());
        filter.and(
            format!("g.id IN (SELECT m.group_id FROM membership m JOIN users u ON u.id = m.user_id WHERE u.username_key IN ({list}))"),
            in_params(q.members_by_username.iter().map(|name| users::canonical(name))),
        );
    }
    if let Some(wanted) = &q.attributes {
        attributes::narrow::<Group>(db, &q.list, &mut filter, wanted).await?;
    }
    list::narrowed(db, &q.list, filter).await
}
