//! Django look-ups: `name__startswith`, `groups__name`, `attributes__a__b`. A term about a column becomes
//! SQL; one about a member of a JSON document is evaluated here, because the databases share no JSON
//! functions.
mod json;
mod judging;
mod sql;
mod tables;

use super::attributes::too_many;
use super::table::{Record, columns};
use super::{groups, users};
use crate::db::{Db, Row, Value, in_list};
use judging::judged;
use signet_base::{Json, Result, Timestamp};
use tables::{Column, ColumnKind, Table};

pub use json::{holds, pattern};
pub use tables::Model;

/// Maximum number of keys per statement.
const MOST_KEYS: usize = 10_000;

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    Exact,
    Iexact,
    Contains,
    Icontains,
    Startswith,
    Istartswith,
    Endswith,
    Iendswith,
    Regex,
    Iregex,
    In,
    Gt,
    Gte,
    Lt,
    Lte,
    Range,
    Isnull,
    HasKey,
    HasKeys,
    HasAnyKeys,
}
impl Lookup {
    const NAMES: [(&'static str, Self); 20] = [
        ("exact", Self::Exact),
        ("iexact", Self::Iexact),
        ("contains", Self::Contains),
        ("icontains", Self::Icontains),
        ("startswith", Self::Startswith),
        ("istartswith", Self::Istartswith),
        ("endswith", Self::Endswith),
        ("iendswith", Self::Iendswith),
        ("regex", Self::Regex),
        ("iregex", Self::Iregex),
        ("in", Self::In),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("range", Self::Range),
        ("isnull", Self::Isnull),
        ("has_key", Self::HasKey),
        ("has_keys", Self::HasKeys),
        ("has_any_keys", Self::HasAnyKeys),
    ];
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, lookup)| *lookup)
    }
}

/// A condition on rows.
#[derive(Debug, Clone)]
pub enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Term),
    /// A related row matches the condition.
    Related(&'static str, Box<Condition>),
}

/// Conditions on one related row.
struct Inner {
    name: &'static str,
    to: Model,
    terms: Vec<(String, Json)>,
}

/// A comparison.
#[derive(Debug, Clone)]
pub struct Term {
    column: &'static str,
    /// The path inside a document.
    path: Vec<String>,
    lookup: Lookup,
    value: Json,
    /// Of [`Lookup::Regex`] and [`Lookup::Iregex`].
    pattern: Option<regex::Regex>,
}

impl Condition {
    pub fn anything() -> Self {
        Self::All(Vec::new())
    }
    pub fn nothing() -> Self {
        Self::Any(Vec::new())
    }
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(other);
                Self::All(parts)
            }
            one => Self::All(vec![one, other]),
        }
    }

    /// Parses look-ups; those about one relation apply to the same related row. The error names unknown
    /// fields.
    pub fn parse(model: Model, pairs: Vec<(String, Json)>) -> std::result::Result<Self, String> {
        let table = model.table();
        let (mut all, mut related): (Vec<Self>, Vec<Inner>) = (Vec::new(), Vec::new());
        for (name, value) in pairs {
            let (first, rest) =
                name.split_once("__").map_or((name.as_str(), None), |(first, rest)| (first, Some(rest)));
            let Some(relation) = table.relations.iter().find(|relation| relation.name == first) else {
                all.push(Self::Is(Term::parse(table, &name, value)?));
                continue;
            };
            let inner = match rest {
                None if value.is_null() => None,
                None => Some("pk".to_owned()),
                Some("isnull") if value.as_bool() == Some(true) => None,
                Some("isnull") => {
                    all.push(Self::Related(relation.name, Box::new(Self::anything())));
                    continue;
                }
                Some(lookup) if Lookup::parse(lookup).is_some() => Some(format!("pk__{lookup}")),
                Some(rest) => Some(rest.to_owned()),
            };
            match inner {
                None => {
                    all.push(Self::Not(Box::new(Self::Related(relation.name, Box::new(Self::anything())))))
                }
                Some(inner) => match related.iter_mut().find(|known| known.name == relation.name) {
                    Some(known) => known.terms.push((inner, value)),
                    None => related.push(Inner {
                        name: relation.name,
                        to: relation.to,
                        terms: vec![(inner, value)],
                    }),
                },
            }
        }
        for inner in related {
            all.push(Self::Related(inner.name, Box::new(Self::parse(inner.to, inner.terms)?)));
        }
        Ok(Self::All(all))
    }

    /// The result for a loaded record, by column names; `None` if related rows decide.
    pub fn fits(&self, record: &Json) -> Option<bool> {
        self.fits_with(record, &|_| None)
    }
    /// As [`fits`](Self::fits) where related records are at hand too, by the name of the relation.
    pub fn fits_with(&self, record: &Json, related: &dyn Fn(&str) -> Option<Vec<Json>>) -> Option<bool> {
        self.judged(record, related).map(|answer| answer == Some(true))
    }
    fn judged(&self, record: &Json, related: &dyn Fn(&str) -> Option<Vec<Json>>) -> Option<Option<bool>> {
        let each = |parts: &[Self]| {
            parts.iter().map(|part| part.judged(record, related)).collect::<Option<Vec<_>>>()
        };
        Some(match self {
            Self::All(parts) => {
                let all = each(parts)?;
                if all.contains(&Some(false)) {
                    Some(false)
                } else if all.contains(&None) {
                    None
                } else {
                    Some(true)
                }
            }
            Self::Any(parts) => {
                let any = each(parts)?;
                if any.contains(&Some(true)) {
                    Some(true)
                } else if any.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
            Self::Not(part) => part.judged(record, related)?.map(|yes| !yes),
            Self::Is(term) => term.holds(record.get(term.column).unwrap_or(&Json::Null)),
            Self::Related(name, inner) => {
                let answers = related(name)?.iter().map(|row| inner.fits(row)).collect::<Option<Vec<_>>>()?;
                Some(answers.contains(&true))
            }
        })
    }

    /// The models that related rows are of, and whether only their keys are asked for.
    pub fn relations(&self, model: Model) -> Vec<(Model, bool)> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(|part| part.relations(model)).collect()
            }
            Self::Not(part) => part.relations(model),
            Self::Is(_) => Vec::new(),
            Self::Related(name, inner) => {
                let of = model.table().relations.iter().find(|relation| relation.name == *name);
                let Some(to) = of.map(|relation| relation.to) else { return Vec::new() };
                let mut all = inner.relations(to);
                all.push((to, inner.asks_for_keys_only()));
                all
            }
        }
    }
    fn asks_for_keys_only(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::asks_for_keys_only),
            Self::Not(part) => part.asks_for_keys_only(),
            Self::Is(term) => matches!(term.column, "pk" | "id" | "uuid" | "group_uuid"),
            Self::Related(..) => true,
        }
    }

    /// The columns that patterns are about.
    fn patterned(&self, named: &mut Vec<&'static str>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.patterned(named)),
            Self::Not(part) => part.patterned(named),
            Self::Is(term) if term.pattern.is_some() => named.push(term.column),
            Self::Is(_) | Self::Related(..) => {}
        }
    }

    fn judges_documents(&self, table: &Table) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.judges_documents(table)),
            Self::Not(part) => part.judges_documents(table),
            Self::Is(term) => term.is_judged(table),
            Self::Related(..) => false,
        }
    }
}

impl Term {
    fn parse(table: &Table, name: &str, value: Json) -> std::result::Result<Self, String> {
        let unknown = || format!("Cannot resolve keyword '{name}' into field.");
        // The longest matching column name counts: `user__username` before `user`.
        let fits = |column: &&Column| {
            name.strip_prefix(column.name).is_some_and(|rest| rest.is_empty() || rest.starts_with("__"))
        };
        let column =
            table.columns.iter().filter(fits).max_by_key(|column| column.name.len()).ok_or_else(unknown)?;
        let rest = name[column.name.len()..].trim_start_matches("__");
        let mut path: Vec<String> =
            rest.split("__").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let lookup = path.last().and_then(|last| Lookup::parse(last));
        if lookup.is_some() {
            path.pop();
        }
        if column.kind != ColumnKind::Json && !path.is_empty() {
            return Err(format!("Unsupported lookup '{}' for {}.", path.join("__"), column.name));
        }
        let lookup = lookup.unwrap_or(Lookup::Exact);
        let pattern = json::pattern(lookup, &value)?;
        let term = Self { column: column.name, path, lookup, value, pattern };
        term.check(column)?;
        Ok(term)
    }
    /// Whether the databases cannot answer it.
    fn is_judged(&self, table: &Table) -> bool {
        self.pattern.is_some() || self.column(table).is_some_and(|column| column.kind == ColumnKind::Json)
    }
    fn holds(&self, value: &Json) -> Option<bool> {
        match &self.pattern {
            Some(pattern) => json::fits(value, &self.path, pattern),
            None => json::holds(value, &self.path, self.lookup, &self.value),
        }
    }
    fn column<'t>(&self, table: &'t Table) -> Option<&'t Column> {
        table.columns.iter().find(|column| column.name == self.column)
    }
}

/// Condition, order and slice of a query.
#[derive(Debug, Clone)]
pub struct Select {
    pub condition: Condition,
    /// Column names, and whether descending.
    pub order: Vec<(String, bool)>,
    /// From the end.
    pub reversed: bool,
    pub offset: u64,
    pub limit: u64,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Field {
    Json(Json),
    Time(Timestamp),
}

async fn select(db: &Db, model: Model, columns: &str, ask: &Select) -> Result<Vec<Row>> {
    let table = model.table();
    let Some((condition, mut params)) = ready(db, model, &ask.condition).await? else {
        return Ok(Vec::new());
    };
    let mut order = Vec::new();
    for (name, down) in &ask.order {
        if let Some(column) = table.columns.iter().find(|column| column.name == name) {
            let down = *down != ask.reversed;
            order.push(match (column.nullable, down) {
                (false, false) => column.sql.clone(),
                (false, true) => format!("{} DESC", column.sql),
                (true, false) => format!("{} ASC NULLS FIRST", column.sql),
                (true, true) => format!("{} DESC NULLS LAST", column.sql),
            });
        }
    }
    let ends = if ask.reversed { " DESC" } else { "" };
    if order.is_empty() {
        order.extend(table.order.split(", ").map(|column| format!("{column}{ends}")));
    }
    order.push(format!("{}{ends}", table.id));
    let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    params.extend([number(ask.limit), number(ask.offset)]);
    db.scan(
        &format!(
            "SELECT {columns} FROM {} WHERE {condition} ORDER BY {} LIMIT ? OFFSET ?",
            table.from,
            order.join(", ")
        ),
        params,
    )
    .await
}

/// The number of rows that match.
pub async fn count(db: &Db, model: Model, condition: &Condition) -> Result<u64> {
    let Some((condition, params)) = ready(db, model, condition).await? else { return Ok(0) };
    let rows =
        db.scan(&format!("SELECT count(*) FROM {} WHERE {condition}", model.table().from), params).await?;
    Ok(rows.first().map(|row| row.int(0)).transpose()?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}
pub async fn users(db: &Db, ask: &Select) -> Result<Vec<users::User>> {
    records(db, Model::User, ask).await
}
pub async fn groups(db: &Db, ask: &Select) -> Result<Vec<groups::Group>> {
    records(db, Model::Group, ask).await
}
async fn records<T: Record>(db: &Db, model: Model, ask: &Select) -> Result<Vec<T>> {
    select(db, model, &columns::<T>(), ask).await?.iter().map(|row| T::load(row, 0)).collect()
}
/// Rows of any model with the named columns.
pub async fn rows(db: &Db, model: Model, ask: &Select) -> Result<Vec<Vec<(&'static str, Field)>>> {
    let columns = &model.table().columns;
    let sql: Vec<&str> = columns.iter().map(|column| column.sql.as_str()).collect();
    let found = select(db, model, &sql.join(", "), ask).await?;
    found
        .iter()
        .map(|row| {
            columns
                .iter()
                .enumerate()
                .map(|(at, column)| Ok((column.name, field(row, at, &column.kind)?)))
                .collect()
        })
        .collect()
}

fn field(row: &Row, at: usize, kind: &ColumnKind) -> Result<Field> {
    if row.is_null(at) {
        return Ok(Field::Json(Json::Null));
    }
    Ok(match kind {
        ColumnKind::Time => Field::Time(row.time(at)?),
        ColumnKind::Flag => Field::Json(Json::Bool(row.bool(at)?)),
        ColumnKind::Int => Field::Json(Json::from(row.int(at)?)),
        ColumnKind::Json => Field::Json(row.json(at)?),
        ColumnKind::Text | ColumnKind::Keyed(_) | ColumnKind::Uuid => {
            Field::Json(Json::String(row.string(at)?))
        }
    })
}

/// The condition as SQL without documents; `None` if nothing can match.
async fn ready(db: &Db, model: Model, condition: &Condition) -> Result<Option<(String, Vec<Value>)>> {
    let table = model.table();
    let condition = resolved(db, model, condition.clone()).await?;
    let mut params = Vec::new();
    let (mut sql, judged) = if condition.judges_documents(table) {
        let keys = judged(db, table, &condition).await?;
        if keys.is_empty() {
            return Ok(None);
        }
        if keys.len() > MOST_KEYS {
            return Err(too_many("filter"));
        }
        let sql = format!("{} IN ({})", table.id, in_list(keys.len()));
        params.extend(keys);
        (sql, true)
    } else {
        (sql::of(table, &condition, &mut params), false)
    };
    if !judged && !table.always.is_empty() {
        sql = format!("{} AND {sql}", table.always);
    }
    Ok(Some((sql, params)))
}

/// Related rows with document conditions are evaluated first.
fn resolved<'a>(
    db: &'a Db,
    model: Model,
    condition: Condition,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Condition>> + Send + 'a>> {
    Box::pin(async move {
        let each = async |parts: Vec<Condition>| -> Result<Vec<Condition>> {
            let mut out = Vec::with_capacity(parts.len());
            for part in parts {
                out.push(resolved(db, model, part).await?);
            }
            Ok(out)
        };
        Ok(match condition {
            Condition::All(parts) => Condition::All(each(parts).await?),
            Condition::Any(parts) => Condition::Any(each(parts).await?),
            Condition::Not(part) => Condition::Not(Box::new(resolved(db, model, *part).await?)),
            Condition::Is(term) => Condition::Is(term),
            Condition::Related(name, inner) => {
                let Some(to) = model
                    .table()
                    .relations
                    .iter()
                    .find(|relation| relation.name == name)
                    .map(|relation| relation.to)
                else {
                    return Ok(Condition::nothing());
                };
                let inner = resolved(db, to, *inner).await?;
                if !inner.judges_documents(to.table()) {
                    return Ok(Condition::Related(name, Box::new(inner)));
                }
                let keys = judged(db, to.table(), &inner).await?;
                if keys.len() > MOST_KEYS {
                    return Err(too_many("filter"));
                }
                let keys = keys.iter().map(key_json).collect();
                let term = Term {
                    column: "pk",
                    path: Vec::new(),
                    lookup: Lookup::In,
                    value: Json::Array(keys),
                    pattern: None,
                };
                Condition::Related(name, Box::new(Condition::Is(term)))
            }
        })
    })
}

fn key_json(key: &Value) -> Json {
    match key {
        Value::Int(n) => Json::from(*n),
        Value::Text(text) => Json::String(text.clone()),
        _ => Json::Null,
    }
}
