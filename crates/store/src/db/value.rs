//! Parameters and rows.
use signet_base::{Error, Json, Map, Result, Timestamp, Uuid};
use std::fmt;

/// A parameter or column. Booleans are stored as 0 and 1, times as microseconds, UUIDs and JSON as text.
#[derive(Clone, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl fmt::Debug for Value {
    /// Prints numbers only: texts may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("Null"),
            Value::Int(n) => write!(f, "Int({n})"),
            Value::Real(n) => write!(f, "Real({n})"),
            Value::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Value::Blob(bytes) => write!(f, "Blob({} bytes)", bytes.len()),
        }
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Value::Int(n)
    }
}
impl From<i32> for Value {
    fn from(n: i32) -> Self {
        Value::Int(i64::from(n))
    }
}
impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Value::Int(i64::from(n))
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Int(i64::from(b))
    }
}
impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Value::Real(n)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Value::Text(text.clone())
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Blob(bytes)
    }
}
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Value::Int(at.0)
    }
}
impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Value::Text(id.to_string())
    }
}
impl From<&Json> for Value {
    fn from(json: &Json) -> Self {
        Value::Text(json.to_string())
    }
}
impl From<&Map> for Value {
    fn from(map: &Map) -> Self {
        // A JSON map has string keys, so serialising cannot fail.
        Value::Text(serde_json::to_string(map).unwrap_or_else(|_| "{}".to_owned()))
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A list of parameters: `params![id, name, at]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}

/// A row; columns are read by index. A type mismatch is `Error::Internal`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }
    pub fn len(&self) -> usize {
        self.0.len()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The column's value.
    pub fn value(&self, i: usize) -> Result<&Value> {
        self.0.get(i).ok_or_else(|| Error::internal(format!("row has no column {i}")))
    }
    pub fn is_null(&self, i: usize) -> bool {
        matches!(self.0.get(i), None | Some(Value::Null))
    }
    fn wrong<T>(&self, i: usize, wanted: &str) -> Result<T> {
        Err(Error::internal(format!("column {i} is not {wanted}: {:?}", self.0.get(i))))
    }
    pub fn int(&self, i: usize) -> Result<i64> {
        match self.value(i)? {
            Value::Int(n) => Ok(*n),
            _ => self.wrong(i, "an integer"),
        }
    }
    pub fn opt_int(&self, i: usize) -> Result<Option<i64>> {
        if self.is_null(i) { Ok(None) } else { self.int(i).map(Some) }
    }
    pub fn real(&self, i: usize) -> Result<f64> {
        match self.value(i)? {
            Value::Real(n) => Ok(*n),
            Value::Int(n) => Ok(*n as f64),
            _ => self.wrong(i, "a number"),
        }
    }
    pub fn text(&self, i: usize) -> Result<&str> {
        match self.value(i)? {
            Value::Text(text) => Ok(text),
            _ => self.wrong(i, "text"),
        }
    }
    pub fn string(&self, i: usize) -> Result<String> {
        self.text(i).map(str::to_owned)
    }
    pub fn opt_text(&self, i: usize) -> Result<Option<&str>> {
        if self.is_null(i) { Ok(None) } else { self.text(i).map(Some) }
    }
    pub fn blob(&self, i: usize) -> Result<&[u8]> {
        match self.value(i)? {
            Value::Blob(bytes) => Ok(bytes),
            _ => self.wrong(i, "bytes"),
        }
    }
    pub fn bool(&self, i: usize) -> Result<bool> {
        self.int(i).map(|n| n != 0)
    }
    pub fn time(&self, i: usize) -> Result<Timestamp> {
        self.int(i).map(Timestamp)
    }
    pub fn opt_time(&self, i: usize) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(i)?.map(Timestamp))
    }
    pub fn uuid(&self, i: usize) -> Result<Uuid> {
        Uuid::parse_str(self.text(i)?).or_else(|_| self.wrong(i, "a UUID"))
    }
    pub fn json(&self, i: usize) -> Result<Json> {
        serde_json::from_str(self.text(i)?).or_else(|_| self.wrong(i, "JSON"))
    }
    pub fn map(&self, i: usize) -> Result<Map> {
        match self.json(i)? {
            Json::Object(map) => Ok(map),
            _ => self.wrong(i, "a JSON object"),
        }
    }
}
