//! The event log.
use super::filter::Filter;
use super::list::ListQuery;
use super::table::{self, selects};
use crate::db::{Batch, Db};
use crate::params;
use crate::runtime::Touches;
use signet_base::akql::Query;
use signet_base::{Json, Map, Result, Timestamp, Uuid};
use signet_model::Table;

#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    /// The acting user: `{pk, username, email, …}`.
    pub user: Map,
    pub action: String,
    pub app: String,
    pub context: Map,
    pub client_ip: Option<String>,
    pub brand: Map,
    pub created: Timestamp,
    pub expires: Option<Timestamp>,
}

/// An event as it is kept: parts of the person and of the context once more, to be found by.
#[derive(Table)]
#[table(model = "authentik_events.event", component = "Event", table = "event", alias = "e", label = "Event")]
#[table(order = "-created", tie = "created", expires = "expires")]
pub struct EventRow {
    #[column(wire = "pk", also("event_uuid"), read_only, fixed, query)]
    id: Uuid,
    #[column(name = "actor", wire = "user", query)]
    user: Map,
    #[column(hidden, fixed, order("user"), filter, search, also("user__username"))]
    username: String,
    #[column(order, filter, filter_any("actions"), search, query, required)]
    action: String,
    #[column(order, filter, search, query, required)]
    app: String,
    #[column(search, query)]
    context: Map,
    /// Empty where it is not known.
    #[column(read_only, order, filter, search, query)]
    client_ip: String,
    #[column(query)]
    brand: Map,
    #[column(hidden, fixed, filter("context_model_app"), sparse)]
    model_app: String,
    #[column(hidden, fixed, filter("context_model_name"), sparse)]
    model_name: String,
    #[column(hidden, fixed, filter("context_model_pk"), sparse)]
    model_pk: String,
    #[column(hidden, fixed, filter("context_authorized_app"), sparse)]
    authorized_app: String,
    #[column(read_only, order, query, filter_range)]
    created: Timestamp,
    #[column(read_only, order)]
    expires: Option<Timestamp>,
}

selects! { EventRow:
    BY_ID = "WHERE e.id = ?";
}
const OPENED: &str = "SELECT e.authorized_app FROM event e WHERE e.username = ? AND e.created >= ? AND e.authorized_app <> '' ORDER BY e.created DESC LIMIT 100";
pub(crate) const STATEMENTS: &[&str] = &[OPENED];

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        let EventRow { id, user, action, app, context, client_ip, brand, created, expires, .. } = row;
        let client_ip = Some(client_ip).filter(|ip| !ip.is_empty());
        Self { id, user, action, app, context, client_ip, brand, created, expires }
    }
}
impl From<&Event> for EventRow {
    fn from(e: &Event) -> Self {
        Self {
            id: e.id,
            username: text(&e.user, &["username"]),
            user: e.user.clone(),
            action: e.action.clone(),
            app: e.app.clone(),
            client_ip: e.client_ip.clone().unwrap_or_default(),
            brand: e.brand.clone(),
            model_app: text(&e.context, &["model", "app"]),
            model_name: text(&e.context, &["model", "model_name"]),
            model_pk: text(&e.context, &["model", "pk"]),
            authorized_app: text(&e.context, &["authorized_application", "pk"]),
            context: e.context.clone(),
            created: e.created,
            expires: e.expires,
        }
    }
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

/// Appends events. Without `durable` they may be lost on power failure.
pub async fn insert(db: &Db, events: &[Event], durable: bool) -> Result<()> {
    db.batch(insert_batch(events, durable)).await.map(drop)
}
/// [`insert`] without waiting: see [`Db::write_behind`].
pub async fn insert_behind(db: &Db, events: &[Event]) -> Result<()> {
    db.write_behind(insert_batch(events, false)).await
}
/// [`insert`] as part of a batch.
pub fn insert_batch(events: &[Event], durable: bool) -> Batch {
    let mut batch = if durable { Batch::new() } else { Batch::relaxed() }.touches(Touches::Nothing);
    for event in events {
        table::push(&mut batch, &EventRow::from(event));
    }
    batch
}
pub async fn by_id(db: &Db, id: Uuid) -> Result<Option<Event>> {
    db.flush().await?;
    Ok(table::row::<EventRow>(db, &BY_ID, params![id]).await?.map(Event::from))
}
/// Keys of the applications to which somebody was signed in since then, the last one first. Does not wait for
/// what is not written yet.
pub async fn opened_by(db: &Db, username: &str, since: Timestamp) -> Result<Vec<Uuid>> {
    let rows = db.query(OPENED, params![username, since]).await?;
    let mut out = Vec::new();
    for row in &rows {
        if let Ok(pk) = Uuid::parse_str(&row.string(0)?)
            && !out.contains(&pk)
        {
            out.push(pk);
        }
    }
    Ok(out)
}
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    db.flush().await?;
    db.batch(table::remove::<EventRow>(id)).await.map(drop)
}
/// One page of events, newest first unless asked otherwise, and how many fit the query; of the brand with this name.
pub async fn list(db: &Db, q: &ListQuery, brand: Option<&str>) -> Result<(Vec<Event>, u64)> {
    db.flush().await?;
    let mut filter = Filter::default();
    if let Some(name) = brand {
        let pattern = super::list::contains(&format!("\"name\":{}", Json::String(name.to_owned())));
        filter.and("e.brand LIKE ? ESCAPE '!'", [pattern.into()]);
    }
    let (rows, total) = super::list::narrowed::<EventRow>(db, q, filter).await?;
    Ok((rows.into_iter().map(Event::from).collect(), total))
}
/// Whether the query names fields of events.
pub fn understands(query: &Query) -> bool {
    super::list::understands::<EventRow>(query)
}
