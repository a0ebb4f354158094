//! YAML 1.1 with merge keys, preserving the tags of blueprints (`!KeyOf`, `!Find`, …).
use crate::scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};
use signet_base::Json;
use std::collections::{HashMap, HashSet};

/// A value, or a tag with its argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Plain(Json),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Tag(String, Box<Node>),
}

/// Maximum size of a file in bytes.
const MAX: usize = 4 * 1024 * 1024;
/// Maximum nesting depth; and maximum number of values with all aliases expanded.
const DEPTH: usize = 64;
const VALUES: usize = 500_000;

/// A document, and where its entries are.
pub struct Document {
    pub root: Node,
    /// Line of each entry, counted from one: of the items of the list `entries`, or of its lists.
    pub lines: Vec<usize>,
}

/// Parses a text with one document.
pub fn parse(text: &str) -> Result<Document, String> {
    if text.len() > MAX {
        return Err(format!("a blueprint has at most {MAX} bytes"));
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        values: 0,
        line: 0,
        is_entries: false,
        lines: Vec::new(),
    };
    let mut document = None;
    loop {
        match reader.next()? {
            Event::StreamEnd => {
                let root = document.ok_or_else(|| "the file is empty".to_owned())?;
                return Ok(Document { root, lines: reader.lines });
            }
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if document.is_some() => return Err("expected a single document".to_owned()),
            event => document = Some(reader.node(event, 0)?.node),
        }
    }
}

/// A node with its number of values and its depth.
#[derive(Clone)]
struct SizedNode {
    node: Node,
    values: usize,
    height: usize,
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, SizedNode>,
    values: usize,
    /// Of the event that was read last.
    line: usize,
    /// Whether what is read is the document's member `entries`.
    is_entries: bool,
    lines: Vec<usize>,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Event<'t>, String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(format!("not YAML: {error}")),
            None => Ok(Event::StreamEnd),
        }
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<SizedNode, String> {
        if depth > DEPTH {
            return Err(format!("nested deeper than {DEPTH} levels"));
        }
        let (built, anchor) = match event {
            Event::Alias(id) => {
                let built = self.anchors.get(&id).cloned().ok_or("a value that contains itself")?;
                if depth + built.height > DEPTH {
                    return Err(format!("nested deeper than {DEPTH} levels"));
                }
                self.count(built.values)?;
                return Ok(built);
            }
            Event::Scalar(text, style, anchor, tag) => {
                (SizedNode { node: scalar_node(&text, style, tag.as_deref())?, values: 1, height: 0 }, anchor)
            }
            Event::SequenceStart(anchor, tag) => (self.sequence(tag.as_deref(), depth)?, anchor),
            Event::MappingStart(anchor, tag) => (self.mapping(tag.as_deref(), depth)?, anchor),
            _ => return Err("a value that YAML does not know".into()),
        };
        self.count(1)?;
        if anchor > 0 {
            self.anchors.insert(anchor, built.clone());
        }
        Ok(built)
    }

    fn count(&mut self, more: usize) -> Result<(), String> {
        self.values += more;
        if self.values > VALUES { Err(format!("more than {VALUES} values")) } else { Ok(()) }
    }

    fn sequence(&mut self, tag: Option<&Tag>, depth: usize) -> Result<SizedNode, String> {
        let (mut list, mut values, mut height) = (Vec::new(), 1, 0);
        loop {
            match self.next()? {
                Event::SequenceEnd => break,
                event => {
                    if self.is_entries && depth <= 2 {
                        self.lines.push(self.line);
                    }
                    let item = self.node(event, depth + 1)?;
                    values += item.values;
                    height = height.max(item.height + 1);
                    list.push(item.node);
                }
            }
        }
        Ok(SizedNode { node: tagged(tag, Node::List(list))?, values, height })
    }

    fn mapping(&mut self, tag: Option<&Tag>, depth: usize) -> Result<SizedNode, String> {
        let mut own: Vec<(String, Node)> = Vec::new();
        let mut names = HashSet::new();
        let mut merged = Vec::new();
        let (mut values, mut height) = (1, 0);
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, depth + 1)?.node;
            let event = self.next()?;
            if depth == 0 {
                self.is_entries = key.text() == Some("entries");
            }
            let value = self.node(event, depth + 1)?;
            values += value.values;
            height = height.max(value.height + 1);
            if merges {
                merge(value.node, &mut merged)?;
                continue;
            }
            let key = key_text(key)?;
            // YAML 1.1 readers silently use the last one, which hides an error in the file.
            if !names.insert(key.clone()) {
                return Err(format!("{key} stands twice in one mapping"));
            }
            own.push((key, value.node));
        }
        // Own members take precedence over merged ones.
        merged.retain(|(key, _)| !names.contains(key));
        merged.extend(own);
        self.count(merged.len())?;
        Ok(SizedNode { node: tagged(tag, Node::Map(merged))?, values, height })
    }
}

/// The members of `<<`. If several mappings have a key, the first one counts.
fn merge(value: Node, into: &mut Vec<(String, Node)>) -> Result<(), String> {
    match value {
        Node::Map(members) => {
            for (key, value) in members {
                if !into.iter().any(|(k, _)| *k == key) {
                    into.push((key, value));
                }
            }
            Ok(())
        }
        Node::List(list) => list.into_iter().try_for_each(|item| {
            if matches!(item, Node::Map(_)) { merge(item, into) } else { Err("<< merges mappings".into()) }
        }),
        _ => Err("<< merges mappings".into()),
    }
}

fn scalar_node(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Node, String> {
    let plain = style == ScalarStyle::Plain;
    let own = || Node::Plain(Json::String(text.to_owned()));
    Ok(match tag {
        None if plain => Node::Plain(scalar::plain(text)?),
        None => own(),
        Some(tag) if tag.is_yaml_core_schema() => Node::Plain(scalar::of_type(&tag.suffix, text)?),
        Some(tag) if tag.suffix.is_empty() || (tag.handle.is_empty() && tag.suffix == "!") => own(),
        // Names and keys are texts as written; a condition is a value.
        Some(tag) if tag.suffix == "If" && plain => tagged(Some(tag), Node::Plain(scalar::plain(text)?))?,
        Some(tag) => tagged(Some(tag), own())?,
    })
}

fn tagged(tag: Option<&Tag>, node: Node) -> Result<Node, String> {
    match tag {
        Some(tag) if tag.handle == "!" && !tag.suffix.is_empty() => {
            Ok(Node::Tag(tag.suffix.clone(), Box::new(node)))
        }
        // `!!map` and the like repeat what the node is.
        None => Ok(node),
        Some(tag)
            if tag.is_yaml_core_schema()
                && matches!((tag.suffix.as_str(), &node), ("map", Node::Map(_)) | ("seq", Node::List(_))) =>
        {
            Ok(node)
        }
        Some(tag) => Err(format!("{tag} is not known here")),
    }
}

fn key_text(key: Node) -> Result<String, String> {
    match key {
        Node::Plain(Json::String(text)) => Ok(text),
        Node::Plain(value @ (Json::Bool(_) | Json::Number(_) | Json::Null)) => Ok(value.to_string()),
        _ => Err("the key of a mapping is text".into()),
    }
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(map) => map.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Plain(Json::String(text)) => Some(text),
            _ => None,
        }
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Node::Plain(Json::Null))
    }
    #[cfg(test)]
    pub fn plain(&self) -> Json {
        match self {
            Node::Plain(v) => v.clone(),
            Node::List(l) => Json::Array(l.iter().map(Node::plain).collect()),
            Node::Map(m) => Json::Object(m.iter().map(|(k, v)| (k.clone(), v.plain())).collect()),
            Node::Tag(name, _) => Json::String(format!("!{name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn tags_of_scalars_lists_and_maps_are_kept() {
        let read = parse("a: !KeyOf x\nb: !Find [m, [name, !Context y]]\nc: !If {k: 1}\nd: !!str 5\ne: !Context 007\nf: !If no\ng: !Value 1\nh: ! yes\n").unwrap().root;
        assert_eq!(read.get("a"), Some(&Node::Tag("KeyOf".into(), Box::new(Node::Plain(json!("x"))))));
        let Some(Node::Tag(name, inner)) = read.get("b") else { panic!() };
        assert_eq!(name, "Find");
        let Node::List(parts) = inner.as_ref() else { panic!() };
        let Node::List(pair) = &parts[1] else { panic!() };
        assert_eq!(pair[1], Node::Tag("Context".into(), Box::new(Node::Plain(json!("y")))));
        assert!(matches!(read.get("c"), Some(Node::Tag(n, _)) if n == "If"));
        assert_eq!(read.get("d").and_then(Node::text), Some("5"));
        assert_eq!(read.get("e"), Some(&Node::Tag("Context".into(), Box::new(Node::Plain(json!("007"))))));
        assert_eq!(read.get("f"), Some(&Node::Tag("If".into(), Box::new(Node::Plain(json!(false))))));
        assert_eq!(read.get("h").and_then(Node::text), Some("yes"));
    }
    #[test]
    fn field_f14_merge_keys_merge() {
        for (text, means) in [
            ("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}", json!({"a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2}})),
            (
                "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc:\n  y: 3\n  <<: [*b, *a]",
                json!({"a": {"x": 1}, "b": {"x": 2, "y": 2}, "c": {"x": 2, "y": 3}}),
            ),
            (
                "- &a\n  m: {n: 1}\n- <<: *a\n  o: 2\n- <<: {p: 1}",
                json!([{"m": {"n": 1}}, {"m": {"n": 1}, "o": 2}, {"p": 1}]),
            ),
            ("a: {'<<': 1}", json!({"a": {"<<": 1}})),
            (
                "a: &a {x: 1}\nb: &b {<<: *a}\nc: {<<: *b}",
                json!({"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}}),
            ),
        ] {
            assert_eq!(parse(text).unwrap().root.plain(), means, "{text}");
        }
        for bad in ["a: {<<: 1}", "a: {<<: [1]}", "a: {<<: !Find x}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
    #[test]
    fn damage_is_named_not_met_with_a_panic() {
        for bad in [
            "a: [",
            "",
            "a: 1\na: 2",
            "? [a]\n: b",
            "a: &x [*x]",
            "\u{0}",
            "a: 1\n---\nb: 2\n",
            "a: *nobody",
            "a: !!set {x}",
            "a: !<tag:x.test,2020:y> 1",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).is_err());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 8].join(", ")));
        }
        assert!(parse(&bomb).err().unwrap().contains("more than"));
    }
}
