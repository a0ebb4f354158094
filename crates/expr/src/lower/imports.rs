//! Lowering of imports: modules of this crate become assignments; built-in names that the engine lacks are
//! collected.
use super::Lower;
use crate::library::{self, Library, Module};
use ruff_python_ast::visitor::Visitor;
use ruff_python_ast::{
    Alias, Expr, ExprAttribute, ExprBinOp, ExprCall, ExprName, Operator, StmtAugAssign, StmtImport,
    StmtImportFrom,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

/// Keyword arguments and methods that attach a time zone.
const ZONED: [&str; 6] = ["now", "astimezone", "fromtimestamp", "replace", "combine", "today"];

impl<'a> Lower<'a> {
    pub(super) fn import(&mut self, stmt: &'a StmtImport) {
        let mut changed = false;
        let parts: Vec<String> = stmt
            .names
            .iter()
            .map(|alias| {
                let rewritten = self.whole(alias);
                changed |= rewritten.is_some();
                rewritten.unwrap_or_else(|| format!("import {}", self.edits.text(alias.range)))
            })
            .collect();
        if changed {
            self.edits.replace(stmt.range, parts.join("; "));
        }
    }

    /// `import a.b` or `import a.b as c` of a module of this crate.
    fn whole(&mut self, alias: &Alias) -> Option<String> {
        let name = alias.name.as_str();
        if matches!(name, "itertools" | "functools" | "re") {
            self.aliases.insert(
                alias.asname.as_ref().map_or(name, |other| other.as_str()).to_owned(),
                name.to_owned(),
            );
            return None;
        }
        if let Some(rest) = name.strip_prefix("requests") {
            self.aliases.insert(
                alias.asname.as_ref().map_or("requests", |name| name.as_str()).to_owned(),
                format!("requests{rest}"),
            );
            // Submodules are available without an import of their own.
            return (!rest.is_empty() && alias.asname.is_none()).then(|| "import requests".to_owned());
        }
        // As in Python, `urllib` has its submodules once they have been imported anywhere.
        let name = if name == "urllib" && alias.asname.is_none() { "urllib.parse" } else { name };
        let module = self.supplied(name)?;
        let value = self.module(module);
        Some(match (&alias.asname, name.split_once('.')) {
            (Some(other), _) => format!("{} = {value}", other.as_str()),
            (None, None) => format!("{name} = {value}"),
            (None, Some((package, rest))) => {
                let inside = rest
                    .rsplit('.')
                    .fold(value, |value, part| format!("_signet_module({{'{part}': {value}}})"));
                self.needs(Library::MODULES);
                format!("{package} = {inside}")
            }
        })
    }

    pub(super) fn import_from(&mut self, stmt: &'a StmtImportFrom) {
        let Some(from) = stmt.module.as_ref().map(|module| module.as_str()) else { return };
        if stmt.names.iter().any(|alias| alias.name.as_str() == "*") {
            return self.refuse(stmt.range, format!("'from {from} import *': name what is needed"));
        }
        let (mut kept, mut parts) = (Vec::new(), Vec::new());
        for alias in &stmt.names {
            match self.part(from, alias) {
                Some(part) => parts.push(part),
                None => kept.push(self.edits.text(alias.range).to_owned()),
            }
        }
        if parts.is_empty() {
            return;
        }
        if !kept.is_empty() {
            parts.insert(0, format!("from {from} import {}", kept.join(", ")));
        }
        self.edits.replace(stmt.range, parts.join("; "));
    }

    /// `from a import b as c`
    fn part(&mut self, from: &str, alias: &Alias) -> Option<String> {
        let (name, bound) = (alias.name.as_str(), alias.asname.as_ref().unwrap_or(&alias.name).as_str());
        if from == "requests" || from.starts_with("requests.") {
            let path = format!("{from}.{name}");
            self.aliases.insert(bound.to_owned(), path.clone());
            return match self.of_requests(&path) {
                Some(value) => Some(format!("{bound} = {value}")),
                None => library::requests_exception(&path).map(|class| format!("{bound} = {class}")),
            };
        }
        if let Some(function) = called_back(&format!("{from}.{name}")) {
            self.needs(Library::ITERATORS);
            return Some(format!("{bound} = {function}"));
        }
        if from == "re"
            && matches!(
                name,
                "sub"
                    | "subn"
                    | "split"
                    | "findall"
                    | "finditer"
                    | "match"
                    | "search"
                    | "fullmatch"
                    | "compile"
            )
        {
            self.needs(Library::PATTERNS);
            return Some(format!("{bound} = _signet_of_re('{name}')"));
        }
        if let Some(module) = self.supplied(&format!("{from}.{name}")) {
            return Some(format!("{bound} = {}", self.module(module)));
        }
        if (from, name) == ("collections", "OrderedDict") {
            return Some(format!("{bound} = dict"));
        }
        let module = self.supplied(from)?;
        let value = self.module(module);
        Some(if module.names.contains(&name) {
            format!("{bound} = {value}.{name}")
        } else {
            self.needs(Library::MODULES);
            format!("_signet_lacks('{from}', '{name}')")
        })
    }

    /// A module of this crate; if the engine has one too, only for members that the engine's lacks.
    fn supplied(&self, name: &str) -> Option<&'static Module> {
        let source = self.edits.source();
        library::module(name)
            .filter(|_| name != "json" || source.contains("default") || source.contains("cls"))
    }

    /// `requests.Session` and the like are classes of this crate that use the host's `requests`.
    fn of_requests(&mut self, path: &str) -> Option<String> {
        let (module, name) = match path {
            "requests.Session" | "requests.session" => ("requests.sessions", path.strip_prefix("requests.")?),
            other => other.rsplit_once('.')?,
        };
        let module = library::module(module)
            .filter(|module| module.name.starts_with("requests.") && module.names.contains(&name))?;
        Some(format!("{}.{name}", self.module(module)))
    }

    fn module(&mut self, module: &'static Module) -> String {
        self.needs(Library(module.name));
        library::variable(module.name)
    }

    /// `requests.exceptions.Timeout`: the engine's own class.
    pub(super) fn attribute(&mut self, place: &ExprAttribute) {
        let mut path = vec![place.attr.as_str()];
        let mut of = &*place.value;
        while let Expr::Attribute(inner) = of {
            path.push(inner.attr.as_str());
            of = &inner.value;
        }
        let Expr::Name(first) = of else { return };
        let root = match self.aliases.get(first.id.as_str()) {
            Some(root) => root.clone(),
            // Available without an import too.
            None if first.id == "collections" => "collections".to_owned(),
            None if first.id == "requests" && self.names.is_builtin("requests") => "requests".to_owned(),
            None => return,
        };
        if (root.as_str(), path.as_slice()) == ("collections", &["OrderedDict"]) {
            return self.edits.replace(place.range, "dict");
        }
        let whole = path.iter().rev().fold(root, |all, part| format!("{all}.{part}"));
        if let Some(function) = called_back(&whole) {
            self.needs(Library::ITERATORS);
            self.edits.replace(place.range, function);
        } else if let Some(value) = self.of_requests(&whole) {
            self.edits.replace(place.range, value);
        } else if let Some(class) = library::requests_exception(&whole) {
            self.edits.replace(place.range, class);
        }
    }

    /// A built-in name that the engine lacks.
    pub(super) fn name(&mut self, name: &ExprName) {
        if name.ctx.is_load()
            && self.names.is_builtin(&name.id)
            && library::BUILTINS.iter().any(|(known, _)| *known == name.id.as_str())
        {
            self.needs(Library::BUILTINS);
        }
    }

    /// In sources that use time zones, datetimes are created by functions that support them.
    pub(super) fn zoned(&mut self, call: &'a ExprCall) -> bool {
        if !self.edits.source().contains("ZoneInfo") {
            return false;
        }
        let tzinfo = call
            .arguments
            .keywords
            .iter()
            .any(|keyword| matches!(keyword.arg.as_deref(), Some("tzinfo" | "tz")));
        match &*call.func {
            Expr::Attribute(method) if ZONED.contains(&method.attr.as_str()) => {
                self.needs(Library("zoneinfo"));
                self.rewritten(call, method, "_signet_m_zoneinfo.at(", &format!(", '{}', ", method.attr));
                true
            }
            Expr::Name(_) if tzinfo => {
                self.needs(Library("zoneinfo"));
                let first = call.arguments.start();
                self.edits.open(call.start(), "_signet_m_zoneinfo.made(");
                self.edits.replace(TextRange::at(first, TextSize::from(1)), ", ");
                true
            }
            _ => false,
        }
    }

    /// The function for addition or subtraction in sources that use time zones.
    fn zoned_operator(&mut self, operator: Operator) -> Option<(&'static str, char)> {
        let found = match operator {
            Operator::Add => ("_signet_m_zoneinfo.plus(", '+'),
            Operator::Sub => ("_signet_m_zoneinfo.minus(", '-'),
            _ => return None,
        };
        if !self.edits.source().contains("ZoneInfo") {
            return None;
        }
        self.needs(Library("zoneinfo"));
        Some(found)
    }

    /// `a + b`: the UTC offset of a zone may differ at the result.
    pub(super) fn zoned_sum(&mut self, sum: &'a ExprBinOp) -> bool {
        let Some((function, sign)) = self.zoned_operator(sum.op) else { return false };
        let between = TextRange::new(sum.left.end(), sum.right.start());
        let Some(at) = self.edits.text(between).find(sign) else { return false };
        let at = between.start() + TextSize::try_from(at).unwrap_or_default();
        self.edits.open(sum.start(), function);
        self.visit_expr(&sum.left);
        self.edits.replace(TextRange::at(at, TextSize::from(1)), ",");
        self.visit_expr(&sum.right);
        self.edits.close(sum.end(), ")");
        true
    }

    /// `a += b` of a name.
    pub(super) fn zoned_assignment(&mut self, stmt: &StmtAugAssign) {
        let Expr::Name(name) = &*stmt.target else { return };
        let Some((function, _)) = self.zoned_operator(stmt.op) else { return };
        self.edits.replace(
            TextRange::new(stmt.target.end(), stmt.value.start()),
            format!(" = {function}{}, ", name.id),
        );
        self.edits.close(stmt.range.end(), ")");
    }
}

/// Functions whose callbacks the engine runs where nothing can be asked of the host, and what stands for them.
fn called_back(path: &str) -> Option<&'static str> {
    Some(match path {
        "itertools.groupby" => "_signet_groupby",
        "itertools.takewhile" => "_signet_takewhile",
        "itertools.dropwhile" => "_signet_dropwhile",
        "itertools.filterfalse" => "_signet_filterfalse",
        "itertools.starmap" => "_signet_starmap",
        "itertools.accumulate" => "_signet_accumulate",
        "functools.reduce" => "_signet_reduce",
        _ => return None,
    })
}
