//! Conditions of `{% if … %}`.
use crate::expr::Expr;
use crate::lexer::split_words;
use crate::python;
use crate::render::{RenderError, Renderer};
use crate::value::Value;
use signet_base::Json;
use std::cmp::Ordering;

#[derive(Debug, Clone)]
pub enum Condition {
    Holds(Expr),
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare(Box<Condition>, Operator, Box<Condition>),
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operator {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Is,
    IsNot,
}

struct ConditionParser {
    split_words: Vec<String>,
    at: usize,
}

pub fn parse(text: &str) -> Result<Condition, String> {
    let mut reader = ConditionParser { split_words: split_words(text), at: 0 };
    if reader.split_words.is_empty() {
        return Err("a condition is missing".into());
    }
    if reader.split_words.len() > 200 {
        return Err("the condition is too long".into());
    }
    let condition = reader.or()?;
    match reader.split_words.get(reader.at) {
        Some(word) => Err(format!("“{word}” is not expected in a condition")),
        None => Ok(condition),
    }
}

impl ConditionParser {
    fn take(&mut self, word: &str) -> bool {
        let found = self.split_words.get(self.at).is_some_and(|w| w == word);
        self.at += usize::from(found);
        found
    }
    fn or(&mut self) -> Result<Condition, String> {
        let mut left = self.and()?;
        while self.take("or") {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }
    fn and(&mut self) -> Result<Condition, String> {
        let mut left = self.not()?;
        while self.take("and") {
            left = Condition::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }
    fn not(&mut self) -> Result<Condition, String> {
        if self.take("not") { Ok(Condition::Not(Box::new(self.not()?))) } else { self.compared() }
    }
    fn compared(&mut self) -> Result<Condition, String> {
        let mut left = self.one()?;
        loop {
            let operator = match self.split_words.get(self.at).map(String::as_str) {
                Some("==") => Operator::Equal,
                Some("!=") => Operator::Unequal,
                Some("<") => Operator::Less,
                Some("<=") => Operator::LessEqual,
                Some(">") => Operator::Greater,
                Some(">=") => Operator::GreaterEqual,
                Some("in") => Operator::In,
                Some("not") if self.split_words.get(self.at + 1).is_some_and(|w| w == "in") => {
                    Operator::NotIn
                }
                Some("is") if self.split_words.get(self.at + 1).is_some_and(|w| w == "not") => {
                    Operator::IsNot
                }
                Some("is") => Operator::Is,
                _ => return Ok(left),
            };
            self.at += if matches!(operator, Operator::NotIn | Operator::IsNot) { 2 } else { 1 };
            left = Condition::Compare(Box::new(left), operator, Box::new(self.one()?));
        }
    }
    fn one(&mut self) -> Result<Condition, String> {
        let word = self.split_words.get(self.at).ok_or("a value is missing at the end of the condition")?;
        if matches!(word.as_str(), "and" | "or" | "in" | "is" | "==" | "!=" | "<" | ">" | "<=" | ">=") {
            return Err(format!("“{word}” needs a value before it"));
        }
        self.at += 1;
        Expr::parse(word).map(Condition::Holds)
    }
}

impl Condition {
    pub fn holds(&self, run: &mut Renderer<'_>) -> Result<bool, RenderError> {
        Ok(match self {
            Condition::Not(inner) => !inner.holds(run)?,
            Condition::And(a, b) => a.holds(run)? && b.holds(run)?,
            Condition::Or(a, b) => a.holds(run)? || b.holds(run)?,
            _ => self.value(run)?.is_truthy(),
        })
    }
    /// An undefined name is None in a condition.
    fn value(&self, run: &mut Renderer<'_>) -> Result<Value, RenderError> {
        run.step(1)?;
        Ok(match self {
            Condition::Holds(expr) => expr.value(run)?.unwrap_or_default(),
            Condition::Compare(a, operator, b) => {
                Json::Bool(compare(&a.value(run)?.json, *operator, &b.value(run)?.json)).into()
            }
            other => Json::Bool(other.holds(run)?).into(),
        })
    }
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x.as_f64() == y.as_f64(),
        (Json::Bool(x), Json::Number(n)) | (Json::Number(n), Json::Bool(x)) => {
            n.as_f64() == Some(f64::from(u8::from(*x)))
        }
        _ => a == b,
    }
}

pub fn order(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => x.as_f64()?.partial_cmp(&y.as_f64()?),
        (Json::String(x), Json::String(y)) => Some(x.cmp(y)),
        (Json::Bool(x), Json::Bool(y)) => Some(x.cmp(y)),
        (Json::Array(x), Json::Array(y)) => x
            .iter()
            .zip(y)
            .map(|(x, y)| order(x, y))
            .find(|o| *o != Some(Ordering::Equal))
            .unwrap_or_else(|| Some(x.len().cmp(&y.len()))),
        _ => None,
    }
}

/// A comparison of values that have no order is false.
fn compare(a: &Json, operator: Operator, b: &Json) -> bool {
    let within = || match b {
        Json::Array(list) => list.iter().any(|item| same(item, a)),
        Json::Object(map) => map.contains_key(&python::text(a)),
        Json::String(text) => a.as_str().is_some_and(|a| text.contains(a)),
        _ => false,
    };
    match operator {
        Operator::Equal => same(a, b),
        Operator::Unequal => !same(a, b),
        Operator::Less => order(a, b).is_some_and(Ordering::is_lt),
        Operator::LessEqual => order(a, b).is_some_and(Ordering::is_le),
        Operator::Greater => order(a, b).is_some_and(Ordering::is_gt),
        Operator::GreaterEqual => order(a, b).is_some_and(Ordering::is_ge),
        Operator::In => within(),
        Operator::NotIn => matches!(b, Json::Array(_) | Json::Object(_) | Json::String(_)) && !within(),
        Operator::Is => a == b,
        Operator::IsNot => a != b,
    }
}
