//! JSON without repeated member names (RFC 8725 §2.4 and RFC 7515 §4: two parsers must not differ).
use crate::JwtError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The message by which a repeated name is recognised among the parser's errors.
const REPEATED: &str = "repeated member name";

/// Parses a whole JSON text; a name that occurs twice in any object is an error.
pub(crate) fn parse(json: &[u8]) -> Result<Value, JwtError> {
    let mut parser = serde_json::Deserializer::from_slice(json);
    Strict.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value)).map_err(|error| {
        if error.to_string().starts_with(REPEATED) { JwtError::DuplicateMember } else { JwtError::Malformed }
    })
}

/// Parses a JSON text that must be an object.
pub(crate) fn parse_object(json: &[u8]) -> Result<Map<String, Value>, JwtError> {
    match parse(json)? {
        Value::Object(map) => Ok(map),
        _ => Err(JwtError::Malformed),
    }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(Strict)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom(REPEATED));
            }
        }
        Ok(Value::Object(map))
    }
}
