//! Python's `str()`, truth test and `%` formatting for JSON values.
use signet_base::Json;
use std::fmt::Write;

/// `str(value)`.
pub fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => repr(other),
    }
}

fn repr(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(n) => n.to_string(),
        Json::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut out = String::from(quote);
            for c in text.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    c if c == quote => drop(write!(out, "\\{c}")),
                    c => out.push(c),
                }
            }
            out.push(quote);
            out
        }
        Json::Array(list) => format!("[{}]", list.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => format!(
            "{{{}}}",
            map.iter()
                .map(|(k, v)| format!("{}: {}", repr(&Json::String(k.clone())), repr(v)))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// Truth value testing: null, false, zero and empty containers are false.
pub fn is_truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(b) => *b,
        Json::Number(n) => n.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

/// One conversion specifier (`%…`).
#[derive(Default)]
struct FormatSpec {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

/// `%` formatting with positional arguments.
pub fn format(form: &str, args: &[Json]) -> Result<String, String> {
    let (mut out, mut args) = (String::new(), args.iter());
    let mut chars = form.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut mark = FormatSpec::default();
        while let Some(flag) = chars.next_if(|c| "-0+ #".contains(*c)) {
            match flag {
                '-' => mark.left = true,
                '0' => mark.zero = true,
                '+' => mark.plus = true,
                ' ' => mark.space = true,
                _ => mark.alternate = true,
            }
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut n = 0usize;
            while let Some(d) = chars.next_if(char::is_ascii_digit) {
                n = n.saturating_mul(10).saturating_add(d as usize - '0' as usize);
            }
            n
        };
        mark.width = number(&mut chars);
        if chars.next_if_eq(&'.').is_some() {
            mark.precision = Some(number(&mut chars));
        }
        if mark.width.max(mark.precision.unwrap_or_default()) > 1000 {
            return Err("a width is at most 1000".into());
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some(kind) => {
                out.push_str(&mark.one(kind, args.next().ok_or("too few arguments for the format")?)?)
            }
            None => return Err("the format ends in the middle of a mark".into()),
        }
    }
    if args.next().is_some() { Err("too many arguments for the format".into()) } else { Ok(out) }
}

impl FormatSpec {
    fn one(&self, kind: char, value: &Json) -> Result<String, String> {
        let cut = |t: String| match self.precision {
            Some(n) => t.chars().take(n).collect(),
            None => t,
        };
        let (sign, body, numeric) = match kind {
            's' => (String::new(), cut(text(value)), false),
            'r' | 'a' => (String::new(), cut(repr(value)), false),
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
                let n = match value {
                    Json::Bool(b) => i128::from(*b),
                    #[allow(clippy::cast_possible_truncation, reason = "the whole part, as Python takes it")]
                    Json::Number(n) => n
                        .as_i64()
                        .map(i128::from)
                        .or_else(|| n.as_u64().map(i128::from))
                        .or_else(|| n.as_f64().filter(|_| "diu".contains(kind)).map(|f| f as i128))
                        .unwrap_or_default(),
                    _ => return Err(format!("%{kind} needs a number")),
                };
                let digits = n.unsigned_abs();
                let digits = match kind {
                    'x' => format!("{}{digits:x}", if self.alternate { "0x" } else { "" }),
                    'X' => format!("{}{digits:X}", if self.alternate { "0X" } else { "" }),
                    'o' => format!("{}{digits:o}", if self.alternate { "0o" } else { "" }),
                    _ => digits.to_string(),
                };
                let digits = format!(
                    "{}{digits}",
                    "0".repeat(self.precision.unwrap_or_default().saturating_sub(digits.len()))
                );
                (self.sign(n < 0), digits, true)
            }
            'f' | 'F' | 'e' | 'E' => {
                let n = value
                    .as_f64()
                    .or_else(|| value.as_bool().map(|b| f64::from(u8::from(b))))
                    .ok_or_else(|| format!("%{kind} needs a number"))?;
                let precision = self.precision.unwrap_or(6);
                let digits = if kind.eq_ignore_ascii_case(&'f') {
                    format!("{:.precision$}", n.abs())
                } else {
                    exponent(n.abs(), precision)
                };
                (self.sign(n < 0.0), if kind == 'E' { digits.to_uppercase() } else { digits }, true)
            }
            'c' => match value {
                Json::String(t) if t.chars().count() == 1 => (String::new(), t.clone(), false),
                Json::Number(n) => (
                    String::new(),
                    n.as_u64()
                        .and_then(|n| char::from_u32(u32::try_from(n).ok()?))
                        .ok_or("%c needs a letter")?
                        .to_string(),
                    false,
                ),
                _ => return Err("%c needs a letter".into()),
            },
            _ => return Err(format!("%{kind} is not known in a format")),
        };
        let fill = self.width.saturating_sub(sign.len() + body.chars().count());
        Ok(match (self.left, self.zero && numeric) {
            (true, _) => format!("{sign}{body}{}", " ".repeat(fill)),
            (false, true) => format!("{sign}{}{body}", "0".repeat(fill)),
            (false, false) => format!("{}{sign}{body}", " ".repeat(fill)),
        })
    }
    fn sign(&self, negative: bool) -> String {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        }
        .to_owned()
    }
}

/// `1.500000e+03`
fn exponent(n: f64, precision: usize) -> String {
    let text = format!("{n:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |p| ('-', p));
    format!("{digits}e{sign}{power:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn formats_need_as_many_arguments_as_marks() {
        for (form, args, said) in [
            ("%s-%d%%", json!(["a", 7]), "a-7%"),
            ("%s|%s|%s|%s", json!([null, true, [1, "a"], {"k": 1.5}]), "None|True|[1, 'a']|{'k': 1.5}"),
            ("%05d|%-4d|%+d|% d|%x|%X|%#o", json!([42, 7, 7, 7, 255, 255, 8]), "00042|7   |+7| 7|ff|FF|0o10"),
            ("%.2f|%8.3f|%e|%d", json!([1.005, -2.5, 1500, 3.9]), "1.00|  -2.500|1.500000e+03|3"),
            ("%5s|%-5s|%.2s|%r|%c", json!(["ab", "ab", "abc", "it's", "x"]), "   ab|ab   |ab|\"it's\"|x"),
        ] {
            assert_eq!(format(form, args.as_array().unwrap()).unwrap(), said, "{form}");
        }
        for (form, args) in [
            ("%s", vec![]),
            ("x", vec![json!(1)]),
            ("%d", vec![json!("a")]),
            ("%q", vec![json!(1)]),
            ("%", vec![]),
            ("%99999s", vec![json!(1)]),
            ("%(a)s", vec![json!(1)]),
        ] {
            assert!(format(form, &args).is_err(), "{form}");
        }
    }
}
