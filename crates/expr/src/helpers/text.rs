//! `slugify`, `list_flatten`, and the regular expression helpers.
use super::{argument, plain_text, required};
use crate::{CallError, Value};
use unicode_normalization::UnicodeNormalization;

/// Uses the interpreter's own `re`: Python's syntax with look-around, and limited steps.
pub(super) const MATCH: &str = "
import re as _signet_re
def regex_match(value, regex):
    return _signet_re.search(regex, value) is not None
";
pub(super) const REPLACE: &str = "
def regex_replace(value, regex, repl):
    return _signet_sub(_signet_re, regex, repl, value)
";

/// Lower-case words joined by single hyphens; without `allow_unicode` diacritics are removed.
pub(super) fn slugify(args: &[Value], kwargs: &[(String, Value)]) -> Result<Value, CallError> {
    let text = plain_text(required(args, kwargs, 0, "value")?)?;
    let unicode = argument(args, kwargs, 1, "allow_unicode").is_some_and(Value::is_truthy);
    let normal: String =
        if unicode { text.nfkc().collect() } else { text.nfkd().filter(char::is_ascii).collect() };
    let mut slug = String::with_capacity(normal.len());
    for letter in normal.to_lowercase().chars() {
        if letter.is_alphanumeric() || letter == '_' {
            slug.push(letter);
        } else if (letter.is_whitespace() || letter == '-') && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    Ok(Value::from(slug.trim_matches(['-', '_'])))
}

/// The first item of a list; `None` for an empty one; other values unchanged.
pub(super) fn list_flatten(args: &[Value], kwargs: &[(String, Value)]) -> Result<Value, CallError> {
    let value = required(args, kwargs, 0, "value")?;
    Ok(match value {
        Value::List(items) => items.first().cloned().unwrap_or_default(),
        other => other.clone(),
    })
}
