//! Resolution of plain scalars by YAML 1.1.
use regex::Regex;
use signet_base::{Json, Timestamp};
use std::sync::LazyLock;

#[allow(clippy::unwrap_used, reason = "fixed patterns, compiled by the tests below")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}
static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$")
});
static SIXTIES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$"));
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:[ \t]*(?:Z|([-+])([0-9]{1,2})(?::?([0-9]{2}))?))?$",
    )
});

/// The value of a plain scalar.
pub fn plain(text: &str) -> Result<Json, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Json::Null),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Ok(Json::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Ok(Json::Bool(false));
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Ok(Json::String(text.to_owned()));
    }
    if let Some(value) = integer(text).or_else(|| float(text)).or_else(|| time(text)) {
        return value;
    }
    Ok(Json::String(text.to_owned()))
}

/// The value of a scalar with an explicit type: `!!str 5`.
pub fn of_type(name: &str, text: &str) -> Result<Json, String> {
    let wrong = || format!("“{text}” is not what !!{name} says");
    match name {
        "str" => Ok(Json::String(text.to_owned())),
        "null" => Ok(Json::Null),
        "float" => float(text)
            .or_else(|| integer(text))
            .ok_or_else(wrong)?
            .and_then(|n| n.as_f64().map(Json::from).ok_or_else(wrong)),
        "int" | "bool" | "timestamp" => match (name, plain(text)?) {
            ("int", value @ Json::Number(_)) if value.is_i64() || value.is_u64() => Ok(value),
            ("bool", value @ Json::Bool(_)) | ("timestamp", value @ Json::String(_)) => Ok(value),
            _ => Err(wrong()),
        },
        _ => Err(format!("!!{name} is not known here")),
    }
}

fn integer(text: &str) -> Option<Result<Json, String>> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'b', ..] => (2, &digits[2..]),
        [b'0', b'x', ..] => (16, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        [b'0'..=b'9', ..] => (10, digits),
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let number = i128::from_str_radix(&digits, base).ok().map(|n| if negative { -n } else { n });
    let number = number
        .and_then(|n| i64::try_from(n).map(Json::from).or_else(|_| u64::try_from(n).map(Json::from)).ok());
    Some(number.ok_or_else(|| format!("{text}: the number is too great")))
}

fn float(text: &str) -> Option<Result<Json, String>> {
    let bare = text.trim_start_matches(['-', '+']);
    if [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(&bare) {
        return Some(Err("a number must be finite".into()));
    }
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let number = if FLOAT.is_match(text) {
        digits.parse().ok()
    } else if SIXTIES.is_match(text) && (!bare.starts_with('0') || text.contains('.')) {
        return sixties(&digits);
    } else {
        return None;
    };
    Some(
        number
            .filter(|n: &f64| n.is_finite())
            .map(Json::from)
            .ok_or_else(|| "a number must be finite".to_owned()),
    )
}

/// Sexagesimal numbers (`1:30:00`).
fn sixties(text: &str) -> Option<Result<Json, String>> {
    let (sign, digits) =
        text.strip_prefix('-').map_or((1.0, text.trim_start_matches('+')), |rest| (-1.0, rest));
    let mut sum = 0.0;
    for part in digits.split(':') {
        sum = sum * 60.0 + part.parse::<f64>().ok()?;
    }
    #[allow(clippy::cast_possible_truncation, reason = "whole and small")]
    Some(Ok(if text.contains('.') {
        Json::from(sign * sum)
    } else if sum < 1e15 {
        Json::from((sign * sum) as i64)
    } else {
        return None;
    }))
}

/// A timestamp in UTC. Dates remain texts.
fn time(text: &str) -> Option<Result<Json, String>> {
    let parts = TIME.captures(text)?;
    let part = |n: usize| parts.get(n).map_or("", |m| m.as_str());
    let number = |n: usize| part(n).parse::<i64>().unwrap_or_default();
    let whole =
        format!("{}-{:02}-{:02}T{:02}:{}:{}", part(1), number(2), number(3), number(4), part(5), part(6));
    let Ok(at) = Timestamp::parse(&whole) else { return Some(Err(format!("{text}: there is no such time"))) };
    let fraction: i64 = format!("{:0<6.6}", part(7)).parse().unwrap_or_default();
    let offset = (number(9) * 60 + number(10)) * if part(8) == "-" { -60 } else { 60 };
    Some(Ok(Json::String(Timestamp(at.plus_secs(-offset).0 + fraction).to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn field_f14_words_mean_what_yaml_1_1_says() {
        for (text, value) in [
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("n", json!("n")),
            ("yEs", json!("yEs")),
            ("~", json!(null)),
            ("", json!(null)),
            ("012", json!(10)),
            ("0o12", json!("0o12")),
            ("089", json!("089")),
            ("0", json!(0)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("1_000", json!(1000)),
            ("-7", json!(-7)),
            ("+7", json!(7)),
            ("1.5", json!(1.5)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("1e5", json!("1e5")),
            ("1.0e+3", json!(1000.0)),
            ("1:30", json!(90)),
            ("0:30", json!("0:30")),
            ("1:30.5", json!(90.5)),
            ("2026-01-31", json!("2026-01-31")),
            ("2026-1-31 9:05:06.5 +01:00", json!("2026-01-31T08:05:06.500000Z")),
            ("2026-01-31T09:05:06Z", json!("2026-01-31T09:05:06Z")),
            ("1.2.3", json!("1.2.3")),
            ("-", json!("-")),
            ("192.0.2.1", json!("192.0.2.1")),
            ("=", json!("=")),
        ] {
            assert_eq!(plain(text).unwrap(), value, "{text}");
        }
        for bad in [".inf", "-.INF", ".nan", "2026-13-31 09:00:00", "99999999999999999999999"] {
            assert!(plain(bad).is_err(), "{bad}");
        }
        assert_eq!(
            (of_type("str", "5").unwrap(), of_type("int", "010").unwrap(), of_type("float", "5").unwrap()),
            (json!("5"), json!(8), json!(5.0))
        );
        assert!(of_type("int", "x").is_err() && of_type("python/object", "x").is_err());
    }
}
