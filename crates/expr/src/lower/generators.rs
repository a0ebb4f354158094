//! Generator functions (`yield`): values are collected in a list. The whole generator runs when it is called,
//! so an endless one is refused.
use super::Lower;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprYield, ExprYieldFrom, Stmt, StmtFunctionDef, StmtReturn, StmtWhile};
use ruff_text_size::{Ranged, TextLen, TextRange, TextSize};

/// The list of collected values.
const GIVEN: &str = "_signet_given";

/// The statements of a function, without nested functions.
#[derive(Default)]
struct FunctionBody {
    yields: bool,
    /// A loop that yields and never ends.
    endless: Option<TextRange>,
}

impl<'a> Visitor<'a> for FunctionBody {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => return,
            Stmt::While(stmt) if is_endless(stmt) => {
                let mut inner = FunctionBody::default();
                inner.visit_body(&stmt.body);
                if inner.yields {
                    self.endless.get_or_insert(stmt.range);
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Yield(_) | Expr::YieldFrom(_) => self.yields = true,
            Expr::Lambda(_) => return,
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// `while True` without an exit.
fn is_endless(stmt: &StmtWhile) -> bool {
    #[derive(Default)]
    struct Ends(bool);
    impl<'a> Visitor<'a> for Ends {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            match stmt {
                Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
                Stmt::Break(_) | Stmt::Return(_) | Stmt::Raise(_) => self.0 = true,
                _ => visitor::walk_stmt(self, stmt),
            }
        }
    }
    let always = match &*stmt.test {
        Expr::BooleanLiteral(literal) => literal.value,
        Expr::NumberLiteral(number) => {
            !matches!(&number.value, ruff_python_ast::Number::Int(value) if value.as_i64() == Some(0))
        }
        _ => false,
    };
    let mut ends = Ends::default();
    ends.visit_body(&stmt.body);
    always && !ends.0
}

impl<'a> Lower<'a> {
    pub(super) fn function(&mut self, function: &'a StmtFunctionDef) {
        let mut own = FunctionBody::default();
        own.visit_body(&function.body);
        if let Some(at) = own.endless {
            return self.refuse(
                at,
                "a generator without an end: give its loop a condition, or write the values into a list",
            );
        }
        for decorator in &function.decorator_list {
            self.visit_decorator(decorator);
        }
        self.visit_parameters(&function.parameters);
        let outermost = self.functions.is_empty();
        self.generator |= outermost && own.yields;
        self.functions.push(own.yields);
        let (Some(first), Some(last)) = (function.body.first(), function.body.last()) else { return };
        if own.yields {
            match self.indentation(first) {
                Some(indentation) => self.edits.open(first.start(), format!("{GIVEN} = []\n{indentation}")),
                None => self.edits.open(first.start(), format!("{GIVEN} = []; ")),
            }
        }
        self.visit_body(&function.body);
        if own.yields {
            let answer = Self::answer(outermost);
            match self.indentation(first) {
                Some(indentation) => {
                    self.edits.close(self.end_of_line(last), format!("\n{indentation}return {answer}"))
                }
                None => self.edits.close(last.end(), format!("; return {answer}")),
            }
        }
        self.functions.pop();
    }

    /// The outermost generator returns a list, nested ones an iterator.
    fn answer(outermost: bool) -> String {
        if outermost { GIVEN.to_owned() } else { format!("iter({GIVEN})") }
    }

    /// The end of the line on which a statement ends.
    fn end_of_line(&self, stmt: &Stmt) -> TextSize {
        let rest = self.edits.source().get(stmt.end().to_usize()..).unwrap_or_default();
        let length = rest.find('\n').unwrap_or(rest.len());
        stmt.end() + TextSize::try_from(length).unwrap_or_default()
    }

    pub(super) fn return_of_generator(&mut self, stmt: &'a StmtReturn) {
        let answer = Self::answer(self.functions.len() == 1);
        match &stmt.value {
            None => self.edits.close(stmt.end(), format!(" {answer}")),
            Some(value) => {
                // The value is evaluated and discarded.
                self.edits.open(value.start(), format!("[{answer}, ("));
                self.visit_expr(value);
                self.edits.close(value.end(), ")][0]");
            }
        }
    }

    pub(super) fn yielded(&mut self, expr: &'a ExprYield) {
        match &expr.value {
            None => self.edits.replace(expr.range, format!("{GIVEN}.append(None)")),
            Some(value) => {
                self.edits
                    .replace(TextRange::at(expr.start(), "yield".text_len()), format!("{GIVEN}.append(("));
                self.visit_expr(value);
                self.edits.close(expr.end(), "))");
            }
        }
    }

    pub(super) fn yielded_from(&mut self, expr: &'a ExprYieldFrom) {
        self.consume(&expr.value);
        let words = self.edits.text(TextRange::new(expr.start(), expr.value.start()));
        let length = words.find("from").map_or(words.len(), |at| at + "from".len());
        self.edits
            .replace(TextRange::at(expr.start(), words[..length].text_len()), format!("{GIVEN}.extend(("));
        self.visit_expr(&expr.value);
        self.edits.close(expr.end(), "))");
    }
}
