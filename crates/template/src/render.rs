//! Renderer.
use crate::parse::{self, Assignments, BODY, Node, NodeKind, Nodes, Template};
use crate::tags::forloop;
use crate::value::{Value, member};
use crate::{Engine, Error, html};
use signet_base::{Json, Map, json};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The message that ends a rendering.
pub struct RenderError(pub String);
impl<T: Into<String>> From<T> for RenderError {
    fn from(text: T) -> Self {
        RenderError(text.into())
    }
}

/// Maximum length in bytes of a value and of the output.
pub const MAX_TEXT: usize = 1024 * 1024;
/// The variable of `{{ block.super }}`. Templates cannot assign it.
pub const SUPER: &str = "block.super";
/// Maximum nesting of templates.
const DEPTH: usize = 20;

pub struct Renderer<'e> {
    pub engine: &'e Engine<'e>,
    scopes: Vec<HashMap<String, Value>>,
    pub escape: bool,
    fuel: u64,
    depth: usize,
    line: usize,
    template: String,
    next_id: usize,
    /// Block contents by name, the most derived template's first.
    blocks: HashMap<String, Vec<Nodes>>,
    cycles: HashMap<usize, usize>,
    last_cycle: Option<usize>,
    /// The last values of each `ifchanged`, per enclosing loop.
    seen: Vec<HashMap<usize, Vec<Json>>>,
}

pub fn render(engine: &Engine<'_>, name: &str, values: &Map, escape: bool) -> Result<String, Error> {
    let scope = values.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect();
    let mut run = Renderer {
        engine,
        scopes: vec![scope],
        escape,
        fuel: engine.fuel,
        depth: 0,
        line: 0,
        template: name.to_owned(),
        next_id: 0,
        blocks: HashMap::new(),
        cycles: HashMap::new(),
        last_cycle: None,
        seen: vec![HashMap::new()],
    };
    run.render_template(name).map_err(|RenderError(message)| Error {
        template: run.template.clone(),
        line: run.line,
        message,
    })
}

/// Parses a template and all templates it names.
pub fn check(engine: &Engine<'_>, name: &str) -> Result<(), Error> {
    let mut waiting = vec![(name.to_owned(), name.to_owned(), 0)];
    let mut seen = HashSet::new();
    while let Some((name, from, line)) = waiting.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let missing =
            || Error { template: from.clone(), line, message: format!("there is no template called {name}") };
        let source = (engine.load)(&name).ok_or_else(missing)?;
        let (template, _) = parse::template(&source, 0).map_err(|(line, message)| Error {
            template: name.clone(),
            line,
            message,
        })?;
        waiting.extend(template.named.into_iter().map(|(line, other)| (other, name.clone(), line)));
    }
    Ok(())
}

impl Renderer<'_> {
    pub fn step(&mut self, cost: usize) -> Result<(), RenderError> {
        self.fuel = self.fuel.checked_sub(cost as u64).ok_or("it takes too long")?;
        Ok(())
    }
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|s| s.get(name))
    }
    /// The value as text, escaped if autoescape is on.
    pub fn escaped(&self, value: &Value) -> String {
        if self.escape && !value.safe { html::escape(&value.to_text()) } else { value.to_text() }
    }
    fn set(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }
    fn evaluated(&mut self, with: &Assignments) -> Result<HashMap<String, Value>, RenderError> {
        let mut scope = HashMap::new();
        for (name, expr) in with {
            scope.insert(name.clone(), expr.value(self)?.unwrap_or_else(|| Value::text("")));
        }
        Ok(scope)
    }
    /// Renders nodes in a nested scope.
    fn with_scope(&mut self, scope: HashMap<String, Value>, nodes: &[Node]) -> Result<String, RenderError> {
        self.scopes.push(scope);
        let out = self.nodes(nodes);
        self.scopes.pop();
        out
    }

    fn load(&mut self, name: &str) -> Result<Template, RenderError> {
        let source = (self.engine.load)(name).ok_or_else(|| format!("there is no template called {name}"))?;
        self.step(1 + source.len() / 64)?;
        match parse::template(&source, self.next_id) {
            Ok((template, next)) => {
                self.next_id = next;
                Ok(template)
            }
            Err((line, message)) => {
                (self.template, self.line) = (name.to_owned(), line);
                Err(RenderError(message))
            }
        }
    }

    /// Renders a template with the templates it extends.
    fn render_template(&mut self, name: &str) -> Result<String, RenderError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("templates hold each other".into());
        }
        let outer = std::mem::take(&mut self.blocks);
        let mut template = self.load(name)?;
        let mut names = vec![name.to_owned()];
        loop {
            self.collect(&template.nodes);
            let Some(parent) = &template.extends else { break };
            let parent = parent.value(self)?.unwrap_or_default().to_text();
            if names.contains(&parent) || names.len() > DEPTH {
                return Err("templates extend each other".into());
            }
            template = self.load(&parent)?;
            names.push(parent);
        }
        let before = std::mem::replace(&mut self.template, name.to_owned());
        let out = self.nodes(&template.nodes)?;
        self.template = before;
        self.blocks = outer;
        self.depth -= 1;
        Ok(out)
    }
    fn collect(&mut self, nodes: &[Node]) {
        for node in nodes {
            match &node.kind {
                NodeKind::Block(name, body) => {
                    self.blocks.entry(name.clone()).or_default().push(body.clone());
                    self.collect(body);
                }
                NodeKind::If(branches) => branches.iter().for_each(|(_, body)| self.collect(body)),
                NodeKind::For { body, empty, .. } => [body, empty].into_iter().for_each(|b| self.collect(b)),
                NodeKind::With(_, body)
                | NodeKind::Escape(_, body)
                | NodeKind::Filter(_, body)
                | NodeKind::Spaceless(body) => self.collect(body),
                _ => {}
            }
        }
    }
    fn block(&mut self, levels: &[Nodes]) -> Result<String, RenderError> {
        let Some((own, rest)) = levels.split_first() else { return Ok(String::new()) };
        let above = self.block(rest)?;
        self.scopes.push(HashMap::from([(SUPER.to_owned(), Value::safe(above))]));
        let out = self.nodes(own);
        self.scopes.pop();
        out
    }

    pub fn nodes(&mut self, nodes: &[Node]) -> Result<String, RenderError> {
        let mut out = String::new();
        for node in nodes {
            self.line = node.line;
            let text = self.one(&node.kind)?;
            self.step(1 + text.len() / 256)?;
            out.push_str(&text);
            if out.len() > MAX_TEXT {
                return Err("the text is too long".into());
            }
        }
        Ok(out)
    }

    fn one(&mut self, kind: &NodeKind) -> Result<String, RenderError> {
        match kind {
            NodeKind::Text(text) => Ok(text.clone()),
            NodeKind::Output(expr) => expr.output(self),
            NodeKind::If(branches) => {
                for (condition, body) in branches {
                    let holds = match condition {
                        Some(condition) => condition.holds(self)?,
                        None => true,
                    };
                    if holds {
                        return self.nodes(body);
                    }
                }
                Ok(String::new())
            }
            NodeKind::For { names, over, reversed, body, empty } => {
                let items = items(over.value(self)?, *reversed);
                if items.is_empty() { self.nodes(empty) } else { self.each(names, items, body) }
            }
            NodeKind::With(with, body) => {
                let scope = self.evaluated(with)?;
                self.with_scope(scope, body)
            }
            NodeKind::Block(name, body) => {
                let levels = self
                    .blocks
                    .get(name)
                    .filter(|l| !l.is_empty())
                    .cloned()
                    .unwrap_or_else(|| vec![body.clone()]);
                self.block(&levels)
            }
            NodeKind::Include { name, with, only } => {
                let name = name.value(self)?.unwrap_or_default().to_text();
                let scope = self.evaluated(with)?;
                if !*only {
                    self.scopes.push(scope);
                    let out = self.render_template(&name);
                    self.scopes.pop();
                    return out;
                }
                let outer = std::mem::replace(&mut self.scopes, vec![scope]);
                let out = self.render_template(&name);
                self.scopes = outer;
                out
            }
            NodeKind::Escape(on, body) => {
                let before = std::mem::replace(&mut self.escape, *on);
                let out = self.nodes(body);
                self.escape = before;
                out
            }
            NodeKind::Filter(expr, body) => {
                let text = self.nodes(body)?;
                self.scopes.push(HashMap::from([(BODY.to_owned(), Value::safe(text))]));
                let out = expr.output(self);
                self.scopes.pop();
                out
            }
            NodeKind::Spaceless(body) => Ok(html::spaceless(&self.nodes(body)?)),
            NodeKind::IfChanged { id, values, body, otherwise } => {
                let mut now = Vec::new();
                for value in values {
                    now.push(value.value(self)?.unwrap_or_default().json);
                }
                // `ifchanged` without arguments compares its rendered content.
                let text = if values.is_empty() { self.nodes(body)? } else { String::new() };
                if values.is_empty() {
                    now.push(Json::String(text.clone()));
                }
                let frame = self.seen.last_mut().ok_or("no loop")?;
                if frame.get(id) == Some(&now) {
                    return self.nodes(otherwise);
                }
                frame.insert(*id, now);
                if values.is_empty() { Ok(text) } else { self.nodes(body) }
            }
            NodeKind::Cycle { id, values, store, silent } => {
                let at = self.cycles.entry(*id).or_default();
                let expr = &values[*at % values.len()];
                *at += 1;
                self.last_cycle = Some(*id);
                let value = expr.value(self)?.unwrap_or_else(|| Value::text(""));
                let text = self.escaped(&value);
                if let Some(name) = store {
                    self.set(name, value);
                }
                Ok(if *silent { String::new() } else { text })
            }
            NodeKind::ResetCycle(id) => {
                if let Some(id) = id.or(self.last_cycle) {
                    self.cycles.remove(&id);
                }
                Ok(String::new())
            }
            NodeKind::Regroup { over, by, name } => {
                let mut groups: Vec<(Json, Vec<Json>)> = Vec::new();
                for item in items(over.value(self)?, false) {
                    self.step(1)?;
                    self.scopes.push(HashMap::from([("item".to_owned(), Value::from(item.clone()))]));
                    let key = by.value(self);
                    self.scopes.pop();
                    let key = key?.unwrap_or_default().json;
                    match groups.last_mut().filter(|(last, _)| *last == key) {
                        Some((_, list)) => list.push(item),
                        None => groups.push((key, vec![item])),
                    }
                }
                let groups = groups
                    .into_iter()
                    .map(|(grouper, list)| json!({"grouper": grouper, "list": list}))
                    .collect();
                self.set(name, Json::Array(groups).into());
                Ok(String::new())
            }
            NodeKind::BlockTranslate { with, count, one, many, trimmed, store } => {
                let mut scope = self.evaluated(with)?;
                let mut body = one;
                if let Some((name, expr)) = count {
                    let number = expr.value(self)?.unwrap_or_default();
                    if let Some(many) = many.as_ref().filter(|_| number.json.as_f64() != Some(1.0)) {
                        body = many;
                    }
                    scope.insert(name.clone(), number);
                }
                let body: Nodes = Rc::clone(body);
                let mut text = self.with_scope(scope, &body)?;
                if *trimmed {
                    text =
                        text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
                }
                match store {
                    Some(name) => {
                        self.set(name, Value::safe(text));
                        Ok(String::new())
                    }
                    None => Ok(text),
                }
            }
            NodeKind::SimpleTag(tag, store) => {
                let value = tag.value(self)?;
                match store {
                    Some(name) => {
                        self.set(name, value);
                        Ok(String::new())
                    }
                    None => Ok(self.escaped(&value)),
                }
            }
        }
    }

    fn each(&mut self, names: &[String], items: Vec<Json>, body: &Nodes) -> Result<String, RenderError> {
        let parent = self.get("forloop").map(|v| v.json.clone());
        let (length, mut out) = (items.len(), String::new());
        self.seen.push(HashMap::new());
        for (at, item) in items.into_iter().enumerate() {
            self.step(4)?;
            let mut scope =
                HashMap::from([("forloop".to_owned(), Value::from(forloop(at, length, parent.as_ref())))]);
            match names {
                [name] => drop(scope.insert(name.clone(), item.into())),
                names => {
                    for (n, name) in names.iter().enumerate() {
                        let part = member(&item, &n.to_string())
                            .ok_or_else(|| format!("a round has no {} values", names.len()))?;
                        scope.insert(name.clone(), part.into());
                    }
                }
            }
            out.push_str(&self.with_scope(scope, body)?);
            if out.len() > MAX_TEXT {
                return Err("the text is too long".into());
            }
        }
        self.seen.pop();
        Ok(out)
    }
}

/// The items of a loop; none for values that cannot be iterated.
fn items(value: Option<Value>, reversed: bool) -> Vec<Json> {
    let mut items = match value.unwrap_or_default().json {
        Json::Array(list) => list,
        Json::Object(map) => map.into_iter().map(|(key, _)| Json::String(key)).collect(),
        Json::String(text) => text.chars().map(|c| Json::String(c.to_string())).collect(),
        _ => Vec::new(),
    };
    if reversed {
        items.reverse();
    }
    items
}
