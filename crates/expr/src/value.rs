//! Values that enter and leave programs. Clones are cheap: containers are shared.
use crate::HostObject;
use serde_json::{Map, Number, Value as Json};
use signet_base::Timestamp;
use std::{fmt, sync::Arc};

/// Maximum nesting of a value.
pub(crate) const MAX_DEPTH: usize = 100;
/// Maximum number of values in a JSON result; shared parts count each time they occur.
const MAX_JSON_NODES: usize = 100_000;

/// A Python value at the interface. A list or dictionary that occurs twice (the same `Arc`) is one object in
/// the program.
#[derive(Clone, Default)]
pub enum Value {
    #[default]
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    /// A `datetime` in UTC.
    Time(Timestamp),
    /// Lists. Tuples and sets leave a program as lists.
    List(Arc<Vec<Value>>),
    Dict(Arc<Dict>),
    /// An object with attributes that the program may change.
    Record(Arc<Record>),
    Object(Arc<dyn HostObject>),
    /// Output only: a true value without a representation, such as a match of `re`. The text is its `repr`.
    Opaque(Arc<str>),
}

/// A dictionary with string keys in insertion order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dict(Vec<(String, Value)>);

/// A named set of attributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub type_name: String,
    pub fields: Dict,
}

/// A value that JSON cannot represent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("{0} has no JSON form")]
    NoJson(String),
    #[error("the value is nested too deeply or too large")]
    TooLarge,
}

impl Dict {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }
    /// Replaces or appends.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }
    /// Appends without looking for an equal key; in a program the last of equal keys counts.
    pub(crate) fn push(&mut self, key: String, value: Value) {
        self.0.push((key, value));
    }
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v))
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for Dict {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut dict = Self::new();
        for (key, value) in pairs {
            dict.insert(key, value);
        }
        dict
    }
}

impl Value {
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(Arc::new(items.into_iter().map(Into::into).collect()))
    }
    pub fn dict<K: Into<String>, V: Into<Value>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Dict(Arc::new(pairs.into_iter().collect()))
    }
    pub fn record<K: Into<String>, V: Into<Value>>(
        type_name: &str,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::Record(Arc::new(Record { type_name: type_name.into(), fields: fields.into_iter().collect() }))
    }
    pub fn object(object: impl HostObject + 'static) -> Self {
        Self::Object(Arc::new(object))
    }
    /// Python's truth value.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            // Whether a query finds anything is not known here.
            Self::Object(object) => !object.special().query,
            Self::Time(_) | Self::Record(_) | Self::Opaque(_) => true,
        }
    }
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }
    pub fn as_object(&self) -> Option<&Arc<dyn HostObject>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }
    /// The JSON form. Objects, opaque values, NaN and infinities have none; times become RFC 3339 strings.
    pub fn to_json(&self) -> Result<Json, ValueError> {
        let mut budget = MAX_JSON_NODES;
        self.json(0, &mut budget)
    }
    fn json(&self, depth: usize, budget: &mut usize) -> Result<Json, ValueError> {
        if depth > MAX_DEPTH || *budget == 0 {
            return Err(ValueError::TooLarge);
        }
        *budget -= 1;
        Ok(match self {
            Self::None => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Float(value) => {
                Json::Number(Number::from_f64(*value).ok_or_else(|| ValueError::NoJson(value.to_string()))?)
            }
            Self::Str(text) => Json::from(&**text),
            Self::Bytes(_) => return Err(ValueError::NoJson("bytes".to_owned())),
            Self::Time(at) => Json::from(at.to_string()),
            Self::List(items) => {
                Json::Array(items.iter().map(|item| item.json(depth + 1, budget)).collect::<Result<_, _>>()?)
            }
            Self::Dict(dict) => dict.json(depth, budget)?,
            Self::Record(record) => record.fields.json(depth, budget)?,
            Self::Object(object) => return Err(ValueError::NoJson(object.type_name().to_owned())),
            Self::Opaque(repr) => return Err(ValueError::NoJson(repr.to_string())),
        })
    }
}

impl Dict {
    fn json(&self, depth: usize, budget: &mut usize) -> Result<Json, ValueError> {
        let mut map = Map::new();
        for (key, value) in self.iter() {
            map.insert(key.to_owned(), value.json(depth + 1, budget)?);
        }
        Ok(Json::Object(map))
    }
}

/// The JSON parser limits the depth. Integers above the signed 64-bit range become floats.
impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                None => number.as_f64().map_or(Self::None, Self::Float),
            },
            Json::String(text) => Self::Str(text.into()),
            Json::Array(items) => Self::list(items),
            // Keys of a JSON map are unique.
            Json::Object(map) => {
                Self::Dict(Arc::new(Dict(map.into_iter().map(|(k, v)| (k, v.into())).collect())))
            }
        }
    }
}
impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        json.clone().into()
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Time(at)
    }
}
impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Dict(Arc::new(dict))
    }
}
impl From<Arc<dyn HostObject>> for Value {
    fn from(object: Arc<dyn HostObject>) -> Self {
        Self::Object(object)
    }
}
impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(items: Vec<V>) -> Self {
        Self::list(items)
    }
}
impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

/// Structural; host objects are equal if type and identity are, opaque values never.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Dict(a), Self::Dict(b)) => a == b,
            (Self::Record(a), Self::Record(b)) => a == b,
            (Self::Object(a), Self::Object(b)) => {
                a.type_name() == b.type_name() && a.identity() == b.identity()
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Str(text) => text.fmt(f),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Time(at) => write!(f, "Time({at})"),
            Self::List(items) => items.fmt(f),
            Self::Dict(dict) => dict.fmt(f),
            Self::Record(record) => record.fmt(f),
            // Attributes may contain secrets: only the identity is printed.
            Self::Object(object) => write!(f, "{}({})", object.type_name(), object.identity()),
            Self::Opaque(repr) => write!(f, "Opaque({repr})"),
        }
    }
}
