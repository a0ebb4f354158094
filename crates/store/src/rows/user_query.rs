//! Lists of users.
use super::akql::{Column, ColumnKind, Shape, Table};
use super::attributes::{self, BOUND};
use super::list::{Filter, Page, starts_with};
use super::users::{COLUMNS, User, canonical, from_row};
use crate::db::{Db, in_list, in_params};
use signet_base::akql::Query;
use signet_base::{Map, Result, Timestamp, Uuid};

/// What a list of users is narrowed by; everything empty means all.
#[derive(Debug, Clone, Default)]
pub struct UserQuery {
    /// Words, each of which is in the username, the name, the e-mail address or the UUID.
    pub search: String,
    pub username: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub uuid: Option<Uuid>,
    pub is_active: Option<bool>,
    pub is_superuser: Option<bool>,
    pub types: Vec<String>,
    pub path: Option<String>,
    pub path_startswith: Option<String>,
    pub groups_by_pk: Vec<Uuid>,
    pub groups_by_name: Vec<String>,
    /// Members with their wanted values, see the documentation of the filter.
    pub attributes: Option<Map>,
    pub joined_after: Option<Timestamp>,
    pub joined_before: Option<Timestamp>,
    pub last_login_after: Option<Timestamp>,
    pub last_login_before: Option<Timestamp>,
    pub last_login_is_null: Option<bool>,
    pub updated_after: Option<Timestamp>,
    pub updated_before: Option<Timestamp>,
    /// One that [`understands`] has passed.
    pub query: Option<Query>,
    /// Only these users (what the caller may see).
    pub only_ids: Option<Vec<i64>>,
    pub page: Page,
}

impl UserQuery {
    /// Reads the JSON text of the `attributes` parameter; what is no object narrows nothing.
    pub fn attributes_text(&mut self, text: &str) -> Result<()> {
        let map = attributes::parse(text)?;
        self.attributes = (!map.is_empty()).then_some(map);
        Ok(())
    }
}

const SORT: &[(&str, &str)] = &[
    ("username", "u.username_key"),
    ("pk", "u.id"),
    ("id", "u.id"),
    ("uuid", "u.uuid"),
    ("name", "u.name_key"),
    ("email", "u.email_key"),
    ("is_active", "u.is_active"),
    ("type", "u.user_type"),
    ("path", "u.path"),
    ("last_login", "u.last_login"),
    ("date_joined", "u.joined"),
    ("last_updated", "u.updated"),
    ("password_change_date", "u.password_changed"),
];

const TABLE: Table = Table {
    from: "users u",
    id: "u.id",
    columns: &[
        Column { name: "username", sql: "u.username", kind: ColumnKind::Keyed("u.username_key") },
        Column { name: "name", sql: "u.name", kind: ColumnKind::Keyed("u.name_key") },
        Column { name: "email", sql: "u.email", kind: ColumnKind::Keyed("u.email_key") },
        Column { name: "path", sql: "u.path", kind: ColumnKind::Text },
        Column { name: "is_active", sql: "u.is_active", kind: ColumnKind::Flag },
        Column { name: "type", sql: "u.user_type", kind: ColumnKind::Text },
        Column { name: "attributes", sql: "u.attributes", kind: ColumnKind::Json },
    ],
};

/// Whether the query asks for what users have.
pub fn understands(query: &Query) -> bool {
    TABLE.understands(query)
}

const SUPERUSERS: &str = "u.id IN (WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) \
    SELECT m.user_id FROM membership m JOIN down ON m.group_id = down.id)";

fn filter(q: &UserQuery) -> Filter {
    let mut f = Filter::default();
    f.search(&q.search, &["u.username_key", "u.name_key", "u.email_key", "u.uuid"]);
    f.equal("u.username_key", q.username.as_deref().map(canonical));
    f.equal("u.name", q.name.as_deref());
    f.equal("u.email_key", q.email.as_deref().map(canonical));
    f.equal("u.uuid", q.uuid);
    f.equal("u.is_active", q.is_active);
    f.one_of("u.user_type", &q.types);
    f.equal("u.path", q.path.as_deref());
    if let Some(start) = &q.path_startswith {
        f.and("u.path LIKE ? ESCAPE '!'", [starts_with(start).into()]);
    }
    if let Some(wanted) = q.is_superuser {
        f.and(if wanted { SUPERUSERS.to_owned() } else { format!("NOT ({SUPERUSERS})") }, []);
    }
    if !q.groups_by_pk.is_empty() {
        let list = in_list(q.groups_by_pk.len());
        f.and(
            format!("u.id IN (SELECT m.user_id FROM membership m WHERE m.group_id IN ({list}))"),
            in_params(q.groups_by_pk.iter().copied()),
        );
    }
    if !q.groups_by_name.is_empty() {
        let list = in_list(q.groups_by_name.len());
        f.and(format!("u.id IN (SELECT m.user_id FROM membership m JOIN user_group g ON g.id = m.group_id WHERE g.name IN ({list}))"), in_params(q.groups_by_name.iter()));
    }
    for (condition, at) in [
        ("u.joined > ?", q.joined_after),
        ("u.joined < ?", q.joined_before),
        ("u.last_login > ?", q.last_login_after),
        ("u.last_login < ?", q.last_login_before),
        ("u.updated > ?", q.updated_after),
        ("u.updated < ?", q.updated_before),
    ] {
        if let Some(at) = at {
            f.and(condition, [at.into()]);
        }
    }
    match q.last_login_is_null {
        Some(true) => f.and("u.last_login IS NULL", []),
        Some(false) => f.and("u.last_login IS NOT NULL", []),
        None => &mut f,
    };
    if let Some(ids) = &q.only_ids {
        f.and(format!("u.id IN ({})", in_list(ids.len())), in_params(ids.iter().copied()));
    }
    f
}

/// One page of users, and how many fit the query.
pub async fn list(db: &Db, q: &UserQuery) -> Result<(Vec<User>, u64)> {
    let mut f = filter(q);
    if let Some(wanted) = &q.attributes {
        let rows = f.all(db, "u.id, u.attributes", "users u", BOUND + 1).await?;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) > BOUND {
            return Err(attributes::too_many("attributes"));
        }
        let mut ids = Vec::new();
        for row in &rows {
            if attributes::fit(&row.map(1)?, wanted) {
                ids.push(row.int(0)?);
            }
        }
        if ids.len() > 10_000 {
            return Err(attributes::too_many("attributes"));
        }
        // The ids are integers of ours, so that they may stand in the text: a list this long has no use for
        // markers.
        let list: Vec<String> = ids.iter().map(i64::to_string).collect();
        f = Filter::default();
        f.and(if list.is_empty() { "1 = 0".to_owned() } else { format!("u.id IN ({})", list.join(",")) }, []);
    }
    let (rows, total) = match &q.query {
        Some(query) => {
            TABLE.page(db, &f, query, &Shape { columns: COLUMNS, sort: SORT, page: &q.page }).await?
        }
        None => f.page(db, COLUMNS, TABLE.from, SORT, TABLE.id, &q.page).await?,
    };
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
