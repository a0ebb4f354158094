//! Values of template variables.
use crate::python;
use signet_base::Json;

/// A value with its safe flag: safe text is not HTML-escaped.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Value {
    pub json: Json,
    pub safe: bool,
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self { json: Json::String(text.into()), safe: false }
    }
    pub fn safe(text: impl Into<String>) -> Self {
        Self { json: Json::String(text.into()), safe: true }
    }
    /// The text form, not escaped.
    pub fn to_text(&self) -> String {
        python::text(&self.json)
    }
    pub fn is_truthy(&self) -> bool {
        python::is_truthy(&self.json)
    }
}
impl From<Json> for Value {
    fn from(json: Json) -> Self {
        Self { json, safe: false }
    }
}

/// Resolves one segment of `a.b.0.upper`: a member, an index, or a string or list method without arguments.
pub fn member(value: &Json, name: &str) -> Option<Json> {
    let list = |items: Vec<Json>| Some(Json::Array(items));
    let text = |t: String| Some(Json::String(t));
    match value {
        Json::Object(map) => map.get(name).cloned().or_else(|| match name {
            "items" => {
                list(map.iter().map(|(k, v)| Json::Array(vec![Json::String(k.clone()), v.clone()])).collect())
            }
            "keys" => list(map.keys().map(|k| Json::String(k.clone())).collect()),
            "values" => list(map.values().cloned().collect()),
            _ => None,
        }),
        Json::Array(items) => match name {
            "all" => Some(value.clone()),
            "first" => items.first().cloned(),
            "last" => items.last().cloned(),
            "count" => Some(Json::from(items.len())),
            "exists" => Some(Json::Bool(!items.is_empty())),
            index => items.get(index.parse::<usize>().ok()?).cloned(),
        },
        Json::String(t) => match name {
            "upper" => text(t.to_uppercase()),
            "lower" => text(t.to_lowercase()),
            "title" => text(crate::text::title(t)),
            "capitalize" => text(crate::text::capfirst(&t.to_lowercase())),
            "strip" => text(t.trim().to_owned()),
            "split" => list(t.split_whitespace().map(|w| Json::String(w.to_owned())).collect()),
            "splitlines" => list(t.lines().map(|w| Json::String(w.to_owned())).collect()),
            "isoformat" => Some(value.clone()),
            index => text(t.chars().nth(index.parse::<usize>().ok()?)?.to_string()),
        },
        _ => None,
    }
}
