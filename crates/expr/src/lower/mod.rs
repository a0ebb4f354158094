//! Lowering: rewrites Python that the engine lacks into Python that it supports: `del`, `yield`, iterators,
//! callbacks that may call the host, and modules of this crate. Each new line is mapped to its original line.
mod calls;
mod classes;
mod dicts;
mod edits;
mod generators;
mod imports;
mod methods;
mod names;

use crate::library::Library;
use classes::Classes;
use edits::Edits;
use names::Names;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A function after lowering.
#[derive(Debug, Default)]
pub(crate) struct Lowered {
    pub text: String,
    /// For each line of `text` the original line, from 1.
    pub lines: Vec<u32>,
    /// Parts of the library that the source needs.
    pub library: BTreeSet<Library>,
    /// The outermost function is a generator.
    pub generator: bool,
    /// How the engine names exceptions of the text, and their own names.
    pub exceptions: Vec<(&'static str, String)>,
}

/// Names that a source binds anywhere.
pub(crate) fn bound(body: &[Stmt]) -> HashSet<String> {
    Names::of(body).bound
}

/// A construct that cannot be lowered: position, reason, suggestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub at: TextRange,
    pub what: String,
}

/// Lowers a function. The source has passed the engine's nesting check. Needs a large stack, as the parser
/// does. `None` if the source does not parse or needs no lowering.
pub(crate) fn lowered(function: &str) -> Result<Option<Lowered>, Refusal> {
    let Ok(module) = ruff_python_parser::parse_module(function) else { return Ok(None) };
    let body = &module.syntax().body;
    let mut lower = Lower {
        edits: Edits::new(function),
        names: Names::of(body),
        consumed: HashSet::new(),
        functions: Vec::new(),
        aliases: HashMap::new(),
        classes: Classes::of(body, function),
        library: BTreeSet::new(),
        generator: false,
        refusal: None,
    };
    lower.visit_body(body);
    if let Some(refusal) = lower.refusal {
        return Err(refusal);
    }
    if lower.edits.is_empty() && lower.library.is_empty() {
        return Ok(None);
    }
    let exceptions = lower.classes.exceptions();
    let (text, lines) = lower.edits.finish();
    Ok(Some(Lowered { text, lines, library: lower.library, generator: lower.generator, exceptions }))
}

struct Lower<'a> {
    edits: Edits<'a>,
    names: Names,
    /// Lists that are consumed at once, so that they need not be iterators.
    consumed: HashSet<TextRange>,
    /// For each enclosing function, whether it is a generator.
    functions: Vec<bool>,
    /// Names bound to `requests` and its members.
    aliases: HashMap<String, String>,
    classes: Classes,
    library: BTreeSet<Library>,
    generator: bool,
    refusal: Option<Refusal>,
}

impl<'a> Lower<'a> {
    fn refuse(&mut self, at: TextRange, what: impl Into<String>) {
        self.refusal.get_or_insert(Refusal { at, what: what.into() });
    }

    fn needs(&mut self, library: Library) {
        self.library.insert(library);
    }

    fn consume(&mut self, expr: &Expr) {
        self.consumed.insert(expr.range());
    }

    /// The indentation of a statement, if nothing precedes it on its line.
    fn indentation(&self, stmt: &impl Ranged) -> Option<&'a str> {
        let before = self.edits.source().get(..stmt.start().to_usize())?;
        let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        line.trim().is_empty().then_some(line)
    }

    /// `del a[k], b[i:j], c`: items are popped, slices are emptied; a name is deleted as an exception's name
    /// is at the end of its handler.
    fn delete(&mut self, stmt: &'a ruff_python_ast::StmtDelete) {
        let mut parts = Vec::new();
        let mut lines = false;
        let mut targets: Vec<&Expr> = stmt.targets.iter().rev().collect();
        while let Some(target) = targets.pop() {
            match target {
                Expr::Tuple(tuple) => targets.extend(tuple.elts.iter().rev()),
                Expr::List(list) => targets.extend(list.elts.iter().rev()),
                Expr::Subscript(place) if place.slice.is_slice_expr() => {
                    parts.push(format!("{} = []", self.edits.text(place.range)))
                }
                Expr::Subscript(place) if !place.slice.is_tuple_expr() => {
                    parts.push(format!(
                        "{}.pop({})",
                        self.edits.text(place.value.range()),
                        self.edits.text(place.slice.range())
                    ));
                }
                Expr::Name(name) => {
                    lines = true;
                    let name = name.id.as_str();
                    parts.extend([
                        name.to_owned(),
                        "try: raise ValueError".to_owned(),
                        format!("except ValueError as {name}: pass"),
                    ]);
                }
                other => return self.refuse(other.range(), "'del' of an attribute: set it to None"),
            }
        }
        if !lines {
            return self.edits.replace(stmt.range, parts.join("; "));
        }
        let rest = self.edits.source().get(stmt.range.end().to_usize()..).unwrap_or_default();
        let alone = rest
            .lines()
            .next()
            .is_none_or(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('#'));
        match self.indentation(stmt).filter(|_| alone) {
            Some(indentation) => self.edits.replace(stmt.range, parts.join(&format!("\n{indentation}"))),
            None => {
                self.refuse(stmt.range, "'del' of a name beside other statements: give it a line of its own")
            }
        }
    }
}

impl<'a> Visitor<'a> for Lower<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Delete(stmt) => return self.delete(stmt),
            Stmt::Import(stmt) => return self.import(stmt),
            Stmt::ImportFrom(stmt) => return self.import_from(stmt),
            Stmt::FunctionDef(function) => return self.function(function),
            Stmt::ClassDef(class) => {
                self.class(class);
                self.inherits(class);
                let base = self.base_of(class);
                self.classes.around.push((base, None));
                for stmt in &class.body {
                    if let (Stmt::FunctionDef(method), Some((_, object))) =
                        (stmt, self.classes.around.last_mut())
                    {
                        *object = method.parameters.iter().next().map(|first| first.name().to_string());
                    }
                    self.visit_stmt(stmt);
                }
                self.classes.around.pop();
                return;
            }
            Stmt::Raise(stmt) => return self.raised(stmt),
            Stmt::Try(attempt) => attempt.handlers.iter().for_each(|handler| self.handler(handler)),
            Stmt::Return(stmt) if self.functions.last() == Some(&true) => {
                return self.return_of_generator(stmt);
            }
            Stmt::Expr(stmt) => match &*stmt.value {
                Expr::Yield(expr) => return self.yielded(expr),
                Expr::YieldFrom(expr) => return self.yielded_from(expr),
                _ => {}
            },
            Stmt::For(stmt) => self.consume(&stmt.iter),
            Stmt::AugAssign(stmt) if self.dict_union_assignment(stmt) => return,
            Stmt::AugAssign(stmt) => self.zoned_assignment(stmt),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Call(call) => return self.call(call),
            Expr::Generator(generator) => return self.generator(generator),
            Expr::Yield(_) | Expr::YieldFrom(_) => {
                return self
                    .refuse(expr.range(), "the value of 'yield': write 'yield' as a statement of its own");
            }
            Expr::Starred(starred) => self.consume(&starred.value),
            Expr::Dict(dict) if self.dict_display(dict) => return,
            Expr::DictComp(comp) if self.dict_comprehension(comp) => return,
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) => {}
            Expr::Subscript(place) if self.item_written(place) => return,
            Expr::Compare(compare) => {
                compare.operands.iter().skip(1).for_each(|operand| self.consume(operand))
            }
            Expr::BinOp(sum) if self.zoned_sum(sum) || self.dict_union(sum) => return,
            Expr::Attribute(place) if place.ctx.is_load() && self.method_as_value(place) => return,
            Expr::Attribute(place) => self.attribute(place),
            Expr::Name(name) => self.name(name),
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_interpolated_string_element(&mut self, element: &'a ruff_python_ast::InterpolatedStringElement) {
        // Only texts, numbers and times take a format.
        if let Some(value) = element.as_interpolation()
            && value.format_spec.as_ref().is_some_and(|spec| !spec.elements.is_empty())
            && matches!(value.conversion, ruff_python_ast::ConversionFlag::None)
            && value.debug_text.is_none()
            && !value.expression.is_string_literal_expr()
            && !value.expression.is_number_literal_expr()
        {
            self.needs(Library::FORMATS);
            self.edits.open(value.expression.start(), "_signet_formatted(");
            visitor::walk_interpolated_string_element(self, element);
            return self.edits.close(value.expression.end(), ")");
        }
        // `{x=}` shows its source.
        if element.as_interpolation().is_none_or(|value| value.debug_text.is_none()) {
            visitor::walk_interpolated_string_element(self, element);
        }
    }

    fn visit_comprehension(&mut self, comprehension: &'a ruff_python_ast::Comprehension) {
        self.consume(&comprehension.iter);
        visitor::walk_comprehension(self, comprehension);
    }
}

#[cfg(test)]
mod tests;
