//! Compiles the parser's tree to [`ir`](super::ir); `None` if the source contains a construct that only the
//! interpreter supports.
use super::functions::{Function, Signature};
use super::ir::{Args, Clause, Comp, Expr, Iter, Slot, Stmt, Target};
use super::{Direct, names};
use ruff_python_ast as ast;
use std::collections::HashMap;

/// Maximum nesting for direct evaluation: it recurses on small stacks.
pub(super) const MAX_DEPTH: usize = 40;

/// Compiles the function that [`frame`](crate::program) makes of a source. Needs a large stack, as the parser
/// does.
pub(crate) fn compile(function: &str, inputs: &[&str]) -> Option<Direct> {
    let module = ruff_python_parser::parse_module(function).ok()?;
    let [ast::Stmt::FunctionDef(def)] = module.syntax().body.as_slice() else { return None };
    let mut names: HashMap<String, Slot> =
        inputs.iter().enumerate().map(|(slot, name)| ((*name).to_owned(), slot)).collect();
    let is_function = |stmt: &&ast::Stmt| stmt.is_function_def_stmt();
    names::assigned(def.body.iter().filter(|stmt| !is_function(stmt)), &mut names)?;
    for function in def.body.iter().filter_map(ast::Stmt::as_function_def_stmt) {
        let next = names.len();
        // A name that is also assigned otherwise may not be the function when it is called.
        if names.insert(function.name.as_str().to_owned(), next).is_some() {
            return None;
        }
    }
    let mut compiler = Compiler { slots: names.len(), names, ..Compiler::default() };
    let body = compiler.block(&def.body)?;
    Some(Direct {
        body,
        functions: compiler.functions,
        slots: compiler.slots,
        inputs: inputs.len(),
        address: inputs.iter().position(|name| *name == "ak_client_ip"),
    })
}

#[derive(Default)]
pub(super) struct Compiler {
    /// Names of the source.
    names: HashMap<String, Slot>,
    /// Names of the enclosing function.
    pub(super) own: HashMap<String, Slot>,
    /// Functions defined before the current position, by slot.
    pub(super) known: HashMap<Slot, Signature>,
    pub(super) functions: Vec<Function>,
    /// Names of the enclosing comprehensions.
    scopes: Vec<Vec<(String, Slot)>>,
    pub(super) slots: usize,
    pub(super) depth: usize,
    /// Maximum depth so far.
    pub(super) deepest: usize,
}

impl Compiler {
    pub(super) fn resolve(&self, name: &str) -> Option<Slot> {
        let inner = self
            .scopes
            .iter()
            .rev()
            .flat_map(|scope| scope.iter().rev())
            .find(|(known, _)| known == name)
            .map(|(_, slot)| *slot);
        inner.or_else(|| self.own.get(name).copied()).or_else(|| self.names.get(name).copied())
    }

    pub(super) fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let result = work(self);
        self.depth -= 1;
        result
    }

    pub(super) fn block(&mut self, body: &[ast::Stmt]) -> Option<Vec<Stmt>> {
        self.deeper(|this| body.iter().map(|stmt| this.stmt(stmt)).collect())
    }

    fn stmt(&mut self, stmt: &ast::Stmt) -> Option<Stmt> {
        Some(match stmt {
            ast::Stmt::Return(stmt) => Stmt::Return(match &stmt.value {
                Some(value) => Some(self.expr(value)?),
                None => None,
            }),
            ast::Stmt::Expr(stmt) => self.effect(&stmt.value)?,
            ast::Stmt::Assign(stmt) => match stmt.targets.as_slice() {
                [ast::Expr::Subscript(place)] => {
                    let slot = self.slot(&place.value)?;
                    let value = self.expr(&stmt.value)?;
                    Stmt::SetItem(slot, self.expr(&place.slice)?, value)
                }
                [target @ ast::Expr::Tuple(_)] => {
                    Stmt::Assign(self.target(target)?, self.unpacked(&stmt.value)?)
                }
                [target] => Stmt::Assign(self.target(target)?, self.expr(&stmt.value)?),
                _ => return None,
            },
            ast::Stmt::AugAssign(stmt) if stmt.op == ast::Operator::Add => {
                Stmt::Add(self.slot(&stmt.target)?, self.expr(&stmt.value)?)
            }
            ast::Stmt::If(stmt) => {
                let mut branches = vec![(self.expr(&stmt.test)?, self.block(&stmt.body)?)];
                let mut otherwise = Vec::new();
                for clause in &stmt.elif_else_clauses {
                    match &clause.test {
                        Some(test) => branches.push((self.expr(test)?, self.block(&clause.body)?)),
                        None => otherwise = self.block(&clause.body)?,
                    }
                }
                Stmt::If(branches, otherwise)
            }
            ast::Stmt::For(stmt) if !stmt.is_async && stmt.orelse.is_empty() => {
                let iter = self.iter(&stmt.iter, Some(&stmt.target))?;
                Stmt::For(self.target(&stmt.target)?, iter, self.block(&stmt.body)?)
            }
            ast::Stmt::While(stmt) if stmt.orelse.is_empty() => {
                Stmt::While(self.expr(&stmt.test)?, self.block(&stmt.body)?)
            }
            ast::Stmt::FunctionDef(def) => {
                self.define(def)?;
                Stmt::Pass
            }
            ast::Stmt::Pass(_) => Stmt::Pass,
            ast::Stmt::Break(_) => Stmt::Break,
            ast::Stmt::Continue(_) => Stmt::Continue,
            _ => return None,
        })
    }

    /// A call as a statement. Methods that change a list or dictionary are supported here only, where their
    /// result is unused.
    fn effect(&mut self, value: &ast::Expr) -> Option<Stmt> {
        use super::ir::Change;
        if let ast::Expr::Call(call) = value
            && let ast::Expr::Attribute(method) = &*call.func
            && let ast::Expr::Name(name) = &*method.value
            && let Some(slot) = self.resolve(name.id.as_str())
            && call.arguments.keywords.is_empty()
            && let [argument] = &*call.arguments.args
        {
            let change = match method.attr.as_str() {
                "append" => Some(Change::Append),
                "extend" => Some(Change::Extend),
                "update" => Some(Change::Update),
                _ => None,
            };
            if let Some(change) = change {
                return Some(Stmt::Change(slot, change, self.expr(argument)?));
            }
        }
        Some(Stmt::Expr(self.expr(value)?))
    }

    fn slot(&self, place: &ast::Expr) -> Option<Slot> {
        match place {
            ast::Expr::Name(name) => self.resolve(name.id.as_str()),
            _ => None,
        }
    }

    fn target(&self, target: &ast::Expr) -> Option<Target> {
        match target {
            ast::Expr::Name(_) => self.slot(target).map(Target::One),
            ast::Expr::Tuple(tuple) => {
                tuple.elts.iter().map(|part| self.slot(part)).collect::<Option<_>>().map(Target::Many)
            }
            _ => None,
        }
    }

    /// The right side of an unpacking assignment.
    fn unpacked(&mut self, value: &ast::Expr) -> Option<Expr> {
        match value {
            ast::Expr::Tuple(tuple) => tuple
                .elts
                .iter()
                .map(|part| Some((false, self.expr(part)?)))
                .collect::<Option<_>>()
                .map(Expr::List),
            _ => match self.partition(value) {
                Some(parts) => Some(parts),
                None => self.expr(value),
            },
        }
    }

    /// The iterable of a loop. Pairs need a target of two names: there are no tuples here.
    pub(super) fn iter(&mut self, value: &ast::Expr, target: Option<&ast::Expr>) -> Option<Iter> {
        let two = matches!(target, Some(ast::Expr::Tuple(tuple)) if tuple.elts.len() == 2);
        match value {
            ast::Expr::Tuple(tuple) => {
                let items =
                    tuple.elts.iter().map(|part| Some((false, self.expr(part)?))).collect::<Option<_>>()?;
                Some(Iter::Items(Expr::List(items)))
            }
            ast::Expr::Generator(comp) => {
                Some(Iter::Comp(Box::new(self.comp(&comp.generators, None, &comp.elt)?)))
            }
            ast::Expr::Call(call) => {
                let arguments = &call.arguments;
                match &*call.func {
                    ast::Expr::Attribute(method)
                        if arguments.is_empty()
                            && matches!(method.attr.as_str(), "items" | "keys" | "values") =>
                    {
                        let of = self.expr(&method.value)?;
                        match method.attr.as_str() {
                            "items" if two => Some(Iter::Pairs(of)),
                            "items" => None,
                            "keys" => Some(Iter::Keys(of)),
                            _ => Some(Iter::Values(of)),
                        }
                    }
                    ast::Expr::Name(name)
                        if name.id.as_str() == "range"
                            && self.resolve("range").is_none()
                            && arguments.keywords.is_empty() =>
                    {
                        match &*arguments.args {
                            [end] => Some(Iter::Range(Box::new(self.expr(end)?), None)),
                            [start, end] => Some(Iter::Range(
                                Box::new(self.expr(start)?),
                                Some(Box::new(self.expr(end)?)),
                            )),
                            _ => None,
                        }
                    }
                    _ => self.expr(value).map(Iter::Items),
                }
            }
            _ => self.expr(value).map(Iter::Items),
        }
    }

    /// A comprehension. Its names are local; the first iterable is evaluated outside.
    pub(super) fn comp(
        &mut self,
        generators: &[ast::Comprehension],
        key: Option<&ast::Expr>,
        value: &ast::Expr,
    ) -> Option<Comp> {
        self.deeper(|this| {
            let depth = this.scopes.len();
            let comp = this.clauses(generators, key, value);
            this.scopes.truncate(depth);
            comp
        })
    }

    fn clauses(
        &mut self,
        generators: &[ast::Comprehension],
        key: Option<&ast::Expr>,
        value: &ast::Expr,
    ) -> Option<Comp> {
        let mut clauses = Vec::with_capacity(generators.len());
        // Every name of a comprehension is local to all of it but the first iterable.
        let first = self.iter(&generators.first()?.iter, Some(&generators.first()?.target))?;
        let mut first = Some(first);
        self.scopes.push(Vec::new());
        for generator in generators {
            if generator.is_async {
                return None;
            }
            let iter = match first.take() {
                Some(iter) => iter,
                None => self.iter(&generator.iter, Some(&generator.target))?,
            };
            self.bind(&generator.target)?;
            let target = self.target(&generator.target)?;
            let conditions = generator.ifs.iter().map(|test| self.expr(test)).collect::<Option<_>>()?;
            clauses.push(Clause { target, iter, conditions });
        }
        let key = match key {
            Some(key) => Some(self.expr(key)?),
            None => None,
        };
        Some(Comp { clauses, key, value: self.expr(value)? })
    }

    pub(super) fn fresh(&mut self) -> Slot {
        self.slots += 1;
        self.slots - 1
    }

    fn bind(&mut self, target: &ast::Expr) -> Option<()> {
        let names: Vec<&ast::Expr> = match target {
            ast::Expr::Tuple(tuple) => tuple.elts.iter().collect(),
            one => vec![one],
        };
        for name in names {
            let ast::Expr::Name(name) = name else { return None };
            let slot = self.fresh();
            self.scopes.last_mut()?.push((name.id.as_str().to_owned(), slot));
        }
        Some(())
    }

    pub(super) fn args(&mut self, arguments: &ast::Arguments) -> Option<Args> {
        let plain = arguments
            .args
            .iter()
            .map(|arg| if arg.is_starred_expr() { None } else { self.expr(arg) })
            .collect::<Option<_>>()?;
        let named = arguments
            .keywords
            .iter()
            .map(|keyword| {
                let name = keyword.arg.as_ref()?.as_str().into();
                Some((name, self.expr(&keyword.value)?))
            })
            .collect::<Option<_>>()?;
        Some(Args { plain, named })
    }
}
