//! Static check on save: undefined names, missing modules and methods.
use crate::library;
use crate::{ParseError, Program, Vocabulary, pool, program};
use monty::{MontyRun, RunProgress};
use monty_types::{CompileOptions, PrintWriter, ResourceLimits, ResourceTracker};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Alias, ExceptHandler, Expr, ExprAttribute, Stmt};
use ruff_text_size::{Ranged, TextRange};
use std::collections::HashMap;

/// Most faults that are said at once.
const MAX_ERRORS: usize = 20;
/// Names that every program has, beside the engine's.
const HELPERS: [&str; 8] = [
    "super",
    "regex_match",
    "regex_replace",
    "slugify",
    "list_flatten",
    "ip_address",
    "ip_network",
    "SkipObject",
];
/// Suggestions for modules that do not exist.
const MODULE_HINTS: [(&str, &str); 23] = [
    ("django.db", "write Q, count(), values_list() or a loop"),
    ("pytz", "write zoneinfo.ZoneInfo"),
    ("dateutil", "write datetime.fromisoformat() or datetime.strptime()"),
    ("logging", "write ak_logger"),
    ("structlog", "write ak_logger"),
    ("httpx", "write requests"),
    ("aiohttp", "write requests"),
    ("urllib3", "write requests"),
    ("urllib.request", "write requests"),
    ("http.client", "write requests"),
    ("socket", "write resolve_dns() or reverse_dns()"),
    ("dns", "write resolve_dns() or reverse_dns()"),
    ("smtplib", "write ak_send_email()"),
    ("subprocess", "expressions start no programs"),
    ("threading", "expressions have one thread"),
    ("multiprocessing", "expressions have one thread"),
    ("shutil", "expressions have no files"),
    ("io", "expressions have no files"),
    ("tempfile", "expressions have no files"),
    ("enum", "write constants"),
    ("abc", "write a class without a base"),
    ("cryptography", "write hashlib, hmac or jwt"),
    ("importlib", "write the import itself"),
];
/// Names of the engine that expressions must not use: they end the run.
const CLOSED: [(&str, &str); 5] = [
    ("open", "expressions have no files"),
    ("input", "nobody answers; write a prompt stage"),
    ("eval", "write the expression itself"),
    ("exec", "write the statements themselves"),
    ("__import__", "write 'import'"),
];

/// Parses a source and looks for names that do not exist.
///
/// # Errors
/// All errors found, with line, column and a suggestion.
pub fn check(source: &str, inputs: &[&str], vocabulary: &dyn Vocabulary) -> Result<Program, Vec<ParseError>> {
    let program = Program::parse(source, inputs).map_err(|error| vec![error])?;
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let function = program::function(&source, inputs);
    let faults = pool::on_large_stack(|| faults(&function, inputs, vocabulary)).unwrap_or_default();
    if faults.is_empty() { Ok(program) } else { Err(faults) }
}

fn faults(function: &str, inputs: &[&str], vocabulary: &dyn Vocabulary) -> Vec<ParseError> {
    let Ok(module) = ruff_python_parser::parse_module(function) else { return Vec::new() };
    let body = &module.syntax().body;
    let mut search = Search {
        vocabulary,
        bound: crate::lower::bound(body),
        modules: HashMap::new(),
        inputs,
        caught: Vec::new(),
        known: HashMap::new(),
        faults: Vec::new(),
    };
    search.visit_body(body);
    search
        .faults
        .into_iter()
        .take(MAX_ERRORS)
        .map(|(at, what)| ParseError::refused(function, at.start().to_usize(), what))
        .collect()
}

struct Search<'a> {
    vocabulary: &'a dyn Vocabulary,
    bound: std::collections::HashSet<String>,
    /// Names that are bound to modules only.
    modules: HashMap<String, String>,
    inputs: &'a [&'a str],
    /// Names of the exceptions that enclosing handlers catch.
    caught: Vec<String>,
    /// Results of asking the engine.
    known: HashMap<String, bool>,
    faults: Vec<(TextRange, String)>,
}

impl Search<'_> {
    fn catches(&self, exceptions: &[&str]) -> bool {
        self.caught.iter().any(|caught| exceptions.contains(&caught.as_str()))
    }

    /// Whether the engine runs a line without names from outside.
    fn engine(&mut self, line: String) -> bool {
        *self.known.entry(line).or_insert_with_key(|line| {
            let tracker = ResourceTracker::new(
                ResourceLimits::default()
                    .max_feed_duration(std::time::Duration::from_millis(50))
                    .max_memory(1 << 20),
            );
            let compiled = MontyRun::new(line.clone(), "check", Vec::new(), CompileOptions::default());
            compiled.is_ok_and(|run| {
                matches!(run.start(Vec::new(), tracker, PrintWriter::Disabled), Ok(RunProgress::Complete(_)))
            })
        })
    }

    /// Whether a module, or a member of it, can be imported.
    fn importable(&mut self, module: &str, part: Option<&str>) -> bool {
        if let Some(part) = part
            && self.importable(&format!("{module}.{part}"), None)
        {
            return true;
        }
        if let Some(own) = library::module(module) {
            // The engine's own module may have more members.
            return part.is_none_or(|part| own.names.contains(&part))
                || (module == "json" && self.engine_has(module, part));
        }
        // Parent packages: `import django.utils.text`.
        if part.is_none() && library::is_package(module) {
            return true;
        }
        let path = part.map_or_else(|| module.to_owned(), |part| format!("{module}.{part}"));
        if library::requests_exception(&path).is_some()
            || path == "requests.exceptions"
            || matches!(
                path.as_str(),
                "collections.OrderedDict"
                    | "re.subn"
                    | "django.db.models.Q"
                    | "django.db.models.query_utils.Q"
            )
        {
            return true;
        }
        self.vocabulary.import(module, part) || self.engine_has(module, part)
    }

    fn engine_has(&mut self, module: &str, part: Option<&str>) -> bool {
        let line =
            part.map_or_else(|| format!("import {module}"), |part| format!("from {module} import {part}"));
        self.engine(line)
    }

    fn import(&mut self, at: TextRange, module: &str, part: Option<&str>) {
        if self.catches(&["ImportError", "ModuleNotFoundError"]) || self.importable(module, part) {
            return;
        }
        let there = part.is_some() && self.importable(module, None);
        let hint = MODULE_HINTS
            .iter()
            .find(|(name, _)| {
                module == *name || module.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
            })
            .map(|(_, hint)| *hint);
        let names = library::module(module).map(|own| own.names.join(", "));
        let what = match (part, names, hint) {
            (Some(part), Some(names), _) => format!("'{module}' has no '{part}' here; it has {names}"),
            (Some(part), None, _) if there => format!("'{module}' has no '{part}' here"),
            (_, _, Some(hint)) => format!("there is no module '{module}' here; {hint}"),
            _ => format!("there is no module '{module}' here"),
        };
        self.faults.push((at, what));
    }

    /// `module.member`, where the name is bound to that module only.
    fn attribute(&mut self, place: &ExprAttribute) {
        let mut path = vec![place.attr.as_str()];
        let mut of = &*place.value;
        while let Expr::Attribute(inner) = of {
            path.push(inner.attr.as_str());
            of = &inner.value;
        }
        let Expr::Name(first) = of else { return };
        let Some(mut module) = self.modules.get(first.id.as_str()).cloned() else { return };
        // The longest prefix that is a module.
        while let Some(part) = path.pop() {
            let longer = format!("{module}.{part}");
            if !path.is_empty()
                && (library::module(&longer).is_some()
                    || library::is_package(&longer)
                    || self.vocabulary.import(&longer, None))
            {
                module = longer;
                continue;
            }
            if (module.as_str(), part) == ("time", "sleep") {
                self.faults.push((place.range, "time.sleep(): expressions do not wait".to_owned()));
            } else if module == "os" && part != "path" {
                self.faults.push((
                    place.range,
                    format!("os.{part}: expressions have no files, environment or programs"),
                ));
            } else if !part.starts_with('_')
                && !library::is_package(&module)
                && !self.catches(&["AttributeError"])
            {
                self.import(place.attr.range(), &module, Some(part));
            }
            return;
        }
    }

    fn name(&mut self, at: TextRange, name: &str) {
        let known = self.bound.contains(name)
            || self.inputs.contains(&name)
            || HELPERS.contains(&name)
            || library::BUILTINS.iter().any(|(own, _)| *own == name)
            || self.vocabulary.name(name)
            || self.catches(&["NameError"]);
        if known {
            return;
        }
        if let Some((_, hint)) = CLOSED.iter().find(|(closed, _)| *closed == name) {
            return self.faults.push((at, format!("{name}(): {hint}")));
        }
        if !self.engine(name.to_owned()) {
            self.faults.push((at, format!("the name '{name}' is not known here")));
        }
    }

    /// A method that is always refused. Methods that the source defines are not checked.
    fn method(&mut self, function: &ExprAttribute) {
        let mut path = Vec::new();
        let mut of = &*function.value;
        loop {
            of = match of {
                Expr::Attribute(inner) => {
                    path.push(inner.attr.as_str());
                    &inner.value
                }
                Expr::Call(call) => &call.func,
                Expr::Subscript(subscript) => &subscript.value,
                Expr::Name(name) => {
                    path.push(name.id.as_str());
                    break;
                }
                _ => break,
            };
        }
        path.reverse();
        let method = function.attr.as_str();
        if !self.bound.contains(method)
            && let Some(why) = self.vocabulary.refused(&path, method)
        {
            self.faults.push((function.attr.range, why));
        }
    }

    fn alias(&mut self, alias: &Alias, module: &str) {
        let name = alias
            .asname
            .as_ref()
            .map_or_else(|| module.split('.').next().unwrap_or_default(), |name| name.as_str());
        let module = if alias.asname.is_some() { module } else { name };
        match self.modules.get(name) {
            Some(other) if other != module => drop(self.modules.remove(name)),
            _ => drop(self.modules.insert(name.to_owned(), module.to_owned())),
        }
    }
}

/// The names of the exceptions that handlers catch.
fn caught(handlers: &[ExceptHandler]) -> Vec<String> {
    let mut names = Vec::new();
    for ExceptHandler::ExceptHandler(handler) in handlers {
        let types: Vec<&Expr> = match handler.type_.as_deref() {
            Some(Expr::Tuple(tuple)) => tuple.elts.iter().collect(),
            other => other.into_iter().collect(),
        };
        names
            .extend(types.into_iter().filter_map(|kind| kind.as_name_expr().map(|name| name.id.to_string())));
    }
    names
}

impl<'a> Visitor<'a> for Search<'_> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.import(alias.range, alias.name.as_str(), None);
                    self.alias(alias, alias.name.as_str());
                }
            }
            Stmt::ImportFrom(import) => {
                let from = import.module.as_ref().map(|module| module.as_str()).unwrap_or_default();
                for alias in import.names.iter().filter(|_| from != "__future__") {
                    self.import(alias.range, from, Some(alias.name.as_str()));
                }
            }
            Stmt::Try(attempt) => {
                let before = self.caught.len();
                self.caught.extend(caught(&attempt.handlers));
                self.visit_body(&attempt.body);
                self.caught.truncate(before);
                for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
                    handler.type_.iter().for_each(|kind| self.visit_expr(kind));
                    self.visit_body(&handler.body);
                }
                self.visit_body(&attempt.orelse);
                self.visit_body(&attempt.finalbody);
                return;
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx.is_load() => self.name(name.range, name.id.as_str()),
            Expr::Attribute(place) => self.attribute(place),
            Expr::Call(call) => {
                if let Expr::Attribute(function) = &*call.func {
                    self.method(function);
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}
