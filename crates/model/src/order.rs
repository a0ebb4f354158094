//! The order of objects in lists.
use crate::Object;
use signet_base::Json;
use std::cmp::Ordering;

/// What an object is sorted by. Kinds of values follow each other as declared; texts without regard to case first.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderKey {
    Nothing,
    Bool(bool),
    Number(f64),
    Text { lower: String, text: String },
    Other,
}

impl OrderKey {
    /// `created` and `last_updated` are times of the object; anything else is a field.
    pub fn of(object: &Object, field: &str) -> Self {
        match field {
            "created" => Self::Number(object.created.0 as f64),
            "last_updated" => Self::Number(object.updated.0 as f64),
            _ => object.data.get(field).map_or(Self::Nothing, Self::of_value),
        }
    }
    pub fn of_value(value: &Json) -> Self {
        match value {
            Json::Null => Self::Nothing,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => Self::Number(n.as_f64().unwrap_or_default()),
            Json::String(text) => Self::text(text),
            Json::Array(_) | Json::Object(_) => Self::Other,
        }
    }
    pub fn text(text: &str) -> Self {
        Self::Text { lower: text.to_lowercase(), text: text.to_owned() }
    }
    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text { .. } => 3,
            Self::Other => 4,
        }
    }
}

impl Eq for OrderKey {}
impl PartialOrd for OrderKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for OrderKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text { lower, text }, Self::Text { lower: other_lower, text: other_text }) => {
                lower.cmp(other_lower).then_with(|| text.cmp(other_text))
            }
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn values_have_one_order() {
        let mut list =
            vec![json!("b"), json!(2), json!(null), json!("A"), json!(10), json!(true), json!("a")];
        list.sort_by_cached_key(OrderKey::of_value);
        assert_eq!(
            list,
            vec![json!(null), json!(true), json!(2), json!(10), json!("A"), json!("a"), json!("b")]
        );
    }
}
