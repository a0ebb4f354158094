//! `urllib.parse`: quoting and query strings.
use super::{argument, plain_text, required};
use crate::{CallError, Value};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode_byte, utf8_percent_encode,
};

pub(super) const PREFIX: &str = "urllib.parse.";
pub(super) const FUNCTIONS: [&str; 5] = ["quote", "quote_plus", "unquote", "unquote_plus", "urlencode"];

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

pub(super) fn call(
    name: &str,
    args: &[Value],
    kwargs: &[(String, Value)],
) -> Option<Result<Value, CallError>> {
    let name = name.strip_prefix(PREFIX)?;
    FUNCTIONS.contains(&name).then(|| {
        if name == "urlencode" {
            return urlencode(
                required(args, kwargs, 0, "query")?,
                argument(args, kwargs, 1, "doseq").is_some_and(Value::is_truthy),
            );
        }
        let given = required(args, kwargs, 0, "string")?;
        if let (Value::Bytes(bytes), "quote") = (given, name) {
            return quote(bytes, safe(args, kwargs)).map(Value::from);
        }
        let Value::Str(text) = given else { return Err(CallError::Type(format!("{name}() takes text"))) };
        Ok(Value::from(match name {
            "quote" => quote(text.as_bytes(), safe(args, kwargs))?,
            "quote_plus" => quote(
                text.as_bytes(),
                &format!(
                    "{} ",
                    argument(args, kwargs, 1, "safe").and_then(Value::as_str).unwrap_or_default()
                ),
            )?
            .replace(' ', "+"),
            "unquote" => percent_decode_str(text).decode_utf8_lossy().into_owned(),
            _ => percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned(),
        }))
    })
}

/// Characters that are not encoded, beside the unreserved ones.
fn safe<'a>(args: &'a [Value], kwargs: &'a [(String, Value)]) -> &'a str {
    argument(args, kwargs, 1, "safe").and_then(Value::as_str).unwrap_or("/")
}

/// Encodes everything but the unreserved and the given ASCII characters.
fn quote(text: &[u8], safe: &str) -> Result<String, CallError> {
    if !safe.is_ascii() {
        return Err(CallError::Value("safe must be ASCII".into()));
    }
    let kept =
        |byte: u8| byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || safe.as_bytes().contains(&byte);
    Ok(text.iter().fold(String::with_capacity(text.len()), |mut out, &byte| {
        match kept(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(percent_encode_byte(byte)),
        }
        out
    }))
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
