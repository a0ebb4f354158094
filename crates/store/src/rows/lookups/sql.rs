//! Conditions as SQL for both databases. Every value is a parameter; lengths are computed here.
use super::tables::{Column, ColumnKind, Table};
use super::{Condition, Lookup, Term};
use crate::db::Value;
use crate::rows::list::{contains, starts_with};
use signet_base::{Json, Timestamp, Uuid};

/// Maximum number of values of one `in`.
const MOST: usize = 10_000;

impl Term {
    /// Whether the value fits the column. The error is for the expression's author.
    pub(super) fn check(&self, column: &Column) -> Result<(), String> {
        let wrong = |value: &Json| Err(format!("'{}' cannot be compared with {value}", column.name));
        let list = || match &self.value {
            Json::Array(items) if items.len() <= MOST => Ok(items.as_slice()),
            Json::Array(_) => Err(format!("'{}' is compared with more than {MOST} values", column.name)),
            other => Err(format!("'{}' needs a list, not {other}", column.name)),
        };
        match (&column.kind, self.lookup) {
            (_, Lookup::Isnull) => self
                .value
                .as_bool()
                .map(drop)
                .ok_or_else(|| format!("'{}__isnull' is True or False", column.name)),
            (ColumnKind::Json, Lookup::In | Lookup::HasKeys | Lookup::HasAnyKeys) => list().map(drop),
            (ColumnKind::Json, Lookup::Range) => {
                list().and_then(|pair| if pair.len() == 2 { Ok(()) } else { wrong(&self.value) })
            }
            (ColumnKind::Json, _) => Ok(()),
            (_, Lookup::HasKey | Lookup::HasKeys | Lookup::HasAnyKeys) => {
                Err(format!("'{}' is no JSON document", column.name))
            }
            (kind, Lookup::In) => {
                match list()?.iter().find(|value| !value.is_null() && bound(kind, value).is_none()) {
                    Some(value) => wrong(value),
                    None => Ok(()),
                }
            }
            (kind, Lookup::Range) => match list()? {
                [low, high] if bound(kind, low).is_some() && bound(kind, high).is_some() => Ok(()),
                _ => wrong(&self.value),
            },
            (_, Lookup::Exact | Lookup::Iexact) if self.value.is_null() => Ok(()),
            (ColumnKind::Flag | ColumnKind::Time | ColumnKind::Int | ColumnKind::Uuid, lookup)
                if is_pattern(lookup) =>
            {
                Err(format!("'{}' is no text", column.name))
            }
            (ColumnKind::Text | ColumnKind::Keyed(_), Lookup::Regex | Lookup::Iregex) => Ok(()),
            (_, Lookup::Regex | Lookup::Iregex) => Err(format!("'{}' is no text", column.name)),
            (kind, _) if bound(kind, &self.value).is_some() => Ok(()),
            _ => wrong(&self.value),
        }
    }
}

fn is_pattern(lookup: Lookup) -> bool {
    use Lookup::{Contains, Endswith, Icontains, Iendswith, Iexact, Istartswith, Startswith};
    matches!(lookup, Contains | Icontains | Startswith | Istartswith | Endswith | Iendswith | Iexact)
}

/// The value in the column's type; `None` if it cannot have one.
fn bound(kind: &ColumnKind, value: &Json) -> Option<Value> {
    Some(match (kind, value) {
        (ColumnKind::Flag, Json::Bool(flag)) => (*flag).into(),
        (ColumnKind::Flag, Json::Number(number)) => (number.as_i64()? != 0).into(),
        (ColumnKind::Int, Json::Number(number)) => Value::Int(number.as_i64()?),
        // Forms and events contain keys as texts.
        (ColumnKind::Int, Json::String(text)) => Value::Int(text.trim().parse().ok()?),
        (ColumnKind::Uuid, Json::String(text)) => Uuid::parse_str(text).ok()?.into(),
        (ColumnKind::Time, Json::String(text)) => Timestamp::parse(text).ok()?.into(),
        (ColumnKind::Text | ColumnKind::Keyed(_), Json::String(text)) => text.as_str().into(),
        (ColumnKind::Text | ColumnKind::Keyed(_), Json::Number(number)) => number.to_string().into(),
        _ => return None,
    })
}

/// A condition without documents.
pub(super) fn of(table: &Table, condition: &Condition, params: &mut Vec<Value>) -> String {
    match condition {
        Condition::All(parts) => joined(table, parts, " AND ", "1 = 1", params),
        Condition::Any(parts) => joined(table, parts, " OR ", "1 = 0", params),
        Condition::Not(part) => format!("(NOT {})", of(table, part, params)),
        Condition::Is(term) => match term.column(table) {
            Some(column) => comparison(column, term, params),
            None => "1 = 0".to_owned(),
        },
        Condition::Related(name, inner) => {
            match table.relations.iter().find(|relation| relation.name == *name) {
                Some(relation) => {
                    let inner = of(relation.to.table(), inner, params);
                    relation.sql.replace("{}", &inner)
                }
                None => "1 = 0".to_owned(),
            }
        }
    }
}

fn joined(table: &Table, parts: &[Condition], with: &str, none: &str, params: &mut Vec<Value>) -> String {
    match parts {
        [] => none.to_owned(),
        [one] => of(table, one, params),
        all => format!("({})", all.iter().map(|part| of(table, part, params)).collect::<Vec<_>>().join(with)),
    }
}

/// A condition that holds for all rows that match the given one.
pub(super) fn widest(table: &Table, condition: &Condition, params: &mut Vec<Value>) -> String {
    match condition {
        other if !other.judges_documents(table) => of(table, other, params),
        Condition::All(parts) => format!(
            "({})",
            parts.iter().map(|part| widest(table, part, params)).collect::<Vec<_>>().join(" AND ")
        ),
        Condition::Any(parts) => format!(
            "({})",
            parts.iter().map(|part| widest(table, part, params)).collect::<Vec<_>>().join(" OR ")
        ),
        _ => "1 = 1".to_owned(),
    }
}

/// The database's result for each leaf without a document, as columns of a SELECT.
pub(super) fn leaves(
    table: &Table,
    condition: &Condition,
    columns: &mut Vec<String>,
    params: &mut Vec<Value>,
) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| leaves(table, part, columns, params))
        }
        Condition::Not(part) => leaves(table, part, columns, params),
        Condition::Is(term) if term.is_judged(table) => {}
        leaf => columns.push(format!("CASE WHEN {} THEN 1 ELSE 0 END", of(table, leaf, params))),
    }
}

/// A comparison; never NULL, so that its negation holds for all other rows.
fn comparison(column: &Column, term: &Term, params: &mut Vec<Value>) -> String {
    let sql = plain(column, term, params);
    if column.nullable && term.lookup != Lookup::Isnull && !term.value.is_null() {
        format!("({} IS NOT NULL AND {sql})", column.sql)
    } else {
        sql
    }
}

fn plain(column: &Column, term: &Term, params: &mut Vec<Value>) -> String {
    let sql = &column.sql;
    let text = match &term.value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let lower =
        || if let ColumnKind::Keyed(key) = &column.kind { key.clone() } else { format!("LOWER({sql})") };
    let sign = match term.lookup {
        Lookup::Isnull => {
            return format!("{sql} IS {}NULL", if term.value.as_bool() == Some(true) { "" } else { "NOT " });
        }
        Lookup::Exact | Lookup::Iexact if term.value.is_null() => return format!("{sql} IS NULL"),
        Lookup::Exact => "=",
        Lookup::Gt => ">",
        Lookup::Gte => ">=",
        Lookup::Lt => "<",
        Lookup::Lte => "<=",
        Lookup::Range | Lookup::In => {
            let values: Vec<Value> = term
                .value
                .as_array()
                .map_or(&[] as &[Json], Vec::as_slice)
                .iter()
                .filter_map(|value| bound(&column.kind, value))
                .collect();
            if term.lookup == Lookup::Range {
                params.extend(values);
                return format!("({sql} >= ? AND {sql} <= ?)");
            }
            if values.is_empty() {
                return "1 = 0".to_owned();
            }
            let marks = vec!["?"; values.len()].join(",");
            params.extend(values);
            return format!("{sql} IN ({marks})");
        }
        Lookup::Iexact => {
            params.push(text.to_lowercase().into());
            return format!("{} = ?", lower());
        }
        Lookup::Icontains => {
            params.push(contains(&text.to_lowercase()).into());
            return format!("{} LIKE ? ESCAPE '!'", lower());
        }
        Lookup::Istartswith => {
            params.push(starts_with(&text.to_lowercase()).into());
            return format!("{} LIKE ? ESCAPE '!'", lower());
        }
        Lookup::Iendswith => {
            let pattern = contains(&text.to_lowercase());
            params.push(pattern.strip_suffix('%').unwrap_or(&pattern).into());
            return format!("{} LIKE ? ESCAPE '!'", lower());
        }
        // Unlike LIKE, `replace` is case-sensitive on both databases.
        Lookup::Contains if text.is_empty() => return "1 = 1".to_owned(),
        Lookup::Contains => {
            params.push(text.into());
            return format!("replace({sql}, ?, '') <> {sql}");
        }
        Lookup::Startswith | Lookup::Endswith => {
            let length = text.chars().count();
            params.push(text.into());
            let start = if term.lookup == Lookup::Startswith {
                "1".to_owned()
            } else {
                format!("length({sql}) - {length} + 1")
            };
            return format!("(length({sql}) >= {length} AND substr({sql}, {start}, {length}) = ?)");
        }
        // Judged elsewhere.
        Lookup::HasKey | Lookup::HasKeys | Lookup::HasAnyKeys | Lookup::Regex | Lookup::Iregex => {
            return "1 = 0".to_owned();
        }
    };
    params.push(bound(&column.kind, &term.value).unwrap_or(Value::Null));
    match &column.kind {
        // The index is on the other column.
        ColumnKind::Keyed(key) if sign == "=" => {
            params.extend([text.to_lowercase().into(), text.trim().to_lowercase().into()]);
            format!("({sql} = ? AND {key} IN (?, ?))")
        }
        _ => format!("{sql} {sign} ?"),
    }
}
