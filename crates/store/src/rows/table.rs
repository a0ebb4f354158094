//! Reading and writing the rows of a declared table.
use crate::db::{Batch, Db, DbKind, Row, Value};
use crate::params;
use signet_base::{Conflict, Error, Json, Map, Result, Timestamp, Uuid, json};
use signet_model::{ColumnDef, ColumnKind, TableDef};
use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

/// A row as a struct; `#[derive(Table)]` writes it.
pub trait Record: Sized {
    const TABLE: &'static TableDef;
    /// From the columns of the declaration, in its order, beginning at one.
    fn load(row: &Row, at: usize) -> Result<Self>;
    /// The values of all columns.
    fn store(&self) -> Vec<Value>;
    /// Sets the column with this number; false where it cannot hold the value.
    fn put(&mut self, at: usize, json: &Json) -> bool;

    /// The members that are on the wire.
    fn shown(&self) -> Map {
        let all = Self::TABLE.columns.iter().zip(self.store()).filter(|(column, _)| !column.field.hidden);
        all.map(|(column, value)| (column.field.name.to_owned(), wire(column, &value))).collect()
    }
    /// The members that callers can write: what events tell of a change.
    fn writable(&self) -> Map {
        let mut all = self.shown();
        Self::TABLE.columns.iter().filter(|column| column.field.read_only).for_each(|column| {
            all.remove(column.field.name);
        });
        all
    }
    /// Sets a member by its name on the wire; false where there is none that can be written, or it cannot hold the value.
    fn set(&mut self, name: &str, json: &Json) -> bool {
        let at = Self::TABLE.columns.iter().position(|c| c.field.name == name && !c.field.read_only);
        at.is_some_and(|at| self.put(at, json))
    }
}

/// A value as the wire has it.
pub fn wire(column: &ColumnDef, value: &Value) -> Json {
    match (column.kind, value) {
        (ColumnKind::Flag, Value::Int(n)) => json!(*n != 0),
        (ColumnKind::Time, Value::Int(n)) => json!(Timestamp(*n)),
        (ColumnKind::Json, Value::Text(text)) => serde_json::from_str(text).unwrap_or_default(),
        (_, Value::Int(n)) => json!(n),
        (_, Value::Text(text)) => json!(text),
        _ => Json::Null,
    }
}

/// The type of a field.
pub trait Column: Sized {
    fn load(row: &Row, at: usize) -> Result<Self>;
    fn store(&self) -> Value;
    fn put(&mut self, json: &Json) -> bool;
}

/// Takes the value over where there is one.
fn take<T>(into: &mut T, value: Option<T>) -> bool {
    value.map(|value| *into = value).is_some()
}

macro_rules! columns {
    ($($ty:ty, $load:ident, |$json:ident| $put:expr;)*) => { $(
        impl Column for $ty {
            fn load(row: &Row, at: usize) -> Result<Self> {
                row.$load(at)
            }
            fn store(&self) -> Value {
                #[allow(clippy::clone_on_copy, reason = "one text for all types")]
                self.clone().into()
            }
            fn put(&mut self, $json: &Json) -> bool {
                take(self, $put)
            }
        }
    )* };
}
columns! {
    i64, int, |json| json.as_i64();
    bool, bool, |json| json.as_bool();
    String, string, |json| json.as_str().map(str::to_owned);
    Timestamp, time, |json| json.as_str().and_then(|t| Timestamp::parse(t).ok());
    Uuid, uuid, |json| json.as_str().and_then(|t| Uuid::parse_str(t).ok());
}
impl Column for Map {
    fn load(row: &Row, at: usize) -> Result<Self> {
        row.map(at)
    }
    fn store(&self) -> Value {
        self.into()
    }
    fn put(&mut self, json: &Json) -> bool {
        take(self, json.as_object().cloned())
    }
}
impl Column for Json {
    fn load(row: &Row, at: usize) -> Result<Self> {
        row.json(at)
    }
    fn store(&self) -> Value {
        self.into()
    }
    fn put(&mut self, json: &Json) -> bool {
        take(self, Some(json.clone()))
    }
}
impl<T: Column + Default> Column for Option<T> {
    fn load(row: &Row, at: usize) -> Result<Self> {
        if row.is_null(at) { Ok(None) } else { T::load(row, at).map(Some) }
    }
    fn store(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::store)
    }
    fn put(&mut self, json: &Json) -> bool {
        let mut value = T::default();
        let fits = json.is_null() || value.put(json);
        if fits {
            *self = (!json.is_null()).then_some(value);
        }
        fits
    }
}

/// The one form by which texts are found and sorted: trimmed, lower case.
pub fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

/// `u.id, u.uuid, …`
pub(crate) fn columns<T: Record>() -> String {
    T::TABLE.columns.iter().map(|c| format!("{}.{}", T::TABLE.alias, c.name)).collect::<Vec<_>>().join(", ")
}
/// `SELECT <all columns> FROM <table> <alias> <rest>`; the rest names columns by the alias.
pub(crate) fn select<T: Record>(rest: &str) -> String {
    format!("SELECT {} FROM {} {} {rest}", columns::<T>(), T::TABLE.table, T::TABLE.alias)
}
/// Statements that read whole records, made once from the declaration: `selects! { User: BY_ID = "WHERE u.id = ?"; }`
macro_rules! selects {
    ($record:ty: $($name:ident = $rest:expr;)*) => {
        $(static $name: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| $crate::rows::table::select::<$record>($rest));)*
        pub(crate) fn selects() -> Vec<&'static str> {
            vec![$($name.as_str()),*]
        }
    };
}
pub(crate) use selects;

/// Rows of [`select`].
pub(crate) async fn rows<T: Record>(db: &Db, sql: &str, params: Vec<Value>) -> Result<Vec<T>> {
    db.query(sql, params).await?.iter().map(|row| T::load(row, 0)).collect()
}
/// The first of them.
pub(crate) async fn row<T: Record>(db: &Db, sql: &str, params: Vec<Value>) -> Result<Option<T>> {
    db.query_one(sql, params).await?.map(|row| T::load(&row, 0)).transpose()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Text {
    Insert,
    /// The database gives the key.
    InsertNew,
    /// And says it.
    InsertReturning,
    Update,
}

/// A statement of a table, made once.
fn text(def: &'static TableDef, which: Text) -> &'static str {
    static MADE: LazyLock<RwLock<HashMap<(&'static str, Text), &'static str>>> =
        LazyLock::new(RwLock::default);
    if let Some(known) = MADE.read().unwrap_or_else(PoisonError::into_inner).get(&(def.table, which)) {
        return known;
    }
    let made: &'static str = String::leak(made(def, which));
    MADE.write().unwrap_or_else(PoisonError::into_inner).insert((def.table, which), made);
    made
}

fn made(def: &TableDef, which: Text) -> String {
    let names: Vec<&str> =
        written(def, which).flat_map(|c| std::iter::once(c.name).chain(c.folded)).collect();
    match which {
        Text::Insert | Text::InsertNew | Text::InsertReturning => {
            let marks = vec!["?"; names.len()].join(", ");
            let back = if which == Text::InsertReturning {
                format!(" RETURNING {}", def.key)
            } else {
                String::new()
            };
            format!("INSERT INTO {} ({}) VALUES ({marks}){back}", def.table, names.join(", "))
        }
        Text::Update => {
            let sets: Vec<String> = names.iter().map(|name| format!("{name} = ?")).collect();
            format!("UPDATE {} SET {} WHERE {} = ?", def.table, sets.join(", "), def.key)
        }
    }
}

/// The columns that a statement writes.
fn written(def: &TableDef, which: Text) -> impl Iterator<Item = &ColumnDef> {
    def.columns.iter().filter(move |c| match which {
        Text::Insert => true,
        Text::InsertNew | Text::InsertReturning => !c.generated,
        Text::Update => !c.fixed && !c.generated && c.name != def.key,
    })
}

/// Their values, a folded one after each that has one.
fn values<T: Record>(record: &T, which: Text) -> Vec<Value> {
    let mut out = Vec::new();
    let keep: Vec<&str> = written(T::TABLE, which).map(|c| c.name).collect();
    for (column, value) in T::TABLE.columns.iter().zip(record.store()).filter(|(c, _)| keep.contains(&c.name))
    {
        let key = column.folded.map(|_| match &value {
            Value::Text(text) => Value::Text(folded(text)),
            other => other.clone(),
        });
        out.push(value);
        out.extend(key);
    }
    out
}

/// The key of a record.
pub(crate) fn key<T: Record>(record: &T) -> Value {
    let at = T::TABLE.columns.iter().position(|c| c.name == T::TABLE.key);
    at.and_then(|at| record.store().into_iter().nth(at)).unwrap_or(Value::Null)
}

/// Adds the row. Where the key is 0 and the database gives it, it is the batch's answer: see [`new_id`].
pub fn insert<T: Record>(record: &T) -> Batch {
    let generated = T::TABLE.columns.iter().any(|c| c.generated);
    if generated && key(record) == Value::Int(0) {
        let sql = text(T::TABLE, Text::InsertReturning);
        Batch::new().add(sql, values(record, Text::InsertReturning)).returning()
    } else {
        Batch::new().add(text(T::TABLE, Text::Insert), values(record, Text::Insert))
    }
}
/// [`insert`] where nobody asks for the key, so that many rows share a statement.
pub(crate) fn push<T: Record>(batch: &mut Batch, record: &T) {
    let generated = T::TABLE.columns.iter().any(|c| c.generated) && key(record) == Value::Int(0);
    let which = if generated { Text::InsertNew } else { Text::Insert };
    batch.push(text(T::TABLE, which), values(record, which));
}
/// An insert that updates where the row is there by `unique`: the columns that are not fixed, and `also`.
/// The values are those of [`new_values`].
pub(crate) fn upsert<T: Record>(unique: &str, also: &[&str]) -> String {
    let sets = written(T::TABLE, Text::Update).flat_map(|c| std::iter::once(c.name).chain(c.folded));
    let sets: Vec<String> =
        sets.chain(also.iter().copied()).map(|name| format!("{name} = excluded.{name}")).collect();
    let insert = text(T::TABLE, Text::InsertNew);
    format!("{insert} ON CONFLICT ({unique}) DO UPDATE SET {}", sets.join(", "))
}
/// The text of an insert whose key the database gives, or that has no such key.
pub(crate) fn inserting<T: Record>() -> &'static str {
    text(T::TABLE, Text::InsertNew)
}
/// The values of an insert whose key the database gives, or that has no such key.
pub(crate) fn new_values<T: Record>(record: &T) -> Vec<Value> {
    values(record, Text::InsertNew)
}
/// The key that [`insert`] gave.
pub fn new_id(answers: &[Vec<Row>]) -> Result<i64> {
    answers.iter().flatten().next().ok_or_else(|| Error::internal("no id came back"))?.int(0)
}

/// [`update`] of a row that may have gone.
pub(crate) fn change<T: Record>(record: &T) -> Batch {
    let mut batch = update(record);
    batch.statements.iter_mut().for_each(|statement| statement.expect = None);
    batch
}
/// Writes the columns that are not fixed. `Conflict::NoRow` when there is no such row.
pub fn update<T: Record>(record: &T) -> Batch {
    let mut params = values(record, Text::Update);
    params.push(key(record));
    Batch::new().add(text(T::TABLE, Text::Update), params).expect_rows(1, Conflict::NoRow)
}
/// [`update`] of the columns that differ, so that of two changes at the same moment neither undoes the other's.
pub fn update_changed<T: Record>(before: &T, after: &T) -> Batch {
    let def = T::TABLE;
    let names = written(def, Text::Update).flat_map(|c| std::iter::once(c.name).chain(c.folded));
    let new = values(after, Text::Update);
    let pairs = names.zip(values(before, Text::Update)).zip(new);
    let (mut sets, mut params): (Vec<String>, Vec<Value>) = pairs
        .filter(|((_, old), new)| old != new)
        .map(|((name, _), new)| (format!("{name} = ?"), new))
        .unzip();
    if sets.is_empty() {
        sets.push(format!("{0} = {0}", def.key));
    }
    params.push(key(after));
    let sql = format!("UPDATE {} SET {} WHERE {} = ?", def.table, sets.join(", "), def.key);
    Batch::new().add(sql, params).expect_rows(1, Conflict::NoRow)
}
/// [`update`] of a row whose column still has the value that the caller has read, else `Conflict::Stale`.
pub fn update_guarded<T: Record>(record: &T, column: &'static str, value: impl Into<Value>) -> Batch {
    let mut params = values(record, Text::Update);
    params.extend([key(record), value.into()]);
    let sql = format!("{} AND {column} = ?", text(T::TABLE, Text::Update));
    Batch::new().add(sql, params).expect_rows(1, Conflict::Stale)
}
/// Removes the row. `Conflict::NoRow` when there is none.
pub fn delete<T: Record>(id: impl Into<Value>) -> Batch {
    let def = T::TABLE;
    Batch::new()
        .add(format!("DELETE FROM {} WHERE {} = ?", def.table, def.key), params![id.into()])
        .expect_rows(1, Conflict::NoRow)
}
/// [`delete`] of a row that may have gone.
pub fn remove<T: Record>(id: impl Into<Value>) -> Batch {
    let mut batch = delete::<T>(id);
    batch.statements.iter_mut().for_each(|statement| statement.expect = None);
    batch
}
/// [`Conflict::NoRow`] as `Error::NotFound`.
pub(crate) fn found<R>(answer: Result<R>) -> Result<R> {
    match answer {
        Err(Error::Conflict(Conflict::NoRow)) => Err(Error::NotFound),
        other => other,
    }
}

/// Keys for rows to come, which nobody else gets: rows of one import may name each other before any is written.
pub async fn reserve<T: Record>(db: &Db, count: usize) -> Result<Vec<i64>> {
    let (table, count) = (T::TABLE.table, i64::try_from(count).map_err(Error::internal)?);
    if count == 0 {
        return Ok(Vec::new());
    }
    if db.kind() == DbKind::Postgres {
        let sql = "SELECT nextval(pg_get_serial_sequence(?, ?)) FROM generate_series(1, CAST(? AS BIGINT))";
        return db
            .query(sql, params![table, T::TABLE.key, count])
            .await?
            .iter()
            .map(|row| row.int(0))
            .collect();
    }
    // The table's own counter, which is there from its first row on.
    let batch = Batch::new()
        .add(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
            params![table, table],
        )
        .add("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ? RETURNING seq", params![count, table])
        .returning();
    let last = new_id(&db.batch(batch).await?)?;
    Ok((last - count + 1..=last).collect())
}

/// The statements of a table, so that a test can compile them. Rows whose columns are all fixed are never updated.
pub(crate) fn statements(def: &'static TableDef) -> impl Iterator<Item = &'static str> {
    let all = [Text::Insert, Text::InsertReturning, Text::Update].into_iter();
    all.filter(move |which| written(def, *which).next().is_some()).map(move |which| text(def, which))
}
