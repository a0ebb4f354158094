//! Non-mutating methods of strings, dictionaries and lists.
use super::eval::{Eval, Found, Stop};
use super::ir::MAX_TEXT;
use super::ops::equal;
use crate::Value;

impl Eval<'_> {
    pub(super) fn method(&mut self, of: &Value, name: &str, args: &[Value]) -> Found {
        match of {
            Value::Str(text) => self.text_method(text, name, args),
            Value::Dict(dict) => match (name, args) {
                ("get", [Value::Str(key)]) => Ok(dict.get(key).cloned().unwrap_or_default()),
                ("get", [Value::Str(key), default]) => Ok(dict.get(key).unwrap_or(default).clone()),
                ("copy", []) => Ok((**dict).clone().into()),
                _ => Err(Stop::Interpret),
            },
            Value::List(items) => match (name, args) {
                ("copy", []) => Ok(Value::list(items.iter().cloned())),
                ("count", [wanted]) => {
                    let mut count = 0;
                    for item in items.iter() {
                        self.spend(1)?;
                        count += i64::from(equal(item, wanted).ok_or(Stop::Interpret)?);
                    }
                    Ok(Value::Int(count))
                }
                _ => Err(Stop::Interpret),
            },
            _ => Err(Stop::Interpret),
        }
    }

    fn text_method(&mut self, text: &str, name: &str, args: &[Value]) -> Found {
        let given = |index: usize| args.get(index).and_then(Value::as_str).ok_or(Stop::Interpret);
        self.spend(text.len() / 32)?;
        match (name, args.len()) {
            ("lower" | "casefold", 0) if text.is_ascii() => self.made(text.to_ascii_lowercase()),
            ("upper", 0) if text.is_ascii() => self.made(text.to_ascii_uppercase()),
            ("lower", 0) => self.made(text.to_lowercase()),
            ("capitalize", 0) if text.is_ascii() => {
                let (first, rest) = text.split_at(text.len().min(1));
                self.made(first.to_ascii_uppercase() + &rest.to_ascii_lowercase())
            }
            ("strip" | "lstrip" | "rstrip", 0) if text.bytes().all(is_plain) => {
                let blank = |letter: char| letter.is_ascii_whitespace() || letter == '\x0b';
                Ok(match name {
                    "strip" => text.trim_matches(blank),
                    "lstrip" => text.trim_start_matches(blank),
                    _ => text.trim_end_matches(blank),
                }
                .into())
            }
            ("strip" | "lstrip" | "rstrip", 1) => {
                let letters = given(0)?;
                let among = |letter: char| letters.contains(letter);
                Ok(match name {
                    "strip" => text.trim_matches(among),
                    "lstrip" => text.trim_start_matches(among),
                    _ => text.trim_end_matches(among),
                }
                .into())
            }
            ("startswith" | "endswith", 1) => {
                let fits = |part: &str| {
                    if name == "startswith" { text.starts_with(part) } else { text.ends_with(part) }
                };
                Ok(fits(given(0)?).into())
            }
            ("removeprefix", 1) => Ok(text.strip_prefix(given(0)?).unwrap_or(text).into()),
            ("removesuffix", 1) => Ok(text.strip_suffix(given(0)?).unwrap_or(text).into()),
            ("replace", 2) => {
                let (from, to) = (given(0)?, given(1)?);
                // An empty pattern, or a result that may exceed the budget.
                if from.is_empty()
                    || (to.len() > from.len()
                        && text.matches(from).count().saturating_mul(to.len()) > MAX_TEXT)
                {
                    return Err(Stop::Interpret);
                }
                self.made(text.replace(from, to))
            }
            ("split", 0) if text.bytes().all(is_plain) => self.parts(text.split_ascii_whitespace()),
            ("split" | "rsplit", 1 | 2) => {
                let separator = given(0)?;
                let most = match args.get(1) {
                    None => None,
                    Some(Value::Int(most)) if *most >= 0 => usize::try_from(*most).ok(),
                    Some(_) => return Err(Stop::Interpret),
                };
                if separator.is_empty() {
                    return Err(Stop::Interpret);
                }
                match (name, most) {
                    ("split", None) => self.parts(text.split(separator)),
                    ("split", Some(most)) => self.parts(text.splitn(most.saturating_add(1), separator)),
                    (_, most) => {
                        let most = most.unwrap_or(usize::MAX - 1);
                        let mut parts: Vec<&str> = text.rsplitn(most.saturating_add(1), separator).collect();
                        parts.reverse();
                        self.parts(parts.into_iter())
                    }
                }
            }
            ("count", 1) if !given(0)?.is_empty() => {
                Ok(Value::Int(i64::try_from(text.matches(given(0)?).count()).unwrap_or(i64::MAX)))
            }
            ("isdigit" | "isdecimal" | "isnumeric", 0) if text.is_ascii() => {
                Ok(every(text, |b| b.is_ascii_digit()))
            }
            ("isalpha", 0) if text.is_ascii() => Ok(every(text, |b| b.is_ascii_alphabetic())),
            ("isalnum", 0) if text.is_ascii() => Ok(every(text, |b| b.is_ascii_alphanumeric())),
            _ => Err(Stop::Interpret),
        }
    }

    fn parts<'t>(&mut self, parts: impl Iterator<Item = &'t str>) -> Found {
        let parts: Vec<Value> = parts.map(Value::from).collect();
        self.spend(parts.len())?;
        Ok(Value::list(parts))
    }
}

/// White space outside of ASCII, and control characters, are left to the interpreter.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii() && !(0x1c..=0x1f).contains(&byte) && byte != 0x0b
}

fn every(text: &str, fits: impl Fn(u8) -> bool) -> Value {
    (!text.is_empty() && text.bytes().all(fits)).into()
}
