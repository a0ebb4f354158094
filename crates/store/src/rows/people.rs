//! A user with their groups, in one round trip: needed by nearly every request.
use super::groups::{self, Group};
use super::roles::{self, RoleGrants};
use super::table::{Record, columns};
use super::users::{self, User};
use crate::db::{Db, Value};
use crate::params;
use signet_base::{Result, Uuid};
use std::sync::{Arc, LazyLock};

const FROM: &str = "CASE WHEN EXISTS (SELECT 1 FROM group_parent p WHERE p.child_id = g.id) THEN 1 ELSE 0 END, \
    CASE WHEN EXISTS (SELECT 1 FROM group_role gr WHERE gr.group_id = g.id) OR EXISTS (SELECT 1 FROM user_role ur WHERE ur.user_id = u.id) THEN 1 ELSE 0 END \
    FROM users u LEFT JOIN membership m ON m.user_id = u.id LEFT JOIN user_group g ON g.id = m.group_id";
static BY_ID: LazyLock<String> = LazyLock::new(|| asking("u.id"));
static BY_USERNAME: LazyLock<String> = LazyLock::new(|| asking("u.username_key"));
/// Index of the group's first column, and of the flags for parents and roles.
const GROUP: usize = User::TABLE.columns.len();
const HAS_PARENTS: usize = GROUP + Group::TABLE.columns.len();
const HAS_ROLES: usize = HAS_PARENTS + 1;

fn asking(column: &str) -> String {
    format!("SELECT {}, {}, {FROM} WHERE {column} = ?", columns::<User>(), columns::<Group>())
}
pub(crate) fn selects() -> Vec<&'static str> {
    vec![&BY_ID, &BY_USERNAME]
}

/// An account, active or not.
#[derive(Clone)]
pub struct Person {
    pub user: Arc<User>,
    /// Direct and inherited groups, by name.
    pub groups: Arc<Vec<Group>>,
    /// Direct groups.
    pub direct: Arc<[Uuid]>,
    pub held: Arc<RoleGrants>,
}

/// The account with its groups. [`crate::PeopleCache`] keeps it for a moment.
pub async fn by_id(db: &Db, id: i64) -> Result<Option<Person>> {
    person(db, &BY_ID, params![id]).await
}
/// Finds by the canonical username.
pub async fn by_username(db: &Db, username: &str) -> Result<Option<Person>> {
    person(db, &BY_USERNAME, params![users::canonical(username)]).await
}

async fn person(db: &Db, sql: &str, params: Vec<Value>) -> Result<Option<Person>> {
    let rows = db.query(sql, params).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let user = User::load(first, 0)?;
    let mut groups = rows
        .iter()
        .filter(|row| !row.is_null(GROUP))
        .map(|row| Group::load(row, GROUP))
        .collect::<Result<Vec<_>>>()?;
    let direct = groups.iter().map(|g| g.id).collect();
    let any = |column: usize| -> Result<bool> {
        for row in &rows {
            if row.bool(column)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let has_parents = any(HAS_PARENTS)?;
    if has_parents {
        groups = groups::effective_groups(db, user.id).await?;
    } else {
        groups.sort_by_cached_key(|g| (g.name.to_lowercase(), g.id));
    }
    let held = if has_parents || any(HAS_ROLES)? {
        roles::of_user(db, user.id).await?
    } else {
        RoleGrants::default()
    };
    Ok(Some(Person { user: Arc::new(user), groups: Arc::new(groups), direct, held: Arc::new(held) }))
}
