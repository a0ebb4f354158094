//! Who has which roles, and what roles may do. The roles themselves are configuration objects.
use super::table::{self, selects};
use crate::db::{Batch, Db, Row, in_list, in_params};
use crate::params;
use signet_base::{Result, Uuid};
use signet_model::{Grants, Table};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

/// One permission of a role: on one object, or on all of the model.
#[derive(Debug, Clone, PartialEq, Eq, Table)]
#[table(model = "authentik_rbac.rolepermission", table = "role_permission", alias = "rp")]
#[table(label = "Role Permission", order = "id", internal)]
pub struct RolePermission {
    #[column(generated, read_only, order)]
    pub id: i64,
    #[column(read_only, fixed, refers = "authentik_rbac.role")]
    pub role: Uuid,
    /// `authentik_core.view_user`
    #[column(read_only, fixed, search)]
    pub permission: String,
    /// `authentik_core.user`
    #[column(read_only, fixed)]
    pub model: String,
    /// Primary key as in the API; empty: every object of the model.
    #[column(name = "object_pk", wire = "object_pk", read_only, fixed)]
    pub object: String,
}

/// The objects that a permission is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Every object of the model.
    All,
    /// A row, by its primary key as in the API.
    Row(String),
    /// A configuration object, which the same batch may create: its number need not be known.
    Object(Uuid),
}

/// The roles of a person, and what they allow.
#[derive(Debug, Clone, Default)]
pub struct RoleGrants {
    /// Of the account itself and of its groups with their ancestors.
    pub roles: Arc<BTreeSet<Uuid>>,
    pub grants: Arc<Grants>,
}

const OF_USER: &str = "WITH RECURSIVE up(id) AS (SELECT group_id FROM membership WHERE user_id = ? UNION SELECT p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id), \
    held(role) AS (SELECT role FROM user_role WHERE user_id = ? UNION SELECT gr.role FROM group_role gr JOIN up ON gr.group_id = up.id) \
    SELECT h.role, rp.permission, rp.object_pk FROM held h LEFT JOIN role_permission rp ON rp.role = h.role";
const GRANT_OBJECT: &str = "INSERT INTO role_permission (role, permission, model, object_pk) \
    SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), COALESCE(CAST(num AS TEXT), pk) FROM object WHERE pk = ? ON CONFLICT DO NOTHING";
const WITHDRAW: &str = "DELETE FROM role_permission WHERE role = ? AND permission = ? AND object_pk = ?";
const FORGET_OBJECT: &str = "DELETE FROM role_permission WHERE object_pk = ? AND model = ?";
const GIVE_USER: &str = "INSERT INTO user_role (user_id, role) VALUES (?, ?) ON CONFLICT DO NOTHING";
const TAKE_USER: &str = "DELETE FROM user_role WHERE user_id = ? AND role = ?";
const CLEAR_USER: &str = "DELETE FROM user_role WHERE user_id = ?";
const GIVE_GROUP: &str = "INSERT INTO group_role (group_id, role) VALUES (?, ?) ON CONFLICT DO NOTHING";
const ABOUT: &str = "SELECT DISTINCT role FROM role_permission WHERE model = ? AND (object_pk = '' OR object_pk = ?) ORDER BY role";
const ABOUT_ANY: &str = "SELECT DISTINCT role FROM role_permission WHERE model = ? ORDER BY role";
const USERS_WITH: &str = "SELECT user_id FROM user_role WHERE role = ? ORDER BY user_id LIMIT ?";
const GROUPS_WITH: &str = "SELECT group_id FROM group_role WHERE role = ? ORDER BY group_id LIMIT ?";
const CLEAR_GROUP: &str = "DELETE FROM group_role WHERE group_id = ?";

pub(crate) const STATEMENTS: &[&str] = &[
    OF_USER,
    GRANT_OBJECT,
    WITHDRAW,
    FORGET_OBJECT,
    GIVE_USER,
    TAKE_USER,
    CLEAR_USER,
    GIVE_GROUP,
    CLEAR_GROUP,
    ABOUT,
    ABOUT_ANY,
    USERS_WITH,
    GROUPS_WITH,
];

/// The roles of the account and of all its groups.
pub async fn of_user(db: &Db, user: i64) -> Result<RoleGrants> {
    held(&db.query(OF_USER, params![user, user]).await?)
}

/// The roles of groups and of all their ancestors.
pub async fn of_groups(db: &Db, groups: &[Uuid]) -> Result<RoleGrants> {
    let mut rows = Vec::new();
    for chunk in groups.chunks(512) {
        let sql = format!(
            "WITH RECURSIVE up(id) AS (SELECT id FROM user_group WHERE id IN ({}) UNION SELECT p.parent_id FROM group_parent p JOIN up ON p.child_id = up.id), \
             held(role) AS (SELECT DISTINCT gr.role FROM group_role gr JOIN up ON gr.group_id = up.id) \
             SELECT h.role, rp.permission, rp.object_pk FROM held h LEFT JOIN role_permission rp ON rp.role = h.role",
            in_list(chunk.len())
        );
        rows.extend(db.query(&sql, in_params(chunk.iter().copied())).await?);
    }
    held(&rows)
}

/// What roles allow.
pub async fn grants(db: &Db, roles: &[Uuid]) -> Result<Arc<Grants>> {
    let mut rows = Vec::new();
    for chunk in roles.chunks(512) {
        let sql = format!(
            "SELECT role, permission, object_pk FROM role_permission WHERE role IN ({})",
            in_list(chunk.len())
        );
        rows.extend(db.query(&sql, in_params(chunk.iter().copied())).await?);
    }
    Ok(held(&rows)?.grants)
}

/// Rows of role, permission and object.
fn held(rows: &[Row]) -> Result<RoleGrants> {
    let (mut roles, mut grants) = (BTreeSet::new(), Grants::default());
    for row in rows {
        roles.insert(row.uuid(0)?);
        if !row.is_null(1) {
            let object = row.text(2)?;
            grants.add(row.text(1)?, (!object.is_empty()).then_some(object));
        }
    }
    Ok(RoleGrants { roles: Arc::new(roles), grants: Arc::new(grants) })
}

selects! { RolePermission:
    OF_ROLE = "WHERE rp.role = ? ORDER BY rp.id";
}
static GRANT: LazyLock<String> =
    LazyLock::new(|| format!("{} ON CONFLICT DO NOTHING", table::inserting::<RolePermission>()));

/// The permissions of one role, in the order in which they were given.
pub async fn permissions(db: &Db, role: Uuid) -> Result<Vec<RolePermission>> {
    table::rows(db, &OF_ROLE, params![role]).await
}

/// The roles with permissions on a model: on all objects or on this one; without an object, on any.
pub async fn about(db: &Db, model: &str, object: Option<&str>) -> Result<Vec<Uuid>> {
    let rows = match object {
        Some(key) => db.query(ABOUT, params![model, key]).await?,
        None => db.query(ABOUT_ANY, params![model]).await?,
    };
    rows.iter().map(|row| row.uuid(0)).collect()
}
/// Users and groups whose own the role is, up to `most` of each.
pub async fn holders(db: &Db, role: Uuid, most: i64) -> Result<(Vec<i64>, Vec<Uuid>)> {
    let (users, groups) =
        (db.query(USERS_WITH, params![role, most]).await?, db.query(GROUPS_WITH, params![role, most]).await?);
    let users = users.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
    Ok((users, groups.iter().map(|row| row.uuid(0)).collect::<Result<_>>()?))
}

/// Gives a role a permission; no effect if it has it.
pub fn grant_batch(role: Uuid, permission: &str, model: &str, target: &Target) -> Batch {
    let object = match target {
        Target::All => String::new(),
        Target::Row(key) => key.clone(),
        Target::Object(pk) => return Batch::new().add(GRANT_OBJECT, params![role, permission, model, *pk]),
    };
    let (permission, model) = (permission.to_owned(), model.to_owned());
    let row = RolePermission { id: 0, role, permission, model, object };
    Batch::new().add(GRANT.as_str(), table::new_values(&row))
}
/// Takes one permission away; `object` as in [`RolePermission::object`].
pub fn withdraw_batch(role: Uuid, permission: &str, object: &str) -> Batch {
    Batch::new().add(WITHDRAW, params![role, permission, object])
}
/// Permissions on an object that is deleted.
pub fn forget_object_batch(model: &str, object: &str) -> Batch {
    Batch::new().add(FORGET_OBJECT, params![object, model])
}

/// Gives the account a role.
pub fn give_user_batch(user: i64, role: Uuid) -> Batch {
    Batch::new().add(GIVE_USER, params![user, role])
}
/// Takes a role away from the account.
pub fn take_user_batch(user: i64, role: Uuid) -> Batch {
    Batch::new().add(TAKE_USER, params![user, role])
}
/// These and no other roles are the account's own.
pub fn set_user_batch(user: i64, roles: &[Uuid]) -> Batch {
    let mut batch = Batch::new().add(CLEAR_USER, params![user]);
    for role in roles {
        batch.push(GIVE_USER, params![user, *role]);
    }
    batch
}
/// These and no other roles are the group's.
pub fn set_group_batch(group: Uuid, roles: &[Uuid]) -> Batch {
    let mut batch = Batch::new().add(CLEAR_GROUP, params![group]);
    for role in roles {
        batch.push(GIVE_GROUP, params![group, *role]);
    }
    batch
}

/// The own roles of many accounts in one query.
pub async fn of_users(db: &Db, users: &[i64]) -> Result<HashMap<i64, Vec<Uuid>>> {
    let mut all: HashMap<i64, Vec<Uuid>> = HashMap::new();
    for chunk in users.chunks(512) {
        let sql = format!(
            "SELECT user_id, role FROM user_role WHERE user_id IN ({}) ORDER BY role",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.int(0)?).or_default().push(row.uuid(1)?);
        }
    }
    Ok(all)
}
/// The own roles of many groups in one query.
pub async fn of_many_groups(db: &Db, groups: &[Uuid]) -> Result<HashMap<Uuid, Vec<Uuid>>> {
    let mut all: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for chunk in groups.chunks(512) {
        let sql = format!(
            "SELECT group_id, role FROM group_role WHERE group_id IN ({}) ORDER BY role",
            in_list(chunk.len())
        );
        for row in db.query(&sql, in_params(chunk.iter().copied())).await? {
            all.entry(row.uuid(0)?).or_default().push(row.uuid(1)?);
        }
    }
    Ok(all)
}
