//! Parser: builds the tree of a template.
use crate::condition::{self, Condition};
use crate::expr::Expr;
use crate::lexer::{Token, TokenKind, split_words, tokens};
use crate::tags;
use std::collections::HashSet;
use std::rc::Rc;

pub type Nodes = Rc<Vec<Node>>;
/// Variable assignments of `with`, `include` and `blocktranslate`.
pub type Assignments = Vec<(String, Expr)>;

pub struct Node {
    pub line: usize,
    pub kind: NodeKind,
}
pub enum NodeKind {
    Text(String),
    Output(Expr),
    If(Vec<(Option<Condition>, Nodes)>),
    For {
        names: Vec<String>,
        over: Expr,
        reversed: bool,
        body: Nodes,
        empty: Nodes,
    },
    With(Assignments, Nodes),
    Block(String, Nodes),
    Include {
        name: Expr,
        with: Assignments,
        only: bool,
    },
    Escape(bool, Nodes),
    Filter(Expr, Nodes),
    Spaceless(Nodes),
    IfChanged {
        id: usize,
        values: Vec<Expr>,
        body: Nodes,
        otherwise: Nodes,
    },
    Cycle {
        id: usize,
        values: Rc<Vec<Expr>>,
        store: Option<String>,
        silent: bool,
    },
    ResetCycle(Option<usize>),
    Regroup {
        over: Expr,
        by: Expr,
        name: String,
    },
    BlockTranslate {
        with: Assignments,
        count: Option<(String, Expr)>,
        one: Nodes,
        many: Option<Nodes>,
        trimmed: bool,
        store: Option<String>,
    },
    /// A simple tag and the variable that stores its value (`as name`); without one it is written out.
    SimpleTag(tags::SimpleTag, Option<String>),
}

pub struct Template {
    pub extends: Option<Expr>,
    pub nodes: Nodes,
    /// Templates named by a literal in `extends` and `include`, with their lines.
    pub named: Vec<(usize, String)>,
}

/// The variable in which `{% filter %}` passes its content to the filters.
pub const BODY: &str = "body";
const DEPTH: usize = 60;

/// A `{% cycle %}` that later tags can refer to.
pub struct Cycle {
    pub name: Option<String>,
    pub id: usize,
    pub values: Rc<Vec<Expr>>,
    pub silent: bool,
}

pub struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    pub next_id: usize,
    pub named: Vec<(usize, String)>,
    extends: Option<Expr>,
    blocks: HashSet<String>,
    /// The cycles so far; the last one parsed is last.
    pub cycles: Vec<Cycle>,
    line: usize,
}

/// Line and message.
pub type ParseError = (usize, String);

/// Parses a template. Tags that keep state get ids from `first_id` on.
pub fn template(source: &str, first_id: usize) -> Result<(Template, usize), ParseError> {
    let mut parser = Parser {
        tokens: tokens(source),
        at: 0,
        depth: 0,
        next_id: first_id,
        named: Vec::new(),
        extends: None,
        blocks: HashSet::new(),
        cycles: Vec::new(),
        line: 1,
    };
    let nodes = match parser.until(&[]) {
        Ok((nodes, _)) => nodes,
        Err(message) => return Err((parser.line, message)),
    };
    Ok((Template { extends: parser.extends, nodes, named: parser.named }, parser.next_id))
}

impl Parser {
    /// Parses nodes up to one of the end tags, and returns that tag. Without end tags: up to the end of the
    /// input.
    pub fn until(&mut self, ends: &[&str]) -> Result<(Nodes, String), String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("tags are nested too deep".into());
        }
        let (mut nodes, opened) = (Vec::new(), self.line);
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            self.line = token.line;
            let line = token.line;
            match token.kind {
                TokenKind::Text(text) => nodes.push(Node { line, kind: NodeKind::Text(text) }),
                TokenKind::Value(text) if text.is_empty() => return Err("{{ }} has no value".into()),
                TokenKind::Value(text) => {
                    nodes.push(Node { line, kind: NodeKind::Output(Expr::parse(&text)?) })
                }
                TokenKind::Tag(text) => {
                    let name = text.split_whitespace().next().unwrap_or_default().to_owned();
                    if ends.contains(&name.as_str()) {
                        self.depth -= 1;
                        return Ok((Rc::new(nodes), text));
                    }
                    let rest = text[name.len()..].trim().to_owned();
                    if let Some(kind) = self.tag(&name, &rest)? {
                        nodes.push(Node { line, kind });
                    }
                }
            }
        }
        self.depth -= 1;
        match ends.last() {
            None => Ok((Rc::new(nodes), String::new())),
            Some(end) => {
                self.line = opened;
                Err(format!("{end} is missing"))
            }
        }
    }

    fn tag(&mut self, name: &str, rest: &str) -> Result<Option<NodeKind>, String> {
        Ok(Some(match name {
            "if" => self.conditions(rest)?,
            "for" => self.each(rest)?,
            "with" => {
                let assignments = assignments(&split_words(rest))?;
                NodeKind::With(assignments, self.until(&["endwith"])?.0)
            }
            "block" => {
                let name = split_words(rest).into_iter().next().ok_or("a block needs a name")?;
                if !self.blocks.insert(name.clone()) {
                    return Err(format!("there are two blocks called {name}"));
                }
                NodeKind::Block(name, self.until(&["endblock"])?.0)
            }
            "extends" => {
                if self.extends.is_some() {
                    return Err("extends stands twice".into());
                }
                let parent = Expr::parse(rest)?;
                self.name_of(&parent);
                self.extends = Some(parent);
                return Ok(None);
            }
            "include" => self.include(rest)?,
            "autoescape" => match rest {
                "on" | "off" => NodeKind::Escape(rest == "on", self.until(&["endautoescape"])?.0),
                _ => return Err("autoescape is on or off".into()),
            },
            "filter" => {
                NodeKind::Filter(Expr::parse(&format!("{BODY}|{rest}"))?, self.until(&["endfilter"])?.0)
            }
            "spaceless" => NodeKind::Spaceless(self.until(&["endspaceless"])?.0),
            // The lexer consumes every closed verbatim block, so only an unclosed one arrives here.
            "verbatim" => return Err("endverbatim is missing".into()),
            "comment" => {
                self.skip("endcomment")?;
                return Ok(None);
            }
            // Localisation has no effect in emails; the content is rendered.
            "localize" | "localtime" | "timezone" | "language" | "cache" => {
                NodeKind::With(Vec::new(), self.until(&[&format!("end{name}")])?.0)
            }
            "load"
            | "csrf_token"
            | "get_current_language"
            | "get_available_languages"
            | "get_current_timezone" => return Ok(None),
            "ifchanged" => {
                let values = split_words(rest).iter().map(|w| Expr::parse(w)).collect::<Result<_, _>>()?;
                let (body, end) = self.until(&["else", "endifchanged"])?;
                let otherwise = if end == "else" { self.until(&["endifchanged"])?.0 } else { Rc::default() };
                NodeKind::IfChanged { id: self.id(), values, body, otherwise }
            }
            "trans" | "translate" | "blocktrans" | "blocktranslate" | "cycle" | "resetcycle" | "regroup" => {
                self.more(name, rest)?
            }
            _ => {
                let (simple, store) = tags::simple(name, rest)?;
                NodeKind::SimpleTag(simple, store)
            }
        }))
    }

    pub fn id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
    }
    fn name_of(&mut self, name: &Expr) {
        if let Some(literal) = name.literal() {
            self.named.push((self.line, literal.to_owned()));
        }
    }

    fn conditions(&mut self, first: &str) -> Result<NodeKind, String> {
        let mut branches = Vec::new();
        let mut condition = Some(condition::parse(first)?);
        loop {
            let (body, end) =
                self.until(if condition.is_some() { &["elif", "else", "endif"] } else { &["endif"] })?;
            branches.push((condition.take(), body));
            match end.split_once(char::is_whitespace) {
                Some(("elif", rest)) => condition = Some(condition::parse(rest)?),
                _ if end == "else" => {}
                _ if end == "elif" => return Err("a condition is missing".into()),
                _ => return Ok(NodeKind::If(branches)),
            }
        }
    }

    fn each(&mut self, rest: &str) -> Result<NodeKind, String> {
        let mut parts = split_words(rest);
        let reversed = parts.last().is_some_and(|w| w == "reversed") && parts.len() > 3;
        if reversed {
            parts.pop();
        }
        let at = parts
            .iter()
            .position(|w| w == "in")
            .filter(|at| *at > 0 && parts.len() == at + 2)
            .ok_or("expected “for name in values”")?;
        let names: Vec<String> = parts[..at].join(" ").split(',').map(|n| n.trim().to_owned()).collect();
        if names.iter().any(|n| !is_name(n)) {
            return Err("expected names before “in”".into());
        }
        let over = Expr::parse(&parts[at + 1])?;
        let (body, end) = self.until(&["empty", "endfor"])?;
        let empty = if end == "empty" { self.until(&["endfor"])?.0 } else { Rc::default() };
        Ok(NodeKind::For { names, over, reversed, body, empty })
    }

    fn include(&mut self, rest: &str) -> Result<NodeKind, String> {
        let mut parts = split_words(rest);
        let only = parts.last().is_some_and(|w| w == "only");
        if only {
            parts.pop();
        }
        let name = Expr::parse(parts.first().ok_or("include needs a name")?)?;
        self.name_of(&name);
        let with = match parts.get(1).map(String::as_str) {
            None => Vec::new(),
            Some("with") => assignments(&parts[2..])?,
            Some(word) => return Err(format!("“{word}” is not expected in include")),
        };
        Ok(NodeKind::Include { name, with, only })
    }

    fn skip(&mut self, end: &str) -> Result<(), String> {
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            if matches!(&token.kind, TokenKind::Tag(text) if text == end) {
                return Ok(());
            }
        }
        Err(format!("{end} is missing"))
    }
}

pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic()) && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// `a=x b=y`, or the older form `x as a and y as b`.
pub fn assignments(parts: &[String]) -> Result<Assignments, String> {
    let mut out = Vec::new();
    let mut rest = parts;
    while let Some(first) = rest.first() {
        if let Some((name, value)) = first.split_once('=').filter(|(name, _)| is_name(name)) {
            out.push((name.to_owned(), Expr::parse(value)?));
            rest = &rest[1..];
        } else if rest.len() >= 3 && rest[1] == "as" && is_name(&rest[2]) {
            out.push((rest[2].clone(), Expr::parse(first)?));
            rest = &rest[3..];
        } else {
            return Err(format!("expected name=value, not “{first}”"));
        }
        if rest.first().is_some_and(|w| w == "and") {
            rest = &rest[1..];
        }
    }
    if out.is_empty() { Err("expected name=value".into()) } else { Ok(out) }
}
