//! Filters on lists, numbers and HTML.
use crate::html;
use crate::numbers::{number, whole};
use crate::python;
use crate::value::Value;
use signet_base::Json;

pub fn length(value: &Json) -> usize {
    match value {
        Json::Array(list) => list.len(),
        Json::Object(map) => map.len(),
        Json::String(text) => text.chars().count(),
        _ => 0,
    }
}

/// `add`: sums numbers, concatenates strings or lists; other pairs give an empty string.
pub fn add(value: &Value, other: &Value) -> Value {
    if let (Some(a), Some(b)) = (whole(value), whole(other)) {
        return a.checked_add(b).map(Json::from).unwrap_or_default().into();
    }
    match (&value.json, &other.json) {
        (Json::String(a), Json::String(b)) => {
            Value { json: Json::String(format!("{a}{b}")), safe: value.safe && other.safe }
        }
        (Json::Array(a), Json::Array(b)) => Json::Array(a.iter().chain(b).cloned().collect()).into(),
        _ => Value::text(""),
    }
}

/// `get_digit`: the n-th digit from the right.
pub fn digit(value: Value, argument: Option<&Value>) -> Value {
    let (Some(n), Some(at)) = (whole(&value), argument.and_then(whole)) else { return value };
    let digits = n.to_string();
    match usize::try_from(at) {
        Ok(at) if at >= 1 => {
            Json::from(digits.chars().rev().nth(at - 1).and_then(|c| c.to_digit(10)).unwrap_or(0)).into()
        }
        _ => value,
    }
}

pub fn pluralize(value: &Value, argument: Option<&Value>) -> String {
    let split_words = argument.map_or("s".to_owned(), Value::to_text);
    let (one, many) = match split_words.split(',').collect::<Vec<_>>()[..] {
        [many] => (String::new(), many.to_owned()),
        [one, many] => (one.to_owned(), many.to_owned()),
        _ => return String::new(),
    };
    let single = match number(value) {
        Some(n) => n == 1.0,
        None => matches!(value.json, Json::Array(_) | Json::Object(_)) && length(&value.json) == 1,
    };
    if single { one } else { many }
}

pub fn yesno(value: &Value, argument: Option<&Value>) -> String {
    let split_words = argument.map_or("yes,no,maybe".to_owned(), Value::to_text);
    let parts: Vec<&str> = split_words.split(',').collect();
    match (parts.as_slice(), value.is_truthy()) {
        ([yes, _, ..], true) => (*yes).to_owned(),
        ([_, _, maybe], false) if value.json.is_null() => (*maybe).to_owned(),
        ([_, no, ..], false) => (*no).to_owned(),
        _ => value.to_text(),
    }
}

/// `slice`: `:5`, `2:`, `-3:`, `::2` of a list or a string.
pub fn slice(value: &Value, range: &str) -> Value {
    let parts: Vec<Option<i64>> = range.split(':').map(|p| p.trim().parse().ok()).collect();
    let items: Vec<Json> = match &value.json {
        Json::Array(list) => list.clone(),
        Json::String(text) => text.chars().map(|c| Json::String(c.to_string())).collect(),
        _ => return value.clone(),
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let at = |n: i64| if n < 0 { (length + n).max(0) } else { n.min(length) };
    let (from, to, step) = match parts[..] {
        [to] => (0, at(to.unwrap_or(length)), 1),
        [from, to] => (at(from.unwrap_or(0)), at(to.unwrap_or(length)), 1),
        [from, to, step] if step.unwrap_or(1) > 0 => {
            (at(from.unwrap_or(0)), at(to.unwrap_or(length)), step.unwrap_or(1))
        }
        _ => return value.clone(),
    };
    let kept: Vec<Json> = (from..to)
        .step_by(usize::try_from(step).unwrap_or(1))
        .filter_map(|n| items.get(usize::try_from(n).ok()?).cloned())
        .collect();
    match &value.json {
        Json::String(_) => {
            Value { json: Json::String(kept.iter().filter_map(Json::as_str).collect()), safe: value.safe }
        }
        _ => Json::Array(kept).into(),
    }
}

pub fn linenumbers(text: &str, escaped: bool) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let width = lines.len().to_string().len();
    let numbered = lines.iter().enumerate().map(|(n, line)| {
        format!("{:0width$}. {}", n + 1, if escaped { html::escape(line) } else { (*line).to_owned() })
    });
    numbered.collect::<Vec<_>>().join("\n")
}

/// `json_script`: the value as JSON inside a `<script>` element.
pub fn json_script(value: &Json, id: &str) -> String {
    let text = value.to_string().replace('<', "\\u003C").replace('>', "\\u003E").replace('&', "\\u0026");
    let id = if id.is_empty() { String::new() } else { format!(" id=\"{}\"", html::escape(id)) };
    format!("<script{id} type=\"application/json\">{text}</script>")
}

/// `unordered_list`: the content of `<ul>`; a list after an item is nested in that item.
pub fn unordered(value: &Json, depth: usize, escaped: bool) -> String {
    let Json::Array(list) = value else { return String::new() };
    if depth > 30 {
        return String::new();
    }
    let pad = "\t".repeat(depth);
    let (mut out, mut items) = (Vec::new(), list.iter().peekable());
    while let Some(item) = items.next() {
        let text = python::text(item);
        let text = if escaped { html::escape(&text) } else { text };
        match items.next_if(|next| next.is_array()) {
            Some(inner) => out.push(format!(
                "{pad}<li>{text}\n{pad}<ul>\n{}\n{pad}</ul>\n{pad}</li>",
                unordered(inner, depth + 1, escaped)
            )),
            None => out.push(format!("{pad}<li>{text}</li>")),
        }
    }
    out.join("\n")
}
