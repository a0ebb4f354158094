//! Number formatting for filters.
use crate::value::Value;
use signet_base::Json;

pub fn number(value: &Value) -> Option<f64> {
    match &value.json {
        Json::Number(n) => n.as_f64(),
        Json::Bool(b) => Some(f64::from(u8::from(*b))),
        Json::String(t) => t.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}
#[allow(clippy::cast_possible_truncation, reason = "the whole part is wanted")]
pub fn whole(value: &Value) -> Option<i64> {
    match &value.json {
        Json::String(t) => t.trim().parse().ok(),
        Json::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|f| f as i64)),
        Json::Bool(b) => Some(i64::from(*b)),
        _ => None,
    }
}

/// `floatformat`: number of decimals; with a negative number trailing zeros are omitted.
pub fn floatformat(value: &Value, argument: Option<&Value>) -> String {
    let Some(n) = number(value) else { return String::new() };
    let text = argument.map_or("-1".to_owned(), Value::to_text);
    let grouped = text.contains('g');
    let digits: i32 = match text.trim_end_matches(['g', 'u']) {
        "" => -1,
        digits => match digits.parse() {
            Ok(digits) => digits,
            Err(_) => return value.to_text(),
        },
    };
    let places = usize::try_from(digits.unsigned_abs().min(60)).unwrap_or(1);
    // Half is rounded away from zero (`ROUND_HALF_UP`).
    let scale = 10f64.powi(i32::try_from(places).unwrap_or(1));
    let rounded = if (n * scale).is_finite() && places <= 15 {
        ((n * scale).abs() + 1e-9).round() / scale * n.signum()
    } else {
        n
    };
    let out = if digits < 0 && n.fract() == 0.0 { format!("{n:.0}") } else { format!("{rounded:.places$}") };
    if grouped { intcomma(&out) } else { out }
}

/// `1,234,567`
pub fn intcomma(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |r| ("-", r));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(w, f)| (w, Some(f)));
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    format!("{sign}{out}{}", fraction.map(|f| format!(".{f}")).unwrap_or_default())
}

pub fn filesize(value: &Value) -> String {
    let bytes = number(value).unwrap_or_default();
    let (mut size, mut unit) = (bytes.abs(), 0);
    const UNITS: [&str; 6] = ["bytes", "KB", "MB", "GB", "TB", "PB"];
    while size >= 1024.0 && unit < 5 {
        size /= 1024.0;
        unit += 1;
    }
    let sign = if bytes < 0.0 { "-" } else { "" };
    match unit {
        0 if size == 1.0 => format!("{sign}1\u{a0}byte"),
        0 => format!("{sign}{size:.0}\u{a0}bytes"),
        _ => format!("{sign}{size:.1}\u{a0}{}", UNITS[unit]),
    }
}

pub fn intword(value: &Value) -> String {
    let Some(n) = whole(value) else { return value.to_text() };
    const WORDS: [(i64, &str); 5] = [
        (1_000_000_000_000_000, "quadrillion"),
        (1_000_000_000_000, "trillion"),
        (1_000_000_000, "billion"),
        (1_000_000, "million"),
        (i64::MAX, ""),
    ];
    match WORDS.iter().find(|(least, _)| n.checked_abs().is_some_and(|n| n >= *least)) {
        #[allow(clippy::cast_precision_loss, reason = "one digit is shown")]
        Some((least, word)) if !word.is_empty() => format!("{:.1} {word}", n as f64 / *least as f64),
        _ => n.to_string(),
    }
}

pub fn ordinal(value: &Value) -> String {
    let Some(n) = whole(value) else { return value.to_text() };
    let ending = match (n.unsigned_abs() % 10, n.unsigned_abs() % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

pub fn apnumber(value: &Value) -> String {
    const WORDS: [&str; 9] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    whole(value)
        .and_then(|n| WORDS.get(usize::try_from(n - 1).ok()?))
        .map_or_else(|| value.to_text(), |w| (*w).to_owned())
}
