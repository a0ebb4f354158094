//! AKQL in lists. A term about a column becomes SQL; one about a member of a JSON document is evaluated here,
//! because the databases share no JSON functions.
use super::attributes::{BOUND, too_many};
use super::filter::{Filter, Plan};
use super::list::{List, Page, by_keys, contains, order_by, orders, text};
use super::paging;
use super::table::Record;
use crate::db::{Db, Row, Value};
use signet_base::akql::{Operator, Query, Term};
use signet_base::{Json, Map, Result, Timestamp};
use signet_model::{ColumnDef, ColumnKind, TableDef};
use std::collections::HashSet;

/// Rows per chunk.
const CHUNK: i64 = 2_000;

fn column(def: &'static TableDef, term: &Term) -> Option<&'static ColumnDef> {
    let (first, rest) = term.path.split_first()?;
    let column = def.column(first).filter(|column| column.query)?;
    ((column.kind == ColumnKind::Json) != rest.is_empty()).then_some(column)
}
fn sql_of(def: &TableDef, column: &ColumnDef) -> String {
    format!("{}.{}", def.alias, column.name)
}

/// Whether every term names something that is here and compares it with what it can be. Otherwise the text is no
/// query of this list, but words to search for.
pub(crate) fn understands(def: &'static TableDef, query: &Query) -> bool {
    query.terms().into_iter().all(|term| {
        let values = match (&term.value, term.operator) {
            (Json::Array(list), Operator::In) => list.iter().collect(),
            (value, _) => vec![value],
        };
        let each = |test: fn(&Json) -> bool| values.iter().all(|value| test(value));
        let patterns =
            matches!(term.operator, Operator::Contains | Operator::StartsWith | Operator::EndsWith);
        match column(def, term).map(|column| column.kind) {
            None => false,
            Some(ColumnKind::Json) => true,
            Some(ColumnKind::Text | ColumnKind::Uuid) => each(Json::is_string),
            Some(ColumnKind::Flag) => {
                matches!(term.operator, Operator::Equal | Operator::In)
                    && each(|value| value.is_boolean() || value.is_null())
            }
            Some(ColumnKind::Int) => !patterns && each(Json::is_i64),
            Some(ColumnKind::Time) => !patterns && each(|value| time(value).is_some()),
        }
    })
}

/// One page of the rows that fulfil the filter and the query, which [`understands`] has passed; how many do.
pub(crate) async fn page<T: Record>(
    db: &Db,
    mut wide: Filter,
    query: &Query,
    page: &Page,
) -> Result<(Vec<T>, u64)> {
    let def = T::TABLE;
    if wide.is_nothing() {
        return Ok((Vec::new(), 0));
    }
    let documents: Vec<_> = def
        .columns
        .iter()
        .filter(|c| c.kind == ColumnKind::Json && c.query)
        .filter(|c| {
            query
                .terms()
                .iter()
                .any(|term| def.column(&term.path[0]).is_some_and(|named| named.name == c.name))
        })
        .collect();
    let mut params = Vec::new();
    let sql = widest(def, query, &mut params);
    wide.and(sql, params);
    if documents.is_empty() {
        let (keys, total) = paging::page(&List { def, filter: wide, page }, db).await?;
        return Ok((by_keys(db, &keys).await?, total));
    }
    let found = judged(db, def, &wide, query, &documents).await?;
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let (skip, take) = (
        usize::try_from(page.offset()).unwrap_or(usize::MAX),
        usize::try_from(page.size).unwrap_or(usize::MAX),
    );
    let key = format!("{}.{}", def.alias, def.key);
    let order = order_by(&orders(def, page), &key, false);
    let mut keys = Vec::new();
    for row in ordered(db, def, &wide, &key, Vec::new(), &order, BOUND).await? {
        let id = row.value(0)?;
        if found.contains(&text(id)) {
            keys.push(id.clone());
        }
    }
    let keys: Vec<Value> = keys.into_iter().skip(skip).take(take).collect();
    Ok((by_keys(db, &keys).await?, total))
}

/// The first rows of a filter in order; `params` are those of the columns.
async fn ordered(
    db: &Db,
    def: &TableDef,
    filter: &Filter,
    columns: &str,
    mut params: Vec<Value>,
    order: &str,
    limit: i64,
) -> Result<Vec<Row>> {
    let (condition, values) = filter.condition(Plan::Find);
    let (words, asked) = filter.words();
    params.extend(values);
    params.extend(asked);
    params.push(limit.into());
    let sql = format!(
        "SELECT {columns} FROM {} {}{condition}{words} ORDER BY {order} LIMIT ?",
        def.table, def.alias
    );
    db.scan(&sql, params).await
}

/// The rows of the widened condition that match the whole query, read in chunks.
async fn judged(
    db: &Db,
    def: &'static TableDef,
    wide: &Filter,
    query: &Query,
    documents: &[&'static ColumnDef],
) -> Result<HashSet<String>> {
    let key = format!("{}.{}", def.alias, def.key);
    let mut columns = vec![key.clone()];
    columns.extend(documents.iter().map(|document| sql_of(def, document)));
    let mut params = Vec::new();
    // The database's result for each of its terms.
    for term in query.terms() {
        if let Some(column) = column(def, term).filter(|column| column.kind != ColumnKind::Json) {
            columns
                .push(format!("CASE WHEN {} THEN 1 ELSE 0 END", condition(def, column, term, &mut params)));
        }
    }
    let (columns, mut found, mut seen, mut last) = (columns.join(", "), HashSet::new(), 0, None);
    loop {
        let mut piece = wide.clone();
        if let Some(last) = last.take() {
            piece.and(format!("{key} > ?"), [last]);
        }
        let rows = ordered(db, def, &piece, &columns, params.clone(), &key, CHUNK).await?;
        for row in &rows {
            let mut record = Map::new();
            for (at, document) in documents.iter().enumerate() {
                record.insert(document.field.name.to_owned(), Json::Object(row.map(at + 1)?));
            }
            let mut next = documents.len() + 1;
            if holds(def, query, &record, row, &mut next)? {
                found.insert(text(row.value(0)?));
            }
        }
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        seen += count;
        if seen > BOUND {
            return Err(too_many("search"));
        }
        match rows.last() {
            Some(row) if count == CHUNK => last = Some(row.value(0)?.clone()),
            _ => return Ok(found),
        }
    }
}

/// Every term is evaluated, so that `next` stays aligned with the database's results.
fn holds(def: &'static TableDef, query: &Query, record: &Map, row: &Row, next: &mut usize) -> Result<bool> {
    Ok(match query {
        Query::And(left, right) => {
            holds(def, left, record, row, next)? & holds(def, right, record, row, next)?
        }
        Query::Or(left, right) => {
            holds(def, left, record, row, next)? | holds(def, right, record, row, next)?
        }
        Query::Term(term) if column(def, term).is_some_and(|column| column.kind == ColumnKind::Json) => {
            term.holds(record)
        }
        Query::Term(_) => {
            *next += 1;
            row.int(*next - 1)? == 1
        }
    })
}

/// A condition that holds for every row for which the query does; only for these when it asks for no document.
fn widest(def: &'static TableDef, query: &Query, params: &mut Vec<Value>) -> String {
    match query {
        Query::And(left, right) => {
            format!("({} AND {})", widest(def, left, params), widest(def, right, params))
        }
        Query::Or(left, right) => {
            format!("({} OR {})", widest(def, left, params), widest(def, right, params))
        }
        Query::Term(term) => match column(def, term) {
            Some(column) if column.kind != ColumnKind::Json => condition(def, column, term, params),
            Some(_) => "1 = 1".to_owned(),
            None => "1 = 0".to_owned(),
        },
    }
}

/// A date, a date and time, or a time as in the API; UTC by default.
fn time(value: &Json) -> Option<Timestamp> {
    let text = value.as_str()?;
    Timestamp::parse(text).or_else(|_| Timestamp::parse(&text.replacen(' ', "T", 1))).ok()
}

fn bound(kind: ColumnKind, value: &Json) -> Value {
    match (kind, value) {
        (ColumnKind::Flag, Json::Bool(flag)) => (*flag).into(),
        (ColumnKind::Time, value) => time(value).map_or(Value::Null, Value::from),
        (_, Json::String(text)) => text.as_str().into(),
        _ => Value::Null,
    }
}

/// The term as SQL. Columns are never NULL; a comparison with `None` compares with NULL and never holds.
fn condition(def: &TableDef, column: &ColumnDef, term: &Term, params: &mut Vec<Value>) -> String {
    let sql = sql_of(def, column);
    let folded = column.folded.map(|key| format!("{}.{key}", def.alias));
    let text = term.value.as_str().unwrap_or_default();
    let sign = match term.operator {
        Operator::Equal if term.negated => "<>",
        Operator::Equal => "=",
        Operator::Greater => ">",
        Operator::GreaterEqual => ">=",
        Operator::Less => "<",
        Operator::LessEqual => "<=",
        Operator::Contains => {
            params.push(contains(&text.to_lowercase()).into());
            let lower = folded.unwrap_or_else(|| format!("LOWER({sql})"));
            return format!("{lower} {}LIKE ? ESCAPE '!'", if term.negated { "NOT " } else { "" });
        }
        Operator::StartsWith | Operator::EndsWith => {
            // Unlike LIKE, case-sensitive on both databases. The length is computed here.
            let length = text.chars().count();
            params.push(text.into());
            let start = if term.operator == Operator::StartsWith {
                "1".to_owned()
            } else {
                format!("length({sql}) - {length} + 1")
            };
            return format!(
                "{}(length({sql}) >= {length} AND substr({sql}, {start}, {length}) = ?)",
                if term.negated { "NOT " } else { "" }
            );
        }
        Operator::In => {
            let list: &[Json] = term.value.as_array().map_or(&[], Vec::as_slice);
            params.extend(list.iter().map(|value| bound(column.kind, value)));
            return format!(
                "{sql} {}IN ({})",
                if term.negated { "NOT " } else { "" },
                vec!["?"; list.len()].join(",")
            );
        }
    };
    if term.value.is_null() {
        return if term.negated { "1 = 1".to_owned() } else { "1 = 0".to_owned() };
    }
    params.push(bound(column.kind, &term.value));
    match folded {
        // The index is on the other column.
        Some(key) if sign == "=" => {
            params.push(super::table::folded(text).into());
            format!("({sql} = ? AND {key} = ?)")
        }
        _ => format!("{sql} {sign} ?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::rows::events::EventRow;
    use crate::rows::users::User;

    #[test]
    fn names_and_values_are_judged_before_anything_is_asked() {
        let understood = |text: &str| {
            let def = if text.starts_with("created") { EventRow::TABLE } else { User::TABLE };
            understands(def, &Query::parse(text).unwrap())
        };
        for text in [
            "username ~ \"a\" or attributes.a.b > 1",
            "is_active = True",
            "is_active != None",
            "created > \"2024-01-31\" and created <= \"2024-02-01 10:30\"",
            "username in (\"a\", \"b\")",
        ] {
            assert!(understood(text), "{text}");
        }
        for text in [
            "nickname = \"a\"",
            "username = 1",
            "username = None",
            "username.x = \"a\"",
            "attributes = \"a\"",
            "is_active > 1",
            "is_active = \"a\"",
            "created = \"soon\"",
            "created ~ \"2024\"",
        ] {
            assert!(!understood(text), "{text}");
        }
    }

    #[test]
    fn values_are_parameters_and_documents_widen() {
        let mut params = Vec::new();
        let query =
            Query::parse("username = \"A'; DROP TABLE users\" and (attributes.a = 1 or is_active = False)")
                .unwrap();
        assert_eq!(
            widest(User::TABLE, &query, &mut params),
            "((u.username = ? AND u.username_key = ?) AND (1 = 1 OR u.is_active = ?))"
        );
        assert_eq!(
            params,
            vec![Value::from("A'; DROP TABLE users"), Value::from("a'; drop table users"), Value::Int(0)]
        );
    }
}
