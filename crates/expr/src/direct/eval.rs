//! The evaluator. `Err` ends the attempt, see [`Stop`].
use super::functions::Function;
use super::ir::{Args, Binary, Cmp, Expr, MAX_TEXT, Part};
use super::ops::{add, binary, compare, equal, find_item, negative, slice, text_of};
use super::statements::Flow;
use super::{Call, Direct, Progress, address};
use crate::task::Target;
use crate::{CallError, Dict, Effect, Host, HostObject, Kwargs, Limits, Value, helpers};
use std::sync::Arc;

/// Maximum number of nodes per attempt, plus a share for the bytes it creates: far below a millisecond.
const STEPS: u32 = 20_000;
/// Maximum number of containers put into containers: deeply nested values are dropped recursively.
const NESTED: u32 = 400;
/// Maximum length of a list created here.
const MAX_LENGTH: usize = 64 * 1024;

/// Why an attempt ends without a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stop {
    /// The interpreter has to run the source.
    Interpret,
    /// A host call must be awaited first: it is in `Eval::waiting`.
    Wait,
}
pub(super) type Found<T = Value> = Result<T, Stop>;

pub(super) struct Eval<'a> {
    pub(super) slots: Vec<Option<Value>>,
    pub(super) functions: &'a [Function],
    host: &'a Arc<dyn Host>,
    /// Results of awaited calls, in order.
    answers: &'a [Value],
    answered: usize,
    waiting: Option<Box<Call>>,
    effects: Vec<Call>,
    /// Containers from outside. They are kept alive, so that none of them appears to be owned by the program.
    foreign: Vec<Value>,
    steps: u32,
    nested: u32,
    calls: u32,
    max_calls: u32,
    /// An address occurred: it must be converted to a string on export.
    pub(super) addresses: bool,
}

impl<'a> Eval<'a> {
    pub(super) fn new(
        program: &'a Direct,
        host: &'a Arc<dyn Host>,
        limits: &Limits,
        answers: &'a [Value],
    ) -> Self {
        Self {
            slots: vec![None; program.slots],
            functions: &program.functions,
            host,
            answers,
            answered: 0,
            waiting: None,
            effects: Vec::new(),
            foreign: Vec::new(),
            steps: STEPS.min(limits.lookups),
            nested: NESTED,
            calls: 0,
            max_calls: limits.host_calls,
            addresses: false,
        }
    }

    pub(super) fn run(mut self, program: &Direct, inputs: &[Value]) -> Option<Progress> {
        if inputs.len() != program.inputs {
            return None;
        }
        for (slot, input) in self.slots.iter_mut().zip(inputs) {
            *slot = Some(input.clone());
        }
        if let Some(slot) = program.address {
            self.addresses = true;
            self.slots[slot] = Some(match &inputs[slot] {
                Value::Str(text) if !text.is_empty() => address::address(text)?,
                Value::Str(_) | Value::None => Value::None,
                _ => return None,
            });
        }
        match self.block(&program.body) {
            Ok(Flow::Return(value)) => {
                self.outward(value).ok().map(|value| Progress::Done(value, self.effects))
            }
            Ok(_) => Some(Progress::Done(Value::None, self.effects)),
            Err(Stop::Wait) => self.waiting.map(Progress::Wait),
            Err(Stop::Interpret) => None,
        }
    }

    pub(super) fn spend(&mut self, steps: usize) -> Found<()> {
        self.steps = u32::try_from(steps)
            .ok()
            .and_then(|steps| self.steps.checked_sub(steps))
            .ok_or(Stop::Interpret)?;
        Ok(())
    }

    /// Counts a string created by this run.
    pub(super) fn made(&mut self, text: String) -> Found {
        if text.len() > MAX_TEXT {
            return Err(Stop::Interpret);
        }
        self.spend(text.len() / 32)?;
        Ok(text.into())
    }

    pub(super) fn list(&mut self, items: Vec<Value>) -> Found {
        self.sized(items.len())?;
        Ok(Value::List(Arc::new(items)))
    }

    pub(super) fn sized(&mut self, items: usize) -> Found<()> {
        if items > MAX_LENGTH {
            return Err(Stop::Interpret);
        }
        self.spend(items / 8)
    }

    /// Counts a value put into a container.
    pub(super) fn held(&mut self, value: Value) -> Found {
        if matches!(value, Value::List(_) | Value::Dict(_)) {
            self.nested = self.nested.checked_sub(1).ok_or(Stop::Interpret)?;
        }
        Ok(value)
    }

    fn foreign(&mut self, value: Value) -> Value {
        if matches!(value, Value::List(_) | Value::Dict(_)) {
            self.foreign.push(value.clone());
        }
        value
    }

    /// Converts values for the outside: addresses become strings.
    fn outward(&mut self, value: Value) -> Found {
        if !self.addresses {
            return Ok(value);
        }
        self.spend(1)?;
        Ok(match &value {
            Value::List(items) => Value::List(Arc::new(
                items.iter().map(|item| self.outward(item.clone())).collect::<Found<_>>()?,
            )),
            Value::Dict(dict) => {
                let pairs: Vec<(String, Value)> = dict
                    .iter()
                    .map(|(key, value)| Ok((key.to_owned(), self.outward(value.clone())?)))
                    .collect::<Found<_>>()?;
                pairs.into_iter().collect::<Dict>().into()
            }
            other => address::range(other).map_or_else(|| other.clone(), address::Range::text),
        })
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Found {
        self.spend(1)?;
        match expr {
            // Constants are shared by all runs, so they must not be changed.
            Expr::Const(value) => {
                self.addresses |= matches!(value, Value::Object(_));
                Ok(value.clone())
            }
            Expr::Name(slot) => self.slots[*slot].clone().ok_or(Stop::Interpret),
            Expr::Global(name) if !self.host.provides(name) => {
                let value = self.host.global(name).ok_or(Stop::Interpret)?;
                Ok(self.foreign(value))
            }
            Expr::Global(_) => Err(Stop::Interpret),
            Expr::Attr(of, name) => {
                let of = self.expr(of)?;
                self.attr(&of, name)?.ok_or(Stop::Interpret)
            }
            Expr::Index(of, key) => {
                let (of, key) = (self.expr(of)?, self.expr(key)?);
                find_item(&of, &key).ok_or(Stop::Interpret)
            }
            Expr::Slice(of, start, end) => {
                let of = self.expr(of)?;
                slice(self, &of, *start, *end)
            }
            Expr::List(items) => {
                let mut out = Vec::with_capacity(items.len());
                for (starred, item) in items {
                    let value = self.expr(item)?;
                    match (starred, value) {
                        (false, value) => out.push(self.held(value)?),
                        (true, Value::List(more)) => out.extend(more.iter().cloned()),
                        (true, _) => return Err(Stop::Interpret),
                    }
                }
                self.list(out)
            }
            Expr::Dict(pairs) => {
                let mut out = Dict::new();
                for (key, value) in pairs {
                    match key {
                        Some(key) => {
                            let Value::Str(key) = self.expr(key)? else { return Err(Stop::Interpret) };
                            let value = self.expr(value)?;
                            out.insert(&*key, self.held(value)?);
                        }
                        None => {
                            let Value::Dict(more) = self.expr(value)? else { return Err(Stop::Interpret) };
                            self.spend(more.len())?;
                            for (key, value) in more.iter() {
                                out.insert(key, value.clone());
                            }
                        }
                    }
                }
                Ok(out.into())
            }
            Expr::Comp(comp) => self.comp(comp),
            Expr::And(values) => self.logic(values, false),
            Expr::Or(values) => self.logic(values, true),
            Expr::Not(value) => Ok((!truth(&self.expr(value)?)?).into()),
            Expr::Neg(value) => negative(&self.expr(value)?).ok_or(Stop::Interpret),
            Expr::Binary(Binary::Add, sides) => {
                let (left, right) = (self.expr(&sides.0)?, self.expr(&sides.1)?);
                let sum = add(self, &left, &right)?;
                if let Value::List(items) = &sum {
                    self.sized(items.len())?;
                }
                Ok(sum)
            }
            Expr::Binary(op, sides) => {
                let (left, right) = (self.expr(&sides.0)?, self.expr(&sides.1)?);
                binary(*op, &left, &right).ok_or(Stop::Interpret)
            }
            Expr::Compare(first, rest) => self.comparison(first, rest),
            Expr::If(parts) => {
                let (test, yes, no) = &**parts;
                if truth(&self.expr(test)?)? { self.expr(yes) } else { self.expr(no) }
            }
            Expr::Text(parts) => {
                let mut out = String::new();
                for part in parts {
                    match part {
                        Part::Literal(text) => out.push_str(text),
                        Part::Value(value) => {
                            out.push_str(&text_of(&self.expr(value)?).ok_or(Stop::Interpret)?)
                        }
                    }
                }
                self.made(out)
            }
            Expr::Search(wanted, search) => self.search(*wanted, search),
            Expr::Method(of, name, args) => {
                let of = self.expr(of)?;
                match &of {
                    Value::Object(object) if address::range(&of).is_none() => {
                        let (args, kwargs) = self.args(args)?;
                        self.call(Target::Method(object.clone(), name.to_string()), args, kwargs)
                    }
                    _ if args.named.is_empty() => {
                        let args = args.plain.iter().map(|arg| self.expr(arg)).collect::<Found<Vec<_>>>()?;
                        self.method(&of, name, &args)
                    }
                    _ => Err(Stop::Interpret),
                }
            }
            Expr::Helper(name, args) => {
                let (args, kwargs) = self.args(args)?;
                let answer =
                    helpers::call(name, &args, &kwargs).and_then(Result::ok).ok_or(Stop::Interpret)?;
                Ok(self.foreign(answer))
            }
            Expr::Host(name, args) => {
                if !self.host.provides(name) {
                    return Err(Stop::Interpret);
                }
                let (args, kwargs) = self.args(args)?;
                self.call(Target::Function(self.host.clone(), name.to_string()), args, kwargs)
            }
            Expr::Local(index, given) => self.local(*index, given),
            other => self.builtin(other),
        }
    }

    fn logic(&mut self, values: &[Expr], wanted: bool) -> Found {
        let mut last = Value::None;
        for value in values {
            last = self.expr(value)?;
            if truth(&last)? == wanted {
                break;
            }
        }
        Ok(last)
    }

    fn comparison(&mut self, first: &Expr, rest: &[(Cmp, Expr)]) -> Found {
        let mut left = self.expr(first)?;
        for (op, right) in rest {
            let right = self.expr(right)?;
            if matches!(op, Cmp::In | Cmp::NotIn | Cmp::Eq | Cmp::Ne) {
                self.spend(
                    right.as_list().map_or(0, <[Value]>::len)
                        + right.as_str().map_or(0, |text| text.len() / 32),
                )?;
            }
            if !compare(*op, &left, &right).ok_or(Stop::Interpret)? {
                return Ok(false.into());
            }
            left = right;
        }
        Ok(true.into())
    }

    /// The attribute of an object or record; `Ok(None)` if there is none.
    pub(super) fn attr(&mut self, of: &Value, name: &str) -> Found<Option<Value>> {
        let found = match of {
            // Eagerly imported attributes take precedence.
            Value::Object(object) => object.attr(name).or_else(|| eager(object, name)),
            Value::Record(record) => record.fields.get(name).cloned(),
            _ => return Err(Stop::Interpret),
        };
        Ok(found.map(|value| self.foreign(value)))
    }

    /// Evaluates arguments for the outside.
    fn args(&mut self, args: &Args) -> Found<(Vec<Value>, Kwargs)> {
        let mut plain = Vec::with_capacity(args.plain.len());
        for arg in &args.plain {
            let value = self.expr(arg)?;
            plain.push(self.outward(value)?);
        }
        let mut named = Kwargs::with_capacity(args.named.len());
        for (name, arg) in &args.named {
            let value = self.expr(arg)?;
            named.push((name.to_string(), self.outward(value)?));
        }
        Ok((plain, named))
    }

    /// The objects that a query returns.
    pub(super) fn found(&mut self, query: &Arc<dyn HostObject>) -> Found {
        self.call(Target::Method(query.clone(), "__iter__".to_owned()), Vec::new(), Kwargs::new())
    }

    fn call(&mut self, target: Target, args: Vec<Value>, kwargs: Kwargs) -> Found {
        self.calls += 1;
        if self.calls > self.max_calls {
            return Err(Stop::Interpret);
        }
        match target.effect(&args, &kwargs) {
            Effect::Now => Err(Stop::Interpret),
            Effect::Later => {
                self.effects.push(Call { target, args, kwargs });
                Ok(Value::None)
            }
            Effect::None => match target.call_now(&args, &kwargs) {
                Some(answer) => {
                    answer.map(|value| self.foreign(value)).map_err(|_: CallError| Stop::Interpret)
                }
                None => match self.answers.get(self.answered) {
                    Some(answer) => {
                        self.answered += 1;
                        Ok(answer.clone())
                    }
                    None => {
                        self.waiting = Some(Box::new(Call { target, args, kwargs }));
                        Err(Stop::Wait)
                    }
                },
            },
        }
    }
}

fn eager(object: &Arc<dyn HostObject>, name: &str) -> Option<Value> {
    object.eager().into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Truth value testing as in Python; queries are left to the interpreter.
pub(super) fn truth(value: &Value) -> Found<bool> {
    match value {
        Value::Object(object) if object.special().query => Err(Stop::Interpret),
        other => Ok(other.is_truthy()),
    }
}

/// Whether a list contains a value.
pub(super) fn holds(items: &[Value], wanted: &Value) -> Option<bool> {
    for item in items {
        if equal(item, wanted)? {
            return Some(true);
        }
    }
    Some(false)
}
