//! `urllib.parse`: quoting and query strings.
use super::{argument, plain_text, required};
use crate::{CallError, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub(super) const PREFIX: &str = "urllib.parse.";
pub(super) const FUNCTIONS: [&str; 5] = ["quote", "quote_plus", "unquote", "unquote_plus", "urlencode"];

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');
const WITH_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

pub(super) fn call(name: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<Result<Value, CallError>> {
    let name = name.strip_prefix(PREFIX)?;
    FUNCTIONS.contains(&name).then(|| {
        if name == "urlencode" {
            return urlencode(required(args, kwargs, 0, "query")?, argument(args, kwargs, 1, "doseq").is_some_and(Value::is_truthy));
        }
        let text = plain_text(required(args, kwargs, 0, "string")?)?;
        Ok(Value::from(match name {
            "quote" => {
                let safe = argument(args, kwargs, 1, "safe").and_then(Value::as_str).unwrap_or("/");
                quote(&text, safe)?
            }
            "quote_plus" => quote_plus(&text),
            "unquote" => percent_decode_str(&text).decode_utf8_lossy().into_owned(),
            _ => percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned(),
        }))
    })
}

fn quote(text: &str, safe: &str) -> Result<String, CallError> {
    match safe {
        "/" => Ok(utf8_percent_encode(text, WITH_SLASH).to_string()),
        "" => Ok(utf8_percent_encode(text, UNRESERVED).to_string()),
        // Any other set: encode everything but the unreserved and the given ASCII letters.
        _ if safe.is_ascii() => Ok(text
            .chars()
            .map(|letter| if safe.contains(letter) { letter.to_string() } else { utf8_percent_encode(letter.encode_utf8(&mut [0; 4]), UNRESERVED).to_string() })
            .collect()),
        _ => Err(CallError::Value("safe must be ASCII".into())),
    }
}

fn quote_plus(text: &str) -> String {
    utf8_percent_encode(text, const { &UNRESERVED.remove(b' ') }).to_string().replace(' ', "+")
}

fn urlencode(query: &Value, doseq: bool) -> Result<Value, CallError> {
    let mut out = Vec::new();
    let mut add = |key: &str, value: &Value| -> Result<(), CallError> {
        match value {
            Value::List(items) if doseq => {
                for item in items.iter() {
                    out.push(format!("{}={}", quote_plus(key), quote_plus(&plain_text(item)?)));
                }
            }
            value => out.push(format!("{}={}", quote_plus(key), quote_plus(&plain_text(value)?))),
        }
        Ok(())
    };
    match query {
        Value::Dict(dict) => {
            for (key, value) in dict.iter() {
                add(key, value)?;
            }
        }
        Value::List(pairs) => {
            for pair in pairs.iter() {
                match pair.as_list() {
                    Some([key, value]) => add(&plain_text(key)?, value)?,
                    _ => return Err(CallError::Type("expected pairs of key and value".into())),
                }
            }
        }
        _ => return Err(CallError::Type("expected a dictionary or pairs".into())),
    }
    Ok(Value::from(out.join("&")))
}
