//! How page N is reached. Pages that begin within the first [`COUNTED`] rows are skipped to by the order's index. Deeper ones
//! begin at a key: the cache remembers where pages ended and every [`STEP`]th row of what was walked, so that the page after
//! the last one asked for costs what the first one does, and never shows a row twice or leaves one out, whatever is written
//! meanwhile. A far page is walked to in steps, from the nearest remembered place or the nearer end, over the index alone.
use super::filter::Plan;
use super::list::{COUNTED, List, Order, order_after, order_by, orders, plan};
use super::statistics;
use crate::db::{Db, DbKind, Row, Value};
use crate::runtime::{KEPT, Place, Places};
use signet_base::{Result, vault::sha256_hex};
use std::time::{Duration, Instant};

/// Rows that one statement skips.
const STEP: u64 = 10_000;
/// Rows that a list with a search looks through: see [`signet_model::Search::Window`].
pub(crate) const WINDOW: i64 = 10_000;
/// How long an estimate is remembered.
const ESTIMATE_KEPT: Duration = Duration::from_secs(60);
/// Rows that are sorted by the name of somebody else's row; more come in the order of the users' numbers.
const SORTED: u64 = 3_000;

/// Number of rows.
struct Total {
    rows: u64,
    exact: bool,
}

/// The keys of one page, and how many rows there are.
pub(super) async fn page(list: &List<'_>, db: &Db) -> Result<(Vec<Value>, u64)> {
    let mut orders = orders(list.def, list.page);
    if list.filter.has_window() {
        return window(list, db, orders).await;
    }
    let (from, key) = (list.from(), list.key());
    let (condition, params) = list.filter.condition(Plan::Find);
    let counted = sha256_hex(format!("{from}{condition}{}", listed(&params)).as_bytes());
    let name = format!("{counted} {}", order_by(&orders, &key, false));
    let total = total(list, db, [&name, &counted], &condition, params).await?;
    let (offset, size) = (list.page.offset(), list.page.size);
    if total.exact && offset >= total.rows {
        return Ok((Vec::new(), total.rows));
    }
    if total.exact && total.rows <= SORTED {
        by_owner_name(&mut orders);
    }
    let plan = plan(db, list, &orders, total.exact);
    let (condition, params) = list.filter.condition(plan);
    let walk = Walk { db, places: &list.page.places, key, from, condition, params, orders: &orders };
    if offset <= COUNTED || walk.orders.windows(2).any(|two| two[0].down != two[1].down) {
        let found = walk.rows("", Vec::new(), false, 0, [size.saturating_add(1), offset]).await?;
        return Ok(cut(found, offset, size, &total));
    }
    walk.deep(&name, offset, size, &total).await
}

/// Sorts by the names of those whose the rows are.
fn by_owner_name(orders: &mut [Order]) {
    for order in orders {
        if let Some(name) = order.owner_name.take() {
            order.expr = name;
        }
    }
}

/// The page out of its rows and one more; how many rows there are as far as this tells.
fn cut(mut found: Vec<Row>, offset: u64, size: u64, total: &Total) -> (Vec<Value>, u64) {
    let seen = offset.saturating_add(found.len() as u64);
    let more = found.len() as u64 > size;
    found.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    let rows = match (total.exact, more) {
        (true, _) => total.rows,
        // The end of the list.
        (false, false) if !found.is_empty() => seen,
        (false, _) => total.rows.max(seen),
    };
    (found.into_iter().filter_map(|row| row.0.into_iter().next()).collect(), rows)
}

/// A list with words: the first rows that fit everything else are looked through.
async fn window(list: &List<'_>, db: &Db, mut orders: Vec<Order>) -> Result<(Vec<Value>, u64)> {
    let (from, key) = (list.from(), list.key());
    let (condition, mut params) = list.filter.condition(Plan::Find);
    let (words, asked) = list.filter.words();
    if orders.iter().any(|o| o.owner_name.is_some()) {
        let few = format!("SELECT count(*) FROM (SELECT 1 FROM {from}{condition} LIMIT ?) few");
        let limit = i64::try_from(SORTED + 1).unwrap_or(i64::MAX);
        let few = db.scan(&few, params.iter().cloned().chain([limit.into()]).collect()).await?;
        if few.first().is_some_and(|row| row.int(0).is_ok_and(|n| n < limit)) {
            by_owner_name(&mut orders);
        }
    }
    let order = order_by(&orders, &key, false);
    params.push(WINDOW.into());
    params.extend(asked);
    let sql = format!(
        "SELECT {key} FROM {from} WHERE {key} IN (SELECT {key} FROM {from}{condition} ORDER BY {order} LIMIT ?){words} ORDER BY {order}"
    );
    let found = db.scan(&sql, params).await?;
    let skip = usize::try_from(list.page.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(list.page.size).unwrap_or(usize::MAX);
    let total = found.len() as u64;
    Ok((found.into_iter().skip(skip).take(take).filter_map(|row| row.0.into_iter().next()).collect(), total))
}

fn listed(params: &[Value]) -> String {
    let one = |value: &Value| match value {
        Value::Int(n) => format!("i{n};"),
        Value::Text(text) => format!("t{}:{text};", text.len()),
        other => format!("{other:?};"),
    };
    params.iter().map(one).collect()
}

async fn total(
    list: &List<'_>,
    db: &Db,
    [name, counted]: [&str; 2],
    condition: &str,
    mut params: Vec<Value>,
) -> Result<Total> {
    let fresh =
        |seen: Option<(u64, Instant)>, life| seen.filter(|(_, at)| at.elapsed() < life).map(|(rows, _)| rows);
    let end = list.page.places.with(name, |known| fresh(known.end, KEPT));
    let kept = end.or_else(|| list.page.places.with(counted, |known| fresh(known.total, ESTIMATE_KEPT)));
    if let Some(rows) = kept {
        return Ok(Total { rows, exact: false });
    }
    let from = list.from();
    let values = params.clone();
    if !list.filter.is_many() {
        params.push(i64::try_from(COUNTED + 1).unwrap_or(i64::MAX).into());
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {from}{condition} LIMIT ?) few");
        let few = db.scan(&sql, params).await?;
        let rows =
            few.first().map(|row| row.int(0)).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        if rows <= COUNTED {
            return Ok(Total { rows, exact: true });
        }
    }
    let (judged, judged_params) = if db.kind() == DbKind::Sqlite {
        list.filter.condition(Plan::Walk)
    } else {
        (condition.to_owned(), values)
    };
    let rows = statistics::estimate(db, list.def, &from, &judged, judged_params).await?.max(COUNTED + 1);
    list.page.places.with(counted, |known| known.total = Some((rows, Instant::now())));
    Ok(Total { rows, exact: false })
}

/// Reads keys along the order.
struct Walk<'a> {
    db: &'a Db,
    places: &'a Places,
    key: String,
    from: String,
    condition: String,
    params: Vec<Value>,
    orders: &'a [Order],
}

impl Walk<'_> {
    /// Key, then the values that are sorted by, of rows after a place.
    fn text(&self, after: &str, reversed: bool, equal: usize) -> String {
        let columns: String = self.orders.iter().map(|o| format!(", {}", o.expr)).collect();
        let order = order_after(self.orders, &self.key, reversed, equal);
        let (key, from, condition) = (&self.key, &self.from, &self.condition);
        format!("SELECT {key}{columns} FROM {from}{condition}{after} ORDER BY {order} LIMIT ? OFFSET ?")
    }
    /// `limit` of these rows after `skip`.
    async fn rows(
        &self,
        after: &str,
        values: Vec<Value>,
        reversed: bool,
        equal: usize,
        [limit, skip]: [u64; 2],
    ) -> Result<Vec<Row>> {
        let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let mut params = self.params.clone();
        params.extend(values);
        params.extend([number(limit), number(skip)]);
        self.db.scan(&self.text(after, reversed, equal), params).await
    }
    /// Conditions that together hold for the rows after a place, or up to it, in their order: first those that are equal to it
    /// in all but the last column. One comparison of whole tuples would say the same; SQLite reads from the first column on.
    fn after(&self, place: &Place, reversed: bool) -> Vec<(String, Vec<Value>)> {
        let Some(last) = self.orders.last().filter(|_| !place.key.is_empty()) else {
            return vec![(String::new(), Vec::new())];
        };
        let mut columns: Vec<&str> = self.orders.iter().map(|o| o.expr.as_str()).collect();
        if !last.unique {
            columns.push(&self.key);
        }
        let sign = if last.down == reversed { ">" } else { "<" };
        let level = |at: usize| {
            let equal = columns[..at].iter().map(|column| format!(" AND {column} = ?"));
            // Up to the row itself, when it goes backwards.
            let or_equal = if reversed && at + 1 == columns.len() { "=" } else { "" };
            let sql: String = equal.chain([format!(" AND {} {sign}{or_equal} ?", columns[at])]).collect();
            (sql, place.key[..=at].to_vec())
        };
        (0..columns.len()).rev().map(level).collect()
    }
    /// The rows after a place, or those before it, which then come from it outwards.
    async fn from(&self, place: &Place, reversed: bool, limit: u64, skip: u64) -> Result<Vec<Row>> {
        let (mut out, mut skip, mut levels) = (Vec::new(), skip, self.after(place, reversed));
        let last = levels.pop();
        for (at, (after, values)) in levels.into_iter().enumerate() {
            // The first level is equal in all columns but the last.
            let equal = place.key.len().min(self.columns()) - 1 - at;
            let limits = [limit - out.len() as u64, skip];
            let found = self.rows(&after, values.clone(), reversed, equal, limits).await?;
            if found.is_empty() && skip > 0 {
                skip -= self.count(&after, values, skip).await?;
            } else {
                skip = 0;
            }
            out.extend(found);
            if out.len() as u64 >= limit {
                return Ok(out);
            }
        }
        if let Some((after, values)) = last {
            out.extend(self.rows(&after, values, reversed, 0, [limit - out.len() as u64, skip]).await?);
        }
        Ok(out)
    }
    /// Columns that tell rows apart: those of the order, and the key where they do not.
    fn columns(&self) -> usize {
        self.orders.len() + usize::from(!self.orders.last().is_some_and(|o| o.unique))
    }
    /// How many rows these are, up to a number.
    async fn count(&self, after: &str, values: Vec<Value>, most: u64) -> Result<u64> {
        let (from, condition) = (&self.from, &self.condition);
        let mut params = self.params.clone();
        params.extend(values);
        params.push(i64::try_from(most).unwrap_or(i64::MAX).into());
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {from}{condition}{after} LIMIT ?) few");
        let rows = self.db.scan(&sql, params).await?;
        Ok(rows.first().map(|row| row.int(0)).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
    }

    async fn deep(&self, name: &str, offset: u64, size: u64, total: &Total) -> Result<(Vec<Value>, u64)> {
        let end = offset.saturating_add(size);
        let (before, after) = self.places.around(name, offset, end);
        let before = before.unwrap_or(Place { at: 0, key: Vec::new() });
        let after = match after {
            Some(place) if place.at <= total.rows || offset >= total.rows => place,
            _ => Place { at: total.rows, key: Vec::new() },
        };
        let backwards = offset < total.rows && after.at.saturating_sub(end) < offset - before.at;
        if backwards {
            self.back(name, after, offset, size, total).await
        } else {
            self.on(name, before, offset, size, total).await
        }
    }

    /// Forwards.
    async fn on(
        &self,
        name: &str,
        mut place: Place,
        offset: u64,
        size: u64,
        total: &Total,
    ) -> Result<(Vec<Value>, u64)> {
        while offset - place.at >= STEP {
            let Some(row) = self.from(&place, false, 1, STEP - 1).await?.pop() else { break };
            place = Place { at: place.at + STEP, key: sorted(&row) };
            self.places.put(name, place.at, place.key.clone());
        }
        let found = self.from(&place, false, size.saturating_add(1), offset - place.at).await?;
        if found.is_empty() {
            // Beyond the end: where that is, the rest tells.
            let rest = self.from(&place, false, STEP, 0).await?.len() as u64;
            self.ends(name, place.at + rest);
            return Ok((Vec::new(), place.at + rest));
        }
        if found.len() as u64 > size {
            let last = &found[usize::try_from(size).unwrap_or(usize::MAX) - 1];
            self.places.put(name, offset + size, sorted(last));
        } else {
            self.ends(name, offset + found.len() as u64);
        }
        Ok(cut(found, offset, size, total))
    }

    /// Backwards.
    async fn back(
        &self,
        name: &str,
        mut place: Place,
        offset: u64,
        size: u64,
        total: &Total,
    ) -> Result<(Vec<Value>, u64)> {
        let end = offset.saturating_add(size).min(total.rows.max(place.at));
        while place.at - end >= STEP {
            let Some(row) = self.from(&place, true, 1, STEP).await?.pop() else { break };
            place = Place { at: place.at - STEP, key: sorted(&row) };
            self.places.put(name, place.at, place.key.clone());
        }
        let mut found = self.from(&place, true, end - offset + 1, place.at - end).await?;
        if let Some(last) = found.first() {
            self.places.put(name, end, sorted(last));
        }
        if found.len() as u64 > end - offset
            && let Some(before) = found.pop()
        {
            self.places.put(name, offset, sorted(&before));
        }
        found.reverse();
        let keys = found.into_iter().filter_map(|row| row.0.into_iter().next()).collect();
        Ok((keys, total.rows))
    }

    fn ends(&self, name: &str, at: u64) {
        self.places.with(name, |known| known.end = Some((at, Instant::now())));
    }
}

/// What a row is sorted by, then its key.
fn sorted(row: &Row) -> Vec<Value> {
    let mut values = row.0.clone();
    values.rotate_left(1);
    values
}

/// The statements of a list with values like theirs: what is counted, the first page, and pages after and before a key. For
/// tests that read their plans.
#[cfg(feature = "testdb")]
pub fn statements(
    db: &Db,
    def: &'static signet_model::TableDef,
    q: &super::ListQuery,
) -> Vec<(String, Vec<Value>)> {
    use signet_model::ColumnKind;
    let mut filter = super::filter::Filter::default();
    filter.declared(def, &q.filters);
    let list = List { def, filter, page: &q.page };
    let orders = orders(def, &q.page);
    let chosen = plan(db, &list, &orders, false);
    let (counted, mut few) = list.filter.condition(Plan::Find);
    few.push(1.into());
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM {}{counted} LIMIT ?) few", list.from());
    let like = |column: &signet_model::ColumnDef| match column.kind {
        ColumnKind::Text | ColumnKind::Uuid | ColumnKind::Json => Value::from("x"),
        _ => 1.into(),
    };
    let sorted = |o: &Order| {
        def.columns.iter().find(|c| super::list::ordered(def, c) == o.expr).map_or(1.into(), like)
    };
    let key = def.columns.iter().find(|c| c.name == def.key).map(like);
    let place = Place { at: 1, key: orders.iter().map(sorted).chain(key).collect() };
    let (condition, params) = list.filter.condition(chosen);
    let walk = Walk {
        db,
        places: &q.page.places,
        key: list.key(),
        from: list.from(),
        condition,
        params: params.clone(),
        orders: &orders,
    };
    let mut out =
        vec![(count, few), (walk.text("", false, 0), [params.clone(), vec![1.into(), 0.into()]].concat())];
    for reversed in [false, true] {
        for (at, (after, keys)) in walk.after(&place, reversed).into_iter().enumerate() {
            out.push((
                walk.text(&after, reversed, walk.columns() - 1 - at),
                [params.clone(), keys, vec![1.into(), 0.into()]].concat(),
            ));
        }
    }
    out
}
