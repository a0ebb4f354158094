//! Built-in functions, and calls that are compiled to expressions of their own.
use super::eval::{Eval, Found, Stop, truth};
use super::ir::{Builtin, Expr, ValueKind};
use super::ops::{add, compare, text_of};
use super::{address, ir};
use crate::Value;

impl Eval<'_> {
    /// Evaluates the expressions that [`Eval::expr`] delegates.
    pub(super) fn builtin(&mut self, expr: &Expr) -> Found {
        match expr {
            Expr::Builtin(which, args) => match args.as_slice() {
                [arg] => {
                    let value = self.expr(arg)?;
                    self.apply(*which, value)
                }
                _ => Err(Stop::Interpret),
            },
            Expr::Sorted(iter, descending) => {
                let mut items = self.collect(iter)?;
                let texts = items.iter().all(|item| matches!(item, Value::Str(_)));
                if !texts && !items.iter().all(|item| matches!(item, Value::Int(_))) {
                    return Err(Stop::Interpret);
                }
                self.spend(items.len() * 2)?;
                // Equal strings and numbers are indistinguishable, so an unstable sort is not visible.
                items.sort_by(|a, b| match (a, b) {
                    (Value::Str(a), Value::Str(b)) => a.cmp(b),
                    (a, b) => a.as_int().cmp(&b.as_int()),
                });
                if *descending {
                    items.reverse();
                }
                Ok(Value::list(items))
            }
            Expr::Join(separator, iter) => {
                let Value::Str(separator) = self.expr(separator)? else { return Err(Stop::Interpret) };
                let items = self.collect(iter)?;
                let mut out = String::new();
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push_str(&separator);
                    }
                    out.push_str(item.as_str().ok_or(Stop::Interpret)?);
                    if out.len() > ir::MAX_TEXT {
                        return Err(Stop::Interpret);
                    }
                }
                self.made(out)
            }
            Expr::Affix(of, parts, end) => {
                let Value::Str(text) = self.expr(of)? else { return Err(Stop::Interpret) };
                let mut found = false;
                for part in parts {
                    let Value::Str(part) = self.expr(part)? else { return Err(Stop::Interpret) };
                    found |= if *end { text.ends_with(&*part) } else { text.starts_with(&*part) };
                }
                Ok(found.into())
            }
            Expr::Partition(text, separator, last) => {
                let (Value::Str(text), Value::Str(separator)) = (self.expr(text)?, self.expr(separator)?)
                else {
                    return Err(Stop::Interpret);
                };
                if separator.is_empty() {
                    return Err(Stop::Interpret);
                }
                let found = if *last { text.rsplit_once(&*separator) } else { text.split_once(&*separator) };
                Ok(Value::list(match (found, last) {
                    (Some((before, after)), _) => [before, &separator, after],
                    (None, false) => [&text, "", ""],
                    (None, true) => ["", "", &text],
                }))
            }
            Expr::IsInstance(value, kinds) => {
                let value = self.expr(value)?;
                let is = |kind: &ValueKind| match kind {
                    ValueKind::Str => matches!(value, Value::Str(_)),
                    ValueKind::Int => matches!(value, Value::Int(_) | Value::Bool(_)),
                    ValueKind::Bool => matches!(value, Value::Bool(_)),
                    ValueKind::List => matches!(value, Value::List(_)),
                    ValueKind::Dict => matches!(value, Value::Dict(_)),
                    ValueKind::Float => matches!(value, Value::Float(_)),
                };
                Ok(kinds.iter().any(is).into())
            }
            Expr::HasAttr(of, name) => {
                let of = self.expr(of)?;
                Ok(self.object_attr(&of, name)?.is_some().into())
            }
            Expr::GetAttr(of, name, default) => {
                let (of, default) = (self.expr(of)?, self.expr(default)?);
                Ok(self.object_attr(&of, name)?.unwrap_or(default))
            }
            Expr::Matches(value, pattern) => {
                let Value::Str(text) = self.expr(value)? else { return Err(Stop::Interpret) };
                self.spend(text.len() / 8)?;
                let found = pattern.regex().and_then(|regex| regex.is_match(&text).ok());
                found.map(Value::Bool).ok_or(Stop::Interpret)
            }
            Expr::Replaced(value, pattern, with) => {
                let Value::Str(text) = self.expr(value)? else { return Err(Stop::Interpret) };
                self.spend(text.len() / 8)?;
                let regex = pattern.regex().ok_or(Stop::Interpret)?;
                let (mut out, mut rest) = (String::with_capacity(text.len()), 0);
                for found in regex.find_iter(&text) {
                    let found = found.map_err(|_| Stop::Interpret)?;
                    // Empty matches are left to the interpreter.
                    if found.start() == found.end() || out.len() > ir::MAX_TEXT {
                        return Err(Stop::Interpret);
                    }
                    out.push_str(&text[rest..found.start()]);
                    out.push_str(with);
                    rest = found.end();
                }
                out.push_str(&text[rest..]);
                self.made(out)
            }
            _ => Err(Stop::Interpret),
        }
    }

    /// Attributes of addresses are left to the interpreter.
    fn object_attr(&mut self, of: &Value, name: &str) -> Found<Option<Value>> {
        match of {
            Value::Object(_) if address::range(of).is_none() => self.attr(of, name),
            _ => Err(Stop::Interpret),
        }
    }

    fn apply(&mut self, which: Builtin, value: Value) -> Found {
        match (which, &value) {
            (Builtin::Len, Value::Str(text)) => Ok(length(text.chars().count())),
            (Builtin::Len, Value::List(items)) => Ok(length(items.len())),
            (Builtin::Len, Value::Dict(dict)) => Ok(length(dict.len())),
            (Builtin::Str, value) => {
                let text = text_of(value).ok_or(Stop::Interpret)?;
                self.made(text)
            }
            (Builtin::Int, Value::Int(_)) => Ok(value),
            (Builtin::Int, Value::Str(text)) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                // White space, underscores and other digits are left to the interpreter.
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| text.parse().ok()).flatten().map(Value::Int).ok_or(Stop::Interpret)
            }
            (Builtin::Bool, value) => Ok(truth(value)?.into()),
            // The argument has been collected into a list owned by the program.
            (Builtin::List, Value::List(_)) => Ok(value),
            (Builtin::Dict, Value::Dict(dict)) => Ok((**dict).clone().into()),
            (Builtin::Min | Builtin::Max, Value::List(items)) => {
                let mut items = items.iter();
                let mut best = items.next().ok_or(Stop::Interpret)?;
                let better = if matches!(which, Builtin::Min) { ir::Cmp::Lt } else { ir::Cmp::Gt };
                for item in items {
                    self.spend(1)?;
                    if compare(better, item, best).ok_or(Stop::Interpret)? {
                        best = item;
                    }
                }
                // A single item is not compared, so it may have any type.
                Ok(best.clone())
            }
            (Builtin::Sum, Value::List(items)) => {
                let mut sum = Value::Int(0);
                for item in items.iter() {
                    self.spend(1)?;
                    if !matches!(item, Value::Int(_)) {
                        return Err(Stop::Interpret);
                    }
                    sum = add(self, &sum, item)?;
                }
                Ok(sum)
            }
            (Builtin::IpAddress | Builtin::IpNetwork, value) => {
                self.addresses = true;
                let network = matches!(which, Builtin::IpNetwork);
                match value {
                    Value::Str(text) => if network { address::network(text) } else { address::address(text) }
                        .ok_or(Stop::Interpret),
                    other if address::range(other).is_some_and(|range| range.is_network() == network) => {
                        Ok(other.clone())
                    }
                    _ => Err(Stop::Interpret),
                }
            }
            _ => Err(Stop::Interpret),
        }
    }
}

fn length(count: usize) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
