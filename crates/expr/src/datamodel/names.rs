//! Names that tell whether an expression may be a host object, and names that the source binds.
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, ExprContext, Stmt};
use std::collections::HashSet;

/// Names that queries come from. A source without any of them has no query.
pub(super) const SOURCES: [&str; 19] = [
    "headers",
    "session",
    "objects",
    "groups",
    "users",
    "devices",
    "entitlements",
    "parents",
    "children",
    "roles",
    "_set",
    "tokens",
    "sessions",
    "bindings",
    "policies",
    "sources",
    "getattr",
    "members",
    "ancestors",
];
/// Attributes that are always strings or numbers.
pub(super) const PLAIN: [&str; 22] = [
    "username",
    "name",
    "email",
    "path",
    "type",
    "slug",
    "pk",
    "id",
    "uid",
    "is_active",
    "is_superuser",
    "is_authenticated",
    "status_code",
    "text",
    "action",
    "client_ip",
    "created",
    "title",
    "label",
    "phone_number",
    "identifier",
    "first",
];
/// Built-in functions that call methods of objects, and their replacements.
pub(super) const BUILTINS: [&str; 21] = [
    "bool",
    "len",
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "enumerate",
    "reversed",
    "zip",
    "any",
    "all",
    "sum",
    "sorted",
    "max",
    "min",
    "map",
    "filter",
    "str",
    "repr",
    "print",
];
/// Library functions that iterate over their arguments.
pub(super) const WALKERS: [&str; 19] = [
    "_signet_any",
    "_signet_all",
    "_signet_next",
    "_signet_map",
    "_signet_filter",
    "_signet_sorted",
    "_signet_min",
    "_signet_max",
    "_signet_iter",
    "_signet_groupby",
    "_signet_takewhile",
    "_signet_dropwhile",
    "_signet_filterfalse",
    "_signet_starmap",
    "_signet_accumulate",
    "_signet_reduce",
    "_signet_sort",
    "_signet_dict_of",
    "_signet_firsts",
];
/// Built-in functions that never return an object.
pub(super) const VALUES: [&str; 14] = [
    "len",
    "str",
    "int",
    "bool",
    "float",
    "isinstance",
    "hasattr",
    "callable",
    "any",
    "all",
    "sum",
    "repr",
    "round",
    "abs",
];
/// Methods that never return an object.
pub(super) const SIMPLE: [&str; 20] = [
    "exists",
    "count",
    "startswith",
    "endswith",
    "lower",
    "upper",
    "strip",
    "lstrip",
    "rstrip",
    "split",
    "join",
    "replace",
    "items",
    "keys",
    "format",
    "encode",
    "decode",
    "title",
    "isdigit",
    "is_secure",
];

/// Names that a source binds.
pub(super) struct Bound<'a>(pub HashSet<&'a str>);
impl<'a> Visitor<'a> for Bound<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(def) => drop(self.0.insert(def.name.as_str())),
            Stmt::ClassDef(def) => drop(self.0.insert(def.name.as_str())),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr
            && name.ctx == ExprContext::Store
        {
            self.0.insert(name.id.as_str());
        }
        visitor::walk_expr(self, expr);
    }
    fn visit_parameter(&mut self, parameter: &'a ast::Parameter) {
        self.0.insert(parameter.name.as_str());
    }
    fn visit_alias(&mut self, alias: &'a ast::Alias) {
        self.0.insert(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
    }
}
