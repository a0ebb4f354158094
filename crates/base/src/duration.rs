//! Durations in text form: `weeks=1;days=2;hours=3`, separated by `;` or `,`.
use serde::{Deserialize, Serialize};

/// A signed duration in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(i64);

const UNITS: [(&str, i64); 7] = [
    ("weeks", 604_800_000_000),
    ("days", 86_400_000_000),
    ("hours", 3_600_000_000),
    ("minutes", 60_000_000),
    ("seconds", 1_000_000),
    ("milliseconds", 1_000),
    ("microseconds", 1),
];

impl Span {
    pub const ZERO: Span = Span(0);
    pub const DAY: Span = Span(86_400_000_000);
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }
    pub fn micros(self) -> i64 {
        self.0
    }
    pub fn secs(self) -> i64 {
        self.0 / 1_000_000
    }
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }
    /// Parses the text form. The error states what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not in the correct format of 'hours=3;minutes=1'.");
        let mut total: i64 = 0;
        let mut any = false;
        for part in text.split([';', ',']) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let (name, count) = part.split_once('=').ok_or_else(wrong)?;
            let unit =
                UNITS.iter().find(|(unit, _)| name.trim().eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1;
            let count: f64 = count.trim().parse().map_err(|_| wrong())?;
            let micros = count * unit as f64;
            if !micros.is_finite() || micros.abs() > 3.0e17 {
                return Err(wrong());
            }
            total = total.checked_add(micros as i64).ok_or_else(wrong)?;
            any = true;
        }
        if any { Ok(Self(total)) } else { Err(wrong()) }
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000_000 == 0 {
            s.collect_str(&format_args!("seconds={}", self.0 / 1_000_000))
        } else {
            s.collect_str(&format_args!("microseconds={}", self.0))
        }
    }
}
impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Span::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn reads_every_unit_and_both_separators() {
        assert_eq!(Span::parse("hours=1;minutes=-5").unwrap().secs(), 3300);
        assert_eq!(Span::parse("days=1,seconds=1").unwrap().secs(), 86_401);
        assert_eq!(Span::parse("seconds=0").unwrap(), Span::ZERO);
    }
    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in ["", "bogus", "hours", "hours=x", "fortnights=1", "weeks=1e30"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
