//! The `attributes` filter of users and groups: `{"a__b": 1}` means that `attributes.a.b` is 1; the last
//! segment may be an operator (`icontains`, `gt`, `in`, `isnull`, …). Evaluated here, because the databases
//! share no JSON functions.
use super::filter::Filter;
use super::list::ListQuery;
use super::table::Record;
use crate::db::Db;
use signet_base::{Error, Json, Map, Result};

/// Maximum number of rows that a filter reads.
pub(crate) const BOUND: i64 = 200_000;

pub(crate) fn too_many(field: &str) -> Error {
    Error::invalid(
        field,
        format!("More than {BOUND} rows would have to be looked at: narrow the list by another filter."),
    )
}

pub(crate) fn parse(text: &str) -> Result<Map> {
    match serde_json::from_str(text) {
        Ok(Json::Object(map)) => Ok(map),
        _ => Ok(Map::new()),
    }
}

/// Narrows a list to the rows whose attributes fit: those that fulfil everything else are looked through.
pub(crate) async fn narrow<T: Record>(
    db: &Db,
    q: &ListQuery,
    filter: &mut Filter,
    wanted: &Map,
) -> Result<()> {
    let (alias, key) = (T::TABLE.alias, T::TABLE.key);
    let mut others = filter.clone();
    others.declared(T::TABLE, &q.filters);
    let columns = format!("{alias}.{key}, {alias}.attributes");
    let rows = others.all(db, &columns, &format!("{} {alias}", T::TABLE.table), BOUND + 1).await?;
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) > BOUND {
        return Err(too_many("attributes"));
    }
    let mut keys = Vec::new();
    for row in &rows {
        if fit(&row.map(1)?, wanted) {
            keys.push(row.value(0)?.clone());
        }
    }
    if keys.len() > 10_000 {
        return Err(too_many("attributes"));
    }
    filter.only(&format!("{alias}.{key}"), &keys);
    Ok(())
}

/// Whether the attributes match the filter.
pub(crate) fn fit(attributes: &Map, wanted: &Map) -> bool {
    wanted.iter().all(|(path, value)| one(attributes, path, value))
}

fn one(attributes: &Map, path: &str, wanted: &Json) -> bool {
    if let Some(found) = at(attributes, path) {
        return contains(found, wanted);
    }
    let Some((path, comparison)) = path.rsplit_once("__") else {
        return false;
    };
    let found = at(attributes, path);
    if comparison == "isnull" {
        return wanted.as_bool().is_some_and(|null| found.is_none_or(Json::is_null) == null);
    }
    let Some(found) = found else { return false };
    let text = |json: &Json| json.as_str().map(str::to_lowercase);
    let texts = |test: fn(&str, &str) -> bool| matches!((found.as_str(), wanted.as_str()), (Some(f), Some(w)) if test(f, w));
    let folded = |test: fn(&str, &str) -> bool| matches!((text(found), text(wanted)), (Some(f), Some(w)) if test(&f, &w));
    let numbers = |test: fn(f64, f64) -> bool| matches!((found.as_f64(), wanted.as_f64()), (Some(f), Some(w)) if test(f, w));
    match comparison {
        "exact" => found == wanted,
        "iexact" => folded(|f, w| f == w),
        "contains" => match found {
            Json::String(_) => texts(|f, w| f.contains(w)),
            _ => contains(found, wanted),
        },
        "icontains" => folded(|f, w| f.contains(w)),
        "startswith" => texts(|f, w| f.starts_with(w)),
        "istartswith" => folded(|f, w| f.starts_with(w)),
        "endswith" => texts(|f, w| f.ends_with(w)),
        "iendswith" => folded(|f, w| f.ends_with(w)),
        "in" => wanted.as_array().is_some_and(|list| list.contains(found)),
        "gt" => numbers(|f, w| f > w),
        "gte" => numbers(|f, w| f >= w),
        "lt" => numbers(|f, w| f < w),
        "lte" => numbers(|f, w| f <= w),
        _ => false,
    }
}

fn at<'a>(attributes: &'a Map, path: &str) -> Option<&'a Json> {
    if let Some(value) = attributes.get(path) {
        return Some(value);
    }
    let mut parts = path.split("__");
    let mut here = attributes.get(parts.next()?)?;
    for part in parts {
        here = match here {
            Json::Object(map) => map.get(part)?,
            Json::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(here)
}

/// Subset comparison for objects, equality otherwise.
fn contains(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Object(f), Json::Object(w)) => w.iter().all(|(k, v)| f.get(k).is_some_and(|x| contains(x, v))),
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    fn fits(wanted: Json) -> bool {
        let attributes = json!({"a": {"b": 5, "list": [1, 2]}, "mail": "Ada@Example.org", "x__y": true});
        fit(attributes.as_object().unwrap(), wanted.as_object().unwrap())
    }
    #[test]
    fn subsets_paths_and_comparisons() {
        assert!(fits(json!({})));
        assert!(fits(json!({"a": {"b": 5}})));
        assert!(fits(json!({"a__b": 5})) && !fits(json!({"a__b": 6})));
        assert!(fits(json!({"a__b__gt": 4, "a__b__in": [5]})) && !fits(json!({"a__b__lte": 4})));
        assert!(
            fits(json!({"mail__iendswith": "@example.ORG"}))
                && !fits(json!({"mail__endswith": "@example.ORG"}))
        );
        assert!(fits(json!({"none__isnull": true})) && fits(json!({"a__isnull": false})));
        assert!(fits(json!({"x__y": true})) && fits(json!({"a__list__1": 2})));
        assert!(!fits(json!({"a__b__nonsense": 1})));
    }
}
