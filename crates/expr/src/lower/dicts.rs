//! Lowering of dictionaries: of equal keys such as `1` and `True` Python keeps the first, the engine the last.
use super::Lower;
use crate::library::Library;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Expr, ExprBinOp, ExprCall, ExprDict, ExprDictComp, ExprSubscript, Number, Operator, StmtAugAssign,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

impl<'a> Lower<'a> {
    /// `{a: 1, b: 2}`, `{**a, **b}`
    pub(super) fn dict_display(&mut self, dict: &'a ExprDict) -> bool {
        let others = || dict.items.iter().filter(|item| !item.key.as_ref().is_some_and(is_text));
        if others().count() < 2 || others().all(|item| item.key.as_ref().is_some_and(is_int)) {
            return false;
        }
        self.needs(Library::DICTS);
        let one = TextSize::from(1);
        self.edits.replace(TextRange::at(dict.start(), one), "_signet_dict([");
        let mut before = dict.start() + one;
        for item in &dict.items {
            match &item.key {
                Some(key) => {
                    self.edits.open(key.start(), "(");
                    self.visit_expr(key);
                    self.colon(key.end(), item.value.start());
                }
                None => {
                    let stars = self.edits.text(TextRange::new(before, item.value.start())).rfind("**");
                    let at = before + TextSize::try_from(stars.unwrap_or_default()).unwrap_or_default();
                    self.edits.replace(TextRange::at(at, one + one), "(_signet_spread, ");
                }
            }
            self.visit_expr(&item.value);
            self.edits.close(item.value.end(), ")");
            before = item.value.end();
        }
        self.edits.replace(TextRange::at(dict.end() - one, one), "])");
        true
    }

    /// `{k: v for k, v in pairs}`
    pub(super) fn dict_comprehension(&mut self, comp: &'a ExprDictComp) -> bool {
        let (Some(key), Some(first)) = (&comp.key, comp.generators.first()) else { return false };
        if is_text(key) {
            return false;
        }
        self.needs(Library::DICTS);
        let one = TextSize::from(1);
        self.edits.replace(TextRange::at(comp.start(), one), "_signet_dict([(");
        self.visit_expr(key);
        self.colon(key.end(), comp.value.start());
        self.visit_expr(&comp.value);
        self.edits.close(first.start(), ") ");
        for generator in &comp.generators {
            self.visit_comprehension(generator);
        }
        self.edits.replace(TextRange::at(comp.end() - one, one), "])");
        true
    }

    /// The colon between a key and its value becomes a comma.
    fn colon(&mut self, start: TextSize, end: TextSize) {
        let mut comment = false;
        let colon = self.edits.text(TextRange::new(start, end)).find(|letter| {
            comment = letter == '#' || (comment && letter != '\n');
            letter == ':' && !comment
        });
        if let Some(at) = colon.and_then(|at| TextSize::try_from(at).ok()) {
            self.edits.replace(TextRange::at(start + at, TextSize::from(1)), ",");
        }
    }

    /// `d[k] = v`, `d[k] += v`: writes to the key that is there.
    pub(super) fn item_written(&mut self, place: &'a ExprSubscript) -> bool {
        if !place.ctx.is_store() || place.slice.is_slice_expr() || is_text(&place.slice) {
            return false;
        }
        self.needs(Library::DICTS);
        let of = if is_pure(&place.value) {
            self.visit_expr(&place.value);
            self.edits.text(place.value.range())
        } else {
            self.edits.open(place.value.start(), "(_signet_of := ");
            self.visit_expr(&place.value);
            self.edits.close(place.value.end(), ")");
            "_signet_of"
        };
        self.edits.open(place.slice.start(), format!("_signet_key({of}, ("));
        self.visit_expr(&place.slice);
        self.edits.close(place.slice.end(), "))");
        true
    }

    /// `a | b`, where both may be dictionaries. Where there may be queries, the data model does it.
    pub(super) fn dict_union(&mut self, union: &'a ExprBinOp) -> bool {
        if union.op != Operator::BitOr || !self.unites(&union.left) || !self.unites(&union.right) {
            return false;
        }
        let between = TextRange::new(union.left.end(), union.right.start());
        let Some(at) = self.edits.text(between).find('|').and_then(|at| TextSize::try_from(at).ok()) else {
            return false;
        };
        self.needs(Library::DICTS);
        self.edits.open(union.start(), "_signet_or(");
        self.visit_expr(&union.left);
        self.edits.replace(TextRange::at(between.start() + at, TextSize::from(1)), ",");
        self.visit_expr(&union.right);
        self.edits.close(union.end(), ")");
        true
    }

    /// `a |= b`
    pub(super) fn dict_union_assignment(&mut self, stmt: &'a StmtAugAssign) -> bool {
        if stmt.op != Operator::BitOr
            || !is_pure(&stmt.target)
            || !self.unites(&stmt.target)
            || !self.unites(&stmt.value)
        {
            return false;
        }
        self.needs(Library::DICTS);
        let of = self.edits.text(stmt.target.range());
        visitor::walk_expr(self, &stmt.target);
        self.edits.open(stmt.value.start(), format!("_signet_or_right({of}, ("));
        self.visit_expr(&stmt.value);
        self.edits.close(stmt.value.end(), "))");
        true
    }

    fn unites(&self, expr: &Expr) -> bool {
        !crate::datamodel::may_have_queries(self.edits.source())
            && match expr {
                Expr::Name(name) => !(name.id == "re" || TYPES.contains(&name.id.as_str())),
                Expr::Attribute(place) => !self.is_re(&place.value),
                Expr::Dict(_) | Expr::DictComp(_) | Expr::Call(_) | Expr::Subscript(_) | Expr::BinOp(_) => {
                    true
                }
                _ => false,
            }
    }

    /// `dict(pairs)`, `dict.fromkeys(items)`, `counts.update(items)`, `Counter(items)`: the function that does it.
    pub(super) fn dict_call(&mut self, call: &'a ExprCall) -> Option<&'static str> {
        let first = call.arguments.args.first()?;
        let plain = matches!(first, Expr::Dict(dict) if dict.items.iter().all(|item| item.key.as_ref().is_some_and(is_text)));
        if plain {
            return None;
        }
        let found = match &*call.func {
            Expr::Name(name) if name.id == "dict" && self.names.is_builtin("dict") => "_signet_dict_of",
            Expr::Attribute(method) if method.attr.as_str() == "update" => "_signet_update",
            Expr::Attribute(method)
                if method.attr.as_str() == "fromkeys"
                    && method.value.as_name_expr().is_some_and(|of| of.id == "dict") =>
            {
                "_signet_fromkeys"
            }
            _ => return None,
        };
        self.needs(Library::DICTS);
        Some(found)
    }

    /// `Counter(items)`
    pub(super) fn counts(&self, call: &ExprCall) -> bool {
        let name = match &*call.func {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(place) => place.attr.as_str(),
            _ => return false,
        };
        name == "Counter"
            && self.edits.source().contains("collections")
            && call.arguments.args.len() == 1
            && !call.arguments.args.iter().any(Expr::is_starred_expr)
    }
}

const TYPES: [&str; 9] = ["int", "str", "float", "bool", "list", "dict", "set", "tuple", "bytes"];

/// Whether an expression is a string: equal ones cannot be told apart.
fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(_) | Expr::FString(_) => true,
        Expr::BinOp(sum) => {
            matches!(sum.op, Operator::Add | Operator::Mod) && (is_text(&sum.left) || is_text(&sum.right))
        }
        Expr::If(choice) => is_text(&choice.body) && is_text(&choice.orelse),
        Expr::Call(call) => match &*call.func {
            Expr::Name(name) => name.id == "str",
            Expr::Attribute(method) => {
                matches!(method.attr.as_str(), "lower" | "upper" | "strip" | "join" | "format")
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_int(expr: &Expr) -> bool {
    matches!(expr, Expr::NumberLiteral(number) if matches!(number.value, Number::Int(_)))
}

/// Whether an expression may be evaluated twice.
fn is_pure(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Attribute(place) => is_pure(&place.value),
        Expr::Subscript(place) => {
            is_pure(&place.value)
                && (place.slice.is_name_expr()
                    || place.slice.is_string_literal_expr()
                    || place.slice.is_number_literal_expr())
        }
        _ => false,
    }
}
