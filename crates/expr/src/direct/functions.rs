//! Functions defined at the top level of a source. A function sees only functions defined before it, so there
//! is no recursion. Each therefore has fixed slots in the single frame, and reads the source's own variables
//! directly.
use super::compile::{Compiler, MAX_DEPTH};
use super::eval::{Eval, Found};
use super::ir::{Expr, Slot, Stmt};
use super::names;
use super::statements::Flow;
use crate::Value;
use ruff_python_ast as ast;
use std::collections::HashMap;
use std::ops::Range;

pub(super) struct Function {
    /// Its local variables, arguments first.
    slots: Range<Slot>,
    body: Vec<Stmt>,
}

/// The signature as callers need it.
pub(super) struct Signature {
    index: usize,
    first: Slot,
    /// Names and default values.
    arguments: Vec<(String, Option<Value>)>,
    /// Maximum nesting of its body, including called functions.
    height: usize,
}

impl Compiler {
    pub(super) fn define(&mut self, def: &ast::StmtFunctionDef) -> Option<()> {
        let list = &def.parameters;
        let plain = list.vararg.is_none()
            && list.kwarg.is_none()
            && list.kwonlyargs.is_empty()
            && list.posonlyargs.is_empty();
        if !plain
            || def.is_async
            || !def.decorator_list.is_empty()
            || def.returns.is_some()
            || def.type_params.is_some()
        {
            return None;
        }
        let (mut own, mut arguments) = (HashMap::new(), Vec::new());
        for argument in &list.args {
            let (name, next) = (argument.name().as_str().to_owned(), own.len());
            let default = match &argument.default {
                None => None,
                // Only immutable default values are the same at every call.
                Some(value) => match self.expr(value)? {
                    Expr::Const(value) => Some(value),
                    _ => return None,
                },
            };
            if argument.parameter.annotation.is_some() || own.insert(name.clone(), next).is_some() {
                return None;
            }
            arguments.push((name, default));
        }
        names::assigned(&def.body, &mut own)?;
        let first = self.slots;
        self.slots += own.len();
        own.values_mut().for_each(|slot| *slot += first);
        let (depth, deepest) = (std::mem::take(&mut self.depth), std::mem::take(&mut self.deepest));
        self.own = own;
        let body = self.block(&def.body);
        self.own.clear();
        self.depth = depth;
        let height = std::mem::replace(&mut self.deepest, deepest);
        let known = Signature { index: self.functions.len(), first, arguments, height };
        self.functions.push(Function { slots: first..self.slots, body: body? });
        let slot = self.resolve(def.name.as_str())?;
        self.known.insert(slot, known);
        Some(())
    }

    /// A call of a name that the source binds.
    pub(super) fn local(&mut self, slot: Slot, call: &ast::Arguments) -> Option<Expr> {
        let Signature { index, first, arguments, height } = self.known.get(&slot)?;
        let (index, first, height) = (*index, *first, *height);
        let mut free: Vec<(String, Option<Value>)> = arguments.clone();
        let mut given = Vec::with_capacity(free.len());
        let place = |free: &mut Vec<(String, Option<Value>)>, name: &str| {
            let position = free.iter().position(|(known, _)| known == name)?;
            free[position].0.clear();
            Some(first + position)
        };
        for (position, value) in call.args.iter().enumerate() {
            let name = free.get(position)?.0.clone();
            given.push((
                place(&mut free, &name)?,
                if value.is_starred_expr() { return None } else { self.expr(value)? },
            ));
        }
        for keyword in &call.keywords {
            given.push((place(&mut free, keyword.arg.as_ref()?.as_str())?, self.expr(&keyword.value)?));
        }
        for (position, (_, default)) in free.into_iter().enumerate().filter(|(_, (name, _))| !name.is_empty())
        {
            given.push((first + position, Expr::Const(default?)));
        }
        self.deepest = self.deepest.max(self.depth + height);
        (self.deepest <= MAX_DEPTH).then_some(Expr::Local(index, given))
    }
}

impl Eval<'_> {
    pub(super) fn local(&mut self, index: usize, given: &[(Slot, Expr)]) -> Found {
        let function = &self.functions[index];
        // An argument may be a call of the same function.
        let given =
            given.iter().map(|(slot, value)| Ok((*slot, self.expr(value)?))).collect::<Found<Vec<_>>>()?;
        self.spend(function.slots.len() / 8)?;
        self.slots[function.slots.clone()].fill(None);
        for (slot, value) in given {
            self.slots[slot] = Some(value);
        }
        let end = self.block(&function.body)?;
        // Released, so that containers have one owner less and can be changed again.
        self.slots[function.slots.clone()].fill(None);
        Ok(match end {
            Flow::Return(value) => value,
            _ => Value::None,
        })
    }
}
