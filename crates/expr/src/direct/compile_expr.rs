//! Compilation of expressions, names and calls.
use super::compile::Compiler;
use super::ir::{Binary, Builtin, Cmp, Expr, Iter, Part, Pattern, Search, ValueKind};
use super::{address, helper_name};
use crate::Value;
use ruff_python_ast as ast;

/// Maximum length of a regular expression that is compiled here.
const MAX_PATTERN: usize = 300;

impl Compiler {
    pub(super) fn expr(&mut self, expr: &ast::Expr) -> Option<Expr> {
        self.deeper(|this| this.form(expr))
    }

    fn boxed(&mut self, expr: &ast::Expr) -> Option<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    fn all(&mut self, exprs: &[ast::Expr]) -> Option<Vec<Expr>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn form(&mut self, expr: &ast::Expr) -> Option<Expr> {
        Some(match expr {
            ast::Expr::StringLiteral(text) => Expr::Const(text.value.to_str().into()),
            ast::Expr::NumberLiteral(number) => Expr::Const(match &number.value {
                ast::Number::Int(value) => Value::Int(value.as_i64()?),
                ast::Number::Float(value) => Value::Float(*value),
                ast::Number::Complex { .. } => return None,
            }),
            ast::Expr::BooleanLiteral(literal) => Expr::Const(literal.value.into()),
            ast::Expr::NoneLiteral(_) => Expr::Const(Value::None),
            ast::Expr::Name(name) => match self.resolve(name.id.as_str()) {
                Some(slot) => Expr::Name(slot),
                None => Expr::Global(name.id.as_str().into()),
            },
            ast::Expr::Attribute(place) if !place.attr.starts_with('_') => {
                Expr::Attr(self.boxed(&place.value)?, place.attr.as_str().into())
            }
            ast::Expr::Subscript(place) => self.subscript(place)?,
            ast::Expr::List(list) => Expr::List(self.items(&list.elts)?),
            ast::Expr::Dict(dict) => {
                let pair = |item: &ast::DictItem| {
                    let key = match &item.key {
                        Some(key) => Some(self.expr(key)?),
                        None => None,
                    };
                    Some((key, self.expr(&item.value)?))
                };
                Expr::Dict(dict.items.iter().map(pair).collect::<Option<_>>()?)
            }
            ast::Expr::ListComp(comp) => {
                Expr::Comp(Box::new(self.comp(&comp.generators, None, &comp.elt)?))
            }
            ast::Expr::DictComp(comp) => {
                Expr::Comp(Box::new(self.comp(&comp.generators, Some(comp.key.as_deref()?), &comp.value)?))
            }
            ast::Expr::BoolOp(logic) => {
                let values = self.all(&logic.values)?;
                if logic.op == ast::BoolOp::And { Expr::And(values) } else { Expr::Or(values) }
            }
            ast::Expr::UnaryOp(unary) => match unary.op {
                ast::UnaryOp::Not => Expr::Not(self.boxed(&unary.operand)?),
                ast::UnaryOp::USub => Expr::Neg(self.boxed(&unary.operand)?),
                _ => return None,
            },
            ast::Expr::BinOp(binary) => {
                let op = match binary.op {
                    ast::Operator::Add => Binary::Add,
                    ast::Operator::Sub => Binary::Sub,
                    ast::Operator::Mult => Binary::Mul,
                    ast::Operator::FloorDiv => Binary::FloorDiv,
                    ast::Operator::Mod => Binary::Mod,
                    ast::Operator::BitOr => Binary::Union,
                    _ => return None,
                };
                Expr::Binary(op, Box::new((self.expr(&binary.left)?, self.expr(&binary.right)?)))
            }
            ast::Expr::Compare(compare) => self.compare(compare)?,
            ast::Expr::If(choice) => Expr::If(Box::new((
                self.expr(&choice.test)?,
                self.expr(&choice.body)?,
                self.expr(&choice.orelse)?,
            ))),
            ast::Expr::FString(text) => Expr::Text(self.fstring(text)?),
            ast::Expr::Call(call) => self.call(call)?,
            _ => return None,
        })
    }

    fn items(&mut self, items: &[ast::Expr]) -> Option<Vec<(bool, Expr)>> {
        items
            .iter()
            .map(|item| match item {
                ast::Expr::Starred(starred) => Some((true, self.expr(&starred.value)?)),
                item => Some((false, self.expr(item)?)),
            })
            .collect()
    }

    fn subscript(&mut self, place: &ast::ExprSubscript) -> Option<Expr> {
        if let ast::Expr::Slice(slice) = &*place.slice {
            let bound = |bound: &Option<Box<ast::Expr>>| match bound {
                None => Some(None),
                Some(bound) => constant_int(bound).map(Some),
            };
            if slice.step.is_some() {
                return None;
            }
            return Some(Expr::Slice(self.boxed(&place.value)?, bound(&slice.lower)?, bound(&slice.upper)?));
        }
        let of = match self.partition(&place.value) {
            Some(parts) => Box::new(parts),
            None => self.boxed(&place.value)?,
        };
        Some(Expr::Index(of, self.boxed(&place.slice)?))
    }

    /// `text.partition(separator)`, if its result is unpacked.
    pub(super) fn partition(&mut self, value: &ast::Expr) -> Option<Expr> {
        let ast::Expr::Call(call) = value else { return None };
        let ast::Expr::Attribute(method) = &*call.func else { return None };
        let last = match method.attr.as_str() {
            "partition" => false,
            "rpartition" => true,
            _ => return None,
        };
        let ([separator], []) = (&*call.arguments.args, &*call.arguments.keywords) else { return None };
        Some(Expr::Partition(self.boxed(&method.value)?, self.boxed(separator)?, last))
    }

    fn compare(&mut self, compare: &ast::ExprCompare) -> Option<Expr> {
        let (first, rest) = compare.operands.split_first()?;
        let mut out = Vec::with_capacity(rest.len());
        for (index, (op, right)) in compare.ops.iter().zip(rest).enumerate() {
            let op = match op {
                ast::CmpOp::Eq => Cmp::Eq,
                ast::CmpOp::NotEq => Cmp::Ne,
                ast::CmpOp::Lt => Cmp::Lt,
                ast::CmpOp::LtE => Cmp::Le,
                ast::CmpOp::Gt => Cmp::Gt,
                ast::CmpOp::GtE => Cmp::Ge,
                ast::CmpOp::In => Cmp::In,
                ast::CmpOp::NotIn => Cmp::NotIn,
                ast::CmpOp::Is | ast::CmpOp::IsNot => {
                    // These three are the only values whose identity is preserved here.
                    if !matches!(right, ast::Expr::NoneLiteral(_) | ast::Expr::BooleanLiteral(_)) {
                        return None;
                    }
                    if *op == ast::CmpOp::Is { Cmp::Is } else { Cmp::IsNot }
                }
            };
            let last = index + 1 == rest.len();
            let right = match right {
                // Tuples and sets do not exist here; as the right side of `in` they are lists.
                ast::Expr::Tuple(tuple) if last && matches!(op, Cmp::In | Cmp::NotIn) => {
                    Expr::List(self.items(&tuple.elts)?)
                }
                ast::Expr::Set(set)
                    if last
                        && matches!(op, Cmp::In | Cmp::NotIn)
                        && set.elts.iter().all(ast::Expr::is_string_literal_expr) =>
                {
                    Expr::List(self.items(&set.elts)?)
                }
                right => self.expr(right)?,
            };
            // A list of constants is built once.
            out.push((op, if matches!(op, Cmp::In | Cmp::NotIn) { folded(right) } else { right }));
        }
        Some(Expr::Compare(self.boxed(first)?, out))
    }

    fn fstring(&mut self, text: &ast::ExprFString) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        for part in text.value.iter() {
            match part {
                ast::FStringPartRef::Literal(literal) => {
                    parts.push(Part::Literal(literal.value.as_ref().into()))
                }
                ast::FStringPartRef::FString(part) => {
                    for element in &part.elements {
                        match element {
                            ast::InterpolatedStringElement::Literal(literal) => {
                                parts.push(Part::Literal(literal.value.as_ref().into()))
                            }
                            ast::InterpolatedStringElement::Interpolation(value) => {
                                if value.debug_text.is_some()
                                    || value.format_spec.is_some()
                                    || !matches!(
                                        value.conversion,
                                        ast::ConversionFlag::None | ast::ConversionFlag::Str
                                    )
                                {
                                    return None;
                                }
                                parts.push(Part::Value(self.expr(&value.expression)?));
                            }
                        }
                    }
                }
            }
        }
        Some(parts)
    }

    fn call(&mut self, call: &ast::ExprCall) -> Option<Expr> {
        let arguments = &call.arguments;
        match &*call.func {
            ast::Expr::Attribute(method) if !method.attr.starts_with('_') => {
                let name = method.attr.as_str();
                if name == "join"
                    && let ([items], []) = (&*arguments.args, &*arguments.keywords)
                {
                    let separator = self.boxed(&method.value)?;
                    return Some(Expr::Join(separator, Box::new(self.iter(items, None)?)));
                }
                // Views and mutating methods are supported in other positions only.
                if matches!(
                    name,
                    "items"
                        | "keys"
                        | "values"
                        | "partition"
                        | "rpartition"
                        | "append"
                        | "extend"
                        | "update"
                        | "pop"
                        | "setdefault"
                        | "clear"
                        | "insert"
                        | "remove"
                        | "sort"
                ) {
                    return None;
                }
                let of = self.boxed(&method.value)?;
                if let ("startswith" | "endswith", [ast::Expr::Tuple(tuple)], []) =
                    (name, &*arguments.args, &*arguments.keywords)
                {
                    return Some(Expr::Affix(of, self.all(&tuple.elts)?, name == "endswith"));
                }
                let args = self.args(arguments)?;
                Some(Expr::Method(of, name.into(), args))
            }
            ast::Expr::Name(name) => match self.resolve(name.id.as_str()) {
                None => self.function(name.id.as_str(), arguments),
                Some(slot) => self.local(slot, arguments),
            },
            _ => None,
        }
    }

    fn function(&mut self, name: &str, arguments: &ast::Arguments) -> Option<Expr> {
        let (args, named) = (&*arguments.args, &*arguments.keywords);
        let search = |this: &mut Self, wanted: bool| {
            let ([argument], []) = (args, named) else { return None };
            let search = match argument {
                ast::Expr::Generator(comp) => Search::Comp(this.comp(&comp.generators, None, &comp.elt)?),
                other => Search::Items(this.iter(other, None)?),
            };
            Some(Expr::Search(wanted, Box::new(search)))
        };
        match name {
            "any" => search(self, true),
            "all" => search(self, false),
            "sorted" => {
                let [items] = args else { return None };
                let descending = match named {
                    [] => false,
                    [reverse] if reverse.arg.as_deref() == Some("reverse") => {
                        reverse.value.as_boolean_literal_expr()?.value
                    }
                    _ => return None,
                };
                Some(Expr::Sorted(Box::new(self.iter(items, None)?), descending))
            }
            "isinstance" => {
                let ([value, kinds], []) = (args, named) else { return None };
                let kinds = match kinds {
                    ast::Expr::Tuple(tuple) => {
                        tuple.elts.iter().map(|kind| self.kind(kind)).collect::<Option<_>>()?
                    }
                    one => vec![self.kind(one)?],
                };
                Some(Expr::IsInstance(self.boxed(value)?, kinds))
            }
            "hasattr" | "getattr" => {
                let ([of, attribute, rest @ ..], []) = (args, named) else { return None };
                let attribute = attribute.as_string_literal_expr()?.value.to_str();
                if attribute.starts_with('_') {
                    return None;
                }
                let (of, attribute) = (self.boxed(of)?, Box::from(attribute));
                match (name, rest) {
                    ("hasattr", []) => Some(Expr::HasAttr(of, attribute)),
                    ("getattr", []) => Some(Expr::Attr(of, attribute)),
                    ("getattr", [default]) => Some(Expr::GetAttr(of, attribute, self.boxed(default)?)),
                    _ => None,
                }
            }
            "regex_match" | "regex_replace" => self.regex(name, arguments),
            "ip_network" if named.is_empty() && args.len() == 1 => match args[0].as_string_literal_expr() {
                // A constant network is parsed once; an invalid one is reported by the interpreter.
                Some(text) => Some(Expr::Const(address::network(text.value.to_str())?)),
                None => Some(Expr::Builtin(Builtin::IpNetwork, self.all(args)?)),
            },
            _ => {
                let builtin = match name {
                    "len" => Some(Builtin::Len),
                    "str" => Some(Builtin::Str),
                    "int" => Some(Builtin::Int),
                    "bool" => Some(Builtin::Bool),
                    "list" => Some(Builtin::List),
                    "dict" => Some(Builtin::Dict),
                    "min" => Some(Builtin::Min),
                    "max" => Some(Builtin::Max),
                    "sum" => Some(Builtin::Sum),
                    "ip_address" => Some(Builtin::IpAddress),
                    _ => None,
                };
                match builtin {
                    Some(builtin) if named.is_empty() && args.len() == 1 => {
                        let argument = match (builtin, &args[0]) {
                            (Builtin::List | Builtin::Min | Builtin::Max | Builtin::Sum, argument) => {
                                Expr::Comp(Box::new(self.listed(argument)?))
                            }
                            (_, argument) => self.expr(argument)?,
                        };
                        Some(Expr::Builtin(builtin, vec![argument]))
                    }
                    Some(Builtin::List) if named.is_empty() && args.is_empty() => {
                        Some(Expr::List(Vec::new()))
                    }
                    Some(Builtin::Dict) if named.is_empty() && args.is_empty() => {
                        Some(Expr::Dict(Vec::new()))
                    }
                    Some(_) => None,
                    None if helper_name(name) => Some(Expr::Helper(name.into(), self.args(arguments)?)),
                    None => Some(Expr::Host(name.into(), self.args(arguments)?)),
                }
            }
        }
    }

    /// `list(x)`: collects the items of an iterable.
    fn listed(&mut self, value: &ast::Expr) -> Option<super::ir::Comp> {
        let iter = self.iter(value, None)?;
        if let Iter::Comp(comp) = iter {
            return Some(*comp);
        }
        let slot = self.fresh();
        let clause = super::ir::Clause { target: super::ir::Target::One(slot), iter, conditions: Vec::new() };
        Some(super::ir::Comp { clauses: vec![clause], key: None, value: Expr::Name(slot) })
    }

    fn kind(&self, kind: &ast::Expr) -> Option<ValueKind> {
        let name = kind.as_name_expr()?.id.as_str();
        if self.resolve(name).is_some() {
            return None;
        }
        Some(match name {
            "str" => ValueKind::Str,
            "int" => ValueKind::Int,
            "bool" => ValueKind::Bool,
            "list" => ValueKind::List,
            "dict" => ValueKind::Dict,
            "float" => ValueKind::Float,
            _ => return None,
        })
    }

    fn regex(&mut self, name: &str, arguments: &ast::Arguments) -> Option<Expr> {
        let find = |position: usize, name: &str| arguments.find_argument_value(name, position);
        let count = arguments.args.len() + arguments.keywords.len();
        let pattern = find(1, "regex")?.as_string_literal_expr()?.value.to_str();
        if pattern.len() > MAX_PATTERN {
            return None;
        }
        let value = self.boxed(find(0, "value")?)?;
        match name {
            "regex_match" if count == 2 => Some(Expr::Matches(value, Box::new(Pattern::test(pattern)))),
            "regex_replace" if count == 3 && !crate::helpers::may_be_empty(pattern) => {
                let text = find(2, "repl")?.as_string_literal_expr()?.value.to_str();
                let pattern = Box::new(Pattern::find(pattern));
                // Group references are left to the interpreter.
                (!text.contains(['\\', '$'])).then(|| Expr::Replaced(value, pattern, text.into()))
            }
            _ => None,
        }
    }
}

fn constant_int(expr: &ast::Expr) -> Option<i64> {
    match expr {
        ast::Expr::NumberLiteral(number) => match &number.value {
            ast::Number::Int(value) => value.as_i64(),
            _ => None,
        },
        ast::Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::USub => {
            constant_int(&unary.operand)?.checked_neg()
        }
        _ => None,
    }
}

/// Folds a display of constants into one constant.
fn folded(expr: Expr) -> Expr {
    match expr {
        Expr::List(items) if items.iter().all(|item| matches!(item, (false, Expr::Const(_)))) => {
            let constant = |item| match item {
                (_, Expr::Const(value)) => value,
                _ => Value::None,
            };
            Expr::Const(Value::list(items.into_iter().map(constant)))
        }
        other => other,
    }
}
