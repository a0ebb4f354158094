//! Challenges, in the JSON of the flow executor.
use signet_base::{FieldErrors, Json, Map, json};

/// `component` and its members.
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

/// Errors in a challenge: `{"field": [{"string": …, "code": …}]}`.
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

impl From<FieldErrors> for ResponseErrors {
    fn from(fields: FieldErrors) -> Self {
        let mut out = Self::default();
        if let Json::Object(all) = fields.to_json() {
            for (field, messages) in all {
                match messages {
                    Json::Array(list) => {
                        list.iter().for_each(|m| out.add(&field, m.as_str().unwrap_or("Invalid."), "invalid"))
                    }
                    _ => out.add(&field, "Invalid.", "invalid"),
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn errors_by_field_become_errors_of_a_challenge() {
        let mut fields = FieldErrors::one("email", "Too long.");
        fields.set("nested", json!({"a": 1}));
        let errors = ResponseErrors::from(fields).into_json();
        assert_eq!(
            errors,
            json!({"email": [{"string": "Too long.", "code": "invalid"}], "nested": [{"string": "Invalid.", "code": "invalid"}]})
        );
    }
}
