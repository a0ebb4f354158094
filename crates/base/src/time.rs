//! Timestamps: microseconds since 1970-01-01 UTC, RFC 3339 on the wire.
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset, macros::format_description};

/// Microseconds since the Unix epoch. Stored as an integer, serialised as `2026-11-23T20:15:00.123456Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    pub fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }
    /// Whole seconds since the Unix epoch (NumericDate, RFC 7519 §2).
    pub fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    pub fn plus(self, span: crate::Span) -> Self {
        Self(self.0.saturating_add(span.micros()))
    }
    pub fn minus(self, span: crate::Span) -> Self {
        Self(self.0.saturating_sub(span.micros()))
    }
    pub fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1_000_000)))
    }
    /// Parses RFC 3339, or a date with or without a time (taken as UTC).
    pub fn parse(text: &str) -> Result<Self> {
        if let Ok(at) = OffsetDateTime::parse(text, &Rfc3339) {
            return Self::of(at);
        }
        let forms = [
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]"),
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond]"),
            format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"),
            format_description!("[year]-[month]-[day]T[hour]:[minute]"),
        ];
        for form in forms {
            if let Ok(at) = PrimitiveDateTime::parse(text, form) {
                return Self::of(at.assume_utc());
            }
        }
        if let Ok(day) = time::Date::parse(text, format_description!("[year]-[month]-[day]")) {
            return Self::of(day.midnight().assume_utc());
        }
        Err(Error::internal(format!("not a time: {text}")))
    }
    /// Years 1 to 9999 in UTC, which can be written again.
    fn of(at: OffsetDateTime) -> Result<Self> {
        let utc = at.checked_to_offset(UtcOffset::UTC).filter(|utc| utc.year() >= 1);
        let utc = utc.ok_or_else(|| Error::internal(format!("not a time of the years 1 to 9999: {at}")))?;
        i64::try_from(utc.unix_timestamp_nanos() / 1000).map(Self).map_err(Error::internal)
    }
    /// Times after the year 9999 are shown as its end, those before the year -9999 as its beginning.
    pub fn to_offset(self) -> OffsetDateTime {
        let end = if self.0 > 0 { PrimitiveDateTime::MAX } else { PrimitiveDateTime::MIN };
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .unwrap_or_else(|_| end.assume_utc())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.to_offset();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )?;
        if t.microsecond() != 0 {
            write!(f, ".{:06}", t.microsecond())?;
        }
        f.write_str("Z")
    }
}
impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Timestamp::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn reads_and_writes_rfc3339() {
        let at = Timestamp::parse("2026-11-23T20:15:00.123456+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-23T19:15:00.123456Z");
        assert_eq!(Timestamp::parse("2020-01-01").unwrap().to_string(), "2020-01-01T00:00:00Z");
        assert!(Timestamp::parse("tomorrow").is_err());
    }
    #[test]
    fn a_time_that_cannot_be_written_again_is_none() {
        for edge in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
            assert_eq!(Timestamp::parse(edge).unwrap().to_string(), edge);
        }
        for beyond in ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0000-06-01T00:00:00Z"] {
            assert!(Timestamp::parse(beyond).is_err(), "{beyond}");
        }
        // Sums may lie beyond: they are never another time of today.
        assert_eq!(Timestamp(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
        assert!(Timestamp(i64::MIN).to_string().starts_with("-9999-01-01"));
    }
}
