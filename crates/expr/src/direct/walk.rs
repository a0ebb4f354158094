//! Iteration over lists, dictionaries, strings and ranges, and comprehensions.
use super::eval::{Eval, Found, Stop, truth};
use super::ir::{Clause, Comp, Expr, Iter, Search};
use crate::{Dict, Value};

/// Gets the key (of pairs) and the value; returns whether to continue.
type Visit<'v, 'a> = &'v mut dyn FnMut(&mut Eval<'a>, Option<Value>, Value) -> Found<bool>;

impl<'a> Eval<'a> {
    /// Visits the items until the visitor returns `false`. Pairs come with their key.
    pub(super) fn walk(&mut self, iter: &Iter, visit: Visit<'_, 'a>) -> Found<()> {
        match iter {
            Iter::Items(of) => match self.iterable(of)? {
                Value::List(items) => {
                    for item in items.iter() {
                        if !visit(self, None, item.clone())? {
                            break;
                        }
                    }
                }
                Value::Dict(dict) => return self.walk_dict(&dict, |key, _| (None, key.into()), visit),
                Value::Str(text) => {
                    for letter in text.chars() {
                        if !visit(self, None, Value::from(letter.encode_utf8(&mut [0; 4]) as &str))? {
                            break;
                        }
                    }
                }
                _ => return Err(Stop::Interpret),
            },
            Iter::Keys(of) | Iter::Values(of) | Iter::Pairs(of) => {
                let Value::Dict(dict) = self.expr(of)? else { return Err(Stop::Interpret) };
                return match iter {
                    Iter::Keys(_) => self.walk_dict(&dict, |key, _| (None, key.into()), visit),
                    Iter::Values(_) => self.walk_dict(&dict, |_, value| (None, value.clone()), visit),
                    _ => self.walk_dict(&dict, |key, value| (Some(key.into()), value.clone()), visit),
                };
            }
            Iter::Range(start, end) => {
                let (start, end) = match (self.expr(start)?, end) {
                    (Value::Int(end), None) => (0, end),
                    (Value::Int(start), Some(end)) => {
                        (start, self.expr(end)?.as_int().ok_or(Stop::Interpret)?)
                    }
                    _ => return Err(Stop::Interpret),
                };
                for number in start..end {
                    if !visit(self, None, Value::Int(number))? {
                        break;
                    }
                }
            }
            Iter::Comp(comp) => {
                return self
                    .clauses(&comp.clauses, &mut |this| {
                        let value = this.expr(&comp.value)?;
                        visit(this, None, value)
                    })
                    .map(drop);
            }
        }
        Ok(())
    }

    fn iterable(&mut self, of: &Expr) -> Found {
        match self.expr(of)? {
            Value::Object(object) if object.special().query => self.found(&object),
            other => Ok(other),
        }
    }

    fn walk_dict(
        &mut self,
        dict: &Dict,
        part: impl Fn(&str, &Value) -> (Option<Value>, Value),
        visit: Visit<'_, 'a>,
    ) -> Found<()> {
        for (key, value) in dict.iter() {
            let (key, value) = part(key, value);
            if !visit(self, key, value)? {
                break;
            }
        }
        Ok(())
    }

    /// Runs the clauses of a comprehension; `false` if the visitor ended it.
    fn clauses(
        &mut self,
        clauses: &[Clause],
        visit: &mut dyn FnMut(&mut Self) -> Found<bool>,
    ) -> Found<bool> {
        let Some((first, rest)) = clauses.split_first() else { return visit(self) };
        let mut on = true;
        self.walk(&first.iter, &mut |this, key, value| {
            this.spend(1)?;
            this.bind(&first.target, key, value)?;
            for condition in &first.conditions {
                if !truth(&this.expr(condition)?)? {
                    return Ok(true);
                }
            }
            on = this.clauses(rest, visit)?;
            Ok(on)
        })?;
        Ok(on)
    }

    pub(super) fn comp(&mut self, comp: &Comp) -> Found {
        match &comp.key {
            None => {
                let mut items = Vec::new();
                self.clauses(&comp.clauses, &mut |this| {
                    let value = this.expr(&comp.value)?;
                    items.push(this.held(value)?);
                    Ok(true)
                })?;
                self.list(items)
            }
            Some(key) => {
                let mut dict = Dict::new();
                self.clauses(&comp.clauses, &mut |this| {
                    let Value::Str(key) = this.expr(key)? else { return Err(Stop::Interpret) };
                    let value = this.expr(&comp.value)?;
                    let value = this.held(value)?;
                    this.spend(dict.len() / 16)?;
                    dict.insert(&*key, value);
                    Ok(true)
                })?;
                Ok(dict.into())
            }
        }
    }

    pub(super) fn collect(&mut self, iter: &Iter) -> Found<Vec<Value>> {
        let mut items = Vec::new();
        self.walk(iter, &mut |this, _, value| {
            this.spend(1)?;
            items.push(value);
            Ok(true)
        })?;
        Ok(items)
    }

    pub(super) fn search(&mut self, wanted: bool, search: &Search) -> Found {
        let mut found = false;
        match search {
            Search::Items(iter) => self.walk(iter, &mut |this, _, value| {
                this.spend(1)?;
                found = truth(&value)? == wanted;
                Ok(!found)
            })?,
            Search::Comp(comp) => {
                self.clauses(&comp.clauses, &mut |this| {
                    found = truth(&this.expr(&comp.value)?)? == wanted;
                    Ok(!found)
                })?;
            }
        }
        Ok((found == wanted).into())
    }
}
