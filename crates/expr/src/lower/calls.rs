//! Lowering of calls: callbacks that may call the host, which the engine cannot do from built-in functions;
//! and iterators where the engine makes lists.
use super::Lower;
use crate::library::Library;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprAttribute, ExprCall, ExprGenerator, ExprName};
use ruff_text_size::{Ranged, TextLen, TextRange, TextSize};

/// Built-in functions that consume their arguments at once.
const WALKERS: [&str; 18] = [
    "any",
    "all",
    "sum",
    "min",
    "max",
    "sorted",
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "enumerate",
    "zip",
    "map",
    "filter",
    "reversed",
    "iter",
    "print",
];
/// Methods and classes that consume their arguments at once.
const WALKING_METHODS: [&str; 14] = [
    "join",
    "extend",
    "update",
    "union",
    "intersection",
    "difference",
    "symmetric_difference",
    "issubset",
    "issuperset",
    "isdisjoint",
    "fromkeys",
    "intersection_update",
    "difference_update",
    "deque",
];
/// Functions that return lists here and iterators in Python.
const LISTS: [&str; 5] = ["map", "filter", "zip", "enumerate", "reversed"];

impl<'a> Lower<'a> {
    pub(super) fn call(&mut self, call: &'a ExprCall) {
        if self.super_call(call) {
            return;
        }
        let arguments = &call.arguments;
        let keyword =
            |name: &str| arguments.keywords.iter().any(|keyword| keyword.arg.as_deref() == Some(name));
        let wraps = matches!(&*call.func, Expr::Name(name) if LISTS.contains(&name.id.as_str()) && self.names.is_builtin(&name.id))
            && !self.consumed.contains(&call.range());
        if wraps {
            self.needs(Library::ITERATORS);
            self.edits.open(call.start(), "_signet_iter(");
        }
        match &*call.func {
            Expr::Name(name) if self.names.is_builtin(&name.id) => {
                let function = name.id.as_str();
                if WALKERS.contains(&function) {
                    arguments.args.iter().for_each(|argument| self.consume(argument));
                }
                match (function, arguments.args.first()) {
                    ("any" | "all" | "next", Some(Expr::Generator(generator)))
                        if self.lazily(name, generator) =>
                    {
                        // The generator has been visited; the remaining arguments have not.
                        arguments.args.iter().skip(1).for_each(|argument| self.visit_expr(argument));
                        arguments.keywords.iter().for_each(|keyword| self.visit_keyword(keyword));
                        return;
                    }
                    ("map", _) => self.replaced(name),
                    ("filter", Some(predicate)) if !predicate.is_none_literal_expr() => self.replaced(name),
                    ("sorted" | "min" | "max", _) if keyword("key") => self.replaced(name),
                    _ => {}
                }
            }
            Expr::Attribute(method) => {
                let name = method.attr.as_str();
                if WALKING_METHODS.contains(&name) {
                    arguments.args.iter().for_each(|argument| self.consume(argument));
                }
                if name == "sort" && keyword("key") && arguments.args.is_empty() {
                    return self.sort(call, method);
                }
            }
            _ => {}
        }
        for keyword in arguments.keywords.iter().filter(|keyword| keyword.arg.as_deref() == Some("key")) {
            self.callback(&keyword.value);
        }
        if let (Expr::Name(name), Some(first)) = (&*call.func, arguments.args.first())
            && matches!(name.id.as_str(), "map" | "filter")
        {
            self.callback(first);
        }
        // Parentheses that close once the arguments are visited.
        let mut closes = Vec::new();
        let receiver_first = match self.dict_call(call) {
            Some(function) => match &*call.func {
                Expr::Attribute(method) => {
                    self.rewritten(call, method, &format!("{function}("), ", ");
                    true
                }
                name => {
                    self.edits.replace(name.range(), function);
                    false
                }
            },
            None => !self.zoned(call) && self.method(call),
        };
        if let Some(Expr::Generator(generator)) = arguments.args.first()
            && receiver_first
            && !generator.parenthesized
        {
            self.edits.open(generator.start(), "(");
            closes.push(generator.end());
        }
        if let Some(items) = arguments.args.first().filter(|_| self.counts(call)) {
            self.needs(Library::DICTS);
            self.edits.open(items.start(), "_signet_firsts(");
            closes.push(items.end());
        }
        closes.extend(self.pattern(call));
        match &*call.func {
            // `str.lower(x)`: the receiver is a type, not a value.
            Expr::Attribute(method) => {
                self.attribute(method);
                self.visit_expr(&method.value);
                if method.value.is_name_expr() {
                    self.method_as_value(method);
                }
            }
            function => self.visit_expr(function),
        }
        self.visit_arguments(arguments);
        closes.into_iter().for_each(|at| self.edits.close(at, ")"));
        if wraps {
            self.edits.close(call.end(), ")");
        }
    }

    /// Replaces a built-in function by a function of the library.
    fn replaced(&mut self, name: &ExprName) {
        self.needs(Library::ITERATORS);
        self.edits.replace(name.range, format!("_signet_{}", name.id));
    }

    /// `items.sort(key=…)`
    fn sort(&mut self, call: &'a ExprCall, method: &'a ExprAttribute) {
        self.needs(Library::ITERATORS);
        self.edits.open(call.start(), "_signet_sort(");
        self.visit_expr(&method.value);
        // `.sort(` between the list and its arguments, possibly on its own line.
        let between = TextRange::new(method.value.end(), call.arguments.start() + TextSize::from(1));
        let after = self.edits.text(between).find(".").map_or_else(
            || method.value.end(),
            |at| method.value.end() + self.edits.text(between)[..at].text_len(),
        );
        self.edits.replace(TextRange::new(after, between.end()), ", ");
        for keyword in &call.arguments.keywords {
            self.visit_keyword(keyword);
        }
    }

    /// `any(x for y in z)`: evaluated item by item until the result is known.
    fn lazily(&mut self, name: &ExprName, generator: &'a ExprGenerator) -> bool {
        let Some(first) = generator.generators.first() else { return false };
        if first.is_async || self.edits.text(first.iter.range()).contains('\n') {
            return false;
        }
        if let Some(name) = self.outside(generator) {
            self.refuse(generator.range, format!("'{name} :=' inside of {}(): write a loop", name));
            return true;
        }
        self.replaced(name);
        let one = TextSize::from(1);
        if generator.parenthesized {
            self.edits.replace(TextRange::at(generator.start(), one), "lambda _signet_item: [");
        } else {
            self.edits.open(generator.start(), "lambda _signet_item: [");
        }
        self.consume(&first.iter);
        self.visit_expr(&generator.elt);
        for comprehension in &generator.generators {
            self.visit_comprehension(comprehension);
        }
        // Surrounding parentheses remain.
        let items = self.edits.take(first.iter.range(), "(_signet_item,)");
        let end = format!("], ({items})");
        if generator.parenthesized {
            self.edits.replace(TextRange::at(generator.end() - one, one), end);
        } else {
            self.edits.close(generator.end(), end);
        }
        true
    }

    /// A name that is assigned inside of a generator and read outside.
    fn outside(&self, generator: &ExprGenerator) -> Option<String> {
        let mut assigned = Assigned::default();
        assigned.visit_expr(&generator.elt);
        for comprehension in &generator.generators {
            assigned.visit_comprehension(comprehension);
        }
        let source = self.edits.source();
        let (before, after) =
            (source.get(..generator.start().to_usize())?, source.get(generator.end().to_usize()..)?);
        assigned.0.into_iter().find(|name| [before, after].iter().any(|text| mentions(text, name)))
    }

    /// A generator expression that need not be lazy: its list, or an iterator over the list if the difference
    /// is observable.
    pub(super) fn generator(&mut self, generator: &'a ExprGenerator) {
        let wraps = !self.consumed.contains(&generator.range);
        if wraps {
            self.needs(Library::ITERATORS);
            self.edits.open(
                generator.start(),
                if generator.parenthesized { "_signet_iter" } else { "_signet_iter(" },
            );
        }
        self.visit_expr(&generator.elt);
        for comprehension in &generator.generators {
            self.visit_comprehension(comprehension);
        }
        if wraps && !generator.parenthesized {
            self.edits.close(generator.end(), ")");
        }
    }
}

/// Whether a word occurs in a text.
fn mentions(text: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(letter) && !text[at + word.len()..].starts_with(letter))
}

#[derive(Default)]
struct Assigned(Vec<String>);

impl<'a> Visitor<'a> for Assigned {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Named(named) = expr
            && let Expr::Name(name) = &*named.target
        {
            self.0.push(name.id.to_string());
        }
        visitor::walk_expr(self, expr);
    }
}
