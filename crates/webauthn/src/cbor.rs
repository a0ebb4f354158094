//! CBOR (RFC 8949) as authenticators write it: the CTAP2 canonical form, without indefinite lengths and tags.
use crate::WebAuthnError;

/// Maximum nesting depth. CTAP2 allows 4; attestation statements of some vendors need one more.
const MAX_DEPTH: usize = 8;

#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Uint(u64),
    /// A negative integer with the value −1 − n.
    Nint(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    Bool(bool),
    /// Null, undefined and floats. No caller reads their values.
    Other,
}

impl<'a> Value<'a> {
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(b) => Some(b),
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&'a str> {
        match self {
            Value::Text(t) => Some(t),
            _ => None,
        }
    }
    pub fn int(&self) -> Option<i64> {
        match self {
            Value::Uint(n) => i64::try_from(*n).ok(),
            Value::Nint(n) => i64::try_from(*n).ok().map(|n| -1 - n),
            _ => None,
        }
    }
    pub fn array(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(list) => Some(list),
            _ => None,
        }
    }
    /// A map's member with a text key.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.find(|k| k.text() == Some(key))
    }
    /// A map's member with an integer key.
    pub fn at(&self, key: i64) -> Option<&Value<'a>> {
        self.find(|k| k.int() == Some(key))
    }
    fn find(&self, fits: impl Fn(&Value<'a>) -> bool) -> Option<&Value<'a>> {
        match self {
            Value::Map(members) => members.iter().find(|(k, _)| fits(k)).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// Parses one value that must span the whole input.
pub fn whole(input: &[u8]) -> Result<Value<'_>, WebAuthnError> {
    match first(input)? {
        (value, []) => Ok(value),
        _ => Err(WebAuthnError::Cbor),
    }
}
/// Parses one value; returns it and the remaining input.
pub fn first(input: &[u8]) -> Result<(Value<'_>, &[u8]), WebAuthnError> {
    let mut reader = Reader { rest: input };
    let value = reader.value(MAX_DEPTH)?;
    Ok((value, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WebAuthnError> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or(WebAuthnError::Cbor)?;
        self.rest = tail;
        Ok(head)
    }
    fn uint(&mut self, length: usize) -> Result<u64, WebAuthnError> {
        Ok(self.take(length)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }
    /// The argument of an initial byte. It must be in its shortest form.
    fn argument(&mut self, info: u8) -> Result<u64, WebAuthnError> {
        let (value, least) = match info {
            0..=23 => return Ok(u64::from(info)),
            24 => (self.uint(1)?, 24),
            25 => (self.uint(2)?, 1 << 8),
            26 => (self.uint(4)?, 1 << 16),
            27 => (self.uint(8)?, 1 << 32),
            _ => return Err(WebAuthnError::Cbor),
        };
        if value < least { Err(WebAuthnError::Cbor) } else { Ok(value) }
    }
    /// A length. It is refused when the remaining input is shorter: each item needs at least one byte.
    fn length(&mut self, info: u8) -> Result<usize, WebAuthnError> {
        let length = usize::try_from(self.argument(info)?).map_err(|_| WebAuthnError::Cbor)?;
        if length > self.rest.len() { Err(WebAuthnError::Cbor) } else { Ok(length) }
    }
    fn value(&mut self, depth: usize) -> Result<Value<'a>, WebAuthnError> {
        let depth = depth.checked_sub(1).ok_or(WebAuthnError::Cbor)?;
        let head = *self.take(1)?.first().ok_or(WebAuthnError::Cbor)?;
        let info = head & 0x1f;
        Ok(match head >> 5 {
            0 => Value::Uint(self.argument(info)?),
            1 => Value::Nint(self.argument(info)?),
            2 => {
                let length = self.length(info)?;
                Value::Bytes(self.take(length)?)
            }
            3 => {
                let length = self.length(info)?;
                Value::Text(std::str::from_utf8(self.take(length)?).map_err(|_| WebAuthnError::Cbor)?)
            }
            4 => {
                let length = self.length(info)?;
                let mut list = Vec::new();
                for _ in 0..length {
                    list.push(self.value(depth)?);
                }
                Value::Array(list)
            }
            5 => self.map(info, depth)?,
            7 => match info {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 | 23 => Value::Other,
                25 => self.take(2).map(|_| Value::Other)?,
                26 => self.take(4).map(|_| Value::Other)?,
                27 => self.take(8).map(|_| Value::Other)?,
                _ => return Err(WebAuthnError::Cbor),
            },
            _ => return Err(WebAuthnError::Cbor),
        })
    }
    fn map(&mut self, info: u8, depth: usize) -> Result<Value<'a>, WebAuthnError> {
        let length = self.length(info)?;
        let mut members: Vec<(Value<'a>, Value<'a>)> = Vec::new();
        for _ in 0..length {
            let key = self.value(depth)?;
            // Parsers differ in which of two equal keys they use, so a repeated key is an error.
            if !matches!(key, Value::Uint(_) | Value::Nint(_) | Value::Text(_))
                || members.iter().any(|(k, _)| *k == key)
            {
                return Err(WebAuthnError::Cbor);
            }
            let value = self.value(depth)?;
            members.push((key, value));
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_rfc_8949_appendix_a_are_read() {
        assert_eq!(whole(&[0x00]), Ok(Value::Uint(0)));
        assert_eq!(whole(&[0x19, 0x03, 0xe8]).unwrap().int(), Some(1000));
        assert_eq!(whole(&[0x39, 0x01, 0x00]).unwrap().int(), Some(-257));
        assert_eq!(whole(&[0x26]).unwrap().int(), Some(-7));
        assert_eq!(whole(&[0x44, 1, 2, 3, 4]).unwrap().bytes(), Some(&[1, 2, 3, 4][..]));
        assert_eq!(whole(&[0x64, 0x49, 0x45, 0x54, 0x46]).unwrap().text(), Some("IETF"));
        assert_eq!(whole(&[0x83, 1, 2, 3]).unwrap().array().map(<[_]>::len), Some(3));
        let map = whole(&[0xa2, 0x61, 0x61, 0x01, 0x20, 0xf5]).unwrap();
        assert_eq!((map.get("a").and_then(Value::int), map.at(-1)), (Some(1), Some(&Value::Bool(true))));
        assert_eq!(first(&[0x01, 0xff]).unwrap().1, &[0xff]);
    }
    #[test]
    fn what_is_not_canonical_or_damaged_is_refused() {
        let wrong: &[&[u8]] = &[
            &[],
            &[0x18],
            &[0x18, 0x17],
            &[0x19, 0x00, 0xff],
            &[0x1c],
            &[0x5f, 0xff],
            &[0x9f, 0xff],
            &[0xbf, 0xff],
            &[0xc0, 0x00],
            &[0x44, 1, 2],
            &[0x62, 0xff, 0xfe],
            &[0x83, 1, 2],
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xbb, 0, 0, 0, 1, 0, 0, 0, 0],
            &[0xa2, 0x01, 0x01, 0x01, 0x02],
            &[0xa1, 0x80, 0x01],
            &[0xa1, 0x01],
            &[0xf8, 0x20],
            &[0xff],
        ];
        for bytes in wrong {
            assert_eq!(first(bytes), Err(WebAuthnError::Cbor), "{bytes:02x?}");
        }
        assert_eq!(whole(&[0x01, 0x02]), Err(WebAuthnError::Cbor));
        assert_eq!(whole(&[0x81; 100_000]), Err(WebAuthnError::Cbor), "depth is bounded");
    }
}
