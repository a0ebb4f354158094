//! Comparison of values in JSON documents, and of plain values.
use super::Lookup;
use regex::{Regex, RegexBuilder};
use signet_base::Json;

/// Whether the value at a path matches; `None` if the path does not exist, which matches neither the
/// condition nor its negation.
pub fn holds(document: &Json, path: &[String], lookup: Lookup, wanted: &Json) -> Option<bool> {
    let found = at(document, path);
    if lookup == Lookup::Isnull {
        return Some(found.is_none() == wanted.as_bool().unwrap_or(true));
    }
    let found = match found {
        Some(found) => found,
        None if path.is_empty() => &Json::Null,
        None if matches!(lookup, Lookup::HasKey | Lookup::HasKeys | Lookup::HasAnyKeys) => {
            return Some(false);
        }
        None => return None,
    };
    let text = |json: &Json| match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let texts = |test: fn(&str, &str) -> bool| Some(test(&text(found), &text(wanted)));
    let folded =
        |test: fn(&str, &str) -> bool| Some(test(&text(found).to_lowercase(), &text(wanted).to_lowercase()));
    let list = || wanted.as_array().map_or(&[] as &[Json], Vec::as_slice);
    let key = |key: &Json| {
        found.get(text(key)).is_some() || found.as_array().is_some_and(|items| items.contains(key))
    };
    match lookup {
        Lookup::Exact => Some(alike(found, wanted)),
        Lookup::Iexact => folded(|f, w| f == w),
        // Substring of a string, subset of a dictionary or list.
        Lookup::Contains if found.is_string() => texts(|f, w| f.contains(w)),
        Lookup::Contains => Some(subset(found, wanted)),
        Lookup::Icontains => folded(|f, w| f.contains(w)),
        Lookup::Startswith => texts(|f, w| f.starts_with(w)),
        Lookup::Istartswith => folded(|f, w| f.starts_with(w)),
        Lookup::Endswith => texts(|f, w| f.ends_with(w)),
        Lookup::Iendswith => folded(|f, w| f.ends_with(w)),
        Lookup::In => Some(list().iter().any(|wanted| alike(found, wanted))),
        // Compiled for each value: conditions on rows keep their pattern.
        Lookup::Regex | Lookup::Iregex => fits(document, path, &pattern(lookup, wanted).ok()??),
        Lookup::Gt => order(found, wanted).map(|order| order.is_gt()),
        Lookup::Gte => order(found, wanted).map(|order| order.is_ge()),
        Lookup::Lt => order(found, wanted).map(|order| order.is_lt()),
        Lookup::Lte => order(found, wanted).map(|order| order.is_le()),
        Lookup::Range => match list() {
            [low, high] => Some(order(found, low)?.is_ge() && order(found, high)?.is_le()),
            _ => Some(false),
        },
        Lookup::HasKey => Some(key(wanted)),
        Lookup::HasKeys => Some(list().iter().all(key)),
        Lookup::HasAnyKeys => Some(list().iter().any(key)),
        Lookup::Isnull => None,
    }
}

/// The pattern of a look-up that has one. The error is for the author of the text.
pub fn pattern(lookup: Lookup, wanted: &Json) -> Result<Option<Regex>, String> {
    if !matches!(lookup, Lookup::Regex | Lookup::Iregex) {
        return Ok(None);
    }
    let text = wanted.as_str().ok_or_else(|| format!("a pattern is a text, not {wanted}"))?;
    let made = RegexBuilder::new(text).case_insensitive(lookup == Lookup::Iregex).build();
    made.map(Some).map_err(|error| format!("'{text}' is no pattern for look-ups: {error}"))
}
/// Whether the text at a path fits a pattern, as [`holds`].
pub(super) fn fits(document: &Json, path: &[String], pattern: &Regex) -> Option<bool> {
    match at(document, path)? {
        Json::String(text) => Some(pattern.is_match(text)),
        Json::Null => None,
        other => Some(pattern.is_match(&other.to_string())),
    }
}

fn at<'a>(document: &'a Json, path: &[String]) -> Option<&'a Json> {
    let mut here = document;
    for part in path {
        here = match here {
            Json::Object(map) => map.get(part)?,
            Json::Array(list) => list.get(part.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(here)
}

fn order(a: &Json, b: &Json) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Equality with 1 = 1.0.
fn alike(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

fn subset(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Object(f), Json::Object(w)) => {
            w.iter().all(|(key, value)| f.get(key).is_some_and(|found| subset(found, value)))
        }
        (Json::Array(f), Json::Array(w)) => w.iter().all(|value| f.iter().any(|found| subset(found, value))),
        (Json::Array(f), one) => f.contains(one),
        _ => alike(found, wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    fn of(path: &str, lookup: &str, wanted: Json) -> Option<bool> {
        let document = json!({"a": {"b": 5, "n": null}, "mail": "Ada@Example.org", "list": ["x", "y"]});
        let path: Vec<String> = path.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        holds(&document, &path, Lookup::parse(lookup).unwrap(), &wanted)
    }
    #[test]
    fn what_is_not_there_is_neither_so_nor_not_so() {
        assert_eq!(of("a.b", "exact", json!(5.0)), Some(true));
        assert_eq!(of("a.x", "exact", json!(5)), None);
        assert_eq!(
            (of("a.x", "isnull", json!(true)), of("a.n", "isnull", json!(true))),
            (Some(true), Some(false))
        );
        assert_eq!(of("a.n", "exact", Json::Null), Some(true));
        assert_eq!(
            (
                of("", "has_key", json!("mail")),
                of("a", "has_any_keys", json!(["x", "b"])),
                of("z", "has_key", json!("q"))
            ),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!(
            (
                of("list", "contains", json!("x")),
                of("list", "contains", json!(["y"])),
                of("", "contains", json!({"a": {"b": 5}}))
            ),
            (Some(true), Some(true), Some(true))
        );
        assert_eq!(
            (of("mail", "iendswith", json!("@EXAMPLE.org")), of("mail", "endswith", json!("@EXAMPLE.org"))),
            (Some(true), Some(false))
        );
        assert_eq!(
            (of("a.b", "gt", json!(4)), of("a.b", "range", json!([6, 9])), of("a.b", "lt", json!("x"))),
            (Some(true), Some(false), None)
        );
    }
}
