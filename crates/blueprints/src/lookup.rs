//! Django field look-ups: `name__startswith`, `order__gt`, `attributes__team__in`.
use regex::RegexBuilder;
use signet_base::{Json, Timestamp, Uuid};

const NAMES: [&str; 20] = [
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "iregex",
    "in",
    "gt",
    "gte",
    "lt",
    "lte",
    "range",
    "isnull",
    "has_key",
    "has_keys",
    "has_any_keys",
];

/// Whether it is a look-up operator rather than a field name.
pub fn is_lookup(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Whether the value at `path` fulfils the look-up at the path's end.
pub fn fits(value: Option<&Json>, path: &[&str], wanted: &Json) -> Result<bool, String> {
    match path {
        [] => compare(value, "exact", wanted),
        [last] if is_lookup(last) => compare(value, last, wanted),
        [first, rest @ ..] => {
            let inner = match value {
                Some(Json::Object(map)) => map.get(*first),
                Some(Json::Array(list)) => first.parse::<usize>().ok().and_then(|n| list.get(n)),
                Some(Json::Null) | None => None,
                Some(_) => return Err(format!("there is no look-up called {first}")),
            };
            fits(inner, rest, wanted)
        }
    }
}

/// Equality; an object matches if it contains all wanted members.
pub fn contains(value: &Json, wanted: &Json) -> bool {
    match (value, wanted) {
        (Json::Object(have), Json::Object(want)) => {
            want.iter().all(|(k, v)| have.get(k).is_some_and(|h| contains(h, v)))
        }
        _ => equal(value, wanted),
    }
}

/// Equality as a database column compares, which converts texts to its type.
fn equal(value: &Json, wanted: &Json) -> bool {
    match (value, wanted) {
        (Json::Number(n), Json::String(text)) => {
            text.trim().parse::<f64>().is_ok_and(|t| n.as_f64() == Some(t))
        }
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::String(text), Json::Number(n)) => *text == n.to_string(),
        (Json::Bool(b), Json::String(text)) => matches!(
            (b, text.as_str()),
            (true, "true" | "True" | "t" | "1") | (false, "false" | "False" | "f" | "0")
        ),
        (Json::Bool(b), Json::Number(n)) => n.as_i64() == Some(i64::from(*b)),
        (Json::String(a), Json::String(b)) => {
            a == b
                || (a.len() == 36
                    && Uuid::parse_str(a).is_ok_and(|a| Uuid::parse_str(b).is_ok_and(|b| a == b)))
                || same_time(a, b)
        }
        _ => value == wanted,
    }
}
fn same_time(a: &str, b: &str) -> bool {
    let looks = |t: &str| t.len() >= 19 && t.as_bytes()[4] == b'-' && t.as_bytes()[13] == b':';
    looks(a) && looks(b) && matches!((Timestamp::parse(a), Timestamp::parse(b)), (Ok(a), Ok(b)) if a == b)
}

fn compare(value: Option<&Json>, lookup: &str, wanted: &Json) -> Result<bool, String> {
    if lookup == "isnull" {
        let wants = wanted.as_bool().ok_or("isnull is true or false")?;
        return Ok(value.is_none_or(Json::is_null) == wants);
    }
    let Some(value) = value.filter(|v| !v.is_null()) else {
        return Ok(lookup == "exact" && wanted.is_null());
    };
    let list = || wanted.as_array().map(Vec::as_slice).ok_or_else(|| format!("{lookup} takes a list"));
    Ok(match lookup {
        "exact" => contains(value, wanted),
        "in" => list()?.iter().any(|w| contains(value, w)),
        "contains" => match value {
            Json::Object(_) => contains(value, wanted),
            Json::Array(have) => match wanted {
                Json::Array(want) => want.iter().all(|w| have.iter().any(|h| contains(h, w))),
                one => have.iter().any(|h| contains(h, one)),
            },
            _ => shown(value).contains(&shown(wanted)),
        },
        "has_key" => value.get(shown(wanted)).is_some(),
        "has_keys" => list()?.iter().all(|k| value.get(shown(k)).is_some()),
        "has_any_keys" => list()?.iter().any(|k| value.get(shown(k)).is_some()),
        "range" => match list()? {
            [from, to] => {
                order(value, from).is_some_and(std::cmp::Ordering::is_ge)
                    && order(value, to).is_some_and(std::cmp::Ordering::is_le)
            }
            _ => return Err("range takes two values".into()),
        },
        "gt" => order(value, wanted).is_some_and(std::cmp::Ordering::is_gt),
        "gte" => order(value, wanted).is_some_and(std::cmp::Ordering::is_ge),
        "lt" => order(value, wanted).is_some_and(std::cmp::Ordering::is_lt),
        "lte" => order(value, wanted).is_some_and(std::cmp::Ordering::is_le),
        "regex" | "iregex" => {
            let pattern = RegexBuilder::new(&shown(wanted))
                .case_insensitive(lookup == "iregex")
                .size_limit(1 << 20)
                .build();
            pattern.map_err(|e| format!("{lookup}: {e}"))?.is_match(&shown(value))
        }
        _ => {
            let (have, want) = (shown(value), shown(wanted));
            let blind = lookup.strip_prefix('i');
            let (have, want) =
                if blind.is_some() { (have.to_lowercase(), want.to_lowercase()) } else { (have, want) };
            match blind.unwrap_or(lookup) {
                "exact" => have == want,
                "contains" => have.contains(&want),
                "startswith" => have.starts_with(&want),
                _ => have.ends_with(&want),
            }
        }
    })
}

fn order(value: &Json, wanted: &Json) -> Option<std::cmp::Ordering> {
    match (value, wanted) {
        (Json::Number(n), _) => {
            n.as_f64()?.partial_cmp(&wanted.as_f64().or_else(|| wanted.as_str()?.trim().parse().ok())?)
        }
        (Json::String(a), Json::String(b)) => Some(match (Timestamp::parse(a), Timestamp::parse(b)) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        }),
        _ => None,
    }
}

/// A value as a database converts it to text.
fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn field_f12_every_look_up() {
        let row = json!({"name": "Grafana", "order": 10, "on": true, "none": null, "id": "7b2f1a3c-0000-4000-8000-00000000000a", "at": "2026-01-31T00:00:00Z",
            "attributes": {"team": {"name": "blue"}, "list": ["a", {"b": 1}]}});
        for (path, wanted) in [
            ("name", json!("Grafana")),
            ("name__iexact", json!("gRAFANA")),
            ("name__contains", json!("rafa")),
            ("name__icontains", json!("RAFA")),
            ("name__startswith", json!("Gra")),
            ("name__istartswith", json!("gra")),
            ("name__endswith", json!("ana")),
            ("name__iendswith", json!("ANA")),
            ("name__in", json!(["x", "Grafana"])),
            ("name__regex", json!("^G.*a$")),
            ("name__iregex", json!("^gra")),
            ("order", json!("10")),
            ("order__gt", json!(9)),
            ("order__lte", json!("10")),
            ("order__range", json!([5, 10])),
            ("on", json!("true")),
            ("on", json!(1)),
            ("none", json!(null)),
            ("none__isnull", json!(true)),
            ("name__isnull", json!(false)),
            ("id", json!("7B2F1A3C-0000-4000-8000-00000000000A")),
            ("at__lt", json!("2026-02-01")),
            ("at", json!("2026-01-31 00:00:00")),
            ("attributes__team__name", json!("blue")),
            ("attributes__team__name__startswith", json!("b")),
            ("attributes__has_key", json!("team")),
            ("attributes__has_keys", json!(["team", "list"])),
            ("attributes", json!({"team": {"name": "blue"}})),
            ("attributes__contains", json!({"list": ["a", {"b": 1}]})),
            ("attributes__list__contains", json!(["a"])),
            ("attributes__list__0", json!("a")),
            ("attributes__nothing__isnull", json!(true)),
        ] {
            let parts: Vec<&str> = path.split("__").collect();
            assert!(fits(row.get(parts[0]), &parts[1..], &wanted).unwrap(), "{path}");
            assert!(!fits(row.get(parts[0]), &parts[1..], &json!({"other": 1})).unwrap_or(false), "{path}");
        }
        for (path, wanted) in [
            ("name__nope", json!("x")),
            ("name__in", json!("x")),
            ("name__isnull", json!("x")),
            ("name__regex", json!("(")),
            ("order__range", json!([1])),
        ] {
            let parts: Vec<&str> = path.split("__").collect();
            assert!(fits(row.get(parts[0]), &parts[1..], &wanted).is_err(), "{path}");
        }
    }
}
