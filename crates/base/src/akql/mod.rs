//! AKQL: the query language of list filters and event matchers, such as `action = "login" and
//! (context.geo.country in ("DE", "FR"))`.
//!
//! A query consists of terms (name, operator, value) joined by `and` and `or`. As in DjangoQL, both have the
//! same precedence and associate to the right: `a and b or c` means `a and (b or c)`.
mod parse;

use crate::{Json, Map};
use std::cmp::Ordering;

/// Maximum length of a query in bytes.
pub const MAX_LENGTH: usize = 4096;
/// Maximum number of terms, and maximum nesting of parentheses.
pub const MAX_TERMS: usize = 64;

#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    And(Box<Query>, Box<Query>),
    Or(Box<Query>, Box<Query>),
    Term(Term),
}

/// `path operator value`
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The segments of the dotted name; at least one.
    pub path: Vec<String>,
    pub operator: Operator,
    /// String, number, boolean, null, or a list of these for [`Operator::In`].
    pub value: Json,
    /// `!=`, `!~`, `not in`, `not startswith`, `not endswith`.
    pub negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    /// `~`: contains, ignoring case.
    Contains,
    StartsWith,
    EndsWith,
    In,
}

impl Query {
    /// Parses a query; `None` for a syntax error.
    pub fn parse(text: &str) -> Option<Self> {
        parse::parse(text)
    }
    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }
    /// All terms, from left to right.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::And(left, right) | Self::Or(left, right) => [left.terms(), right.terms()].concat(),
            Self::Term(term) => vec![term],
        }
    }
    /// Whether the record matches.
    pub fn holds(&self, record: &Map) -> bool {
        match self {
            Self::And(left, right) => left.holds(record) && right.holds(record),
            Self::Or(left, right) => left.holds(record) || right.holds(record),
            Self::Term(term) => term.holds(record),
        }
    }
}

impl Term {
    /// Whether the member at the path matches. A missing member matches nothing, not even a negated term.
    pub fn holds(&self, record: &Map) -> bool {
        member(record, &self.path).is_some_and(|found| self.fits(found) != self.negated)
    }

    fn fits(&self, found: &Json) -> bool {
        let texts = |test: fn(&str, &str) -> bool| match (scalar_text(found), self.value.as_str()) {
            (Some(found), Some(wanted)) => test(&found, wanted),
            _ => false,
        };
        let order =
            |wanted: &[Ordering]| compare(found, &self.value).is_some_and(|order| wanted.contains(&order));
        match self.operator {
            Operator::Equal => equal(found, &self.value),
            Operator::Greater => order(&[Ordering::Greater]),
            Operator::GreaterEqual => order(&[Ordering::Greater, Ordering::Equal]),
            Operator::Less => order(&[Ordering::Less]),
            Operator::LessEqual => order(&[Ordering::Less, Ordering::Equal]),
            Operator::Contains => {
                texts(|found, wanted| found.to_lowercase().contains(&wanted.to_lowercase()))
            }
            Operator::StartsWith => texts(|found, wanted| found.starts_with(wanted)),
            Operator::EndsWith => texts(|found, wanted| found.ends_with(wanted)),
            Operator::In => {
                self.value.as_array().is_some_and(|list| list.iter().any(|wanted| equal(found, wanted)))
            }
        }
    }
}

/// Follows a path; a number indexes a list.
fn member<'a>(record: &'a Map, path: &[String]) -> Option<&'a Json> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(record.get(first)?, |here, part| match here {
        Json::Object(map) => map.get(part),
        Json::Array(list) => list.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A scalar as text.
fn scalar_text(found: &Json) -> Option<String> {
    match found {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(found.to_string()),
        _ => None,
    }
}

/// Compares values; 1 equals 1.0.
fn equal(found: &Json, wanted: &Json) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(a), Some(b)) if found.as_i64().is_none() || wanted.as_i64().is_none() => a == b,
        _ => found == wanted,
    }
}

/// Orders numbers and strings among themselves; other values have no order.
fn compare(found: &Json, wanted: &Json) -> Option<Ordering> {
    match (found, wanted) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn holds(text: &str) -> bool {
        let record = json!({"action": "login", "user": {"username": "Ada", "pk": 7}, "context": {"geo": {"country": "Germany"}, "score": 1.5, "list": ["a", 2], "none": null, "known": true}});
        Query::parse(text).unwrap_or_else(|| panic!("{text} is a query")).holds(record.as_object().unwrap())
    }

    #[test]
    fn every_operator_holds_where_it_should_and_only_there() {
        for text in [
            "action = \"login\"",
            "action != \"logout\"",
            "user.pk = 7",
            "user.pk = 7.0",
            "user.pk > 6 and user.pk >= 7 and user.pk < 8 and user.pk <= 7",
            "context.score > 1",
            "action > \"logim\"",
            "user.username ~ \"AD\"",
            "user.username !~ \"x\"",
            "user.username startswith \"Ad\"",
            "user.username not startswith \"ad\"",
            "user.username endswith \"da\"",
            "user.username not endswith \"DA\"",
            "action in (\"logout\", \"login\")",
            "action not in (\"logout\")",
            "user.pk in (6, 7)",
            "user.pk ~ \"7\"",
            "context.known = True",
            "context.known != False",
            "context.none = None",
            "action != None",
            "context.geo.country = \"Germany\" or action = \"x\"",
            "context.list.1 = 2",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "action = \"Login\"",
            "action != \"login\"",
            "user.pk = \"7\"",
            "user.pk > \"6\"",
            "user.username startswith \"ad\"",
            "action not in (\"login\", \"logout\")",
            "user = \"Ada\"",
            "context.geo.country = \"France\" and action = \"login\"",
            "context.geo.city.name = \"Berlin\"",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_fulfils_nothing() {
        for text in [
            "context.city = None",
            "context.city != \"x\"",
            "context.city !~ \"x\"",
            "context.city not in (\"x\")",
            "action.x != 1",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn both_words_bind_from_the_right() {
        assert!(!holds("action = \"x\" and action = \"x\" or action = \"login\""));
        assert!(holds("(action = \"x\" and action = \"x\") or action = \"login\""));
        assert!(holds("action = \"login\" or action = \"x\" and action = \"x\""));
    }
}
