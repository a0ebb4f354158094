//! What a person is shown, as the JSON of the executor.
use signet_base::{Json, Map, json};

/// `component` plus its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Challenge(pub Map);

impl Challenge {
    pub fn new(component: &str) -> Self {
        let mut map = Map::new();
        map.insert("component".into(), json!(component));
        Self(map)
    }
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }
    pub fn component(&self) -> &str {
        self.0.get("component").and_then(Json::as_str).unwrap_or_default()
    }
}

/// Errors beside a challenge: `{"field": [{"string": …, "code": …}]}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResponseErrors(Map);

impl ResponseErrors {
    pub fn one(field: &str, text: &str, code: &str) -> Self {
        let mut me = Self::default();
        me.add(field, text, code);
        me
    }
    pub fn required(field: &str) -> Self {
        Self::one(field, "This field is required.", "required")
    }
    pub fn add(&mut self, field: &str, text: &str, code: &str) {
        let list = self.0.entry(field).or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(list) = list {
            list.push(json!({"string": text, "code": code}));
        }
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn into_json(self) -> Json {
        Json::Object(self.0)
    }
}
