//! Lists: what narrows them, their order, how many rows there are, and one page.
//!
//! Up to [`COUNTED`] rows are counted; beyond that the count is an estimate, and deep pages are reached by keys instead of
//! an OFFSET: see [`super::paging`].
use super::filter::{Filter, Filters, Plan};
use super::table::{self, Record};
use super::{akql, paging, search};
use crate::db::{Db, DbKind, Value, in_list, in_params};
use crate::runtime::Places;
use signet_base::Result;
use signet_base::akql::Query;
use signet_model::{ColumnDef, ColumnKind, FilterOp, Scope, Search, TableDef};
use std::collections::HashMap;

/// Rows that are counted one by one.
pub(crate) const COUNTED: u64 = 10_000;

/// The requested part of a list, and its order.
#[derive(Debug, Clone)]
pub struct Page {
    /// An API field name, with `-` for descending. Unknown names are ignored.
    pub ordering: String,
    /// From 1.
    pub page: u64,
    pub size: u64,
    /// The rows that the caller may see.
    pub scope: Scope,
    /// Where pages ended that were read before.
    pub places: Places,
    /// Whether rows are found and sorted by the names of their owners: not for who does not see these.
    pub by_owner_names: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            ordering: String::new(),
            page: 1,
            size: 20,
            scope: Scope::All,
            places: Places::default(),
            by_owner_names: true,
        }
    }
}

impl Page {
    /// Up to `size` rows.
    pub fn first(size: u64) -> Self {
        Self { size, ..Self::default() }
    }
    pub(crate) fn offset(&self) -> u64 {
        self.page.saturating_sub(1).saturating_mul(self.size)
    }
}

/// What a list is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Words, each of which is in one of the columns that are searched.
    pub search: String,
    pub filters: Filters,
    /// One that [`understands`] has passed.
    pub query: Option<Query>,
    /// Only this user's rows.
    pub owner: Option<i64>,
    /// Only the rows with these keys.
    pub only: Option<Vec<Value>>,
    pub page: Page,
}

impl ListQuery {
    /// Everything up to `size` rows.
    pub fn first(size: u64) -> Self {
        Self { page: Page::first(size), ..Self::default() }
    }
    /// Narrowed to rows with one of these values, by a parameter of the declaration or a column's name on the wire.
    #[must_use]
    pub fn any<V: Into<Value>>(
        mut self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.filters = self.filters.with(name, FilterOp::AnyOf, values);
        self
    }
    /// Narrowed by a comparison.
    #[must_use]
    pub fn narrow(mut self, name: impl Into<String>, op: FilterOp, value: impl Into<Value>) -> Self {
        self.filters = self.filters.with(name, op, [value]);
        self
    }
    /// The same with one value.
    #[must_use]
    pub fn equal(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.filters = self.filters.equal(name, value);
        self
    }
}

/// Whether a query in the query language asks for what the rows have.
pub fn understands<T: Record>(query: &Query) -> bool {
    akql::understands(T::TABLE, query)
}

/// One page of rows, and how many fit: an estimate beyond 10,000.
pub async fn list<T: Record>(db: &Db, q: &ListQuery) -> Result<(Vec<T>, u64)> {
    narrowed(db, q, Filter::default()).await
}
/// [`list`] with further conditions.
pub(crate) async fn narrowed<T: Record>(db: &Db, q: &ListQuery, filter: Filter) -> Result<(Vec<T>, u64)> {
    if let Some(query) = &q.query {
        let filter = whole(db, T::TABLE, q, filter).await?;
        return akql::page(db, filter, query, &q.page).await;
    }
    let (keys, total) = narrowed_keys(db, T::TABLE, q, filter).await?;
    Ok((by_keys(db, &keys).await?, total))
}
/// The keys of a list that no query in the query language narrows.
pub(crate) async fn narrowed_keys(
    db: &Db,
    def: &'static TableDef,
    q: &ListQuery,
    filter: Filter,
) -> Result<(Vec<Value>, u64)> {
    let filter = whole(db, def, q, filter).await?;
    if filter.is_nothing() {
        return Ok((Vec::new(), 0));
    }
    paging::page(&List { def, filter, page: &q.page }, db).await
}
/// The conditions with those of the query.
async fn whole(db: &Db, def: &'static TableDef, q: &ListQuery, mut filter: Filter) -> Result<Filter> {
    filter.declared(def, &q.filters);
    if let Some(owner) = q.owner {
        match def.owner() {
            Some(column) => {
                filter.equal(&format!("{}.{}", def.alias, column.name), Some(owner));
            }
            None => filter.none(),
        }
    }
    filter.scope(def, &q.page.scope);
    if let Some(keys) = &q.only {
        filter.only(&format!("{}.{}", def.alias, def.key), keys);
    }
    match def.search {
        Search::Window => filter.window(def, &q.search, q.page.by_owner_names),
        Search::Index => search::narrow(db, &mut filter, def, &q.search).await?,
    }
    Ok(filter)
}

/// The words that are searched for.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_whitespace().take(8).map(str::to_lowercase)
}

/// The expression by which a column is sorted: NULL is the smallest, on both databases and for keys.
pub(crate) fn ordered(def: &TableDef, column: &ColumnDef) -> String {
    let sql = format!("{}.{}", def.alias, column.key());
    match (column.nullable, column.kind) {
        (false, _) => sql,
        (true, ColumnKind::Time | ColumnKind::Int | ColumnKind::Flag) => format!("COALESCE({sql}, -1)"),
        (true, _) => format!("COALESCE({sql}, '')"),
    }
}

/// One column of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub expr: String,
    /// Instead, for lists that are small enough to be sorted: the name of the user whose the row is.
    pub owner_name: Option<String>,
    pub down: bool,
    /// No two rows share it.
    pub unique: bool,
    /// It is the default one of the table.
    pub default: bool,
}

/// The order of a list: only names of the declaration get into the SQL text.
pub(crate) fn orders(def: &'static TableDef, page: &Page) -> Vec<Order> {
    let of = |text: &str, default: bool| {
        let (name, down) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let default = default || def.order.trim_start_matches('-') == name;
        if let Some(owner) = def.owner()
            && name.strip_suffix("__username") == Some(owner.field.name)
        {
            let sql = format!("{}.{}", def.alias, owner.name);
            let owner_name = page
                .by_owner_names
                .then(|| format!("COALESCE((SELECT x.username_key FROM users x WHERE x.id = {sql}), '')"));
            return Some(Order { expr: sql, owner_name, down, unique: false, default });
        }
        let column = def.columns.iter().find(|c| c.orders.contains(&name))?;
        let unique = (column.unique && !column.nullable) || column.name == def.key;
        Some(Order { expr: ordered(def, column), owner_name: None, down, unique, default })
    };
    let mut all: Vec<Order> =
        page.ordering.split(',').filter_map(|name| of(name.trim(), false)).take(4).collect();
    if all.is_empty() {
        all.extend(of(def.order, true));
    }
    // In the direction of what goes before: an index serves both ways.
    let last = all.last().map(|o| (o.down, o.unique));
    if let (Some((down, false)), Some(column)) = (last, def.columns.iter().find(|c| c.name == def.tie)) {
        let expr = ordered(def, column);
        if all.iter().all(|o| o.expr != expr) {
            all.push(Order { expr, owner_name: None, down, unique: false, default: false });
        }
    }
    all
}

/// `ORDER BY` with a tie in the direction of the last column.
pub(crate) fn order_by(orders: &[Order], key: &str, reversed: bool) -> String {
    order_after(orders, key, reversed, 0)
}
/// The same of rows that are equal in the first columns: SQLite would sort by them, where they are expressions.
pub(crate) fn order_after(orders: &[Order], key: &str, reversed: bool, equal: usize) -> String {
    let sign = |down: bool| if down != reversed { " DESC" } else { "" };
    let mut parts: Vec<String> = orders.iter().map(|o| format!("{}{}", o.expr, sign(o.down))).collect();
    if !orders.last().is_some_and(|o| o.unique) {
        parts.push(format!("{key}{}", sign(orders.last().is_some_and(|o| o.down))));
    }
    parts.split_off(equal).join(", ")
}

/// A list of a declared table.
pub(crate) struct List<'a> {
    pub def: &'static TableDef,
    pub filter: Filter,
    pub page: &'a Page,
}

impl List<'_> {
    pub fn from(&self) -> String {
        format!("{} {}", self.def.table, self.def.alias)
    }
    pub fn key(&self) -> String {
        format!("{}.{}", self.def.alias, self.def.key)
    }
}

/// Rows by their keys, in that order; those that are gone are left out.
pub(crate) async fn by_keys<T: Record>(db: &Db, keys: &[Value]) -> Result<Vec<T>> {
    let def = T::TABLE;
    let (mut found, name) = (HashMap::new(), format!("{}.{}", def.alias, def.key));
    for chunk in keys.chunks(512) {
        let sql = table::select::<T>(&format!("WHERE {name} IN ({})", in_list(chunk.len())));
        for row in db.query(&sql, in_params(chunk.iter().cloned())).await? {
            let record = T::load(&row, 0)?;
            found.insert(text(&table::key(&record)), record);
        }
    }
    Ok(keys.iter().filter_map(|key| found.remove(&text(key))).collect())
}
/// A key as a text, to be found by.
pub(crate) fn text(key: &Value) -> String {
    match key {
        Value::Int(n) => n.to_string(),
        Value::Text(text) => text.clone(),
        _ => String::new(),
    }
}

/// Whether the planner is told how to go about a list. Up to [`COUNTED`] rows are found and sorted, which takes some
/// milliseconds whatever they are; where more fit, the first ones are near in any order.
pub(crate) fn plan(db: &Db, list: &List<'_>, orders: &[Order], exact: bool) -> Plan {
    let first = orders.first();
    let sorted = first.is_some_and(|o| list.filter.is_sorted(&o.expr, o.default));
    let walks = db.kind() == DbKind::Sqlite && !list.filter.is_empty() && !exact && !sorted;
    if walks { Plan::Walk } else { Plan::Find }
}

/// A `LIKE` pattern with `!` as escape character.
pub(crate) fn contains(text: &str) -> String {
    format!("%{}%", escaped(text))
}
pub(crate) fn starts_with(text: &str) -> String {
    format!("{}%", escaped(text))
}
/// SQLite refuses patterns of more than 50,000 bytes: of a longer text the beginning counts.
fn escaped(text: &str) -> String {
    const MOST: usize = 10_000;
    let text = text.char_indices().nth(MOST).map_or(text, |(end, _)| &text[..end]);
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
