//! Lowering of methods: those the engine lacks or supports partially, and methods as values.
use super::Lower;
use crate::library::Library;
use ruff_python_ast::{Expr, ExprAttribute, ExprCall, Stmt, StmtClassDef};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// `x.m(…)` becomes `_signet_m(x, …)`, which supports more types or arguments.
const METHODS: [&str; 24] = [
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
    "split",
    "findall",
    "finditer",
    "groups",
    "expand",
    "is_integer",
    "toordinal",
    "ctime",
];
/// Those of them that are about patterns.
const PATTERNS: [&str; 6] = ["sub", "subn", "split", "findall", "finditer", "expand"];
/// Functions of `re` that take a pattern.
const OF_PATTERNS: [&str; 9] =
    ["match", "search", "fullmatch", "compile", "sub", "subn", "split", "findall", "finditer"];
/// Functions with fewer features than Python's.
const FUNCTIONS: [&str; 4] = ["hasattr", "getattr", "round", "bytes"];
/// Types whose methods can be referenced without a value.
const TYPES: [&str; 6] = ["str", "bytes", "list", "dict", "set", "float"];
/// Methods that are called on the type itself.
const OF_TYPES: [&str; 4] = ["fromkeys", "fromhex", "maketrans", "from_bytes"];

impl<'a> Lower<'a> {
    /// Rewrites a call; returns whether the receiver became the first argument.
    pub(super) fn method(&mut self, call: &'a ExprCall) -> bool {
        match &*call.func {
            Expr::Attribute(method)
                if METHODS.contains(&method.attr.as_str()) && self.needs_more(method, call) =>
            {
                let name = method.attr.as_str();
                let of_patterns = PATTERNS.contains(&name);
                self.needs(if of_patterns { Library::PATTERNS } else { Library::METHODS });
                let prefix = if name == "split" { "_signet_re_" } else { "_signet_" };
                self.rewritten(call, method, &format!("{prefix}{name}("), ", ");
                true
            }
            Expr::Name(name)
                if FUNCTIONS.contains(&name.id.as_str())
                    && self.names.is_builtin(&name.id)
                    && (name.id != "round" || call.arguments.len() > 1) =>
            {
                self.needs(Library::METHODS);
                self.edits.replace(name.range, format!("_signet_{}", name.id));
                false
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
            "sub" => {
                // The replacement is the second argument if the pattern is the first.
                let put_in = call
                    .arguments
                    .args
                    .get(usize::from(self.is_re(&method.value)))
                    .and_then(Expr::as_string_literal_expr);
                // Of escapes the engine knows those of groups.
                let escapes = |text: &str| text.replace("\\\\", "").contains('\\');
                put_in.is_none_or(|text| escapes(text.value.to_str())) || self.may_be_empty(method, call)
            }
            "findall" => self.may_be_empty(method, call),
            // Texts have it too.
            "split" => {
                (self.is_re(&method.value)
                    || self.compiled(&method.value).is_some()
                    || (self.edits.source().contains("compile")
                        && !method.value.is_string_literal_expr()
                        && !method.value.is_f_string_expr()))
                    && self.may_be_empty(method, call)
            }
            "groups" => count == 1,
            _ => true,
        }
    }

    /// The module `re`, under any name.
    pub(super) fn is_re(&self, expr: &Expr) -> bool {
        expr.as_name_expr().is_some_and(|of| {
            of.id == "re" || self.aliases.get(of.id.as_str()).is_some_and(|module| module == "re")
        })
    }

    /// The pattern of `re.compile("…")`.
    fn compiled<'b>(&self, expr: &'b Expr) -> Option<&'b Expr> {
        let call = expr.as_call_expr()?;
        let method = call.func.as_attribute_expr()?;
        (method.attr.as_str() == "compile" && self.is_re(&method.value))
            .then(|| call.arguments.find_argument_value("pattern", 0))?
    }

    /// Whether the pattern of a call may match the empty string, as far as the source shows.
    fn may_be_empty(&self, method: &ExprAttribute, call: &ExprCall) -> bool {
        let pattern = if self.is_re(&method.value) {
            call.arguments.find_argument_value("pattern", 0)
        } else {
            self.compiled(&method.value)
        };
        pattern
            .and_then(Expr::as_string_literal_expr)
            .is_none_or(|text| crate::helpers::may_be_empty(text.value.to_str()))
    }

    /// A pattern that Python reads otherwise than the engine. Gives where a parenthesis is to be closed.
    pub(super) fn pattern(&mut self, call: &'a ExprCall) -> Option<TextSize> {
        let at = match &*call.func {
            Expr::Attribute(method)
                if self.is_re(&method.value) && OF_PATTERNS.contains(&method.attr.as_str()) =>
            {
                ("pattern", 0)
            }
            Expr::Name(name) if matches!(name.id.as_str(), "regex_match" | "regex_replace") => ("regex", 1),
            _ => return None,
        };
        let given = call.arguments.find_argument_value(at.0, at.1)?;
        let Expr::StringLiteral(text) = given else {
            if !given.is_starred_expr() {
                self.needs(Library::PATTERNS);
                self.edits.open(given.start(), "_signet_anchors(");
                return Some(given.end());
            }
            return None;
        };
        let pattern = text.value.to_str();
        if pattern.contains("[[:") || pattern.contains("[^[:") {
            self.refuse(text.range, "a class like [:alpha:]: write \\w, \\d, \\s or a range");
        } else if pattern.contains("\\p{") || pattern.contains("\\P{") {
            self.refuse(text.range, "'\\p' in a pattern: write \\w or a range");
        } else if pattern.contains("&&") && pattern.contains('[') {
            self.refuse(text.range, "'&&' in a pattern: write [&] twice");
        } else if let Some(anchored) = crate::helpers::anchored(pattern) {
            self.edits.replace(text.range, literal(&anchored));
        }
        None
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

/// A string as it is written in Python.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for letter in text.chars() {
        match letter {
            '\\' | '\'' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}
