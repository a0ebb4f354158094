//! Classes with a base, and exceptions of one's own. The engine has neither: a class takes over the members of its base
//! by name, `super().m(…)` becomes `Base.m(self, …)`, and what is raised of an exception of one's own is one of the
//! engine's kinds that nothing else raises, behind which `library/exceptions.py` finds the text's own object.
use super::Lower;
use crate::library::Library;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, ExprCall, Stmt, StmtClassDef, StmtRaise};
use ruff_text_size::{Ranged, TextRange, TextSize};
use std::collections::HashMap;

/// Kinds for exceptions of one's own: what makes them, and how the engine names them. A text that uses the module itself
/// has no use of them.
const KINDS: [(&str, &str); 6] = [
    ("_signet_csv.Error", "_csv.Error"),
    ("_signet_binascii.Incomplete", "binascii.Incomplete"),
    ("_signet_decimal.DivisionUndefined", "decimal.DivisionUndefined"),
    ("_signet_decimal.Overflow", "decimal.Overflow"),
    ("_signet_decimal.DivisionByZero", "decimal.DivisionByZero"),
    ("_signet_decimal.InvalidOperation", "decimal.InvalidOperation"),
];
/// Exceptions that a class may derive from, and whose handlers catch it, nearest first.
const BUILTIN: [(&str, &[&str]); 12] = [
    ("Exception", &[]),
    ("ValueError", &[]),
    ("TypeError", &[]),
    ("RuntimeError", &[]),
    ("LookupError", &[]),
    ("KeyError", &["LookupError"]),
    ("IndexError", &["LookupError"]),
    ("AttributeError", &[]),
    ("OSError", &["IOError", "EnvironmentError"]),
    ("PermissionError", &["OSError", "IOError", "EnvironmentError"]),
    ("ConnectionError", &["OSError", "IOError", "EnvironmentError"]),
    ("TimeoutError", &["OSError", "IOError", "EnvironmentError"]),
];
/// The base of exceptions of one's own.
const ROOT: &str = "_signet_exception";
const OF_ROOT: [&str; 3] = ["__init__", "__str__", "__repr__"];

/// What is known of a class of the text.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    /// Its base: a class of the text, or [`ROOT`].
    base: Option<String>,
    /// Bases of the text, nearest first.
    chain: Vec<String>,
    /// Names of all members, inherited ones too.
    members: Vec<String>,
    /// Of an exception: its kind, and the names of Python's exceptions whose handlers catch it.
    kind: Option<&'static str>,
    caught_by: Vec<&'static str>,
}

#[derive(Default)]
pub(super) struct Classes {
    known: HashMap<String, Class>,
    /// Bases of the classes around, and what methods call their object.
    pub(super) around: Vec<(Option<String>, Option<String>)>,
}

impl Classes {
    /// Finds the classes of a text, in the order in which they stand.
    pub(super) fn of(body: &[Stmt], source: &str) -> Self {
        struct Search<'a>(Vec<&'a StmtClassDef>);
        impl<'a> Visitor<'a> for Search<'a> {
            fn visit_stmt(&mut self, stmt: &'a Stmt) {
                if let Stmt::ClassDef(class) = stmt {
                    self.0.push(class);
                }
                visitor::walk_stmt(self, stmt);
            }
        }
        let mut search = Search(Vec::new());
        search.visit_body(body);
        let module =
            |kind: &str| kind.trim_start_matches("_signet_").split('.').next().unwrap_or_default().to_owned();
        let free = |kind: &&(&'static str, &str)| !source.contains(&module(kind.0));
        let mut kinds = KINDS.iter().filter(free).map(|(kind, _)| *kind);
        let mut known: HashMap<String, Class> = HashMap::new();
        for class in search.0 {
            let name = class.name.as_str();
            let made = Self::class(class, &known, &mut kinds);
            // Two of one name are not told apart.
            match (known.contains_key(name), made) {
                (false, Some(made)) => drop(known.insert(name.to_owned(), made)),
                _ => drop(known.remove(name)),
            }
        }
        Self { known, around: Vec::new() }
    }

    fn class(
        class: &StmtClassDef,
        known: &HashMap<String, Class>,
        kinds: &mut impl Iterator<Item = &'static str>,
    ) -> Option<Class> {
        let mut made = Class::default();
        for stmt in &class.body {
            match stmt {
                Stmt::FunctionDef(method) => made.members.push(method.name.to_string()),
                Stmt::Assign(assign) => {
                    let names = assign.targets.iter().filter_map(|target| target.as_name_expr());
                    made.members.extend(names.map(|name| name.id.to_string()));
                }
                Stmt::AnnAssign(assign) if assign.value.is_some() => {
                    made.members.extend(assign.target.as_name_expr().map(|name| name.id.to_string()));
                }
                _ => {}
            }
        }
        let Some(arguments) = &class.arguments else { return Some(made) };
        let [Expr::Name(base)] = &*arguments.args else {
            return (arguments.is_empty()).then_some(made);
        };
        if !arguments.keywords.is_empty() || !class.decorator_list.is_empty() {
            return None;
        }
        let base = base.id.as_str();
        if base == "object" {
            return Some(made);
        }
        if let Some(of) = known.get(base) {
            made.base = Some(base.to_owned());
            made.chain = std::iter::once(base.to_owned()).chain(of.chain.iter().cloned()).collect();
            made.caught_by.clone_from(&of.caught_by);
            if of.kind.is_some() {
                made.kind = Some(kinds.next()?);
            }
            let inherited = of.members.iter().filter(|name| !made.members.contains(name)).cloned();
            made.members = inherited.collect::<Vec<_>>().into_iter().chain(made.members).collect();
            return Some(made);
        }
        let (name, above) = BUILTIN.iter().find(|(name, _)| *name == base)?;
        made.base = Some(ROOT.to_owned());
        made.kind = Some(kinds.next()?);
        made.caught_by = std::iter::once(*name).chain(above.iter().copied()).collect();
        let inherited = OF_ROOT.iter().filter(|name| !made.members.iter().any(|own| own == *name));
        made.members.extend(inherited.map(|name| (*name).to_owned()).collect::<Vec<_>>());
        Some(made)
    }

    /// How the engine names the exceptions of the text, and their own names.
    pub(super) fn exceptions(&self) -> Vec<(&'static str, String)> {
        let named = |kind: &str| KINDS.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name);
        self.known.iter().filter_map(|(own, class)| Some((named(class.kind?)?, own.clone()))).collect()
    }

    fn has_exceptions(&self) -> bool {
        self.known.values().any(|class| class.kind.is_some())
    }

    /// The kinds that a handler of this name catches beside its own.
    fn kinds(&self, name: &str) -> Vec<&'static str> {
        let fits = |(own, class): &(&String, &Class)| {
            *own == name || class.chain.iter().any(|base| base == name) || class.caught_by.contains(&name)
        };
        let mut kinds: Vec<_> = self.known.iter().filter(fits).filter_map(|(_, class)| class.kind).collect();
        kinds.sort_unstable();
        kinds
    }
}

impl<'a> Lower<'a> {
    /// The head of a class, and what it takes over from its base.
    pub(super) fn inherits(&mut self, class: &'a StmtClassDef) {
        let known = self.classes.known.get(class.name.as_str()).cloned();
        let Some((known, arguments)) = known.zip(class.arguments.as_deref()) else { return };
        self.edits.replace(arguments.range, "");
        let (Some(base), Some(first)) = (&known.base, class.body.first()) else { return };
        let own: Vec<&str> = class
            .body
            .iter()
            .filter_map(|stmt| match stmt {
                Stmt::FunctionDef(method) => Some(method.name.as_str()),
                Stmt::Assign(assign) => assign.targets.first()?.as_name_expr().map(|name| name.id.as_str()),
                Stmt::AnnAssign(assign) => assign.target.as_name_expr().map(|name| name.id.as_str()),
                _ => None,
            })
            .collect();
        let taken = known.members.iter().filter(|name| !own.contains(&name.as_str()));
        let mut lines: Vec<String> = taken.map(|name| format!("{name} = {base}.{name}")).collect();
        lines.push(format!("_signet_bases = [{}]", known.chain.join(", ")));
        if let Some(kind) = known.kind {
            self.needs(Library::EXCEPTIONS);
            lines.push(format!("_signet_kind = {kind}"));
        }
        match self.indentation(first) {
            Some(indentation) => {
                self.edits.open(
                    first.start(),
                    lines.join(&format!("\n{indentation}")) + &format!("\n{indentation}"),
                );
            }
            None => self.edits.open(first.start(), lines.join("; ") + "; "),
        }
        let init = class
            .body
            .iter()
            .find_map(|stmt| stmt.as_function_def_stmt().filter(|m| m.name.as_str() == "__init__"));
        if let (Some(_), Some(init)) = (known.kind, init)
            && !self.edits.text(init.range).contains("super().__init__(")
        {
            self.refuse(
                init.name.range,
                "the __init__ of an exception: call super().__init__(message) in it",
            );
        }
    }

    /// The base of a class of the text, for `super()` in its methods.
    pub(super) fn base_of(&self, class: &StmtClassDef) -> Option<String> {
        self.classes.known.get(class.name.as_str()).and_then(|known| known.base.clone())
    }

    /// `super().m(…)`; whether it was that.
    pub(super) fn super_call(&mut self, call: &'a ExprCall) -> bool {
        let Expr::Attribute(method) = &*call.func else { return false };
        let Expr::Call(of) = &*method.value else { return false };
        let is_super =
            of.func.as_name_expr().is_some_and(|name| name.id == "super" && self.names.is_builtin("super"));
        let Some((base, Some(object))) = self.classes.around.last().cloned().filter(|_| is_super) else {
            return false;
        };
        let base = base.unwrap_or_else(|| "object".to_owned());
        if !of.arguments.is_empty() {
            self.refuse(of.range(), "'super' with arguments: write super()");
            return true;
        }
        let inherited = match self.classes.known.get(&base) {
            Some(class) => class.members.iter().any(|name| name == method.attr.as_str()),
            None => base == ROOT && OF_ROOT.contains(&method.attr.as_str()),
        };
        let begin = TextRange::new(call.start(), call.arguments.start() + TextSize::from(1));
        let with = match (inherited, method.attr.as_str()) {
            (true, name) => format!("{base}.{name}({object}, "),
            // That of `object` does nothing.
            (false, "__init__") => "(lambda *_signet_args: None)(".to_owned(),
            (false, name) => {
                self.refuse(method.attr.range, format!("'{base}' has no '{name}'"));
                return true;
            }
        };
        self.edits.replace(begin, with);
        self.visit_arguments(&call.arguments);
        true
    }

    /// `raise X(…)`, where X may be an exception of the text.
    pub(super) fn raised(&mut self, stmt: &'a StmtRaise) {
        let own = self.classes.has_exceptions();
        if let Some(what) = stmt.exc.as_deref() {
            if own {
                self.needs(Library::EXCEPTIONS);
                self.edits.open(what.start(), "_signet_thrown(");
            }
            self.visit_expr(what);
            if own {
                self.edits.close(what.end(), ")");
            }
        }
        stmt.cause.iter().for_each(|cause| self.visit_expr(cause));
    }

    /// `except X as e`: the kinds that stand for X and what derives from it, and the text's own object as `e`.
    pub(super) fn handler(&mut self, handler: &'a ExceptHandler) {
        if !self.classes.has_exceptions() {
            return;
        }
        self.needs(Library::EXCEPTIONS);
        let ExceptHandler::ExceptHandler(handler) = handler;
        let own =
            |name: &str, this: &Self| this.classes.known.get(name).is_some_and(|class| class.kind.is_some());
        let one = |expr: &Expr, this: &Self| -> Option<String> {
            let name = expr.as_name_expr()?.id.as_str();
            let kinds = this.classes.kinds(name);
            let itself = (!own(name, this)).then_some(name);
            (!kinds.is_empty()).then(|| itself.into_iter().chain(kinds).collect::<Vec<_>>().join(", "))
        };
        match handler.type_.as_deref() {
            Some(Expr::Tuple(tuple)) => {
                for expr in &tuple.elts {
                    if let Some(kinds) = one(expr, self) {
                        self.edits.replace(expr.range(), kinds);
                    }
                }
            }
            Some(expr) => {
                if let Some(kinds) = one(expr, self) {
                    self.edits.replace(expr.range(), format!("({kinds},)"));
                }
            }
            None => {}
        }
        if let (Some(name), Some(first)) = (&handler.name, handler.body.first()) {
            let line = format!("{name} = _signet_caught({name})");
            match self.indentation(first) {
                Some(indentation) => self.edits.open(first.start(), format!("{line}\n{indentation}")),
                None => self.edits.open(first.start(), format!("{line}; ")),
            }
        }
    }
}
