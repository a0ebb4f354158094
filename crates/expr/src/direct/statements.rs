//! Statements: assignments, changes of own containers, branches and loops.
use super::eval::{Eval, Found, Stop, truth};
use super::ir::{Change, Slot, Stmt, Target};
use super::ops::add;
use crate::Value;
use std::sync::Arc;

/// How a block ended.
pub(super) enum Flow {
    On,
    Break,
    Continue,
    Return(Value),
}

impl Eval<'_> {
    pub(super) fn block(&mut self, body: &[Stmt]) -> Found<Flow> {
        for stmt in body {
            match self.stmt(stmt)? {
                Flow::On => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::On)
    }

    fn stmt(&mut self, stmt: &Stmt) -> Found<Flow> {
        self.spend(1)?;
        match stmt {
            Stmt::Expr(expr) => drop(self.expr(expr)?),
            Stmt::Assign(target, value) => {
                let value = self.expr(value)?;
                self.assign(target, value)?;
            }
            Stmt::SetItem(slot, key, value) => {
                let value = self.expr(value)?;
                let value = self.held(value)?;
                let key = self.expr(key)?;
                match (self.own(*slot)?, key) {
                    (Value::Dict(dict), Value::Str(key)) => {
                        Arc::get_mut(dict).ok_or(Stop::Interpret)?.insert(&*key, value)
                    }
                    _ => return Err(Stop::Interpret),
                }
            }
            Stmt::Add(slot, value) => {
                let value = self.expr(value)?;
                let old = self.slots[*slot].take().ok_or(Stop::Interpret)?;
                let sum = match (old, value) {
                    // In-place changes are visible through all references to the list.
                    (Value::List(_), _) => return Err(Stop::Interpret),
                    (old, value) => add(self, &old, &value)?,
                };
                self.slots[*slot] = Some(sum);
            }
            Stmt::Change(slot, change, value) => {
                let value = self.expr(value)?;
                let value = self.held(value)?;
                match (self.own(*slot)?, change, value) {
                    (Value::List(items), Change::Append, value) => {
                        Arc::get_mut(items).ok_or(Stop::Interpret)?.push(value)
                    }
                    (Value::List(items), Change::Extend, Value::List(more)) => {
                        let items = Arc::get_mut(items).ok_or(Stop::Interpret)?;
                        items.extend(more.iter().cloned());
                        let length = items.len();
                        self.sized(length)?;
                    }
                    (Value::Dict(dict), Change::Update, Value::Dict(more)) => {
                        let dict = Arc::get_mut(dict).ok_or(Stop::Interpret)?;
                        for (key, value) in more.iter() {
                            dict.insert(key, value.clone());
                        }
                        let length = dict.len();
                        self.sized(length)?;
                    }
                    _ => return Err(Stop::Interpret),
                }
            }
            Stmt::If(branches, otherwise) => {
                for (test, body) in branches {
                    if truth(&self.expr(test)?)? {
                        return self.block(body);
                    }
                }
                return self.block(otherwise);
            }
            Stmt::For(target, iter, body) => {
                let mut end = Flow::On;
                self.walk(iter, &mut |this, key, value| {
                    this.bind(target, key, value)?;
                    match this.block(body)? {
                        Flow::On | Flow::Continue => Ok(true),
                        Flow::Break => Ok(false),
                        done => {
                            end = done;
                            Ok(false)
                        }
                    }
                })?;
                return Ok(end);
            }
            Stmt::While(test, body) => {
                while truth(&self.expr(test)?)? {
                    match self.block(body)? {
                        Flow::On | Flow::Continue => {}
                        Flow::Break => break,
                        done => return Ok(done),
                    }
                }
            }
            Stmt::Return(None) => return Ok(Flow::Return(Value::None)),
            Stmt::Return(Some(value)) => return self.expr(value).map(Flow::Return),
            Stmt::Break => return Ok(Flow::Break),
            Stmt::Continue => return Ok(Flow::Continue),
            Stmt::Pass => {}
        }
        Ok(Flow::On)
    }

    /// The container of a variable, for changing it. It must have no other owner.
    fn own(&mut self, slot: Slot) -> Found<&mut Value> {
        self.slots[slot].as_mut().ok_or(Stop::Interpret)
    }

    fn assign(&mut self, target: &Target, value: Value) -> Found<()> {
        match target {
            Target::One(slot) => self.slots[*slot] = Some(value),
            Target::Many(slots) => {
                let Value::List(items) = &value else { return Err(Stop::Interpret) };
                if items.len() != slots.len() {
                    return Err(Stop::Interpret);
                }
                for (slot, item) in slots.iter().zip(items.iter()) {
                    self.slots[*slot] = Some(item.clone());
                }
            }
        }
        Ok(())
    }

    pub(super) fn bind(&mut self, target: &Target, key: Option<Value>, value: Value) -> Found<()> {
        match (target, key) {
            (Target::Many(slots), Some(key)) if slots.len() == 2 => {
                self.slots[slots[0]] = Some(key);
                self.slots[slots[1]] = Some(value);
                Ok(())
            }
            (_, Some(_)) => Err(Stop::Interpret),
            (target, None) => self.assign(target, value),
        }
    }
}
