//! Claim sets, and the proof that one was verified.
use super::UnverifiedHeader;
use crate::JwtError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::ops::Deref;

/// The last second of the year 9999; no date of a token lies beyond it.
const MAX_DATE: i64 = 253_402_300_799;

/// The members of a token's payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// Any claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The issuer.
    pub fn iss(&self) -> Option<&str> {
        self.text("iss")
    }

    /// The subject.
    pub fn sub(&self) -> Option<&str> {
        self.text("sub")
    }

    /// The token's own identifier.
    pub fn jti(&self) -> Option<&str> {
        self.text("jti")
    }

    /// The audiences; a single string counts as a list of one.
    /// Empty without `aud`, `None` when it is neither a string nor a list of strings.
    pub fn audiences(&self) -> Option<Vec<&str>> {
        match self.get("aud") {
            None => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
            Some(_) => None,
        }
    }

    /// A NumericDate (RFC 7519 §2) in Unix seconds, fractions cut off. An absent claim is `None`;
    /// strings, `null` and dates before 1970 are an error. Dates past the year 9999 count as its end.
    pub fn date(&self, name: &'static str) -> Result<Option<i64>, JwtError> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number,
            Some(_) => return Err(JwtError::InvalidClaim(name)),
        };
        let seconds = match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => i64::try_from(whole).unwrap_or(MAX_DATE),
            // `as` saturates, and the text of a JSON number is never NaN.
            (None, Some(float)) if float >= 0.0 => float as i64,
            _ => return Err(JwtError::InvalidClaim(name)),
        };
        Ok(Some(seconds.min(MAX_DATE)))
    }

    /// The members as JSON.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl Deref for Claims {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Content whose signature and claims were checked. Only [`super::verify`] makes one, so a function
/// that takes it cannot be handed unchecked data.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    value: T,
    header: UnverifiedHeader,
    key_index: usize,
}

impl<T> Verified<T> {
    pub(super) fn new(value: T, header: UnverifiedHeader, key_index: usize) -> Self {
        Self { value, header, key_index }
    }

    /// The token's header, now covered by the signature.
    pub fn header(&self) -> &UnverifiedHeader {
        &self.header
    }

    /// Position of the key that verified, in the order in which the keys were given.
    pub fn key_index(&self) -> usize {
        self.key_index
    }

    /// The content alone; the proof ends here.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl Verified<Claims> {
    /// The claims in the caller's own type. Unknown claims are the type's business.
    pub fn typed<D: DeserializeOwned>(self) -> Result<Verified<D>, JwtError> {
        let value = serde_json::from_value(Value::Object(self.value.0)).map_err(|_| JwtError::Malformed)?;
        Ok(Verified { value, header: self.header, key_index: self.key_index })
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
