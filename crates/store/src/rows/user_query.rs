//! Lists of users.
use super::attributes;
use super::filter::Filter;
use super::list::{self, ListQuery, starts_with};
use super::users::User;
use crate::db::{Db, Value, in_list, in_params};
use signet_base::akql::Query;
use signet_base::{Map, Result, Uuid};

/// Filters of a user list; empty means all.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    pub list: ListQuery,
    pub is_superuser: Option<bool>,
    pub path_startswith: Option<String>,
    pub groups_by_pk: Vec<Uuid>,
    pub groups_by_name: Vec<String>,
    /// Users with any role of each list; the roles of their groups do not count.
    pub roles: Vec<Vec<Uuid>>,
    /// Attribute conditions, see the filter's documentation.
    pub attributes: Option<Map>,
}

impl From<ListQuery> for UserQuery {
    fn from(list: ListQuery) -> Self {
        Self { list, ..Self::default() }
    }
}

impl UserQuery {
    /// Reads the `attributes` parameter; JSON that is not an object does not filter.
    pub fn attributes_text(&mut self, text: &str) -> Result<()> {
        let map = attributes::parse(text)?;
        self.attributes = (!map.is_empty()).then_some(map);
        Ok(())
    }
}

/// Whether the query names fields of users.
pub fn understands(query: &Query) -> bool {
    list::understands::<User>(query)
}

const SUPERUSER_GROUPS: &str = "WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 \
    UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) SELECT id FROM down";
const NAMED_GROUPS: &str = "SELECT id FROM user_group WHERE name = ?";

pub(crate) const STATEMENTS: &[&str] = &[SUPERUSER_GROUPS, NAMED_GROUPS];

/// Members of any of the groups, or others.
fn members(filter: &mut Filter, groups: &[Value], wanted: bool) {
    related(filter, "membership", "group_id", groups, wanted);
}
/// Users with a row in `table` that names one of the keys, or others: a few are found by the keys, many are judged one by
/// one.
fn related(filter: &mut Filter, table: &str, column: &str, keys: &[Value], wanted: bool) {
    if keys.is_empty() {
        if wanted {
            filter.none();
        }
        return;
    }
    let (list, params) = (in_list(keys.len()), in_params(keys.iter().cloned()));
    let judged =
        format!("EXISTS (SELECT 1 FROM {table} m WHERE m.user_id = u.id AND m.{column} IN ({list}))");
    if wanted {
        let found = format!("u.id IN (SELECT m.user_id FROM {table} m WHERE m.{column} IN ({list}))");
        filter.either((found, params.clone()), (judged, params));
    } else {
        filter.and(format!("NOT {judged}"), params);
    }
}

async fn keys(db: &Db, sql: &str, params: Vec<Value>) -> Result<Vec<Value>> {
    db.query(sql, params).await?.iter().map(|row| row.value(0).cloned()).collect()
}

/// One page of users, and how many fit the query: an estimate beyond 10,000.
pub async fn list(db: &Db, q: &UserQuery) -> Result<(Vec<User>, u64)> {
    let mut filter = Filter::default();
    if let Some(wanted) = q.is_superuser {
        members(&mut filter, &keys(db, SUPERUSER_GROUPS, Vec::new()).await?, wanted);
    }
    if !q.groups_by_pk.is_empty() {
        members(&mut filter, &q.groups_by_pk.iter().map(|id| Value::from(*id)).collect::<Vec<_>>(), true);
    }
    if !q.groups_by_name.is_empty() {
        let mut groups = Vec::new();
        for name in &q.groups_by_name {
            groups.extend(keys(db, NAMED_GROUPS, vec![name.into()]).await?);
        }
        members(&mut filter, &groups, true);
    }
    for roles in &q.roles {
        let keys: Vec<Value> = roles.iter().map(|id| Value::from(*id)).collect();
        related(&mut filter, "user_role", "role", &keys, true);
    }
    if let Some(start) = &q.path_startswith {
        let like = ("u.path LIKE ? ESCAPE '!'".to_owned(), vec![starts_with(start).into()]);
        filter.either(like.clone(), like);
    }
    if let Some(wanted) = &q.attributes {
        attributes::narrow::<User>(db, &q.list, &mut filter, wanted).await?;
    }
    list::narrowed(db, &q.list, filter).await
}
