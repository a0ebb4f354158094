//! Python's operators. `None` leaves the case to the interpreter.
use super::address;
use super::eval::{Eval, Found, Stop, holds};
use super::ir::{Binary, Cmp};
use crate::{Dict, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// Integers up to this value are exact as floats.
const EXACT: i64 = 1 << 53;

enum Number {
    Int(i64),
    Float(f64),
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Bool(value) => Some(Number::Int((*value).into())),
        Value::Int(value) => Some(Number::Int(*value)),
        Value::Float(value) => Some(Number::Float(*value)),
        _ => None,
    }
}

fn float(value: Number) -> Option<f64> {
    match value {
        Number::Int(value) => (value.abs() <= EXACT).then_some(value as f64),
        Number::Float(value) => Some(value),
    }
}

/// `left == right`
pub(super) fn equal(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Record(_) | Value::Opaque(_), _) | (_, Value::Record(_) | Value::Opaque(_)) => return None,
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(a, b)? {
                    return Some(false);
                }
            }
            return Some(true);
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if a.len() != b.len() {
                return Some(false);
            }
            for (key, a) in a.iter() {
                match b.get(key) {
                    Some(b) if equal(a, b)? => {}
                    _ => return Some(false),
                }
            }
            return Some(true);
        }
        (Value::Str(a), Value::Str(b)) => return Some(a == b),
        (Value::Time(_), _) | (_, Value::Time(_))
            if !matches!(
                (left, right),
                (Value::Time(_), Value::Time(_)) | (Value::None, _) | (_, Value::None)
            ) =>
        {
            return None;
        }
        _ => {}
    }
    match (number(left), number(right)) {
        (Some(Number::Int(a)), Some(Number::Int(b))) => Some(a == b),
        (Some(a), Some(b)) => Some(float(a)? == float(b)?),
        _ => Some(left == right),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        _ => match (number(left)?, number(right)?) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
            (a, b) => float(a)?.partial_cmp(&float(b)?),
        },
    }
}

pub(super) fn compare(op: Cmp, left: &Value, right: &Value) -> Option<bool> {
    Some(match op {
        Cmp::Eq => equal(left, right)?,
        Cmp::Ne => !equal(left, right)?,
        Cmp::Lt => order(left, right)?.is_lt(),
        Cmp::Le => order(left, right)?.is_le(),
        Cmp::Gt => order(left, right)?.is_gt(),
        Cmp::Ge => order(left, right)?.is_ge(),
        Cmp::In => contains(right, left)?,
        Cmp::NotIn => !contains(right, left)?,
        Cmp::Is => same(left, right)?,
        Cmp::IsNot => !same(left, right)?,
    })
}

/// Identity with one of the three singletons.
fn same(left: &Value, right: &Value) -> Option<bool> {
    match right {
        Value::None => Some(matches!(left, Value::None)),
        Value::Bool(wanted) => Some(matches!(left, Value::Bool(found) if found == wanted)),
        _ => None,
    }
}

fn contains(container: &Value, wanted: &Value) -> Option<bool> {
    match container {
        Value::List(items) => holds(items, wanted),
        Value::Dict(dict) => match wanted {
            Value::Str(key) => Some(dict.get(key).is_some()),
            // Keys of dictionaries from outside are strings.
            Value::None | Value::Int(_) | Value::Bool(_) => Some(false),
            _ => None,
        },
        Value::Str(text) => wanted.as_str().map(|wanted| text.contains(wanted)),
        other => address::range(other)?.contains(address::range(wanted)?),
    }
}

pub(super) fn add(eval: &mut Eval<'_>, left: &Value, right: &Value) -> Found {
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => eval.made([&**a, &**b].concat()),
        (Value::List(a), Value::List(b)) => {
            Ok(Value::List(Arc::new(a.iter().chain(b.iter()).cloned().collect())))
        }
        _ => arithmetic(left, right, i64::checked_add, |a, b| a + b).ok_or(Stop::Interpret),
    }
}

fn arithmetic(
    left: &Value,
    right: &Value,
    ints: fn(i64, i64) -> Option<i64>,
    floats: fn(f64, f64) -> f64,
) -> Option<Value> {
    match (number(left)?, number(right)?) {
        (Number::Int(a), Number::Int(b)) => ints(a, b).map(Value::Int),
        (a, b) => Some(Value::Float(floats(float(a)?, float(b)?))),
    }
}

pub(super) fn binary(op: Binary, left: &Value, right: &Value) -> Option<Value> {
    match op {
        Binary::Sub => arithmetic(left, right, i64::checked_sub, |a, b| a - b),
        Binary::Mul => arithmetic(left, right, i64::checked_mul, |a, b| a * b),
        // Python rounds down; with a positive divisor `div_euclid` does too.
        Binary::FloorDiv | Binary::Mod => match (left, right) {
            (Value::Int(a), Value::Int(b)) if *b > 0 => {
                Some(Value::Int(if op == Binary::Mod { a.rem_euclid(*b) } else { a.div_euclid(*b) }))
            }
            _ => None,
        },
        Binary::Union => match (left, right) {
            (Value::Dict(a), Value::Dict(b)) => {
                let mut out = (**a).clone();
                for (key, value) in b.iter() {
                    out.insert(key, value.clone());
                }
                Some(out.into())
            }
            _ => None,
        },
        Binary::Add => None,
    }
}

pub(super) fn negative(value: &Value) -> Option<Value> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int),
        Value::Float(value) => Some(Value::Float(-value)),
        _ => None,
    }
}

/// `of[key]`; a missing item is left to the interpreter.
pub(super) fn find_item(of: &Value, key: &Value) -> Option<Value> {
    match (of, key) {
        (Value::Dict(dict), Value::Str(key)) => Dict::get(dict, key).cloned(),
        (Value::List(items), Value::Int(index)) => items.get(position(*index, items.len())?).cloned(),
        (Value::Str(text), Value::Int(index)) => {
            let letter = text.chars().nth(position(*index, text.chars().count())?)?;
            Some(Value::from(letter.encode_utf8(&mut [0; 4]) as &str))
        }
        _ => None,
    }
}

fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok()
}

pub(super) fn slice(eval: &mut Eval<'_>, of: &Value, start: Option<i64>, end: Option<i64>) -> Found {
    let bounds = |length: usize| {
        let place = |index: i64| position(index, length).unwrap_or(0).min(length);
        let (start, end) = (start.map_or(0, place), end.map_or(length, place));
        (start, end.max(start))
    };
    match of {
        Value::List(items) => {
            let (start, end) = bounds(items.len());
            Ok(Value::list(items[start..end].iter().cloned()))
        }
        Value::Str(text) => {
            let (start, end) = bounds(text.chars().count());
            eval.made(text.chars().skip(start).take(end - start).collect())
        }
        _ => Err(Stop::Interpret),
    }
}

/// `str(value)` for simple values.
pub(super) fn text_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Str(text) => text.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::None => "None".into(),
        Value::Object(object) => match address::range(value) {
            Some(range) => range.text().as_str()?.to_owned(),
            None => object.special().text?,
        },
        _ => return None,
    })
}
