//! Python's data model for host objects: truth, length, iteration, items and text.
//!
//! The engine treats every host object as true, and knows neither its length nor its text. So the places
//! where Python would call a special method are rewritten: `if found:` becomes `if _host_truth(found):`, and
//! functions of `helpers.py`, appended to the source, call the host for host objects and do what Python does
//! for others. Each edit stays on its line.
mod exceptions;
mod names;

pub(crate) use exceptions::{exception, exception_name};
use names::{BUILTINS, Bound, PLAIN, SIMPLE, SOURCES, VALUES, WALKERS};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, ExprContext, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};
use std::collections::HashSet;

/// The function by which helpers call an object: object, method name, arguments.
pub(crate) const CALL: &str = "_host_call";
/// Methods that helpers may call.
const METHODS: [&str; 12] = [
    "__bool__",
    "__iter__",
    "__len__",
    "__getitem__",
    "__contents__",
    "__save__",
    "__or__",
    "__and__",
    "__parent__",
    "__group_attributes__",
    "__app_entitlements_attributes__",
    "__locale__",
];
const HELPERS: &str = include_str!("datamodel/helpers.py");

/// Whether helpers may call the method.
pub(crate) fn is_method(name: &str) -> bool {
    METHODS.contains(&name)
}

/// A rewritten source.
pub(crate) struct Rewritten {
    pub function: String,
    /// The helpers it calls, and those they call.
    pub helpers: String,
}

/// Rewrites a function; `None` if it needs no helper. Needs a large stack, as the parser does.
pub(crate) fn rewritten(function: &str) -> Option<Rewritten> {
    let module = ruff_python_parser::parse_module(function).ok()?;
    let mut names = Bound(HashSet::new());
    names.visit_body(&module.syntax().body);
    let queries = may_have_queries(function);
    let mappings = function.contains("headers") || function.contains("session");
    let mut edits = Edits { text: function, bound: names.0, queries, mappings, edits: Vec::new() };
    edits.visit_body(&module.syntax().body);
    if edits.edits.is_empty() {
        return None;
    }
    // At the same position, closing edits precede opening ones; the outermost opens first.
    edits.edits.sort_by_key(|edit| (edit.start, edit.end != edit.start, !edit.closes));
    let mut out = String::with_capacity(function.len() * 2);
    let mut rest = 0;
    for edit in &edits.edits {
        out.push_str(function.get(rest..edit.start)?);
        out.push_str(&edit.with);
        rest = edit.end;
    }
    out.push_str(function.get(rest..)?);
    let helpers = helpers(&out);
    Some(Rewritten { function: out, helpers })
}

/// Whether a source can have a query.
pub(crate) fn may_have_queries(source: &str) -> bool {
    SOURCES.iter().any(|word| source.contains(word))
}

/// The helpers that a source mentions, and those they mention.
fn helpers(text: &str) -> String {
    let all: Vec<&str> = HELPERS.split("\n\n").collect();
    let name = |part: &str| {
        part.split(['(', ':']).next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let asks = |within: &str, of: &str| {
        within.match_indices(of).any(|(at, _)| {
            !within[at + of.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                && !within[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    };
    let mut taken: Vec<&str> = Vec::new();
    loop {
        let next = all.iter().find(|part| {
            !taken.contains(part)
                && (asks(text, &name(part)) || taken.iter().any(|other| asks(other, &name(part))))
        });
        match next {
            Some(part) => taken.push(part),
            None => break,
        }
    }
    let mut out = String::new();
    for part in taken {
        out.push_str(part.trim_end());
        out.push('\n');
    }
    out
}

struct Edit {
    start: usize,
    end: usize,
    with: String,
    closes: bool,
}

struct Edits<'a> {
    text: &'a str,
    bound: HashSet<&'a str>,
    /// Whether the source can have a query.
    queries: bool,
    /// Whether it can have an object with string keys, under any name.
    mappings: bool,
    edits: Vec<Edit>,
}

impl<'a> Edits<'a> {
    fn put(&mut self, at: usize, with: &str, closes: bool) {
        self.edits.push(Edit { start: at, end: at, with: with.to_owned(), closes });
    }
    fn replace(&mut self, start: usize, end: usize, with: impl Into<String>) {
        self.edits.push(Edit { start, end, with: with.into(), closes: false });
    }
    /// Replaces `.method(`, but not what closes the expression before it.
    fn replace_after(&mut self, range: TextRange, with: &str) {
        let text = self.text.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default();
        let dot = range.start().to_usize() + text.find('.').unwrap_or_default();
        self.replace(dot, range.end().to_usize(), with);
    }
    /// Wraps the expression in a helper call. The caller visits the expression itself in between.
    fn wrap(&mut self, helper: &str, expr: &Expr) {
        self.put(expr.start().to_usize(), &format!("_host_{helper}("), false);
        self.put(expr.end().to_usize(), ")", true);
    }

    /// Whether the expression may be a host object.
    fn may_be_object(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Name(_) | Expr::If(_) | Expr::BoolOp(_) | Expr::Named(_) => true,
            Expr::Subscript(_) => true,
            Expr::Attribute(attribute) => !PLAIN.contains(&attribute.attr.as_str()),
            Expr::Call(call) => match &*call.func {
                Expr::Name(name) => {
                    !VALUES.contains(&name.id.as_str()) || self.bound.contains(name.id.as_str())
                }
                Expr::Attribute(method) => !SIMPLE.contains(&method.attr.as_str()),
                _ => true,
            },
            Expr::BinOp(binary) => {
                matches!(binary.op, ast::Operator::BitOr | ast::Operator::BitAnd)
                    && self.may_be_object(&binary.left)
            }
            _ => false,
        }
    }
    /// `a | b` and `a & b`, where both may be queries.
    fn joins_queries(&self, binary: &ast::ExprBinOp) -> bool {
        self.queries
            && matches!(binary.op, ast::Operator::BitOr | ast::Operator::BitAnd)
            && self.may_be_object(&binary.left)
            && self.may_be_object(&binary.right)
    }
    fn iterated(&mut self, expr: &Expr) {
        if self.queries && self.may_be_object(expr) {
            self.wrap("iter", expr);
        }
    }
    /// The expression's truth value is used.
    fn tested(&mut self, expr: &Expr) {
        if !self.queries {
            return;
        }
        match expr {
            // The operator tests all operands but the last.
            Expr::BoolOp(parts) => {
                if let Some(last) = parts.values.last() {
                    self.tested(last);
                }
            }
            Expr::If(parts) => {
                self.tested(&parts.body);
                self.tested(&parts.orelse);
            }
            other if self.may_be_object(other) => self.wrap("truth", other),
            _ => {}
        }
    }
    fn shown(&mut self, expr: &Expr) {
        if self.may_be_object(expr) {
            self.wrap("text", expr);
        }
    }

    fn call(&mut self, call: &'a ast::ExprCall) {
        let arguments =
            || call.arguments.args.iter().chain(call.arguments.keywords.iter().map(|keyword| &keyword.value));
        if let Expr::Name(function) = &*call.func
            && WALKERS.contains(&function.id.as_str())
        {
            // Library functions iterate over their arguments, and test the results of callbacks.
            for arg in &call.arguments.args {
                match arg {
                    Expr::Lambda(lambda) => match &*lambda.body {
                        Expr::ListComp(each) if function.id.as_str() != "_signet_map" => {
                            self.tested(&each.elt)
                        }
                        body if function.id.as_str() == "_signet_filter" => self.tested(body),
                        _ => {}
                    },
                    other => self.iterated(other),
                }
            }
            return;
        }
        match &*call.func {
            Expr::Name(function) if !self.bound.contains(function.id.as_str()) => {
                let name = function.id.as_str();
                let objects = call.arguments.args.iter().any(|arg| {
                    self.may_be_object(arg)
                        || arg.is_starred_expr()
                        || arg.is_generator_expr()
                        || arg.is_list_comp_expr()
                        || arg.is_list_expr()
                });
                let text = matches!(name, "str" | "repr" | "print");
                let callback = matches!(name, "map" | "filter")
                    || (matches!(name, "sorted" | "max" | "min")
                        && call.arguments.find_keyword("key").is_some());
                if objects && BUILTINS.contains(&name) && (text || callback || self.queries) {
                    self.put(function.start().to_usize(), "_host_", false);
                }
                if name == "iter" && self.queries {
                    self.replace(function.start().to_usize(), function.end().to_usize(), "_host_iterator");
                }
                let kind = call.arguments.args.get(1);
                if name == "isinstance"
                    && (self.text.contains("_signet_kind")
                        || kind.is_some_and(|kind| !self.is_builtin_type(kind)))
                {
                    self.put(function.start().to_usize(), "_host_", false);
                }
                // Functions as arguments: `map(str, groups)`.
                if name != "isinstance" {
                    for arg in arguments() {
                        if let Expr::Name(given) = arg
                            && matches!(given.id.as_str(), "str" | "len" | "bool" | "repr")
                            && !self.bound.contains(given.id.as_str())
                        {
                            self.put(given.start().to_usize(), "_host_", false);
                        }
                    }
                }
            }
            Expr::Attribute(method) => match method.attr.as_str() {
                // The object goes along as it stands.
                "save" => {
                    self.put(call.range().start().to_usize(), "_host_save(", false);
                    let rest = TextRange::new(method.value.end(), call.arguments.start() + TextSize::from(1));
                    self.replace_after(rest, ", ");
                }
                // What the text has changed of the object counts.
                name @ ("group_attributes" | "app_entitlements_attributes" | "locale" | "get_username") => {
                    self.put(call.range().start().to_usize(), &format!("_host_{name}("), false);
                    let rest = TextRange::new(method.value.end(), call.arguments.start() + TextSize::from(1));
                    self.replace_after(rest, ", ");
                }
                "join" | "extend" => call.arguments.args.iter().for_each(|arg| self.iterated(arg)),
                "format" => arguments().for_each(|arg| self.shown(arg)),
                _ => {}
            },
            _ => {}
        }
    }

    fn is_builtin_type(&self, kind: &Expr) -> bool {
        match kind {
            Expr::Name(name) => !self.bound.contains(name.id.as_str()),
            Expr::Tuple(kinds) => kinds.elts.iter().all(|kind| self.is_builtin_type(kind)),
            Expr::BinOp(union) => self.is_builtin_type(&union.left) && self.is_builtin_type(&union.right),
            _ => false,
        }
    }

    /// `x[1]`, `x[:5]`. String keys do not index queries.
    fn subscript(&mut self, subscript: &'a ast::ExprSubscript) -> bool {
        if !self.queries
            || subscript.ctx != ExprContext::Load
            || !self.may_be_object(&subscript.value)
            || ((subscript.slice.is_string_literal_expr() || subscript.slice.is_f_string_expr())
                && !self.mappings)
        {
            return false;
        }
        let (start, end) = (subscript.range.start().to_usize(), subscript.range.end().to_usize());
        let value_end = subscript.value.end().to_usize();
        let Some(open) =
            self.text.get(value_end..end).and_then(|rest| rest.find('[')).map(|at| value_end + at)
        else {
            return false;
        };
        match &*subscript.slice {
            Expr::Slice(slice) => {
                let part = |part: &Option<Box<Expr>>| match part.as_deref() {
                    None => Some("None".to_owned()),
                    Some(part) => self
                        .text
                        .get(part.start().to_usize()..part.end().to_usize())
                        .filter(|text| !text.contains('\n'))
                        .map(str::to_owned),
                };
                let (Some(lower), Some(upper), Some(step)) =
                    (part(&slice.lower), part(&slice.upper), part(&slice.step))
                else {
                    return false;
                };
                self.put(start, "_host_slice(", false);
                self.visit_expr(&subscript.value);
                self.replace(open, end, format!(", {lower}, {upper}, {step})"));
            }
            key => {
                self.put(start, "_host_item(", false);
                self.visit_expr(&subscript.value);
                self.replace(open, open + 1, ", ");
                self.visit_expr(key);
                self.replace(end - 1, end, ")");
            }
        }
        true
    }

    /// The engine's exception for `User.DoesNotExist`.
    fn exception(&mut self, attribute: &'a ast::ExprAttribute) -> bool {
        let helper = match attribute.attr.as_str() {
            "DoesNotExist" => "absent",
            "MultipleObjectsReturned" => "several",
            _ => return false,
        };
        self.put(attribute.range.start().to_usize(), &format!("_host_{helper}("), false);
        self.visit_expr(&attribute.value);
        self.replace(attribute.value.end().to_usize(), attribute.range.end().to_usize(), ")");
        true
    }

    /// Imported names that are classes of the helpers.
    fn import(&mut self, stmt: &'a ast::StmtImportFrom) -> bool {
        let from = stmt.module.as_ref().map(ast::Identifier::as_str).unwrap_or_default();
        let known = |name: &ast::Alias| {
            let value = match (from, name.name.as_str()) {
                ("django.db.models" | "django.db.models.query_utils", "Q") => "_host_Q",
                _ => return None,
            };
            Some(format!("{} = {value}", name.asname.as_ref().unwrap_or(&name.name).as_str()))
        };
        let Some(given) = stmt.names.iter().map(known).collect::<Option<Vec<_>>>() else { return false };
        self.replace(stmt.range.start().to_usize(), stmt.range.end().to_usize(), given.join("; "));
        true
    }
}

impl<'a> Visitor<'a> for Edits<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::While(stmt) => self.tested(&stmt.test),
            Stmt::Assert(stmt) => self.tested(&stmt.test),
            Stmt::If(stmt) => {
                self.tested(&stmt.test);
                for clause in &stmt.elif_else_clauses {
                    if let Some(test) = &clause.test {
                        self.tested(test);
                    }
                }
            }
            Stmt::AugAssign(stmt)
                if self.queries
                    && matches!(stmt.op, ast::Operator::BitOr | ast::Operator::BitAnd)
                    && stmt.target.is_name_expr()
                    && self.may_be_object(&stmt.value) =>
            {
                let helper = if stmt.op == ast::Operator::BitOr { "_host_or" } else { "_host_and" };
                let name = self.text.get(stmt.target.start().to_usize()..stmt.target.end().to_usize());
                let with = format!(" = {helper}({}, ", name.unwrap_or_default());
                self.replace(stmt.target.end().to_usize(), stmt.value.start().to_usize(), with);
                self.visit_expr(&stmt.value);
                self.put(stmt.range.end().to_usize(), ")", true);
                return;
            }
            Stmt::For(stmt) => self.iterated(&stmt.iter),
            Stmt::Assign(stmt)
                if stmt.targets.iter().any(|target| target.is_tuple_expr() || target.is_list_expr()) =>
            {
                self.iterated(&stmt.value)
            }
            Stmt::ImportFrom(stmt) if self.import(stmt) => return,
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::BoolOp(parts) => {
                for value in parts.values.iter().take(parts.values.len().saturating_sub(1)) {
                    self.tested(value);
                }
            }
            Expr::UnaryOp(unary) if unary.op == ast::UnaryOp::Not => self.tested(&unary.operand),
            Expr::If(parts) => self.tested(&parts.test),
            Expr::Starred(starred) if starred.ctx == ExprContext::Load => self.iterated(&starred.value),
            Expr::Compare(compare) => {
                for (op, right) in compare.ops.iter().zip(compare.comparators()) {
                    if matches!(op, ast::CmpOp::In | ast::CmpOp::NotIn)
                        && self.queries
                        && self.may_be_object(right)
                    {
                        self.wrap("contents", right);
                    }
                }
            }
            Expr::BinOp(binary) if self.joins_queries(binary) => {
                let helper = if binary.op == ast::Operator::BitOr { "_host_or(" } else { "_host_and(" };
                self.put(binary.range.start().to_usize(), helper, false);
                self.visit_expr(&binary.left);
                let (start, end) = (binary.left.end().to_usize(), binary.right.start().to_usize());
                let sign = self.text.get(start..end).and_then(|between| between.find(['|', '&']));
                let at = start + sign.unwrap_or_default();
                self.replace(at, at + 1, ",");
                self.visit_expr(&binary.right);
                self.put(binary.range.end().to_usize(), ")", true);
                return;
            }
            Expr::BinOp(binary)
                if binary.op == ast::Operator::Mod && !binary.left.is_number_literal_expr() =>
            {
                if let Expr::Tuple(parts) = &*binary.right {
                    parts.elts.iter().for_each(|part| self.shown(part));
                } else if self.may_be_object(&binary.right) {
                    self.wrap("args", &binary.right);
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Subscript(subscript) if self.subscript(subscript) => return,
            Expr::Attribute(attribute) if self.exception(attribute) => return,
            Expr::Attribute(attribute)
                if attribute.attr.as_str() == "parent"
                    && attribute.ctx == ExprContext::Load
                    && self.may_be_object(&attribute.value) =>
            {
                self.put(attribute.range.start().to_usize(), "_host_parent(", false);
                self.visit_expr(&attribute.value);
                self.replace_after(TextRange::new(attribute.value.end(), attribute.range.end()), ")");
                return;
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_comprehension(&mut self, comprehension: &'a ast::Comprehension) {
        self.iterated(&comprehension.iter);
        for condition in &comprehension.ifs {
            self.tested(condition);
        }
        visitor::walk_comprehension(self, comprehension);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a ast::InterpolatedStringElement) {
        if let ast::InterpolatedStringElement::Interpolation(part) = element
            && self.may_be_object(&part.expression)
        {
            let helper = if matches!(part.conversion, ast::ConversionFlag::None | ast::ConversionFlag::Str)
                && part.debug_text.is_none()
            {
                "text"
            } else {
                "unshown"
            };
            self.wrap(helper, &part.expression);
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}
