//! Names that a source assigns.
use super::ir::Slot;
use ruff_python_ast::{Expr, Stmt};
use std::collections::HashMap;

/// Assigns a slot to every name that the function assigns. `None` for unsupported assignments.
pub(super) fn assigned<'a>(
    body: impl IntoIterator<Item = &'a Stmt>,
    names: &mut HashMap<String, Slot>,
) -> Option<()> {
    for stmt in body {
        match stmt {
            Stmt::Assign(stmt) => {
                for target in &stmt.targets {
                    bind(target, names)?;
                }
            }
            Stmt::AugAssign(stmt) => bind(&stmt.target, names)?,
            Stmt::For(stmt) => {
                bind(&stmt.target, names)?;
                assigned(&stmt.body, names)?;
            }
            Stmt::While(stmt) => assigned(&stmt.body, names)?,
            Stmt::If(stmt) => {
                assigned(&stmt.body, names)?;
                for clause in &stmt.elif_else_clauses {
                    assigned(&clause.body, names)?;
                }
            }
            Stmt::Return(_) | Stmt::Expr(_) | Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) => {}
            _ => return None,
        }
    }
    Some(())
}

fn bind(target: &Expr, names: &mut HashMap<String, Slot>) -> Option<()> {
    match target {
        Expr::Name(name) => {
            let next = names.len();
            names.entry(name.id.as_str().to_owned()).or_insert(next);
        }
        Expr::Tuple(tuple) => {
            for part in &tuple.elts {
                bind(part, names)?;
            }
        }
        // The name in `name[key] = value` must be assigned elsewhere.
        Expr::Subscript(_) => {}
        _ => return None,
    }
    Some(())
}
