//! Lowering of methods: those the engine lacks or supports partially, and methods as values.
use super::Lower;
use crate::library::Library;
use ruff_python_ast::{Expr, ExprAttribute, ExprCall, Stmt, StmtClassDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// `x.m(…)` becomes `_signet_m(x, …)`, which supports more types or arguments.
const METHODS: [&str; 21] = [
    "encode",
    "decode",
    "translate",
    "maketrans",
    "format_map",
    "to_bytes",
    "from_bytes",
    "bit_length",
    "union",
    "intersection",
    "difference",
    "fromtimestamp",
    "utcfromtimestamp",
    "isocalendar",
    "sub",
    "subn",
    "groups",
    "expand",
    "is_integer",
    "toordinal",
    "ctime",
];
/// Functions with fewer features than Python's.
const FUNCTIONS: [&str; 4] = ["hasattr", "getattr", "round", "bytes"];
/// Types whose methods can be referenced without a value.
const TYPES: [&str; 6] = ["str", "bytes", "list", "dict", "set", "float"];
/// Methods that are called on the type itself.
const OF_TYPES: [&str; 4] = ["fromkeys", "fromhex", "maketrans", "from_bytes"];

impl<'a> Lower<'a> {
    /// Rewrites a method call; returns whether it did.
    pub(super) fn method(&mut self, call: &'a ExprCall) -> bool {
        match &*call.func {
            Expr::Attribute(method)
                if METHODS.contains(&method.attr.as_str()) && self.needs_more(method, call) =>
            {
                self.needs(Library::METHODS);
                self.rewritten(call, method, &format!("_signet_{}(", method.attr), ", ");
                false
            }
            Expr::Name(name)
                if FUNCTIONS.contains(&name.id.as_str())
                    && self.names.is_builtin(&name.id)
                    && (name.id != "round" || call.arguments.len() > 1) =>
            {
                self.needs(Library::METHODS);
                self.edits.replace(name.range, format!("_signet_{}", name.id));
                true
            }
            _ => false,
        }
    }

    /// Whether the engine's own method does not suffice, as far as the source shows.
    fn needs_more(&self, method: &ExprAttribute, call: &ExprCall) -> bool {
        let count = call.arguments.len();
        match method.attr.as_str() {
            "encode" | "decode" => {
                let plain = |expr: &Expr| {
                    expr.as_string_literal_expr().is_some_and(|text| {
                        matches!(text.value.to_str().to_lowercase().as_str(), "utf-8" | "utf8" | "ascii")
                    })
                };
                count > 0 && !call.arguments.args.first().is_some_and(plain)
            }
            "union" | "intersection" | "difference" => {
                count != 1 || call.arguments.args.iter().any(Expr::is_starred_expr)
            }
            // The replacement is the second argument if the pattern is the first.
            "sub" => {
                let of_module = method.value.as_name_expr().is_some_and(|of| of.id.as_str() == "re");
                let put_in =
                    call.arguments.args.get(usize::from(of_module)).and_then(Expr::as_string_literal_expr);
                // Of escapes the engine knows those of groups.
                let escapes = |text: &str| text.replace("\\\\", "").contains('\\');
                put_in.is_none_or(|text| escapes(text.value.to_str()))
            }
            "groups" => count == 1,
            _ => true,
        }
    }

    /// A pattern that Python reads otherwise than the engine.
    pub(super) fn pattern(&mut self, call: &'a ExprCall) {
        let at = match &*call.func {
            Expr::Attribute(method) if method.value.as_name_expr().is_some_and(|of| of.id == "re") => 0,
            Expr::Name(name) if matches!(name.id.as_str(), "regex_match" | "regex_replace") => 1,
            _ => return,
        };
        let Some(Expr::StringLiteral(text)) = call.arguments.args.get(at) else { return };
        let pattern = text.value.to_str();
        if pattern.contains("[[:") || pattern.contains("[^[:") {
            self.refuse(text.range, "a class like [:alpha:]: write \\w, \\d, \\s or a range");
        } else if pattern.contains("\\p{") || pattern.contains("\\P{") {
            self.refuse(text.range, "'\\p' in a pattern: write \\w or a range");
        } else if pattern.contains("&&") && pattern.contains('[') {
            self.refuse(text.range, "'&&' in a pattern: write [&] twice");
        }
    }

    /// Rewrites `x.m(a)` to `function x separator a)`.
    pub(super) fn rewritten(
        &mut self,
        call: &ExprCall,
        method: &ExprAttribute,
        function: &str,
        separator: &str,
    ) {
        self.edits.open(call.start(), function);
        let between = TextRange::new(method.value.end(), call.arguments.start() + TextSize::from(1));
        let skipped = self.edits.text(between).find('.').unwrap_or_default();
        let dot = method.value.end() + TextSize::try_from(skipped).unwrap_or_default();
        self.edits.replace(TextRange::new(dot, between.end()), separator);
    }

    /// `str.lower` and `counts.get` as values become functions.
    pub(super) fn method_as_value(&mut self, place: &ExprAttribute) -> bool {
        let Expr::Name(of) = &*place.value else { return false };
        let (of, method) = (of.id.as_str(), place.attr.as_str());
        if TYPES.contains(&of)
            && self.names.is_builtin(of)
            && !OF_TYPES.contains(&method)
            && !method.starts_with('_')
        {
            self.edits.replace(
                place.range,
                format!("(lambda _signet_of, *_signet_args: _signet_of.{method}(*_signet_args))"),
            );
            return true;
        }
        false
    }

    /// `key=counts.get`, `map(names.get, …)`: becomes a function that calls the method.
    pub(super) fn callback(&mut self, argument: &Expr) {
        let Expr::Attribute(place) = argument else { return };
        let method = place.attr.as_str();
        const OWN: [&str; 12] = [
            "get",
            "append",
            "add",
            "index",
            "count",
            "startswith",
            "endswith",
            "setdefault",
            "remove",
            "discard",
            "find",
            "format",
        ];
        let of_a_type = place.value.as_name_expr().is_some_and(|of| TYPES.contains(&of.id.as_str()));
        if OWN.contains(&method) && !of_a_type {
            self.edits.open(place.start(), "(lambda *_signet_args, _signet_of=(");
            self.edits.replace(
                TextRange::new(place.value.end(), place.end()),
                format!("): _signet_of.{method}(*_signet_args))"),
            );
        }
    }

    /// The engine never calls these special methods of classes, so the result would differ.
    pub(super) fn class(&mut self, class: &StmtClassDef) {
        const ASKED: [&str; 44] = [
            "__init__",
            "__str__",
            "__repr__",
            "__eq__",
            "__hash__",
            "__contains__",
            "__getitem__",
            "__setitem__",
            "__iter__",
            "__next__",
            "__call__",
            "__enter__",
            "__exit__",
            "__int__",
            "__float__",
            "__index__",
            "__neg__",
            "__pos__",
            "__abs__",
            "__invert__",
            "__round__",
            "__trunc__",
            "__floor__",
            "__ceil__",
            "__add__",
            "__radd__",
            "__sub__",
            "__rsub__",
            "__mul__",
            "__rmul__",
            "__truediv__",
            "__rtruediv__",
            "__floordiv__",
            "__rfloordiv__",
            "__mod__",
            "__rmod__",
            "__pow__",
            "__rpow__",
            "__and__",
            "__rand__",
            "__or__",
            "__ror__",
            "__xor__",
            "__post_init__",
        ];
        for stmt in &class.body {
            if let Stmt::FunctionDef(method) = stmt
                && method.name.starts_with("__")
                && method.name.ends_with("__")
                && !ASKED.contains(&method.name.as_str())
            {
                let name = method.name.as_str();
                return self.refuse(
                    method.name.range(),
                    format!("the method '{name}' of a class is not asked: give it another name and call it"),
                );
            }
        }
    }
}
