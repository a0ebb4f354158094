//! The log of what happened.
use super::akql::{Column, ColumnKind, Shape, Table};
use super::list::{Filter, Page};
use crate::db::{Batch, Db, Row};
use crate::params;
use signet_base::akql::Query;
use signet_base::{Json, Map, Result, Timestamp, Uuid};

#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    /// Who did it: `{pk, username, email, …}`.
    pub user: Map,
    pub action: String,
    pub app: String,
    pub context: Map,
    pub client_ip: Option<String>,
    pub brand: Map,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

const COLUMNS: &str = "e.id, e.actor, e.action, e.app, e.context, e.client_ip, e.brand, e.created, e.expires";
const BY_ID: &str = "SELECT e.id, e.actor, e.action, e.app, e.context, e.client_ip, e.brand, e.created, e.expires FROM event e WHERE e.id = ?";
const INSERT: &str = "INSERT INTO event (id, actor, username, action, app, context, client_ip, brand, model_app, model_name, model_pk, authorized_app, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const DELETE: &str = "DELETE FROM event WHERE id = ?";
const DELETE_EXPIRED: &str =
    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE expires <= ? LIMIT ?)";

pub(crate) const STATEMENTS: &[&str] = &[BY_ID, INSERT, DELETE, DELETE_EXPIRED];

fn from_row(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.uuid(0)?,
        user: row.map(1)?,
        action: row.string(2)?,
        app: row.string(3)?,
        context: row.map(4)?,
        client_ip: row.opt_string(5)?.filter(|ip| !ip.is_empty()),
        brand: row.map(6)?,
        created: row.time(7)?,
        expires: row.opt_time(8)?,
    })
}

fn text(map: &Map, path: &[&str]) -> String {
    let mut here = map.get(path[0]);
    for part in &path[1..] {
        here = here.and_then(|json| json.get(part));
    }
    match here {
        Some(Json::String(text)) => text.clone(),
        None | Some(Json::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Appends events. Not `durable` is for what may be lost with the power.
pub async fn insert(db: &Db, events: &[Event], durable: bool) -> Result<()> {
    db.batch(insert_batch(events, durable)).await.map(drop)
}
/// [`insert`] without waiting: see [`Db::behind`].
pub async fn insert_behind(db: &Db, events: &[Event]) -> Result<()> {
    db.write_behind(insert_batch(events, false)).await
}
/// [`insert`] as a part of a larger batch.
pub fn insert_batch(events: &[Event], durable: bool) -> Batch {
    let mut batch = if durable { Batch::new() } else { Batch::relaxed() };
    for e in events {
        batch.push(
            INSERT,
            params![
                e.id,
                &e.user,
                text(&e.user, &["username"]),
                &e.action,
                &e.app,
                &e.context,
                e.client_ip.as_deref().unwrap_or_default(),
                &e.brand,
                text(&e.context, &["model", "app"]),
                text(&e.context, &["model", "model_name"]),
                text(&e.context, &["model", "pk"]),
                text(&e.context, &["authorized_application", "pk"]),
                e.created,
                e.expires
            ],
        );
    }
    batch
}
pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<Event>> {
    db.flush().await?;
    db.query_one(BY_ID, params![id]).await?.as_ref().map(from_row).transpose()
}
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    db.flush().await?;
    db.execute(DELETE, params![id]).await
}
/// Removes up to `limit` events that are past their retention.
pub async fn delete_expired(db: &Db, now: Timestamp, limit: i64) -> Result<()> {
    db.batch(Batch::relaxed().add(DELETE_EXPIRED, params![now, limit])).await.map(drop)
}

/// What a list of events is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    pub search: String,
    pub action: Option<String>,
    pub actions: Vec<String>,
    pub client_ip: Option<String>,
    pub username: Option<String>,
    pub app: Option<String>,
    pub brand_name: Option<String>,
    pub context_model_app: Option<String>,
    pub context_model_name: Option<String>,
    pub context_model_pk: Option<String>,
    pub context_authorized_app: Option<String>,
    pub created_after: Option<Timestamp>,
    /// One that [`understands`] has passed.
    pub query: Option<Query>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("created", "-e.created"),
    ("action", "e.action"),
    ("app", "e.app"),
    ("client_ip", "e.client_ip"),
    ("user", "e.username"),
    ("expires", "e.expires"),
];

const TABLE: Table = Table {
    from: "event e",
    id: "e.id",
    columns: &[
        Column { name: "action", sql: "e.action", kind: ColumnKind::Text },
        Column { name: "event_uuid", sql: "e.id", kind: ColumnKind::Text },
        Column { name: "app", sql: "e.app", kind: ColumnKind::Text },
        Column { name: "client_ip", sql: "e.client_ip", kind: ColumnKind::Text },
        Column { name: "user", sql: "e.actor", kind: ColumnKind::Json },
        Column { name: "brand", sql: "e.brand", kind: ColumnKind::Json },
        Column { name: "context", sql: "e.context", kind: ColumnKind::Json },
        Column { name: "created", sql: "e.created", kind: ColumnKind::Time },
    ],
};

/// Whether the query asks for what events have.
pub fn understands(query: &Query) -> bool {
    TABLE.understands(query)
}

/// One page of events, newest first unless asked otherwise, and how many fit the query.
pub async fn list(db: &Db, q: &EventQuery) -> Result<(Vec<Event>, u64)> {
    db.flush().await?;
    let mut f = Filter::default();
    f.search(&q.search, &["e.action", "e.username", "e.app", "e.client_ip", "e.context"]);
    f.equal("e.action", q.action.as_deref());
    f.one_of("e.action", &q.actions);
    f.equal("e.client_ip", q.client_ip.as_deref());
    f.equal("e.username", q.username.as_deref());
    f.equal("e.app", q.app.as_deref());
    if let Some(name) = &q.brand_name {
        f.and(
            "e.brand LIKE ? ESCAPE '!'",
            [super::list::contains(&format!("\"name\":{}", Json::String(name.clone()))).into()],
        );
    }
    f.equal("e.model_app", q.context_model_app.as_deref());
    f.equal("e.model_name", q.context_model_name.as_deref());
    f.equal("e.model_pk", q.context_model_pk.as_deref());
    f.equal("e.authorized_app", q.context_authorized_app.as_deref());
    // The indexes of these two leave out the many events that are about no object; the database must see that
    // it may use them.
    for (column, value) in
        [("e.model_pk", &q.context_model_pk), ("e.authorized_app", &q.context_authorized_app)]
    {
        if value.as_deref().is_some_and(|v| !v.is_empty()) {
            f.and(format!("{column} <> ''"), []);
        }
    }
    if let Some(at) = q.created_after {
        f.and("e.created >= ?", [at.into()]);
    }
    let (rows, total) = match &q.query {
        Some(query) => {
            TABLE.page(db, &f, query, &Shape { columns: COLUMNS, sort: SORT, page: &q.page }).await?
        }
        None => f.page(db, COLUMNS, TABLE.from, SORT, TABLE.id, &q.page).await?,
    };
    Ok((rows.iter().map(from_row).collect::<Result<_>>()?, total))
}
